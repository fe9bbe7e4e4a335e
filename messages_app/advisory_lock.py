"""One process at a time, of all on all machines: PostgreSQL's advisory locks.

They are polled, never waited for inside PostgreSQL. A session that waits there is in a
query, and CREATE INDEX CONCURRENTLY in the session that has the lock would wait for that
query to end: a deadlock.
https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

ASK_AGAIN_SECONDS = 0.5


class NotFree(Exception):
    """Another process has the lock, and did not let it go in time."""


def take(connection: BaseDatabaseWrapper, name: str) -> bool:
    """Return whether this session has the lock, now or already.

    It has it until it lets it go or ends, however it ends. A wall on SQLite has no other
    machines: always True.
    """
    if connection.vendor != "postgresql":
        return True
    return ask(connection, "pg_try_advisory_lock", name)


def let_go(connection: BaseDatabaseWrapper, name: str) -> None:
    """Let others have the lock; as often as it was taken, or it is still held."""
    if connection.vendor == "postgresql":
        ask(connection, "pg_advisory_unlock", name)


def let_go_of_all(connection: BaseDatabaseWrapper) -> None:
    """Let others have all locks of this session, however often they were taken."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock_all()")


@contextmanager
def held(
    connection: BaseDatabaseWrapper,
    name: str,
    *,
    seconds: float,
    tell: Callable[[], None],
) -> Iterator[None]:
    """Hold the lock; call `tell` once if it has to be waited for.

    Raises NotFree when another process still has it after so many seconds.
    """
    deadline = time.monotonic() + seconds
    if not take(connection, name):
        tell()
        while not take(connection, name):
            if time.monotonic() > deadline:
                raise NotFree
            time.sleep(ASK_AGAIN_SECONDS)
    try:
        yield
    finally:
        with suppress(DatabaseError):  # the session is gone, and the lock with it
            let_go(connection, name)


def ask(connection: BaseDatabaseWrapper, function: str, name: str) -> bool:
    """Return what the function answers for the lock of this name."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [key_of(name)])
        return bool(cursor.fetchone()[0])


def key_of(name: str) -> int:
    """Return the lock's number, 64 bits of a hash: another program's is another."""
    digest = hashlib.sha256(f"message-wall:{name}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)
