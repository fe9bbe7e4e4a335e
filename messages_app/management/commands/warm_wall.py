"""Builds the wall's pages before a reader asks for them."""

from typing import Any

from django.conf import settings
from django.core.management import CommandError
from django.utils import translation

from messages_app import languages, wall_cache, wall_page
from messages_app.management.base import OperatorCommand


class Command(OperatorCommand):
    help = (
        "Build the first page and the feed in every language, so that no reader waits."
    )

    def handle(self, **options: Any) -> None:
        if not settings.REDIS_URL:
            raise CommandError(
                "Without REDIS_URL the pages are in the memory of the server's one "
                "process, which builds each for its first reader."
            )
        pages = [
            (name, code, named)
            for code, _ in settings.LANGUAGES
            for named in ("", code)  # by the browser, or by ?lang=
            for name in ("page", "feed")
        ]
        with self.progress(len(pages), "pages") as bar:
            for name, code, named in pages:
                build(name, code, named)
                bar.update()
        self.say(f"{len(pages)} pages are in the cache.")


def build(name: str, code: str, named: str) -> None:
    """Have this page in the cache; raise CommandError when that is away."""
    token = languages.chosen.set(named)
    try:
        with translation.override(code):
            wall_page.newest(wall_cache.look(name=name))
            kept = wall_cache.look(name=name)
            if kept.cache is wall_cache.own or not kept.header:
                raise CommandError(
                    "The cache does not answer, or takes nothing: each process keeps a "
                    "page of its own meanwhile."
                )
    finally:
        languages.chosen.reset(token)
