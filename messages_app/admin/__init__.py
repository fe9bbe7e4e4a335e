"""The moderator's desk: Django admin, and no other front end."""

from messages_app.admin.batches import ModerationBatchAdmin
from messages_app.admin.devices import AppAdmin, RecoveryAdmin
from messages_app.admin.messages import MessageAdmin
from messages_app.admin.rules import RuleAdmin
from messages_app.admin.wall import WallStateAdmin

__all__ = [
    "AppAdmin",
    "MessageAdmin",
    "ModerationBatchAdmin",
    "RecoveryAdmin",
    "RuleAdmin",
    "WallStateAdmin",
]
