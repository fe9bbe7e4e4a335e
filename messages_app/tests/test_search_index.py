"""Search on PostgreSQL: the index is used, and no search takes its time from others."""

import importlib
import random

import pytest
from django.apps import apps
from django.db import OperationalError, connection, models

from messages_app import search, wall_page
from messages_app.models import Message, MessageQuerySet

WORDS = ["harbour", "مرحبا", "天気予報"]


@pytest.fixture(scope="module")
def crowded(django_db_setup, django_db_blocker):
    """A wall of 20,000 messages, in three of which are words that no other has.

    Every second one has the same word at its end.
    """
    pick = random.Random(1)
    letters = "etaoinsrl"
    scripts = [letters, "ابتثجحخدذرزسشصضط", "一丁丂七丄丅丆万丈三上下"]
    contents = [
        " ".join("".join(pick.choices(scripts[n % 3], k=5)) for _ in range(8))
        for n in range(20_000)
    ]
    contents[::2] = [f"{content} everywhere" for content in contents[::2]]
    contents[100:103] = [f"the {word} of old" for word in WORDS]
    with django_db_blocker.unblock():
        models.QuerySet(Message).bulk_create(
            (Message(content=c) for c in contents), batch_size=1000
        )
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE messages_app_message")
        yield
        Message.objects.all()._raw_delete("default")


@pytest.mark.parametrize("word", WORDS)
def test_a_rare_word_is_found_by_the_index(crowded, db, word):
    matching = Message.objects.visible().with_words([word])
    assert "message_all_words" in matching[:51].explain()
    found = search.find([word])
    assert [row.content for row in found.rows] == [f"the {word} of old"]
    assert not found.walked_to


def test_the_index_is_asked_also_where_the_planner_would_walk(crowded, db):
    matching = Message.objects.visible().with_words(["everywhere"])[:51]
    assert "message_all_words" not in matching.explain()
    with search.asking_the_index():  # its settings last as long as the transaction
        list(matching)
    assert "message_all_words" in matching.explain()


def test_a_common_word_needs_no_index(crowded, db, monkeypatch):
    monkeypatch.setattr(search, "asking_the_index", None)
    assert len(search.find(["eta"]).rows) == 51


@pytest.mark.parametrize("words", [["天気"], ["ab"], ["🎂"], ["ä", "%"]])
def test_words_without_three_letters_are_looked_for_among_the_newest(
    crowded, db, words
):
    assert search.find(words).walked_to


@pytest.mark.parametrize("words", [["天気予"], ["a", "zzz"]])
def test_one_word_of_three_letters_is_enough_to_look_everywhere(crowded, db, words):
    assert not search.find(words).walked_to


class Slow(MessageQuerySet):
    def with_words(self, words):
        return self.extra(where=["pg_sleep(0.2) IS NULL"])


@pytest.fixture
def slow(monkeypatch, make_message):
    monkeypatch.setattr(search, "LIMIT_SECONDS", 0.05)
    monkeypatch.setattr(MessageQuerySet, "with_words", Slow.with_words)
    make_message("here")


def test_a_search_that_takes_too_long_says_so_and_leaves_the_list_alone(
    slow, client, page
):
    response = client.get("/?q=here")
    assert response.status_code == 422
    assert "That takes too long to search for. Use more letters." in response.text
    assert 'name="q" value="here"' in response.text
    assert not wall_page.breaker.is_open
    assert "viewed 1 time." in page()  # and that search was no view


def test_an_index_that_takes_too_long_leaves_what_the_walk_found(
    make_message, db, monkeypatch
):
    monkeypatch.setattr(search, "LIMIT_SECONDS", 0.2)
    monkeypatch.setattr(search, "WALK", 2)
    monkeypatch.setattr(search, "BY_INDEX", "SELECT pg_sleep(1)")
    for content in "here, old", "else", "here, new":
        make_message(content)
    found = search.find(["here"])
    assert [row.content for row in found.rows] == ["here, new"]
    assert found.walked_to
    assert [row.content for row in search.find(["here"], found.walked_to).rows] == [
        "here, old"
    ]


@pytest.mark.django_db(transaction=True)
def test_a_search_waits_for_no_lock_and_its_limits_end_with_it(make_message):
    make_message("here")
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("BEGIN; LOCK TABLE messages_app_message")
        with pytest.raises(OperationalError, match="lock timeout"):
            search.find(["here"])
        cursor.execute("ROLLBACK")
    other.close()
    assert search.find(["here"]).rows
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("5s",)
        cursor.execute("SHOW enable_seqscan")
        assert cursor.fetchone() == ("on",)


@pytest.mark.django_db(transaction=True)
def test_the_index_is_built_anew_over_half_of_one_and_takes_its_time():
    migration = importlib.import_module(
        "messages_app.migrations.0005_moderation_indexes"
    )
    build = migration.replace_words(
        migration.WORDS, old="message_words", new="message_all_words", seconds=0
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = "
            "'message_all_words'::regclass"
        )
        with connection.schema_editor(atomic=False) as editor:
            build(apps, editor)
        cursor.execute(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = "
            "'message_all_words'::regclass"
        )
        assert cursor.fetchone() == (True,)
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("2s",)


@pytest.mark.parametrize("word", WORDS)
def test_moderators_find_a_rare_word_by_the_index_alone(crowded, db, word, monkeypatch):
    found, is_all = search.narrow(Message.objects.all(), [word])
    assert is_all
    (message,) = found
    assert message.content == f"the {word} of old"


@pytest.mark.parametrize("limit", [("COMMON", 100), ("WALK", 100)])
def test_what_very_many_hold_moderators_find_among_the_newest(
    crowded, db, monkeypatch, limit
):
    monkeypatch.setattr(search, *limit)
    found, is_all = search.narrow(Message.objects.all(), ["everywhere"])
    assert not is_all
    assert len(found) == search.WALK // 2


def test_a_moderators_list_that_takes_too_long_says_so(slow, admin_client):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 100")
    response = admin_client.get("/admin/messages_app/message/?q=here")
    assert response.status_code == 422
    assert "it was given up" in response.text
