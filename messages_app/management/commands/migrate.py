"""Django's `migrate`, safe to start from several machines on a wall that is read."""

import time
from typing import Any

from django.core.management import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from psycopg.errors import LockNotAvailable

from messages_app import advisory_lock
from messages_app.postgresql import unlimited

WAIT_SECONDS = 600  # for another `migrate`
TRIES = 30  # to get a table that is in use, two seconds each


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        """Apply what is missing, one process at a time; the others find it done."""
        connection = connections[options["database"]]
        try:
            with (
                advisory_lock.held(
                    connection,
                    "migrate",
                    seconds=WAIT_SECONDS,
                    tell=self.tell_of_another,
                ),
                unlimited(connection),
            ):
                self.migrate(*args, **options)
        except advisory_lock.NotFree as error:
            raise CommandError(
                f"Another migrate has been at work for {WAIT_SECONDS} s. If none is, "
                "end the session that holds an advisory lock in pg_locks."
            ) from error

    def migrate(self, *args: Any, **options: Any) -> None:
        """Apply what is missing; try again where a table is in use.

        Whoever waits for a whole table makes all wait that come after, visitors too. So
        a migration waits for two seconds only, is undone, and begins again.
        """
        for tries_left in reversed(range(TRIES)):
            try:
                super().handle(*args, **options)
                return
            except OperationalError as error:
                if not isinstance(error.__cause__, LockNotAvailable):
                    raise
                if not tries_left:
                    raise CommandError(
                        "A table is in use, and was so each time. Look into "
                        "pg_stat_activity for a long transaction, end it, try again."
                    ) from error
                self.stdout.write(" a table is in use, trying again")
                time.sleep(1)

    def tell_of_another(self) -> None:
        self.stdout.write("Another migrate is at work; waiting for it.")

    def migration_progress_callback(self, *args: Any, **kwargs: Any) -> None:
        """Tell each migration, and how long it took."""
        asked, self.verbosity = self.verbosity, self.verbosity and 2
        super().migration_progress_callback(*args, **kwargs)
        self.verbosity = asked
