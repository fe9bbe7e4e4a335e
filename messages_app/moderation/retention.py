"""How long messages are kept: what the operator's settings let go, goes for good."""

from datetime import timedelta
from itertools import islice

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone

from messages_app.models import Message, MessageQuerySet, ModerationEvent
from messages_app.moderation import acts

CHUNKS = 20  # of an act at once: the other jobs wait meanwhile


def prune() -> bool:
    """Erase some of what is older than the settings keep it; return whether there is more.

    Nothing is written if nothing is that old.
    """
    for old in too_old().values():
        if old.exists():
            chunks = list(islice(acts.erase(old, actor=""), CHUNKS))
            if len(chunks) == CHUNKS:
                return True
    return False


def too_old() -> dict[str, MessageQuerySet]:
    """Return what each of the settings lets go, by its name."""
    found = {}
    if days := settings.WALL_RETENTION_DAYS:
        found["WALL_RETENTION_DAYS"] = older_than(days, Message.objects.all())
    if days := settings.WALL_HIDDEN_RETENTION_DAYS:
        hidden = Message.objects.filter(status=Message.Status.HIDDEN)
        old = older_than(days, undecided_for(days, hidden))
        found["WALL_HIDDEN_RETENTION_DAYS"] = old
    return found


def undecided_for(days: int, messages: MessageQuerySet) -> MessageQuerySet:
    """Return those on which nothing was decided as lately: it can still be undone."""
    lately = ModerationEvent.objects.filter(
        message_number=OuterRef("pk"),
        created_at__gte=timezone.now() - timedelta(days=days),
    )
    return messages.exclude(Exists(lately))


def older_than(days: int, messages: MessageQuerySet) -> MessageQuerySet:
    """Return those that were posted longer ago."""
    return messages.filter(created_at__lt=timezone.now() - timedelta(days=days))
