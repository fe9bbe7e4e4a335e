"""What a browser posted in the last ten minutes, in a signed cookie of that browser.

Back brings a posted text up again, but in a form with a new key. The cookie tells that it
is the same post. Only who posts is given one, and it holds digests, not texts.
"""

import hashlib
import json
import time

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

COOKIE = "posted"
SALT = "messages_app.recent_posts"
SECONDS = 600
MOST = 20  # posts in one cookie


def digest(content: str, author_name: str) -> str:
    """Return what names a text and its author's name."""
    parts = json.dumps([content, author_name])
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


def read(request: HttpRequest) -> dict[str, float]:
    """Return the digests of what this browser posted lately, each with its time."""
    try:
        posts = signing.loads(request.COOKIES[COOKIE], salt=SALT)
    except (KeyError, signing.BadSignature):
        return {}
    since = time.time() - SECONDS
    return {posted: at for posted, at in posts.items() if at > since}


def remember(request: HttpRequest, response: HttpResponse, posted: str) -> None:
    """Add a post to the cookie."""
    posts = read(request)
    posts.setdefault(posted, time.time())  # of the one that was stored, not its repeats
    response.set_cookie(
        COOKIE,
        signing.dumps(dict(list(posts.items())[-MOST:]), salt=SALT),
        max_age=SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )
