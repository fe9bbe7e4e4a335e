"""What visitors get while Redis is stopped, hung, full or takes no writes."""

import logging
import shutil
import signal
import tempfile
import threading
import time
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import models
from redis.client import Pipeline
from redis.connection import DefaultParser

from config.servers import Folders, start_valkey
from messages_app import breaker, owed, page_views, throttle, wall_cache
from messages_app.models import Message, PageViewTotal


class Redis:
    """A Valkey of the test's own, to be mistreated."""

    def __init__(self, folder):
        self.folders = Folders(folder, folder, [])
        self.start()

    def start(self):
        self.server = start_valkey(self.folders)
        self.server.wait_until_it_answers(time.monotonic() + 20)

    def stop(self):
        self.server.stop()

    def kill(self):
        self.server.process.kill()
        self.server.process.wait()

    def hang(self):
        self.server.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.server.process.send_signal(signal.SIGCONT)

    def fill(self):
        cache.client.get_client().config_set("maxmemory", "1")

    def lock(self):
        redis = cache.client.get_client()
        redis.config_set("requirepass", "secret")
        redis.connection_pool.disconnect()

    def take_no_writes(self):
        # As a replica does whose primary is gone.
        cache.client.get_client().execute_command("REPLICAOF", "127.0.0.1", "1")


@pytest.fixture
def redis(settings, monkeypatch):
    folder = Path(tempfile.mkdtemp(prefix="wall-"))  # a socket's path must be short
    own = Redis(folder)
    settings.CACHES = {
        "default": {**settings.CACHES["default"], "LOCATION": own.server.url}
    }
    settings.REDIS_URL = own.server.url
    monkeypatch.setattr(throttle, "counters", throttle.Counters())
    yield own
    own.go_on()
    own.stop()
    settings.CACHES = {**settings.CACHES}  # close what still points there
    shutil.rmtree(folder)


@pytest.fixture
def moved_clock(monkeypatch):
    """Return a function that moves the breaker's clock on."""

    def move(seconds):
        now = time.monotonic() + seconds
        monkeypatch.setattr(breaker.time, "monotonic", lambda: now)

    return move


def wait_until_paid():
    deadline = time.monotonic() + 10
    while wall_cache.owed and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not wall_cache.owed


FAULTS = ["stop", "hang", "fill", "take_no_writes"]


@pytest.mark.parametrize("fault", FAULTS)
def test_the_wall_is_read_and_written_at_once(redis, client, page, post, fault):
    post("before")
    page()
    getattr(redis, fault)()
    assert "before" in page()
    assert post("meanwhile").status_code == 303
    assert "meanwhile" in page()
    assert client.get("/status").status_code == 200
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("fault", FAULTS)
def test_rates_hold_meanwhile_and_are_shared_again_after_it(
    redis, post, moved_clock, fault
):
    getattr(redis, fault)()
    assert [post(f"{n}").status_code for n in range(12)] == [303] * 10 + [429] * 2
    if fault in ("stop", "hang"):
        redis.start() if fault == "stop" else redis.go_on()
        moved_clock(1.1)
        assert post("anew").status_code == 303  # this count began when Redis was back


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_hidden_meanwhile_is_gone_at_once(
    redis, page, make_message, fault, django_capture_on_commit_callbacks
):
    make_message("taken down")
    page()
    getattr(redis, fault)()
    with django_capture_on_commit_callbacks(execute=True):
        Message.objects.hide()
    assert "taken down" not in page()


@pytest.mark.parametrize("fault", FAULTS)
def test_within_a_second_one_page_serves_all(
    redis, client, page, fault, django_assert_num_queries
):
    page()
    getattr(redis, fault)()
    page()
    with django_assert_num_queries(0):
        assert client.get("/").status_code == 200


def test_each_second_one_reader_builds_a_page_and_nobody_waits(
    redis, page, monkeypatch, instead_of_sleep
):
    redis.stop()
    page()
    waits = []
    now = time.time()
    instead_of_sleep(waits.append)
    for seconds in [1.1, 2.2, 3.3]:
        monkeypatch.setattr(wall_cache.time, "time", lambda at=now + seconds: at)
        page()
    assert waits == []


def test_what_others_wrote_meanwhile_shows_after_a_second(redis, page, monkeypatch):
    redis.stop()
    page()
    Message.objects.bulk_create([Message(content="by another process")])  # tells nobody
    later = time.time() + 1.1
    monkeypatch.setattr(wall_cache.time, "time", lambda: later)
    assert "by another process" in page()


@pytest.mark.parametrize("fault", ["fill", "take_no_writes"])
def test_a_page_in_a_redis_that_takes_no_writes_is_not_shown(
    redis, page, client, make_message, database_away, fault
):
    make_message("taken down")
    page()
    getattr(redis, fault)()
    # By another process, which cannot tell.
    models.QuerySet(Message).update(status="hidden")
    assert "taken down" not in page()
    wall_cache.own.clear()
    with database_away():
        assert client.get("/").status_code == 503


def test_a_hung_redis_is_waited_for_once_not_by_every_visitor(redis, page, monkeypatch):
    page()
    redis.hang()
    page()
    tries = []
    monkeypatch.setattr(
        cache.client.get_client().connection_pool,
        "make_connection",
        lambda: tries.append(1),
    )
    page()
    assert tries == []


def test_a_change_that_redis_missed_is_told_as_soon_as_it_listens(redis, page, post):
    page()
    missed = wall_cache.look().version
    redis.hang()
    post("missed")
    assert wall_cache.owed
    redis.go_on()
    wait_until_paid()
    assert wall_cache.look(source=cache).version != missed


