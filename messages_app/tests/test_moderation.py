"""What moderators do, how it is recorded, and that it can be taken back."""

import secrets
from datetime import timedelta

import hypothesis.strategies as st
import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings

from messages_app import reports
from messages_app.models import (
    Act,
    EarlierText,
    Message,
    ModerationBatch,
    ModerationEvent,
    Report,
    Rule,
    WallState,
)
from messages_app.moderation import acts, authors
from messages_app.moderation.undo import CannotUndo, undo

pytestmark = pytest.mark.django_db
A, B = b"a" * 16, b"b" * 16


def state():
    """Return what is decided about each message, in the order of their numbers."""
    rows = Message.objects.order_by("pk")
    return [(row.status, row.status_before, *acts.decision(row)) for row in rows]


def test_an_act_is_recorded_without_the_visitors_words(make_message):
    message = make_message("My words", author_name="Ada")
    batch = acts.finish(acts.hide(Message.objects.all(), actor="mod", reason="Spam"))
    event = ModerationEvent.objects.get()
    assert (batch.act, batch.actor, batch.message_count) == ("hide", "mod", 1)
    assert (event.message_number, event.from_status, event.to_status, event.reason) == (
        message.pk,
        "published",
        "hidden",
        "Spam",
    )
    assert "My words" not in str(ModerationEvent.objects.values_list())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time", ["first", "second"])
def test_a_test_that_commits_leaves_nothing_recorded(make_message, time):
    assert not ModerationEvent.objects.exists()
    make_message()
    acts.finish(acts.hide(Message.objects.all(), actor="mod"))


def test_what_an_act_does_not_change_is_not_recorded(make_message):
    make_message(status="hidden")
    batch = acts.finish(acts.hide(Message.objects.all(), actor="mod"))
    assert batch.message_count == 0
    assert not ModerationEvent.objects.exists()


@pytest.mark.parametrize(
    "change",
    [lambda events: events.update(actor="another"), lambda events: events.delete()],
)
def test_what_is_recorded_stays(make_message, change):
    make_message()
    acts.finish(acts.hide(Message.objects.all(), actor="mod"))
    with pytest.raises(DatabaseError, match="recorded for good"), transaction.atomic():
        change(ModerationEvent.objects.all())
    assert ModerationEvent.objects.get().actor == "mod"


def test_an_act_goes_chunk_by_chunk_through_all(make_message, monkeypatch):
    monkeypatch.setattr(acts, "CHUNK", 2)
    for number in range(5):
        make_message(f"{number}")
    told = [batch.message_count for batch in acts.hide(Message.objects.all(), actor="")]
    assert told == [2, 4, 5, 5]
    assert not Message.objects.visible().exists()


def test_undoing_an_act_restores_all_it_changed(make_message, page):
    message = make_message("Not spam", status="held", reason="links")
    before = state()
    batch = acts.finish(acts.publish(Message.objects.all(), actor="mod"))
    assert "Not spam" in page()
    undoing = acts.finish(undo(batch, actor="other"))
    assert state() == before
    assert (undoing.act, undoing.actor, undoing.message_count) == ("undo", "other", 1)
    assert ModerationEvent.objects.filter(message_number=message.pk).count() == 2


def test_undoing_skips_and_counts_what_a_later_act_changed(make_message):
    first, second = make_message("1"), make_message("2")
    hiding = acts.finish(acts.hide(Message.objects.all(), actor="mod"))
    of_second = Message.objects.filter(pk=second.pk)
    publishing = acts.finish(acts.publish(of_second, actor="mod"))
    undoing = acts.finish(undo(hiding, actor="mod"))
    assert (undoing.message_count, undoing.skipped_count) == (1, 1)
    first.refresh_from_db()
    assert first.status == "published"
    acts.finish(undo(publishing, actor="mod"))
    acts.finish(undo(hiding, actor="mod"))
    assert {row.status for row in Message.objects.all()} == {"published"}


