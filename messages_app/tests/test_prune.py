"""What becomes of old messages, by command and by the settings."""

import signal
import sqlite3
import subprocess
import sys
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from config.tests.environment import bare
from messages_app import advisory_lock
from messages_app.models import Message, ModerationBatch, ModerationEvent, Rule
from messages_app.moderation import acts, retention
from messages_app.tests.test_commands import manage
from messages_app.tests.test_server import ROOT


@pytest.fixture
def aged(make_message):
    """Messages of 10 and 100 days, published and hidden."""
    for days in (10, 100):
        at = timezone.now() - timedelta(days=days)
        for status in ("published", "hidden"):
            make_message(f"{status} {days}", status=status, created_at=at)


def left():
    return sorted(Message.objects.values_list("content", flat=True))


def prune(older_than, **options):
    said, told = StringIO(), options.pop("stderr", StringIO())
    arguments = ["prune_messages", "--older-than", older_than]
    call_command(*arguments, stdout=said, stderr=told, **options)
    return said.getvalue()


def test_what_is_older_is_erased_and_recorded(aged, monkeypatch):
    monkeypatch.setattr(acts, "CHUNK", 1)
    assert prune("90d").startswith("Erased 2 messages, which is act ")
    assert left() == ["hidden 10", "published 10"]
    batch = ModerationBatch.objects.get()
    assert (batch.act, batch.actor, batch.message_count) == ("erase", "manage.py", 2)
    told = sorted(ModerationEvent.objects.values_list("act", "from_status"))
    assert told == [("erase", "hidden"), ("erase", "published")]


def test_of_one_status_only(aged):
    prune("90d", status="hidden")
    assert left() == ["hidden 10", "published 10", "published 100"]


def test_a_dry_run_of_pruning_erases_nothing(aged):
    said = prune("1w", dry_run=True)
    assert said == "Would erase 4 messages. Nothing was done.\n"
    assert len(left()) == 4


def test_where_nothing_is_old_nothing_is_recorded(aged):
    assert prune("200d") == "No message is that old. Nothing was done.\n"
    assert not ModerationBatch.objects.exists()


def test_a_time_that_is_none_is_a_wrong_call(db):
    with pytest.raises(CommandError, match="is no time like"):
        call_command("prune_messages", "--older-than", "soon")


def test_all_messages_are_not_pruned_by_mistake(aged):
    with pytest.raises(CommandError, match="would be all messages") as raised:
        prune("0d")
    assert raised.value.returncode == 2
    assert len(left()) == 4


@pytest.mark.parametrize(
    ("days", "hidden_days", "expected"),
    [
        (0, 0, 4),
        (50, 0, 2),
        (0, 50, 3),
        (50, 5, 1),
    ],
)
def test_maintain_erases_what_the_settings_let_go(
    aged, settings, days, hidden_days, expected
):
    settings.WALL_RETENTION_DAYS = days
    settings.WALL_HIDDEN_RETENTION_DAYS = hidden_days
    call_command("maintain", stdout=StringIO())
    assert len(left()) == expected


def test_maintain_tells_how_many_it_erased_and_would_erase(aged, settings):
    settings.WALL_RETENTION_DAYS = 50
    settings.WALL_HIDDEN_RETENTION_DAYS = 5
    assert maintain(dry_run=True) == (
        "WALL_RETENTION_DAYS would erase 2 messages.\n"
        "WALL_HIDDEN_RETENTION_DAYS would erase 2 messages.\n"
        "Nothing was done.\n"
    )
    assert len(left()) == 4
    assert maintain() == "Done; 3 messages erased.\n"  # one is old and hidden
    assert maintain() == "Done; 0 messages erased.\n"
    assert maintain(dry_run=True).count("would erase 0 messages") == 2


def test_a_dry_run_does_none_of_what_maintain_does(db):
    ended = timezone.now() - timedelta(days=1)
    Rule.objects.create(kind="sender", pattern="ab" * 16, expires_at=ended)
    assert maintain(dry_run=True) == "Nothing was done.\n"
    assert Rule.objects.exists()
    with pytest.raises(CommandError, match="not for --loop") as raised:
        maintain(dry_run=True, loop=True)
    assert raised.value.returncode == 2


