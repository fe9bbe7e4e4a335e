"""Erases old messages for good."""

from datetime import timedelta
from typing import Any

from django.core.management import CommandError, CommandParser
from django.db import connection
from django.utils import timezone

from messages_app import advisory_lock
from messages_app.management.base import (
    ACTOR,
    OperatorCommand,
    chosen_messages,
    count,
    counted,
    duration,
)
from messages_app.models import Message, MessageQuerySet, ModerationBatch
from messages_app.moderation import acts


class Command(OperatorCommand):
    help = (
        "Erase messages for good that were posted longer ago, in batches: what is done "
        "when it is ended stays done, and the next run goes on."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than",
            type=duration,
            required=True,
            metavar="TIME",
            help="30m, 12h, 90d or 2w",
        )
        parser.add_argument(
            "--status", choices=Message.Status.values, help="only of this status"
        )
        self.add_dry_run(parser)

    def handle(
        self, *, older_than: timedelta, status: str | None, dry_run: bool, **_: Any
    ) -> None:
        if not older_than:
            told = "--older-than 0 would be all messages. Nothing was done."
            raise CommandError(told, returncode=2)
        until = timezone.now() - older_than
        messages = chosen_messages(since=None, until=until, status=status)
        if dry_run:
            told = counted(count(messages), "message")
            self.stdout.write(f"Would erase {told}. Nothing was done.")
        elif not messages.exists():
            self.stdout.write("No message is that old. Nothing was done.")
        else:
            batch = self.erase(messages)
            told = counted(batch.message_count, "message")
            self.say(f"Erased {told}, which is act {batch.pk}.")
            self.tell_if_cache_lags()

    def erase(self, messages: MessageQuerySet) -> ModerationBatch:
        """Erase them alone: of two who share the messages, each would end short."""
        done = acts.erase(messages, actor=ACTOR)
        try:
            with advisory_lock.held(connection, "prune", seconds=0, tell=lambda: None):
                return self.carry_out(done, count(messages))
        except advisory_lock.NotFree as error:
            told = "Another prune_messages is at work. Nothing was done."
            raise CommandError(told) from error
