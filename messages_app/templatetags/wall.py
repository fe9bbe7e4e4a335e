"""How a message's text becomes HTML; the wall's name, addresses and languages."""

import re
from datetime import UTC, datetime
from typing import Any

from django import template
from django.conf import settings
from django.utils import formats
from django.utils.html import Urlizer, escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from messages_app import languages

register = template.Library()
register.filter("grouped", languages.number)


# Where an address begins, and what ends it besides space: quotes and the punctuation of
# scripts that put no space between words.
LINK = re.compile(
    r"(?:https?://|(?<![\w@./-])www\.)"
    r'[^\s<>"\u00ab\u00bb\u060c\u061b\u061f\u06d4\u0964\u0965\u2010-\u205e'
    r"\u3000-\u3004\u3008-\u3020\u30fb\ufe10-\ufe6f\uff01-\uff0f\uff1a-\uff20"
    r"\uff3b-\uff3d\uff5b-\uff65]+",
    re.IGNORECASE,
)


class VisitorUrlizer(Urlizer):
    """Django's urlize, for links that nobody vouches for."""

    url_template = '<a href="{href}" rel="nofollow ugc noopener">{url}</a>'


urlize_visitor_text = VisitorUrlizer()


@register.filter(is_safe=True)
def visitor_links(text: str) -> SafeString:
    """Return the escaped text with its web addresses as links."""
    parts, end = [], 0
    for found in LINK.finditer(text):
        parts.append(escape(text[end : found.start()]))
        # It leaves out a full stop or bracket after the address, and knows IDN.
        parts.append(urlize_visitor_text(found[0], autoescape=True))
        end = found.end()
    parts.append(escape(text[end:]))
    return mark_safe("".join(parts))  # noqa: S308 - each part is escaped


@register.filter
def machine_time(at: datetime) -> str:
    """Return the moment as `<time datetime>` takes it, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


@register.filter
def moment(at: datetime) -> SafeString:
    """Return the moment for readers, in UTC; wall.js shows it in their own time."""
    shown = formats.date_format(at.astimezone(UTC), "DATETIME_FORMAT")
    return format_html('<time datetime="{}">{} UTC</time>', machine_time(at), shown)


@register.simple_tag
def wall_title() -> str:
    """Return the name of this wall."""
    return settings.WALL_TITLE


@register.simple_tag
def message_max_length() -> int:
    """Return how many characters a message may have."""
    return settings.WALL_MESSAGE_MAX_LENGTH


@register.simple_tag
def public_log_url() -> str:
    """Return the address of the public log; empty where there is none."""
    return languages.url("messages_app:log") if settings.WALL_LOG else ""


@register.simple_tag
def wall_url(name: str, *args: Any, **query: Any) -> str:
    """Return an address of the wall, which keeps the language that was chosen."""
    return languages.url(name, *args, **query)


@register.inclusion_tag("messages_app/_languages.html")
def language_menu(**query: Any) -> dict[str, Any]:
    """Offer this very place, which the query names, in each language."""
    choices = [
        (code, name, languages.with_query("", **query, lang=code))
        for code, name in settings.LANGUAGES
    ]
    return {"choices": choices, "current": get_language()}
