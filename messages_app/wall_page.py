"""The wall as HTML: built once for all visitors, filled in for each.

What differs from one visitor to the next is the view count and the form. The template
writes a NUL, which no message can hold, around both and in place of the form's key; the
page is kept as the pieces between them, so that showing it is joining strings.
"""

import logging
from typing import Any, NamedTuple

from django.conf import settings
from django.db import DatabaseError
from django.template.loader import render_to_string

from messages_app import form_key, wall_cache
from messages_app.forms import MessageForm
from messages_app.models import Message
from messages_app.pagination import Cursor

logger = logging.getLogger(__name__)

CUT = "\0"


class WallPage(NamedTuple):
    """The pieces of the page, in order; the view count and the form stand between."""

    top: str
    above_form: str
    form_before_key: str
    form_after_key: str
    rest: str

    def show(self, *, view_count: int) -> str:
        """Return the page with an empty form."""
        form = self.form_before_key + form_key.new() + self.form_after_key
        return self._join(view_count, form)

    def show_refused(self, form: MessageForm, *, view_count: int) -> str:
        """Return the page with the visitor's text in the form, and what to mend."""
        return self._join(view_count, render_form(form, key=form.key_to_show))

    def _join(self, view_count: int, form: str) -> str:
        times = "time" if view_count == 1 else "times"
        views = f"This wall has been viewed {view_count} {times}."
        return f"{self.top}{views}{self.above_form}{form}{self.rest}"


def current(cursor: Cursor | None) -> tuple[WallPage, bool]:
    """Return the page as it stands, and whether its messages could be read.

    The first page comes from the cache or else the database; the page below a cursor
    from the database.
    """
    try:
        return (build(cursor) if cursor else newest()), True
    except DatabaseError as error:
        logger.error("The messages cannot be read: %s", error)
        return render({"message_list": None}), False


def newest() -> WallPage:
    """Return the first page; raise DatabaseError when nobody has it."""
    if kept := wall_cache.current_page():
        return WallPage(*kept)
    version = wall_cache.begin_build()
    page = build(None)
    wall_cache.keep(page, version)
    return page


def build(cursor: Cursor | None) -> WallPage:
    """Return the page made from the database; raise DatabaseError without one."""
    found = Message.objects.visible()
    if cursor:
        found = found.before(cursor)
    # One more than is shown tells whether there are older ones.
    size = settings.WALL_PAGE_SIZE
    rows = list(found.only("id", "content", "author_name", "created_at")[: size + 1])
    shown = rows[:size]
    return render(
        {
            "message_list": shown,
            "is_older": cursor is not None,
            "older": shown[-1].cursor if len(rows) > size else None,
        }
    )


def render(context: dict[str, Any]) -> WallPage:
    """Return the template's pieces."""
    form = render_form(MessageForm(), key=CUT)
    html = render_to_string(
        "messages_app/wall.html", {**context, "cut": CUT, "form": form}
    )
    return WallPage(*html.split(CUT))


def render_form(form: MessageForm, *, key: str) -> str:
    """Return the form's HTML with this key."""
    return render_to_string("messages_app/_form.html", {"form": form, "form_key": key})
