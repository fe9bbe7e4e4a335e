"""Who may do what on the desk: the group that volunteers are put into."""

from typing import Any

from django.apps import AppConfig
from django.apps import apps as global_apps
from django.contrib.auth.management import create_permissions
from django.db import DEFAULT_DB_ALIAS

MODERATORS = "Moderators"
# They decide and write rules. They rewrite no visitor's words, delete nothing for good,
# and manage no accounts: superusers do.
RIGHTS = [
    *("view_message", "change_message", "view_report"),
    *("view_moderationbatch", "view_moderationevent"),
    *("view_rule", "add_rule", "change_rule", "delete_rule"),
    *("view_wallstate", "change_wallstate"),
]


def make_moderators(
    app_config: AppConfig,
    apps: Any = global_apps,
    using: str = DEFAULT_DB_ALIAS,
    **kwargs: Any,
) -> None:
    """Make the group if it is not there; what an operator changed of it stays.

    After each `migrate` and `flush`, not in a migration: those run before there are
    permissions, and tables that are emptied later would lose the group for good.
    """
    try:
        groups = apps.get_model("auth", "Group").objects.using(using)
        permissions = apps.get_model("auth", "Permission").objects.using(using)
    except LookupError:  # only some apps were migrated
        return
    group, is_new = groups.get_or_create(name=MODERATORS)
    if is_new:
        # Django makes them by the same signal, and may come after us.
        create_permissions(app_config, verbosity=0, apps=apps, using=using)
        ours = {"content_type__app_label": app_config.label, "codename__in": RIGHTS}
        group.permissions.set(permissions.filter(**ours))
