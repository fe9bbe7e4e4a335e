"""After a server failed, ask it only once a second, so that no visitor pays for each try.

The pattern is known as a circuit breaker (M. Nygard, "Release It!", 2007).
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)

ASK_AGAIN_SECONDS = 1.0
KNOWN_SECONDS = 10.0  # so long a failure says something, where nobody asks meanwhile


class Breaker:
    """What one process knows of one server: whether it is worth asking."""

    def __init__(self, server: str) -> None:
        self.server = server  # as the log names it
        self.reason = ""  # why it cannot be asked; empty while it answers
        self.asked_at = 0.0  # the last time, while it fails; of the monotonic clock
        self._lock = threading.Lock()
        self._thread = threading.local()

    @property
    def is_open(self) -> bool:
        """Whether the server failed when it was last asked, lately."""
        # No clock is read while it answers: this is asked for each connection.
        return bool(self.reason) and time.monotonic() < self.asked_at + KNOWN_SECONDS

    def may_ask(self) -> bool:
        """Return whether to ask: always of a server that answers, else to one in a second."""
        if not self.is_open or getattr(self._thread, "insists", False):
            return True
        with self._lock:
            now = time.monotonic()
            if now < self.asked_at + ASK_AGAIN_SECONDS:
                return False
            self.asked_at = now
            return True

    @contextmanager
    def insisting(self) -> Iterator[None]:
        """Let this thread ask in any case."""
        self._thread.insists = True
        try:
            yield
        finally:
            self._thread.insists = False

    def failed(self, reason: str) -> None:
        """Remember that the server did not answer; tell it once."""
        with self._lock:
            is_news, self.reason = not self.reason, reason
            self.asked_at = time.monotonic()
        if is_news:
            logger.warning("%s does not answer: %s", self.server, reason)

    def answered(self) -> None:
        """Remember that the server answers; tell it once."""
        if not self.reason:
            return
        with self._lock:
            is_news, self.reason = bool(self.reason), ""
        if is_news:
            logger.warning("%s answers again.", self.server)
