"""Tells how often the wall was viewed, and sets that number."""

from argparse import ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management import CommandError, CommandParser

from messages_app import health, page_views
from messages_app.management.base import OperatorCommand

# Of a cache in the memory of another process.
SOON = f" A wall that runs shows it within {settings.WALL_FOLD_SECONDS} seconds."


def number_of_views(text: str) -> int:
    """Return the number, if the counter can hold it."""
    if not (text.isascii() and text.isdigit() and page_views.is_count(int(text[:20]))):
        raise ArgumentTypeError(f"{text!r} is no number from 0 to 10^18")
    return int(text)


class Command(OperatorCommand):
    help = "Print how often the wall was viewed, or set that number."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--set",
            type=number_of_views,
            metavar="NUMBER",
            dest="total",
            help="go on from this number, in all processes; it may be lower",
        )
        self.add_dry_run(parser)

    def handle(self, *, total: int | None, dry_run: bool, **options: Any) -> None:
        before = page_views.read()
        if total is None:
            self.stdout.write(str(before))
            if health.cache_state_now() != health.OK:
                self.stderr.write("The cache does not answer: as last folded.")
        elif dry_run:
            told = f"Would go from {before:,} to {total:,}. Nothing was done."
            self.stdout.write(told)
        elif page_views.set_to(total):
            soon = "" if settings.REDIS_URL else SOON
            self.say(f"The view count was {before:,} and is {total:,}.{soon}")
        else:
            raise CommandError(
                "The cache does not answer, and would bring its own number back. "
                "Nothing was done: try again when it answers."
            )
