"""Whether another program changed the embedded wall's SQLite file.

The embedded wall keeps its page in one process's memory, which `manage.py` and others
that write to the file cannot reach. SQLite tells of them: `PRAGMA data_version`, asked on
a connection that is held open, changes whenever another connection has written. It takes
two microseconds (https://sqlite.org/pragma.html#pragma_data_version).
"""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings


class Watch:
    """A connection to the file that asks and never writes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._version: Any = None

    def tell_if_changed(self, tell: Callable[[], None]) -> None:
        """Call `tell` if anything was written since the last time."""
        database = settings.DATABASES["default"]
        if settings.REDIS_URL or "sqlite" not in database["ENGINE"]:
            return
        # Locked until it is told, so that nobody goes on with what is out of date.
        with self._lock:
            if (version := self._ask(Path(database["NAME"]))) != self._version:
                self._version = version
                tell()

    def _ask(self, path: Path) -> Any:
        try:
            if not self._connection:
                self._connection = sqlite3.connect(
                    f"{path.absolute().as_uri()}?mode=rw",  # not made if it is absent
                    uri=True,
                    check_same_thread=False,
                )
            return self._connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error:
            return self._version  # the query that follows tells what is wrong
