"""What an operator sees of `wait_for_database` and `maintain`."""

import re
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from io import StringIO
from types import SimpleNamespace

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from config.tests.environment import bare
from messages_app import health, jobs
from messages_app.management.commands import wait_for_database
from messages_app.models import PageViewTotal
from messages_app.tests.test_server import ROOT


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


# wait_for_database


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
        monkeypatch.setattr(wait_for_database, "connection", fake)

    return server


def test_a_database_that_is_ready_is_not_talked_about(db):
    said = StringIO()
    call_command("wait_for_database", migrated=True, seconds=0, stdout=said)
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
    status, said = manage("wait_for_database", "--seconds", "0", DATABASE_URL=url)
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
        call_command("wait_for_database", seconds=3600)


def test_a_database_that_is_starting_is_waited_for(slow_server, monkeypatch):
    slow_server(*["FATAL:  the database system is starting up"] * 3)
    monkeypatch.setattr(wait_for_database, "ASK_AGAIN_SECONDS", 0)
    said = StringIO()
    call_command("wait_for_database", seconds=3600, stdout=said)
    first, last = said.getvalue().splitlines()
    assert "It is not ready yet. Trying for 3600 s more." in first
    assert last == "The database is ready."


def test_an_older_schema_is_waited_for_and_a_newer_one_is_not(db, monkeypatch):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) "
            "VALUES ('messages_app', '9999_of_a_later_release', CURRENT_TIMESTAMP)"
        )
    call_command("wait_for_database", migrated=True, seconds=0)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'messages_app'")
    with pytest.raises(CommandError, match=r"lacks \d+ migrations, from messages_app"):
        call_command("wait_for_database", migrated=True, seconds=0)
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
