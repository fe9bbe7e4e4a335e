"""What an operator sees of all commands; and of `wait_for_services` and `maintain`."""

import errno
import os
import re
import signal
import subprocess
import sys
import threading
import time
from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta
from io import StringIO
from types import SimpleNamespace

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from config.tests.environment import bare
from messages_app import health, jobs, lost_database
from messages_app.management import base
from messages_app.management.base import OperatorCommand, duration, moment
from messages_app.management.commands import wait_for_services
from messages_app.models import PageViewTotal
from messages_app.tests.test_server import ROOT

COMMANDS = ROOT / "messages_app/management/commands"
OPERATIONS = ROOT / "docs/operations.md"


class Manage:
    """A `manage.py` at work, and what it has said so far."""

    def __init__(self, *arguments, **variables):
        self.process = subprocess.Popen(
            [sys.executable, "-u", "manage.py", *arguments],
            cwd=ROOT,
            env=bare(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = ""
        self.has_said = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with self.has_said:
                self.said += line
                self.has_said.notify_all()

    def wait_for(self, words):
        with self.has_said:
            assert self.has_said.wait_for(lambda: words in self.said, 30), self.said

    def end(self):
        """Return its exit status."""
        status = self.process.wait(60)
        self.reader.join()
        self.process.stdout.close()
        return status


def manage(*arguments, **variables):
    ran = Manage(*arguments, **variables)
    return ran.end(), ran.said


# All of them


class Counting(OperatorCommand):
    """A command that does four things, of which any can fail."""

    help = "Count to four."
    stealth_options = ("error",)

    def add_arguments(self, parser):
        parser.add_argument("--since", type=moment)
        self.add_dry_run(parser)

    def handle(self, *, error=None, **options):
        with self.progress(4, "messages") as bar:
            for _ in range(4):
                bar.update()
            if error:
                raise error
        self.stdout.write("Counted.")


def run(command, stderr, **options):
    said = StringIO()
    call_command(command, stdout=said, stderr=stderr, **options)
    return said.getvalue()


def test_a_terminal_is_shown_a_bar():
    terminal = StringIO()
    terminal.isatty = lambda: True
    assert run(Counting(), terminal) == "Counted.\n"
    last = terminal.getvalue().rstrip("\n").split("\r")[-1]
    assert re.match(r"100%\|#+\| 4/4 \[00:00<00:00, .* messages/s\]", last)


def test_a_pipe_is_told_in_lines_and_only_of_what_takes_long(monkeypatch):
    pipe = StringIO()
    run(Counting(), pipe)
    assert pipe.getvalue() == ""
    monkeypatch.setattr(base, "LINE_SECONDS", 0)
    run(Counting(), pipe)
    *_, last = pipe.getvalue().splitlines()
    assert re.match(r"4 of 4 messages, .* messages/s, 00:00 left$", last)
    assert "\r" not in pipe.getvalue()


def test_nothing_is_told_of_the_way_where_quiet_is_asked():
    terminal = StringIO()
    terminal.isatty = lambda: True
    run(Counting(), terminal, verbosity=0)
    assert terminal.getvalue() == ""


@pytest.mark.parametrize(
    ("error", "told", "status"),
    [
        (KeyboardInterrupt(), "Interrupted.", 130),
        (
            OSError(errno.ENOSPC, "No space left on device", "/backups/wall"),
            "/backups/wall: No space left on device.",
            1,
        ),
    ],
)
def test_what_ends_a_command_is_told_in_one_line(error, told, status):
    with pytest.raises(CommandError) as raised:
        call_command(Counting(), error=error, stderr=StringIO())
    assert (str(raised.value), raised.value.returncode) == (told, status)


def test_sigterm_ends_a_command_as_ctrl_c_does():
    url = "postgres://wall:hush@127.0.0.1:1/wall"
    ran = Manage("wait_for_services", DATABASE_URL=url)
    ran.wait_for("Trying for")
    ran.process.send_signal(signal.SIGTERM)
    assert ran.end() == 143
    assert "Interrupted." in ran.said


def test_another_sigterm_spoils_no_cleaning_up():
    cleaned = []

    class Slow(OperatorCommand):
        def handle(self, **options):
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
                cleaned.append(True)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(CommandError) as raised:
        call_command(Slow())
    assert (raised.value.returncode, cleaned) == (143, [True])
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_command_works_in_any_thread():
    said = []
    thread = threading.Thread(target=lambda: said.append(run(Counting(), StringIO())))
    thread.start()
    thread.join()
    assert said == ["Counted.\n"]


@pytest.fixture
def told_to_a_full_disk(tmp_path):
    """Return a function that runs a command, and returns its status and its errors."""
    url = {"DATABASE_URL": f"sqlite:///{tmp_path}/wall.sqlite3"}
    assert manage("migrate", **url)[0] == 0

    def run_it(*arguments):
        with open("/dev/full", "w") as full:
            ran = subprocess.run(
                [sys.executable, "manage.py", *arguments],
                cwd=ROOT,
                env=bare(**url),
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        return ran.returncode, ran.stderr

    return run_it


def test_what_is_done_and_cannot_be_told_is_no_failure(told_to_a_full_disk):
    failed = "CommandError: No space left on device.\n"
    assert told_to_a_full_disk("wall_mode") == (1, failed)
    status, said = told_to_a_full_disk("wall_mode", "hold-all")
    assert status == 3
    assert "in force: hold-all" in said
    assert said.endswith("is done, but could not be told: No space left on device.\n")


def test_help_is_one_sentence_and_says_what_holds_without_an_option():
    status, said = manage("wait_for_services", "--help")
    assert status == 0
    assert "at most (default: 60)" in " ".join(said.split())
    assert "(default: None)" not in said
    assert "(default: False)" not in said


def test_a_wrong_call_ends_with_two_and_says_how_it_is_meant():
    status, said = manage("wait_for_services", "--timeout", "soon")
    assert status == 2
    assert "argument --timeout: invalid float value: 'soon'" in said


def test_each_command_is_in_the_list_for_operators():
    commands = {path.stem for path in COMMANDS.glob("[!_]*.py")} - {"makemessages"}
    listed = re.findall(r"^\| `(\w+)` \|", OPERATIONS.read_text(), re.MULTILINE)
    assert listed == sorted(commands)


def test_a_database_out_of_reach_ends_any_command_with_its_host():
    url = "postgres://wall:hush@127.0.0.1:1/wall"
    status, said = manage("undo_moderation", "1", DATABASE_URL=url)
    assert status == 1
    assert "The database at 127.0.0.1:1 cannot be reached" in said
    assert said.count("\n") == 1  # no line of the log beside it


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T12:00+01:00", datetime(2026, 1, 31, 11, tzinfo=UTC)),
    ],
)
def test_a_date_is_read(text, meant):
    assert moment(text) == meant


def test_so_long_ago_is_read(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 3, 31, tzinfo=UTC))
    assert moment("90d") == datetime(2025, 12, 31, tzinfo=UTC)
    assert duration("30m") == timedelta(minutes=30)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "d",
        "-1d",
        "1y",
        "\u00b2d",
        "\u0663d",  # an Arabic digit
        "yesterday",
        "999999d",
        "9999-12-31T23:59-10:00",
        "0001-01-01T00:00+14:00",
    ],
)
def test_what_is_no_date_is_told(text):
    with pytest.raises(ArgumentTypeError, match=r"is no (time|date) like"):
        moment(text)


