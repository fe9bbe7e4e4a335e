"""Acts carried out while a moderator waits: soon done, or told of as they go on."""

import logging
import time
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib import messages as notices
from django.db import Error
from django.db.models import Count, Max
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import get_language, gettext, ngettext, override
from django.utils.translation import gettext_lazy as _

from messages_app import languages
from messages_app.models import Act, ModerationBatch, WallState
from messages_app.moderation.acts import MOST_SENDERS, Progress, TooManySenders
from messages_app.moderation.undo import CannotUndo

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 2.0  # then a page begins to tell how far it is
NOTHING_CHANGED = _(
    "Nothing was changed: it was so already, or an author or another moderator changed "
    "it meanwhile."
)
CUT = "\0"  # where the lines stand in that page


def run(request: HttpRequest, progress: Progress, *, back: str) -> HttpResponseBase:
    """Do it, and go back; what takes longer is told line by line in a page of its own."""
    until, batch = time.monotonic() + PATIENCE_SECONDS, None
    try:
        for batch in progress:
            if time.monotonic() > until:
                # The middleware's choice of a language has ended when this is read.
                language = get_language()
                lines = tell(request, progress, batch, back, language=language)
                return StreamingHttpResponse(lines)
    except (TooManySenders, CannotUndo) as error:
        notices.error(request, failure(error, batch))
    except Error as error:
        # No redirect: who asked is not to take it for done.
        around = frame(request, gettext("Not all is done"))
        page = end(request, batch, back, error).join(around)
        return HttpResponse(page, status=503, headers={"Retry-After": "10"})
    else:
        if batch and batch.act == Act.UNDO:
            notices.success(request, sentence(batch))
        elif batch and not is_worth_undoing(batch):
            notices.warning(request, str(NOTHING_CHANGED))
        # Anything else the list tells at its top, with a way back.
    return HttpResponseRedirect(back)


def tell(
    request: HttpRequest,
    progress: Progress,
    batch: ModerationBatch,
    back: str,
    *,
    language: str | None,
) -> Iterator[str]:
    """Give a page piece by piece, each when one more chunk of the act is done.

    Who leaves before its end leaves whole chunks, which are recorded.
    """
    with override(language):
        top, bottom = frame(request, gettext("This takes a moment"))
        yield top + line(batch)
        error = None
        try:
            count = batch.message_count
            while further := next(progress, None):
                batch = further
                if batch.message_count > count:
                    yield line(batch)
                count = batch.message_count
        except Error as caught:
            error = caught
        yield end(request, batch, back, error) + bottom


def frame(request: HttpRequest, title: str) -> tuple[str, str]:
    """Return what stands above and below all that is told."""
    context: dict[str, Any] = admin.site.each_context(request)
    context |= {"title": title, "cut": CUT}
    page = render_to_string("admin/messages_app/progress.html", context, request)
    top, _cut, bottom = page.partition(CUT)
    return top, bottom


def end(
    request: HttpRequest,
    batch: ModerationBatch | None,
    back: str,
    error: Exception | None = None,
) -> str:
    """Return what came of it, with a way to take it back."""
    context = {
        "batch": batch,
        "back": back,
        "failure": error and failure(error, batch),
        "sentence": batch and sentence(batch),
        "may_undo": batch and is_worth_undoing(batch),
    }
    return render_to_string("admin/messages_app/done.html", context, request)


def line(batch: ModerationBatch) -> str:
    """Return how far the act is."""
    context = {"batch": batch, "count": languages.number(batch.message_count)}
    return render_to_string("admin/messages_app/_progress_line.html", context)


def failure(error: Exception, batch: ModerationBatch | None) -> str:
    """Return what went wrong, in words, and the next step."""
    if isinstance(error, CannotUndo):
        return gettext(
            "What was erased is gone, and an undoing is not undone: do again what it "
            "took back."
        )
    if isinstance(error, TooManySenders):
        told = gettext(
            "These are messages of more than %(count)s senders, too many for one act. "
            "Nothing was changed: narrow the list down, or hide just the messages."
        )
        return told % {"count": languages.number(MOST_SENDERS)}
    logger.error("An act was broken off: %s", str(error).partition("\n")[0])
    told = gettext(
        "The database did not answer in time. %(count)s messages are done, and can be "
        "undone; the others are as they were. Do the same again to go on."
    )
    return told % {"count": languages.number(batch.message_count if batch else 0)}


def is_worth_undoing(batch: ModerationBatch) -> bool:
    is_of_wall = batch.act in (Act.BAN, Act.MODE)
    return batch.can_be_undone and bool(batch.message_count or is_of_wall)


def unfinished(batch: ModerationBatch) -> str:
    """Return that an act has not reached its end, with the next step; else nothing."""
    if not batch.is_unfinished:
        return ""
    told = gettext(
        "This act was broken off before its end, or still goes on: %(count)s done. Do "
        "it again, or undo it."
    )
    return told % {"count": languages.number(batch.message_count)}


def banned(batch: ModerationBatch) -> str:
    """Return how many senders an act keeps out, and until when."""
    bans = batch.bans.aggregate(count=Count("pk"), until=Max("expires_at"))
    if not bans["count"]:
        return gettext("Its bans are over or lifted.")
    told = ngettext(
        "%(count)s sender is banned until %(time)s.",
        "%(count)s senders are banned until %(time)s.",
        bans["count"],
    )
    time = date_format(localtime(bans["until"]), "DATETIME_FORMAT")
    return told % {"count": languages.number(bans["count"]), "time": time}


def sentence(batch: ModerationBatch) -> str:
    """Return what the moderator did by this act."""
    count = batch.message_count
    hid = ngettext("You hid %(count)s message.", "You hid %(count)s messages.", count)
    told = {
        Act.PUBLISH: ngettext(
            "You published %(count)s message.",
            "You published %(count)s messages.",
            count,
        ),
        Act.HIDE: hid,
        Act.BAN: hid,
        Act.EDIT: gettext("You edited a message."),
        Act.UNDO: ngettext(
            "Undone: %(count)s message is as it was before.",
            "Undone: %(count)s messages are as they were before.",
            count,
        ),
    }.get(Act(batch.act), str(Act(batch.act).label))
    if Act.MODE in (batch.act, batch.undoes and batch.undoes.act):
        mode = WallState.objects.current().get_effective_mode().label
        told = gettext("The wall's mode is now: %(mode)s.") % {"mode": mode}
    else:
        told %= {"count": languages.number(count)}
    if batch.act == Act.BAN:
        told += " " + banned(batch)
    if note := unfinished(batch):
        told += " " + note
    if batch.skipped_count:
        left = ngettext(
            "%(count)s was left as it is: a later act stands on it.",
            "%(count)s were left as they are: a later act stands on them.",
            batch.skipped_count,
        )
        told += " " + left % {"count": languages.number(batch.skipped_count)}
    return told
