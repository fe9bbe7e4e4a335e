"""The index of words while many messages arrive: built anew, where nobody searches yet.

It costs more than all else of a row, and four times less for all rows at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from django.db import connection

from messages_app.models import Message

CREATE = import_module("messages_app.migrations.0005_moderation_indexes").WORDS
DROP = "DROP INDEX CONCURRENTLY IF EXISTS message_all_words"
IS_THERE = """
SELECT EXISTS (SELECT FROM pg_index
               WHERE indexrelid = to_regclass('message_all_words') AND indisvalid)
"""


@contextmanager
def put_off() -> Iterator[None]:
    """Fill an empty table without its index of words, which is there again at the end.

    Beside readers and writers, unless in a transaction. Who is killed meanwhile leaves it
    away, until this has come to its end another time.
    """
    if connection.vendor != "postgresql":
        yield
        return
    if not Message.objects.exists():
        execute(DROP)
    try:
        yield
    except BaseException:
        if not connection.in_atomic_block:  # which gives it back by itself
            build()
        raise
    build()


def build() -> None:
    """Build the index, unless it is there, and count anew what the planner goes by."""
    if not execute(IS_THERE)[0]:
        execute(DROP)  # half of one
        execute(CREATE)
    execute("ANALYZE messages_app_message")


def execute(sql: str) -> Any:
    """Execute it, however long it waits: nobody waits behind it."""
    if connection.in_atomic_block:
        connection.check_constraints()  # which are put off to its end otherwise
        sql = sql.replace("CONCURRENTLY ", "")
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = 0")
        cursor.execute(sql)
        found = cursor.fetchone() if cursor.description else None
        cursor.execute("RESET lock_timeout")
        return found
