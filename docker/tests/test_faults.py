"""Killed, stopped, paused and wrong: what an operator meets on a bad day."""

import re
import time
from collections import Counter

from messages_app.tests.chaos.clients import KEY


def slow(seen, seconds):
    return [one for one in (*seen.reads, *seen.posts) if one.end - one.begin > seconds]


def statuses(records):
    return Counter(record.status for record in records)


def assert_acknowledged_is_stored_once(stack, seen):
    stored = Counter(stack.stored())
    for post in seen.posts:
        if post.status == 303:
            assert stored[post.token] == 1, post
        else:
            assert stored[post.token] <= 1, post


def test_replicas_restarted_one_by_one_fail_no_request(stack):
    stack.compose("up", "--wait", "--scale", "web=3", "--no-recreate")
    with stack.load() as seen:
        for name in stack.containers("web"):
            stack.docker("restart", name)
            stack.wait_until(lambda name=name: stack.is_healthy(name))
    stack.compose("up", "--wait", "--scale", "web=1", "--no-recreate")
    assert set(statuses(seen.reads)) == {200}, statuses(seen.reads)
    assert set(statuses(seen.posts)) == {303}, statuses(seen.posts)
    assert_acknowledged_is_stored_once(stack, seen)


def test_the_only_replica_restarted_makes_visitors_wait_and_fails_none(stack):
    with stack.load(readers=3, posters=2) as seen:
        stack.compose("restart", "web")
        stack.wait_until(lambda: stack.is_healthy(stack.containers("web")[0]))
    assert set(statuses(seen.reads)) == {200}, statuses(seen.reads)
    assert set(statuses(seen.posts)) == {303}, statuses(seen.posts)


def test_all_that_a_killed_replica_acknowledged_is_stored_once(stack):
    stack.compose("up", "--wait", "--scale", "web=2", "--no-recreate")
    victim, _ = sorted(stack.containers("web"))
    with stack.load(readers=2, posters=8) as seen:
        stack.wait_until(lambda: len(seen.posts) > 20)
        stack.docker("kill", "--signal", "KILL", victim)
        killed = len(seen.posts)
        stack.wait_until(lambda: len(seen.posts) > killed + 40)
        stack.docker("start", victim)
    stack.compose("up", "--wait", "--scale", "web=1", "--no-recreate")
    # Those in flight too: the proxy posts them again, through the other one.
    assert set(statuses(seen.posts)) == {303}, statuses(seen.posts)
    assert_acknowledged_is_stored_once(stack, seen)
    assert set(statuses(seen.reads)) == {200}, statuses(seen.reads)


def test_a_replica_that_hangs_is_passed_by(stack):
    stack.compose("up", "--wait", "--scale", "web=3", "--no-recreate")
    victim = max(stack.containers("web"))
    stack.docker("pause", victim)
    try:
        with stack.load(readers=8, posters=0) as seen:
            stack.wait_until(lambda: len(seen.reads) > 300)
    finally:
        stack.docker("unpause", victim)
    stack.compose("up", "--wait", "--scale", "web=1", "--no-recreate")
    assert set(statuses(seen.reads)) == {200}, statuses(seen.reads)
    # Those that it was given before it was known, and one now and then that tries.
    assert len(slow(seen, 2)) <= 16


def test_without_redis_for_twenty_seconds_nothing_fails(stack):
    with stack.load() as seen:
        stack.compose("stop", "redis")
        stopped = time.monotonic()
        stack.wait_until(lambda: time.monotonic() > stopped + 20)
        stack.start_again("redis")
        back = time.monotonic()
        stack.wait_until(lambda: time.monotonic() > back + 3)
    assert set(statuses(seen.reads)) == {200}, statuses(seen.reads)
    assert set(statuses(seen.posts)) == {303}, statuses(seen.posts)
    assert_acknowledged_is_stored_once(stack, seen)
    assert stack.post("fresh again")[0] == 303
    assert "fresh again" in stack.page()
    assert '"cache": "ok"' in stack.ask("/readyz")[1]


