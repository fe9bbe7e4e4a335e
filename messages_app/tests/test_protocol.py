"""No page, and no feed, is older than promised, whatever overtakes what and whatever fails.

Two processes, a shared cache, a table and a clock are simulated, so that no server is
needed and each step can be chosen; real servers are tried in test_chaos.py. What runs is
the real code of wall_cache, wall_page, owed and breaker: each request in a thread of its
own, which stops before each step that another could see. Hypothesis chooses who goes on,
what fails and how time passes. A longer search, whose finds are made short:

    PROTOCOL_RUNS=2000 make test-embedded ARGS="messages_app/tests/test_protocol.py"
"""

import copy
import json
import logging
import os
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import inf
from types import SimpleNamespace

import pytest
from django.db import OperationalError
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from messages_app import breaker, owed, wall_cache, wall_page
from messages_app.cache_backends import Answer, WallLocMemCache
from messages_app.models import Message

RUNS = int(os.environ.get("PROTOCOL_RUNS", "0"))
TICK = 1e-6  # seconds that a step takes, so that no two happen at one time
TO_THE_END = 10_000  # more steps than any request has

process = st.sampled_from([0, 1])
which = st.integers(0, 7)  # of what there is
name = st.sampled_from(["page", "page", "feed"])
steps = st.sampled_from([1, 2, 3, 4, 5, 7, 9, 12, *[TO_THE_END] * 5])
EVENTS = {  # and how likely each is
    "visit": (5, process, steps, name),
    "write": (4, process, steps, st.booleans(), which),
    "write_raw": (1, st.booleans(), which),
    "go_on": (5, which, steps),
    "pass_time": (3, st.sampled_from([0.3, 0.6, 1.1, 1.1, 2.5, 10.5])),
    "fail": (3, which, process, which),
    "mend_all": (1,),
}
event = st.one_of(
    [
        st.tuples(st.just(name), *details)
        for name, (weight, *details) in EVENTS.items()
        for _ in range(weight)
    ]
)
FAULTS = ["cut off", "mute", "killed", "full", "emptied", "rolled back", "no database"]


# Many short runs: after ten stories, Hypothesis tells mostly variations of those.
@pytest.mark.parametrize("number", range(RUNS or 30))
def test_no_page_is_older_than_promised(monkeypatch, number):
    # Or each fault of each story would be told in the log.
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)
    run_state_machine_as_test(
        # In a suite, the same stories each time: who changes other code finds nothing here.
        seed(number)(lambda: Wall(monkeypatch)),
        settings=settings(
            max_examples=10,
            stateful_step_count=30,
            database=None,  # a run learns nothing from the one before
            # Both look at the time, and the machine may be busy.
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
            # Making a story short takes minutes.
            phases=[Phase.generate, *([Phase.shrink] if RUNS else [])],
        ),
    )


class Killed(BaseException):
    """The process is gone; no `except Exception` sees it."""


class Asleep(BaseException):
    """Who pays debts has nothing more to do at this time."""


class Memory(WallLocMemCache):
    """Django's cache in memory, on the story's clock, and gone with the story."""

    def __init__(self, wall, pause=lambda: None):
        super().__init__("protocol", {})
        self.wall, self.pause = wall, pause
        self._cache, self._expire_info = OrderedDict(), {}

    def make_and_validate_key(self, key, version=None):
        self.pause()  # each operation begins here, before it takes its lock
        return super().make_and_validate_key(key, version)

    def get_backend_timeout(self, timeout):
        return None if timeout is None else self.wall.now + timeout

    def _has_expired(self, key):
        end = self._expire_info.get(key, -1)
        return end is not None and end <= self.wall.now


