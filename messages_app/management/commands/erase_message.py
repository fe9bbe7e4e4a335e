"""Erases messages for good, as their author could."""

from typing import Any

from django.core.management import CommandError, CommandParser

from messages_app.management.base import (
    ACTOR,
    DONE_IN_PART,
    OperatorCommand,
    counted,
    message_number,
    tell_absent,
)
from messages_app.models import Message
from messages_app.moderation import acts


class Command(OperatorCommand):
    help = (
        "Erase messages with all that is stored about them: reports, earlier words, "
        "sender; that something was erased stays recorded, without a word of it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "number",
            type=message_number,
            nargs="+",
            help="of a message, as in its address: /messages/7/",
        )
        self.add_dry_run(parser)

    def handle(self, *, number: list[int], dry_run: bool, **options: Any) -> None:
        absent = tell_absent(number)
        messages = Message.objects.filter(pk__in=number)
        there = messages.order_by("pk").values_list("pk", flat=True)
        if dry_run:
            these = ", ".join(map(str, there))
            self.stdout.write(f"Would erase {these}. Nothing was done.")
        else:
            batch = self.carry_out(acts.erase(messages, actor=ACTOR), len(there))
            self.say(f"{counted(batch.message_count, 'message')} erased.")
            self.tell_if_cache_lags()
        if absent:
            raise CommandError(absent, returncode=DONE_IN_PART)