def test_without_its_database_for_ninety_seconds_the_wall_is_read(stack):
    started = stack.inspect("web")["State"]["StartedAt"]
    assert stack.post("just before it stopped")[0] == 303
    assert "just before it stopped" in stack.page()
    stack.compose("stop", "db")
    stopped = time.monotonic()
    with stack.load() as seen:
        stack.wait_until(lambda: time.monotonic() > stopped + 90, seconds=100)
    html = stack.page()
    assert "just before it stopped" in html
    assert re.search(r"as of \d\d:\d\d UTC", html)
    form = {"content": "kept in the form", "form_key": KEY.search(html)[1]}
    status, html, _ = stack.ask("/", form)
    assert status == 503
    assert "kept in the form</textarea>" in html
    states = stack.compose("ps", "--format", "{{.Service}} {{.Status}}", "web")
    assert "(healthy)" in states
    stack.start_again("db")
    stack.wait_until(lambda: stack.ask("/", form)[0] == 303, seconds=5)
    assert "kept in the form" in stack.page()
    assert stack.inspect("web")["State"]["StartedAt"] == started
    assert set(statuses(seen.reads)) == {200}, statuses(seen.reads)
    assert set(statuses(seen.posts)) <= {503}, statuses(seen.posts)
    assert all(post.keeps_text for post in seen.posts)


def test_a_wrong_password_is_told_within_seconds(stack):
    stack.sql("ALTER ROLE wall PASSWORD 'another'")
    try:
        begin = time.monotonic()
        run = ["run", "--rm", "--no-TTY", "--no-deps", "web"]
        told = stack.compose(*run, "web", check=False, seconds=60)
        assert time.monotonic() - begin < 30
        assert "The database at db:5432 cannot be reached" in told
        assert "The password is wrong. Check DATABASE_URL" in told
        assert "Traceback" not in told
    finally:
        password = stack.sh("db", "cat /run/wall/password").strip()
        stack.sql(f"ALTER ROLE wall PASSWORD '{password}'")


def test_a_web_that_starts_before_its_database_waits_and_tells(stack):
    stack.compose("stop", "db")
    stack.compose("restart", "--no-deps", "web")
    try:
        stack.wait_until(
            lambda: "cannot be reached" in stack.compose("logs", "--tail", "5", "web")
        )
    finally:
        stack.start_again("db")
    stack.wait_until(lambda: stack.is_healthy(stack.containers("web")[0]))
    assert stack.ask()[0] == 200


def test_a_stop_lets_requests_in_flight_end(stack):
    """A query that takes a while, started just before the stop, is still answered."""
    lock = "BEGIN; LOCK messages_app_message; SELECT pg_sleep(1.5); COMMIT"
    psql = ["exec", "-T", "db", "psql", "-U", "wall", "-d", "wall", "-qX", "-c", lock]
    form = {"content": "in flight", "form_key": KEY.search(stack.page())[1]}
    locker = stack.start(*psql)
    stack.wait_until(
        lambda: (
            stack.sql("SELECT count(*) FROM pg_locks WHERE mode ~ '^AccessExcl'") != "0"
        )
    )
    poster = stack.start(
        "exec", "-T", "web", "python", "-c", POST.format(form["form_key"])
    )
    assert "sent" in poster.stdout.readline()
    stack.compose("stop", "web")
    assert "303" in poster.communicate()[0]
    locker.communicate()
    stack.start_again("web")
    assert "in flight" in stack.stored()


POST = """
import http.client, urllib.parse
body = urllib.parse.urlencode({{"content": "in flight", "form_key": "{}"}})
connection = http.client.HTTPConnection("localhost", 8000)
kind = {{"Content-Type": "application/x-www-form-urlencoded"}}
connection.request("POST", "/", body, kind)
print("sent", flush=True)
print(connection.getresponse().status, flush=True)
"""
