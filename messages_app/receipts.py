"""The author's private link to a message, which anyone who has it may use.

Its token is the message's place on the wall, signed: nobody can guess another's, nothing
need be stored, and a message that a restored backup gives the same number is another one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core import signing
from django.utils import timezone
from django.utils.translation import gettext as _

from messages_app.models import Message, in_words
from messages_app.pagination import Cursor

signer = signing.Signer(salt="messages_app.receipt", sep=".")


class BadToken(ValueError):
    """The text is no token of this wall."""


def token(cursor: Cursor) -> str:
    """Return the token of the message at this place."""
    return signer.sign(str(cursor))


def read(token: str) -> Cursor:
    """Return the place that the token names; raise BadToken."""
    try:
        return Cursor.parse(signer.unsign(token))
    except signing.BadSignature as error:
        raise BadToken from error


def find(cursor: Cursor) -> Message | None:
    """Return the message at this place; None when it was erased."""
    return Message.objects.at(cursor).first()


@dataclass(frozen=True)
class Receipt:
    """What its author is told of a message, and may do with it."""

    message: Message

    @property
    def changeable_until(self) -> datetime:
        """The end of the time for editing, withdrawing and undoing."""
        window = timedelta(seconds=settings.WALL_EDIT_SECONDS)
        return self.message.created_at + window

    @property
    def is_in_time(self) -> bool:
        return timezone.now() < self.changeable_until

    @property
    def may_change(self) -> bool:
        return self.is_in_time and self.message.status in Message.OPEN

    @property
    def may_undo(self) -> bool:
        return (
            self.is_in_time
            and self.message.status == Message.Status.WITHDRAWN
            and self.message.status_before in Message.OPEN
        )

    @property
    def state(self) -> str:
        """The message's state, in a sentence."""
        return {
            Message.Status.PUBLISHED: _("Your message is on the wall"),
            Message.Status.HELD: _("Your message waits for a moderator"),
            Message.Status.HIDDEN: _("Your message was taken off the wall"),
            Message.Status.WITHDRAWN: _("You withdrew your message"),
        }[Message.Status(self.message.status)]

    @property
    def reason(self) -> str:
        """Why it is in that state, in a sentence; empty where there is no more to say."""
        if self.message.status == Message.Status.WITHDRAWN:
            return ""
        return in_words(self.message.reason) or {
            Message.Status.HELD: _(
                "It shows on the wall once a moderator publishes it."
            ),
            Message.Status.HIDDEN: _("A moderator decided so."),
        }.get(Message.Status(self.message.status), "")
