"""What all addresses share: reading a posted form, and why something is refused."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import unquote_to_bytes

from django.core.exceptions import (
    DisallowedHost,
    RequestDataTooBig,
    TooManyFieldsSent,
)
from django.db import DatabaseError
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseRedirect,
    QueryDict,
    UnreadablePostError,
)
from django.http.request import split_domain_port
from django.template.loader import render_to_string
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from messages_app import client_address, same_origin, throttle
from messages_app.models import Message
from messages_app.moderation.rules import Verdict

logger = logging.getLogger(__name__)


class HttpResponseSeeOther(HttpResponseRedirect):
    """After a POST: fetch that page with GET. 302 leaves the method open."""

    status_code = 303


def read_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Answer GET and HEAD, and anything else with 405; there is no form to protect."""
    return csrf_exempt(require_safe(view))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400, in the wall's own look.

    Who asks from nearby, by a name the wall does not answer to, may well run it: that
    one is told where names are listed.
    """
    unknown_host = ""
    if isinstance(exception, DisallowedHost) and client_address.is_nearby(request):
        unknown_host, _ = split_domain_port(request.META.get("HTTP_HOST", ""))
    return HttpResponseBadRequest(
        render_to_string("400.html", {"unknown_host": unknown_host})
    )


class BadBody(ValueError):
    """The body is not what the browser meant to send."""


class Refused(Exception):
    """What a visitor wants is not done: why, in words, and with which status."""

    def __init__(
        self, status: int, code: str, reason: str, *, retry_after: int | None = None
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.reason = status, code, reason
        self.headers = {"Retry-After": str(retry_after)} if retry_after else {}


@contextmanager
def refusals() -> Iterator[None]:
    """Raise as Refused what can go wrong with any form that a visitor sends."""
    try:
        yield
    except (RequestDataTooBig, TooManyFieldsSent) as error:
        reason = _("This is far more than the wall takes.")
        raise Refused(413, "too_large", reason) from error
    except throttle.TooMany as error:
        raise too_many(error) from error
    except DatabaseError as error:
        logger.error("What a visitor sent cannot be stored: %s", error)
        reason = _(
            "The wall cannot store anything right now. Your text is kept here: "
            "send it again in a minute."
        )
        raise Refused(503, "database_away", reason, retry_after=10) from error


def too_many(error: throttle.TooMany) -> Refused:
    """Return the refusal of what was done too often."""
    if error.by_all:
        what = _("The wall has very much to do just now.")
    else:
        what = _("That was a lot in a short time.")
    minutes, seconds = -(-error.seconds // 60), error.seconds
    if seconds > 90:
        wait = ngettext(
            "Try again in %(count)d minute.", "Try again in %(count)d minutes.", minutes
        ) % {"count": minutes}
    else:
        wait = ngettext(
            "Try again in %(count)d second.", "Try again in %(count)d seconds.", seconds
        ) % {"count": seconds}
    return Refused(429, "too_many", f"{what} {wait}", retry_after=seconds)


def refused_by_rule(verdict: Verdict) -> Refused:
    """Return the refusal of what a moderator's rule does not take: never by which word."""
    reason = {
        Message.Reason.WORD: _(
            "This holds words that this wall does not take. Change your text, "
            "which is kept here, and send it again."
        ),
        Message.Reason.DOMAIN: _(
            "This links to a site that this wall does not take. Remove the link and "
            "send it again."
        ),
    }.get(Message.Reason(verdict.reason))
    return Refused(422, verdict.reason, reason or banned(verdict.until))


def banned(until: datetime | None) -> str:
    if until is None:
        return str(Message.Reason.BANNED.label)
    time = formats.date_format(until.astimezone(UTC), "DATETIME_FORMAT")
    return _(
        "Nothing can be posted from your network until %(time)s UTC. "
        "Keep your text until then, and send it again."
    ) % {"time": time}


def refuse_other_sites(request: HttpRequest) -> None:
    """Raise Refused for a form that another site's page sent."""
    if not same_origin.is_same_origin(request):
        reason = _(
            "This was sent from another site. If it is yours, send it from here."
        )
        raise Refused(403, "cross_site", reason)


def read_form(request: HttpRequest) -> QueryDict:
    """Return the posted fields.

    Raises BadBody for a body that was cut off on its way or is not UTF-8: half a message
    is not the visitor's message. Raises RequestDataTooBig and TooManyFieldsSent.
    """
    # Some encodings that a client may declare raise where they are used.
    request.encoding = "utf-8"
    try:
        body = request.body
    except UnreadablePostError as error:
        raise BadBody("cut off") from error
    if len(body) != int(request.META.get("CONTENT_LENGTH") or 0):
        raise BadBody("cut off")
    if "Transfer-Encoding" in request.headers:  # of which nothing was read
        raise BadBody("of unknown length")
    if request.content_type == "application/x-www-form-urlencoded":
        try:
            unquote_to_bytes(body).decode()
        except UnicodeDecodeError as error:
            raise BadBody("not UTF-8") from error
    return request.POST


def unavailable(html: bytes) -> HttpResponse:
    """Answer 503 with this page, and when to try again."""
    return HttpResponse(html, status=503, headers={"Retry-After": "10"})  # seconds
