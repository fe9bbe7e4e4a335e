"""Before a post is stored: gather its facts, all with one query, and judge it by the rules.

The rules themselves are kept in the process and read again when the wall's token, which
each post reads, is another one: so a change holds for all processes at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Exists, Max, Q, QuerySet, Subquery
from django.utils import timezone

from messages_app.models import BoundedCount, Message, MessageQuerySet, Rule, WallState
from messages_app.moderation import folding, rules, valve

MOST_COMPARED = 500  # newest messages that a text may repeat
MOST_OF_SENDER = 100  # newest messages of a sender, one of which was hidden


@dataclass(frozen=True)
class Facts:
    """What one query tells about the wall and a post."""

    state: WallState
    is_resent: bool = False  # the same form, stored before
    is_repeated: bool = False
    was_hidden_before: bool = False
    posts_last_minute: int = 0  # counted to one above the valve's larger threshold


class Memory:
    """The rules as last read by this process, and how far posts need be counted."""

    def __init__(self) -> None:
        self.state = WallState()
        self.token = ""
        self.rows = rules.Rows()

    def book(self, state: WallState) -> rules.Book:
        """Return the book for a wall in this state; read the rules if they changed."""
        token, rows = self.token, self.rows
        if token != state.rules_token or rows.are_expired:
            # Read after the token: newer rules under an older one are read once more.
            rows = rules.Rows.of(Rule.objects.living())
            self.rows, self.token = rows, state.rules_token
        self.state = state
        return rules.Book(state, rows)


memory = Memory()


def newest(messages: MessageQuerySet, count: int) -> MessageQuerySet:
    """Return messages that are among so many of the newest of these."""
    ids = messages.order_by("-created_at", "-id").values("pk")[:count]
    return Message.objects.filter(pk__in=ids).order_by()


def find_facts(content: str, senders: Sequence[bytes], digest: bytes | None) -> Facts:
    """Return what is to be known before a post is judged."""
    now = timezone.now()
    # How far back and how many is asked as the wall's row said at the last post.
    since = now - timedelta(minutes=memory.state.repeat_minutes)
    recent = Message.objects.filter(created_at__gt=since)
    same = newest(recent, MOST_COMPARED).filter(gist=folding.gist(content))
    hidden = Q(status=Message.Status.HIDDEN) | Q(status_before=Message.Status.HIDDEN)
    was_hidden = Q()
    for sender in senders:  # one by one, for each is read from its index
        sent = newest(Message.objects.filter(sender=sender), MOST_OF_SENDER)
        was_hidden |= Q(Exists(sent.filter(hidden)))
    asked: dict[str, Any] = {
        "said_at": Subquery(
            same.values("gist").annotate(at=Max("created_at")).values("at")
        ),
        "was_hidden_before": was_hidden,
        "posts_last_minute": BoundedCount(last_minute(memory.state)),
        "is_resent": Exists(Message.objects.filter(post_digest=digest)),
    }
    if digest is None:
        del asked["is_resent"]
    row = WallState.objects.filter(pk=1).annotate(**asked).first()
    if row is None:
        WallState.objects.current()
        return find_facts(content, senders, digest)
    told = vars(row)
    since = now - timedelta(minutes=row.repeat_minutes)
    return Facts(
        state=row,
        is_resent=told.get("is_resent", False),
        is_repeated=told["said_at"] is not None and told["said_at"] > since,
        was_hidden_before=told["was_hidden_before"],
        posts_last_minute=told["posts_last_minute"],
    )


def last_minute(state: WallState) -> QuerySet:
    """Return the posts of the last minute, no more than matter to the flood valve."""
    since = timezone.now() - timedelta(minutes=1)
    posts = Message.objects.filter(created_at__gt=since).order_by("-created_at", "-id")
    return posts.values("pk")[: max(state.risky_per_minute, state.all_per_minute) + 1]


def judge(
    facts: Facts,
    message: Message,
    *,
    senders: Sequence[bytes],
    seconds: float | None,
    is_trapped: bool,
) -> rules.Verdict:
    """Return what becomes of a new message, which may be one too many for the valve."""
    state = valve.heed(facts.state, facts.posts_last_minute)
    book = memory.book(state)
    names = [sender.hex() for sender in senders]
    follow(names, book.rows)
    post = rules.Post(
        text=message.content,
        name=message.author_name,
        senders=names,
        seconds=seconds,
        is_trapped=is_trapped,
        is_repeated=facts.is_repeated,
        was_hidden_before=facts.was_hidden_before,
    )
    return rules.judge(post, book)


def follow(names: Sequence[str], rows: rules.Rows) -> None:
    """List a sender by this month's name, the first of these, who is listed by an older.

    Else a ban would end with the salt of the month in which the sender last posted.
    """
    if names[0] in rows.senders or rows.senders.keys().isdisjoint(names):
        return
    listed = Rule.objects.living().filter(kind=Rule.Kind.SENDER, pattern__in=names)
    followed = list(listed)
    for rule in followed:
        rule.pk, rule.pattern = None, names[0]
    if followed:
        Rule.objects.bulk_create(followed)


def judge_edit(content: str, author_name: str) -> rules.Verdict:
    """Return what becomes of a message with this new text: nothing but that counts."""
    book = memory.book(WallState.objects.current())
    return rules.judge(rules.Post(text=content, name=author_name), book)
