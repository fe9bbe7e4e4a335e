"""The page-view counter: counted in the cache, folded into the database."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeGuard

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, transaction
from django.db.models import F
from django.db.models.functions import Greatest

from messages_app import wall_cache
from messages_app.cache_backends import Answer
from messages_app.models import PageViewTotal

logger = logging.getLogger(__name__)

COUNT_KEY = "wall:views"


class Memory:
    """What this process remembers of the counter."""

    def __init__(self) -> None:
        self.seen = 0  # the counter, when it last answered
        self.floor = 0  # what it cannot be below: the row, when last read, or more
        self.folded: int | None = None  # the row, as this process last left it
        self._owed = 0  # views that were never sent to the cache
        self._lock = threading.Lock()

    def owe(self, views: int) -> None:
        """Remember views to be sent later."""
        with self._lock:
            self._owed += views

    def take_owed(self) -> int:
        """Return the views to be sent now, which are then owed no more."""
        if not self._owed:
            return 0
        with self._lock:
            owed, self._owed = self._owed, 0
        return owed


memory = Memory()


def look(*, views: int, name: str = "page") -> wall_cache.Kept:
    """Look into the cache for page or feed, and count so many views on the way."""
    views += memory.take_owed()
    kept = wall_cache.look(name=name, counter=COUNT_KEY, views=views)
    answer = kept.answer
    # Only what was surely not counted is sent again: one that timed out may have been.
    if not answer.was_sent:
        memory.owe(views)
    if is_count(answer.count):
        memory.seen = answer.count
        if answer.was_absent:  # the first views ever, or the cache lost the counter
            row = read_row()
            # While it cannot be read, what is known counts.
            memory.floor = memory.floor if row is None else row + answer.count
            lift(memory.floor)
        elif answer.count < memory.floor:
            # An earlier state of the cache came back, or the operator set a lower
            # number: the row tells which.
            fold()
    return kept


def total(answer: Answer) -> int:
    """Return the number to show; while the cache does not count, the last one known."""
    if is_count(answer.count):
        # Below the floor: a fold has just lifted the counter.
        return max(answer.count, memory.floor)
    return max(memory.seen, memory.floor) or read_row() or 0


def take_back(answer: Answer, views: int) -> int:
    """Uncount views that were counted and then not given; return the number to show."""
    if views and answer.count is not None:
        with suppress(ValueError):  # the cache lost the counter meanwhile
            cache.decr(COUNT_KEY, views)
    elif not answer.was_sent:
        memory.owe(-views)
    return max(total(answer) - views, 0)


def fold() -> None:
    """Make the row the larger of row and counter, and lift a lower counter."""
    try:
        with locked_row() as row:
            count = read_counter()
            is_ours_alone = not settings.REDIS_URL and memory.folded is not None
            if is_ours_alone and memory.folded != row.total < count:
                # Nobody else folds into the row: the operator has set it. Views since
                # then are not known apart from those before.
                count = row.total
                write_counter(count)
            memory.floor = memory.folded = max(row.total, count)
            if row.total < count:
                PageViewTotal.objects.update(total=count)
            elif count < row.total:
                lift(row.total)
    except DatabaseError as error:
        logger.warning("The view count cannot be folded: %s", error)


@contextmanager
def locked_row() -> Iterator[PageViewTotal]:
    """Yield the row, made if it is not there; no one folds meanwhile, nor sets it."""
    with transaction.atomic():
        rows = PageViewTotal.objects.select_for_update()
        if not (row := rows.first()):
            PageViewTotal.objects.bulk_create([PageViewTotal()], ignore_conflicts=True)
            row = rows.get()
        yield row


def set_to(total: int) -> bool:
    """Make row and counter this number, in all processes; return whether it was done.

    It is not while the cache is away: the number that it holds would come back.
    """
    with locked_row():
        if not write_counter(total):
            return False
        PageViewTotal.objects.update(total=total)
        memory.folded = total
    return True


def settle() -> None:
    """Keep the views that this process has counted, before it ends."""
    # Asked without them first: on their way to a cache that hangs they would be lost.
    if is_count(wall_cache.look(counter=COUNT_KEY).answer.count):
        look(views=0)  # which counts the owed ones
    fold()
    if owed := memory.take_owed():  # none of them was sent, so none is counted twice
        total = Greatest(F("total"), memory.seen) + owed
        try:
            PageViewTotal.objects.update(total=total)
        except DatabaseError as error:
            logger.warning("%d views are not counted: %s", owed, error)


def is_count(value: Any) -> TypeGuard[int]:
    """Return whether the value can be a number of views, and fits its column."""
    return isinstance(value, int) and 0 <= value < 10**18


def read() -> int:
    """Return the number of views; raise DatabaseError while that is away."""
    return max(read_counter(), ask_row())


def read_counter() -> int:
    """Return what the cache has counted; 0 for what is lost, not ours, or away."""
    count = cache.get(COUNT_KEY)
    return count if is_count(count) else 0


def write_counter(total: int) -> bool:
    """Make the counter this number, lower or not; return whether the cache took it."""
    return cache.set_surely({COUNT_KEY: total})  # type: ignore[attr-defined]  # our back end


def ask_row() -> int:
    """Return the total as last folded; raise DatabaseError while that is away."""
    return PageViewTotal.objects.values_list("total", flat=True).first() or 0


def read_row() -> int | None:
    """Return the total as last folded into the database; None while that is away."""
    try:
        return ask_row()
    except DatabaseError as error:
        # Quietly: it is one of many pages, and whoever reads the messages tells.
        logger.debug("The view count cannot be read from the database: %s", error)
        return None


def lift(total: int) -> int | None:
    """Make a lower counter this total; return it, None while the cache is away."""
    return cache.raise_to(COUNT_KEY, total)  # type: ignore[attr-defined]  # our back end
