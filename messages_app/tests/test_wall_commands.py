"""What an operator sees of `warm_wall` and `forget_wall`."""

from io import StringIO

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection

from messages_app import page_views, wall_cache
from messages_app.cache_backends import WallRedisCache
from messages_app.sqlite_watch import Watch
from messages_app.tests.test_commands import manage

on_redis = pytest.mark.skipif(
    not django_settings.REDIS_URL, reason="it is the memory of one process"
)
embedded = pytest.mark.skipif(
    bool(django_settings.REDIS_URL), reason="its file is no SQLite"
)


def run(name):
    said = StringIO()
    call_command(name, stdout=said)
    return said.getvalue()


@on_redis
@pytest.mark.parametrize("address", ["/", "/feed/", "/?lang=ja", "/feed/?lang=ar"])
@pytest.mark.parametrize("language", ["en", "de"])
def test_after_warming_no_reader_waits(
    make_message, client, django_assert_num_queries, address, language
):
    make_message("Hello")
    page_views.write_counter(5)
    assert run("warm_wall") == "16 pages are in the cache.\n"
    with django_assert_num_queries(0):
        response = client.get(address, headers={"Accept-Language": language})
    assert "Hello" in response.text


@on_redis
def test_warming_counts_no_view(page):
    run("warm_wall")
    assert "viewed 1 time." in page()


@on_redis
@pytest.mark.parametrize("name", ["warm_wall", "forget_wall"])
def test_a_cache_that_is_away_is_told(db, name, monkeypatch):
    pool = cache.client.get_client().connection_pool
    monkeypatch.setattr(pool.breaker, "may_ask", lambda: False)
    monkeypatch.setattr(wall_cache.owed, "_pay", lambda: None)
    with pytest.raises(CommandError, match="The cache does not answer"):
        run(name)


@on_redis
def test_a_cache_that_takes_nothing_is_told(db, monkeypatch):
    monkeypatch.setattr(WallRedisCache, "set", lambda *_, **__: False)
    with pytest.raises(CommandError, match="or takes nothing"):
        run("warm_wall")


def test_what_raw_sql_wrote_shows_when_the_wall_is_forgotten(make_message, page):
    make_message("before")
    page()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE messages_app_message SET content = 'after'")
    assert "before" in page()
    run("forget_wall")
    assert "after" in page()


def test_a_forgotten_page_does_not_come_back_while_the_database_is_away(
    make_message, client, database_away
):
    make_message("before")
    client.get("/")
    run("forget_wall")
    with database_away():
        assert "before" not in client.get("/").text


@embedded
def test_an_embedded_wall_that_runs_is_told_by_its_file(tmp_path):
    url = {"DATABASE_URL": f"sqlite:///{tmp_path}/wall.sqlite3"}
    assert manage("migrate", **url)[0] == 0
    watch = Watch()  # which the server asks before each page
    before = watch._ask(tmp_path / "wall.sqlite3")
    assert manage("forget_wall", **url)[0] == 0
    assert watch._ask(tmp_path / "wall.sqlite3") != before


@embedded
def test_nothing_is_warmed_where_no_reader_would_find_it(db):
    with pytest.raises(CommandError, match="Without REDIS_URL"):
        run("warm_wall")
