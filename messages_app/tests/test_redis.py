"""What the wall asks of Redis, and what it must bear to find there."""

import pickle
from itertools import takewhile

import pytest
from django.core.cache import cache
from redis import Redis
from redis.connection import AbstractConnection

from messages_app import form_key, page_views, receipts, wall_cache
from messages_app.models import WallState
from messages_app.moderation import judge
from messages_app.pagination import Cursor


@pytest.fixture
def redis():
    """The raw client, to see and write what django-redis would not."""
    return cache.client.get_client()


@pytest.fixture
def seen(redis, settings):
    """Return a function that tells which commands Redis sees while another one runs."""

    def watch(act):
        # Others use this Redis too: only what names a key of this test is ours.
        ours, end = cache.make_key("").strip(":1"), "the end of this watch"
        # Not of the wall's pool: a monitor ends by closing its connection.
        with Redis.from_url(settings.REDIS_URL).monitor() as monitor:
            act()
            redis.echo(end)
            lines = takewhile(
                lambda line: end not in line,
                (
                    told["command"]
                    for told in monitor.listen()
                    if told["client_type"]
                    != "lua"  # within a script, which is one trip
                ),
            )
            return [line.split()[0] for line in lines if ours in line]

    return watch


LOOK = ["MGET", "INCRBY"]  # sent together: see the next test
ATTEMPT = ["EVALSHA"]  # a minute of this sender's
SEARCH = ["EVALSHA"] * 2  # the same, and a minute of all
POST = ["EVALSHA"] * 3  # a minute and an hour of this sender's, and a minute of all


# What each address asks for: commands of Redis, and queries (with BEGIN and COMMIT).
COSTS = {
    "a warm page": (lambda c: c.get("/"), LOOK, 0),
    "its head": (lambda c: c.head("/"), LOOK, 0),
    "an older page": (lambda c: c.get("/?before=0-0"), LOOK, 1),
    "a warm feed": (lambda c: c.get("/feed/"), LOOK, 0),
    "nothing new": (lambda c: c.get("/updates?since=0"), LOOK, 0),
    "a search": (lambda c: c.get("/?q=word"), [*SEARCH, *LOOK], 5),
    "no such place": (lambda c: c.get("/?before=x"), [], 0),
    "a post": (
        lambda c: c.post("/", {"content": "a"}),
        [*ATTEMPT, *POST, "MSET"],
        2,
    ),
    "a post with a key": (
        lambda c: c.post("/", {"content": "a", "form_key": form_key.new()}),
        [*ATTEMPT, *POST, "MSET"],
        2,
    ),
    "a refused post": (
        lambda c: c.post("/", {"content": ""}),
        [*ATTEMPT, *LOOK],
        0,
    ),
    "a post from elsewhere": (
        lambda c: c.post("/", {"content": "a"}, headers={"Origin": "http://x.example"}),
        LOOK,
        0,
    ),
    "no such message": (lambda c: c.get("/messages/1/"), [], 1),
    "a receipt": (
        lambda c: c.get(f"/receipts/{receipts.token(Cursor.parse('0-0'))}/"),
        ["EVALSHA"] * 2,
        1,
    ),
    "no such receipt": (lambda c: c.get("/receipts/x/"), [], 0),
    "the time": (lambda c: c.get("/status"), ["GET"], 0),
    "what a home screen needs": (lambda c: c.get("/manifest.webmanifest"), [], 0),
    "what is not to be listed": (lambda c: c.get("/robots.txt"), [], 0),
    "is it alive": (lambda c: c.get("/livez"), [], 0),
    "is it ready": (lambda c: c.get("/readyz"), ["SET", "GET"], 1),
    "no such page": (lambda c: c.get("/nowhere"), [], 0),
    "sign in": (lambda c: c.get("/admin/login/"), [], 0),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("ask", "commands", "queries"), COSTS.values(), ids=COSTS)
def test_each_address_costs_exactly(
    seen, client, ask, commands, queries, django_assert_num_queries
):
    for address in ["/", "/feed/", "/status", "/readyz"]:
        client.get(address)
    client.post("/", {"content": ""})  # the salts are known, the scripts loaded
    state = WallState.objects.create(fast_seconds=0)  # as no test fills in a form
    judge.memory.book(state)  # the rules are read
    with django_assert_num_queries(queries):
        assert seen(lambda: ask(client)) == commands


@pytest.mark.django_db(transaction=True)
def test_the_first_reader_after_a_write_costs_exactly(
    seen, client, django_assert_num_queries
):
    client.get("/")
    client.post("/", {"content": "news"})
    claim, keep = ["SET"], ["GET", "SET"]
    with django_assert_num_queries(1):
        assert seen(lambda: client.get("/")) == [*LOOK, *claim, *keep]


