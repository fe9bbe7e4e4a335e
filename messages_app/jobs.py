"""What must happen without a visitor's request, and the loop that does it."""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.db import Error, connection
from django.utils import timezone

from messages_app import advisory_lock, lost_database, page_views, senders
from messages_app.models import Rule
from messages_app.moderation import notices, retention, valve

logger = logging.getLogger(__name__)

LOCK = "maintain"
ROUND_SECONDS = 5.0
END_SECONDS = 1.0  # a worker waits for its jobs when it ends; they can be cut off


class Task(NamedTuple):
    act: Callable[[], bool | None]  # True: there is more, after the other tasks' turn
    every: float  # seconds


def drop_lapsed_bans() -> None:
    """Delete the bans that are over; other rules stay, and are listed as expired."""
    lapsed = Rule.objects.filter(kind=Rule.Kind.SENDER, expires_at__lte=timezone.now())
    if lapsed.exists():  # else no process needs to read the rules anew
        lapsed.delete()


FOLD = Task(page_views.fold, settings.WALL_FOLD_SECONDS)
# None of them writes where there is nothing to do: to an embedded wall, whose file another
# connection has changed, its page is out of date.
TASKS = [
    Task(valve.calm, 30),
    Task(notices.send_digest, 300),
    Task(drop_lapsed_bans, 3600),
    Task(SessionStore.clear_expired, 3600),  # of moderators
    Task(senders.drop_old_salts, 3600),
    Task(retention.prune, 3600),
]


class Loop:
    """Does what is due, round after round, whatever fails meanwhile."""

    def __init__(self, tasks: list[Task], tell: Callable[[str], None]) -> None:
        self.due = dict.fromkeys(tasks, 0.0)  # seconds of the monotonic clock
        self.tell = tell
        self.state = ""  # as last told
        self.is_over = threading.Event()

    def run(self) -> None:
        """Work until it is over."""
        try:
            while not self.is_over.is_set():
                self.tell_once(self.try_a_round())
                self.is_over.wait(ROUND_SECONDS)
        finally:
            let_go()

    def try_a_round(self) -> str:
        """Do what is due; return in a sentence how that went."""
        try:
            return self.do_a_round()
        except Error as error:
            let_go()  # the next round asks for the lock anew
            return lost_database.describe(error)
        except Exception as error:  # a mistake in one task: the others go on
            logger.exception("A job failed.")
            return f"A job failed: {type(error).__name__}."

    def do_a_round(self) -> str:
        """Do what is due, if this process is the one to do it; return which it is."""
        # Each round, for the session that took it may have broken since.
        if not advisory_lock.take(connection, LOCK):
            connection.close()  # others may need it
            return "Another maintain is at work; standing by."
        for task, at in self.due.items():
            if self.is_over.is_set():
                break
            if at <= time.monotonic():
                self.due[task] = time.monotonic() + task.every
                if task.act():
                    self.due[task] = 0
        return "At work."

    def tell_once(self, state: str) -> None:
        if state != self.state:
            self.state = state
            self.tell(state)


def let_go() -> None:
    """Give lock and connection back: the session may go on in a pool, for others."""
    with suppress(Error):  # the session is gone, and the lock with it
        advisory_lock.let_go_of_all(connection)
    connection.close()


class Thread:
    """The loop inside a process of the server."""

    def __init__(self) -> None:
        # The requests fold the counter themselves.
        self.loop = Loop(TASKS, lambda state: logger.info("Jobs: %s", state))
        # It holds up no exit: what it does can be cut off anywhere.
        self.thread = threading.Thread(target=self.loop.run, name="jobs", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def end(self) -> None:
        """Let it end, or leave it behind if it takes long."""
        self.loop.is_over.set()
        if self.thread.is_alive():
            self.thread.join(END_SECONDS)


of_this_process = Thread()
