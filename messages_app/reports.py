"""Visitors' reports, and what many of them do to a message."""

from django.conf import settings
from django.db import transaction

from messages_app.models import Message, Report
from messages_app.moderation import record


def store(report: Report, senders: list[bytes]) -> bool:
    """Store the report; return False when this sender has reported the message before.

    `senders` are the names of the one who reports, this month's first. Enough reports
    hold the message until a moderator looks, unless one has already kept it. Raises
    Message.DoesNotExist.
    """
    with transaction.atomic():
        # One report after the other: of two at once, each would miss the other's row.
        message = Message.objects.filter(pk=report.message_id)
        locked = message.select_for_update().get()
        others = Report.objects.filter(message=report.message_id)
        if others.filter(sender__in=senders).exists():
            return False
        report.sender = senders[0]
        report.save(force_insert=True)
        if locked.edited_at:  # those before were about another text
            others = others.filter(created_at__gt=locked.edited_at)
        is_held = False
        if others.count() >= settings.WALL_REPORTS_TO_HOLD:
            is_held = message.hold(Message.Reason.REPORTS) > 0
        message.count_report()
        record.reported(locked, is_held=is_held)
    return True
