"""The lines of an archive: written with their checksum, and read with it."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from gzip import GzipFile
from typing import IO, Any, NamedTuple

from messages_app.archive.files import LONGEST_LINE, Damaged

FORMAT, VERSION = "message-wall", 1


class BadRow(ValueError):
    """The row cannot be one of this wall."""


def plain(value: Any) -> str:
    """Return as text what JSON and CSV have no form for."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return bytes(value).hex()


encode = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), default=plain
).encode


class Writer:
    """Writes lines, and counts and hashes them."""

    def __init__(self, out: IO[bytes] | GzipFile | None) -> None:
        self.out = out  # None: only what they would hash to is asked
        self.sha = hashlib.sha256()
        self.lines = 0

    def write(self, values: Iterable[Any]) -> None:
        lines = [encode(value) + "\n" for value in values]
        self.lines += len(lines)
        self.write_text("".join(lines))

    def write_text(self, text: str) -> None:
        data = text.encode()
        self.sha.update(data)
        if self.out:
            self.out.write(data)

    def begin(self, tables: list[str]) -> None:
        self.write([{"format": FORMAT, "version": VERSION, "tables": tables}])

    def end(self) -> None:
        self.write([{"lines": self.lines, "sha256": self.sha.hexdigest()}])


class Line(NamedTuple):
    """A row as it stands in a file, and what it says or why it says nothing."""

    number: int
    raw: bytes
    row: Any = None
    problem: str = ""


def beginnings(
    pieces: Iterator[bytes], told: Callable[[bytes], Any] = id
) -> Iterator[bytes]:
    """Return each line once, cut at LONGEST_LINE; tell of what was cut off."""
    for piece in pieces:
        yield piece
        while piece and not piece.endswith(b"\n"):
            piece = next(pieces, b"")
            told(piece)


class Reader:
    """Reads an archive; what it is becomes known on the way."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self.sha = hashlib.sha256()
        self.source = beginnings(lines, self.sha.update)
        self.lines = 0
        self.is_whole = False
        header = self.parse(next(self.source, b""))
        if not header.row or header.row.get("format") != FORMAT:
            raise Damaged("This is no file of a message wall.")
        if header.row.get("version") != VERSION:
            raise Damaged(
                "A newer message wall wrote this file. Read it with that one."
            )
        self.tables = header.row.get("tables")

    def parse(self, raw: bytes) -> Line:
        self.lines += 1
        self.before = self.sha.hexdigest() if b'"sha256"' in raw else ""
        self.sha.update(raw)
        if len(raw) == LONGEST_LINE:
            return Line(self.lines, raw, problem="it is too long")
        try:
            # What is no UTF-8 becomes what no text may hold, in the row where it stands.
            row = json.loads(raw.decode(errors="surrogateescape"))
        except (ValueError, RecursionError):
            return Line(self.lines, raw, problem="it is no JSON")
        if not isinstance(row, dict):
            return Line(self.lines, raw, problem="it is no row")
        return Line(self.lines, raw, row)

    def __iter__(self) -> Iterator[Line]:
        """Return the rows; raise Damaged at the end, or before, if they are not all."""
        for raw in self.source:
            line = self.parse(raw)
            if self.is_whole:
                raise Damaged("The file goes on after its end.")
            if line.row and "sha256" in line.row and "table" not in line.row:
                if line.row != {"lines": self.lines - 1, "sha256": self.before}:
                    raise Damaged(
                        "The file was changed or damaged: its checksum does not fit."
                    )
                self.is_whole = True
            else:
                yield line
        if not self.is_whole:
            raise Damaged("The file is cut off: its last line is missing.")
