"""The page-view counter: counted in the cache, folded into the database."""

import logging

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError
from django.db.models import F
from django.db.models.functions import Greatest

from messages_app.models import PageViewTotal

logger = logging.getLogger(__name__)

COUNT_KEY = "wall:views"
FOLD_KEY = "wall:views:folded"  # there for WALL_FOLD_SECONDS after each fold


def increment() -> int:
    """Count one view and return the total; exact across processes (an atomic INCR).

    While the cache is away the view is not counted, and the last fold is the total.
    """
    count = add(1)
    if count is None:  # lost, or never there: go on from the last fold
        cache.add(COUNT_KEY, folded(), timeout=None)
        count = add(1)
    if cache.add(FOLD_KEY, 1, timeout=settings.WALL_FOLD_SECONDS):
        count = max(fold(), count or 0)
    return folded() if count is None else count


def current() -> int:
    """Return the total without counting a view."""
    count = cache.get(COUNT_KEY)
    return folded() if count is None else count


def fold() -> int:
    """Make the row the larger of row and counter, lift a lower counter; return it."""
    count = cache.get(COUNT_KEY) or 0
    try:
        rows = PageViewTotal.objects.all()
        if not rows.update(total=Greatest(F("total"), count)):
            rows.bulk_create([PageViewTotal(total=count)], ignore_conflicts=True)
    except DatabaseError as error:
        logger.warning("The view count cannot be folded: %s", error)
        return count
    total = folded()
    if count < total:
        cache.add(COUNT_KEY, 0, timeout=None)
        # The difference is added, not the total set: views counted meanwhile stay.
        add(total - count)
    return max(count, total)


def folded() -> int:
    """Return the total as last folded into the database; 0 while that is away."""
    try:
        return PageViewTotal.objects.values_list("total", flat=True).first() or 0
    except DatabaseError as error:
        logger.warning("The view count cannot be read from the database: %s", error)
        return 0


def add(views: int) -> int | None:
    """Add to the counter and return it, or None when the cache has no counter."""
    try:
        return cache.incr(COUNT_KEY, views)
    except ValueError:
        return None
