"""The whole wall in one file."""

import gzip
from typing import Any

from django.core.management import CommandError, CommandParser

from messages_app.archive import files, tables, whole
from messages_app.archive.lines import Writer
from messages_app.management.base import OperatorCommand


class Command(OperatorCommand):
    help = (
        "Write the whole wall to a compressed file, but no accounts, sessions or salts."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "-o",
            "--output",
            type=files.file_name,
            metavar="FILE",
            help="instead of standard output",
        )

    def handle(self, *, output: str | None, **options: Any) -> None:
        if output is None and self.stdout.isatty():
            raise CommandError("Name a file: -o FILE, or let a program read it.")
        queries = [whole.rows(model) for model in tables.ALL]
        with (
            files.writing(output, self.stdout) as out,
            # Without name and time of the file: the same wall gives the same bytes.
            gzip.GzipFile("", "wb", fileobj=out, mtime=0) as packed,
            tables.snapshot(),
        ):
            total = sum(query.count() for query in queries)
            with self.progress(total, "rows") as bar:
                tables.write_all(Writer(packed), queries, bar.update)
        self.say(f"Backed up {total:,} rows.", beside=output is None)
