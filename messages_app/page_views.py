"""The page-view counter: counted in the cache, folded into the database."""

import logging
import threading
from contextlib import suppress
from typing import Any, TypeGuard

from django.core.cache import cache
from django.db import DatabaseError
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
            # What is known may be more than a row that cannot be read now.
            memory.floor = max(memory.floor, read_row() + answer.count)
            lift(memory.floor)
    return kept


def total(answer: Answer) -> int:
    """Return the number to show; while the cache does not count, the last one known."""
    if is_count(answer.count):
        # Below the floor: a fold has just lifted the counter.
        return max(answer.count, memory.floor)
    return max(memory.seen, memory.floor) or read_row()


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
    count = cache.get(COUNT_KEY)
    if not is_count(count):  # lost, not ours, or the cache is away
        count = 0
    try:
        rows = PageViewTotal.objects.all()
        if not rows.update(total=Greatest(F("total"), count)):
            rows.bulk_create([PageViewTotal(total=count)], ignore_conflicts=True)
    except DatabaseError as error:
        logger.warning("The view count cannot be folded: %s", error)
        return
    memory.floor = read_row()
    if count < memory.floor:
        lift(memory.floor)


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


def read_row() -> int:
    """Return the total as last folded into the database; 0 while that is away."""
    try:
        return PageViewTotal.objects.values_list("total", flat=True).first() or 0
    except DatabaseError as error:
        # Quietly: it is one of many pages, and whoever reads the messages tells.
        logger.debug("The view count cannot be read from the database: %s", error)
        return 0


def lift(total: int) -> int | None:
    """Make a lower counter this total; return it, None while the cache is away."""
    return cache.raise_to(COUNT_KEY, total)  # type: ignore[attr-defined]  # our back end
