"""Django's cache back ends, with the one question that each page view asks of them.

`count_and_get()` counts a view and reads all keys of the page in one round trip. The
embedded wall asks its memory the same.
"""

import json
import threading
from collections.abc import Collection
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django_redis.cache import RedisCache, omit_exception
from django_redis.client.default import _main_exceptions
from django_redis.exceptions import ConnectionInterrupted
from django_redis.serializers.base import BaseSerializer
from redis.exceptions import ResponseError

# What JSON never begins with: the page, whose bytes are kept as they are.
BYTES = b"\0"


class BytesOrJSON(BaseSerializer):
    """Never pickle: whoever can write to Redis could run code here."""

    def dumps(self, value: Any) -> bytes:
        if isinstance(value, bytes):
            return BYTES + value
        return json.dumps(value).encode()

    def loads(self, value: bytes) -> Any:
        """Return the value; None for what we never wrote, which is as good as absent."""
        if value[:1] == BYTES:
            return value[1:]
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return None


# KEYS[1] becomes the larger of itself and ARGV[1]; in one step, so that views counted
# meanwhile are never overwritten.
RAISE = """
local kept = redis.call('GET', KEYS[1]) or '0'
local now = string.match(kept, '^%d+$') and #kept < 19 and tonumber(kept) or 0
local floor = tonumber(ARGV[1])
if now >= floor then return now end
redis.call('SET', KEYS[1], ARGV[1])
return floor
"""


class WallRedisCache(RedisCache):
    @omit_exception(return_value=(None, {}))
    def count_and_get(
        self, counter: str | None, keys: Collection[str]
    ) -> tuple[int | None, dict[str, Any]]:
        """Add one to the counter, if one is named; return it and what the keys hold.

        The count is None when Redis is away or could not count (it is full, or a
        replica that takes no writes); a counter that was absent is 1.
        """
        client = self.client
        redis = client.get_client(write=True)
        pipeline = redis.pipeline(transaction=False)
        pipeline.mget([client.make_key(key) for key in keys])
        if counter:
            pipeline.incr(client.make_key(counter))
        try:
            values, *counted = pipeline.execute(raise_on_error=False)
        except _main_exceptions as error:
            raise ConnectionInterrupted(connection=redis) from error
        if isinstance(values, ResponseError):
            values = []
        found = {
            key: client.decode(value)
            for key, value in zip(keys, values, strict=False)
            if value is not None
        }
        count = counted[0] if counted and isinstance(counted[0], int) else None
        return count, found

    @omit_exception
    def raise_to(self, key: str, floor: int) -> int | None:
        """Lift a number that is lower, or absent; return it, None while away."""
        client = self.client
        redis = client.get_client(write=True)
        try:
            return redis.eval(RAISE, 1, client.make_key(key), floor)
        except _main_exceptions as error:
            raise ConnectionInterrupted(connection=redis) from error


raising = threading.Lock()  # a second lift waits until the first is seen


class WallLocMemCache(LocMemCache):
    def set(self, *args: Any, **kwargs: Any) -> bool:  # type: ignore[override]
        """Store the value; return True, as django-redis does where it could."""
        super().set(*args, **kwargs)
        return True

    def count_and_get(
        self, counter: str | None, keys: Collection[str]
    ) -> tuple[int | None, dict[str, Any]]:
        """Add one to the counter, if one is named; return it and what the keys hold."""
        count = None
        if counter:
            self.add(counter, 0, timeout=None)
            count = self.incr(counter)
        return count, self.get_many(keys)

    def raise_to(self, key: str, floor: int) -> int | None:
        """Lift a number that is lower, or absent; return it."""
        with raising:
            self.add(key, 0, timeout=None)
            missing = floor - self.get(key)
            return self.incr(key, missing) if missing > 0 else floor - missing