class Process:
    """One process: its memory, its debts, and its way to the shared cache.

    It answers as WallRedisCache does. The way is "fine"; or "cut off"; or "mute": what it
    is told is done, and the answer is lost.
    """

    def __init__(self, wall, way="fine"):
        self.wall, self.way = wall, way
        self.own, self.owed = Memory(wall, wall.pause), owed.OwedTokens()
        self.payer = None
        self.breaker = breaker.Breaker("the cache")

    @property
    def is_well(self):
        """Whether its visitors are served from the shared cache."""
        is_away = self.way != "fine" or self.wall.is_full or self.breaker.is_open
        return not is_away and not self.owed

    def ask(self, method, *args, is_read=False, **kwargs):
        """Return the answer; None when there is none, and for a write that is refused."""
        self.wall.pause()
        if not self.wall.is_in_story() or not self.breaker.may_ask():
            return None
        answer, is_refused = None, self.wall.is_full and not is_read
        if self.way != "cut off" and not is_refused:
            answer = getattr(self.wall.shared, method)(*args, **kwargs)
            self.wall.remember()
        if self.way != "fine":
            return self.breaker.failed(self.way)
        self.breaker.answered()
        self.wall.task.is_heard = True
        self.wall.task.is_refused |= is_refused
        return answer

    def __getattr__(self, method):
        return partial(self.ask, method, is_read=method == "get")

    def count_and_get(self, counter, by, keys):
        # A view that is not counted is not answered either.
        return Answer(self.ask("get_many", keys, is_read=not counter))

    def set_surely(self, values):
        with self.breaker.insisting():
            return bool(self.ask("set_surely", values))


class Task:
    """A request, in a thread that goes one step at a time."""

    def __init__(self, wall, process, target=None):
        self.wall, self.process, self.target = wall, process, target
        self.began = self.wakes_at = wall.now
        self.query_at = inf
        self.was_well = True  # at each step
        self.is_heard = self.is_refused = False  # by the cache, at least once
        self.has_failed_query = self.is_done = self.is_killed = False
        self.thread = self.error = None

    def start(self):
        self.turn = threading.Semaphore(0)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            self.target()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - raised where it is stepped
            self.error = error
        self.is_done = True
        self.wall.turn.release()


@dataclass
class Write:
    """A change of the table, and who knows of it."""

    message: int
    is_removal: bool
    process: Process | None  # None: raw SQL
    committed: float
    acknowledged: float = inf
    told: float = inf  # to the shared cache
    is_lost: bool = False  # by a cache that lost its last second
    late: float = 0  # seconds from the query to the end of a request that missed it


