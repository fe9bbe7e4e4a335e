"""The tables, and the questions asked of them."""

from messages_app.models.messages import (
    CONTENT_CEILING,
    DatabaseNow,
    Message,
    MessageQuerySet,
    Report,
    check_content_length,
    check_name_length,
)
from messages_app.models.wall import PageViewTotal, SenderSalt

__all__ = [
    "CONTENT_CEILING",
    "DatabaseNow",
    "Message",
    "MessageQuerySet",
    "PageViewTotal",
    "Report",
    "SenderSalt",
    "check_content_length",
    "check_name_length",
]
