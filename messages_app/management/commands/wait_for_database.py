"""Waits for the database, and says what is wrong while it does."""

import time
from typing import Any, NamedTuple

from django.core.management import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, connection

from messages_app import health

ASK_AGAIN_SECONDS = 1.0
TELL_AGAIN_SECONDS = 10.0


class Cause(NamedTuple):
    """What a server's refusal means, told by words in its text.

    psycopg has no class and no code for what fails while it connects.
    """

    words: tuple[str, ...]
    check: str
    is_final: bool = False  # time does not mend it


CAUSES = [
    Cause(
        ("authentication failed", "no password supplied"),
        "The password is wrong. Check DATABASE_URL or the file that DATABASE_URL_FILE "
        "names. A database keeps the password it was first started with.",
        is_final=True,
    ),
    Cause(
        ("resolve host", "translate host name"),
        "There is no such host. Check the host in DATABASE_URL, and that the database "
        "runs and is in the same network.",
    ),
    Cause(
        ("starting up", "shutting down", "in recovery", "not yet accepting"),
        "It is not ready yet.",
    ),
    Cause(
        ("Connection refused", "No such file"),
        "Nothing listens there yet. If that stays so, check that the database runs, and "
        "the port in DATABASE_URL.",
    ),
    Cause(
        ("does not exist",),
        "The server is there and lacks this database or account. Check the end of "
        "DATABASE_URL.",
        is_final=True,
    ),
]
UNKNOWN = Cause((), "Check host and port in DATABASE_URL, and what the database logs.")


class Command(BaseCommand):
    help = "Wait until the database answers; fail when it does not in time."
    requires_system_checks = ()  # some ask the database

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--seconds", type=float, default=60, help="at most (default: 60)"
        )
        parser.add_argument(
            "--migrated",
            action="store_true",
            help="also until all migrations of this code are applied",
        )

    def handle(self, *, seconds: float, migrated: bool, **options: Any) -> None:
        deadline = time.monotonic() + seconds
        told, tell_again_at = "", 0.0
        while lack := self.find_lack(migrated=migrated):
            now = time.monotonic()
            if now > deadline:
                raise CommandError(f"Gave up after {seconds:g} s. {lack}")
            if lack != told or now > tell_again_at:
                told, tell_again_at = lack, now + TELL_AGAIN_SECONDS
                self.tell(f"{lack} Trying for {deadline - now:.0f} s more.")
            time.sleep(ASK_AGAIN_SECONDS)
        if told:
            self.tell("The database is ready.")

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
            cause = find_cause(str(error))
            what = f"The database {where()} cannot be reached: {in_a_line(error)}."
            if cause.is_final:
                raise CommandError(f"{what} {cause.check}") from error
            return f"{what} {cause.check}"
        if not missing:
            return ""
        return (
            f"The database {where()} lacks {len(missing)} migrations, from "
            f"{missing[0]} on: waiting for `manage.py migrate`."
        )


def find_cause(text: str) -> Cause:
    """Return what the server's refusal means."""
    for cause in CAUSES:
        if any(words in text for words in cause.words):
            return cause
    return UNKNOWN


def where() -> str:
    """Return the database's place, without account and password."""
    settings = connection.settings_dict
    if connection.vendor != "postgresql":
        return str(settings["NAME"])
    return f"at {settings['HOST'] or 'localhost'}:{settings['PORT'] or 5432}"


def in_a_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".?!")
