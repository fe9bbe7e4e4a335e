"""The timestamp that /status keeps for ten seconds."""

from dataclasses import dataclass

from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

STATUS_KEY = "wall:status"


@dataclass(frozen=True)
class Status:
    timestamp: str  # ISO 8601, UTC
    cache: str  # "hit", "miss" or "unavailable"


def current() -> Status:
    """Return the cached timestamp, or now when there was none; the same to everyone."""
    if kept := cached():
        return Status(kept, "hit")
    now = timezone.now().isoformat(timespec="seconds")
    # add(), not set(): of two requests that both found nothing, the later one takes
    # the earlier one's time.
    if cache.add(STATUS_KEY, now, timeout=settings.WALL_STATUS_SECONDS):
        return Status(now, "miss")
    if kept := cached():
        return Status(kept, "hit")
    return Status(now, "unavailable")


def cached() -> str | None:
    """Return the cached timestamp; None when there is none, or garbage."""
    kept = cache.get(STATUS_KEY)
    return kept if isinstance(kept, str) else None
