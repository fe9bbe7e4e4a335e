"""A wall as it was when it was backed up."""

import sys
from typing import Any

from django.core.management import CommandError, CommandParser
from django.db import connection, transaction

from messages_app import page_views, wall_cache
from messages_app.archive import whole, words
from messages_app.archive.files import Damaged, file_name, reading
from messages_app.archive.lines import Reader
from messages_app.management.base import DONE_IN_PART, OperatorCommand
from messages_app.postgresql import unlimited


class Command(OperatorCommand):
    help = "Fill an empty wall from a file of backup: all of it, or nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", type=file_name, help='of backup; "-" is standard input'
        )
        parser.add_argument(
            "--replace",
            action="store_true",
            help="a wall that is not empty: what is there now is lost",
        )
        self.add_dry_run(parser)

    def handle(
        self, *, file: str, replace: bool, dry_run: bool, **options: Any
    ) -> None:
        with (
            reading(file, sys.stdin) as source,
            self.progress(source.size, "B", unit_scale=True) as bar,
        ):

            def told() -> None:
                bar.update(source.position() - bar.n)

            try:
                reader = Reader(iter(source))
                if dry_run:
                    refuse_to_lose(replace)
                    found = whole.load(reader, told, is_rehearsal=True)
                    is_counted = True
                else:
                    with unlimited(connection), transaction.atomic():
                        whole.lock()
                        refuse_to_lose(replace)
                        whole.empty()
                        with words.put_off():
                            found = whole.load(reader, told)
                        # Still locked, so that no fold brings an earlier number back.
                        is_counted = page_views.set_to(page_views.read_row() or 0)
            except Damaged as error:
                raise CommandError(f"{error} Nothing was changed.") from error
        if not dry_run:
            transaction.on_commit(wall_cache.forget_for_good)
            self.tell_if_cache_lags()
        if dry_run:
            rows = whole.told(found)
            self.say(f"Its lines can be read: {rows}. verify_backup tries them too.")
        else:
            self.say(f"Restored: {whole.told(found)}.")
        if not is_counted:
            raise CommandError(
                "The cache does not answer, and may bring its own view count back: set "
                "it with `page_views --set` when it answers.",
                returncode=DONE_IN_PART,
            )


def refuse_to_lose(replace: bool) -> None:
    if not replace and not whole.is_empty():
        raise CommandError(
            "This wall is not empty. --replace deletes what is there and restores."
        )
