"""The moderators' queue as Atom: that messages wait and why, by a private address each.

A feed reader keeps what it is given, often at a service elsewhere, and knows of no later
erasing: so no visitor's word is in it.
"""

import re
from contextlib import suppress

from django.contrib.auth.models import User
from django.core import signing
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from messages_app import feed
from messages_app.models import Message, in_words
from messages_app.moderation.notices import moderators

MOST_ENTRIES = 50


class BadToken(ValueError):
    """The text names no moderator, or not any more."""


def token(user: User) -> str:
    """Return the moderator's token, which another password ends."""
    return signer(user.get_session_auth_hash()).sign(str(user.pk))


def read(token: str) -> User:
    """Return the moderator whose token it is; raise BadToken."""
    number = re.match(r"([0-9]{1,18})\.", token)
    user = moderators().filter(pk=int(number[1])).first() if number else None
    if user is None:
        raise BadToken
    for auth in [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]:
        with suppress(signing.BadSignature):
            signer(auth).unsign(token)
            return user
    raise BadToken


def signer(auth: str) -> signing.Signer:
    return signing.Signer(salt=f"messages_app.queue_feed.{auth}", sep=".")


def render(address: str) -> bytes:
    """Return the feed of what waits, newest first; `address` is the wall's own."""
    # Of many that wait, a reader is to see each new one arrive.
    rows = Message.objects.waiting().reverse()
    rows = rows.only("id", "reason", "report_count", "waits_since")
    shown = list(rows[:MOST_ENTRIES])
    context = {
        "entries": [(row, reason(row)) for row in shown],
        "updated_at": max(
            (row.waits_since for row in shown if row.waits_since),
            default=feed.BEGINNING,
        ),
        "authority": feed.authority(),
        "address": address,
    }
    return render_to_string("messages_app/queue.xml", context).encode()


def reason(message: Message) -> str:
    """Return why a moderator is to look at the message."""
    written = feed.NOT_XML.sub("\ufffd", in_words(message.reason))
    return written or _("It waits for a moderator.")
