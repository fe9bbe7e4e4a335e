"""The few fixtures: a cache of its own for each test, and messages to look at."""

import importlib
import secrets
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace

import limits.storage.memory
import limits.strategies
import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import OperationalError, connection

from messages_app import owed, page_views, senders, throttle, wall_cache, wall_page
from messages_app.breaker import Breaker
from messages_app.models import EarlierText, Message, WallState
from messages_app.moderation import judge

# What a text may hold, and disturbs formats that are not meant for it.
AWKWARD = 'Zwei\nZeilen, ein "Zitat"; \u2028 مرحبا 👩‍👩‍👧 =1+1\t'

# What the embedded wall has no server for is no test of it.
collect_ignore = ["browser"]  # named by `make test-browser`
if not django_settings.REDIS_URL:
    collect_ignore += ["test_redis.py", "test_redis_away.py", "test_chaos.py"]
if "postgresql" not in django_settings.DATABASES["default"]["ENGINE"]:
    collect_ignore += ["test_postgresql.py", "test_advisory_lock.py"]
    collect_ignore += ["test_search_index.py", "test_desk_costs.py"]


def pytest_report_header():
    database = django_settings.DATABASES["default"]["ENGINE"].rsplit(".", 1)[-1]
    cache_backend = django_settings.CACHES["default"]["BACKEND"].rsplit(".", 1)[-1]
    return f"wall: {database} + {cache_backend}"


@pytest.fixture(autouse=True)
def isolated(settings, tmp_path, monkeypatch):
    """Give each test its own cache keys, and need nothing that `make` prepares."""
    # On a Redis that may have other users, no key of theirs is touched.
    prefix = f"test-{secrets.token_hex(8)}"
    settings.CACHES = {"default": {**settings.CACHES["default"], "KEY_PREFIX": prefix}}
    # What a process remembers, each test begins without.
    monkeypatch.setattr(page_views, "memory", page_views.Memory())
    monkeypatch.setattr(wall_cache, "owed", owed.OwedTokens())
    monkeypatch.setattr(wall_page, "breaker", Breaker("The list of messages"))
    monkeypatch.setattr(senders, "salts", senders.Salts())
    monkeypatch.setattr(judge, "memory", judge.Memory())
    monkeypatch.setattr(throttle, "counters", throttle.Counters(prefix))
    # What counts by the minute begins with one, or a test at its end sees two.
    begin = time.time() % 86_400 - 1
    clock = SimpleNamespace(time=lambda: time.time() - begin)
    for module in (throttle, limits.storage.memory, limits.strategies):
        monkeypatch.setattr(module, "time", clock)
    wall_page.is_told.clear()
    wall_cache.own.clear()
    if settings.REDIS_URL:
        pool = cache.client.get_client().connection_pool
        monkeypatch.setattr(pool, "breaker", Breaker("Redis"))
    # Passwords of moderators who live for one test need no slow hash.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Not the hashed names, nor their folder: `collectstatic` makes both.
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {
            "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        },
    }
    yield
    if settings.REDIS_URL:
        cache.delete_pattern("*")
    else:
        cache.clear()


@pytest.fixture(autouse=True)
def emptied_at_the_end(request):
    """Let a test that commits be cleaned up: what is recorded cannot be deleted."""
    yield
    marker = request.node.get_closest_marker("django_db")
    commits = {"transactional_db", "live_server"} & {*request.fixturenames}
    if connection.vendor != "sqlite" or not (
        commits or (marker and marker.kwargs.get("transaction"))
    ):
        return  # on PostgreSQL tables are emptied by TRUNCATE, which no trigger keeps
    guard = importlib.import_module("messages_app.migrations.0004_moderation")
    EarlierText.objects.all().delete()
    with connection.cursor() as cursor:
        for statement in guard.LIFT["sqlite"]:
            cursor.execute(statement)
        cursor.execute("DELETE FROM messages_app_moderationevent")
        for statement in guard.GUARD["sqlite"]:
            cursor.execute(statement)


@pytest.fixture
def seconds_left(settings):
    """Return a function that tells how long the cache will still keep a key."""

    def ask(key):
        if settings.REDIS_URL:
            return cache.ttl(key)
        return cache._expire_info[cache.make_key(key)] - time.time()

    return ask


@pytest.fixture
def make_message(db, django_capture_on_commit_callbacks):
    """Return a function that stores a message, as a request that commits would."""

    def make(content="Hello, wall", **fields):
        with django_capture_on_commit_callbacks(execute=True):
            return Message.objects.create(content=content, **fields)

    return make


@pytest.fixture
def three_messages(make_message):
    """Three messages, of which one uses nearly every field; the last of them."""
    first, second, third = (datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2, 3))
    make_message("First", created_at=first)
    make_message(
        AWKWARD,
        author_name="Ada",
        created_at=second.replace(microsecond=7),
        status="held",
        post_digest=bytes(32),
        sender=b"s" * 16,
        edited_at=third,
        reason="links",
        is_kept=True,
        waits_since=third,
        report_count=2,
        is_edited_by_staff=True,
    )
    return make_message("Third", created_at=third)


@pytest.fixture
def unhurried(db):
    """Hold no form because it came back fast, as all forms of tests do."""
    WallState.objects.update_or_create(pk=1, defaults={"fast_seconds": 0})


@pytest.fixture
def post(db, client, django_capture_on_commit_callbacks):
    """Return a function that posts to the wall, as a request that commits would."""

    def send(content="Hello, wall", headers=None, **fields):
        with django_capture_on_commit_callbacks(execute=True):
            return client.post("/", {"content": content, **fields}, headers=headers)

    return send


@pytest.fixture
def page(db, client):
    """Return a function that reads a page and gives its HTML."""
    return lambda address="/": client.get(address).text


@pytest.fixture
def instead_of_sleep(monkeypatch):
    """Return a function that gives this thread something else to do than to sleep.

    Only this one: a thread that an earlier test left may still be trying to reach Redis.
    """
    reader, sleep = threading.get_ident(), time.sleep

    def replace(act):
        monkeypatch.setattr(
            time,
            "sleep",
            lambda seconds: (act if threading.get_ident() == reader else sleep)(
                seconds
            ),
        )

    return replace


@pytest.fixture
def database_away(db, monkeypatch):
    """Return a context in which each query fails, as when the server is gone."""

    def fail(*args, **kwargs):
        raise OperationalError("connection refused")

    @contextmanager
    def away():
        with monkeypatch.context() as patch:
            patch.setattr(connection, "cursor", fail)
            yield

    return away
