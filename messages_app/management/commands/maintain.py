"""What must happen without a visitor's request."""

import logging
import signal
from typing import Any

from django.core.management import CommandError, CommandParser
from django.db import connection

from messages_app import advisory_lock, breaker, jobs
from messages_app.management.base import OperatorCommand, count, counted
from messages_app.models import Act, ModerationBatch
from messages_app.moderation import retention

TASKS = [jobs.FOLD, *jobs.TASKS]


class Command(OperatorCommand):
    help = (
        "Fold the view counter, end floods and bans, tell moderators, erase what "
        "WALL_RETENTION_DAYS lets go, and clean up: once, or again and again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--loop",
            action="store_true",
            help="go on until SIGTERM; of several, one works and the others stand by",
        )
        self.add_dry_run(parser)

    def handle(self, *, loop: bool, dry_run: bool, **options: Any) -> None:
        if loop and dry_run:
            raise CommandError("--dry-run is not for --loop.", returncode=2)
        if dry_run:
            for setting, messages in retention.too_old().items():
                told = counted(count(messages), "message")
                self.stdout.write(f"{setting} would erase {told}.")
            self.stdout.write("Nothing was done.")
        elif loop:
            self.work_until_told_to_end()
        elif not advisory_lock.take(connection, jobs.LOCK):
            self.stdout.write("Another maintain is at work; nothing was done.")
        else:
            last = ModerationBatch.objects.first()  # the newest
            try:
                for task in TASKS:
                    while task.act():
                        pass
            finally:
                advisory_lock.let_go(connection, jobs.LOCK)
            erasures = ModerationBatch.objects.filter(
                act=Act.ERASE, actor="", pk__gt=last.pk if last else 0
            )
            erased = sum(erasures.values_list("message_count", flat=True))
            self.say(f"Done; {counted(erased, 'message')} erased.")

    def work_until_told_to_end(self) -> None:
        """Do what is due, round after round, whatever fails meanwhile."""
        breaker.logger.setLevel(logging.NOTSET)  # what comes and goes is its log's
        loop = jobs.Loop(TASKS, self.tell)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: loop.is_over.set())
        loop.run()
        self.stdout.write("Ended.")

    def tell(self, state: str) -> None:
        self.stdout.write(state)
        self.stdout.flush()  # a container's log is a pipe
