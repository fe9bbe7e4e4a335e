"""For programs rather than visitors: the cached time, how this process is, what it offers."""

import dataclasses

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import cache_control, never_cache

from messages_app import health, status
from messages_app.views.requests import read_only

PAPER = "#faf8f4"  # as in wall.css, in the light scheme
# What is private, costly to answer, or a form about a page that is listed itself. Not the
# moderators' desk: nothing links to it, its pages say "noindex", and this would tell
# where it is.
ROBOTS = """\
User-agent: *
Disallow: /receipts/
Disallow: /*/report/
Disallow: /*?q=
Disallow: /*&q=
"""


@read_only
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


@read_only
@never_cache
def livez(request: HttpRequest) -> HttpResponse:
    """Tell that this process lives."""
    return HttpResponse("ok\n", content_type="text/plain")


@read_only
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Tell whether to send visitors here, and how each part is."""
    is_ready, parts = health.report()
    return JsonResponse(parts, status=200 if is_ready else 503)


@read_only
@cache_control(public=True, max_age=3_600)  # seconds
def manifest(request: HttpRequest) -> HttpResponse:
    """Tell a browser how the wall looks on a home screen."""
    wall = reverse("messages_app:wall")
    sizes = [("icon-192", 192, "any"), ("icon-512", 512, "any")]
    sizes += [("icon-maskable-512", 512, "maskable")]
    icons = [
        {
            "src": static(f"messages_app/{name}.png"),
            "sizes": f"{size}x{size}",
            "type": "image/png",
            "purpose": purpose,
        }
        for name, size, purpose in sizes
    ]
    told = {
        "name": settings.WALL_TITLE,
        "id": wall,
        "start_url": wall,
        "scope": wall,
        "display": "minimal-ui",
        "background_color": PAPER,
        "theme_color": PAPER,
        "icons": icons,
    }
    return JsonResponse(told, content_type="application/manifest+json")


@read_only
@cache_control(public=True, max_age=3_600)  # seconds
def robots(request: HttpRequest) -> HttpResponse:
    """Tell search engines what they need not read."""
    return HttpResponse(ROBOTS, content_type="text/plain; charset=utf-8")
