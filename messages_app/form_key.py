"""The key each form carries: it names one intention to post, and tells its age.

The key is random and signed with its time, so it needs neither a cookie nor a table. A
form sent twice carries the same key twice, which is how the second one is recognised.
"""

import secrets
import time
from datetime import timedelta

from django.conf import settings
from django.core import signing

signer = signing.TimestampSigner(salt="messages_app.form_key")


class Expired(Exception):
    """The key is ours, and older than WALL_FORM_SECONDS."""


class Forged(Exception):
    """The key is damaged, or was never ours."""


def new() -> str:
    """Return a key for a form that is shown now."""
    return signer.sign(secrets.token_urlsafe(12))


def check(key: str) -> None:
    """Raise Expired or Forged when the key cannot be posted with."""
    try:
        signer.unsign(key, max_age=timedelta(seconds=settings.WALL_FORM_SECONDS))
    except signing.SignatureExpired as error:
        raise Expired from error
    except signing.BadSignature as error:
        raise Forged from error


def age(key: str) -> float | None:
    """Return how many seconds ago the form was shown; None without a key of ours.

    Below zero when the clock of the server that showed it is ahead of this one's.
    """
    try:
        _, _, shown_at = signing.Signer.unsign(signer, key).rpartition(signer.sep)
    except signing.BadSignature:
        return None
    return time.time() - signing.b62_decode(shown_at)