# wait_for_services


@pytest.fixture
def slow_server(monkeypatch):
    """Return a function that gives a server which refuses so often before it answers."""

    def server(*refusals):
        left = list(refusals)

        def connect():
            if left:
                raise OperationalError(left.pop())

        fake = SimpleNamespace(
            ensure_connection=connect,
            close=lambda: None,
            vendor="postgresql",
            settings_dict={"HOST": "db", "PORT": ""},
        )
        for module in (wait_for_services, lost_database):
            monkeypatch.setattr(module, "connection", fake)

    return server


@pytest.mark.parametrize("timeout", ["nan", "inf", "-5"])
def test_a_time_that_never_ends_is_a_wrong_call(timeout):
    with pytest.raises(CommandError, match="0 or more seconds") as raised:
        call_command("wait_for_services", f"--timeout={timeout}")
    assert raised.value.returncode == 2


def test_a_database_that_is_ready_is_not_talked_about(db):
    said = StringIO()
    call_command("wait_for_services", migrated=True, timeout=0, stdout=said)
    assert said.getvalue() == ""


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("127.0.0.1:1", "at 127.0.0.1:1 cannot be reached: .*Connection refused"),
        ("127.0.0.1:1", "Nothing listens there yet"),
        ("database.invalid", r"at database\.invalid:5432 cannot be reached"),
        ("database.invalid", "There is no such host. Check the host in DATABASE_URL"),
    ],
)
def test_a_database_out_of_reach_is_told_with_its_host_and_what_to_check(place, told):
    url = f"postgres://wall:hush@{place}/wall"
    status, said = manage("wait_for_services", "--timeout", "0", DATABASE_URL=url)
    assert status == 1
    assert re.search(told, said)
    assert "Gave up after 0 s" in said
    assert "hush" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('password authentication failed for user "wall"', "The password is wrong"),
        ('FATAL:  database "wall" does not exist', "lacks this database or account"),
    ],
)
def test_what_time_does_not_mend_is_told_at_once(slow_server, text, told):
    slow_server(text)
    with pytest.raises(CommandError, match=f"at db:5432 .*{told}"):
        call_command("wait_for_services", timeout=3600)


