"""Taking an act back: each of its messages, or as many as no later act has changed."""

from collections.abc import Iterable, Mapping

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from messages_app.models import (
    Act,
    EarlierText,
    Message,
    MessageQuerySet,
    ModerationBatch,
    ModerationEvent,
    Rule,
    ValveReason,
    WallState,
)
from messages_app.moderation import record, valve
from messages_app.moderation.acts import CHUNK, Progress


class CannotUndo(Exception):
    """This act is itself an undoing, or what it erased is gone."""


def is_done(batch: ModerationBatch) -> bool:
    """Return whether all of an act is undone."""
    return batch.undoings.filter(skipped_count=0, is_unfinished=False).exists()


def undo(batch: ModerationBatch, *, actor: str) -> Progress:
    """Give each message of an act its state from before, and lift the act's bans.

    Skips and counts a message on which a later act stands: undo that one first, and then
    this one again. Raises CannotUndo.
    """
    if not batch.can_be_undone:
        raise CannotUndo
    with transaction.atomic():
        record.end(batch)  # if it still goes on, or was broken off
        undoing = ModerationBatch.objects.create(
            act=Act.UNDO, actor=actor, undoes=batch, is_unfinished=True
        )
        batch.bans.filter(kind=Rule.Kind.SENDER).delete()  # not one made another rule
        undo_mode(batch, undoing)
    of_messages = batch.events.filter(message_number__isnull=False)
    of_messages = of_messages.order_by("-message_number")
    rest = of_messages
    while True:
        numbers = list(rest.values_list("message_number", flat=True)[:CHUNK])
        if numbers:
            with transaction.atomic():
                chunk = of_messages.filter(message_number__in=numbers)
                give_back(chunk, batch, undoing)
        yield undoing
        if not numbers:
            break
        rest = of_messages.filter(message_number__lt=numbers[-1])
    record.end(undoing)


def undo_mode(batch: ModerationBatch, undoing: ModerationBatch) -> None:
    """Switch the wall back to the mode from before, if it has not been switched since."""
    switches = ModerationEvent.objects.filter(act=Act.MODE, undone_by__isnull=True)
    by_hand = switches.exclude(reason__in=ValveReason.values)
    for switch in switches.filter(batch=batch):
        state = WallState.objects.filter(pk=1, mode=switch.to_status)
        is_of_valve = switch.reason in ValveReason.values
        if not is_of_valve and by_hand.filter(pk__gt=switch.pk).exists():
            record.count(undoing, skipped_count=1)
            continue
        if valve.undo(switch) if is_of_valve else state.update(mode=switch.from_status):
            ModerationEvent.objects.create(
                batch=undoing,
                act=undoing.act,
                actor=undoing.actor,
                from_status=switch.to_status,
                to_status=switch.from_status,
                undoes=switch,
            )


def give_back(
    events: QuerySet[ModerationEvent], batch: ModerationBatch, undoing: ModerationBatch
) -> None:
    """Undo these events of one act, but those on whose message a later act stands."""
    events = events.order_by()
    numbers = list(events.values_list("message_number", flat=True))
    rows = Message.objects.filter(pk__in=numbers).order_by("-created_at", "-id")
    before = {row.pk: row for row in rows.select_for_update()}
    # Asked under the locks: of two who undo at once, the second finds it done.
    undone = {
        event.message_number: event
        for event in events.filter(undone_by__isnull=True, message_number__in=before)
    }
    skipped = decided_later(undone, before, batch)
    for number in skipped:
        del undone[number]
    chunk = Message.objects.filter(pk__in=undone)
    restore(chunk, batch)
    ModerationEvent.objects.bulk_create(
        record.event(undoing, before[number], now, undoes=undone[number])
        for number, now in chunk.in_bulk().items()
    )
    restore_texts(undone.values(), before)
    record.count(undoing, message_count=len(undone), skipped_count=len(skipped))


def decided_later(
    events: Mapping[int | None, ModerationEvent],
    rows: Mapping[int, Message],
    batch: ModerationBatch,
) -> set[int]:
    """Return the numbers of the messages on which an act later than these events stands."""
    of_events = [rows[number or 0] for number in events]
    return changed_later(events.values()) | banned_later(of_events, batch)


def changed_later(events: Iterable[ModerationEvent]) -> set[int]:
    """Return the numbers of those that have a later event, which stands."""
    own = {event.message_number or 0: event for event in events}
    # A rule's hold stands too, or an undoing would publish what it held; and an author's
    # edit against the undoing of a moderator's.
    standing = ModerationEvent.objects.filter(
        Q(batch__isnull=False) | Q(act__in=[Act.HOLD, Act.EDIT]),
        message_number__in=own,
        undone_by__isnull=True,
    ).exclude(act=Act.UNDO)
    return {
        number
        for event in standing
        if (number := event.message_number or 0)
        and event.pk > own[number].pk
        and (event.batch_id or event.act == Act.HOLD or own[number].act == Act.EDIT)
    }


def banned_later(rows: Iterable[Message], batch: ModerationBatch) -> set[int]:
    """Return the numbers of the messages whose senders a later act bans.

    It found some of their messages hidden already, and has no event of them.
    """
    names = {row.pk: bytes(row.sender or b"").hex() for row in rows}
    bans = Rule.objects.living().filter(
        kind=Rule.Kind.SENDER, pattern__in={*names.values()}, batch__gt=batch
    )
    banned = set(bans.values_list("pattern", flat=True))
    return {number for number, name in names.items() if name in banned}


def restore(chunk: MessageQuerySet, batch: ModerationBatch) -> None:
    """Set the messages to what the events of an act tell of the time before it."""
    if batch.act == Act.EDIT:  # which changed but the words
        return
    told = ModerationEvent.objects.filter(batch=batch, message_number=OuterRef("pk"))

    def was(events: QuerySet[ModerationEvent], field: str) -> Subquery:
        return Subquery(events.values(field)[:1])

    # What was kept before its author edited it was another text.
    edited = ModerationEvent.objects.filter(
        message_number=OuterRef("message_number"),
        pk__gt=OuterRef("pk"),
        act=Act.EDIT,
        batch__isnull=True,
    )
    decided = {
        "reason": was(told, "from_reason"),
        "is_kept": Coalesce(was(told.exclude(Exists(edited)), "was_kept"), False),
        # Reports that came since are still to be looked at.
        "waits_since": Coalesce(was(told, "waited_since"), "waits_since"),
    }
    withdrawn = Q(status=Message.Status.WITHDRAWN)
    from_status = was(told, "from_status")
    chunk.exclude(withdrawn).update(status=from_status, **decided)
    # What its author withdrew stays so; if it comes back, then as it was before.
    chunk.filter(withdrawn).update(status_before=from_status, **decided)


def restore_texts(
    undone: Iterable[ModerationEvent], before: dict[int, Message]
) -> None:
    """Give back the words that these events replaced, and keep the ones that go."""
    for text in EarlierText.objects.filter(event__in=[event.pk for event in undone]):
        now = before[text.message_id]
        record.earlier_text(now, text.event.undone_by)
        others = ModerationEvent.objects.filter(
            message_number=now.pk, act=Act.EDIT, undone_by__isnull=True
        )
        last = others.order_by("-pk").first()
        Message.objects.filter(pk=now.pk).update(
            content=text.content,
            author_name=text.author_name,
            edited_at=last and last.created_at,
            is_edited_by_staff=others.filter(batch__isnull=False).exists(),
        )
