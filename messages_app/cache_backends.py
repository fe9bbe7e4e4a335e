"""Django's cache back ends, with the questions that the wall asks of them.

`count_and_get()` counts views and reads all keys of the page in one round trip;
`set_surely()` tells whether it set what must not be missed. The embedded wall asks its
memory the same. Redis is asked through a breaker, which is here so that nobody who uses
the cache needs a `try`.
"""

import json
import sys
import threading
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django_redis.cache import RedisCache, omit_exception
from django_redis.client.default import _main_exceptions
from django_redis.exceptions import ConnectionInterrupted
from django_redis.serializers.base import BaseSerializer
from redis.connection import Connection, ConnectionPool, DefaultParser
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, RedisError

from messages_app.breaker import Breaker

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


coder = BytesOrJSON({})

# KEYS[1] becomes the larger of itself and ARGV[1]; in one step, so that views counted
# meanwhile are never overwritten.
RAISE = """
local kept = redis.pcall('GET', KEYS[1])
if type(kept) ~= 'string' then kept = '0' end
local now = string.match(kept, '^%d+$') and #kept < 19 and tonumber(kept) or 0
local floor = tonumber(ARGV[1])
if now >= floor then return now end
redis.call('SET', KEYS[1], ARGV[1])
return floor
"""


# What Redis says of a counter that holds no number. With any other error it refuses what
# is written, whatever it is.
NO_NUMBER = ("WRONGTYPE", "value is not an integer", "increment or decrement would")


class NotSent(RedisConnectionError):
    """Nothing went to Redis, so nothing was done there."""


class Parser(DefaultParser):  # type: ignore[misc,valid-type]  # chosen at run time
    """Takes who does not speak Redis' protocol for one who does not answer."""

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().read_response(*args, **kwargs)
        except InvalidResponse as error:  # which django-redis lets through
            raise RedisConnectionError(str(error)) from error


class WatchedPool(ConnectionPool):
    """The connections to one Redis, which a breaker watches."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        told = self.connection_kwargs
        place = told.get("path") or f"{told.get('host')}:{told.get('port')}"
        if number := told.get(
            "db"
        ):  # the one with the rates is another than the wall's
            place += f"/{number}"
        self.breaker = Breaker(f"Redis at {place}")

    def get_connection(self, *args: Any, **kwargs: Any) -> Connection:
        """Return a connection; raise NotSent when there is none, or at once while away."""
        if not self.breaker.may_ask():
            raise NotSent(self.breaker.reason)
        try:
            return super().get_connection(*args, **kwargs)
        except (RedisError, OSError) as error:
            self.breaker.failed(str(error))
            raise NotSent(str(error)) from error

    def release(self, connection: Any) -> None:
        """Take a connection back; one that failed on its way has been closed."""
        if connection.is_connected:
            self.breaker.answered()
        else:
            # Redis' client gives it back while the error that closed it is on its way.
            self.breaker.failed(str(sys.exc_info()[1] or "the connection broke"))
        super().release(connection)


@dataclass(frozen=True)
class Answer:
    """What `count_and_get()` gives."""

    found: dict[str, Any] | None  # None: the cache is away, or takes no writes
    count: int | None = None  # None: not counted; it is away, or holds no number
    was_sent: bool = False  # False: surely not counted
    was_absent: bool = False  # the counter, before


class WallRedisCache(RedisCache):
    def count_and_get(
        self, counter: str | None, by: int, keys: Collection[str]
    ) -> Answer:
        """Read the keys and add to the counter, if one is named: one round trip."""
        client = self.client
        pipeline = client.get_client(write=True).pipeline(transaction=False)
        pipeline.mget([client.make_key(key) for key in keys])
        if counter:
            pipeline.incrby(client.make_key(counter), by)
        try:
            values, *counted = pipeline.execute(raise_on_error=False)
        except NotSent:
            return Answer(None, None, was_sent=False)
        except _main_exceptions:
            return Answer(None, None, was_sent=True)
        if not isinstance(values, list) or len(values) != len(keys):
            return Answer(None, None, was_sent=True)  # an error, or another's answer
        count = counted[0] if counted else None
        if isinstance(count, RedisError) and not str(count).startswith(NO_NUMBER):
            # Nor does it take a new version, so that its page may be out of date.
            return Answer(None, None, was_sent=False)
        pairs = zip(keys, values, strict=True)
        # Not by client.decode(), which tries whether each is a number first.
        found = {key: coder.loads(kept) for key, kept in pairs if kept is not None}
        count = count if isinstance(count, int) else None
        # An error is an answer: Redis has counted nothing.
        return Answer(found, count, was_sent=count is not None, was_absent=count == by)

    def set_surely(self, values: dict[str, Any]) -> bool:
        """Set the values without expiry, or none of them; return whether they are set.

        It asks even while nobody else asks, for what is set here must not be missed.
        """
        client = self.client
        redis = client.get_client(write=True)
        coded = {client.make_key(key): client.encode(values[key]) for key in values}
        try:
            with redis.connection_pool.breaker.insisting():
                return bool(redis.mset(coded))
        except _main_exceptions:
            return False

    def clear(self) -> None:
        """Remove what is the wall's; django-redis would empty a Redis that others use."""
        self.delete_pattern("wall:*")

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
        self, counter: str | None, by: int, keys: Collection[str]
    ) -> Answer:
        """Read the keys and add to the counter, if one is named."""
        found, count = self.get_many(keys), None
        if counter:
            self.add(counter, 0, timeout=None)
            count = self.incr(counter, by)
        return Answer(found, count, was_sent=True, was_absent=count == by)

    def set_surely(self, values: dict[str, Any]) -> bool:
        """Set the values without expiry."""
        self.set_many(values, timeout=None)
        return True

    def raise_to(self, key: str, floor: int) -> int | None:
        """Lift a number that is lower, or absent; return it."""
        with raising:
            self.add(key, 0, timeout=None)
            missing = floor - self.get(key)
            return self.incr(key, missing) if missing > 0 else floor - missing
