"""What an archive holds of the tables: each row as plain values, and back into a table."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any

from django.db import connection, connections, models, transaction
from django.db.backends.base.operations import BaseDatabaseOperations

from messages_app.archive.lines import BadRow, Writer
from messages_app.models import (
    EarlierText,
    Message,
    ModerationBatch,
    ModerationEvent,
    Notice,
    PageViewTotal,
    Report,
    Rule,
    WallState,
)
from messages_app.postgresql import unlimited

CHUNK = 5_000  # rows that are stored at once ...
CHUNK_BYTES = 2**21  # ... or fewer, if they are long: a message may have 40 kB
FETCHED = 250  # rows that are read at once, long or not
LAST = 2**62  # number of a row that others can still come after
# Not senders' salts: with them and the secret key every address could be tried.
ALL: list[type[models.Model]] = [
    Message,
    Report,
    ModerationBatch,
    ModerationEvent,
    EarlierText,
    Rule,
    Notice,
    PageViewTotal,
    WallState,
]
MADE_ANEW = {"rules_token"}  # what tells processes to look again
KEEP_NUMBERS = {
    "postgresql": [
        """
        SELECT setval(name, %(last)s)
        FROM CAST(pg_get_serial_sequence(%(table)s, 'id') AS regclass) AS name
        WHERE COALESCE(pg_sequence_last_value(name), 0) < %(last)s
        """
    ],
    "sqlite": [
        """
        INSERT INTO sqlite_sequence (name, seq) SELECT %(table)s, 0
        WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = %(table)s)
        """,
        "UPDATE sqlite_sequence SET seq = MAX(seq, %(last)s) WHERE name = %(table)s",
    ],
}
NEVER = re.compile("[\0\ud800-\udfff]")  # no database keeps these


class Table:
    """How the rows of a table are written and read."""

    def __init__(self, model: type[models.Model], using: str = "default") -> None:
        self.model, self.using = model, using
        self.name = str(model._meta.model_name)
        self.fields = {
            field.attname: field
            for field in model._meta.concrete_fields
            if field.attname not in MADE_ANEW
        }
        self.columns = [
            (field.attname, field.null, reader(field), default(field))
            for field in model._meta.concrete_fields
        ]

    def chosen(self, names: list[str] | None) -> list[str]:
        """Return the fields that are asked for, or all; raise BadRow for an unknown."""
        if unknown := [name for name in names or [] if name not in self.fields]:
            raise BadRow(f"this wall's table {self.name} has no {unknown[0][:40]!r}")
        return names or list(self.fields)

    def values(
        self, rows: models.QuerySet[Any], names: list[str]
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Return the values of these fields in chunks of rows, by number."""
        found = rows.order_by("pk").values_list(*names).iterator(FETCHED)
        while chunk := list(islice(found, FETCHED)):
            yield chunk

    def write(
        self,
        writer: Writer,
        rows: models.QuerySet[Any],
        told: Callable[[int], Any] = id,
        fields: list[str] | None = None,
    ) -> None:
        """Write the rows to an archive."""
        names = self.chosen(fields)
        last = rows.aggregate(last=models.Max("pk"))["last"]
        writer.write([{"table": self.name, "fields": names, "last": last}])
        for chunk in self.values(rows, names):
            writer.write(dict(zip(names, values, strict=True)) for values in chunk)
            told(len(chunk))

    def read(self, row: dict[str, Any]) -> tuple[Any, ...]:
        """Return the values for all columns; raise BadRow if they cannot be."""
        if not row.keys() <= self.fields.keys():
            self.chosen(list(row))
        values, name = [], ""
        try:
            for name, may_be_empty, read, missing in self.columns:
                if name not in row:
                    values.append(missing())
                elif may_be_empty and row[name] is None:
                    values.append(None)
                else:
                    values.append(read(row[name]))
        except (ValueError, OverflowError) as error:
            is_empty = name in row and row[name] is None
            what = "is empty" if is_empty else error
            raise BadRow(f"{name} {what}") from error
        return tuple(values)

    def insert(self, rows: list[tuple[Any, ...]]) -> None:
        """Store the rows, all with a number or all without; raise IntegrityError."""
        connection = connections[self.using]
        names = [name for name, *_ in self.columns]
        if connection.vendor != "postgresql":
            # Not the model's own: that tells the cache, which is told once all is there.
            plain_rows: Any = models.QuerySet(self.model, using=self.using)
            plain_rows.bulk_create(
                self.model(**dict(zip(names, row, strict=True))) for row in rows
            )
            return
        skipped = 0 if rows[0][0] is not None else 1
        quote = connection.ops.quote_name
        columns = ", ".join(quote(name) for name in names[skipped:])
        copy = f"COPY {quote(self.model._meta.db_table)} ({columns}) FROM STDIN"
        with (
            connection.wrap_database_errors,
            connection.cursor() as cursor,
            cursor.copy(copy) as copying,
        ):
            for row in rows:
                copying.write_row(row[skipped:])

    def keep_numbers(self, last: Any) -> None:
        """Give what comes later no number up to the last."""
        if type(last) is not int or not 0 < last <= LAST:
            return
        connection = connections[self.using]
        with connection.cursor() as cursor:
            for statement in KEEP_NUMBERS[connection.vendor]:
                cursor.execute(
                    statement, {"table": self.model._meta.db_table, "last": last}
                )