def edit(message, content, hold_reason=""):
    rows = Message.objects.filter(pk=message.pk)
    assert authors.edit(rows, content=content, author_name="", hold_reason=hold_reason)


def test_undoing_publishes_nothing_that_a_rule_has_held_since(make_message, page):
    message = make_message("Harmless", created_at=timezone.now())
    keeping = acts.finish(acts.publish(Message.objects.all(), actor="mod"))
    edit(message, "Spam now", hold_reason="word")
    undoing = acts.finish(undo(keeping, actor="mod"))
    assert (undoing.message_count, undoing.skipped_count) == (0, 1)
    assert "Spam now" not in page()


def test_undoing_keeps_no_text_that_its_author_wrote_since(make_message):
    message = make_message("Kept", created_at=timezone.now())
    acts.finish(acts.publish(Message.objects.all(), actor="mod"))
    acts.finish(acts.hide(Message.objects.all(), actor="mod"))
    mistake = acts.finish(acts.publish(Message.objects.all(), actor="mod"))
    edit(message, "Another text")
    acts.finish(undo(mistake, actor="mod"))
    message.refresh_from_db()
    assert (message.status, message.is_kept) == ("hidden", False)


def report(message):
    reports.store(Report(message=message, reason="spam"), [secrets.token_bytes(16)])


def test_undoing_forgets_no_report_that_came_since(make_message):
    message = make_message()
    hiding = acts.finish(acts.hide(Message.objects.all(), actor="mod"))
    report(message)
    acts.finish(undo(hiding, actor="mod"))
    assert Message.objects.visible().waiting().exists()


def test_undoing_an_edit_by_staff_changes_nothing_but_the_words(make_message):
    message = make_message("My words")
    acts.edit(message, content="Tamer", author_name="", actor="root")
    report(message)
    acts.finish(undo(ModerationBatch.objects.get(act=Act.EDIT), actor="root"))
    message.refresh_from_db()
    assert message.content == "My words"
    assert Message.objects.waiting().get() == message


def test_an_act_that_is_undone_while_it_goes_on_ends(make_message, monkeypatch):
    monkeypatch.setattr(acts, "CHUNK", 2)
    for number in range(5):
        make_message(f"spam {number}", sender=A)
    banning = acts.ban(Message.objects.all(), actor="mod")
    next(banning)  # what no visitor sent
    batch = next(banning)
    assert batch.message_count == 2
    acts.finish(undo(batch, actor="other"))
    assert {batch.message_count for batch in banning} == {2}
    assert Message.objects.visible().count() == 5
    assert not ModerationBatch.objects.filter(is_unfinished=True).exists()


def test_undoing_leaves_what_a_later_ban_covers_hidden(make_message):
    make_message("hidden first", sender=A)
    make_message("of another", sender=B)
    hiding = acts.finish(acts.hide(Message.objects.all(), actor="mod"))
    make_message("spam", sender=A)
    banning = acts.finish(
        acts.ban(Message.objects.filter(content="spam"), actor="other")
    )
    undoing = acts.finish(undo(hiding, actor="mod"))
    assert (undoing.message_count, undoing.skipped_count) == (1, 1)
    assert [row.content for row in Message.objects.visible()] == ["of another"]
    acts.finish(undo(banning, actor="other"))
    acts.finish(undo(hiding, actor="mod"))
    assert Message.objects.visible().count() == 3


def test_a_ban_that_was_made_another_rule_is_kept(make_message):
    make_message("spam", sender=A)
    batch = acts.finish(acts.ban(Message.objects.all(), actor="mod"))
    Rule.objects.update(kind="word", pattern="spam")
    acts.finish(undo(batch, actor="mod"))
    assert Rule.objects.get().pattern == "spam"


