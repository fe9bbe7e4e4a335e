"""The public log of moderation."""

import re

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from messages_app.moderation import public_log
from messages_app.pagination import LARGEST_ID
from messages_app.views.requests import bad_request


@require_safe
@cache_control(private=True, no_cache=True)
def log(request: HttpRequest) -> HttpResponse:
    """Show what moderators did, newest first, or what they did before `?before=`."""
    if not settings.WALL_LOG:
        raise Http404
    before = request.GET.get("before")
    if before is not None and (
        not re.fullmatch("[0-9]{1,19}", before) or int(before) > LARGEST_ID
    ):
        return bad_request(request, ValueError("no number of an act"))
    entries, older = public_log.read(None if before is None else int(before))
    context = {"entries": entries, "older": older, "before": before}
    return render(request, "messages_app/log.html", context)
