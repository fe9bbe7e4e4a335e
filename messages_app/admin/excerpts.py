"""How the desk tells of a message, a reason, a sender: in few words, with a link."""

from collections.abc import Iterable
from typing import Any

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext, ngettext

from messages_app.models import Message, in_words

MANY = 100  # other messages of a sender: more are not counted


def short(content: str) -> str:
    return Truncator(content).chars(100)


def reason(reason: str) -> str:
    """Return the reason in words, or a dash where none was given."""
    return in_words(reason) or "–"


def links(messages: Iterable[Message]) -> SafeString | str:
    """Return a line for each message, which leads to it."""
    lines = (
        (
            reverse("admin:messages_app_message_change", args=[message.pk]),
            short(message.content),
            message.get_status_display(),
        )
        for message in messages
    )
    line = '<p class="near"><a href="{}"><bdi>{}</bdi></a> ({})</p>'
    return format_html_join("", line, lines) or "–"


def sender(sender: Any, count: int) -> SafeString | str:
    """Return a link to all messages of a sender, of which `count` are known."""
    if sender is None:
        return "–"
    name, others = bytes(sender).hex(), count - 1
    told = gettext("no others")
    if others > 0:
        told = ngettext("%(count)s other", "%(count)s others", others)
        told %= {"count": f"{MANY}+" if others >= MANY else others}
    address = reverse("admin:messages_app_message_changelist")
    link = '<a href="{}?sender={}"><bdi>{}</bdi></a> <span class="quiet">({})</span>'
    return format_html(link, address, name, name[:8], told)
