"""What the public is told of moderation: what was done, when and why, and of no one.

No text, no name of a visitor, no sender, no number of a message, no moderator.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import OuterRef, Q, Subquery
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from messages_app import languages
from messages_app.models import Act, Mode, ModerationBatch, ModerationEvent, in_words

PAGE_SIZE = 50  # entries


@dataclass(frozen=True)
class Entry:
    """An act, as the public is told of it."""

    number: int  # of the act: the place on the page
    created_at: datetime
    what: str
    reason: str


def read(before: int | None = None) -> tuple[list[Entry], int | None]:
    """Return a page of entries, newest first, and before which number the next begins."""
    of_wall = ModerationEvent.objects.filter(batch=OuterRef("pk"), message_number=None)
    acts = ModerationBatch.objects.annotate(
        mode=Subquery(of_wall.values("to_status")[:1])
    )
    # Not an act that came to nothing, nor that something was erased.
    is_ban = Q(act=Act.BAN) | Q(undoes__act=Act.BAN)
    shown = acts.filter(Q(message_count__gt=0) | Q(mode__isnull=False) | is_ban)
    shown = shown.exclude(act=Act.ERASE).select_related("undoes").order_by("-pk")
    if before is not None:
        shown = shown.filter(pk__lt=before)
    rows = list(shown[: PAGE_SIZE + 1])
    entries = [entry(row) for row in rows[:PAGE_SIZE]]
    return entries, entries[-1].number if len(rows) > PAGE_SIZE else None


def entry(batch: ModerationBatch) -> Entry:
    undone = batch.undoes
    done = describe((undone or batch).act, batch.message_count, batch.mode)  # type: ignore[attr-defined]  # annotated
    what = _("Undone: %(what)s") % {"what": done} if undone else done
    reason = in_words((undone or batch).reason)
    return Entry(batch.pk, batch.created_at, what, reason)


def describe(act: str, count: int, mode: str | None) -> str:
    """Return what was done to so many messages, or to the wall's mode."""
    if mode:
        label = Mode(mode).label if mode in Mode.values else mode
        return _("How the wall is moderated: %(mode)s") % {"mode": label}
    return DONE[act](count) % {"count": languages.number(count)}


DONE: dict[str, Callable[[int], str]] = {
    Act.PUBLISH: lambda count: ngettext(
        "%(count)s message published", "%(count)s messages published", count
    ),
    Act.HIDE: lambda count: ngettext(
        "%(count)s message hidden", "%(count)s messages hidden", count
    ),
    Act.BAN: lambda count: ngettext(
        "%(count)s message hidden, and its sender kept out for a while",
        "%(count)s messages hidden, and their senders kept out for a while",
        count,
    ),
    Act.HOLD: lambda count: ngettext(
        "%(count)s message held", "%(count)s messages held", count
    ),
    Act.EDIT: lambda count: ngettext(
        "%(count)s message edited by a moderator, which is marked on it",
        "%(count)s messages edited by a moderator, which is marked on them",
        count,
    ),
}
