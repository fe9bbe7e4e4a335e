"""What a database's refusal means, in words that name its host and what to check."""

from typing import NamedTuple

from django.db import Error, connection

NO_TABLE = "42P01"  # as PostgreSQL numbers what can be wrong


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


def find_cause(error: Error) -> Cause:
    """Return what the server's refusal means."""
    for cause in CAUSES:
        if any(words in str(error) for words in cause.words):
            return cause
    return UNKNOWN


def describe(error: Error) -> str:
    """Return what is wrong with which database, and what to check."""
    # Who was let in is told by a code why a query failed; SQLite lets all in.
    was_reached = getattr(error.__cause__, "sqlstate", None)
    if was_reached or connection.vendor != "postgresql":
        line = str(error).partition("\n")[0]  # the rest may quote a row
        lacks_tables = was_reached == NO_TABLE or "no such table" in line
        mend = " Run `manage.py migrate`." if lacks_tables else ""
        return f"The database {where()} refused: {line}.{mend}"
    line = " ".join(str(error).split()).rstrip(".?!")
    return (
        f"The database {where()} cannot be reached: {line}. {find_cause(error).check}"
    )


def where() -> str:
    """Return the database's place, without account and password."""
    settings = connection.settings_dict
    if connection.vendor != "postgresql":
        return str(settings["NAME"])
    return f"at {settings['HOST'] or 'localhost'}:{settings['PORT'] or 5432}"
