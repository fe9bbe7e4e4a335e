"""What a browser posted, in a signed cookie of that browser: its receipts.

Only who posts is given one. It holds digests and places on the wall, not texts. And it
tells that a text which Back brought up again, in a form with a new key, was posted.
"""

import hashlib
import json
from datetime import timedelta
from typing import NamedTuple

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from messages_app import receipts
from messages_app.models import Message
from messages_app.pagination import Cursor

COOKIE = "posted"
SALT = "messages_app.recent_posts.2"
SECONDS = 30 * 86_400  # the cookie is kept
AGAIN_SECONDS = 600  # so long the same text is taken for the same post
MOST = 20  # posts in one cookie


class Post(NamedTuple):
    """One message of this browser: what names its text, and its place on the wall."""

    digest: str
    place: str

    @property
    def cursor(self) -> Cursor:
        return Cursor.parse(self.place)

    @property
    def token(self) -> str:
        return receipts.token(self.cursor)

    def is_younger_than(self, seconds: int) -> bool:
        return timezone.now() - self.cursor.created_at < timedelta(seconds=seconds)


def digest(message: Message) -> str:
    """Return what names a text and its author's name."""
    parts = json.dumps([message.content, message.author_name])
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


def read(request: HttpRequest) -> list[Post]:
    """Return what this browser posted, newest first."""
    try:
        posts = signing.loads(request.COOKIES[COOKIE], salt=SALT)
    except (KeyError, signing.BadSignature):
        return []
    return [Post(*post) for post in posts]


def find(request: HttpRequest, message: Message) -> Message | None:
    """Return the stored message if this browser posted the same text just now."""
    named = digest(message)
    for post in read(request):
        if post.digest == named and post.is_younger_than(AGAIN_SECONDS):
            stored = receipts.find(post.cursor)
            # One that was edited since does not say the same any more.
            if stored and digest(stored) == named:
                return stored
    return None


def remember(
    request: HttpRequest, response: HttpResponseBase, message: Message
) -> None:
    """Add a message to the cookie."""
    post = Post(digest(message), str(message.cursor))
    others = [other for other in read(request) if other.place != post.place]
    write(response, [post, *others][:MOST])


def forget(request: HttpRequest, response: HttpResponseBase, cursor: Cursor) -> None:
    """Take a message out of the cookie."""
    posts = read(request)
    if left := [post for post in posts if post.cursor != cursor]:
        write(response, left)
    elif posts:
        response.delete_cookie(COOKIE, samesite="Strict")


def write(response: HttpResponseBase, posts: list[Post]) -> None:
    """Give the browser the cookie."""
    response.set_cookie(
        COOKIE,
        signing.dumps(posts, salt=SALT),
        max_age=SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )
