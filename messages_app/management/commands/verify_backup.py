"""Whether a backup would bring the wall back."""

import sys
from typing import Any

from django.core.management import CommandError, CommandParser

from messages_app.archive import whole
from messages_app.archive.files import Damaged, file_name, reading
from messages_app.archive.lines import Reader
from messages_app.management.base import OperatorCommand


class Command(OperatorCommand):
    help = "Restore a file of backup into scratch tables, and compare what is in them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", type=file_name, help='of backup; "-" is standard input'
        )

    def handle(self, *, file: str, **options: Any) -> None:
        with (
            reading(file, sys.stdin) as source,
            self.progress(source.size, "B", unit_scale=True) as bar,
        ):
            try:
                reader = Reader(iter(source))
                with whole.scratch() as using:
                    found = whole.load(
                        reader, lambda: bar.update(source.position() - bar.n), using
                    )
                    if whole.checksum(reader, found, using) != reader.before:
                        raise Damaged("What is restored from it is not what is in it.")
            except Damaged as error:
                raise CommandError(str(error)) from error
        self.say(f"Good: {whole.told(found)}.")
