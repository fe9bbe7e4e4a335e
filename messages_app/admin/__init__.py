"""The moderator's desk: Django admin, and no other front end."""

from messages_app.admin.devices import AppAdmin, RecoveryAdmin
from messages_app.admin.messages import MessageAdmin

__all__ = ["AppAdmin", "MessageAdmin", "RecoveryAdmin"]
