"""What an operator does when a person asks that what they wrote be erased."""

from io import StringIO
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db.models import Count

from messages_app import reports, wall_cache
from messages_app.models import (
    Message,
    MessageQuerySet,
    ModerationBatch,
    ModerationEvent,
    Report,
    Rule,
)
from messages_app.moderation import acts, undo

pytestmark = pytest.mark.django_db

ADA, BOB = b"a" * 16, b"b" * 16


@pytest.fixture
def run(django_capture_on_commit_callbacks):
    """Return a function that runs a command, as a process that commits would."""

    def run_it(*arguments, **options):
        said = StringIO()
        with django_capture_on_commit_callbacks(execute=True):
            call_command(*map(str, arguments), stdout=said, **options)
        return said.getvalue()

    return run_it


@pytest.fixture
def secret(make_message):
    """A message whose words, name and earlier words hold "sesame"; with a report."""
    message = make_message("Open sesame", author_name="Sesame", sender=ADA)
    acts.edit(message, content="sesame too", author_name="Sesame", actor="root")
    Report.objects.create(message=message, sender=BOB, reason="spam", note="sesame!")
    return message


def all_that_is_stored():
    tables = [
        model
        for model in apps.get_models()
        if model.__module__.startswith("messages_app")
    ]
    return "".join(repr(list(table.objects.values())) for table in tables)


def test_an_erased_message_is_gone_from_every_table_and_page(run, secret, client):
    for address in ("/", "/feed/"):
        assert "sesame too" in client.get(address).text
    assert run("erase_message", secret.pk) == "1 message erased.\n"
    for address in ("/", "/feed/", "/?q=sesame"):
        assert "sesame too" not in client.get(address).text
    assert "sesame" not in all_that_is_stored().lower()
    assert repr(ADA) not in all_that_is_stored()
    last = ModerationEvent.objects.filter(message_number=secret.pk).last()
    assert (last.act, last.actor, last.from_status) == (
        "erase",
        "manage.py",
        "published",
    )


def test_what_is_not_there_is_told_and_the_rest_erased(run, secret, page):
    with pytest.raises(CommandError, match="There is no message 998, 999") as raised:
        run("erase_message", 999, secret.pk, 998)
    assert raised.value.returncode == 3
    assert "sesame" not in page()
    with pytest.raises(CommandError, match="There is no message") as raised:
        run("erase_message", secret.pk)
    assert raised.value.returncode == 1


@pytest.mark.parametrize("wrong", ["x", "0", "-1", "\u0663", "1" * 30])
def test_what_is_no_number_is_a_wrong_call(run, wrong):
    with pytest.raises(CommandError, match=r"is no number of a message|required"):
        run("erase_message", wrong)


def test_a_dry_run_erases_nothing(run, secret, page):
    said = run("erase_message", secret.pk, dry_run=True)
    assert said == f"Would erase {secret.pk}. Nothing was done.\n"
    said = run("erase_sender", ADA.hex(), dry_run=True)
    assert said == "Would erase 1 message and 0 reports. Nothing was done.\n"
    assert "sesame" in page()
    assert not ModerationBatch.objects.filter(act="erase").exists()


def test_a_sender_is_erased_with_what_they_reported(run, secret, make_message, page):
    make_message("Another of Ada", sender=ADA)
    theirs = make_message("Of Bob", sender=BOB)
    Report.objects.create(message=theirs, sender=ADA, reason="other", note="rude")
    said = run("erase_sender", of_message=secret.pk)
    assert said == "Erased 2 messages and 1 report.\n"
    assert "Of Bob" in page()
    assert "Ada" not in page()
    assert "rude" not in all_that_is_stored()
    assert repr(ADA) not in all_that_is_stored()


def test_nothing_waits_for_the_reports_of_who_was_erased(run, make_message):
    message = make_message("harmless")
    reports.store(Report(message=message, reason="spam"), [ADA])
    run("erase_sender", ADA.hex())
    message.refresh_from_db()
    assert (message.report_count, message.waits_since) == (0, None)


