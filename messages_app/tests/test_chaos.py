"""What visitors are promised while Redis, PostgreSQL or a process of the wall fails."""

import http.client
import itertools
import signal
import time
from contextlib import closing

import pytest

from messages_app.tests.chaos.house import House
from messages_app.tests.chaos.promises import FOLDED, summary
from messages_app.tests.test_server import (
    ServedWall,
    at_once,
    collected,  # noqa: F401 - a fixture
)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with House(tmp_path_factory.mktemp("chaos")) as house:
        yield house


def test_eight_processes_count_each_of_four_thousand_views(house, tmp_path):
    wall = ServedWall(tmp_path, {**house.wall.variables, "WEB_CONCURRENCY": "8"})

    def view(_):
        for _ in range(10):  # connections, each to any of the processes
            connection = http.client.HTTPConnection("127.0.0.1", wall.port, 20)
            with closing(connection):
                for _ in range(50):
                    connection.request("GET", "/")
                    assert b"viewed" in connection.getresponse().read()
        return True

    wall.start()
    try:
        before = wall.views()
        assert at_once(8, view) == [True] * 8
        assert wall.views() == before + 4001
    finally:
        wall.end(signal.SIGTERM)


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        ("redis stopped", 2),
        ("redis killed", 1),
        ("redis hangs", 2),
        ("redis emptied", 0),
        ("redis full", 2),
        ("redis read-only", 2),
        ("postgres stopped", 2.5),
        ("postgres crashed", 0),
        ("postgres restarted", 0),
        ("postgres hangs", 2.5),
        ("postgres out of connections", 2),
        ("postgres table locked", 2.5),
    ],
)
def test_what_is_promised_holds_while(house, fault, seconds):
    seen, broken = house.bear((fault, seconds))
    assert len(seen.reads) > 10  # on a busy machine there are few
    assert any(post.is_acknowledged for post in seen.posts)
    assert any(hide.is_acknowledged for hide in seen.hides)
    assert not broken, "\n".join(summary(broken))


def test_behind_a_locked_table_a_thread_waits_and_the_others_show_the_last_page(house):
    def read(_):
        begin = time.monotonic()
        assert house.wall.get("/")[0] == 200
        return time.monotonic() - begin

    assert house.wall.get("/")[0] == 200
    house.wall.post_only({"content": "so that the page is not current"})
    with house.fault("postgres table locked"):
        at_once(8, read)  # which takes the time of a lock, and of a wait for a page
        seconds = at_once(8, lambda _: [read(_) for _ in range(10)])
    assert sum(each > 1 for each in itertools.chain(*seconds)) < 40


def test_messages_that_no_process_was_told_of_show_in_ten_seconds(house):
    faults = ("redis set back", 0.5), ("worker killed before its bump", 0)
    seen, broken = house.bear(*faults, watch=FOLDED + 1)
    assert [post.status for post in seen.posts[-2:]] == [303, None]
    assert not broken, "\n".join(summary(broken))
    assert {post.token for post in seen.posts[-2:]} <= seen.reads[-1].tokens


def test_an_emptied_redis_costs_no_view_that_was_folded(house):
    before = house.wall.views()
    house.wall.wait_until(lambda: house.wall.views() and house.folded_views() >= before)
    with house.fault("redis emptied"):
        after = house.wall.views()
    assert after > before
    assert house.wall.views() == after + 1
