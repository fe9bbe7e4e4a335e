"""Who has the page open is told how many came since, for next to nothing."""

import time
from datetime import UTC, datetime

import pytest

from messages_app import wall_cache
from messages_app.models import Message


@pytest.fixture
def ask(db, client):
    return lambda since: client.get(f"/updates?since={since}")


def test_nothing_newer_is_an_empty_answer_that_needs_no_query(
    make_message, page, ask, django_assert_num_queries
):
    newest = make_message()
    page()
    with django_assert_num_queries(0):
        answer = ask(newest.id)
    assert answer.status_code == 204
    assert answer.content == b""
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("count", "text"), [(1, "1 new message"), (3, "3 new messages")]
)
def test_what_is_newer_is_counted(make_message, ask, count, text):
    since = make_message().id
    for _ in range(count):
        make_message()
    assert ask(since).json() == {"count": count, "text": text}


def test_what_was_posted_shows_at_the_next_question(make_message, ask):
    since = make_message().id
    assert ask(since).status_code == 204
    make_message("news")
    assert ask(since).json()["count"] == 1


def test_newer_is_what_stands_above_on_the_page(make_message, ask):
    newest = make_message()
    make_message("imported", created_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert ask(newest.id).status_code == 204


def test_on_an_empty_wall_all_is_new(make_message, ask):
    assert ask(0).status_code == 204
    make_message()
    assert ask(0).json()["text"] == "1 new message"


def test_when_the_one_that_was_newest_is_taken_down_the_newer_ones_count(
    make_message, ask, django_capture_on_commit_callbacks
):
    make_message()
    since = make_message("goes").id
    with django_capture_on_commit_callbacks(execute=True):
        Message.objects.filter(id=since).hide()
    assert ask(since).status_code == 204
    make_message()
    assert ask(since).json()["count"] == 1


def test_more_than_a_page_is_not_counted(make_message, ask, settings):
    settings.WALL_PAGE_SIZE = 2
    since = make_message().id
    make_message()
    assert ask(since).json()["text"] == "1 new message"
    make_message()
    assert ask(since).json() == {"count": 2, "text": "2+ new messages"}


@pytest.mark.parametrize(
    "since", ["", "x", "-1", "1.5", "%D9%A1", "1%0a", "1" * 20, 2**63, "1-2"]
)
def test_what_is_no_number_of_a_message_is_a_400(ask, since):
    assert ask(since).status_code == 400


def test_the_largest_number_is_one(ask):
    assert ask(2**63 - 1).status_code == 204


def test_to_ask_is_no_view(ask, page):
    ask(0)
    assert "viewed 1 time." in page()


def test_while_the_database_is_away_the_last_page_tells(
    make_message, page, ask, database_away, monkeypatch
):
    since = make_message().id
    make_message()
    page()
    now = time.time()
    monkeypatch.setattr(wall_cache.time, "time", lambda: now + 3600)
    with database_away():
        assert ask(since).json()["count"] == 1


def test_with_nothing_to_tell_from_it_says_when_to_ask_again(ask, database_away):
    with database_away():
        answer = ask(0)
    assert answer.status_code == 503
    assert answer["Retry-After"]
