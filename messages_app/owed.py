"""What Redis must be told and could not be: tried until it is delivered."""

import secrets
import threading
import time

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
        self._keys: set[str] = set()
        self._lock = threading.Lock()
        self._payer: threading.Thread | None = None

    def __bool__(self) -> bool:
        return bool(self._keys)

    def renew(self, *keys: str) -> None:
        """Give the keys new tokens; if that fails now, a thread goes on trying."""
        if not renew_tokens(keys):
            with self._lock:
                self._keys.update(keys)
                # An error that nobody foresaw may have ended it.
                if not self._payer or not self._payer.is_alive():
                    self._payer = threading.Thread(target=self._pay, daemon=True)
                    self._payer.start()

    def _pay(self) -> None:
        while not self.pay():
            time.sleep(RETRY_SECONDS)

    def pay(self) -> bool:
        """Try to deliver what is owed; return whether nothing is owed any more."""
        # Locked while it tries: what becomes owed meanwhile is added after it.
        with self._lock:
            if self._keys and not renew_tokens(self._keys):
                return False
            self._keys.clear()
            self._payer = None
            return True


def renew_tokens(keys: "set[str] | tuple[str, ...]") -> bool:
    """Give the keys new tokens; return whether it is sure that they have them."""
    # New ones at each try. A try that timed out may have arrived, and pages may have been
    # built under it since: the same token again would make an outdated one valid.
    return cache.set_surely({key: new_token() for key in keys})  # type: ignore[attr-defined]  # our back end
