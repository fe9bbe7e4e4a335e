"""Fills a wall with messages to look at."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from django.conf import settings
from django.core.management import CommandError, CommandParser
from django.utils import timezone

from messages_app import text
from messages_app.management import awkward
from messages_app.management.base import OperatorCommand, counted, moment
from messages_app.models import Message
from messages_app.moderation.acts import CHUNK

SENTENCES = Path(__file__).parent.parent / "seed.json"
AWKWARD_EVERY = 20  # messages, one after the other of them
EMOJI = ["😀", "🌻", "👩‍🚀", "🏳️‍🌈", "👍🏽", "☕", "🎉🎉"]
# For each thousand: how a wall is that is in use.
STATUSES = {"published": 970, "hidden": 20, "held": 10}


class Command(OperatorCommand):
    help = (
        "Write made-up messages in twelve languages, and awkward ones among them, on a "
        "wall that is to be looked at or measured."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--count", type=int, default=1000, help="how many")
        parser.add_argument(
            "--seed", type=int, default=1, help="another one gives other messages"
        )
        parser.add_argument(
            "--days", type=int, default=30, help="over so many days, oldest first"
        )
        parser.add_argument(
            "--until",
            type=moment,
            metavar="DATE",
            help="when the last one was posted (default: the beginning of this day, UTC)",
        )
        parser.add_argument(
            "--force",
            action="store_true",
            help="also among the messages of visitors",
        )
        self.add_dry_run(parser)

    def handle(
        self,
        *,
        count: int,
        seed: int,
        days: int,
        until: datetime | None,
        force: bool,
        dry_run: bool,
        **options: Any,
    ) -> None:
        if count < 1 or not 1 <= days <= 36_500:
            told = "--count is 1 or more, --days 1 to 36500."
            raise CommandError(told, returncode=2)
        if not force and Message.objects.filter(sender__isnull=False).exists():
            raise CommandError(
                "There are messages of visitors on this wall, from which made-up ones "
                "cannot be told apart later. Say --force if they are to stand together."
            )
        last = until or timezone.now().replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        if last > timezone.now() + timedelta(days=1):
            raise CommandError("--until is more than a day ahead.", returncode=2)
        try:
            last - timedelta(days=days)
        except OverflowError as error:
            told = "--until is too early for so many --days."
            raise CommandError(told, returncode=2) from error
        if dry_run:
            told = counted(count, "message")
            self.stdout.write(f"Would write {told}. Nothing was done.")
        else:
            written = 0
            made = make(count, Random(seed), last, timedelta(days=days))  # noqa: S311 - no secret
            with self.progress(count, "messages") as bar:
                while chunk := list(islice(made, CHUNK)):
                    Message.objects.bulk_create(chunk)
                    written += len(chunk)
                    bar.update(len(chunk))
            self.say(f"{counted(written, 'message')} written.")
            self.tell_if_cache_lags()


def make(
    number: int, random: Random, last: datetime, span: timedelta
) -> Iterator[Message]:
    """Yield so many messages, oldest first; of the same `random`, the same ones."""
    speech = json.loads(SENTENCES.read_text(encoding="utf-8"))
    languages, oddities = [*speech], [*awkward.HOSTILE.values(), *awkward.ODD]
    for index in range(number):
        spoken = speech[random.choice(languages)]
        status = random.choices([*STATUSES], [*STATUSES.values()])[0]
        said = " ".join(random.sample(spoken["sentences"], random.choice([1, 1, 2, 3])))
        if random.random() < 0.15:
            said = f"{said} {random.choice(EMOJI)}"
        turn, rest = divmod(index, AWKWARD_EVERY)
        if rest == AWKWARD_EVERY // 2:
            said = oddities[turn % len(oddities)]
        # Each within its own part of the time, so that they come in order.
        age = span * ((number - index - random.random()) / number)
        yield Message(
            content=text.clean(said)[: settings.WALL_MESSAGE_MAX_LENGTH],
            author_name=random.choice(spoken["names"])[: settings.WALL_NAME_MAX_LENGTH],
            created_at=last - age,
            status=status,
            reason=Message.Reason.LINKS if status == Message.Status.HELD else "",
            waits_since=last - age if status == Message.Status.HELD else None,
        )
