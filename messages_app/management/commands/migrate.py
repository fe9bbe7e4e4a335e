"""Django's `migrate`, without the time-outs that protect visitors."""

from typing import Any

from django.core.management.commands import migrate
from django.db import connections


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if connection.vendor == "postgresql":
            connection.lift_limits()  # type: ignore[attr-defined]  # our back end
        super().handle(*args, **options)
