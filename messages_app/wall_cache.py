"""The wall's first page as last built: its keys, its lifetime, its forgetting."""

import functools
import hashlib
import json
import logging
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.cache import cache
from django.template.loader import get_template
from django.utils.translation import get_language

logger = logging.getLogger(__name__)

# Two random tokens without expiry. Each change of what is published replaces the
# version; a change of what stood there before replaces the epoch too.
VERSION_KEY = "wall:version"
EPOCH_KEY = "wall:epoch"

TEMPLATES = ["base.html"] + [
    f"messages_app/{name}.html" for name in ("wall", "_message", "_form")
]
KEPT_SECONDS = 86_400  # so long an old page can stand in for a database that is away
CLAIM_SECONDS = 2  # a builder that died holds the others up no longer than this
WAIT_SECONDS = 1  # for another's page, before building one's own
LOOK_AGAIN_SECONDS = 0.005

CUT = b"\0"  # between the header and the pieces; no message can hold it
PIECES = 5  # of a page; another number is not a page of this code
LAST_SECOND = 1e11  # in the year 5138; what is beyond it is no time


def page_key() -> str:
    """Return the key of the page in this edition and this request's language."""
    return f"wall:page:{edition()}:{get_language()}"


def edition() -> str:
    """Return what names the page's format, files, templates and settings.

    So a release, or a start with another title, never shows the page of the one before.
    """
    return compute_edition() if settings.DEBUG else known_edition()


def compute_edition() -> str:
    """Return the edition of what stands on the disk and in the settings now."""
    files = getattr(staticfiles_storage, "manifest_hash", "")
    templates = [str(get_template(name).template.source) for name in TEMPLATES]  # type: ignore[attr-defined]  # Django's engine has it
    parts = [PIECES, settings.WALL_TITLE, settings.WALL_PAGE_SIZE, files, *templates]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


known_edition = functools.cache(compute_edition)  # as long as the process lives


def claim_key(version: str | None) -> str:
    """Return the key by which one process tells that it builds the page."""
    return f"wall:claim:{version}:{get_language()}"


class Header(NamedTuple):
    """What is kept with a page."""

    version: str  # those before its query
    epoch: str
    built_at: float  # seconds since 1970
    fresh_until: float


@dataclass(frozen=True)
class Kept:
    """What one look into the cache found."""

    view_count: int | None  # after this view; None: not counted
    version: str | None
    epoch: str | None
    header: Header | None  # None: there is no page
    pieces: Sequence[bytes]

    @property
    def is_current(self) -> bool:
        """Whether the page may be shown as it is."""
        # Validated when read, not deleted when written: a reader that began before a
        # write keeps its page under the old version, where it no longer counts.
        return (
            self.header is not None
            and self.is_harmless
            and self.header.version == self.version
            and self.header.fresh_until > time.time()
        )

    @property
    def is_harmless(self) -> bool:
        """Whether nothing that stands on the page was taken down or changed since."""
        return self.header is not None and self.header.epoch == self.epoch


def look(*, counter: str | None = None) -> Kept:
    """Return what the cache holds of the page, and count a view: one round trip."""
    page = page_key()
    keys = [VERSION_KEY, EPOCH_KEY, page]
    count, found = cache.count_and_get(counter, keys)  # type: ignore[attr-defined]  # our back end
    header, pieces = unpack(found.get(page))
    version, epoch = (token_or_none(found.get(key)) for key in (VERSION_KEY, EPOCH_KEY))
    return Kept(count, version, epoch, header, pieces)


def pack(header: Header, pieces: Sequence[bytes]) -> bytes:
    """Return the page as it is kept."""
    return CUT.join([json.dumps(header).encode(), *pieces])


def unpack(kept: Any) -> tuple[Header | None, Sequence[bytes]]:
    """Return header and pieces; nothing for what is absent, damaged or not ours."""
    try:
        first, *pieces = kept.split(CUT)
        version, epoch, built_at, fresh_until = json.loads(first)
        header = Header(version, epoch, float(built_at), float(fresh_until))
    except (AttributeError, TypeError, ValueError, OverflowError, RecursionError):
        return None, ()
    is_ours = (
        len(pieces) == PIECES
        and isinstance(version, str)
        and isinstance(epoch, str)
        and 0 <= header.built_at <= header.fresh_until < LAST_SECOND
    )
    return (header, pieces) if is_ours else (None, ())


def claim(kept: Kept) -> bool:
    """Return whether this process is the one to build the page that `kept` lacks.

    Of all that lack it, one is chosen; while the cache is away, everyone is.
    """
    key = claim_key(kept.version)
    return cache.add(key, 1, timeout=CLAIM_SECONDS) or cache.get(key) is None


def await_page(kept: Kept) -> Kept:
    """Return what there is once it is current, or this process is to build it.

    A write while one waits opens a new choice: its version has a claim of its own.
    """
    deadline = time.monotonic() + WAIT_SECONDS
    while not (kept.is_current or claim(kept) or time.monotonic() > deadline):
        time.sleep(LOOK_AGAIN_SECONDS)
        kept = look()
    return kept


def begin_build(kept: Kept) -> Header:
    """Return the header of a page that is now read from the database.

    Version and epoch are those of the last look, from before the query: a write in the
    middle of it makes the page one that does not count.
    """
    now = time.time()
    return Header(
        kept.version or ensure_token(VERSION_KEY),
        kept.epoch or ensure_token(EPOCH_KEY),
        built_at=now,
        fresh_until=now + settings.WALL_CACHE_SECONDS,
    )


def keep(header: Header, pieces: Sequence[bytes]) -> None:
    """Keep the page, current until the version changes or WALL_CACHE_SECONDS are over."""
    is_kept: Any = False
    # A builder that a write overtook must not put its page over a newer one.
    if cache.get(VERSION_KEY) == header.version:
        page = pack(header, pieces)
        is_kept = cache.set(page_key(), page, timeout=KEPT_SECONDS)  # type: ignore[func-returns-value]  # ours does
    logger.info(
        "The wall's page was built from the database; %s.",
        f"cached for {settings.WALL_CACHE_SECONDS} s" if is_kept else "not cached",
    )


def release(version: str | None) -> None:
    """Let those who wait for a page stop waiting."""
    cache.delete(claim_key(version))


def forget() -> None:
    """Put every page built so far out of date, in all processes: there is more to show."""
    cache.set(VERSION_KEY, new_token(), timeout=None)


def forget_for_good() -> None:
    """Let no page built so far be shown again, not even while the database is away."""
    cache.set_many({VERSION_KEY: new_token(), EPOCH_KEY: new_token()}, timeout=None)


def ensure_token(key: str) -> str:
    """Return the token at the key, which gets one if it has none, or garbage."""
    token = new_token()
    # add(): of two that find none, the second takes the first one's.
    cache.add(key, token, timeout=None)
    if kept := token_or_none(cache.get(key)):
        return kept
    # Garbage; or the cache is away, and any token will do: nothing is kept.
    cache.set(key, token, timeout=None)
    return token


def token_or_none(value: Any) -> str | None:
    """Return the value if it can be one of our tokens."""
    return value if isinstance(value, str) else None


def new_token() -> str:
    """Return a text that was never used."""
    # Not a number: one that a restored or lagging Redis brings back would make an old
    # page valid again. And setting a token twice is the same as setting it once.
    return secrets.token_hex(8)