def test_a_database_that_is_starting_is_waited_for(slow_server, monkeypatch):
    slow_server(*["FATAL:  the database system is starting up"] * 3)
    monkeypatch.setattr(wait_for_services, "ASK_AGAIN_SECONDS", 0)
    said = StringIO()
    call_command("wait_for_services", timeout=3600, stdout=said)
    first, last = said.getvalue().splitlines()
    assert "It is not ready yet. Trying for 3600 s more." in first
    assert last == "The database is ready."


def test_a_cache_that_is_away_is_told_and_not_waited_for(db, monkeypatch):
    monkeypatch.setattr(health, "cache_state_now", lambda: health.AWAY)
    said = StringIO()
    call_command("wait_for_services", timeout=0, stdout=said)
    assert said.getvalue() == (
        "The cache does not answer; the wall works without it, slower.\n"
    )


def test_an_older_schema_is_waited_for_and_a_newer_one_is_not(db, monkeypatch):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) "
            "VALUES ('messages_app', '9999_of_a_later_release', CURRENT_TIMESTAMP)"
        )
    call_command("wait_for_services", migrated=True, timeout=0)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'messages_app'")
    with pytest.raises(CommandError, match=r"lacks \d+ migrations, from messages_app"):
        call_command("wait_for_services", migrated=True, timeout=0)
    assert health.missing_migrations()


# maintain


def test_maintain_folds_the_counter_and_clears_old_sessions(client, db):
    client.get("/")
    client.get("/")
    PageViewTotal.objects.update(total=1)
    now = timezone.now()
    for key, hours in [("old", -1), ("new", 1)]:
        expires = now + timedelta(hours=hours)
        Session.objects.create(session_key=key, expire_date=expires)
    call_command("maintain", stdout=StringIO())
    assert PageViewTotal.objects.get().total == 2
    assert [session.session_key for session in Session.objects.all()] == ["new"]


def test_the_loop_ends_at_once_when_told_to(tmp_path):
    url = {"DATABASE_URL": f"sqlite:///{tmp_path}/wall.sqlite3"}
    assert manage("migrate", **url)[0] == 0
    ran = Manage("maintain", "--loop", **url)
    ran.wait_for("At work.")
    ran.process.send_signal(signal.SIGTERM)
    begin = time.monotonic()
    assert ran.end() == 0
    # Not a measurement: a round would take longer.
    assert time.monotonic() - begin < jobs.ROUND_SECONDS
    assert "Ended." in ran.said


def test_the_loop_logs_what_comes_and_goes():
    url = "postgres://wall:hush@127.0.0.1:1/wall"
    ran = Manage("maintain", "--loop", DATABASE_URL=url)
    ran.wait_for("PostgreSQL does not answer")
    ran.process.send_signal(signal.SIGTERM)
    assert ran.end() == 0