@pytest.mark.django_db(transaction=True)
def test_the_reader_who_compares_and_folds_costs_exactly(
    seen, client, django_assert_num_queries
):
    client.get("/")
    cache.delete(wall_cache.checked_key())  # as time does
    claim, check, fold = ["SET"], ["SET"], ["GET"]
    with django_assert_num_queries(5):  # the list; the row, locked and written: 4
        assert seen(lambda: client.get("/")) == [*LOOK, *claim, *check, *fold]


def test_the_look_is_sent_as_one(redis, monkeypatch):
    sent = []
    send = AbstractConnection.send_packed_command
    monkeypatch.setattr(
        AbstractConnection,
        "send_packed_command",
        lambda self, *args, **kwargs: (sent.append(1), send(self, *args, **kwargs))[1],
    )
    wall_cache.look(counter=page_views.COUNT_KEY)
    assert len(sent) == 1


def test_nothing_in_redis_is_a_pickle(redis, make_message, page, client):
    make_message("plain words")
    page()
    client.get("/status")
    client.get("/readyz")
    kept = [(key, redis.get(key)) for key in redis.keys(cache.make_key("*"))]
    assert len(kept) >= 5
    for key, value in kept:
        with pytest.raises(Exception):  # noqa: B017, PT011 - any: it is no pickle
            pickle.loads(value)
        assert not value.startswith(b"\x80"), key


def test_clearing_the_cache_removes_what_is_the_walls_and_nothing_else(
    redis, page, client, settings
):
    page()
    client.get("/status")
    theirs = cache.make_key("another's")
    redis.set(theirs, 1)
    cache.clear()
    assert redis.keys(cache.make_key("*")) == [theirs.encode()]


def test_clearing_the_cache_is_no_error_while_redis_is_away(settings):
    away = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": away}
    cache.clear()


GARBAGE = [
    b'\0["v","e","d",1,9e10,1,[1,"x"]]\0a\0b\0c\0d\0e',
    b'\0["v","e","d",1,9e10,NaN,[]]\0a\0b\0c\0d\0e',
    b'\0["v","e","d",1,9e10,1,{}]\0a\0b\0c\0d\0e',
    b'\0["v","e",1,1' + b"0" * 400 + b"]\0a\0b\0c\0d\0e",
    b'\0["v","e",NaN,1]\0a\0b\0c\0d\0e',
    b"\0[null,null,1,9e10]\0a\0b\0c\0d\0e",
    b"[" * 100_000,
    b"\0" + b"[" * 100_000,
    b"inf",
    b"9" * 40,
    b"-5",
    b"",
    b"x",
    b"\0",
    b"\0x\0\0\0\0\0",
    b"\0[1]\0a\0b\0c\0d\0e",
    b"[]",
    b"{}",
    b"7",
    b'\0["v","e","x",9]\0a\0b\0c\0d\0e',
    pickle.dumps({"a": 1}),
]


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize(
    "key", ["page", "feed", "version", "epoch", "checked", "count", "status"]
)
def test_garbage_at_our_keys_is_no_500_and_is_overcome(
    redis, client, make_message, garbage, key
):
    make_message("still here")
    for address in ["/", "/feed/"]:
        client.get(address)
    names = {
        "page": wall_cache.page_key(),
        "feed": wall_cache.page_key("feed"),
        "version": wall_cache.VERSION_KEY,
        "epoch": wall_cache.EPOCH_KEY,
        "checked": wall_cache.checked_key(),
        "count": page_views.COUNT_KEY,
        "status": "wall:status",
    }
    redis.set(cache.make_key(names[key]), garbage)
    for address in ["/", "/", "/feed/", "/feed/", "/status", "/readyz"]:
        assert client.get(address).status_code == 200
    assert "still here" in client.get("/feed/").text
    make_message("and news")
    assert "and news" in client.get("/").text
    assert "and news" in client.get("/feed/").text


@pytest.mark.parametrize("garbage", ["x", "9" * 19, 2**63 - 1, None])
def test_a_counter_that_is_no_number_leaves_the_page_in_use(
    redis, page, client, garbage, django_assert_num_queries
):
    page()
    key = cache.make_key(page_views.COUNT_KEY)
    redis.delete(key)
    redis.set(key, garbage) if garbage else redis.lpush(key, "a list")
    with django_assert_num_queries(0):
        assert client.get("/").status_code == 200


@pytest.mark.parametrize("key", ["page", "wall:version", "wall:views", "wall:status"])
def test_a_value_of_the_wrong_kind_is_no_500(redis, client, make_message, key):
    make_message("still here")
    key = cache.make_key(wall_cache.page_key() if key == "page" else key)
    redis.delete(key)
    redis.lpush(key, "a list")
    for address in ["/", "/", "/status"]:
        assert client.get(address).status_code == 200
    make_message("and news")
    assert "and news" in client.get("/").text
