"""What is written down of each decision: events, their batch, and notices of them."""

from datetime import datetime

from django.db.models import Exists, F, OuterRef

from messages_app.models import (
    Act,
    EarlierText,
    Message,
    MessageQuerySet,
    ModerationBatch,
    ModerationEvent,
    Notice,
)

AUTHOR = "author"  # as an actor, beside the names of moderators
# What an author or a rule did to one message has no batch.
DECISIONS = ModerationEvent.objects.filter(batch__isnull=False)


def event(
    batch: ModerationBatch, before: Message, after: Message, **fields: object
) -> ModerationEvent:
    """Return the event of what an act did to a message, not yet stored."""
    values = {
        "batch": batch,
        "act": batch.act,
        "actor": batch.actor,
        "reason": batch.reason,
        "message_number": before.pk,
        "from_status": before.decided_status,
        "to_status": after.decided_status,
        "from_reason": before.reason,
        "was_kept": before.is_kept,
        "waited_since": before.waits_since,
    }
    return ModerationEvent(**(values | fields))


def count(batch: ModerationBatch, **more: int) -> None:
    """Add to what the act has done so far."""
    added = {name: F(name) + number for name, number in more.items()}
    ModerationBatch.objects.filter(pk=batch.pk).update(**added)
    batch.refresh_from_db(fields=list(more))


def goes_on(batch: ModerationBatch) -> bool:
    """Return whether the act still goes on; nobody ends it in this transaction."""
    unfinished = ModerationBatch.objects.filter(pk=batch.pk, is_unfinished=True)
    return unfinished.select_for_update().first() is not None


def end(batch: ModerationBatch) -> None:
    """Write down that an act has reached all that it was meant for."""
    ModerationBatch.objects.filter(pk=batch.pk).update(is_unfinished=False)
    batch.is_unfinished = False


def as_seen(messages: MessageQuerySet, at: datetime) -> MessageQuerySet:
    """Return those on which nobody decided since, and that are as they were otherwise."""
    since = DECISIONS.filter(message_number=OuterRef("pk"), created_at__gt=at)
    return messages.as_seen(at).exclude(Exists(since))


def last_change(message: Message) -> datetime:
    """Return when it came to be what a moderator looks at: see `as_seen()`."""
    decisions = DECISIONS.filter(message_number=message.pk).order_by("-pk")
    decided_at = decisions.values_list("created_at", flat=True)[:1]
    return max([message.changed_at, *decided_at])


def held_by_rule(message: Message) -> None:
    """Record that a rule held a post, in the transaction that stores it."""
    ModerationEvent.objects.create(
        act=Act.HOLD,
        message_number=message.pk,
        to_status=message.status,
        reason=message.reason,
    )
    Notice.objects.create(kind=Notice.Kind.HELD)


def reported(message: Message, *, is_held: bool) -> None:
    """Record that visitors reported a message, and what came of it.

    `message` is as it was before; in the transaction that stores the report.
    """
    if is_held:
        batch = ModerationBatch.objects.create(
            act=Act.HOLD, reason=Message.Reason.REPORTS, message_count=1
        )
        held = Message(status=Message.Status.HELD)
        event(batch, message, held).save()
    Notice.objects.create(kind=Notice.Kind.REPORTED)


def valve_moved(before: str, after: str, reason: str) -> None:
    """Record that the flood valve changed the wall's mode, in that transaction."""
    mode_changed(before, after, reason=reason)
    Notice.objects.create(kind=Notice.Kind.MODE)


def mode_changed(before: str, after: str, *, actor: str = "", reason: str = "") -> None:
    """Record a switch of the wall's mode, in the transaction that does it."""
    who = {"act": Act.MODE, "actor": actor, "reason": reason}
    batch = ModerationBatch.objects.create(**who)
    ModerationEvent.objects.create(
        batch=batch, from_status=before, to_status=after, **who
    )


def by_author(act: Act, message: Message, *, actor: str = AUTHOR) -> ModerationEvent:
    """Record what the author does to a message, in the transaction that does it.

    A moderator who erases it stands in for the author.
    """
    return ModerationEvent.objects.create(
        act=act,
        actor=actor,
        message_number=message.pk,
        from_status=message.decided_status,
    )


def earlier_text(message: Message, event: ModerationEvent) -> None:
    """Keep the words of a message that the event replaces."""
    EarlierText.objects.create(
        message=message,
        event=event,
        content=message.content,
        author_name=message.author_name,
    )
