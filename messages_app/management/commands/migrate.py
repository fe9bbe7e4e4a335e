"""Django's `migrate`, without the time-outs that protect visitors."""

from contextlib import nullcontext
from typing import Any

from django.core.management.commands import migrate
from django.db import connections


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        # SQLite has none.
        limits = getattr(connection, "without_limits", nullcontext)
        with limits():
            super().handle(*args, **options)
