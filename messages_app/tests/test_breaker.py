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


@pytest.mark.parametrize(
    ("outcome", "expected"), [("answered", True), ("failed", False)]
)
def test_who_may_not_ask_learns_what_becomes_of_who_does(outcome, expected, clock):
    server = Breaker("PostgreSQL")
    server.failed("refused")
    clock[0] += 1
    assert server.may_ask()
    others = []
    thread = threading.Thread(target=lambda: others.append(server.answers_soon()))
    thread.start()
    getattr(server, outcome)(*["refused"] * (outcome == "failed"))
    thread.join()
    assert others == [expected]


def test_nobody_waits_while_nobody_asks_or_is_slow_to_be_answered(clock, monkeypatch):
    waits = []
    monkeypatch.setattr(
        threading.Condition,
        "wait_for",
        lambda self, predicate, seconds: waits.append((predicate(), seconds)),
    )
    server = Breaker("PostgreSQL")
    server.failed("refused")
    server.answers_soon()
    clock[0] += 1
    assert server.may_ask()
    clock[0] += 0.5
    server.answers_soon()
    assert waits == [(True, 0.25), (False, 0)]


def test_what_failed_long_ago_says_nothing(clock):
    server = Breaker("Redis")
    server.failed("refused")
    clock[0] += 9
    assert [server.may_ask() for _ in range(2)] == [True, False]
    assert server.is_open
    clock[0] += 1
    assert [server.may_ask() for _ in range(3)] == [True] * 3
    assert not server.is_open


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
