"""What all addresses share: reading a posted form, and answers that are not pages."""

from urllib.parse import unquote_to_bytes

from django.core.exceptions import DisallowedHost
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

from messages_app import client_address


class HttpResponseSeeOther(HttpResponseRedirect):
    """After a POST: fetch that page with GET. 302 leaves the method open."""

    status_code = 303


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
    if request.content_type == "application/x-www-form-urlencoded":
        try:
            unquote_to_bytes(body).decode()
        except UnicodeDecodeError as error:
            raise BadBody("not UTF-8") from error
    return request.POST


def unavailable(html: bytes) -> HttpResponse:
    """Answer 503 with this page, and when to try again."""
    return HttpResponse(html, status=503, headers={"Retry-After": "10"})  # seconds
