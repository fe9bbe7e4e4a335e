"""What an operator sees of `moderate`."""

import errno
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from messages_app import search
from messages_app.management import base
from messages_app.models import Message, ModerationBatch, Rule
from messages_app.moderation import acts

pytestmark = pytest.mark.django_db

ADA, BOB = b"a" * 16, b"b" * 16


@pytest.fixture
def three(make_message):
    """Messages of Ada, twice, and of Bob a week ago."""
    week_ago = timezone.now() - timedelta(days=7)
    return [
        make_message("cheap watches", sender=ADA),
        make_message("Good morning", sender=ADA),
        make_message("cheap shoes", sender=BOB, created_at=week_ago),
    ]


def moderate(*arguments, **options):
    said = StringIO()
    call_command("moderate", *map(str, arguments), stdout=said, **options)
    return said.getvalue()


def on_the_wall():
    return {*Message.objects.visible().values_list("content", flat=True)}


@pytest.mark.parametrize(
    ("chosen", "left"),
    [
        (["--text", "cheap"], {"Good morning"}),
        (["--text", "CHEAP shoe"], {"cheap watches", "Good morning"}),
        (["--sender", ADA.hex()], {"cheap shoes"}),
        (["--since", "1d"], {"cheap shoes"}),
        (["--until", "1d", "--status", "published"], {"cheap watches", "Good morning"}),
        (["--text", "cheap", "--since", "1d"], {"Good morning", "cheap shoes"}),
        (["--all"], set()),
    ],
)
def test_what_is_chosen_is_hidden_and_can_be_undone(three, chosen, left):
    said = moderate("hide", *chosen, "--reason", "Advertising")
    assert on_the_wall() == left
    batch = ModerationBatch.objects.get()
    assert (batch.actor, batch.reason) == ("manage.py", "Advertising")
    assert said.endswith(f" hidden. To undo: manage.py undo_moderation {batch.pk}\n")
    call_command("undo_moderation", str(batch.pk), stdout=StringIO())
    assert len(on_the_wall()) == 3


def test_messages_are_published_by_number(three):
    acts.finish(acts.hide(Message.objects.all(), actor="mod"))
    said = moderate("publish", "--id", three[0].pk, three[2].pk)
    assert said.startswith("2 messages published.")
    assert on_the_wall() == {"cheap watches", "cheap shoes"}


def test_a_ban_hides_all_by_the_sender_and_lasts_as_long_as_told(three):
    said = moderate("ban", "--id", three[0].pk, "--for", "2d")
    assert said.startswith("2 messages hidden, 1 sender banned. To undo")
    assert on_the_wall() == {"cheap shoes"}
    rule = Rule.objects.get()
    days = (rule.expires_at - timezone.now()) / timedelta(days=1)
    assert (rule.pattern, round(days)) == (ADA.hex(), 2)


def test_without_a_choice_nothing_is_done(three):
    for arguments in (["hide"], ["hide", "--all", "--text", "cheap"]):
        with pytest.raises(CommandError, match="Say which messages") as raised:
            moderate(*arguments)
        assert raised.value.returncode == 2
    assert len(on_the_wall()) == 3


@pytest.mark.parametrize("lasts", ["0m", "90d"])
def test_a_ban_of_no_time_or_too_much_is_a_wrong_call(three, lasts):
    with pytest.raises(CommandError) as raised:
        moderate("ban", "--all", "--for", lasts)
    assert raised.value.returncode == 2
    assert not Rule.objects.exists()


def test_a_dry_run_tells_how_many_and_which_and_does_nothing(three):
    arguments = "ban", "--text", "watches", "--dry-run"
    said = moderate(*arguments, verbosity=2)
    assert said == (
        "1 message would be hidden, where not yet so, with all others by their senders. "
        f"Nothing was done.\n{three[0].pk}\n"
    )
    assert len(on_the_wall()) == 3
    assert not ModerationBatch.objects.exists()


def test_where_nothing_is_chosen_nothing_is_recorded(three):
    said = moderate("hide", "--text", "umbrella")
    assert said.startswith("0 messages would be hidden")
    assert not ModerationBatch.objects.exists()


def test_what_is_so_already_is_told_and_not_recorded(three):
    number = three[0].pk
    moderate("hide", "--id", number)
    said = moderate("hide", "--id", number)
    assert said == "0 messages hidden: each is so, or withdrawn. Nothing was done.\n"
    assert ModerationBatch.objects.count() == 1


def test_a_number_that_no_message_has_is_told(three):
    with pytest.raises(CommandError, match="no message 998, 999") as raised:
        moderate("publish", "--id", 999, 998)
    assert raised.value.returncode == 1
    with pytest.raises(CommandError, match="no message 999") as raised:
        moderate("hide", "--id", three[0].pk, 999)
    assert raised.value.returncode == 3
    assert on_the_wall() == {"Good morning", "cheap shoes"}


def test_how_to_undo_is_told_beside_an_output_that_fails(three, monkeypatch):
    monkeypatch.setattr(base, "drop_output", lambda: None)
    full = StringIO()
    monkeypatch.setattr(full, "write", refuse)
    with pytest.raises(CommandError, match=r"To undo: .* undo_m") as raised:
        call_command("moderate", "hide", "--all", stdout=full)
    assert raised.value.returncode == 3


def refuse(text):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_what_was_not_searched_is_told(three, monkeypatch):
    monkeypatch.setattr(search, "WALK", 1)
    with pytest.raises(CommandError, match="Only the newest 1 messages") as raised:
        moderate("hide", "--text", "c")
    assert raised.value.returncode == 3


def test_too_many_senders_are_refused(three, monkeypatch):
    monkeypatch.setattr(acts, "MOST_SENDERS", 1)
    with pytest.raises(CommandError, match="more than 1 senders"):
        moderate("ban", "--all")
    assert len(on_the_wall()) == 3


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--sender", "xyz"),
        ("--sender", "ab"),
        ("--text", "x" * 101),
        ("--text", " "),
        ("--reason", "x" * 201),
        ("--reason", "\udcff"),
    ],
)
def test_nonsense_is_a_wrong_call(three, option, value):
    told = r"is no sender|takes 1 to 100|has 200 characters at most"
    with pytest.raises(CommandError, match=told):
        moderate("hide", option, value)
