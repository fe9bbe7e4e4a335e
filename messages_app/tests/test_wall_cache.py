"""The page is cached, and no write leaves an old one standing."""

import logging
import time

import pytest
from django.core.cache import cache
from django.db import connection, models

from messages_app import wall_cache, wall_page
from messages_app.models import Message


def test_a_cached_page_needs_no_query(
    make_message, page, client, django_assert_num_queries
):
    make_message()
    page()
    with django_assert_num_queries(0):
        client.get("/")


def test_the_page_is_built_again_after_sixty_seconds(
    make_message, page, monkeypatch, settings
):
    settings.WALL_FOLD_SECONDS = 3600  # or it would be compared before
    make_message()
    page()
    Message.objects.all().annotate()._raw_delete(Message.objects.db)  # as raw SQL would
    now = time.time()
    monkeypatch.setattr(wall_cache.time, "time", lambda: now + 59)
    assert "Hello, wall" in page()
    monkeypatch.setattr(wall_cache.time, "time", lambda: now + 61)
    assert "Hello, wall" not in page()


@pytest.mark.parametrize("change", ["written", "taken down"])
def test_what_nobody_told_of_shows_when_the_page_is_compared(
    make_message, page, change
):
    make_message("old words")
    page()
    if change == "written":  # as by raw SQL, or by a process killed before it told
        models.QuerySet(Message).bulk_create([Message(content="new words")])
    else:
        models.QuerySet(Message).update(status="hidden")
    assert "old words" in page()
    cache.delete(wall_cache.checked_key())  # as time does
    html = page()
    assert ("new words" in html) == (change == "written")
    assert ("old words" in html) == (change == "written")


def test_a_page_that_is_compared_and_right_is_not_built_again(
    make_message, page, caplog
):
    make_message()
    page()
    cache.delete(wall_cache.checked_key())
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="messages_app"):
        assert "Hello, wall" in page()
    assert "built" not in caplog.text


@pytest.mark.parametrize("mark", ["x", [1], 1])
def test_a_mark_that_is_garbage_or_has_no_end_is_overcome(
    make_message, page, seconds_left, monkeypatch, mark
):
    make_message()
    page()
    cache.set(wall_cache.checked_key(), mark, timeout=None)
    later = time.time() + 61
    with monkeypatch.context() as patch:
        patch.setattr(wall_cache.time, "time", lambda: later)
        page()
    assert wall_cache.look().is_checked
    assert seconds_left(wall_cache.checked_key()) < 71


def test_one_of_many_compares(make_message, page):
    make_message()
    page()
    cache.delete(wall_cache.checked_key())
    kept = wall_cache.look()
    assert wall_cache.claim(kept)
    assert not wall_cache.claim(kept)


