"""Puts every page built so far out of date."""

from typing import Any

from django.conf import settings
from django.core.management import CommandError
from django.db import connection

from messages_app import wall_cache
from messages_app.management.base import OperatorCommand
from messages_app.models import WallState


class Command(OperatorCommand):
    help = "Have the first page and the feed built anew from the database, for all."

    def handle(self, **options: Any) -> None:
        wall_cache.forget_for_good()
        if connection.vendor == "sqlite":
            # The embedded wall finds its pages old when its file was written to.
            WallState.objects.renew_rules()
        if not settings.REDIS_URL and connection.vendor != "sqlite":
            raise CommandError(
                "Without REDIS_URL the pages are in the memory of the server's one "
                "process, out of reach from here: restart it."
            )
        if wall_cache.owed:
            raise CommandError(
                "The cache does not answer, and keeps what it has. While it is away no "
                "page is shown from it; try again when it answers."
            )
        self.say("Forgotten: each page is built anew for its next reader.")