class Wall(RuleBasedStateMachine):
    def __init__(self, monkeypatch):
        super().__init__()
        self.now, self.patch = 1000.0, monkeypatch.setattr
        self.home, self.turn = threading.current_thread(), threading.Semaphore(0)
        self.task, self.tasks = None, []
        self.table, self.writes = {}, []  # whether each message is visible
        self.is_full = self.is_database_away = False
        self.shared, self.past = Memory(self), [(-inf, OrderedDict(), {})]
        self.replace_what_it_stands_on()
        self.processes = [Process(self), Process(self)]

    def teardown(self):
        self.kill(self.tasks)

    # What the code stands on

    def replace_what_it_stands_on(self):
        # The names in our modules, not what they name: the rest goes on as always.
        tell = lambda: self.now
        clock = SimpleNamespace(time=tell, monotonic=tell, sleep=self.sleep)
        for module in (wall_cache, owed, breaker):
            self.patch(module, "time", clock)
        threads = SimpleNamespace(Thread=self.make_payer, Lock=threading.Lock)
        self.patch(owed, "threading", threads)
        self.patch(wall_cache, "LOOK_AGAIN_SECONDS", 0.2)  # fewer steps
        self.patch(wall_cache.watch, "tell_if_changed", lambda tell: None)
        self.patch(wall_page, "read", self.read)
        self.patch(wall_page, "render", self.render)
        self.patch(wall_page.feed, "render", self.render_feed)
        self.patch(wall_page, "newest", self.newest)
        self.patch(wall_page.page_views, "fold", lambda: None)
        # Back to what they are now when all stories are told; see enter().
        self.patch(wall_cache, "own", None)
        self.patch(wall_cache, "owed", None)
        self.patch(owed, "cache", None)
        self.patch(wall_cache.look, "__kwdefaults__", LOOK)

    def enter(self, task):
        """Let what runs now be this task, in its process."""
        self.task, process = task, task.process
        wall_cache.own, wall_cache.owed, owed.cache = process.own, process.owed, process
        wall_cache.look.__kwdefaults__ = {**LOOK, "source": process}

    def is_in_story(self):
        """Return whether this is no thread that an earlier test left behind."""
        thread = threading.current_thread()
        return thread is self.home or bool(self.task and thread is self.task.thread)

    def pause(self):
        """Let others go on, if this is a task's thread."""
        task = self.task
        if task and threading.current_thread() is task.thread:
            self.turn.release()
            task.turn.acquire()
            if task.is_killed:
                raise Killed

    def sleep(self, seconds):
        if not self.is_in_story():
            time.sleep(seconds)
        elif threading.current_thread() is self.home:
            raise Asleep
        else:
            self.task.wakes_at = self.now + seconds
            self.pause()

    def make_payer(self, target, daemon):
        self.task.process.payer = target
        return SimpleNamespace(start=lambda: None, is_alive=lambda: True)

    def newest(self, kept):
        if self.task.has_failed_query:  # see what_if()
            raise OperationalError("connection refused")
        return NEWEST(kept)

    def read(self):
        self.pause()
        self.task.query_at = self.now
        if self.is_database_away:
            self.task.has_failed_query = True
            raise OperationalError("connection refused")
        return [Message(id=number) for number in self.visible()]

    def render(self, context):
        shown = context["message_list"]
        ids = None if shown is None else [message.id for message in shown]
        return [json.dumps(ids).encode(), b"", b"", b"", b""]

    def render_feed(self, rows):
        return [json.dumps([message.id for message in rows]).encode(), b""]

    def remember(self):
        kept, expire = self.shared._cache.copy(), self.shared._expire_info.copy()
        if kept != self.past[-1][1]:
            self.past.append((self.now, kept, expire))

    def visible(self):
        return [number for number in self.table if self.table[number]]

    # How it goes on

    def begin(self, where, target, steps):
        task = Task(self, self.processes[where], target)
        self.tasks.append(task)
        self.go_on_with(task, steps)

    def go_on_with(self, task, steps):
        for _ in range(steps):
            if task.wakes_at > self.now:
                self.pass_time(task.wakes_at - self.now)
            self.step(task)
            if task.is_done:
                break

    def step(self, task):
        """Let the task go on to the next thing that others could see."""
        self.now += TICK
        self.enter(task)
        task.was_well &= task.process.is_well
        task.turn.release() if task.thread else task.start()
        # With a limit, so that a mistake in here is told, not waited for.
        assert self.turn.acquire(timeout=60), "it waits for what nobody does"
        task.was_well &= task.process.is_well
        if task.is_done:
            self.tasks.remove(task)
            task.thread.join()
        if task.error:
            raise task.error
        for write in self.writes:
            if task.query_at < write.committed:
                write.late = max(write.late, self.now - task.query_at)
        self.note_who_is_told()

    def pass_time(self, seconds):
        """Let time pass, in which debts are paid; requests stand still meanwhile."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + owed.RETRY_SECONDS)
            for process in self.processes:
                if process.payer:
                    self.enter(Task(self, process))
                    with suppress(Asleep):
                        process.payer()
                        process.payer = None
                is_reached = process.way == "fine" and not self.is_full
                assert not (process.owed and is_reached), "it was not delivered in time"
        self.note_who_is_told()

    def note_who_is_told(self):
        for write in self.writes:
            if write.acknowledged < write.told == inf and not write.process.owed:
                write.told = self.now

    # What is promised

    def check(self, page, visit):
        """Check that the page shows all that it must."""
        is_old = bool(page.remark) or not page.is_readable
        assert visit.has_failed_query or not is_old, "the database was there"
        ids = json.loads(page.pieces[0])
        for write in self.writes if page.is_readable else []:
            age = visit.began - write.committed
            is_shown = (write.message in ids) != write.is_removal
            is_gone = not write.is_removal and not self.table[write.message]
            if not is_shown and not is_gone:
                assert age <= self.grace(write, visit, is_old), (write, vars(visit))

    def grace(self, write, visit, is_old):
        """Return how many seconds after its commit this visit may miss that write."""
        if is_old and not write.is_removal:
            return inf  # an old page that says so only shows nothing taken down
        is_own = write.process is visit.process and write.acknowledged < visit.began
        is_told = write.told < visit.began
        if not write.is_lost and (is_own or (is_told and visit.was_well)):
            return 0
        is_alone = not visit.is_heard or (visit.is_refused and not is_old)
        if is_alone or (is_told and not write.is_lost):
            return 1
        # Ten, of which one is for the work; and found only where there is a table.
        return inf if is_old else 9 + write.late

    def what_if(self, process, name, *, is_database_away):
        """Check what a visitor would get from what is at hand, and leave no trace."""
        known, process.breaker = process.breaker, copy.copy(process.breaker)
        self.now += TICK
        visit = Task(self, process)
        self.enter(visit)
        visit.was_well, visit.has_failed_query = process.is_well, is_database_away
        kept = wall_cache.look(name=name, counter="views", views=1)
        if is_database_away or kept.is_current:
            page = wall_page.current(kept)
            visit.was_well &= process.is_well
            self.check(page, visit)
        process.breaker = known

    # What happens

    @initialize(faults=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=2))
    def choose_faults(self, faults):
        self.faults = faults  # few in one story, or nothing would ever go well

    @rule(event=event)  # one: of several, Hypothesis leaves some out of most stories
    def happens(self, event):
        name, *details = event
        getattr(self, name)(*details)
        for process in self.processes:
            for shown in "page", "feed":
                self.what_if(process, shown, is_database_away=False)
                self.what_if(process, shown, is_database_away=True)

    def visit(self, where, steps, name):
        def visit_to_the_end():
            visit = self.task
            kept = wall_cache.look(name=name, counter="views", views=1)
            self.check(wall_page.current(kept), visit)

        self.begin(where, visit_to_the_end, steps)

    def write(self, where, steps, is_removal, which):
        def write_to_the_end():
            write = self.commit(self.task.process, is_removal, which)
            (wall_cache.forget_for_good if write.is_removal else wall_cache.forget)()
            write.acknowledged = self.now

        if not self.is_database_away:
            self.begin(where, write_to_the_end, steps)

    def write_raw(self, is_removal, which):
        self.commit(None, is_removal, which)

    def commit(self, process, is_removal, which):
        visible = self.visible()
        is_removal = is_removal and bool(visible)
        number = visible[which % len(visible)] if is_removal else len(self.table)
        self.table[number] = not is_removal
        self.writes.append(Write(number, is_removal, process, self.now))
        return self.writes[-1]

    def go_on(self, which, steps):
        if self.tasks:
            self.go_on_with(self.tasks[which % len(self.tasks)], steps)

    def mend_all(self):
        self.is_full = self.is_database_away = False
        for process in self.processes:
            process.way = "fine"

    def fail(self, fault, where, which):
        fault, process = self.faults[fault % len(self.faults)], self.processes[where]
        if fault in ("cut off", "mute"):
            process.way = fault
        elif fault == "killed":
            self.processes[where] = Process(self, process.way)
            self.kill([task for task in self.tasks if task.process is process])
        elif fault == "full":
            self.is_full = True
        elif fault == "no database":
            self.is_database_away = True
        elif fault == "emptied":
            self.shared.clear()
            self.remember()
        else:
            self.lose_the_last_second(which)

    def kill(self, tasks):
        for task in list(tasks):
            task.is_killed = True
            self.step(task)

    def lose_the_last_second(self, which):
        """Go back to a state that was the latest at some time in the last second."""
        before = sum(at <= self.now - 1 for at, *_ in self.past) - 1
        recent = self.past[before:]
        at, kept, expire = recent[-1 - which % len(recent)]
        self.shared._cache, self.shared._expire_info = kept.copy(), expire.copy()
        for write in self.writes:
            write.is_lost |= at < write.told < inf
        self.remember()


LOOK, NEWEST = wall_cache.look.__kwdefaults__, wall_page.newest