def test_reports_are_erased_and_counted_together_chunk_by_chunk(
    run, make_message, monkeypatch
):
    messages = [make_message(f"{number}") for number in range(3)]
    for message in messages:
        reports.store(Report(message=message, reason="spam"), [ADA])
    reports.store(Report(message=messages[1], reason="spam"), [BOB])
    monkeypatch.setattr(acts, "CHUNK", 2)
    write, calls = MessageQuerySet.update, []

    def interrupted_in_the_second_chunk(rows, **values):
        calls.append(values)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return write(rows, **values)

    with monkeypatch.context() as patch:
        patch.setattr(MessageQuerySet, "update", interrupted_in_the_second_chunk)
        with pytest.raises(CommandError, match="Interrupted"):
            run("erase_sender", ADA.hex())
    assert counts() == [(0, 0), (1, 1), (1, 1)]
    run("erase_sender", ADA.hex())
    assert counts() == [(0, 0), (1, 1), (0, 0)]


def counts():
    """Return of each message how many reports it is said to have, and has."""
    found = Message.objects.annotate(there=Count("reports")).order_by("pk")
    return list(found.values_list("report_count", "there"))


def test_a_ban_stays_unless_it_is_to_go(run, secret):
    Rule.objects.create(kind="sender", pattern=ADA.hex(), verdict="refuse")
    said = run("erase_sender", ADA.hex())
    assert "; not 1 ban, which --lift-bans would." in said
    assert Rule.objects.exists()
    assert ", and 1 ban." in run("erase_sender", ADA.hex(), lift_bans=True)
    assert not Rule.objects.exists()


def test_a_code_that_nobody_has_is_told_and_not_recorded(run, secret):
    with pytest.raises(CommandError, match=f"stored of {BOB.hex()[:-2]}63") as raised:
        run("erase_sender", f"{BOB.hex()[:-2]}63")
    assert raised.value.returncode == 1
    assert not ModerationBatch.objects.filter(act="erase").exists()
    with pytest.raises(CommandError, match="Nothing is stored of 6363") as raised:
        run("erase_sender", ADA.hex(), "63" * 16)
    assert raised.value.returncode == 3
    assert not Message.objects.exists()


def test_nobody_and_nonsense_are_wrong_calls(run, make_message):
    imported = make_message("imported")
    for arguments in (["xyz"], ["ab"], ["--of-message", imported.pk], []):
        with pytest.raises(CommandError, match=r"no sender|of a visitor|Name a"):
            run("erase_sender", *arguments)


def test_what_was_erased_cannot_be_undone_and_hinders_no_undo(run, secret):
    hidden = acts.finish(acts.hide(type(secret).objects.all(), actor="mod"))
    run("erase_message", secret.pk)
    erasure = ModerationBatch.objects.get(act="erase")
    with pytest.raises(CommandError, match="erased messages, which are gone"):
        run("undo_moderation", erasure.pk)
    assert acts.finish(undo.undo(hidden, actor="mod")).message_count == 0


def test_the_desk_offers_no_undo_of_an_erasure(run, secret, admin_client):
    run("erase_message", secret.pk)
    erasure = ModerationBatch.objects.get(act="erase")
    page = f"/admin/messages_app/moderationbatch/{erasure.pk}/"
    assert "/undo/" not in admin_client.get(f"{page}change/").text
    response = admin_client.post(f"{page}undo/", follow=True)
    assert "What was erased is gone" in response.text


def test_who_erases_while_the_cache_is_away_is_told(run, secret, monkeypatch):
    owing = SimpleNamespace(renew=lambda *keys: None)
    monkeypatch.setattr(wall_cache, "owed", owing)
    told = StringIO()
    run("erase_message", secret.pk, stderr=told)
    assert "for 10 s at most" in told.getvalue()
