"""The wall's first page, and its feed, as last built: keys, lifetime, forgetting.

Both go by one protocol; what is said of the page is true of the feed. A page is kept
together with the version it was built for, and shown only while that is still the
version: validated when read, never deleted when written. A reader that began before a
write keeps its page under the old version, where it no longer counts.

Pages are kept in the cache that all processes share. While that is away, or could not be
told of a change that this process made, the same protocol runs on this process's own
memory, where a page counts for a second.
"""

import functools
import hashlib
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.cache import cache
from django.template.loader import get_template

from messages_app import languages
from messages_app.cache_backends import Answer, WallLocMemCache
from messages_app.owed import OwedTokens, new_token
from messages_app.sqlite_watch import Watch

logger = logging.getLogger(__name__)

# Two random tokens without expiry. Each change of what is published replaces the
# version; a change of what stood there before replaces the epoch too.
VERSION_KEY = "wall:version"
EPOCH_KEY = "wall:epoch"

TEMPLATES = ["base.html"] + [
    f"messages_app/{name}"
    for name in (
        "wall.html",
        "_languages.html",
        "_message.html",
        "_form.html",
        "_fields.html",
        "_search.html",
        "feed.xml",
    )
]
KEPT_SECONDS = 86_400  # so long an old page can stand in for a database that is away
OWN_SECONDS = 1  # so long this process's own page counts: nobody tells it of changes
CLAIM_SECONDS = 2  # a builder that died holds the others up no longer than this
WAIT_SECONDS = 1  # for another's page, before building one's own
LOOK_AGAIN_SECONDS = 0.005

CUT = b"\0"  # between the header and the pieces; no message can hold it
PIECES = {"page": 5}  # another number is not a page of this code
LAST_SECOND = 1e11  # in the year 5138; what is beyond it is no time

own = WallLocMemCache("the wall while the shared cache is away", {})
owed = OwedTokens()
watch = Watch()


def page_key(name: str = "page") -> str:
    """Return the key of the page in this edition, and as this request's language has it."""
    return f"wall:{name}:{edition()}:{languages.variant()}"


def checked_key(name: str = "page") -> str:
    """Return the key that is there while that page was lately compared with the table."""
    return f"wall:checked:{name}:{edition()}:{languages.variant()}"


def edition() -> str:
    """Return what names the page's format, files, templates, title and size.

    So a start with another of these never shows the page of the one before. What changes
    only in code shows when the page is too old.
    """
    return compute_edition() if settings.DEBUG else known_edition()


def compute_edition() -> str:
    """Return the edition of what stands on the disk and in the settings now."""
    files = getattr(staticfiles_storage, "manifest_hash", "")
    templates = [str(get_template(name).template.source) for name in TEMPLATES]  # type: ignore[attr-defined]  # Django's engine has it
    parts = [Header._fields, PIECES, settings.WALL_TITLE, settings.WALL_PAGE_SIZE]
    return hashlib.sha256(repr([*parts, files, *templates]).encode()).hexdigest()[:12]


known_edition = functools.cache(compute_edition)  # as long as the process lives


class Header(NamedTuple):
    """What is kept with a page."""

    version: str  # those before its query
    epoch: str
    digest: str  # of the messages it shows
    built_at: float  # seconds since 1970
    fresh_until: float
    changed_at: float = 0  # when its bytes last became others
    ids: Sequence[int] = ()  # of the messages it shows, newest first


@dataclass(frozen=True)
class Kept:
    """What one look into a cache found."""

    name: str  # "page" or "feed"
    cache: Any  # the shared one, or this process's own
    answer: Answer  # to the counting
    version: str | None
    epoch: str | None
    is_checked: bool  # against the table, in the last WALL_FOLD_SECONDS
    header: Header | None  # None: there is no page
    pieces: Sequence[bytes]

    @property
    def is_current(self) -> bool:
        """Whether the page may be shown as it is."""
        return self.is_valid and self.is_checked

    @property
    def is_valid(self) -> bool:
        """Whether the page is that of this version, and not too old."""
        return (
            self.header is not None
            and self.is_harmless
            and self.header.version == self.version
            and self.header.fresh_until > time.time()
        )

    @property
    def claim_key(self) -> str:
        """The key by which one process tells that it builds the page, or checks it."""
        lack = "check" if self.is_valid else "build"
        key = f"{self.name}:{self.version}:{edition()}:{languages.variant()}"
        return f"wall:claim:{lack}:{key}"

    @property
    def is_harmless(self) -> bool:
        """Whether nothing that stands on the page was taken down or changed since."""
        return self.header is not None and self.header.epoch == self.epoch


def look(
    *,
    name: str = "page",
    counter: str | None = None,
    views: int = 0,
    source: Any = cache,
) -> Kept:
    """Return what there is of the page, and count views: one round trip."""
    watch.tell_if_changed(forget_for_good)
    page, checked = page_key(name), checked_key(name)
    keys = [VERSION_KEY, EPOCH_KEY, page, checked]
    answer = Answer(None)
    if source is not own and not owed:
        answer = source.count_and_get(counter, views, keys)
    found = answer.found
    if found is None:
        source, found = own, own.get_many(keys)
    header, pieces = unpack(found.get(page), name)
    return Kept(
        name=name,
        cache=source,
        answer=answer,
        version=token_or_none(found.get(VERSION_KEY)),
        epoch=token_or_none(found.get(EPOCH_KEY)),
        is_checked=found.get(checked) == 1,
        header=header,
        pieces=pieces,
    )


def pack(header: Header, pieces: Sequence[bytes]) -> bytes:
    """Return the page as it is kept."""
    return CUT.join([json.dumps(header).encode(), *pieces])


