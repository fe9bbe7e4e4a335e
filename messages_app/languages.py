"""In which language a visitor reads: by `?lang=` in the address, else by the browser.

A language that was chosen is kept by the links of the page, not by a cookie.
"""

import functools
import re
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import formats, translation
from django.utils.cache import patch_vary_headers
from django.utils.http import urlencode
from django.utils.translation.trans_real import parse_accept_lang_header

# The language that this request's address names; empty when it names none.
chosen: ContextVar[str] = ContextVar("chosen", default="")

NAMED = re.compile(r"(?:^|&)lang=([A-Za-z-]+)(?:&|$)")


class VisitorsLanguage:
    """Answers each request, its errors too, in the language of who asks."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        named = language_named(request.META.get("QUERY_STRING", ""))
        code = named or language_accepted(request.META.get("HTTP_ACCEPT_LANGUAGE", ""))
        token = chosen.set(named)
        try:
            with translation.override(code):
                response = self.get_response(request)
        finally:
            chosen.reset(token)
        # Files, JSON and the like have no language.
        if response.headers.get("Content-Type", "").startswith("text/html"):
            response.headers["Content-Language"] = code
            patch_vary_headers(response, ["Accept-Language"])
        return response


def language_named(query: str) -> str:
    """Return the language that `lang=` names in the query; empty if it is none of ours."""
    found = NAMED.search(query)
    code = found[1].lower() if found else ""
    return code if code in dict(settings.LANGUAGES) else ""


@functools.lru_cache(maxsize=1000)
def language_accepted(header: str) -> str:
    """Return our language that the browser likes best; the default if it names none."""
    for code, _ in parse_accept_lang_header(header):
        with suppress(LookupError):
            return translation.get_supported_language_variant(code)
    return settings.LANGUAGE_CODE


def variant() -> str:
    """Return what a page of this request is told apart by: its language and its links."""
    return f"{translation.get_language()}{'-chosen' if chosen.get() else ''}"


def url(name: str, *args: Any, **query: Any) -> str:
    """Return an address of the wall, which keeps the language that was chosen."""
    return with_query(reverse(name, args=args), **query, lang=chosen.get())


def with_query(address: str, **query: Any) -> str:
    """Return the address with what is given of the query."""
    given = {key: value for key, value in query.items() if value not in (None, "")}
    return f"{address}?{urlencode(given)}" if given else address


def number(value: int) -> str:
    """Return the number with its digits grouped as the language does."""
    return formats.number_format(value, force_grouping=True)