def test_undoing_an_edit_by_staff_leaves_no_mark_on_the_words(make_message, page):
    message = make_message("My words", created_at=timezone.now())
    acts.edit(message, content="Tamer", author_name="", actor="root")
    acts.finish(undo(ModerationBatch.objects.get(), actor="root"))
    message.refresh_from_db()
    assert (message.content, message.edited_at) == ("My words", None)
    assert "dited" not in page()
    edit(message, "My better words")
    message.refresh_from_db()
    by_author = message.edited_at
    acts.edit(message, content="Tamer", author_name="", actor="root")
    acts.finish(undo(ModerationBatch.objects.filter(act="edit").last(), actor="root"))
    message.refresh_from_db()
    assert abs(message.edited_at - by_author) < timedelta(seconds=5)


def test_an_act_is_undone_once(make_message):
    make_message()
    batch = acts.finish(acts.hide(Message.objects.all(), actor="mod"))
    acts.finish(undo(batch, actor="mod"))
    again = acts.finish(undo(batch, actor="mod"))
    assert (again.message_count, again.skipped_count) == (0, 0)
    with pytest.raises(CannotUndo):
        acts.finish(undo(again, actor="mod"))


def test_banning_hides_all_of_a_sender_and_undoing_lifts_it(make_message):
    make_message("spam", sender=A)
    make_message("earlier spam", sender=A)
    make_message("not theirs", sender=B)
    chosen = Message.objects.filter(content="spam")
    batch = acts.finish(acts.ban(chosen, actor="mod", lasts=timedelta(days=90)))
    assert [row.content for row in Message.objects.visible()] == ["not theirs"]
    rule = Rule.objects.get()
    assert (rule.kind, rule.pattern, rule.verdict) == ("sender", A.hex(), "refuse")
    assert rule.expires_at < timezone.now() + timedelta(days=28, minutes=1)
    acts.finish(undo(batch, actor="mod"))
    assert not Rule.objects.exists()
    assert Message.objects.visible().count() == 3


def test_hiding_all_of_a_sender_bans_nobody(make_message):
    make_message("spam", sender=A)
    make_message("no sender at all")
    batch = acts.finish(acts.hide_senders(Message.objects.all(), actor="mod"))
    assert batch.message_count == 2
    assert not Rule.objects.exists()


def test_what_its_author_withdrew_comes_back_as_it_was_before_the_act(make_message):
    message = make_message(status="withdrawn", status_before="published")
    batch = acts.finish(acts.hide(Message.objects.all(), actor="mod"))
    message.refresh_from_db()
    assert (message.status, message.status_before) == ("withdrawn", "hidden")
    acts.finish(undo(batch, actor="mod"))
    message.refresh_from_db()
    assert (message.status, message.status_before) == ("withdrawn", "published")


def test_what_was_erased_meanwhile_is_no_hindrance(make_message):
    make_message("1")
    batch = acts.finish(acts.hide(Message.objects.all(), actor="mod"))
    Message.objects.all().delete()
    assert acts.finish(undo(batch, actor="mod")).message_count == 0


def test_an_edit_by_staff_keeps_the_earlier_words_and_is_undone(make_message):
    message = make_message("My words", author_name="Ada")
    assert acts.edit(message, content="Tamer", author_name="Ada", actor="root")
    assert not acts.edit(message, content="Stale", author_name="Ada", actor="root")
    message.refresh_from_db()
    assert (message.content, message.is_edited_by_staff) == ("Tamer", True)
    assert EarlierText.objects.get().content == "My words"
    acts.finish(undo(ModerationBatch.objects.get(act=Act.EDIT), actor="root"))
    message.refresh_from_db()
    assert (message.content, message.is_edited_by_staff) == ("My words", False)
    assert [text.content for text in EarlierText.objects.order_by("pk")] == [
        "My words",
        "Tamer",
    ]
    message.delete()
    assert not EarlierText.objects.exists()


