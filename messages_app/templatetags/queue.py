"""The moderators' queue, as the pages of the desk link to it."""

from django import template
from django.template import Context
from django.urls import reverse

from messages_app import queue_feed

register = template.Library()


@register.simple_tag(takes_context=True)
def queue_feed_url(context: Context) -> str:
    """Return the address of the queue's feed for this moderator; empty for others."""
    user = context["request"].user
    if not user.has_perm("messages_app.change_message"):
        return ""
    return reverse("messages_app:queue_feed", args=[queue_feed.token(user)])
