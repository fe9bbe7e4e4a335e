"""The wall as HTML, and as a feed: built once for all visitors, filled in for each.

What differs from one visitor to the next is the view count and the form. The template
writes a NUL, which no message can hold, around both and in place of the form's key; the
page is kept as the pieces between them, so that showing it is joining bytes.
"""

import hashlib
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import DatabaseError, OperationalError
from django.template.loader import render_to_string
from django.utils import formats
from django.utils.translation import gettext, ngettext
from psycopg.errors import LockNotAvailable, QueryCanceled

from messages_app import (
    feed,
    form_key,
    languages,
    page_views,
    recent_posts,
    search,
    wall_cache,
)
from messages_app.breaker import Breaker
from messages_app.forms import MessageForm, SearchForm
from messages_app.models import Message
from messages_app.pagination import Cursor

logger = logging.getLogger(__name__)

CUT = wall_cache.CUT.decode()  # as the template writes it
# A table that is locked or slow. A server that is away has a breaker of its own.
breaker = Breaker("The list of messages")
SOON_SECONDS = 0.25
is_told = threading.Event()  # by the log, that the messages cannot be read


@dataclass(frozen=True)
class WallPage:
    """The page in pieces; the view count and the form stand between them."""

    # Top, above the form, form before key, after key, rest. Or those of the feed.
    pieces: Sequence[bytes]
    header: wall_cache.Header | None = None  # None: an older page, or not readable
    remark: str = ""  # what the visitor is told of a page that is not up to date
    status: int = 200  # 503: the messages are nowhere to be had

    @property
    def is_readable(self) -> bool:
        return self.status != 503

    def show(
        self,
        *,
        view_count: int,
        form: MessageForm | None = None,
        posts: Sequence[recent_posts.Post] = (),
    ) -> bytes:
        """Return the page for one visitor.

        `form` is one that was refused, shown again with what to mend; `posts` is what
        this browser wrote.
        """
        top, above_form, before_key, after_key, rest = self.pieces
        views = ngettext(
            "This wall has been viewed %(count)s time.",
            "This wall has been viewed %(count)s times.",
            view_count,
        ) % {"count": languages.number(view_count)}
        said = f"{views} {self.remark}".rstrip()
        parts = [top, said.encode(), above_form]
        if posts:
            parts.append(render_posts(posts).encode())
        if form:
            parts.append(render_form(form, key=form.key_to_show).encode())
        else:
            parts += [before_key, form_key.new().encode(), after_key]
        return b"".join([*parts, rest])


def current(
    kept: wall_cache.Kept,
    cursor: Cursor | None = None,
    form: SearchForm | None = None,
) -> WallPage:
    """Return the page as it stands: the newest messages, or those below the cursor.

    With words in a form, those that hold them, or why they cannot be searched for. While
    the database is away that is the last page, or one that tells so.
    """
    if form and not form.is_valid():
        return refused(form, 400)
    try:
        if form and form.words:
            return found(form, cursor)
        return older(cursor) if cursor else newest(kept)
    except DatabaseError as error:
        # Once: it is the same for each page until they can be read again.
        level = logging.DEBUG if is_told.is_set() else logging.ERROR
        is_told.set()
        reason = str(error).partition("\n")[0]  # without the query and its words
        logger.log(level, "The messages cannot be read: %s", reason)
    # Looked at again: something may have been taken down while we waited. (A cache that
    # takes no writes is found out by counting.)
    kept = page_views.look(views=0, name=kept.name)
    if kept.header and kept.is_harmless and not cursor and not (form and form.words):
        built_at = datetime.fromtimestamp(kept.header.built_at, UTC)
        since = gettext("Its messages are shown as of %(time)s UTC.")
        time = formats.time_format(built_at)
        return WallPage(kept.pieces, kept.header, remark=since % {"time": time})
    context = {"message_list": None, "search": form}
    return WallPage(render(context), status=503)