def maintain(**options):
    said = StringIO()
    call_command("maintain", stdout=said, **options)
    return said.getvalue()


def test_of_many_some_are_erased_at_once_so_that_other_jobs_have_their_turn(
    aged, settings, monkeypatch
):
    monkeypatch.setattr(acts, "CHUNK", 1)
    monkeypatch.setattr(retention, "CHUNKS", 1)
    settings.WALL_RETENTION_DAYS = 50
    assert len(left()) == 4
    assert retention.prune()
    assert len(left()) == 3
    call_command("maintain", stdout=StringIO())
    assert len(left()) == 2
    assert not retention.prune()


def test_what_was_hidden_lately_is_kept_so_that_it_can_be_undone(aged, settings):
    settings.WALL_HIDDEN_RETENTION_DAYS = 90
    acts.finish(acts.hide(Message.objects.filter(content="published 100"), actor="m"))
    call_command("maintain", stdout=StringIO())
    assert left() == ["hidden 10", "published 10", "published 100"]


@pytest.mark.skipif(connection.vendor == "sqlite", reason="it has no other machines")
def test_of_two_that_prune_the_second_is_told(aged):
    other = connection.copy()
    assert advisory_lock.take(other, "prune")
    with pytest.raises(CommandError, match="Another prune_messages is at work"):
        prune("1d")
    assert len(left()) == 4
    advisory_lock.let_go(other, "prune")
    other.close()
    assert prune("1d").startswith("Erased 4 messages")


def test_ctrl_c_ends_between_two_batches_and_tells_how_far_it_is(aged, monkeypatch):
    monkeypatch.setattr(acts, "CHUNK", 1)
    count = acts.record.count
    monkeypatch.setattr(acts.record, "count", interrupting_after(count))
    told = StringIO()
    with pytest.raises(CommandError) as raised:
        prune("1d", stderr=told)
    assert raised.value.returncode == 130
    batch = ModerationBatch.objects.get()
    assert f"Act {batch.pk} was broken off after 1 message." in told.getvalue()
    assert ModerationEvent.objects.count() == batch.message_count == 1
    assert len(left()) == 3
    monkeypatch.setattr(acts.record, "count", count)
    assert prune("1d").startswith("Erased 3 messages")


def interrupting_after(count):
    calls = []

    def counting(*args, **more):
        if calls:
            raise KeyboardInterrupt
        calls.append(1)
        count(*args, **more)

    return counting


# Kills itself as the third batch is about to be committed.
KILLED = """
import os, signal, django
django.setup()
from django.core.management import call_command
from messages_app.moderation import acts
acts.CHUNK = 10
count, calls = acts.record.count, []
def counting(*args, **more):
    count(*args, **more)
    calls.append(1)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
acts.record.count = counting
call_command("prune_messages", "--older-than", "1d")
"""


def test_killed_in_the_middle_it_is_consistent_and_the_next_run_completes(tmp_path):
    url = {"DATABASE_URL": f"sqlite:///{tmp_path}/wall.sqlite3"}
    assert manage("migrate", **url)[0] == 0
    seed = "seed_messages", "--count", "50", "--until", "2020-01-01"
    assert manage(*seed, **url)[0] == 0
    environment = bare(**url) | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    ended = subprocess.run(
        [sys.executable, "-c", KILLED], cwd=ROOT, env=environment, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    assert asked(tmp_path) == (30, 20, 20)
    status, said = manage("prune_messages", "--older-than", "1d", **url)
    assert (status, "Erased 30 messages" in said) == (0, True)
    assert asked(tmp_path) == (0, 50, 50)


def asked(tmp_path):
    """Return how many messages there are, events of them, and counted by acts."""
    database = sqlite3.connect(tmp_path / "wall.sqlite3")
    try:
        ask = """SELECT (SELECT count(*) FROM messages_app_message),
                        (SELECT count(*) FROM messages_app_moderationevent),
                        (SELECT sum(message_count) FROM messages_app_moderationbatch)"""
        return database.execute(ask).fetchone()
    finally:
        database.close()