def test_what_is_owed_is_paid_though_the_thread_that_tried_has_died(redis, page, post):
    page()
    wall_cache.owed._payer = threading.Thread()
    redis.hang()
    post("missed")
    redis.go_on()
    wait_until_paid()


def test_who_does_not_speak_redis_is_away(redis, client, page, post, monkeypatch):
    page()
    with monkeypatch.context() as patch:
        patch.setattr(
            DefaultParser,
            "read_from_socket",
            lambda parser, **_: parser._reader.feed(
                b"HTTP/1.1 400 Bad Request\r\n\r\n"
            ),
        )
        assert client.get("/").status_code == 200
        assert post("meanwhile").status_code == 303
        assert client.get("/status").status_code == 200
    wait_until_paid()
    assert "meanwhile" in page()


@pytest.mark.parametrize("reply", [[[b"1"], 1], [1, 1], [None, 1]])
def test_the_answer_to_another_question_is_none(redis, page, monkeypatch, reply):
    page()
    monkeypatch.setattr(Pipeline, "execute", lambda *args, **kwargs: reply)
    assert wall_cache.look(counter=page_views.COUNT_KEY).cache is wall_cache.own


def test_until_then_this_process_trusts_no_page_of_the_others(
    redis, page, post, monkeypatch
):
    page()
    monkeypatch.setattr(owed, "RETRY_SECONDS", 10)
    redis.hang()
    post("missed by Redis")
    redis.go_on()
    assert wall_cache.owed
    assert "missed by Redis" in page()


def test_each_try_has_a_token_of_its_own(redis, monkeypatch):
    # The first may have arrived after all, and a page been built and outdated under it.
    tokens = []
    monkeypatch.setattr(
        type(cache._connections[cache._alias]),
        "set_surely",
        lambda self, values: tokens.extend(values.values()),
    )
    wall_cache.owed._keys[wall_cache.VERSION_KEY] = object()
    assert not wall_cache.owed.pay()
    assert not wall_cache.owed.pay()
    assert len(set(tokens)) == 2


def test_of_many_changes_only_the_first_waits_for_a_hung_redis(
    redis, page, make_message
):
    page()
    redis.hang()
    make_message("waits for its time-out")
    begin = time.monotonic()
    for number in range(20):
        make_message(f"number {number}.")
    assert time.monotonic() - begin < 2  # twenty time-outs would be five seconds
    redis.go_on()
    wait_until_paid()


def test_what_becomes_owed_while_a_try_is_on_its_way_is_tried_after_it(monkeypatch):
    debts = owed.OwedTokens()
    debts._keys["key"] = object()
    debts._payer = threading.current_thread()  # so that none is started

    def meanwhile(keys):
        debts.renew("key")
        return True

    monkeypatch.setattr(owed, "renew_tokens", meanwhile)
    assert not debts.pay()
    monkeypatch.setattr(owed, "renew_tokens", lambda keys: True)
    assert debts.pay()
    assert not debts


def test_views_that_were_never_sent_are_counted_later(redis, page, moved_clock):
    page()
    redis.stop()
    assert "viewed 1 time." in page()
    page()
    redis.start()
    moved_clock(2)
    assert "viewed 4 times." in page()  # Redis lost the first one, which was folded


def test_views_that_a_full_redis_refused_are_counted_later(redis, page):
    page()
    redis.fill()
    page()
    page()
    cache.client.get_client().config_set("maxmemory", "0")
    assert "viewed 4 times." in page()


def test_views_that_timed_out_are_not_sent_twice(redis, page, moved_clock):
    page()
    redis.hang()
    page()  # waits in Redis' socket, and is counted when it goes on
    page()  # never sent
    redis.go_on()
    moved_clock(2)
    assert "viewed 4 times." in page()


@pytest.mark.parametrize(("fault", "counted"), [("stop", 4), ("fill", 4), ("hang", 3)])
def test_views_still_owed_when_a_process_ends_are_in_the_row(
    redis, page, fault, counted
):
    page()
    getattr(redis, fault)()
    for _ in range(3):
        page()  # hung, Redis may have counted the first of them
    page_views.settle()
    page_views.settle()
    assert PageViewTotal.objects.get().total == counted


def test_views_owed_are_sent_when_a_process_ends_and_redis_is_back(
    redis, page, moved_clock
):
    page()
    redis.fill()
    page()
    cache.client.get_client().config_set("maxmemory", "0")
    page_views.settle()
    assert cache.get(page_views.COUNT_KEY) == 2
    assert PageViewTotal.objects.get().total == 2


def test_the_log_tells_once_that_redis_is_gone_and_once_that_it_is_back(
    redis, page, caplog, moved_clock
):
    page()
    caplog.set_level(logging.WARNING)
    redis.stop()
    for _ in range(3):
        page()
    redis.start()
    moved_clock(2)
    page()
    told = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(told) == 2
    assert "does not answer" in told[0]
    assert "answers again" in told[1]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("hang", "Timeout"), ("kill", "Connection refused"), ("lock", "authenticated")],
)
def test_the_log_tells_why_redis_is_gone(redis, page, caplog, fault, reason):
    getattr(redis, fault)()
    page()
    assert reason in caplog.text


def test_an_emptied_redis_is_filled_again_and_the_count_goes_on(redis, page, post):
    post("still here")
    for _ in range(3):
        page()
    page_views.fold()
    cache.client.get_client().flushdb()
    html = page()
    assert "still here" in html
    assert "viewed 4 times." in html
