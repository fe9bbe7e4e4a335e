"""HTTP in, HTTP out."""

import dataclasses
import logging
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
    JsonResponse,
    QueryDict,
    UnreadablePostError,
)
from django.http.request import split_domain_port
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from messages_app import (
    client_address,
    health,
    page_views,
    recent_posts,
    status,
    wall_page,
)
from messages_app.forms import MessageForm
from messages_app.pagination import BadCursor, Cursor
from messages_app.same_origin import is_same_origin

logger = logging.getLogger(__name__)


class HttpResponseSeeOther(HttpResponseRedirect):
    """After a POST: fetch that page with GET. 302 leaves the method open."""

    status_code = 303


@csrf_exempt  # is_same_origin() does its work, without a cookie
@require_http_methods(["GET", "HEAD", "POST"])
@cache_control(private=True, no_cache=True)
def wall(request: HttpRequest) -> HttpResponse:
    """Show the wall, or post to it."""
    return post(request) if request.method == "POST" else read(request)


def read(request: HttpRequest) -> HttpResponse:
    """Answer with the newest messages, or those below the cursor in `?before=`."""
    before = request.GET.get("before")
    try:
        cursor = None if before is None else Cursor.parse(before)
    except BadCursor as error:
        return bad_request(request, error)
    views = 1 if request.method == "GET" else 0
    kept = page_views.look(views=views)
    page = wall_page.current(kept, cursor)
    if page.is_readable:
        return HttpResponse(page.show(view_count=page_views.total(kept.answer)))
    return unavailable(page.show(view_count=page_views.take_back(kept.answer, views)))


def post(request: HttpRequest) -> HttpResponse:
    """Store the message and send the browser to the page, or say what to mend."""
    try:
        form = MessageForm(
            read_form(request), request_id=request.headers.get("X-Request-ID", "")
        )
    except (RequestDataTooBig, TooManyFieldsSent):
        form = MessageForm({})
        form.refuse("This is far more than the wall takes.", code="too_large")
        return refuse(form, 413)
    except BadBody as error:
        return bad_request(request, error)
    try:
        if not is_same_origin(request):
            form.refuse(
                "This was sent from another site. If it is yours, post it from here.",
                code="cross_site",
            )
            return refuse(form, 403)
        if not form.is_valid():
            return refuse(form, 422)
        message = form.instance
        posted = recent_posts.digest(message.content, message.author_name)
        if posted not in recent_posts.read(request):
            form.save()
    except DatabaseError as error:
        logger.error("A message cannot be stored: %s", error)
        form.refuse(
            "The wall cannot store messages right now. Your text is kept here: "
            "post it again in a minute.",
            code="database_away",
        )
        return refuse(form, 503)
    response = HttpResponseSeeOther(reverse("messages_app:wall"))
    recent_posts.remember(request, response, posted)
    return response


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


def refuse(form: MessageForm, status_code: int) -> HttpResponse:
    """Answer with the page again, the visitor's text in it, and what to mend."""
    kept = page_views.look(views=0)
    page = wall_page.current(kept)
    html = page.show_refused(form, view_count=page_views.total(kept.answer))
    if status_code == 503:
        return unavailable(html)
    return HttpResponse(html, status=status_code)


def unavailable(html: bytes) -> HttpResponse:
    """Answer 503 with this page, and when to try again."""
    return HttpResponse(html, status=503, headers={"Retry-After": "10"})  # seconds


@require_safe
@never_cache
def show_status(request: HttpRequest) -> HttpResponse:
    """Show the timestamp that is cached for ten seconds: JSON, or a page to a browser."""
    now = dataclasses.asdict(status.current())
    kind = request.get_preferred_type(["application/json", "text/html"])
    if kind == "text/html":
        response = render(request, "messages_app/status.html", {"now": now})
    else:
        response = JsonResponse(now)
    patch_vary_headers(response, ["Accept"])
    return response


@require_safe
@never_cache
def livez(request: HttpRequest) -> HttpResponse:
    """Tell that this process lives."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Tell whether to send visitors here, and how each part is."""
    is_ready, parts = health.report()
    return JsonResponse(parts, status=200 if is_ready else 503)
