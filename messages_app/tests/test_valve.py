"""A flood switches the wall to a stricter mode, and calm switches it back."""

from datetime import timedelta

import pytest
from django.utils import timezone

from messages_app.models import (
    Message,
    ModerationBatch,
    ModerationEvent,
    Notice,
    WallState,
)
from messages_app.moderation import acts, valve
from messages_app.moderation.undo import undo

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def open_wall():
    WallState.objects.current()
    change(mode="open", risky_per_minute=60, all_per_minute=120, calm_minutes=10)


@pytest.fixture
def later(monkeypatch):
    """Return a function that moves the clock."""
    began = timezone.now()

    def move(**how):
        now = began + timedelta(**how)
        monkeypatch.setattr(timezone, "now", lambda: now)

    return move


def change(**fields):
    WallState.objects.filter(pk=1).update(**fields)


def flood(posts):
    """Return the mode that a post is judged under after so many in a minute."""
    return valve.heed(WallState.objects.get(), posts).get_effective_mode()


def moves():
    events = ModerationEvent.objects.filter(act="mode").order_by("pk")
    return [(event.from_status, event.to_status, event.reason) for event in events]


def test_more_posts_in_a_minute_than_the_threshold_hold_what_is_risky_then_all():
    assert flood(60) == "open"
    assert flood(61) == "risky"
    assert flood(120) == "risky"
    assert flood(121) == "all"
    assert moves() == [("open", "risky", "flood"), ("risky", "all", "flood")]
    batch = ModerationBatch.objects.first()
    assert (batch.act, batch.actor, batch.reason) == ("mode", "", "flood")
    assert [notice.kind for notice in Notice.objects.all()] == ["mode", "mode"]


def test_a_flood_can_switch_to_holding_all_at_once():
    assert flood(500) == "all"
    assert moves() == [("open", "all", "flood")]


def test_a_threshold_of_zero_is_never_reached():
    change(risky_per_minute=0, all_per_minute=0)
    assert flood(1_000_000) == "open"
    change(all_per_minute=120)
    assert flood(100) == "open"


@pytest.mark.parametrize(
    ("mode", "posts", "effective"),
    [("risky", 61, "risky"), ("all", 500, "all"), ("risky", 121, "all")],
)
def test_the_moderators_mode_is_never_changed_nor_told_when_it_is_as_strict(
    mode, posts, effective
):
    change(mode=mode)
    assert flood(posts) == effective
    assert WallState.objects.get().mode == mode
    assert bool(moves()) == (mode != effective)


def test_of_two_processes_that_see_the_same_flood_one_switches():
    first, second = WallState.objects.get(), WallState.objects.get()
    assert valve.heed(first, 61).get_effective_mode() == "risky"
    assert valve.heed(second, 61).get_effective_mode() == "risky"
    assert len(moves()) == 1


def test_what_a_moderator_decides_at_that_moment_stands():
    stale = WallState.objects.get()
    acts.set_mode("all", actor="mod")
    assert valve.heed(stale, 61).get_effective_mode() == "all"
    assert WallState.objects.get().valve_mode == ""


def test_a_flood_that_lasts_is_written_down_every_ten_seconds(
    later, django_assert_num_queries
):
    later(seconds=0)
    flood(61)
    state = WallState.objects.get()
    later(seconds=9)
    with django_assert_num_queries(0):
        valve.heed(state, 100)
    later(seconds=10)
    with django_assert_num_queries(1):
        valve.heed(state, 100)
    assert WallState.objects.get().valve_at == timezone.now()
    assert len(moves()) == 1


def test_a_quiet_wall_costs_no_query(django_assert_num_queries):
    state = WallState.objects.get()
    with django_assert_num_queries(0):
        valve.heed(state, 60)


def test_after_minutes_of_calm_the_wall_is_as_its_moderators_want_it(later):
    later(minutes=0)
    flood(61)
    later(minutes=5)
    flood(61)
    later(minutes=14)
    valve.calm()
    assert WallState.objects.get().get_effective_mode() == "risky"
    later(minutes=15)
    valve.calm()
    valve.calm()
    state = WallState.objects.get()
    assert (state.get_effective_mode(), state.valve_at) == ("open", None)
    assert moves()[1:] == [("risky", "open", "calm")]
    assert Notice.objects.count() == 2


def test_holding_all_is_not_prolonged_by_what_only_asks_for_holding_the_risky(later):
    later(minutes=0)
    flood(121)
    later(minutes=10)
    assert flood(100) == "all"
    valve.calm()
    assert flood(100) == "risky"


def test_calm_is_not_told_to_moderators_who_hold_all_by_now(later):
    later(minutes=0)
    flood(61)
    acts.set_mode("all", actor="mod")
    later(minutes=10)
    valve.calm()
    assert WallState.objects.get().valve_mode == ""
    assert "calm" not in [reason for *_, reason in moves()]


def test_undoing_a_switch_opens_the_valve_for_as_long_as_a_calm_would_last(later):
    later(minutes=0)
    flood(61)
    acts.finish(undo(ModerationBatch.objects.get(), actor="mod"))
    assert WallState.objects.get().get_effective_mode() == "open"
    later(minutes=9)
    assert flood(500) == "open"
    later(minutes=10)
    assert flood(500) == "all"


def test_undoing_the_second_switch_gives_back_the_first(later):
    later(minutes=0)
    flood(61)
    flood(121)
    acts.finish(undo(ModerationBatch.objects.first(), actor="mod"))
    assert flood(121) == "risky"
    later(minutes=20)
    valve.calm()
    assert WallState.objects.get().get_effective_mode() == "open"


def test_a_switch_after_which_the_valve_has_moved_is_not_undone():
    flood(61)
    flood(121)
    undoing = acts.finish(undo(ModerationBatch.objects.last(), actor="mod"))
    assert WallState.objects.get().get_effective_mode() == "all"
    assert not undoing.events.exists()


def test_undoing_never_changes_the_moderators_mode():
    flood(121)
    acts.set_mode("risky", actor="mod")
    acts.finish(undo(ModerationBatch.objects.last(), actor="mod"))
    state = WallState.objects.get()
    assert (state.mode, state.get_effective_mode()) == ("risky", "risky")


def test_undoing_the_calm_closes_the_valve_until_the_next_one(later):
    later(minutes=0)
    flood(61)
    later(minutes=10)
    valve.calm()
    acts.finish(undo(ModerationBatch.objects.first(), actor="mod"))
    assert WallState.objects.get().get_effective_mode() == "risky"
    later(minutes=20)
    valve.calm()
    assert WallState.objects.get().get_effective_mode() == "open"


def test_a_valve_that_is_opened_in_a_flood_stays_open_as_long_as_a_calm_lasts(later):
    flood(121)
    acts.open_valve(actor="mod")
    assert flood(121) == "open"
    later(minutes=9)
    assert flood(121) == "open"
    later(minutes=11)
    assert flood(121) == "all"


def test_a_flood_of_posts_is_held_from_the_post_that_switches(post):
    WallState.objects.update(mode="open", risky_per_minute=2, all_per_minute=4)
    for number in range(6):
        post(f"Number {number}")
    held = [row.content for row in Message.objects.waiting()]
    assert held == ["Number 5"]
    assert WallState.objects.get().valve_mode == "all"
