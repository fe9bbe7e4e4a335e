"""For programs rather than visitors: the cached time, and how this process is."""

import dataclasses

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from messages_app import health, status


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
