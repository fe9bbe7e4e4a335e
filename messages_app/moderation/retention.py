"""How long messages are kept: what the operator's settings let go, goes for good."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone

from messages_app.models import Message, MessageQuerySet, ModerationEvent
from messages_app.moderation import acts


def prune() -> None:
    """Erase what is older than the settings keep it; write nothing if nothing is."""
    for old in [
        older_than(settings.WALL_RETENTION_DAYS, Message.objects.all()),
        older_than(
            settings.WALL_HIDDEN_RETENTION_DAYS,
            undecided_for(
                settings.WALL_HIDDEN_RETENTION_DAYS,
                Message.objects.filter(status=Message.Status.HIDDEN),
            ),
        ),
    ]:
        if old is not None and old.exists():
            acts.finish(acts.erase(old, actor=""))


def undecided_for(days: int, messages: MessageQuerySet) -> MessageQuerySet:
    """Return those on which nothing was decided as lately: it can still be undone."""
    lately = ModerationEvent.objects.filter(
        message_number=OuterRef("pk"),
        created_at__gte=timezone.now() - timedelta(days=days),
    )
    return messages.exclude(Exists(lately))


def older_than(days: int, messages: MessageQuerySet) -> MessageQuerySet | None:
    """Return those that were posted longer ago; None for 0, which keeps all."""
    if not days:
        return None
    return messages.filter(created_at__lt=timezone.now() - timedelta(days=days))
