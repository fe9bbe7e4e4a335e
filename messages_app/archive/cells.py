"""Messages as CSV: every field, or no more than text and date."""

import csv
from collections import deque
from collections.abc import Iterator
from io import StringIO
from typing import Any

from django.db import models

from messages_app import text
from messages_app.archive.files import LONGEST_LINE, Damaged
from messages_app.archive.lines import Line, Writer, beginnings, plain
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
    sheet = Sheet(beginnings(lines))
    try:
        fields = columns(sheet.next_row() or [])
    except csv.Error as error:
        raise Damaged(f"The first line is no CSV: {error}.") from error
    return rows(sheet, fields)


class Sheet:
    """Rows of cells; what is none costs its first line, and the next is read anew."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self.lines = lines
        self.taken: list[bytes] = []  # the row's
        self.again: deque[bytes] = deque()  # taken by a row that was none
        self.number = 1  # of the row's first line

    def next_row(self) -> list[str] | None:
        """Return its cells, or None at the end; raise csv.Error."""
        self.number += len(self.taken)
        self.taken = []
        # No line is put back twice, or a strange file would take hours.
        lost = max(1, len(self.again))
        try:
            return next(csv.reader(self.feed(), strict=True), None)
        except csv.Error:
            self.again.extend(self.taken[lost:])
            del self.taken[lost:]
            raise

    def feed(self) -> Iterator[str]:
        size = 0
        while line := self.again.popleft() if self.again else next(self.lines, b""):
            self.taken.append(line)
            size += len(line)
            if size >= LONGEST_LINE:
                raise csv.Error("too long")
            # What is no UTF-8 becomes what no text may hold.
            yield line.decode(errors="surrogateescape")


def rows(sheet: Sheet, fields: list[Any]) -> Iterator[Line]:
    # What this wall wrote comes back as it was.
    is_export = len(fields) == len(Table(Message).fields)
    while True:
        row, problem = None, ""
        try:
            cells = sheet.next_row()
        except csv.Error as error:
            cells, problem = [], f"it is no CSV: {error}"
        if cells is None:
            return
        if len(cells) == len(fields):
            pairs = zip(fields, cells, strict=True)
            row = {f.attname: from_cell(f, cell) for f, cell in pairs if cell}
            if not is_export:
                clean_texts(row)
        elif cells:
            problem = f"it has {len(cells)} cells, not {len(fields)}"
        if cells or problem:
            yield Line(sheet.number, b"".join(sheet.taken), row, problem)


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
