"""Erases what one person has sent, when they ask for it."""

from typing import Any

from django.core.management import CommandError, CommandParser
from django.db import transaction
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce

from messages_app.management.base import (
    ACTOR,
    DONE_IN_PART,
    OperatorCommand,
    count,
    counted,
    message_number,
    sender,
)
from messages_app.models import Message, Report, Rule
from messages_app.moderation import acts


class Command(OperatorCommand):
    help = (
        "Erase all messages and reports of a sender; a ban stays until its end, unless "
        "it is to go too."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "sender",
            type=sender,
            nargs="*",
            help="32 hexadecimal digits; one person has others each month",
        )
        parser.add_argument(
            "--of-message",
            type=message_number,
            metavar="NUMBER",
            help="the sender of this message",
        )
        parser.add_argument(
            "--lift-bans", action="store_true", help="delete bans of the sender too"
        )
        self.add_dry_run(parser)

    def handle(self, *, dry_run: bool, lift_bans: bool, **options: Any) -> None:
        senders = self.find_senders(**options)
        messages = Message.objects.filter(sender__in=senders)
        reports = Report.objects.filter(sender__in=senders)
        bans = Rule.objects.filter(
            kind=Rule.Kind.SENDER, pattern__in=[name.hex() for name in senders]
        )
        found = count(messages), reports.count(), bans.count()
        unknown = ", ".join(name.hex() for name in senders if not is_known(name))
        if not any(found):
            raise CommandError(f"Nothing is stored of {unknown}.")
        if dry_run:
            would = told_of(*found, lift_bans)
            self.stdout.write(f"Would erase {would}. Nothing was done.")
        else:
            done = acts.erase(messages, actor=ACTOR)
            erased = self.carry_out(done, found[0]).message_count if found[0] else 0
            # Those about messages of others; the rest went with the messages.
            while chunk := list(reports.order_by("pk")[: acts.CHUNK]):
                erase_reports(chunk)
            if lift_bans:
                bans.delete()
            self.say(f"Erased {told_of(erased, *found[1:], lift_bans)}.")
            self.tell_if_cache_lags()
        if unknown:
            told = f"Nothing is stored of {unknown}."
            raise CommandError(told, returncode=DONE_IN_PART)

    def find_senders(
        self, *, sender: list[bytes], of_message: int | None, **options: Any
    ) -> list[bytes]:
        """Return who is meant; raise CommandError for nobody."""
        found = list(sender)
        if of_message:
            message = Message.objects.filter(pk=of_message).first()
            if message is None or message.sender is None:
                raise CommandError(f"There is no message {of_message} of a visitor.")
            found.append(bytes(message.sender))
        if not found:
            raise CommandError("Name a sender, or a message of theirs.", returncode=2)
        return found


def is_known(name: bytes) -> bool:
    """Return whether anything is stored of this sender."""
    stored = [
        Message.objects.filter(sender=name),
        Report.objects.filter(sender=name),
        Rule.objects.filter(kind=Rule.Kind.SENDER, pattern=name.hex()),
    ]
    return any(rows.exists() for rows in stored)


@transaction.atomic
def erase_reports(chunk: list[Report]) -> None:
    """Erase the reports, and count what is left; without any there is nothing to decide."""
    numbers = [report.message_id for report in chunk]
    rows = Message.objects.filter(pk__in=numbers).order_by("-created_at", "-id")
    list(rows.select_for_update().values_list("pk"))  # as who reports locks them
    Report.objects.filter(pk__in=[report.pk for report in chunk]).delete()
    left = Report.objects.filter(message=OuterRef("pk")).order_by().values("message")
    counts = left.annotate(count=Count("pk")).values("count")
    rows.update(report_count=Coalesce(Subquery(counts), 0))
    of_none = rows.filter(report_count=0, status=Message.Status.PUBLISHED)
    of_none.update(waits_since=None)


def told_of(messages: int, reports: int, bans: int, lift_bans: bool) -> str:
    """Return what there is of a sender, in words."""
    told = f"{counted(messages, 'message')} and {counted(reports, 'report')}"
    if not bans:
        return told
    if lift_bans:
        return f"{told}, and {counted(bans, 'ban')}"
    return f"{told}; not {counted(bans, 'ban')}, which --lift-bans would"
