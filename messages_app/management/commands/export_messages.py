"""The messages as a file that other programs read, and this one again."""

from typing import Any

from django.core.management import CommandParser

from messages_app.archive import cells, files, tables
from messages_app.archive.lines import Writer
from messages_app.management.base import (
    OperatorCommand,
    add_message_filter,
    chosen_messages,
)


class Command(OperatorCommand):
    help = "Write messages, with every field, as JSON lines or CSV."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--format", choices=["jsonl", "csv"], default="jsonl", help="of the file"
        )
        add_message_filter(parser)
        parser.add_argument(
            "-o",
            "--output",
            type=files.file_name,
            metavar="FILE",
            help="instead of standard output",
        )

    def handle(self, *, format: str, output: str | None, **options: Any) -> None:  # noqa: A002 - the option's name
        messages = chosen_messages(**options)
        with files.writing(output, self.stdout) as out, tables.snapshot():
            writer, count = Writer(out), messages.count()
            with self.progress(count, "messages") as bar:
                if format == "csv":
                    cells.write(writer, messages, bar)
                else:
                    tables.write_all(writer, [messages], bar.update)
        self.say(
            f"Exported {count:,} messages. SHA-256 of the file: "
            f"{writer.sha.hexdigest()}",
            beside=output is None,
        )
