"""The page-view counter: counted in the cache, folded into the database."""

import logging
import time
from contextlib import suppress
from typing import Any, TypeGuard

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError
from django.db.models import F
from django.db.models.functions import Greatest

from messages_app.models import PageViewTotal

logger = logging.getLogger(__name__)

COUNT_KEY = "wall:views"
FOLD_KEY = "wall:views:folded"  # there for WALL_FOLD_SECONDS after each fold


def settle(count: int | None) -> int:
    """Return the total to show, given the counter after this view was counted.

    The counting itself is one with the look into the cache: `wall_cache.look()`. The
    count is None while the cache is away: then the last fold is the total.
    """
    if not is_count(count):
        count = None
    if count == 1:  # the first view ever, or the cache lost the counter
        count = lift(folded() + 1)
    if is_fold_due():
        count = max(fold(), count or 0)
    return folded() if count is None else count


def take_back() -> None:
    """Uncount a view that was counted and then not given."""
    with suppress(ValueError):  # the cache lost the counter meanwhile
        cache.decr(COUNT_KEY)


# When this process next asks whether a fold is due; so most views ask nobody.
_next_fold = {"at": 0.0}  # seconds of the monotonic clock


def is_fold_due() -> bool:
    """Return True to one request of all processes in WALL_FOLD_SECONDS."""
    now = time.monotonic()
    if now < _next_fold["at"]:
        return False
    is_due = cache.add(FOLD_KEY, 1, timeout=settings.WALL_FOLD_SECONDS)
    # Another process has folded, up to ten seconds ago: so ask again soon.
    _next_fold["at"] = now + (settings.WALL_FOLD_SECONDS if is_due else 1)
    return is_due


def current() -> int:
    """Return the total without counting a view."""
    count = cache.get(COUNT_KEY)
    return count if is_count(count) else folded()


def fold() -> int:
    """Make the row the larger of row and counter, lift a lower counter; return it."""
    count = cache.get(COUNT_KEY)
    if not is_count(count):  # lost, or not ours
        count = 0
    try:
        rows = PageViewTotal.objects.all()
        if not rows.update(total=Greatest(F("total"), count)):
            rows.bulk_create([PageViewTotal(total=count)], ignore_conflicts=True)
    except DatabaseError as error:
        logger.warning("The view count cannot be folded: %s", error)
        return count
    total = folded()
    if count < total:
        lift(total)
    return max(count, total)


def is_count(value: Any) -> TypeGuard[int]:
    """Return whether the value can be a number of views, and fits its column."""
    return isinstance(value, int) and 0 <= value < 10**18


def folded() -> int:
    """Return the total as last folded into the database; 0 while that is away."""
    try:
        return PageViewTotal.objects.values_list("total", flat=True).first() or 0
    except DatabaseError as error:
        logger.warning("The view count cannot be read from the database: %s", error)
        return 0


def lift(total: int) -> int | None:
    """Make a lower counter this total; return it, None while the cache is away."""
    return cache.raise_to(COUNT_KEY, total)  # type: ignore[attr-defined]  # our back end
