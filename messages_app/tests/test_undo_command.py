"""What an operator sees of `undo_moderation`."""

from io import StringIO
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command

from messages_app import wall_cache
from messages_app.management.commands import undo_moderation
from messages_app.models import Message, ModerationBatch, Rule
from messages_app.moderation import acts

pytestmark = pytest.mark.django_db


@pytest.fixture
def hidden(make_message):
    """An act that hid three messages, of which one was published again."""
    for number in range(3):
        make_message(f"{number}")
    batch = acts.finish(acts.hide(Message.objects.all(), actor="mod"))
    acts.finish(acts.publish(Message.objects.filter(content="1"), actor="mod"))
    return batch


class Terminal(StringIO):
    def isatty(self):
        return True


def run(batch, **options):
    said = StringIO()
    call_command("undo_moderation", str(batch), stdout=said, **options)
    return said.getvalue()


def test_an_act_is_undone_in_its_own_name(hidden):
    said = run(hidden.pk)
    assert said == "2 messages restored, 1 skipped on which a later act stands.\n"
    assert Message.objects.visible().count() == 3
    undoing = ModerationBatch.objects.get(act="undo")
    assert (undoing.actor, undoing.undoes) == ("manage.py", hidden)


def test_a_dry_run_says_the_same_and_does_nothing(hidden):
    Message.objects.filter(content="0").delete()
    said = run(hidden.pk, dry_run=True)
    assert said == (
        "Would be 1 message restored, 1 skipped on which a later act stands. "
        "Nothing was done.\n"
    )
    assert not ModerationBatch.objects.filter(act="undo").exists()
    assert run(hidden.pk) == (
        "1 message restored, 1 skipped on which a later act stands.\n"
    )


def test_a_dry_run_looks_at_so_many(hidden, monkeypatch):
    monkeypatch.setattr(undo_moderation, "MOST_FORESEEN", 1)
    assert "of the newest 1." in run(hidden.pk, dry_run=True)


def test_done_twice_is_done_once(hidden):
    run(hidden.pk)
    assert run(hidden.pk).startswith("0 messages restored, 1 skipped")
    assert run(hidden.pk, dry_run=True).startswith("Would be 0 messages restored, 1 s")


def test_what_is_undone_wholly_is_told_and_not_recorded_again(hidden):
    republished = ModerationBatch.objects.first()
    run(republished.pk)
    for options in ({}, {"dry_run": True}):
        with pytest.raises(CommandError, match="undone already"):
            run(republished.pk, **options)
    assert republished.undoings.count() == 1


def test_bans_are_lifted_and_counted(make_message):
    make_message(sender=b"s" * 16)
    batch = acts.finish(acts.ban(Message.objects.all(), actor="mod"))
    assert run(batch.pk, dry_run=True) == (
        "Would be 1 message restored, 1 ban lifted. Nothing was done.\n"
    )
    assert run(batch.pk) == "1 message restored, 1 ban lifted.\n"
    assert not Rule.objects.exists()


@pytest.mark.parametrize("number", [0, 999_999, 10**30])
def test_an_unknown_act_is_told(number):
    with pytest.raises(CommandError, match=f"There is no act {number}"):
        run(number)


def test_an_undoing_is_not_undone(hidden):
    run(hidden.pk)
    undoing = ModerationBatch.objects.get(act="undo")
    with pytest.raises(CommandError, match="is itself an undoing"):
        run(undoing.pk)


def test_who_undoes_while_the_cache_is_away_is_told(hidden, monkeypatch):
    owing = SimpleNamespace(renew=lambda *keys: None)
    monkeypatch.setattr(wall_cache, "owed", owing)
    told = StringIO()
    run(hidden.pk, stderr=told)
    assert "for 10 s at most" in told.getvalue()


def test_a_terminal_is_shown_how_far_it_is(hidden):
    terminal = Terminal()
    run(hidden.pk, stderr=terminal)
    assert "3/3 [" in terminal.getvalue().split("\r")[-1]
    silent = StringIO()
    run(hidden.pk, stderr=silent)
    assert silent.getvalue() == ""
