"""The wall's first page as last built: its keys, its lifetime, its forgetting."""

import logging
import secrets
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.utils.translation import get_language

logger = logging.getLogger(__name__)

# A random token, which each change of what is published replaces. No expiry.
VERSION_KEY = "wall:version"


def page_key() -> str:
    """Return the key of the page in the language of this request."""
    return f"wall:page:{get_language()}"


def current_page() -> Any:
    """Return the first page as last kept, or None when it is absent or out of date."""
    found = cache.get_many([VERSION_KEY, page_key()])
    page = found.get(page_key())
    # Validated when read, not deleted when written: a reader that began before a write
    # keeps its page under the old version, where it no longer counts.
    if page is None or page["version"] != found.get(VERSION_KEY):
        return None
    logger.debug("The wall's page came from the cache.")
    return page["content"]


def begin_build() -> str:
    """Return the version to keep a page under; to be called before its query."""
    # While the cache is away any version will do: nothing is kept.
    return cache.get_or_set(VERSION_KEY, new_version, timeout=None) or new_version()


def keep(content: Any, version: str) -> None:
    """Keep the page, valid until the version changes or WALL_CACHE_SECONDS are over."""
    seconds = settings.WALL_CACHE_SECONDS
    page = {"version": version, "content": content}
    cache.set(page_key(), page, timeout=seconds)
    logger.info(
        "The wall's page was built from the database; cached for %d s.", seconds
    )


def forget() -> None:
    """Put every page built so far out of date, in all processes."""
    cache.set(VERSION_KEY, new_version(), timeout=None)


def new_version() -> str:
    """Return a version that was never used."""
    # Not a number: one that a restored or lagging Redis brings back would make an old
    # page valid again. And setting a token twice is the same as setting it once.
    return secrets.token_hex(8)
