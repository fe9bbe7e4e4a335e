"""What Redis must be told and could not be: tried until it is delivered."""

import secrets
import threading
import time
from collections.abc import Iterable

from django.core.cache import cache

RETRY_SECONDS = 0.25


def new_token() -> str:
    """Return a text that was never used."""
    # Not a number: one that a restored or lagging Redis brings back would make an old
    # page valid again.
    return secrets.token_hex(8)


class OwedTokens:
    """Keys that must get a new token before this process trusts Redis again."""

    def __init__(self) -> None:
        self._keys: dict[str, object] = {}  # each with what marks its latest change
        self._lock = threading.Lock()
        self._payer: threading.Thread | None = None

    def __bool__(self) -> bool:
        return bool(self._keys)

    def renew(self, *keys: str) -> None:
        """Give the keys new tokens; if that fails now, a thread goes on trying."""
        # While something is owed the thread is trying already: no other waits for Redis.
        if self or not renew_tokens(keys):
            with self._lock:
                self._keys |= dict.fromkeys(keys, object())
                # An error that nobody foresaw may have ended it.
                if not self._payer or not self._payer.is_alive():
                    self._payer = threading.Thread(target=self._pay, daemon=True)
                    self._payer.start()

    def _pay(self) -> None:
        while not self.pay():
            time.sleep(RETRY_SECONDS)

    def pay(self) -> bool:
        """Try to deliver what is owed; return whether nothing is owed any more."""
        tried = self._keys.copy()
        if tried and not renew_tokens(tried):
            return False
        with self._lock:
            # What became owed meanwhile still is: its token may be older than its change.
            for key in [key for key in tried if self._keys.get(key) is tried[key]]:
                del self._keys[key]
            if self._keys:
                return False
            self._payer = None
            return True


def renew_tokens(keys: Iterable[str]) -> bool:
    """Give the keys new tokens; return whether it is sure that they have them."""
    # New ones at each try. A try that timed out may have arrived, and pages may have been
    # built under it since: the same token again would make an outdated one valid.
    return cache.set_surely({key: new_token() for key in keys})  # type: ignore[attr-defined]  # our back end
