"""What is new, for programs that ask again and again."""

import hashlib

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import http_date
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from messages_app import page_views, wall_page
from messages_app.views.requests import unavailable


@require_safe
@cache_control(no_cache=True)  # what was taken down must not be shown from a copy
def feed(request: HttpRequest) -> HttpResponse:
    """Answer with the newest messages as Atom, or that they are as they were."""
    found = wall_page.current(page_views.look(views=0, name="feed"))
    if not found.header:
        return unavailable(render_to_string("503.html").encode())
    body = own_address(request).encode().join(found.pieces)
    response = HttpResponse(body, "application/atom+xml; charset=utf-8")
    etag = response["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    changed_at = int(found.header.changed_at)
    response["Last-Modified"] = http_date(changed_at)
    patch_vary_headers(response, ["Accept-Language"])
    return get_conditional_response(request, etag, changed_at, response)  # type: ignore[return-value]  # not None, as the response is not


def own_address(request: HttpRequest) -> str:
    """Return scheme and name of the wall: its name on the internet, if it has one."""
    if settings.SITE_ADDRESS:
        return f"https://{settings.SITE_ADDRESS[0]}"
    return f"{request.scheme}://{request.get_host()}"
