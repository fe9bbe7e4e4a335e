"""Messages as CSV: every field, or no more than text and date."""

import codecs
import csv
from collections.abc import Iterator
from io import StringIO
from typing import Any

from django.db import models

from messages_app import text
from messages_app.archive.files import Damaged
from messages_app.archive.lines import Line, Writer, plain
from messages_app.archive.tables import Table
from messages_app.models import Message

ALIASES = {
    "text": "content",
    "message": "content",
    "date": "created_at",
    "time": "created_at",
    "name": "author_name",
    "author": "author_name",
}
NEEDED = {"content": "text", "created_at": "date"}


def write(writer: Writer, messages: models.QuerySet[Message], bar: Any) -> None:
    """Write a line with the fields' names, and one for each message."""
    table = Table(Message)
    names = list(table.fields)
    rows = table.values(messages, names)
    chunk = [names]
    while chunk:
        out = StringIO()
        csv.writer(out, lineterminator="\n").writerows(chunk)
        writer.write_text(out.getvalue())
        chunk = [[to_cell(value) for value in row] for row in next(rows, [])]
        bar.update(len(chunk))


def read(lines: Iterator[bytes]) -> Iterator[Line]:
    """Return the rows; raise Damaged if the first line names no message's fields."""
    taken: list[bytes] = []

    def decoded() -> Iterator[str]:
        for number, line in enumerate(lines):
            if not number:
                line = line.removeprefix(codecs.BOM_UTF8)
            taken.append(line)
            # What is no UTF-8 becomes what no text may hold.
            yield line.decode(errors="surrogateescape")

    reader = csv.reader(decoded(), strict=True)
    try:
        fields = columns(next(reader, []))
    except csv.Error as error:
        raise Damaged(f"The first line is no CSV: {error}.") from error
    return rows(reader, fields, taken)


def rows(reader: Any, fields: list[Any], taken: list[bytes]) -> Iterator[Line]:
    # What this wall wrote comes back as it was.
    is_export = len(fields) == len(Table(Message).fields)
    while True:
        taken.clear()
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Line(number, b"".join(taken), problem=f"it is no CSV: {error}")
            continue
        if len(cells) == len(fields):
            pairs = zip(fields, cells, strict=True)
            row = {f.attname: from_cell(f, cell) for f, cell in pairs if cell}
            if not is_export:
                clean_texts(row)
            yield Line(number, b"".join(taken), row)
        elif cells:
            problem = f"it has {len(cells)} cells, not {len(fields)}"
            yield Line(number, b"".join(taken), problem=problem)


def columns(head: list[str]) -> list[Any]:
    """Return the fields that the first line names."""
    names = [name.strip().lower() for name in head]
    names = [ALIASES.get(name, name) for name in names]
    fields = Table(Message).fields
    if unknown := [name for name in names if name not in fields]:
        raise Damaged(
            f"The first line should name columns. No message has {unknown[0][:40]!r}; "
            f"text, date and name would do, with commas between them, or of "
            f"{', '.join(fields)}."
        )
    if len({*names}) < len(names):
        raise Damaged("The first line names a column twice.")
    if missing := [NEEDED[name] for name in NEEDED if name not in names]:
        raise Damaged(f"The first line names no column {missing[0]!r}.")
    return [fields[name] for name in names]


def clean_texts(row: dict[str, Any]) -> None:
    """Clean text and name as those of a post; what a post may not hold stays."""
    for name, clean in [("content", text.clean), ("author_name", text.clean_line)]:
        if isinstance(row.get(name), str) and not text.find_refused(row[name]):
            row[name] = clean(row[name])


def to_cell(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, int):  # or bool
        return str(value).lower()
    return plain(value)


def from_cell(field: Any, cell: str) -> Any:
    """Return the cell as JSON would have it; what is wrong, as it is."""
    if isinstance(field, models.BooleanField):
        return {"true": True, "false": False}.get(cell.lower(), cell)
    if isinstance(field, models.IntegerField) and cell.isascii() and cell.isdecimal():
        return int(cell[:30])
    return cell
