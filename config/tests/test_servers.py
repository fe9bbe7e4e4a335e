"""Private servers: they serve one command, and nothing of them outlives it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import redis

from config import servers

ROOT = Path(__file__).parents[2]

# What the project does with the URLs, without its settings.
DJANGO = """
import os, sys, environ
from django.conf import settings

REDIS = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": os.environ["REDIS_URL"]}
settings.configure(
    DATABASES={"default": environ.Env().db_url("DATABASE_URL")},
    CACHES={"default": REDIS},
)
from django.core.cache import cache
from django.db import connection

cursor = connection.cursor()
"""
STAY = """
import os, time
print(os.environ["REDIS_URL"], flush=True)
time.sleep(600)
"""


def launcher(*words):
    return [sys.executable, "-m", "config.servers", *map(str, words)]


def run(*words):
    # The supervisor holds our stderr too, so this waits until it has tidied up.
    return subprocess.run(
        launcher(*words),
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )


def run_python(code, *options):
    return run(*options, "--", sys.executable, "-c", code)


def until(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def status_of(pid):
    """Return what Linux tells about a process, or nothing once it has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return {}
    fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    return {} if fields["State"].startswith("Z") else fields


def is_alive(pid):
    if sys.platform == "linux":
        return bool(status_of(pid))
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def scratch(monkeypatch):
    """Lack both servers, and have a folder for temporary files, with a short path."""
    folder = Path(tempfile.mkdtemp(prefix="t-", dir="/tmp"))
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def stay(scratch):
    """Start commands that stay; return each with the numbers of its two servers."""
    commands = []

    def start(*options):
        command = subprocess.Popen(
            launcher(*options, "--", sys.executable, "-c", STAY),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        commands.append(command)
        with redis.Redis.from_url(command.stdout.readline().strip()) as client:
            valkey = client.info()["process_id"]
        [lines] = [path.read_text() for path in scratch.rglob("postmaster.pid")]
        return command, [valkey, int(lines.split()[0])]

    yield start
    for command in commands:
        with command:
            command.kill()
    until(lambda: not list(scratch.glob("message-wall-*")))


def test_the_command_reaches_both_servers_and_its_exit_status_comes_through(scratch):
    ask = "cursor.execute('select 1'); cache.set('key', 2); sys.exit(cache.get('key') + 5)"
    assert run_python(DJANGO + ask).returncode == 7
    assert list(scratch.iterdir()) == []


def test_nothing_outlives_a_command_that_was_killed_with_its_group(scratch, stay):
    command, pids = stay()
    assert all(map(is_alive, pids))
    os.killpg(command.pid, signal.SIGKILL)
    until(lambda: not any(map(is_alive, pids)))
    until(lambda: list(scratch.iterdir()) == [])


@pytest.mark.skipif(not servers.GUARD, reason="needs setpriv, and so Linux")
def test_a_killed_supervisor_takes_its_servers_along_and_the_next_start_tidies_up(
    scratch, stay
):
    _, pids = stay()
    [left_over] = scratch.iterdir()
    os.kill(int(status_of(pids[0])["PPid"]), signal.SIGKILL)
    until(lambda: not any(map(is_alive, pids)))
    assert left_over.exists()
    run("--", "true")
    assert not left_over.exists()


def test_servers_that_are_there_are_used_and_none_is_started(scratch, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://theirs")
    monkeypatch.setenv("REDIS_URL", "redis://theirs")
    finished = run("--", "sh", "-c", 'echo "$DATABASE_URL $REDIS_URL"; ls "$TMPDIR"')
    assert finished.stdout == "postgres://theirs redis://theirs\n"


def test_only_the_server_that_is_not_there_is_started(scratch, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://theirs")
    finished = run("--", "sh", "-c", 'echo "$DATABASE_URL"; ls "$TMPDIR"/*/')
    assert finished.stdout.split() == [
        "postgres://theirs",
        *["lock", "valkey", "valkey.log", "valkey.sock"],
    ]


def test_a_row_and_a_key_are_kept(scratch, tmp_path):
    write = (
        "cursor.execute('create table kept as select 3'); cache.set('kept', 4, None)"
    )
    read = (
        "cursor.execute('table kept'); print(cursor.fetchone()[0], cache.get('kept'))"
    )
    keep = f"--keep={tmp_path / 'kept'}"
    assert run_python(DJANGO + write, keep).returncode == 0
    assert run_python(DJANGO + read, keep).stdout == "3 4\n"


def test_a_second_run_on_the_same_folder_is_refused(scratch, stay):
    keep = f"--keep={scratch / 'kept'}"
    stay(keep)
    second = run(keep, "--", "echo", "started")
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr == f"{scratch / 'kept'} is in use by another run.\n"


def test_a_command_can_join_a_run(scratch, stay):
    stay(f"--keep={scratch / 'kept'}")
    join = f"--join={scratch / 'kept'}"
    assert run_python(DJANGO + "cursor.execute('select 1')", join).returncode == 0


def test_with_no_run_to_join_the_command_has_no_servers(scratch):
    finished = run("--join", scratch / "none", "--", "sh", "-c", "echo [$DATABASE_URL]")
    assert finished.stdout == "[]\n"


def test_a_cluster_of_another_version_is_refused_with_a_sentence(scratch, tmp_path):
    run(f"--keep={tmp_path}", "--", "true")
    (tmp_path / "postgres" / "PG_VERSION").write_text("12\n")
    refused = run(f"--keep={tmp_path}", "--", "echo", "started")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "was initialized by PostgreSQL version 12, which is not" in refused.stderr


def test_a_missing_wheel_is_told_with_what_to_do():
    with pytest.raises(servers.CannotStart, match=r"install requirements/servers\.txt"):
        servers.find_program("no_such_wheel", "bin/postgres")