# The values of a field, from JSON.


def reader(field: Any) -> Callable[[Any], Any]:
    """Return the function that makes a value of the field; it raises ValueError."""
    # Of a foreign key, what it points to.
    field = getattr(field, "target_field", field)
    if isinstance(field, models.DateTimeField):
        return read_moment
    if isinstance(field, models.BinaryField):
        return partial(read_bytes, field.max_length)
    if isinstance(field, models.BooleanField):
        return partial(read_typed, bool)
    if isinstance(field, models.CharField | models.TextField):
        choices = {choice for choice, _ in field.flatchoices}
        if choices and field.blank:
            choices.add("")
        return partial(read_text, field.max_length, choices)
    ranges = BaseDatabaseOperations.integer_field_ranges
    low, high = ranges[field.get_internal_type()]
    if field.primary_key:
        low, high = 1, min(high, LAST)
    return partial(read_number, low, high)


def read_typed(wanted: type, value: Any) -> Any:
    if type(value) is not wanted:
        raise ValueError(f"is not of type {wanted.__name__}")
    return value


def read_number(low: int, high: int, value: Any) -> int:
    if not low <= read_typed(int, value) <= high:
        raise ValueError(f"is not between {low} and {high}")
    return int(value)


def read_text(most: int | None, choices: set[str], value: Any) -> str:
    text: str = read_typed(str, value)
    if text in choices:
        return text
    if NEVER.search(text):
        raise ValueError("holds what is no text")
    if most and len(text) > most:
        raise ValueError(f"has more than {most} characters")
    if choices:
        raise ValueError(f"is none of {', '.join(sorted(choices))}")
    return text


def read_bytes(size: int | None, value: Any) -> bytes:
    # Each is a hash: what is shorter is none either.
    found = bytes.fromhex(read_typed(str, value))
    if size and len(found) != size:
        raise ValueError(f"is not {size} bytes long")
    return found


def read_moment(value: Any) -> datetime:
    try:
        found = datetime.fromisoformat(read_typed(str, value))
    except ValueError as error:
        raise ValueError("is no date like 2026-01-31T12:00:00+00:00") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def default(field: Any) -> Callable[[], Any]:
    """Return the function that makes the value of what an older archive lacks."""
    if field.has_default():
        return field.get_default
    if field.null or field.primary_key:
        return lambda: None
    return str if field.blank else lack


def lack() -> Any:
    raise ValueError("is missing")


@contextmanager
def snapshot() -> Iterator[None]:
    """Let all queries see the wall as it is now, while others write."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with unlimited(connection), transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield
    else:
        with connection.cursor() as cursor:
            # Not atomic(), which takes the write lock.
            cursor.execute("BEGIN")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")


def write_all(
    writer: Writer,
    rows: Iterable[models.QuerySet[Any]],
    told: Callable[[int], Any] = id,
) -> None:
    """Write an archive of these rows."""
    queries = list(rows)
    writer.begin([str(query.model._meta.model_name) for query in queries])
    for query in queries:
        Table(query.model, query.db).write(writer, query, told)
    writer.end()
