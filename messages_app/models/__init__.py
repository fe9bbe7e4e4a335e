"""The tables, and the questions asked of them."""

from messages_app.models.messages import (
    CONTENT_CEILING,
    BoundedCount,
    DatabaseNow,
    Message,
    MessageQuerySet,
    Report,
    check_content_length,
    check_name_length,
)
from messages_app.models.moderation import (
    Act,
    EarlierText,
    ModerationBatch,
    ModerationEvent,
    Notice,
    Rule,
    ValveReason,
    in_own_words,
    in_words,
)
from messages_app.models.wall import Mode, PageViewTotal, SenderSalt, WallState

__all__ = [
    "CONTENT_CEILING",
    "Act",
    "BoundedCount",
    "DatabaseNow",
    "EarlierText",
    "Message",
    "MessageQuerySet",
    "Mode",
    "ModerationBatch",
    "ModerationEvent",
    "Notice",
    "PageViewTotal",
    "Report",
    "Rule",
    "SenderSalt",
    "ValveReason",
    "WallState",
    "check_content_length",
    "check_name_length",
    "in_own_words",
    "in_words",
]
