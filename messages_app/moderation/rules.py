"""What may be published: an ordered list of small rules, the first that answers decides.

A rule is told the facts of a post and the book of what moderators wrote; it asks nobody.
"""

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
    COARSE,
    Haystack,
    Needle,
    fold,
    is_like,
)
from messages_app.templatetags.wall import visitor_links

Reason = Message.Reason
# Whatever looks like the name of a server, with or without "https://" before it.
LABEL = r"""[^\s./:@?#&=\\\[\](){}<>"'`,;!|*]+"""
HOST = re.compile(rf"{LABEL}(?:\.{LABEL})+")
LONGEST_LABEL = 63


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
    def domains(self) -> set[str]:
        """The names of servers in it, and what these are part of, folded."""
        return set(parents(hosts(f"{self.text}\n{self.name}")))


def hosts(text: str) -> set[str]:
    """Return the names of servers in a text, folded."""
    # A browser undoes %61 before it asks for an address.
    texts = {text, unquote(text, errors="ignore")}
    return {decode(host) for text in texts for host in HOST.findall(fold(text))}


def decode(host: str) -> str:
    """Return the folded name of a server without its ASCII form (xn--...)."""
    return ".".join(fold(decode_label(label)) for label in host.split("."))


def decode_label(label: str) -> str:
    if label.startswith("xn--") and len(label) <= LONGEST_LABEL:
        with suppress(ValueError):  # it is none, then
            return label[4:].replace(LINE, "i").encode().decode("punycode").casefold()
    return label


def parents(names: Iterable[str]) -> Iterable[str]:
    """Yield each name, and all domains that it is part of."""
    for name in names:
        labels = name.split(".")
        yield from (".".join(labels[start:]) for start in range(len(labels) - 1))


@dataclass(frozen=True)
class Rows:
    """The rules that moderators wrote and that have not expired, ready for use."""

    words: Sequence[tuple[Needle, bool, str]] = ()  # what, anywhere?, verdict
    domains: Mapping[str, Sequence[tuple[Needle, str]]] = field(default_factory=dict)
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
            domains=by_coarse(kinds[Rule.Kind.DOMAIN]),
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


def by_coarse(rules: Iterable[Rule]) -> dict[str, list[tuple[Needle, str]]]:
    """Return the blocked domains, to be looked up by what they have in common."""
    found: dict[str, list[tuple[Needle, str]]] = {}
    for rule in rules:
        domain = Needle(decode(rule.pattern.casefold()))
        found.setdefault(domain.coarse, []).append((domain, rule.verdict))
    return found


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
            reason = Reason.BANNED if verdict == REFUSE else Reason.MODE
            return Verdict(STATUS[verdict], reason, until)
    return None


def listed_word(post: Post, book: Book, *, verdict: str) -> Verdict | None:
    for word, is_anywhere, found in book.rows.words:
        if found == verdict and post.haystack.has(word, anywhere=is_anywhere):
            return Verdict(STATUS[verdict], Reason.WORD)
    return None


def listed_domain(post: Post, book: Book, *, verdict: str) -> Verdict | None:
    for name in post.domains if book.rows.domains else ():
        for domain, found in book.rows.domains.get(name.translate(COARSE), ()):
            if found == verdict and is_like(name, domain.folded):
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
    count = visitor_links(post.text).count("<a href=")  # as the wall shows it
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