def unpack(kept: Any, name: str) -> tuple[Header | None, Sequence[bytes]]:
    """Return header and pieces; nothing for what is absent, damaged or not ours."""
    try:
        first, *pieces = kept.split(CUT)
        version, epoch, digest, *times, ids = json.loads(first)
        built_at, fresh_until, changed_at = map(float, times)
        texts = version, epoch, digest
        header = Header(*texts, built_at, fresh_until, changed_at, ids)
    except (AttributeError, TypeError, ValueError, OverflowError, RecursionError):
        return None, ()
    is_ours = (
        len(pieces) == PIECES.get(name, len(pieces) or 1)
        and all(isinstance(text, str) for text in texts)
        and 0 <= built_at <= fresh_until < LAST_SECOND
        and 0 <= changed_at < LAST_SECOND
        and isinstance(ids, list)
        and all(type(number) is int for number in ids)
    )
    return (header, pieces) if is_ours else (None, ())


def await_page(kept: Kept, *, others_until: float | None = None) -> Kept:
    """Return what there is once it is current, or this process is to build or check it.

    A write while one waits opens a new choice: its version has a claim of its own. Until
    `others_until`, on the monotonic clock, only others are waited for.
    """
    deadline = others_until or time.monotonic() + WAIT_SECONDS
    while not kept.is_current and time.monotonic() < deadline:
        is_chosen = False if others_until else claim(kept)
        if is_chosen:
            break
        if is_chosen is None:  # it went away, or takes no writes
            kept = look(name=kept.name, source=own)
            continue
        time.sleep(LOOK_AGAIN_SECONDS)
        kept = look(name=kept.name, source=kept.cache)
    return kept


def claim(kept: Kept) -> bool | None:
    """Return whether this caller is the one to do what the page lacks.

    Of all that lack it, one is chosen. None: the cache cannot tell.
    """
    # Gone before the page is, or those who find that too old wait for a builder who is
    # long done.
    seconds = OWN_SECONDS if kept.cache is own else CLAIM_SECONDS
    return kept.cache.add(kept.claim_key, 1, timeout=seconds)


def release(kept: Kept) -> None:
    """Let those who wait for the page stop waiting."""
    kept.cache.delete(kept.claim_key)


def begin(kept: Kept) -> Header:
    """Return the header of a page that is now read from the database.

    Version and epoch are those of the last look, from before the query: a write in the
    middle of it makes the page one that does not count.
    """
    now = time.time()
    seconds = OWN_SECONDS if kept.cache is own else settings.WALL_CACHE_SECONDS
    return Header(
        kept.version or ensure_token(kept.cache, VERSION_KEY),
        kept.epoch or ensure_token(kept.cache, EPOCH_KEY),
        digest="",  # not known yet
        built_at=now,
        fresh_until=now + seconds,
    )


def changed_at(kept: Kept, header: Header, pieces: Sequence[bytes]) -> float:
    """Return when these pieces took the place of others, in whole seconds.

    That is later than for those others, even within one second: who asks whether
    something has changed since then is told.
    """
    if kept.header and kept.pieces == pieces:
        return kept.header.changed_at
    before = kept.header.changed_at if kept.header else 0
    return max(int(header.built_at), before + 1)


def keep(kept: Kept, header: Header, pieces: Sequence[bytes]) -> None:
    """Keep the page, current until the version changes or its time is over."""
    is_kept = False
    # Outdated pages stand in only from the shared cache: this process alone would not
    # know what others took down since.
    seconds = OWN_SECONDS if kept.cache is own else KEPT_SECONDS
    # A builder that a write overtook must not put its page over a newer one.
    if kept.cache.get(VERSION_KEY) == header.version:
        page = pack(header, pieces)
        is_kept = kept.cache.set(page_key(kept.name), page, timeout=seconds)
    fresh = round(header.fresh_until - header.built_at)
    logger.info(
        "The wall's %s was built from the database; %s.",
        kept.name,
        f"cached for {fresh} s" if is_kept else "not cached",
    )


def mark_checked(kept: Kept) -> bool:
    """Tell that the page shows what is in the table; True if it was time to look.

    What no version tells of (raw SQL, a process killed before it could tell, a Redis that
    lost its last second) is so found after that time.
    """
    is_due = not kept.is_checked
    # set(), not add(), and also when a page was built because it was too old: what stands
    # there may be garbage, or have lost its end as Redis was copied.
    if is_due or (kept.header and kept.header.version == kept.version):
        seconds = settings.WALL_FOLD_SECONDS - 1
        return kept.cache.set(checked_key(kept.name), 1, timeout=seconds) and is_due
    return False


def forget() -> None:
    """Put every page built so far out of date, in all processes: there is more to show."""
    renew(VERSION_KEY)


def forget_for_good() -> None:
    """Let no page built so far be shown again, not even while the database is away."""
    renew(VERSION_KEY, EPOCH_KEY)


def renew(*keys: str) -> None:
    """Replace these tokens: here at once, elsewhere as soon as the cache can be told."""
    own.set_surely({key: new_token() for key in keys})
    owed.renew(*keys)


def ensure_token(source: Any, key: str) -> str:
    """Return the token at the key, which gets one if it has none, or garbage."""
    token = new_token()
    # add(): of two that find none, the second takes the first one's.
    source.add(key, token, timeout=None)
    if kept := token_or_none(source.get(key)):
        return kept
    # Garbage; or the cache is away, and any token will do: nothing is kept.
    source.set(key, token, timeout=None)
    return token


def token_or_none(value: Any) -> str | None:
    """Return the value if it can be one of our tokens."""
    return value if isinstance(value, str) else None
