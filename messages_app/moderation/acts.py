"""What moderators do: to one message or to thousands, recorded, and to be taken back.

An act goes through its messages a chunk at a time, each in a transaction of its own: no
lock is held for long, nothing times out, and what is done is recorded, wherever it ends.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from messages_app.models import (
    Act,
    DatabaseNow,
    Message,
    MessageQuerySet,
    Mode,
    ModerationBatch,
    ModerationEvent,
    Rule,
    WallState,
)
from messages_app.moderation import record

# Messages in one transaction. Each stands in nine indexes, one of them of its words: on a
# machine that a flood keeps busy, a thousand took longer than a query may.
CHUNK = 250
LONGEST_BAN = timedelta(days=28)  # the names of senders live as long: see senders.py
MOST_SENDERS = 10_000  # whose messages one act can hide

Progress = Iterator[ModerationBatch]  # the act so far, after each chunk


class TooManySenders(Exception):
    """One act cannot hide the messages of so many senders."""


def finish(progress: Progress) -> ModerationBatch:
    """Do all of it; return the act."""
    *_, batch = progress
    return batch


def publish(messages: MessageQuerySet, *, actor: str) -> Progress:
    """Put the messages on the wall, or keep what visitors reported."""
    batch = ModerationBatch(act=Act.PUBLISH, actor=actor, is_unfinished=True)
    batch.save()
    yield from carry_out(batch, messages, MessageQuerySet.publish)
    record.end(batch)


def hide(messages: MessageQuerySet, *, actor: str, reason: str = "") -> Progress:
    """Take the messages off the wall; the reason is told to their authors."""
    batch = ModerationBatch(
        act=Act.HIDE, actor=actor, reason=reason, is_unfinished=True
    )
    batch.save()
    yield from carry_out(batch, messages, lambda chunk: chunk.hide(reason))
    record.end(batch)


def erase(messages: MessageQuerySet, *, actor: str) -> Progress:
    """Delete the messages with all that is stored about them; their events stay.

    This cannot be undone.
    """
    batch = ModerationBatch.objects.create(act=Act.ERASE, actor=actor)
    rest = messages.order_by("-created_at", "-id")
    while True:
        with transaction.atomic():
            rows = list(rest.select_for_update(of=("self",))[:CHUNK])
            ModerationEvent.objects.bulk_create(
                record.event(batch, row, Message(status="")) for row in rows
            )
            Message.objects.filter(pk__in=[row.pk for row in rows]).delete()
            record.count(batch, message_count=len(rows))
        yield batch
        if rows:
            rest = messages.order_by("-created_at", "-id").before(rows[-1].cursor)
        elif not rest.exists():  # else another erased just these
            return


def hide_senders(
    messages: MessageQuerySet, *, actor: str, reason: str = ""
) -> Progress:
    """Hide these messages, and all others of those who sent them.

    Raises TooManySenders.
    """
    batch = ModerationBatch(act=Act.HIDE, actor=actor, reason=reason)
    yield from hide_all_of(batch, messages)


def ban(
    messages: MessageQuerySet,
    *,
    actor: str,
    reason: str = "",
    lasts: timedelta = LONGEST_BAN,
) -> Progress:
    """Hide all messages of those who sent these, and let them post no more for a while.

    Raises TooManySenders.
    """
    batch = ModerationBatch(act=Act.BAN, actor=actor, reason=reason)
    yield from hide_all_of(batch, messages, lasts=min(lasts, LONGEST_BAN))


def hide_all_of(
    batch: ModerationBatch, messages: MessageQuerySet, lasts: timedelta | None = None
) -> Progress:
    # Looked up first: what is hidden may not be among `messages` any more.
    sent = messages.filter(sender__isnull=False).order_by()
    senders = list(sent.values_list("sender", flat=True).distinct()[: MOST_SENDERS + 1])
    if len(senders) > MOST_SENDERS:
        raise TooManySenders
    if not senders:
        batch.act = Act.HIDE  # what no visitor sent bans nobody
    batch.is_unfinished = True
    with transaction.atomic():
        batch.save()
        if lasts:
            until = timezone.now() + lasts
            Rule.objects.bulk_create(
                Rule(
                    kind=Rule.Kind.SENDER,
                    pattern=bytes(sender or b"").hex(),
                    verdict=Rule.Verdict.REFUSE,
                    expires_at=until,
                    note=batch.reason,
                    created_by=batch.actor,
                    batch=batch,
                )
                for sender in senders
            )

    def hide(chunk: MessageQuerySet) -> int:
        return chunk.hide(batch.reason)

    # What no visitor sent, as an import, has no sender to go by.
    yield from carry_out(batch, messages.filter(sender__isnull=True), hide)
    for start in range(0, len(senders), 100):
        of_them = Message.objects.filter(sender__in=senders[start : start + 100])
        yield from carry_out(batch, of_them, hide)
    record.end(batch)


def carry_out(
    batch: ModerationBatch,
    messages: MessageQuerySet,
    change: Callable[[MessageQuerySet], int],
) -> Progress:
    """Do it to the messages, newest first, a chunk at a time.

    Ends if somebody undoes it meanwhile.
    """
    rest = messages.order_by("-created_at", "-id")
    while True:
        with transaction.atomic():
            goes_on = record.goes_on(batch)
            # All in one order, so that two who act at once wait for each other in turn.
            rows = list(rest.select_for_update(of=("self",))[: goes_on and CHUNK])
            chunk = Message.objects.filter(pk__in=[row.pk for row in rows])
            if rows and change(chunk):
                events = [
                    record.event(batch, row, now)
                    for row, now in before_and_after(rows, chunk)
                    if decision(row) != decision(now)
                ]
                ModerationEvent.objects.bulk_create(events)
                record.count(batch, message_count=len(events))
        yield batch
        if rows:
            rest = messages.order_by("-created_at", "-id").before(rows[-1].cursor)
        elif not (goes_on and rest.exists()):  # else another changed just these
            return


def decision(message: Message) -> tuple:
    """Return all that an act may change of a message, and an undo gives back."""
    return (
        message.decided_status,
        message.reason,
        message.is_kept,
        message.waits_since,
    )


def before_and_after(
    rows: Sequence[Message], chunk: MessageQuerySet
) -> Iterable[tuple[Message, Message]]:
    now = chunk.in_bulk()
    return [(row, now[row.pk]) for row in rows]


def edit(message: Message, *, content: str, author_name: str, actor: str) -> bool:
    """Replace the words of a message, which the wall then tells; keep the earlier ones.

    `message` is as it was shown: returns False when its words are others by now.
    """
    with transaction.atomic():
        rows = Message.objects.filter(pk=message.pk, edited_at=message.edited_at)
        before = rows.select_for_update().first()
        if before is None:
            return False
        batch = ModerationBatch.objects.create(
            act=Act.EDIT, actor=actor, message_count=1
        )
        replaced = record.event(batch, before, before)
        replaced.save()
        record.earlier_text(before, replaced)
        rows.update(
            content=content,
            author_name=author_name,
            edited_at=DatabaseNow(),
            is_edited_by_staff=True,
        )
    return True


def set_mode(mode: Mode, *, actor: str) -> None:
    """Switch the wall's mode, in all processes at once."""
    with transaction.atomic():
        WallState.objects.current()
        state = WallState.objects.select_for_update().get(pk=1)
        if state.mode != mode:
            record.mode_changed(state.mode, mode, actor=actor)
            WallState.objects.filter(pk=1).update(mode=mode)


def open_valve(*, actor: str) -> bool:
    """End what the flood valve asks for; return False if it asks for nothing any more.

    It then rests as long as a calm would have to last, though the flood goes on. Undoing
    this makes the wall as strict again by the moderators' own mode.
    """
    with transaction.atomic():
        state = WallState.objects.select_for_update().filter(pk=1).first()
        if state is None or not state.valve_mode:
            return False
        record.mode_changed(state.get_effective_mode(), state.mode, actor=actor)
        rests_until = timezone.now() + timedelta(minutes=state.calm_minutes)
        WallState.objects.filter(pk=1).update(valve_mode="", valve_at=rests_until)
    return True
