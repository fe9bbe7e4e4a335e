"""The wall as an Atom feed, in pieces: between them stands the wall's own address.

So one feed, built once, serves all names that the wall answers to.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from django.conf import settings
from django.template.loader import render_to_string

from messages_app import wall_cache
from messages_app.models import Message

# No form lets them in, but a command could; one would make the feed unreadable.
NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)  # when an empty wall was last changed


def render(rows: Sequence[Message]) -> list[bytes]:
    """Return the pieces of a feed with these messages; one too many is not shown."""
    shown = rows[: settings.WALL_PAGE_SIZE]
    for message in shown:
        message.content = NOT_XML.sub("\ufffd", message.content)
        message.author_name = NOT_XML.sub("\ufffd", message.author_name)
    context = {
        "message_list": shown,
        "updated_at": max((row.updated_at for row in shown), default=BEGINNING),
        "authority": authority(),
        "cut": wall_cache.CUT.decode(),
    }
    xml = render_to_string("messages_app/feed.xml", context)
    return xml.encode().split(wall_cache.CUT)


def authority() -> str:
    """Return the name under which the ids of this wall are unique, whoever asks."""
    # Not the name, scheme or port of the request: an id that changes is another entry.
    names = [*settings.SITE_ADDRESS, *settings.ALLOWED_HOSTS]
    return next(iter(names), "").lstrip("*.") or "localhost"
