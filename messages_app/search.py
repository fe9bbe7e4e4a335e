"""Which messages hold a visitor's words: bounded, whatever the words and the wall."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models.expressions import RawSQL
from psycopg.errors import QueryCanceled

from messages_app.models import Message, MessageQuerySet
from messages_app.pagination import Cursor

MOST_LETTERS = 100  # of all words
WALK = 10_000  # messages, newest first: a common word has filled a page by then
LIMIT_SECONDS = 1.0  # for each query; SQLite has no limit but the walk
LOCK_SECONDS = 0.5
# Messages that the planner expects: to gather more in the index takes longer than a walk.
COMMON = 100_000

# An index of trigrams helps with a word of three letters or more, which has four of them
# (with the ends), if the database's locale knows them as letters.
BEGIN = """
SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true),
       max(cardinality(show_trgm(word))) > 3
FROM unnest(%s::text[]) AS word
"""
# Who comes to the index has walked in vain. PostgreSQL may think the word common all the
# same, and walk on to the end of the wall: half a second for a million messages.
BY_INDEX = """
SELECT set_config('enable_indexscan', 'off', true),
       set_config('enable_seqscan', 'off', true)
"""


class TooSlow(Exception):
    """The words are too short or too common for the time there is."""


@dataclass(frozen=True)
class Found:
    rows: Sequence[Message]  # of one page, and one more if there are older ones
    walked_to: Cursor | None = None  # what is below was not looked at; None: all was


def find(words: Sequence[str], cursor: Cursor | None = None) -> Found:
    """Return the newest messages below the cursor that hold all words."""
    with telling_too_slow(), limited(words) as is_indexed:
        return find_limited(words, cursor, is_indexed=is_indexed)


@contextmanager
def limited(words: Sequence[str]) -> Iterator[bool]:
    """Bound each query's time; yield whether an index helps with these words."""
    if connection.vendor != "postgresql":
        yield False
        return
    limits = [f"{seconds * 1000:.0f}" for seconds in (LIMIT_SECONDS, LOCK_SECONDS)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(BEGIN, [*limits, list(words)])
        *_, is_indexed = cursor.fetchone()
        yield is_indexed


def find_limited(
    words: Sequence[str], cursor: Cursor | None, *, is_indexed: bool
) -> Found:
    """Look through the newest, then ask the index; else tell how far this went."""
    below = Message.objects.visible()
    if cursor:
        below = below.before(cursor)
    matching = below.with_words(words)
    most = settings.WALL_PAGE_SIZE + 1
    last = next(iter(below[WALK - 1 : WALK]), None)
    rows = list((matching.down_to(last.cursor) if last else matching)[:most])
    if last is None or len(rows) == most:
        return Found(rows)
    # The index is slow where a hundred thousand hold the words, all of them older.
    with suppress(TooSlow):
        if is_indexed:
            with asking_the_index():
                return Found(list(matching[:most]))
    return Found(rows, walked_to=last.cursor)


def narrow(
    messages: MessageQuerySet, words: Sequence[str]
) -> tuple[MessageQuerySet, bool]:
    """Return those of the messages that hold the words, and whether all were looked at.

    If more than WALK hold them, or no index helps, those among the newest.
    """
    matching = messages.with_words(words)
    with telling_too_slow(), limited(words) as is_indexed:
        with suppress(TooSlow):
            if is_indexed:
                everywhere = Message.objects.with_words(words)
                return among(messages, numbers_by_index(everywhere)), True
        newest = Message.objects.order_by("-created_at", "-id")
        last = next(iter(newest[WALK - 1 : WALK]), None)
    return (matching.down_to(last.cursor), False) if last else (matching, True)


def among(messages: MessageQuerySet, numbers: Sequence[int]) -> MessageQuerySet:
    """Return those of the messages that have these numbers, many as they may be."""
    # As one parameter: ten thousand of them take 100 ms to write out and to read.
    one = RawSQL("SELECT unnest(%s::bigint[])", [list(numbers)])
    return messages.filter(pk__in=one)


def numbers_by_index(matching: MessageQuerySet) -> list[int]:
    """Return what the index finds; raise TooSlow for more than WALK."""
    with asking_the_index():
        numbers = matching.order_by().values_list("pk", flat=True)
        (expected,) = json.loads(numbers.explain(format="json"))
        if expected["Plan"]["Plan Rows"] > COMMON:
            raise TooSlow
        if len(found := list(numbers[: WALK + 1])) > WALK:
            raise TooSlow  # which also takes those settings back
        return found


@contextmanager
def asking_the_index() -> Iterator[None]:
    """Have queries go by the index of words, until then; raise TooSlow at the limit."""
    with telling_too_slow(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(BY_INDEX)
        yield


@contextmanager
def telling_too_slow() -> Iterator[None]:
    """Raise TooSlow for a query that PostgreSQL ended at its limit."""
    try:
        yield
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise TooSlow from error
        raise
