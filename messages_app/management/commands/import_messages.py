"""Messages from a file, each once, however often it is imported."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from itertools import chain
from typing import IO, Any

from django.core.management import CommandError, CommandParser
from django.db import Error, connection

from messages_app import advisory_lock
from messages_app.archive import arrivals, cells, tables, words
from messages_app.archive.files import Damaged, Source, file_name, naming, reading
from messages_app.archive.lines import BadRow, Line, Reader
from messages_app.management.base import DONE_IN_PART, OperatorCommand
from messages_app.postgresql import unlimited

WAIT_SECONDS = 3_600  # for another import
LONGEST_COPY = 10_000  # characters of a row that was rejected
TOLD = 10  # rows that a dry run tells of, where it writes no file of them


class Command(OperatorCommand):
    help = "Read messages from a file of export_messages, or CSV with text and date."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file",
            type=file_name,
            help='JSON lines or CSV, compressed or not; "-" is standard input',
        )
        parser.add_argument(
            "--rejected",
            type=file_name,
            metavar="FILE",
            help="where rows that cannot be read go, with the reasons (default: "
            "beside the file, as its name with .rejected.jsonl)",
        )
        parser.add_argument(
            "--with-erased",
            action="store_true",
            help="also messages that were erased on this wall",
        )
        self.add_dry_run(parser)

    def handle(
        self,
        *,
        file: str,
        rejected: str | None,
        with_erased: bool,
        dry_run: bool,
        **options: Any,
    ) -> None:
        if file == "-" and not (rejected or dry_run):
            told = "Name a file for rejected rows: --rejected FILE."
            raise CommandError(told, returncode=2)
        beside = None if dry_run else f"{file}.rejected.jsonl"
        refused = Rejected(rejected or beside)
        store = arrivals.Store(
            refused.add, is_rehearsal=dry_run, with_erased=with_erased
        )
        try:
            with reading(file, sys.stdin) as source, closing(refused):
                refused.begin(source)
                problem = self.fill(store, source, refused)
        except (KeyboardInterrupt, Error, OSError):
            if store.added and not dry_run:
                self.stderr.write(
                    f"Imported {store.added:,} messages until then; the same command "
                    "does the rest."
                )
            raise
        would = "Would import" if dry_run else "Imported"
        told = f"{would} {store.added:,} messages; {store.known:,} were there already."
        if refused.count:
            see = f": see {refused.path}" if refused.path else ""
            told += f" {refused.count:,} rows were rejected{see}."
        for line in refused.told:
            self.stderr.write(line)
        self.tell_if_cache_lags()
        if problem or refused.count:
            raise CommandError(told + problem, returncode=DONE_IN_PART)
        self.say(told)

    def fill(self, store: arrivals.Store, source: Source, refused: "Rejected") -> str:
        """Store the messages of the file; return what is wrong with it as a whole."""
        dry_run = store.is_rehearsal
        lines = open_lines(source)
        with (
            self.alone(),
            self.progress(source.size, "B", unit_scale=True) as bar,
            unlimited(connection),
            nullcontext() if dry_run else words.put_off(),
        ):
            try:
                for chunk in chunks(lines, refused, dry_run=dry_run):
                    store.put(chunk)
                    bar.update(source.position() - bar.n)
            except Damaged as error:
                return f" {error}"
        return ""

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait for another import: each would take the other's index of words away."""

        def tell() -> None:
            self.stderr.write("Another import is at work; waiting for it.")

        try:
            with advisory_lock.held(
                connection, "import", seconds=WAIT_SECONDS, tell=tell
            ):
                yield
        except advisory_lock.NotFree as error:
            raise CommandError("Another import is still at work.") from error


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
    size, equal = 0, arrivals.EqualRows()
    try:
        for line in lines:
            if line.row and "table" in line.row:
                if not dry_run:
                    arrivals.TABLE.keep_numbers(line.row.get("last"))
                continue
            try:
                chunk.append(arrivals.read(line, equal))
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

    def __init__(self, path: str | None) -> None:
        self.path, self.count = path, 0
        self.told: list[str] = []  # of the first of them, where there is no path
        self.file: IO[str] | None = None

    def begin(self, source: Source) -> None:
        """Remove what an earlier import rejected; raise CommandError for the file itself."""
        if not self.path or not os.path.isfile(self.path):
            return
        if os.path.samestat(os.stat(self.path), os.fstat(source.raw.fileno())):
            told = "Rejected rows would be written over the file itself."
            raise CommandError(told, returncode=2)
        os.unlink(self.path)

    def close(self) -> None:
        if self.file:
            with naming(self.path):
                self.file.close()

    def add(self, line: Line, reason: str) -> None:
        self.count += 1
        if not self.path:
            if self.count <= TOLD:
                self.told.append(f"Line {line.number}: {reason}.")
            return
        if not self.file:
            # For its owner only: it holds visitors' words.
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            opened = os.open(self.path, flags, 0o600)
            self.file = open(  # noqa: SIM115 - as long as the import lasts
                opened, "w", encoding="utf-8", errors="backslashreplace"
            )
        raw = line.raw.decode(errors="backslashreplace").rstrip("\r\n")
        if len(raw) > LONGEST_COPY:
            raw = f"{raw[:LONGEST_COPY]}…"
        told = {"line": line.number, "reason": reason, "row": raw}
        with naming(self.path):
            self.file.write(json.dumps(told, ensure_ascii=False) + "\n")
