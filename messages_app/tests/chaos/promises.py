"""What the wall promises, judged from what clients saw: no clock, no network."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

HEALING = 2.0  # seconds after a fault until everything is as before
SENT = 0.3  # seconds until the first time-out tells a process that Redis is away
FOLDED = 11.0  # seconds: every ten the count is written to the database


@dataclass(frozen=True)
class Kind:
    """What a fault excuses. All else is promised through it."""

    stale: float = 0  # seconds that a page may lack an acknowledged write
    database_away: bool = False  # old pages that say so, and posts answered 503
    cuts: bool = False  # requests without an answer
    forgets: bool = False  # the views since the last fold
    is_quiet: bool = False  # another's post would hide it: one post, then only readers


KINDS = {
    "redis stopped": Kind(stale=1),
    "redis hangs": Kind(stale=1),
    # Who takes writes from nobody is away for all: each view's own count is refused. A
    # process that only reads shall find out too.
    "redis full": Kind(stale=1, is_quiet=True),
    "redis read-only": Kind(stale=1, is_quiet=True),
    "redis killed": Kind(stale=10),
    "redis emptied": Kind(stale=10, forgets=True),
    # Ten seconds, and one for the processes to notice.
    "redis set back": Kind(stale=11, forgets=True, is_quiet=True),
    "worker killed before its bump": Kind(stale=11, cuts=True, is_quiet=True),
    "postgres stopped": Kind(database_away=True),
    "postgres hangs": Kind(database_away=True),
    "postgres crashed": Kind(database_away=True),
    "postgres restarted": Kind(database_away=True),
    "postgres out of connections": Kind(database_away=True),
    "postgres table locked": Kind(database_away=True),
}


@dataclass(frozen=True)
class Span:
    """Something from one moment to another, in seconds of the monotonic clock."""

    begin: float
    end: float


@dataclass(frozen=True)
class Fault(Span):
    name: str

    @property
    def kind(self) -> Kind:
        return KINDS[self.name]

    @property
    def healed(self) -> float:
        return self.end + HEALING

    def touches(self, begin: float, end: float) -> bool:
        """Whether the fault or its healing overlaps with what happened then."""
        return self.begin <= end and begin <= self.healed


@dataclass(frozen=True)
class Read(Span):
    status: int | None  # None: no answer
    tokens: frozenset[str] = frozenset()
    is_marked: bool = False  # "as of HH:MM UTC"
    views: int | None = None


@dataclass(frozen=True)
class Write(Span):
    token: str
    status: int | None

    @property
    def is_acknowledged(self) -> bool:
        return self.status in (302, 303)


@dataclass(frozen=True)
class Post(Write):
    keeps_text: bool = False  # the visitor's text is in the form of the answer


@dataclass(frozen=True)
class Hide(Write):
    """A moderator took a message down."""


@dataclass
class Seen:
    """What the clients saw."""

    reads: list[Read] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    hides: list[Hide] = field(default_factory=list)


@dataclass(frozen=True)
class Broken:
    promise: str
    how: str


def judge(seen: Seen, faults: list[Fault], stored: Counter[str]) -> list[Broken]:
    """Return each promise broken; `stored` is how often the database holds each text."""
    judges = [answers, storage, fresh_pages, hidden_messages, view_count]
    return [broken for each in judges for broken in each(seen, faults, stored)]


def answers(seen: Seen, faults: list[Fault], stored: Counter[str]) -> Iterator[Broken]:
    """Each request is answered, and as if nothing were wrong where it can be."""
    for request in [*seen.reads, *seen.posts]:
        what = f"{type(request).__name__} {place(request, faults)}"
        now = [f.kind for f in faults if f.touches(request.begin, request.end)]
        is_away = any(kind.database_away for kind in now)
        if request.status is None:
            if not any(kind.cuts for kind in now):
                yield Broken("each request is answered", what)
        elif isinstance(request, Read):
            if request.status != 200:
                yield Broken("each page is a 200", f"{what}: {request.status}")
            if request.is_marked and not is_away:
                yield Broken("a page is marked old only while PostgreSQL is away", what)
        elif request.status == 503 and is_away:
            if not request.keeps_text:
                yield Broken("a 503 keeps the visitor's text", what)
        elif not request.is_acknowledged:
            yield Broken("each post is stored", f"{what}: {request.status}")


def storage(seen: Seen, faults: list[Fault], stored: Counter[str]) -> Iterator[Broken]:
    """Acknowledged is stored exactly once, not acknowledged at most once."""
    acknowledged = {post.token for post in seen.posts if post.is_acknowledged}
    for token in {post.token for post in seen.posts}:
        if stored[token] > 1:
            yield Broken("no message is doubled", f"{token}: {stored[token]} times")
        if token in acknowledged and not stored[token]:
            yield Broken("no acknowledged message is lost", token)


def fresh_pages(
    seen: Seen, faults: list[Fault], stored: Counter[str]
) -> Iterator[Broken]:
    """A page that is not marked old shows what was written before it was asked for."""
    first: dict[str, Post] = {}
    for post in sorted(seen.posts, key=lambda post: post.end):
        # Who was killed after the commit acknowledged nothing, yet it shall be shown.
        is_cut_off = post.status is None and stored[post.token]
        if post.is_acknowledged or is_cut_off:
            first.setdefault(post.token, post)
    for read in seen.reads:
        if read.status != 200 or read.is_marked:
            continue
        # Whatever came of a hide: the page may or may not show the message.
        hidden = {hide.token for hide in seen.hides if hide.begin <= read.end}
        for token in first.keys() - read.tokens - hidden:
            if read.begin > due(first[token], read, faults):
                yield Broken(*late(first[token], read, faults, "shows each message"))


def hidden_messages(
    seen: Seen, faults: list[Fault], stored: Counter[str]
) -> Iterator[Broken]:
    """No page, not even one that is marked old, shows what was taken down."""
    for read in seen.reads:
        for hide in seen.hides:
            is_shown = hide.is_acknowledged and hide.token in read.tokens
            if is_shown and read.begin > due(hide, read, faults):
                yield Broken(*late(hide, read, faults, "shows nothing hidden"))


def due(write: Write, read: Read, faults: list[Fault]) -> float:
    """Return the moment after which a page must tell of the write."""
    moments = [write.end]
    for fault in faults:
        if fault.kind.stale and fault.touches(write.begin, read.end):
            moments.append(write.end + fault.kind.stale)
            # The others may reach Redis before the writer does.
            if read.end > fault.end and fault.touches(write.begin, write.end):
                moments.append(fault.healed)
    return max(moments)


def longest(seen: Seen) -> float:
    """Return the seconds that the slowest page took: told, not judged."""
    return max((read.end - read.begin for read in seen.reads), default=0)


def view_count(
    seen: Seen, faults: list[Fault], stored: Counter[str]
) -> Iterator[Broken]:
    """The first and the last read, with no fault near, differ by the views between."""
    first, *reads = sorted(seen.reads, key=lambda read: read.begin)
    if not reads or first.views is None or reads[-1].views is None:
        return
    given = sum(read.status == 200 for read in reads)
    unknown = sum(read.status is None for read in reads)
    missing = 0.0
    for fault in faults:
        if fault.kind.stale:
            # What was on its way, and one trial of each process in each second.
            unknown += views_in(reads, fault.begin, fault.begin + SENT)
            unknown += PROCESSES * math.ceil(fault.healed - fault.begin)
        if fault.kind.forgets:
            is_all_seen = first.begin < fault.begin - FOLDED
            last = views_in(reads, fault.begin - FOLDED, fault.end)
            missing += last if is_all_seen else math.inf
    counted = reads[-1].views - first.views
    if not given - unknown - missing <= counted <= given + unknown:
        how = f"{given} views given, {counted} counted, {unknown + missing} uncertain"
        yield Broken("the view count is right", how)


PROCESSES = 3  # of the wall


def views_in(reads: list[Read], begin: float, end: float) -> int:
    return sum(read.begin <= end and begin <= read.end for read in reads)


def late(
    write: Write, read: Read, faults: list[Fault], promise: str
) -> tuple[str, str]:
    age = read.begin - write.end
    how = f"{write.token}, written {age:.2f} s before the page {place(read, faults)}"
    return f"a page {promise}", how


def place(span: Span, faults: list[Fault]) -> str:
    """Tell a reader of the report when this was, seen from the nearest fault."""
    if not faults:
        return "without a fault"
    fault = min(faults, key=lambda fault: abs(fault.begin - span.begin))
    if span.begin > fault.end:
        return f"{span.begin - fault.end:.2f} s after {fault.name}"
    return f"{span.begin - fault.begin:+.2f} s into {fault.name}"


def summary(broken: list[Broken]) -> list[str]:
    """Return a line per broken promise: how often, and the first time."""
    first: dict[str, str] = {}
    for each in broken:
        first.setdefault(each.promise, each.how)
    times = Counter(each.promise for each in broken)
    return [
        f"Broken {times[promise]} times: {promise}. First: {how}"
        for promise, how in first.items()
    ]
