"""Django's PostgreSQL back end, as the wall needs it."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any


def unlimited(connection: Any) -> AbstractContextManager[None]:
    """Return a context in which the connection's queries take the time they need."""
    without_limit = getattr(connection, "without_limit", nullcontext)  # not of SQLite
    return without_limit()
