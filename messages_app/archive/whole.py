"""The whole wall into a file, and from it into empty tables."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from django.core.management.color import no_style
from django.db import DataError, IntegrityError, connection, connections, transaction
from django.db.backends.base.base import NO_DB_ALIAS
from django.db.models import Max

from messages_app.archive import tables
from messages_app.archive.files import Damaged
from messages_app.archive.lines import BadRow, Reader, Writer
from messages_app.archive.tables import Table
from messages_app.models import Message, ModerationEvent, PageViewTotal, WallState
from messages_app.postgresql import unlimited

GUARD = import_module("messages_app.migrations.0004_moderation")
LOCK_SECONDS = 60
SCRATCH = NO_DB_ALIAS  # a database that is in no settings


class Loaded(NamedTuple):
    """What a table of an archive had."""

    fields: list[str]
    rows: int


def rows(model: Any, using: str = "default") -> Any:
    return model._base_manager.using(using)


def load(
    reader: Reader,
    told: Callable[[], Any],
    using: str = "default",
    *,
    is_rehearsal: bool = False,
) -> dict[str, Loaded]:
    """Put all rows into empty tables; raise Damaged, and then it must be rolled back."""
    known = {str(m._meta.model_name): Table(m, using) for m in tables.ALL}
    if not isinstance(reader.tables, list) or len(reader.tables) < 2:
        raise Damaged("This is no backup of a whole wall: see import_messages.")
    found: dict[str, Loaded] = {}
    name, size = "", 0
    chunk: list[tuple[Any, ...]] = []

    def put() -> None:
        if chunk and not is_rehearsal:
            known[name].insert(chunk)
        chunk.clear()
        told()

    try:
        for _, raw, row, problem in reader:
            if problem:
                raise BadRow(problem)
            if "table" in row:
                put()
                name = row["table"]
                if name not in known or name not in reader.tables or name in found:
                    raise BadRow("this wall has no such table, or had it before")
                found[name] = Loaded(known[name].chosen(row.get("fields")), 0)
                if not is_rehearsal:
                    known[name].keep_numbers(row.get("last"))
                continue
            if name not in known:
                raise BadRow("it belongs to no table")
            chunk.append(known[name].read(row))
            if chunk[-1][0] is None:
                raise BadRow("id is missing")
            found[name] = found[name]._replace(rows=found[name].rows + 1)
            size += len(raw)
            if len(chunk) == tables.CHUNK or size > tables.CHUNK_BYTES:
                put()
                size = 0
        put()
        if not is_rehearsal:
            keep_recorded_numbers(using)
            connections[using].check_constraints()
    except BadRow as error:
        raise Damaged(f"Line {reader.lines}: {error}.") from error
    except (IntegrityError, DataError) as error:
        what = str(error).partition("\n")[0]  # the rest may quote a row
        raise Damaged(f"Up to line {reader.lines}: {what}.") from error
    return found


def keep_recorded_numbers(using: str) -> None:
    """Give no message the number of an erased one, whose history it would have."""
    events = rows(ModerationEvent, using)
    last = events.aggregate(last=Max("message_number"))["last"]
    Table(Message, using).keep_numbers(last)


def is_empty() -> bool:
    """Return whether nothing has happened on this wall that a restore would hide."""
    return not any(
        rows(model).exists()
        for model in tables.ALL
        if model not in (PageViewTotal, WallState)
    )


def empty() -> None:
    """Delete all that a backup holds; the same transaction fills it again."""
    connection.check_constraints()  # TRUNCATE goes before none that was put off
    names = [model._meta.db_table for model in tables.ALL]
    statements = connection.ops.sql_flush(no_style(), names)
    if connection.vendor == "sqlite":
        # What is recorded is guarded; PostgreSQL's TRUNCATE is let through.
        statements = [*GUARD.LIFT["sqlite"], *statements, *GUARD.GUARD["sqlite"]]
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def lock() -> None:
    """Let nobody write before the transaction's end, nor read what is half there."""
    if connection.vendor == "postgresql":
        names = ", ".join(model._meta.db_table for model in tables.ALL)
        with connection.cursor() as cursor:
            # Longer than a post would: a backup that goes on reads them all.
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
            cursor.execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")


@contextmanager
def scratch() -> Iterator[str]:
    """Yield the alias of a wall with empty tables, which are gone afterwards."""
    if connection.vendor == "postgresql":
        with unlimited(connection), transaction.atomic():
            with connection.cursor() as cursor:
                # The session's own tables, which nobody else sees.
                cursor.execute(
                    "SELECT set_config('search_path', "
                    "'pg_temp, ' || current_setting('search_path'), true)"
                )
            make_tables("default")
            yield "default"
            transaction.set_rollback(True)
        return
    with TemporaryDirectory(prefix="wall-") as folder:
        name = f"{folder}/wall.sqlite3"
        connections.settings[SCRATCH] = connection.settings_dict | {"NAME": name}
        try:
            make_tables(SCRATCH)
            with transaction.atomic(using=SCRATCH):
                yield SCRATCH
        finally:
            connections[SCRATCH].close()
            del connections[SCRATCH], connections.settings[SCRATCH]


def make_tables(using: str) -> None:
    with connections[using].schema_editor() as editor:
        for model in tables.ALL:
            editor.create_model(model)


def checksum(reader: Reader, found: dict[str, Loaded], using: str) -> str:
    """Return the checksum of what was loaded, written again with the same fields."""
    writer = Writer(None)
    writer.begin(reader.tables)
    models = {model._meta.model_name: model for model in tables.ALL}
    for name, loaded in found.items():
        query = rows(models[name], using)
        Table(models[name], using).write(writer, query, fields=loaded.fields)
    return writer.sha.hexdigest()


def told(found: dict[str, Loaded]) -> str:
    """Return how many rows of each table, in words."""
    return ", ".join(f"{name} {loaded.rows:,}" for name, loaded in found.items())
