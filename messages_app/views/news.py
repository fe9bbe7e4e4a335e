"""What is new, for programs that ask again and again."""

import hashlib
import re
import time
from collections.abc import Sequence

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import http_date
from django.utils.translation import ngettext
from django.views.decorators.cache import cache_control, never_cache

from messages_app import languages, page_views, wall_page
from messages_app import queue_feed as queue
from messages_app.pagination import LARGEST_ID
from messages_app.views.requests import bad_request, read_only, unavailable


@read_only
@cache_control(no_cache=True)  # what was taken down must not be shown from a copy
def feed(request: HttpRequest) -> HttpResponse:
    """Answer with the newest messages as Atom, or that they are as they were."""
    found = wall_page.current(page_views.look(views=0, name="feed"))
    if not found.header:
        return unavailable(render_to_string("503.html").encode())
    body = own_address(request).encode().join(found.pieces)
    response = HttpResponse(body, "application/atom+xml; charset=utf-8")
    etag = response["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    changed_at: int | None = int(found.header.changed_at)
    if changed_at and changed_at <= time.time():  # after several changes in one second
        response["Last-Modified"] = http_date(changed_at)
    else:
        changed_at = None
    patch_vary_headers(response, ["Accept-Language"])
    return get_conditional_response(request, etag, changed_at, response)  # type: ignore[return-value]  # not None, as the response is not


@read_only
@never_cache
def queue_feed(request: HttpRequest, token: str) -> HttpResponse:
    """Answer with what waits for moderators, to one who has the address."""
    try:
        queue.read(token)
    except queue.BadToken as error:
        raise Http404 from error
    body = queue.render(own_address(request))
    response = HttpResponse(body, "application/atom+xml; charset=utf-8")
    response["X-Robots-Tag"] = "noindex"
    etag = response["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return get_conditional_response(request, etag, response=response)  # type: ignore[return-value]  # as above


def own_address(request: HttpRequest) -> str:
    """Return scheme and name of the wall: its name on the internet, if it has one."""
    if settings.SITE_ADDRESS:
        return f"https://{settings.SITE_ADDRESS[0]}"
    return f"{request.scheme}://{request.get_host()}"


@read_only
@cache_control(no_store=True)
def updates(request: HttpRequest) -> HttpResponse:
    """Answer how many messages came to the page after one of it; 204 for none."""
    since = request.GET.get("since", "")
    if not re.fullmatch("[0-9]{1,19}", since) or int(since) > LARGEST_ID:
        return bad_request(request, ValueError("no number of a message"))
    found = wall_page.current(page_views.look(views=0))
    if not found.header:
        return unavailable(b"")
    count, is_all = count_newer(found.header.ids, int(since))
    if not count:
        return HttpResponse(status=204)
    text = ngettext("%(count)s new message", "%(count)s new messages", count)
    more = "+" if is_all and count == settings.WALL_PAGE_SIZE else ""
    shown = f"{languages.number(count)}{more}"
    return JsonResponse({"count": count, "text": text % {"count": shown}})


def count_newer(ids: Sequence[int], since: int) -> tuple[int, bool]:
    """Return how many are above that one, and whether it is further down than all."""
    if since in ids:
        return ids.index(since), False
    # Taken down, or pushed off the page: numbers grow with time, but for what was held.
    newer = [number for number in ids if number > since]
    return len(newer), len(newer) == len(ids)
