"""No page is older than promised, whatever overtakes what and whatever fails.

A simulation, which needs no server: two processes in one, each with its memory and its way
to a shared cache; a table; and a clock. Each visit and each write is the real code in a
thread of its own, which stops before each step that another could see. Hypothesis chooses
who goes on, what fails and how time passes, and shrinks what it finds to a short story:

    PROTOCOL_EXAMPLES=20000 make test-embedded ARGS="messages_app/tests/test_protocol.py"
"""

import copy
import itertools
import json
import logging
import os
import threading
from dataclasses import dataclass
from functools import partial
from math import inf
from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.core.cache.backends import base, locmem
from django.db import OperationalError
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.providers import (
    AVAILABLE_PROVIDERS,
    HypothesisProvider,
)
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from messages_app import breaker, owed, wall_cache, wall_page
from messages_app.cache_backends import Answer, WallLocMemCache
from messages_app.models import Message

EXAMPLES = int(os.environ.get("PROTOCOL_EXAMPLES", "0"))  # 0: the same few each time

TO_THE_END = 10_000
WRITES = ["post", "post", "hide", "hide", "raw post", "raw hide"]
FAULTS = [
    *("cut off", "mute", "late", "arrives late", "killed"),  # one process, see Link
    *("full", "emptied", "evicted", "rolled back", "no database"),
]
process = st.sampled_from([0, 1])
which = st.integers(0, 9)
steps = st.sampled_from([1, 2, 3, 4, 5, 7, 9, 12, TO_THE_END, TO_THE_END])
seconds = st.sampled_from([0.2, 0.6, 1.1, 2.5, 9.5, 10.5, 61])
visit = st.tuples(st.just("visit_the_wall"), process, steps)
write = st.tuples(st.just("write"), process, steps, st.sampled_from(WRITES), which)
go_on = st.tuples(st.just("go_on"), which, steps)
wait = st.tuples(st.just("pass_time"), seconds)
fault = st.tuples(st.just("fail"), which, process, which)
mend = st.tuples(st.just("mend_all"))
# The likelier ones twice.
EVENTS = st.one_of(visit, visit, write, go_on, go_on, wait, fault, fault, mend)
# Each story anew: by itself, Hypothesis spends five of six on variations of one.
AVAILABLE_PROVIDERS["anew"] = HypothesisProvider


