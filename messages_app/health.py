"""What "the database answers" and "the cache answers" mean."""

import logging
import secrets
from typing import Any

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

logger = logging.getLogger(__name__)

OK = "ok"
AWAY = "away"
MIGRATIONS_MISSING = "migrations missing"

# What this process knows about itself: whether everything needed was there once, and
# whether it was told to end.
_process = {"was_ready": False, "is_stopping": False}


def stop() -> None:
    """Remember that this process was told to end."""
    _process["is_stopping"] = True


def report() -> tuple[bool, dict[str, Any]]:
    """Return whether requests should be sent to this process, and the state of each part.

    A part that dies later degrades the wall but does not make it unready: the cached
    page is still served, and a proxy that left us out would take it away too.
    """
    database, cache_state = database_state(), cache_state_now()
    # Without its cache a new process is ready: the wall works, slower.
    _process["was_ready"] = _process["was_ready"] or database == OK
    ready = _process["was_ready"] and not _process["is_stopping"]
    if _process["is_stopping"]:
        status = "stopping"
    elif not ready:
        status = "starting"
    else:
        status = OK if database == cache_state == OK else "degraded"
    return ready, {"status": status, "database": database, "cache": cache_state}


def database_state() -> str:
    """Return whether the database answers and has the tables this code needs."""
    try:
        if _process["was_ready"]:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            return OK
        missing = missing_migrations()
    except DatabaseError as error:
        logger.warning("The database does not answer: %s", error)
        return AWAY
    return MIGRATIONS_MISSING if missing else OK


def missing_migrations() -> list[str]:
    """Return what this code needs and the database has not had yet, by name.

    Migrations of a newer release, which this code does not know, are no hindrance.
    """
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [str(migration) for migration, _ in plan]


def cache_state_now() -> str:
    """Return whether the cache gives back what it was just given."""
    key, value = "wall:health", secrets.token_hex(4)
    cache.set(key, value, timeout=10)
    # Another process may have asked between our two calls: any answer is an answer.
    return OK if cache.get(key) else AWAY
