"""What a rule would have caught, before it is saved."""

import time
from dataclasses import dataclass, field

from messages_app.models import Message, Rule, WallState
from messages_app.moderation import rules

MOST_MESSAGES = 10_000  # newest, that are looked through: about a second
MOST_SECONDS = 20  # of long texts fewer are looked through: who waits is a thread less
MOST_SHOWN = 20


@dataclass
class Rehearsal:
    looked_at: int = 0
    caught: int = 0
    kept: int = 0  # of the caught: a moderator let them stand
    newest: list[Message] = field(default_factory=list)


def rehearse(rule: Rule) -> Rehearsal:
    """Return what the rule says of the newest messages, whether it has expired or not."""
    book = rules.Book(WallState(), rules.Rows.of([rule]))
    found = Rehearsal()
    newest = Message.objects.order_by("-created_at", "-id")[:MOST_MESSAGES]
    until = time.monotonic() + MOST_SECONDS
    for message in newest.iterator():
        if time.monotonic() > until:
            break
        found.looked_at += 1
        if any(listed(post_of(message), book) for listed in rules.LISTED):
            found.caught += 1
            found.kept += message.is_kept
            found.newest += [message][: MOST_SHOWN - len(found.newest)]
    return found


def post_of(message: Message) -> rules.Post:
    senders = [bytes(message.sender).hex()] if message.sender else []
    return rules.Post(message.content, message.author_name, senders)
