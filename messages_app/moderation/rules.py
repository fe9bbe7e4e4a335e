"""What may be published: an ordered list of small rules, the first that answers decides.

A rule is told the facts of a post and the book of what moderators wrote; it asks nobody.
"""

import html
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from urllib.parse import unquote

from django.utils import timezone

from messages_app.models import Message, Mode, Rule, WallState
from messages_app.moderation.confusables import LINE
from messages_app.moderation.folding import (
    CAPITAL,
    UNSPACED,
    Folded,
    Haystack,
    Needle,
    fold,
    fold_latin,
)
from messages_app.templatetags.wall import visitor_links

Reason = Message.Reason
HREF = re.compile('href="([^"]*)"')
PUNYCODE = re.compile(rf"(?<![\w-])xn--([a-z0-9{LINE}-]{{1,59}})")
LONGEST_LABEL = 63
# What people write for the full stop in a name, so that it is no link.
FULL_STOP = re.compile(
    r"[\s\[({,·•‧\\](?<=[^\W\d].)"
    r"(?:(?<=[,·•‧])|(?<=\\)\.|(?<=\s)dot\s+"
    r"|(?<=[\s\[({])\s*(?:[\[({]\s*)?(?:\.|dot)\s*[\])}]\s*)(?=[^\W\d])",
    re.IGNORECASE,
)
SPACED_STOP = re.compile(
    rf"[\s.](?<=[^\W\d].)(?:(?<=\s)\s*\.\s*|(?<=\.)\s+)(?=[^\W\d])(?!{CAPITAL})"
)


@dataclass(frozen=True)
class Verdict:
    """What becomes of a post, and why."""

    status: str  # one of Message.Status, or REFUSED
    reason: str = ""
    until: datetime | None = None  # of a ban

    REFUSED = "refused"


PUBLISH = Verdict(Message.Status.PUBLISHED)


@dataclass(frozen=True)
class Post:
    """The facts about what a visitor sends."""

    text: str
    name: str = ""
    senders: Sequence[str] = ()  # in hexadecimal, as rules have them
    seconds: float | None = (
        None  # from showing the form to sending it, if that is known
    )
    is_trapped: bool = False
    is_repeated: bool = False
    was_hidden_before: bool = False

    @cached_property
    def haystack(self) -> Haystack:
        return Haystack(self.text, self.name)

    @cached_property
    def links(self) -> str:
        """The text as the wall shows it, with its links."""
        return visitor_links(self.text)

    @cached_property
    def servers(self) -> Folded:
        """All in which a reader, or a browser, may find the name of a server."""
        links = [html.unescape(href) for href in HREF.findall(self.links)]
        written = [self.text, self.name, *links, html.unescape(self.text)]
        # A browser undoes %61 before it asks for an address.
        texts = {*written, *(unquote(text, errors="ignore") for text in written)}
        texts |= {FULL_STOP.sub(".", text) for text in texts}
        texts |= {SPACED_STOP.sub(".", text) for text in texts}
        lines = {line for text in texts for line in (fold(text), fold_latin(text))}
        return Folded(decode("\n".join(lines)))


def decode(folded: str) -> str:
    """Return a folded text with the names of servers out of their ASCII form (xn--...)."""
    return PUNYCODE.sub(decode_label, folded)


def decode_label(label: re.Match[str]) -> str:
    with suppress(ValueError):  # it is none, then
        encoded = label[1].replace(LINE, "i").encode()
        return fold(encoded.decode("punycode").casefold())
    return label[0]


def is_server(text: str, at: int, end: int) -> bool:
    """Return whether a name of a server ends here, and begins or has a label before."""
    before = text[max(0, at - LONGEST_LABEL) : at].rstrip("-")[-1:]
    after = text[end : end + LONGEST_LABEL].removeprefix(".").lstrip("-")[:1]
    return not (is_one_label(before, text[at]) or is_one_label(text[end - 1], after))


def is_one_label(one: str, other: str) -> bool:
    """Return whether no name can end between two characters."""
    is_as_spaced = bool(UNSPACED.match(one)) == bool(UNSPACED.match(other))
    return one.isalnum() and other.isalnum() and is_as_spaced


