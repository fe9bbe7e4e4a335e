"""What authors do to their own messages, by their receipt: each act is recorded.

The state and the time are asked of the row as it is: what a moderator did meanwhile stands.
"""

from django.db import transaction

from messages_app.models import Act, MessageQuerySet
from messages_app.moderation import record


def edit(
    rows: MessageQuerySet, *, content: str, author_name: str, hold_reason: str = ""
) -> bool:
    """Replace the text and keep the earlier one; return whether it could be done.

    With a reason, a rule holds the new text until a moderator looks.
    """
    with transaction.atomic():
        if not (message := rows.select_for_update().first()):
            return False
        if not rows.edit(content=content, author_name=author_name):
            return False
        record.earlier_text(message, record.by_author(Act.EDIT, message))
        if hold_reason and rows.hold(hold_reason):
            record.held_by_rule(rows.get())
    return True


def withdraw(rows: MessageQuerySet) -> bool:
    """Take the message off the wall; return whether it could be done."""
    with transaction.atomic():
        message = rows.select_for_update().first()
        if not message or not rows.withdraw():
            return False
        record.by_author(Act.WITHDRAW, message)
    return True


def undo_withdrawal(rows: MessageQuerySet) -> bool:
    """Give back the state from before; return whether it could be done."""
    with transaction.atomic():
        message = rows.select_for_update().first()
        if not message or not rows.undo_withdrawal():
            return False
        record.by_author(Act.UNDO, message)
    return True


def erase(rows: MessageQuerySet, *, actor: str = record.AUTHOR) -> None:
    """Delete the message with all that is stored about it; its events stay."""
    with transaction.atomic():
        for message in rows.select_for_update():
            record.by_author(Act.ERASE, message, actor=actor)
        rows.delete()
