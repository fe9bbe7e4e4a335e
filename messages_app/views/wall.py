"""The wall: read it, write on it."""

import logging

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from messages_app import languages, page_views, recent_posts, wall_page
from messages_app.forms import MessageForm
from messages_app.pagination import BadCursor, Cursor
from messages_app.same_origin import is_same_origin
from messages_app.views.requests import (
    BadBody,
    HttpResponseSeeOther,
    bad_request,
    read_form,
    unavailable,
)

logger = logging.getLogger(__name__)


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
        form.refuse(_("This is far more than the wall takes."), code="too_large")
        return refuse(form, 413)
    except BadBody as error:
        return bad_request(request, error)
    try:
        if not is_same_origin(request):
            form.refuse(
                _(
                    "This was sent from another site. "
                    "If it is yours, post it from here."
                ),
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
            _(
                "The wall cannot store messages right now. Your text is kept here: "
                "post it again in a minute."
            ),
            code="database_away",
        )
        return refuse(form, 503)
    response = HttpResponseSeeOther(languages.url("messages_app:wall"))
    recent_posts.remember(request, response, posted)
    return response


def refuse(form: MessageForm, status_code: int) -> HttpResponse:
    """Answer with the page again, the visitor's text in it, and what to mend."""
    kept = page_views.look(views=0)
    page = wall_page.current(kept)
    html = page.show_refused(form, view_count=page_views.total(kept.answer))
    if status_code == 503:
        return unavailable(html)
    return HttpResponse(html, status=status_code)