@dataclass(frozen=True)
class Rows:
    """The rules that moderators wrote and that have not expired, ready for use."""

    words: Sequence[tuple[Needle, bool, str]] = ()  # what, anywhere?, verdict
    domains: Sequence[tuple[Needle, str]] = ()
    senders: Mapping[str, tuple[str, datetime | None]] = field(default_factory=dict)
    expire_at: datetime | None = None  # the next of them

    @classmethod
    def of(cls, rules: Iterable[Rule]) -> "Rows":
        kinds: dict[str, list[Rule]] = {kind: [] for kind in Rule.Kind}
        for rule in rules:
            kinds[rule.kind].append(rule)
        ends = [rule.expires_at for rows in kinds.values() for rule in rows]
        return cls(
            words=[
                (Needle(rule.pattern), rule.is_anywhere, rule.verdict)
                for rule in kinds[Rule.Kind.WORD]
            ],
            domains=[
                (Needle(decode(fold(rule.pattern.casefold()))), rule.verdict)
                for rule in kinds[Rule.Kind.DOMAIN]
            ],
            # Of several about one sender a refusal counts, and the longest: the last.
            senders={
                rule.pattern: (rule.verdict, rule.expires_at)
                for rule in sorted(kinds[Rule.Kind.SENDER], key=weight)
            },
            expire_at=min(filter(None, ends), default=None),
        )

    @property
    def are_expired(self) -> bool:
        return self.expire_at is not None and self.expire_at <= timezone.now()


def weight(rule: Rule) -> tuple:
    at = rule.expires_at
    return rule.verdict == Rule.Verdict.REFUSE, at is None, at and at.timestamp()


@dataclass(frozen=True)
class Book:
    """What posts are judged by."""

    state: WallState
    rows: Rows = field(default_factory=Rows)

    @cached_property
    def mode(self) -> Mode:
        return self.state.get_effective_mode()


REFUSE, HOLD = Rule.Verdict.REFUSE, Rule.Verdict.HOLD
STATUS: dict[str, str] = {REFUSE: Verdict.REFUSED, HOLD: Message.Status.HELD}


def hold(reason: Reason) -> Verdict:
    return Verdict(Message.Status.HELD, reason)


def listed_sender(post: Post, book: Book, *, verdict: str) -> Verdict | None:
    for name in post.senders:
        found, until = book.rows.senders.get(name, ("", None))
        if found == verdict:
            reason = Reason.BANNED if verdict == REFUSE else Reason.SENDER
            return Verdict(STATUS[verdict], reason, until)
    return None


def listed_word(post: Post, book: Book, *, verdict: str) -> Verdict | None:
    for word, is_anywhere, found in book.rows.words:
        if found == verdict and post.haystack.has(word, anywhere=is_anywhere):
            return Verdict(STATUS[verdict], Reason.WORD)
    return None


def listed_domain(post: Post, book: Book, *, verdict: str) -> Verdict | None:
    for domain, found in book.rows.domains:
        if found == verdict and any(
            is_server(post.servers.text, at, end)
            for at, end in post.servers.places(domain)
        ):
            return Verdict(STATUS[verdict], Reason.DOMAIN)
    return None


def honeypot(post: Post, book: Book) -> Verdict | None:
    return hold(Reason.HONEYPOT) if post.is_trapped else None


def open_wall(post: Post, book: Book) -> Verdict | None:
    return PUBLISH if book.mode == Mode.OPEN else None


def hidden_before(post: Post, book: Book) -> Verdict | None:
    return hold(Reason.HIDDEN_BEFORE) if post.was_hidden_before else None


def repeated(post: Post, book: Book) -> Verdict | None:
    return hold(Reason.REPEATED) if post.is_repeated else None


def many_links(post: Post, book: Book) -> Verdict | None:
    count = len(HREF.findall(post.links))
    return hold(Reason.LINKS) if count > book.state.most_links else None


def fast(post: Post, book: Book) -> Verdict | None:
    # Below zero the clocks of two servers differ; without a key nobody knows.
    is_fast = post.seconds is not None and 0 <= post.seconds < book.state.fast_seconds
    return hold(Reason.FAST) if is_fast else None


def held_wall(post: Post, book: Book) -> Verdict | None:
    return hold(Reason.MODE) if book.mode == Mode.ALL else None


# What moderators wrote: what is refused before what is held.
LISTED: list[Callable[[Post, Book], Verdict | None]] = [
    partial(rule, verdict=verdict)
    for verdict in (REFUSE, HOLD)
    for rule in (listed_sender, listed_word, listed_domain)
]
RULES = [
    *LISTED,
    honeypot,
    open_wall,
    # What is only risky.
    hidden_before,
    repeated,
    many_links,
    fast,
    held_wall,
]


def judge(post: Post, book: Book) -> Verdict:
    """Return what the first rule that knows an answer says."""
    answers = (rule(post, book) for rule in RULES)
    return next(filter(None, answers), PUBLISH)
