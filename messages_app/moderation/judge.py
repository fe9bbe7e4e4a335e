"""Before a post is stored: gather its facts, all with one query, and judge it by the rules.

The rules themselves are kept in the process and read again when the wall's token, which
each post reads, is another one: so a change holds for all processes at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from messages_app.models import Message, Rule, WallState
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


# Written out: to have the ORM build it took ten times as long as all else about it.
# Each part starts in an index and reads no more rows than it says.
HIDDEN_BEFORE = f"""
    EXISTS (
        SELECT 1 FROM (
            SELECT status, status_before FROM messages_app_message
            WHERE sender = %s
            ORDER BY created_at DESC, id DESC LIMIT {MOST_OF_SENDER}
        ) AS sent
        WHERE 'hidden' IN (status, status_before)
    )"""  # noqa: S608 - put together of constants
FACTS = f"""
    SELECT
        wall.*,
        EXISTS (
            SELECT 1 FROM messages_app_message WHERE post_digest = %s
        ) AS is_resent,
        EXISTS (
            SELECT 1 FROM (
                SELECT gist FROM messages_app_message
                WHERE created_at > %s
                ORDER BY created_at DESC, id DESC LIMIT {MOST_COMPARED}
            ) AS recent
            WHERE gist = %s
        ) AS is_repeated,
        (
            SELECT COUNT(*) FROM (
                SELECT 1 FROM messages_app_message
                WHERE created_at > %s
                ORDER BY created_at DESC, id DESC LIMIT %s
            ) AS posts
        ) AS posts_last_minute,
        {{hidden_before}} AS was_hidden_before
    FROM messages_app_wallstate AS wall
    WHERE id = 1"""  # noqa: S608 - of constants, too


def find_facts(content: str, senders: Sequence[bytes], digest: bytes | None) -> Facts:
    """Return what is to be known before a post is judged."""
    now = timezone.now()
    minutes, count = limits(memory.state)
    asked = [
        *(digest, now - timedelta(minutes=minutes), folding.gist(content)),
        *(now - timedelta(minutes=1), count),
        *senders,
    ]
    sql = FACTS.format(hidden_before=" OR ".join([HIDDEN_BEFORE] * len(senders)))
    row = next(iter(WallState.objects.raw(sql, asked)), None)
    memory.state = row or WallState.objects.current()
    if row is None or limits(row) != (minutes, count):  # changed since the last post
        return find_facts(content, senders, digest)
    told = vars(row)
    return Facts(
        state=row,
        is_resent=bool(told["is_resent"]),  # a number on SQLite
        is_repeated=bool(told["is_repeated"]),
        was_hidden_before=bool(told["was_hidden_before"]),
        posts_last_minute=told["posts_last_minute"],
    )


def limits(state: WallState) -> tuple[int, int]:
    """Return how many minutes back, and how many posts of the last one, are asked for."""
    # No more posts than matter to the flood valve.
    return state.repeat_minutes, max(state.risky_per_minute, state.all_per_minute) + 1


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


def judge_edit(
    message: Message | None, content: str, author_name: str, *, senders: Sequence[bytes]
) -> rules.Verdict:
    """Return what becomes of a message with this new text, sent by one of these names."""
    state = WallState.objects.current()
    names = [sender.hex() for sender in senders]
    if message and message.sender:
        names.append(bytes(message.sender).hex())
    since = timezone.now() - timedelta(minutes=state.repeat_minutes)
    others = Message.objects.filter(created_at__gt=since).order_by("-created_at", "-id")
    gists = others.exclude(pk=message.pk if message else 0).values_list(
        "gist", flat=True
    )
    gist = folding.gist(content)
    post = rules.Post(
        text=content,
        name=author_name,
        senders=names,
        is_repeated=any(bytes(g or b"") == gist for g in gists[:MOST_COMPARED]),
    )
    return rules.judge(post, memory.book(state))
