"""What must happen without a visitor's request."""

import signal
from typing import Any

from django.core.management import CommandParser
from django.db import connection

from messages_app import advisory_lock, jobs
from messages_app.management.base import OperatorCommand

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

    def handle(self, *, loop: bool, **options: Any) -> None:
        if loop:
            self.work_until_told_to_end()
        elif not advisory_lock.take(connection, jobs.LOCK):
            self.stdout.write("Another maintain is at work; nothing was done.")
        else:
            try:
                for task in TASKS:
                    while task.act():
                        pass
            finally:
                advisory_lock.let_go(connection, jobs.LOCK)
            self.stdout.write("Done.")

    def work_until_told_to_end(self) -> None:
        """Do what is due, round after round, whatever fails meanwhile."""
        loop = jobs.Loop(TASKS, self.tell)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: loop.is_over.set())
        loop.run()
        self.stdout.write("Ended.")

    def tell(self, state: str) -> None:
        self.stdout.write(state)
        self.stdout.flush()  # a container's log is a pipe