def newest(kept: wall_cache.Kept) -> WallPage:
    """Return the first page, built if need be; raise DatabaseError when it cannot be."""
    if kept.is_current or breaker.may_ask():
        kept = wall_cache.await_page(kept)
    else:
        # Others have asked. If the table is free again, their page comes soon; if not,
        # who waits for it is a thread less for the rest.
        until = breaker.asked_at + SOON_SECONDS
        kept = wall_cache.await_page(kept, others_until=until)
        if not kept.is_current:
            raise OperationalError(breaker.reason)
    if kept.is_current:
        breaker.answered()  # if not to this process, then to another
        logger.debug("The wall's %s came from the cache.", kept.name)
        return WallPage(kept.pieces, kept.header)
    header = wall_cache.begin(kept)
    try:
        rows = read()
    except DatabaseError:
        wall_cache.release(kept)
        raise
    header = header._replace(digest=digest(rows))
    if not (kept.header and kept.is_valid):
        pieces = feed.render(rows) if kept.name == "feed" else render_list(rows)
        header = header._replace(
            ids=[row.id for row in rows[: settings.WALL_PAGE_SIZE]],
            changed_at=wall_cache.changed_at(kept, header, pieces),
        )
        page = WallPage(pieces, header)
        wall_cache.keep(kept, header, pieces)
    elif kept.header.digest == header.digest:
        page = WallPage(kept.pieces, kept.header)
    else:  # nobody told of what has changed, so it can be anything
        wall_cache.forget_for_good()
        return newest(wall_cache.look(name=kept.name))
    if wall_cache.mark_checked(kept):
        page_views.fold()
    return page


def older(cursor: Cursor) -> WallPage:
    """Return the page that begins below the cursor."""
    if not breaker.may_ask():
        raise OperationalError(breaker.reason)
    return WallPage(render_list(read(cursor), before=cursor))


def found(form: SearchForm, cursor: Cursor | None) -> WallPage:
    """Return the page of messages with the words, which begins below the cursor."""
    # A search is no try whether the table answers again: it may be slow by itself.
    if breaker.is_open:
        raise OperationalError(breaker.reason)
    try:
        result = search.find(form.words.split(), cursor)
    except search.TooSlow:
        told = gettext("That takes too long to search for. Use more letters.")
        form.add_error("q", told)
        return refused(form, 422)
    return WallPage(
        render_list(result.rows, before=cursor, walked_to=result.walked_to, search=form)
    )


def refused(form: SearchForm, status: int) -> WallPage:
    """Return a page without messages that tells what is wrong with the words."""
    return WallPage(render({"message_list": [], "search": form}), status=status)


def read(cursor: Cursor | None = None) -> list[Message]:
    """Return the page's messages, and one more if there are older ones."""
    found = Message.objects.visible()
    if cursor:
        found = found.before(cursor)
    shown = ["content", "author_name", "created_at", "edited_at", "is_edited_by_staff"]
    found = found.only("id", *shown)
    try:
        rows = list(found[: settings.WALL_PAGE_SIZE + 1])
    except DatabaseError as error:
        if isinstance(error.__cause__, LockNotAvailable | QueryCanceled):
            breaker.failed(str(error).partition("\n")[0])  # without the query
        raise
    breaker.answered()
    is_told.clear()
    return rows


def digest(rows: Sequence[Message]) -> str:
    """Return what differs when the page would."""
    shown = [
        (
            row.id,
            row.content,
            row.author_name,
            row.created_at,
            row.edited_at,
            row.is_edited_by_staff,
        )
        for row in rows
    ]
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


def render_list(
    rows: Sequence[Message],
    *,
    before: Cursor | None = None,
    walked_to: Cursor | None = None,
    search: SearchForm | None = None,
) -> list[bytes]:
    """Return the pieces of a page with these messages; one too many is not shown."""
    shown = rows[: settings.WALL_PAGE_SIZE]
    for message in shown:
        # No form lets a NUL in, but a command could, and SQLite would keep it.
        message.content = message.content.replace(CUT, "\ufffd")
        message.author_name = message.author_name.replace(CUT, "\ufffd")
    last = shown[-1].cursor if len(rows) > len(shown) else walked_to
    context = {"message_list": shown, "before": before, "older": last}
    return render({**context, "walked_to": walked_to, "search": search})


def render(context: dict[str, Any]) -> list[bytes]:
    """Return the template's pieces."""
    form = render_form(MessageForm(), key=CUT)
    context["search"] = context.get("search") or SearchForm()
    html = render_to_string(
        "messages_app/wall.html",
        {**context, "cut": CUT, "form": form, "lang": languages.chosen.get()},
    )
    return html.encode().split(wall_cache.CUT)


def render_form(form: MessageForm, *, key: str) -> str:
    """Return the form's HTML with this key."""
    return render_to_string("messages_app/_form.html", {"form": form, "form_key": key})


def render_posts(posts: Sequence[recent_posts.Post]) -> str:
    """Return the HTML with which a browser is shown the receipts it holds."""
    newest, *others = posts
    is_new = newest.is_younger_than(settings.WALL_EDIT_SECONDS)
    return render_to_string(
        "messages_app/_posts.html",
        {"newest": newest if is_new else None, "others": others if is_new else posts},
    )
