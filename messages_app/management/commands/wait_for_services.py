"""Waits for the database, and says what is wrong while it does."""

import math
import time
from typing import Any

from django.core.management import CommandError, CommandParser
from django.db import OperationalError, connection

from messages_app import health, lost_database
from messages_app.management.base import OperatorCommand

ASK_AGAIN_SECONDS = 1.0
TELL_AGAIN_SECONDS = 10.0


class Command(OperatorCommand):
    help = (
        "Wait until the database answers, and fail when it does not in time; tell if the "
        "cache does not, without which the wall works."
    )
    requires_system_checks = ()  # some ask the database

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--timeout", type=float, default=60, metavar="SECONDS", help="at most"
        )
        parser.add_argument(
            "--migrated",
            action="store_true",
            help="also until all migrations of this code are applied",
        )

    def handle(self, *, timeout: float, migrated: bool, **options: Any) -> None:
        if not 0 <= timeout < math.inf:
            raise CommandError("--timeout is 0 or more seconds.", returncode=2)
        deadline = time.monotonic() + timeout
        told, tell_again_at = "", 0.0
        while lack := self.find_lack(migrated=migrated):
            now = time.monotonic()
            if now > deadline:
                raise CommandError(f"Gave up after {timeout:g} s. {lack}")
            if lack != told or now > tell_again_at:
                told, tell_again_at = lack, now + TELL_AGAIN_SECONDS
                self.tell(f"{lack} Trying for {deadline - now:.0f} s more.")
            time.sleep(ASK_AGAIN_SECONDS)
        if told:
            self.tell("The database is ready.")
        if health.cache_state_now() != health.OK:
            self.tell("The cache does not answer; the wall works without it, slower.")

    def tell(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()  # a container's log is a pipe

    def find_lack(self, *, migrated: bool) -> str:
        """Return what is still lacking, as a sentence; an empty text if nothing is.

        Raises CommandError for what waiting does not mend.
        """
        try:
            connection.ensure_connection()
            missing = health.missing_migrations() if migrated else []
        except OperationalError as error:
            connection.close()
            told = lost_database.describe(error)
            if lost_database.find_cause(error).is_final:
                raise CommandError(told) from error
            return told
        if not missing:
            return ""
        return (
            f"The database {lost_database.where()} lacks {len(missing)} migrations, from "
            f"{missing[0]} on: waiting for `manage.py migrate`."
        )