def test_no_page_is_older_than_promised():
    run_state_machine_as_test(
        Wall,
        settings=settings(
            max_examples=EXAMPLES or 150,
            stateful_step_count=30,
            derandomize=not EXAMPLES,
            backend="anew",
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def taken_lock():
    lock = threading.Lock()
    lock.acquire()
    return lock


class Killed(BaseException):
    """The process is gone; no `except Exception` sees it."""


class Process:
    """What one process has for itself: its memory, its debts, its way to the cache."""

    def __init__(self, wall, number):
        self.own = OwnMemory(wall, f"process {number}")
        self.link = Link(wall)
        self.owed = owed.OwedTokens()
        self.in_reach_since = wall.now  # of the cache, which takes its writes; or inf

    @property
    def is_well(self):
        """Whether its visitors are served from the shared cache."""
        return (
            self.in_reach_since < inf
            and not self.link.breaker.is_open
            and not self.owed
        )


class OwnMemory(WallLocMemCache):
    """Memory that the threads of one process share: each key is a step."""

    def __init__(self, wall, name):
        super().__init__(name, {})
        self.wall = wall
        self.clear()

    def get(self, *args, **kwargs):
        self.wall.pause()
        return super().get(*args, **kwargs)

    def add(self, *args, **kwargs):
        self.wall.pause()
        return super().add(*args, **kwargs)

    def set(self, *args, **kwargs):
        self.wall.pause()
        return super().set(*args, **kwargs)

    def delete(self, *args, **kwargs):
        self.wall.pause()
        return super().delete(*args, **kwargs)


class Link:
    """The shared cache as one process sees it: answers as WallRedisCache does.

    It is "fine"; or "cut off"; or "mute", it does what it is told and does not answer; or
    "late", what it is told it does later or never.
    """

    def __init__(self, wall):
        self.wall = wall
        self.state = "fine"
        self.breaker = breaker.Breaker("the cache")

    def ask(self, method, *args, **kwargs):
        """Return the answer; None when there is none, and for a write that is refused."""
        self.wall.pause()
        if not self.breaker.may_ask():
            return None
        is_read = method.startswith("get")
        do = partial(self.wall.execute, self.wall.visit, method, *args, **kwargs)
        answer = None
        if self.state in ("fine", "mute") and (is_read or not self.wall.is_full):
            answer = do()
        elif self.state == "late" and not is_read:
            self.wall.late.append(do)
        if self.state != "fine":
            self.breaker.failed(self.state)
            return None
        self.breaker.answered()
        self.wall.visit.is_heard = True
        return answer

    def count_and_get(self, counter, by, keys):
        return Answer(self.ask("get_many", keys))

    def set_surely(self, values):
        with self.breaker.insisting():
            return bool(self.ask("set_surely", values))

    def __getattr__(self, method):
        return partial(self.ask, method)


@dataclass
class Visit:
    """What is known of one request from its beginning."""

    process: Process
    began: int  # number of the event
    began_at: float
    was_in_reach: bool = True  # the cache took this process's writes, all the while
    was_well: bool = True  # and its visitors were served from it
    is_heard: bool = False  # the cache answered at least once
    has_failed_query: bool = False
    query_at: float = 0

    def note(self):
        self.was_in_reach &= self.process.in_reach_since < inf
        self.was_well &= self.process.is_well


class Task:
    """A thread that runs one step at a time; made like a threading.Thread."""

    def __init__(self, wall, target, daemon=True):
        self.wall = wall
        self.target = target
        self.visit = wall.begin(wall.visit.process)
        self.wakes_at = wall.now
        self.is_payer = target.__name__ == "_pay"
        self.is_done = self.is_killed = False
        self.error = None
        self.turn = taken_lock()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def start(self):
        self.wall.tasks.append(self)

    def run(self):
        try:
            if not self.is_killed:
                self.target()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - told where it is stepped
            self.error = error
        self.is_done = True
        self.wall.turn.release()

    def step(self):
        """Go on to the next thing that others could see."""
        self.wall.enter(self.visit, self)
        self.visit.note()
        if self.thread.ident is None:
            self.thread.start()
        else:
            self.turn.release()
        self.wall.turn.acquire()
        self.visit.note()
        self.wall.task = None
        if self.is_done:
            self.wall.tasks.remove(self)
            self.thread.join()
        if self.error:
            raise self.error

    def kill(self):
        self.is_killed = True
        self.step()


class Lock:
    """A lock whose waiters let time pass, so that its holder comes to its end."""

    def __init__(self, wall):
        self.wall = wall
        self.is_held = False

    def __enter__(self):
        while self.is_held:
            self.wall.sleep(0.01)
        self.is_held = True

    def __exit__(self, *args):
        self.is_held = False


@dataclass
class Write:
    """A change of the table, and who knows of it."""

    message: int
    is_removal: bool
    process: Process | None  # None: raw SQL
    committed_at: float
    acknowledged: float = inf  # number of the event
    told: float = inf  # to the shared cache, for all that the writer knows
    is_lost: bool = False  # by a cache that lost its last second


class Wall(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.now = 1e9
        self.events = itertools.count(1)
        self.turn = taken_lock()  # of the machine, while a task has its own
        self.task = self.visit = None
        self.tasks = []
        self.late = []  # commands on their way to the cache
        self.table = {}  # whether each message is visible
        self.writes = []
        self.queries = 0
        self.is_database_away = self.is_full = False
        self.shared = WallLocMemCache("shared by all", {})
        self.shared.clear()
        self.connections = {}
        self.patch_all()
        self.processes = [Process(self, number) for number in (0, 1)]
        self.enter(self.begin(self.processes[0]))
        self.past = []
        self.remember()

    def patch_all(self):
        self.patch = pytest.MonkeyPatch()
        clock = SimpleNamespace(
            time=lambda: self.now, monotonic=lambda: self.now, sleep=self.sleep
        )
        for module in (wall_cache, owed, breaker, locmem, base):
            self.patch.setattr(module, "time", clock)
        thread, lock = partial(Task, self), partial(Lock, self)
        fake = SimpleNamespace(Thread=thread, Lock=lock)
        self.patch.setattr(owed, "threading", fake)
        # Of the proxy itself, for a default argument holds it too.
        self.patch.setitem(cache.__dict__, "_connections", self.connections)
        self.patch.setattr(wall_cache.watch, "tell_if_changed", lambda tell: None)
        self.patch.setattr(wall_cache, "LOOK_AGAIN_SECONDS", 0.2)  # fewer steps
        self.patch.setattr(wall_page, "read", self.read)
        self.patch.setattr(wall_page, "render", self.render)
        self.patch.setattr(wall_page.page_views, "fold", lambda: None)
        self.patch.setattr(wall_cache, "own", None)
        self.patch.setattr(wall_cache, "owed", None)
        logging.disable(logging.CRITICAL)

    def teardown(self):
        for task in list(self.tasks):
            task.kill()
        self.patch.undo()
        logging.disable(logging.NOTSET)

    # What the processes stand on

    def begin(self, process):
        return Visit(process, next(self.events), self.now)

    def enter(self, visit, task=None):
        """Let what runs now be this visit, in its process."""
        self.visit, self.task = visit, task
        wall_cache.own, wall_cache.owed = visit.process.own, visit.process.owed
        self.connections["default"] = visit.process.link

    def pause(self):
        """Let others run, if this is a task."""
        if task := self.task:
            self.turn.release()
            task.turn.acquire()
            if task.is_killed:
                raise Killed

    def sleep(self, seconds):
        self.task.wakes_at = self.now + seconds
        self.pause()

    def execute(self, visit, method, *args, **kwargs):
        answer = getattr(self.shared, method)(*args, **kwargs)
        self.remember()
        return answer

    def remember(self):
        kept = self.shared._cache.copy(), self.shared._expire_info.copy()
        self.past.append((next(self.events), self.now, kept))

    def read(self):
        self.pause()
        self.visit.query_at = self.now
        if self.is_database_away:
            self.visit.has_failed_query = True
            raise OperationalError("connection refused")
        self.queries += 1
        visible = [number for number in self.table if self.table[number]]
        return [Message(id=number, content=str(number)) for number in visible]

    def render(self, context):
        shown = context["message_list"]
        ids = None if shown is None else [message.id for message in shown]
        return [json.dumps(ids).encode(), b"", b"", b"", b""]

    def pass_time(self, seconds):
        """Let time pass; who owes the cache something tries when its time has come."""
        end = self.now + seconds
        while True:
            for payer in [task for task in self.tasks if task.is_payer]:
                while not payer.is_done and payer.wakes_at <= self.now:
                    payer.step()
            if self.now >= end:
                break
            wakes = [task.wakes_at for task in self.tasks if task.is_payer]
            self.now = min([end, *wakes])
        self.settle()
        for process in self.processes:
            if self.now > process.in_reach_since + owed.RETRY_SECONDS:
                assert not process.owed, "it was not delivered in time"

    def go_on_with(self, task, steps):
        for _ in range(steps):
            if task.wakes_at > self.now and not task.is_payer:
                self.pass_time(task.wakes_at - self.now)
            if task.is_done or task.wakes_at > self.now:
                break
            task.step()
            self.settle()

    # What must be true

    def settle(self):
        """Note which writes the cache was told of since."""
        for write in self.writes:
            if (
                write.acknowledged < inf
                and write.told == inf
                and not write.process.owed
            ):
                write.told = next(self.events)

    def must_show(self, write, visit, *, is_stand_in=False):
        """Return whether promise 2 says that this visit sees that write."""
        if is_stand_in and not write.is_removal:
            return False  # it may be old, but show nothing that was taken down
        age = visit.began_at - write.committed_at
        is_own = write.process is visit.process and write.acknowledged < visit.began
        if is_own and not write.is_lost:
            return True  # each process believes itself
        if write.told < visit.began and not write.is_lost:
            # Who is cut off sees it as soon as his own page is built again.
            return visit.was_well or age > 1
        if not visit.is_heard:
            return age > 1
        # Found when the page is compared with the table, which has to be there for that.
        return age > 10 and not is_stand_in

    def check(self, page, visit):
        is_stand_in = bool(page.remark) or not page.is_readable
        assert visit.has_failed_query or not is_stand_in, "the database was there"
        ids = json.loads(page.pieces[0])
        if ids is None:
            return
        for write in self.writes:
            if self.must_show(write, visit, is_stand_in=is_stand_in):
                is_removed = not self.table[write.message]
                assert (write.message in ids) != write.is_removal or (
                    is_removed and not write.is_removal
                ), (write, visit)

    def look_without_a_trace(self):
        """Check what each process would show now, and if the database went away now."""
        for process in self.processes:
            watched, process.link.breaker = (
                process.link.breaker,
                copy.copy(process.link.breaker),
            )
            visit = self.begin(process)
            self.enter(visit)
            visit.note()
            kept = wall_cache.look()
            if kept.is_current:
                self.check(wall_page.current(kept), visit)
            with self.patch.context() as patch:
                visit.has_failed_query = True
                patch.setattr(wall_page, "newest", self.refuse)
                self.check(wall_page.current(kept), visit)
            process.link.breaker = watched

    def refuse(self, kept):
        raise OperationalError("connection refused")

    # What happens

    @rule(event=EVENTS)
    def happens(self, event):
        name, *details = event
        getattr(self, name)(*details)
        self.look_without_a_trace()

    def visit_the_wall(self, where, steps):
        self.go_on_with(self.start(self.processes[where], self.visit_to_the_end), steps)

    def start(self, process, target):
        self.enter(self.begin(process))
        task = Task(self, target)
        task.start()
        return task

    def visit_to_the_end(self):
        visit = self.visit
        page = wall_page.current(wall_cache.look())
        self.check(page, visit)

    def write(self, where, steps, kind, which):
        if self.is_database_away:
            return

        def write_to_the_end():
            visit = self.visit
            write = self.commit(visit.process, kind, which)
            (wall_cache.forget_for_good if write.is_removal else wall_cache.forget)()
            write.acknowledged = next(self.events)
            if visit.was_in_reach:
                write.told = next(self.events)

        if kind.startswith("raw"):
            self.commit(None, kind, which)
        else:
            self.go_on_with(self.start(self.processes[where], write_to_the_end), steps)

    def commit(self, process, kind, which):
        visible = [number for number in self.table if self.table[number]]
        is_removal = "hide" in kind and bool(visible)
        number = visible[which % len(visible)] if is_removal else len(self.table)
        self.table[number] = not is_removal
        write = Write(number, is_removal, process, self.now)
        self.writes.append(write)
        return write

    def go_on(self, which, steps):
        if self.tasks:
            self.go_on_with(self.tasks[which % len(self.tasks)], steps)

    def mend_all(self):
        self.is_full = self.is_database_away = False
        for process in self.processes:
            process.link.state = "fine"
        self.note_reach()

    @initialize(faults=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=3))
    def choose_faults(self, faults):
        self.faults = faults  # a few only: those of one story

    def fail(self, fault, where, which):
        fault = self.faults[fault % len(self.faults)]
        note(f"# process {where}, {which}: {fault}")
        process = self.processes[where]
        if fault in ("cut off", "mute", "late"):
            process.link.state = fault
        elif fault == "killed":
            self.kill_and_restart(where)
        elif fault == "full":
            self.is_full = True
        elif fault == "no database":
            self.is_database_away = True
        elif fault == "emptied":
            self.shared.clear()
            self.remember()
        elif fault == "evicted" and (keys := sorted(self.shared._cache)):
            self.shared.delete(keys[which % len(keys)].removeprefix(":1:"))
            self.remember()
        elif fault == "rolled back":
            self.lose_the_last_second(which)
        elif fault == "arrives late" and self.late:
            self.late.pop(which % len(self.late))()
        self.note_reach()

    def kill_and_restart(self, where):
        gone = self.processes[where]
        for task in [task for task in self.tasks if task.visit.process is gone]:
            task.kill()
        self.processes[where] = Process(self, where)
        self.processes[where].link.state = gone.link.state

    def note_reach(self):
        for process in self.processes:
            if self.is_full or process.link.state != "fine":
                process.in_reach_since = inf
            else:
                process.in_reach_since = min(process.in_reach_since, self.now)

    def lose_the_last_second(self, which):
        # States that were the latest one at some time in the last second.
        replaced_at = [at for _, at, _ in self.past[1:]] + [inf]
        recent = [
            state
            for state, end in zip(self.past, replaced_at, strict=True)
            if end >= self.now - 1
        ]
        event, _, (values, times) = recent[-1 - which % len(recent)]
        for kept, now in [
            (values, self.shared._cache),
            (times, self.shared._expire_info),
        ]:
            now.clear()
            now.update(kept)
        self.remember()
        for write in self.writes:
            is_owed = write.acknowledged < inf and write.told == inf
            write.is_lost |= write.told > event and not is_owed
