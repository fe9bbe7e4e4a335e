"""How often something may be done: by one sender, and by all of them together."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.conf import settings
from limits import RateLimitItem
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from redis.connection import parse_url
from redis.exceptions import RedisError

from messages_app.cache_backends import Parser, WatchedPool

Limit = tuple[RateLimitItem, str, str]  # the rate, what it is of, and whose


class TooMany(Exception):
    """It was done too often; after `seconds` it may be done again."""

    def __init__(self, seconds: int, *, by_all: bool) -> None:
        super().__init__(f"{seconds} s")
        self.seconds = seconds
        self.by_all = by_all  # not by this sender alone


class Taken:
    """What was counted, and can be given back if nothing came of it."""

    def __init__(self, counter: SlidingWindowCounterRateLimiter) -> None:
        self.counter = counter
        self.limits: list[Limit] = []

    def add(self, limit: Limit) -> None:
        """Count once more; raise TooMany when that is once too often."""
        if not self.counter.hit(*limit):
            reset_at = self.counter.get_window_stats(*limit).reset_time
            seconds = max(1, math.ceil(reset_at - time.time()))
            raise TooMany(seconds, by_all=limit[2] == "all")
        self.limits.append(limit)

    def give_back(self) -> None:
        """Uncount what was counted; if Redis is away, it counts until its time is over."""
        with suppress(RedisError):
            while self.limits:
                self.counter.hit(*self.limits.pop(), cost=-1)


class Counters:
    """The counts that all processes share, and this one's own while Redis is away."""

    def __init__(self, key_prefix: str = "wall:rates") -> None:
        self.own = SlidingWindowCounterRateLimiter(MemoryStorage())
        self.shared = self.own
        if settings.REDIS_URL:
            # Another database than the wall's: what is counted for an hour and what
            # must never be lost are emptied and looked at apart.
            told: dict[str, Any] = {**parse_url(settings.REDIS_URL)}
            told |= {
                "db": told.get("db", 0) + 1,
                "parser_class": Parser,
                "socket_timeout": settings.REDIS_SECONDS,
                "socket_connect_timeout": settings.REDIS_SECONDS,
            }
            pool = WatchedPool(**told)
            storage = RedisStorage(
                "redis://", connection_pool=pool, key_prefix=key_prefix
            )
            self.shared = SlidingWindowCounterRateLimiter(storage)

    def take(self, limits: list[Limit]) -> Taken:
        """Count all of these or, raising TooMany, none."""
        try:
            return self._take(Taken(self.shared), limits)
        except RedisError:
            return self._take(Taken(self.own), limits)

    def _take(self, taken: Taken, limits: list[Limit]) -> Taken:
        try:
            for limit in limits:
                taken.add(limit)
        except TooMany:
            taken.give_back()
            raise
        return taken


counters = Counters()


def take(action: str, *whose: bytes) -> Taken:
    """Count one more of this action, a key of settings.RATES; raise TooMany.

    It counts for each of `whose`: a sender, or what else is told apart by 16 bytes.
    """
    rates = settings.RATES[action]
    limits = [(rate, action, who.hex()) for who in whose for rate in rates.sender]
    limits += [(rate, action, "all") for rate in rates.all]
    return counters.take(limits)


@contextmanager
def taking(action: str, sender: bytes) -> Iterator[Taken]:
    """Count one more of this action, and give it back when the action fails."""
    taken = take(action, sender)
    try:
        yield taken
    except BaseException:
        taken.give_back()
        raise
