"""A served wall on a PostgreSQL and a Valkey of its own, and the ways to break them."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Self

import psycopg
import redis

from config import servers
from config.tests.environment import bare
from messages_app.tests.chaos import gunicorn_killable
from messages_app.tests.chaos.clients import MODERATOR, Clients
from messages_app.tests.chaos.promises import (
    HEALING,
    KINDS,
    PROCESSES,
    Broken,
    Fault,
    Seen,
    judge,
)
from messages_app.tests.test_server import ROOT, ServedWall

PAGE_SIZE = 300  # more than are posted in a round, so each belongs on the page
CONNECTIONS = 40


@dataclass
class House:
    folder: Path
    stack: ExitStack = field(default_factory=ExitStack)
    cookies: SimpleCookie = field(default_factory=SimpleCookie)  # of the moderator

    def __enter__(self) -> Self:
        with self.stack:
            self.folders = servers.make_folders(self.folder / "servers", self.stack)
            for lock in self.folders.locks:
                self.stack.enter_context(lock)
            self.start_redis()
            self.stack.callback(lambda: self.valkey.stop())
            self.start_postgres()
            self.stack.callback(lambda: self.postgres.stop())
            self.flag = self.folder / "kill"
            self.wall = ServedWall(
                self.folder,
                {
                    "DATABASE_URL": self.postgres.url,
                    "REDIS_URL": self.valkey.url,
                    "WEB_CONCURRENCY": str(PROCESSES),
                    "WALL_PAGE_SIZE": str(PAGE_SIZE),
                    gunicorn_killable.FLAG: str(self.flag),
                },
                before=servers.GUARD,
                config=gunicorn_killable.__file__,
            )
            self.wall.start()
            self.stack.callback(self.wall.end, signal.SIGKILL)
            self.make_moderator()
            self.stack = self.stack.pop_all()  # all went well: keep it until the end
        return self

    def __exit__(self, *exception: object) -> None:
        self.stack.close()

    def start_redis(self) -> None:
        self.valkey = servers.start_valkey(self.folders)
        self.valkey.wait_until_it_answers(time.monotonic() + servers.START_SECONDS)

    def start_postgres(self) -> None:
        self.postgres = servers.start_postgres(self.folders, CONNECTIONS)
        self.postgres.wait_until_it_answers(time.monotonic() + servers.START_SECONDS)

    def make_moderator(self) -> None:
        names = {f"DJANGO_SUPERUSER_{n.upper()}": v for n, v in MODERATOR.items()}
        names |= {"DJANGO_SUPERUSER_EMAIL": "moderator@wall.example"}
        subprocess.run(
            [sys.executable, "manage.py", "createsuperuser", "--noinput"],
            cwd=ROOT,
            env=bare(**self.wall.variables, **names),
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.valkey.url)

    def database(self) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.folders.run / "sockets"),
            user="wall",
            dbname="wall",
            autocommit=True,
        )

    def stored(self) -> Counter[str]:
        """Return how often the database holds each text."""
        with self.database() as database:
            rows = database.execute("SELECT content FROM messages_app_message")
            return Counter(content for (content,) in rows)

    def folded_views(self) -> int:
        with self.database() as database:
            query = "SELECT coalesce(sum(total), 0) FROM messages_app_pageviewtotal"
            [(total,)] = database.execute(query)
            return int(total)

    # Each fault lasts as long as its context; stopping and starting take their time.

    @contextmanager
    def redis_stopped(self) -> Iterator[None]:
        self.valkey.stop()
        yield
        self.start_redis()

    @contextmanager
    def redis_killed(self) -> Iterator[None]:
        self.valkey.process.kill()
        self.valkey.process.wait()
        yield
        self.start_redis()

    @contextmanager
    def redis_hangs(self) -> Iterator[None]:
        with stopped([self.valkey.process.pid]):
            yield

    @contextmanager
    def redis_emptied(self) -> Iterator[None]:
        with self.redis() as client:
            client.flushall()
        yield

    @contextmanager
    def redis_set_back(self) -> Iterator[None]:
        """Let it come back as it was before, like a replica that lagged behind."""
        data, before = self.folders.data / "valkey", self.folders.data / "before"
        shutil.copytree(data, before)
        yield
        self.valkey.process.kill()
        self.valkey.process.wait()
        shutil.rmtree(data)
        before.rename(data)
        self.start_redis()

    @contextmanager
    def redis_full(self) -> Iterator[None]:
        with self.redis() as client:
            client.config_set("maxmemory", 1)
            yield
            client.config_set("maxmemory", 0)

    @contextmanager
    def redis_read_only(self) -> Iterator[None]:
        with self.redis() as client:
            client.replicaof("127.0.0.1", "1")  # nobody listens there
            yield
            client.replicaof("NO", "ONE")

    @contextmanager
    def postgres_stopped(self, number: int = servers.STOP_SIGNAL) -> Iterator[None]:
        self.postgres.process.send_signal(number)
        self.postgres.process.wait(servers.STOP_SECONDS)
        yield
        self.start_postgres()

    def postgres_restarted(self):
        return self.postgres_stopped()

    def postgres_crashed(self):
        return self.postgres_stopped(signal.SIGQUIT)

    @contextmanager
    def postgres_hangs(self) -> Iterator[None]:
        with self.database() as database:
            pids = "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            # The first one stopped is the one that would start others.
            with ExitStack() as held:
                held.enter_context(stopped([self.postgres.process.pid]))
                found = [pid for (pid,) in database.execute(pids)]
                held.enter_context(stopped(found))
                yield

    @contextmanager
    def postgres_out_of_connections(self) -> Iterator[None]:
        throw_out = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> ALL(%s)"
        )
        with ExitStack() as held:
            ours = []
            while len(ours) < CONNECTIONS:
                try:
                    ours.append(held.enter_context(self.database()))
                except psycopg.OperationalError:  # the wall has the rest
                    pids = [connection.info.backend_pid for connection in ours]
                    ours[0].execute(throw_out, [pids])
            yield

    @contextmanager
    def postgres_table_locked(self) -> Iterator[None]:
        with self.database() as database, database.transaction():
            database.execute("LOCK TABLE messages_app_message")
            yield

    @contextmanager
    def worker_killed_before_its_bump(self) -> Iterator[None]:
        self.flag.touch()
        yield

    def fault(self, name: str):
        """Return the context in which the fault of that name lasts."""
        return getattr(self, name.replace(" ", "_").replace("-", "_"))()

    def bear(
        self,
        *plan: tuple[str, float],
        lead: float = 0.5,
        watch: float = HEALING + 0.7,
        seed: int = 0,
    ) -> tuple[Seen, list[Broken]]:
        """Make these faults, each for so long; return what was seen and what was broken.

        A fault ends when whatever was asked for in that time is answered. So who waits
        for its end is found out, on a machine of any speed: they get no answer.
        """
        kinds, pause = [KINDS[name] for name, _ in plan], threading.Event().wait
        is_quiet = any(kind.is_quiet for kind in kinds)
        database_away = any(kind.database_away for kind in kinds)
        clients = Clients(self.wall.port, seed, self.cookies)
        workers = self.workers_started()
        self.wall.wait_until(self.is_well)
        for _ in "to write", "to hide":
            clients.post(clients.new_message())
            clients.read()
        clients.moderate(random.Random(seed))
        clients.start(
            readers=8,
            posters=0 if is_quiet else 4,
            moderators=0 if is_quiet or database_away else 1,
        )
        try:
            pause(lead)
            # The page is up to date when the fault begins, but lacks the last message
            # when PostgreSQL is away with it.
            clients.read()
            if database_away:
                clients.post(clients.new_message())
            faults = []
            for name, seconds in plan:
                begin = time.monotonic()
                with self.fault(name):
                    if is_quiet:
                        clients.post(clients.new_message())
                    pause(seconds)
                    clients.wait_until_answered()
                faults.append(Fault(begin, time.monotonic(), name))
            pause(watch)
        finally:
            clients.stop()
        clients.read()
        seen, stored = clients.seen, self.stored()
        assert len({post.token for post in seen.posts} & stored.keys()) <= PAGE_SIZE
        broken = judge(seen, faults, stored)
        if self.workers_started() != workers + sum(kind.cuts for kind in kinds):
            broken.append(Broken("it heals without a restart", "a worker was replaced"))
        return seen, broken

    def is_well(self) -> bool:
        """Ask for a page and the database; return whether no process thinks any away.

        A process that nobody asks knows what it knew when it was last asked, and so may
        one that was asked by few since the last fault.
        """
        for address in ("/", "/readyz"):
            self.wall.get(address)
        said = self.wall.log.read_text()
        return all(
            said.count(f"{name} does not answer") == said.count(f"{name} answers again")
            for name in ("PostgreSQL", "The list of messages")
        )

    def workers_started(self) -> int:
        return self.wall.log.read_text().count("Booting worker")


@contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    """Let the processes stand still."""
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
