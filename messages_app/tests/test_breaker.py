import logging
import threading

import pytest

from messages_app import breaker
from messages_app.breaker import Breaker


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""
    now = [1000.0]
    monkeypatch.setattr(breaker.time, "monotonic", lambda: now[0])
    return now


def test_a_server_that_answers_is_always_asked(clock):
    server = Breaker("Redis")
    assert [server.may_ask() for _ in range(3)] == [True] * 3


def test_after_a_failure_it_is_asked_once_a_second(clock):
    server = Breaker("Redis")
    server.failed("refused")
    assert not server.may_ask()
    clock[0] += 1
    assert [server.may_ask() for _ in range(3)] == [True, False, False]
    clock[0] += 1
    assert server.may_ask()


def test_it_is_asked_freely_again_once_it_answered(clock):
    server = Breaker("Redis")
    server.failed("refused")
    server.answered()
    assert [server.may_ask() for _ in range(3)] == [True] * 3


def test_what_failed_long_ago_says_nothing(clock):
    server = Breaker("Redis")
    server.failed("refused")
    clock[0] += 9
    assert server.is_open
    clock[0] += 1
    assert not server.is_open
    assert [server.may_ask() for _ in range(3)] == [True] * 3


def test_what_is_asked_again_and_again_is_asked_once_a_second_for_ever(clock):
    server = Breaker("PostgreSQL")
    server.failed("refused")
    for _ in range(30):  # each trial ends without a word, as one does that hangs
        clock[0] += 1
        assert [server.may_ask() for _ in range(3)] == [True, False, False]
    assert server.is_open


def test_who_insists_may_ask_and_the_others_may_not(clock):
    server = Breaker("Redis")
    server.failed("refused")
    with server.insisting():
        others = []
        thread = threading.Thread(target=lambda: others.append(server.may_ask()))
        thread.start()
        thread.join()
        assert server.may_ask()
    assert others == [False]
    assert not server.may_ask()


def test_going_and_coming_back_are_told_once(clock, caplog):
    caplog.set_level(logging.WARNING)
    server = Breaker("Redis at db:6379")
    for _ in range(3):
        server.failed("refused")
    for _ in range(3):
        server.answered()
    assert [record.getMessage() for record in caplog.records] == [
        "Redis at db:6379 does not answer: refused",
        "Redis at db:6379 answers again.",
    ]