def test_switching_the_mode_is_recorded_and_undone():
    acts.set_mode("all", actor="mod")
    assert WallState.objects.get().mode == "all"
    acts.finish(undo(ModerationBatch.objects.get(), actor="mod"))
    assert WallState.objects.get().mode == "risky"


def test_a_switch_after_which_the_mode_was_switched_again_is_not_undone():
    for mode in ("all", "open", "all"):
        acts.set_mode(mode, actor="mod")
    first, second, third = ModerationBatch.objects.order_by("pk")
    undoing = acts.finish(undo(first, actor="mod"))
    assert undoing.skipped_count == 1
    assert WallState.objects.get().mode == "all"
    for switch, mode in [(third, "open"), (second, "all"), (first, "risky")]:
        acts.finish(undo(switch, actor="mod"))
        assert WallState.objects.get().mode == mode


STATES = st.sampled_from(["published", "held", "hidden", "withdrawn"])
ACTS = st.tuples(
    st.sampled_from([acts.publish, acts.hide, acts.hide_senders, acts.ban]),
    st.sets(st.integers(0, 5), min_size=1),
)
# What authors and visitors do between these: an edit, held by a rule or not; a report.
OTHERS = st.tuples(
    st.sampled_from(["edit", "hold", "report"]), st.sets(st.integers(0, 5), max_size=3)
)
PROPERTY = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def do(step, number):
    """Let an author or a visitor do this to a message."""
    rows = Message.objects.filter(pk=number)
    if step == "report":
        report(rows.get())
    else:
        reason = "word" if step == "hold" else ""
        authors.edit(rows, content="Anew", author_name="", hold_reason=reason)


@given(
    st.lists(st.sampled_from(["published", "held", "hidden"]), min_size=6, max_size=6),
    st.lists(ACTS | OTHERS, max_size=8),
)
@PROPERTY
def test_an_undoing_publishes_nothing_that_a_rule_held_and_forgets_no_report(
    statuses, sequence
):
    with transaction.atomic():
        rows = [
            Message.objects.create(
                content=f"{number}", status=status, created_at=timezone.now()
            )
            for number, status in enumerate(statuses)
        ]
        done = []
        for step, numbers in sequence:
            chosen = [rows[n].pk for n in numbers]
            if callable(step):
                of_them = Message.objects.filter(pk__in=chosen)
                done.append(acts.finish(step(of_them, actor="mod")))
            else:
                for number in chosen:
                    do(step, number)
        waited = numbers_of(Message.objects.waiting())
        held = numbers_of(Message.objects.filter(status="held"))
        by_rule = ModerationEvent.objects.filter(act="hold", batch=None)
        by_rule = set(by_rule.values_list("message_number", flat=True))
        for batch in reversed(done):
            acts.finish(undo(batch, actor="mod"))
        on_the_wall = numbers_of(Message.objects.visible())
        assert not held & by_rule & on_the_wall
        assert waited & on_the_wall <= numbers_of(Message.objects.waiting())
        transaction.set_rollback(True)


def numbers_of(messages):
    return set(messages.values_list("pk", flat=True))


@given(st.lists(STATES, min_size=6, max_size=6), st.lists(ACTS, max_size=8))
@PROPERTY
def test_any_acts_and_the_undoing_of_all_restore_every_status(statuses, sequence):
    with transaction.atomic():
        rows = [
            Message.objects.create(
                content=f"{number}",
                status=status,
                status_before="published" if status == "withdrawn" else "",
                sender=[A, B, None][number % 3],
            )
            for number, status in enumerate(statuses)
        ]
        before = state()
        done = []
        for act, numbers in sequence:
            chosen = Message.objects.filter(pk__in=[rows[n].pk for n in numbers])
            done.append(acts.finish(act(chosen, actor="mod")))
        for batch in reversed(done):
            assert acts.finish(undo(batch, actor="mod")).skipped_count == 0
        assert state() == before
        assert not Rule.objects.exists()
        transaction.set_rollback(True)
