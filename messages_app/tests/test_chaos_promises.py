"""The judge of the chaos runs: it lets a good wall pass, and each broken promise not."""

from collections import Counter
from dataclasses import replace

import pytest

from messages_app.tests.chaos.promises import (
    KINDS,
    Fault,
    Hide,
    Post,
    Read,
    Seen,
    judge,
    longest,
    summary,
)

# A fault from second 10 to 12: until 14 it heals.
HANG, AWAY = Fault(10, 12, "redis hangs"), Fault(10, 12, "postgres stopped")
KILLED = Fault(10, 12, "worker killed before its bump")


def post(at, token="hello", status=303, **fields):
    return Post(at, at + 0.1, token, status, **fields)


def hide(at, token="hello", status=302):
    return Hide(at, at + 0.1, token, status)


def read(at, *tokens, status=200, seconds=0.1, **fields):
    return Read(at, at + seconds, status, frozenset(tokens), **fields)


def broken(*happened, fault=None, stored=("hello",)):
    # The first and the last read are those whose view counts are compared.
    seen = Seen(reads=[read(0)])
    for event in happened:
        kinds = {Read: seen.reads, Post: seen.posts, Hide: seen.hides}
        kinds[type(event)].append(event)
    faults = [fault] if fault else []
    return [each.promise for each in judge(seen, faults, Counter(stored))]


def test_a_wall_that_keeps_its_promises_passes():
    assert broken(post(1), read(2, "hello"), hide(3), read(4)) == []


STALE = "a page shows each message"


def test_a_page_without_an_acknowledged_message_is_stale_at_once():
    assert broken(post(1), read(1.2)) == [STALE]


def test_a_page_asked_for_before_the_acknowledgement_may_be_without():
    assert broken(post(1), read(1.05)) == []


def test_while_redis_is_away_a_page_may_lack_a_message_for_a_second():
    assert broken(post(10.5), read(11.5), fault=HANG) == []
    assert broken(post(10.2), read(11.5), fault=HANG) == [STALE]
    assert broken(post(7), read(11), fault=HANG) == [STALE]


def test_while_redis_comes_back_a_page_may_lack_what_was_written_without_it():
    assert broken(post(10.2), read(13.9), fault=HANG) == []
    assert broken(post(10.2), read(14.1), fault=HANG) == [STALE]
    assert broken(post(14.5), read(14.7), fault=HANG) == [STALE]


def test_a_database_that_is_away_excuses_only_pages_that_say_so():
    assert broken(post(9), read(11, is_marked=True), fault=AWAY) == []
    assert broken(post(9), read(11), fault=AWAY) == [STALE]


def test_a_message_stored_by_a_killed_process_is_late_after_eleven_seconds():
    cut_off = post(10, status=None)
    assert broken(cut_off, read(20), fault=KILLED) == []
    assert broken(cut_off, read(22), fault=KILLED) == [STALE]
    assert broken(cut_off, read(22), fault=KILLED, stored=[]) == []


def test_a_hidden_message_is_on_no_page_not_even_an_old_one():
    promise = "a page shows nothing hidden"
    old = read(11, "hello", is_marked=True)
    assert broken(post(1), hide(3), read(4, "hello")) == [promise]
    assert broken(post(1), hide(3), old, fault=AWAY) == [promise]
    assert broken(post(1), hide(3, status=500), read(4, "hello")) == []


def test_what_is_lost_or_doubled_is_told():
    assert broken(post(1), stored=[]) == ["no acknowledged message is lost"]
    assert broken(post(1), stored=["hello"] * 2) == ["no message is doubled"]


def test_what_was_not_acknowledged_is_stored_once_or_not_at_all():
    refused = post(11, status=503, keeps_text=True)
    for times, promises in [(0, []), (1, []), (2, ["no message is doubled"])]:
        assert broken(refused, fault=AWAY, stored=["hello"] * times) == promises


@pytest.mark.parametrize("fault", [None, HANG, AWAY, KILLED])
def test_no_fault_excuses_a_500(fault):
    assert broken(read(11, status=500), fault=fault) == ["each page is a 200"]
    told = broken(post(11, status=500), fault=fault, stored=[])
    assert told == ["each post is stored"]


def test_a_503_has_a_database_that_is_away_and_the_text_in_the_form():
    kept, lost = post(11, status=503, keeps_text=True), post(11, status=503)
    assert broken(kept, fault=AWAY) == []
    assert broken(lost, fault=AWAY) == ["a 503 keeps the visitor's text"]
    assert broken(kept, fault=HANG) == ["each post is stored"]


def test_two_seconds_after_a_fault_all_is_as_before():
    old = "a page is marked old only while PostgreSQL is away"
    refused = post(14.1, status=503, keeps_text=True)
    assert broken(read(13.9, is_marked=True), fault=AWAY) == []
    assert broken(read(14.1, is_marked=True), fault=AWAY) == [old]
    assert broken(refused, fault=AWAY) == ["each post is stored"]


def test_only_a_killed_worker_excuses_a_request_without_an_answer():
    for event in [read(11, status=None), post(11, status=None)]:
        assert broken(event, fault=KILLED, stored=[]) == []
        assert broken(event, fault=HANG, stored=[]) == ["each request is answered"]


def test_the_slowest_page_is_told():
    assert longest(Seen(reads=[read(10, seconds=3.1), read(11)])) == pytest.approx(3.1)
    assert longest(Seen()) == 0


def views(counted, fault=None):
    seen = Seen(reads=[read(0, views=100), read(20, views=100 + counted)])
    seen.reads += [read(1.05 + number / 10) for number in range(98)]
    return [each.promise for each in judge(seen, [fault] if fault else [], Counter())]


GIVEN, MISCOUNTED = 99, ["the view count is right"]


def test_without_a_fault_of_redis_each_view_counts():
    assert views(GIVEN) == views(GIVEN, fault=AWAY) == []
    assert views(GIVEN - 1) == views(GIVEN + 1, fault=AWAY) == MISCOUNTED


def test_a_fault_of_redis_excuses_the_views_on_their_way():
    on_their_way = 4 + 4 * 3  # and one trial a second of each process
    assert views(GIVEN - on_their_way, fault=HANG) == []
    assert views(GIVEN - on_their_way - 1, fault=HANG) == MISCOUNTED
    assert views(GIVEN + on_their_way + 1, fault=HANG) == MISCOUNTED


def test_an_emptied_redis_excuses_the_views_since_the_last_fold():
    early, late = Fault(11, 11, "redis emptied"), Fault(19, 19, "redis emptied")
    assert views(2, fault=early) == []
    assert views(50, fault=late) == MISCOUNTED
    # What was counted before the first read may be missing too.
    assert views(-50, fault=replace(early, begin=10)) == []


def test_the_report_is_a_line_per_promise():
    seen = Seen(reads=[read(0), read(1), read(2)], posts=[post(0)])
    [line] = summary(judge(seen, [HANG], Counter(["hello"])))
    assert line.startswith("Broken 2 times: a page shows each message.")
    assert "hello, written 0.90 s before" in line


def test_each_fault_can_be_made():
    from messages_app.tests.chaos.house import House

    for name in KINDS:
        assert hasattr(House, name.replace(" ", "_").replace("-", "_"))
