"""What must happen without a visitor's request."""

import signal
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import BaseCommand, CommandParser
from django.db import Error, connection

from messages_app import advisory_lock, page_views, senders


class Task(NamedTuple):
    act: Callable[[], None]
    every: float  # seconds


TASKS = [
    Task(page_views.fold, settings.WALL_FOLD_SECONDS),
    Task(SessionStore.clear_expired, 3600),  # of moderators
    Task(senders.drop_old_salts, 3600),
]
ROUND_SECONDS = 5.0


class Command(BaseCommand):
    help = "Fold the view counter into the database and clean up."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--loop",
            action="store_true",
            help="go on until SIGTERM; of several, one works and the others stand by",
        )

    def handle(self, *, loop: bool, **options: Any) -> None:
        if loop:
            self.work_until_told_to_end()
        elif not advisory_lock.take(connection, "maintain"):
            self.stdout.write("Another maintain is at work; nothing was done.")
        else:
            try:
                for task in TASKS:
                    task.act()
            finally:
                advisory_lock.let_go(connection, "maintain")
            self.stdout.write("Done.")

    def work_until_told_to_end(self) -> None:
        """Do what is due, round after round, whatever fails meanwhile."""
        is_over = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: is_over.set())
        due = dict.fromkeys(TASKS, 0.0)  # seconds of the monotonic clock
        state = ""
        while not is_over.is_set():
            try:
                before, state = state, self.do_a_round(due)
            except Error as error:
                # The lock went with the session; the next round asks for it anew.
                connection.close()
                reason = " ".join(str(error).split())
                before, state = state, f"The database does not answer: {reason}"
            if state != before:
                self.stdout.write(state)
                self.stdout.flush()  # a container's log is a pipe
            is_over.wait(ROUND_SECONDS)
        self.stdout.write("Ended.")

    def do_a_round(self, due: dict[Task, float]) -> str:
        """Do what is due, if this process is the one to do it; return which it is."""
        # Each round, for the session that took it may have broken since.
        if not advisory_lock.take(connection, "maintain"):
            return "Another maintain is at work; standing by."
        for task, at in due.items():
            if at <= time.monotonic():
                due[task] = time.monotonic() + task.every
                task.act()
        return "At work."
