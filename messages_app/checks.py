"""Settings that start but would misbehave, told by `manage.py check`."""

from typing import Any

from django.conf import settings
from django.core import checks


@checks.register(checks.Tags.caches, deploy=True)
def check_cache_is_shared(app_configs: Any, **kwargs: Any) -> list[checks.CheckMessage]:
    """Tell when processes would not see each other's posts."""
    if settings.REDIS_URL:
        return []
    return [
        checks.Warning(
            "The cache is in the memory of one process.",
            hint="Set REDIS_URL before running more than one process or replica.",
            id="messages_app.W001",
        )
    ]


@checks.register(checks.Tags.database, deploy=True)
def check_database_is_a_server(
    app_configs: Any, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Tell when the wall would not scale past one machine."""
    if settings.DATABASES["default"]["ENGINE"] != "django.db.backends.sqlite3":
        return []
    return [
        checks.Warning(
            "The database is one SQLite file.",
            hint="Set DATABASE_URL to a PostgreSQL server for more than one machine.",
            id="messages_app.W002",
        )
    ]


@checks.register(checks.Tags.security, deploy=True)
def check_secret_key_is_shared(
    app_configs: Any, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Tell when each machine would sign with a key of its own."""
    if settings.SECRET_KEY_IS_GIVEN:
        return []
    return [
        checks.Warning(
            "SECRET_KEY was made by this copy of the wall and lies in data/.",
            hint="Set SECRET_KEY or SECRET_KEY_FILE, the same for every process.",
            id="messages_app.W003",
        )
    ]


@checks.register(deploy=True)
def check_moderators_can_be_told(
    app_configs: Any, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Tell when nobody hears that a message waits."""
    if settings.EMAIL_HOST:
        return []
    return [
        checks.Warning(
            "Moderators are sent no e-mail when messages wait or were reported.",
            hint="Set EMAIL_URL to a mail server, and EMAIL_FROM.",
            id="messages_app.W004",
        )
    ]