WRITES = {
    "save": lambda: Message(content="new").save(),
    "create": lambda: Message.objects.create(content="new"),
    "get_or_create": lambda: Message.objects.get_or_create(content="new"),
    "bulk_create": lambda: Message.objects.bulk_create([Message(content="new")]),
    "an edit": lambda: Message.objects.filter(content="old words").update(
        content="new"
    ),
    "bulk_update": lambda: Message.objects.bulk_update(
        [Message(pk=Message.objects.get().pk, content="new")], ["content"]
    ),
    "publish": lambda: Message.objects.filter(content="new").publish(),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_each_way_to_write_shows_at_once(
    make_message, page, write, django_capture_on_commit_callbacks, request
):
    make_message("old words")
    if "publish" in request.node.name:
        make_message("new", status="hidden")
    assert "new<" not in page()
    with django_capture_on_commit_callbacks(execute=True):
        write()
    assert "new<" in page()


def save_as(status, only=(), **kwargs):
    message = Message.objects.only(*only).get()
    message.status = status
    message.save(**kwargs)


def save_stale():
    Message.objects.update(status="held")
    message = Message.objects.get()
    Message.objects.publish()
    message.status = "hidden"
    message.save()


REMOVALS = {
    "hide": lambda: Message.objects.filter(content="old words").hide(),
    "delete": lambda: Message.objects.get().delete(),
    "queryset delete": lambda: Message.objects.all().delete(),
    "saved as hidden": lambda: save_as("hidden"),
    "saved as hidden, loaded in part": lambda: save_as(
        "hidden", only=["id", "content"]
    ),
    "saved as hidden, loaded before it was published": save_stale,
    "written over by number": lambda: Message(
        pk=Message.objects.get().pk, content="x", status="hidden"
    ).save(),
    "bulk_create over it": lambda: Message.objects.bulk_create(
        [Message(pk=Message.objects.get().pk, content="x", status="hidden")],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["content", "status"],
    ),
    "saved as withdrawn, that field alone": lambda: save_as(
        "withdrawn", update_fields=["status"]
    ),
}


@pytest.mark.parametrize("remove", REMOVALS.values(), ids=REMOVALS)
def test_each_way_to_take_a_message_down_works_at_once(
    make_message, page, remove, django_capture_on_commit_callbacks
):
    make_message("old words")
    assert "old words" in page()
    with django_capture_on_commit_callbacks(execute=True):
        remove()
    assert "old words" not in page()


def test_a_flood_of_held_posts_rebuilds_nothing(
    make_message, page, client, django_assert_num_queries
):
    page()
    make_message(status="held")
    Message.objects.filter(status="hidden").publish()
    with django_assert_num_queries(0):
        client.get("/")


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_the_page_is_forgotten_after_the_commit_not_before(
    make_message, page, write, django_capture_on_commit_callbacks, request
):
    make_message("old words")
    if "publish" in request.node.name:
        make_message("new", status="hidden")
    page()
    before = cache.get(wall_cache.VERSION_KEY)
    with django_capture_on_commit_callbacks(execute=True) as after_commit:
        write()
        assert cache.get(wall_cache.VERSION_KEY) == before
    assert after_commit
    assert cache.get(wall_cache.VERSION_KEY) != before


def test_a_write_in_the_middle_of_a_build_shows_at_the_next_look(
    make_message, page, monkeypatch
):
    read = wall_page.read

    def read_and_be_overtaken():
        rows = read()
        monkeypatch.setattr(wall_page, "read", read)
        make_message("written meanwhile")
        return rows

    monkeypatch.setattr(wall_page, "read", read_and_be_overtaken)
    assert "written meanwhile" not in page()
    assert "written meanwhile" in page()


def test_a_page_read_before_a_write_and_kept_after_it_does_not_count(
    make_message, page
):
    kept = wall_cache.look()
    header, old = wall_cache.begin(kept), wall_page.render_list(wall_page.read())
    make_message("written meanwhile")
    wall_cache.keep(kept, header, old)
    assert "written meanwhile" in page()


def test_who_waits_builds_at_once_when_a_write_makes_the_awaited_page_old(
    make_message, page, instead_of_sleep
):
    make_message("old words")
    assert wall_cache.claim(wall_cache.look())  # another process builds, slowly
    waits = []

    def wait(seconds):
        waits.append(seconds)
        make_message("news")

    instead_of_sleep(wait)
    assert "news" in page()
    assert len(waits) == 1


def test_who_waits_in_vain_builds(make_message, page, monkeypatch):
    make_message("here")
    assert wall_cache.claim(wall_cache.look())  # by a process that then died
    monkeypatch.setattr(wall_cache, "WAIT_SECONDS", 0.02)
    assert "here" in page()


def test_a_builder_that_fails_lets_the_next_one_build(
    make_message, page, client, database_away
):
    make_message("here")
    with database_away():
        assert client.get("/").status_code == 503
    assert wall_cache.claim(wall_cache.look())


def test_a_builder_that_a_write_overtook_keeps_nothing_over_the_newer_page(
    make_message, page, client, django_assert_num_queries
):
    kept = wall_cache.look()
    header, old = wall_cache.begin(kept), wall_page.render_list(wall_page.read())
    make_message("news")
    page()
    wall_cache.keep(kept, header, old)
    with django_assert_num_queries(0):
        assert "news" in client.get("/").text


def test_another_edition_has_another_key(settings):
    before = wall_cache.compute_edition()
    settings.WALL_TITLE = "Renamed"
    assert wall_cache.compute_edition() != before


def test_each_edition_has_a_builder_of_its_own(db, monkeypatch):
    kept = wall_cache.look()
    assert wall_cache.claim(kept)
    monkeypatch.setattr(wall_cache, "edition", lambda: "another")
    assert wall_cache.claim(kept)


def test_a_nul_that_got_into_the_table_is_no_500(make_message, page):
    if connection.vendor == "sqlite":  # PostgreSQL takes none
        make_message("a\0b", author_name="c\0d")
        assert "a\ufffdb" in page()


def test_a_wall_whose_cache_lost_everything_is_built_again(make_message, page):
    make_message()
    page()
    cache.delete_many([wall_cache.VERSION_KEY])
    assert "Hello, wall" in page()
    assert wall_cache.look().is_current


def test_the_log_tells_at_info_when_built_and_at_debug_when_cached(page, caplog):
    with caplog.at_level(logging.DEBUG, logger="messages_app"):
        page()
        page()
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert told == [
        ("INFO", "The wall's page was built from the database; cached for 60 s."),
        ("DEBUG", "The wall's page came from the cache."),
    ]
