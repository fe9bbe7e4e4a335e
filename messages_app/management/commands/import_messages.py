"""Messages from a file, each once, however often it is imported."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import closing, nullcontext
from itertools import chain
from typing import IO, Any

from django.core.management import CommandError, CommandParser

from messages_app.archive import arrivals, cells, tables, words
from messages_app.archive.files import Damaged, Source, reading
from messages_app.archive.lines import BadRow, Line, Reader
from messages_app.management.base import DONE_IN_PART, OperatorCommand


class Command(OperatorCommand):
    help = "Read messages from a file of export_messages, or CSV with text and date."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", help='JSON lines or CSV, compressed or not; "-" is standard input'
        )
        parser.add_argument(
            "--rejected",
            metavar="FILE",
            help="where rows that cannot be read go, with the reasons (default: "
            "beside the file, as its name with .rejected.jsonl)",
        )
        self.add_dry_run(parser)

    def handle(
        self, *, file: str, rejected: str | None, dry_run: bool, **options: Any
    ) -> None:
        if file == "-" and not rejected:
            raise CommandError("Name a file for rejected rows: --rejected FILE.")
        refused = Rejected(rejected or f"{file}.rejected.jsonl")
        store = arrivals.Store(refused.add, is_rehearsal=dry_run)
        problem = ""
        with reading(file, sys.stdin) as source, closing(refused):
            lines = open_lines(source)
            with (
                self.progress(source.size, "B", unit_scale=True) as bar,
                tables.unlimited(),
                nullcontext() if dry_run else words.put_off(),
            ):
                try:
                    for chunk in chunks(lines, refused, dry_run=dry_run):
                        store.put(chunk)
                        bar.update(source.position() - bar.n)
                except Damaged as error:
                    problem = f" {error}"
        would = "Would import" if dry_run else "Imported"
        told = f"{would} {store.added:,} messages; {store.known:,} were there already."
        if refused.count:
            told += f" {refused.count:,} rows were rejected: see {refused.path}."
        if problem or refused.count:
            raise CommandError(told + problem, returncode=DONE_IN_PART)
        self.say(told)


def open_lines(source: Source) -> Iterator[Line]:
    """Return the rows of a file of either format; raise CommandError for others."""
    lines = iter(source)
    try:
        first = next(lines, b"")
        if not first:
            raise CommandError("The file is empty.")
        lines = chain([first], lines)
        if not first.startswith(b"{"):
            return cells.read(lines)
        reader = Reader(lines)
    except Damaged as error:
        raise CommandError(str(error)) from error
    if reader.tables != ["message"]:
        raise CommandError("This is a backup of a whole wall: see restore.")
    return iter(reader)


def chunks(
    lines: Iterator[Line], rejected: "Rejected", *, dry_run: bool
) -> Iterator[list[arrivals.Arrival]]:
    """Return the messages, so many at once; also those before the file's damage."""
    chunk: list[arrivals.Arrival] = []
    size = 0
    try:
        for line in lines:
            if line.row and "table" in line.row:
                if not dry_run:
                    arrivals.TABLE.keep_numbers(line.row.get("last"))
                continue
            try:
                chunk.append(arrivals.read(line))
            except BadRow as error:
                rejected.add(line, str(error))
            size += len(line.raw)
            if len(chunk) == tables.CHUNK or size > tables.CHUNK_BYTES:
                yield chunk
                chunk, size = [], 0
    except Damaged:
        yield chunk
        raise
    yield chunk


class Rejected:
    """The file of what could not be imported, which is made for the first such row."""

    def __init__(self, path: str) -> None:
        self.path, self.count = path, 0
        self.file: IO[str] | None = None

    def close(self) -> None:
        if self.file:
            self.file.close()

    def add(self, line: Line, reason: str) -> None:
        if not self.file:
            # For its owner only: it holds visitors' words.
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            self.file = os.fdopen(os.open(self.path, flags, 0o600), "w")
        self.count += 1
        raw = line.raw.decode(errors="backslashreplace").rstrip("\r\n")
        told = {"line": line.number, "reason": reason, "row": raw}
        self.file.write(json.dumps(told, ensure_ascii=False) + "\n")
