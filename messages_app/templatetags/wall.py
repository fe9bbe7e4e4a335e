"""How a message's text becomes HTML, and the wall's name for pages without a context."""

from django import template
from django.conf import settings
from django.utils.html import Urlizer
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


class VisitorUrlizer(Urlizer):
    """Django's urlize, for links that nobody vouches for."""

    url_template = '<a href="{href}" rel="nofollow ugc noopener">{url}</a>'

    @staticmethod
    def is_email_simple(value: str) -> bool:
        """Leave e-mail addresses alone: a link would only serve those who collect them."""
        return False


urlize_visitor_text = VisitorUrlizer()


@register.filter(is_safe=True)
def visitor_links(text: str) -> SafeString:
    """Return the escaped text with its web addresses as links."""
    # Safe by autoescape, which escapes all that is not one of our links.
    return mark_safe(urlize_visitor_text(text, autoescape=True))  # noqa: S308


@register.simple_tag
def wall_title() -> str:
    """Return the name of this wall."""
    return settings.WALL_TITLE
