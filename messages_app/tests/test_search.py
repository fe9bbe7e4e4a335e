"""Whoever remembers a word finds the message again, whatever script it is in."""

import re
import time
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from django.db import ProgrammingError

from messages_app import search, wall_page
from messages_app.models import Message


@pytest.fixture
def found(db, client):
    """Return a function that searches, and gives the texts of what it found."""

    def ask(words, **query):
        html = client.get("/", {"q": words, **query}).text
        return re.findall(r'<p dir="auto">(.*?)</p>', html)

    return ask


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Good morning, wall", "morn"),
        ("Good morning, wall", "MORNING"),
        ("Good morning, wall", "wall  good"),
        ("ÉCLAIR", "éclair"),
        ("Привет, стена", "ПРИВЕТ"),
        ("صباح الخير يا أصدقاء", "أصدقاء"),
        ("今日はとても良い天気ですね。", "良い天気"),
        ("今日はとても良い天気ですね。", "天気"),
        ("नमस्ते दोस्तों", "दोस्त"),
        ("Happy birthday 🎂", "🎂"),
        ("one\ntwo", "two one"),
        ("\u00e9t\u00e9", "e\u0301te\u0301"),
    ],
)
def test_a_word_or_a_part_of_it_finds_the_message(make_message, found, text, words):
    make_message("something else")
    message = make_message(text)
    shown = message.content.replace("\n", "<br>")
    assert found(words) == [shown]


def test_the_authors_name_is_looked_through_too(make_message, found):
    make_message("by her", author_name="Ada Lovelace")
    make_message("by another", author_name="Grace")
    assert found("lovelace her") == ["by her"]


def test_what_has_only_one_of_the_words_is_not_found(make_message, found):
    make_message("good evening")
    assert found("good morning") == []


def test_text_and_name_are_not_read_as_one_word(make_message, found):
    make_message("sun", author_name="day")
    assert found("sunday") == []


@pytest.mark.parametrize(
    "sign", ["%", "_", "\\", "*", ".", "(", "[", "'", '"', "<", "&"]
)
def test_no_sign_stands_for_another(make_message, page, sign):
    make_message(f"a{sign}b with it")
    make_message("axb other")
    html = page(f"/?q={quote(f'a{sign}b')}")
    assert "with it" in html
    assert "other" not in html.partition("<article")[2]


@pytest.mark.parametrize("status", ["held", "hidden", "withdrawn"])
def test_what_is_not_published_is_not_found(make_message, found, status):
    make_message("secret words", status=status)
    assert found("secret") == []


def test_what_was_just_posted_or_taken_down_is_found_so(
    make_message, found, django_capture_on_commit_callbacks
):
    make_message("new words")
    assert found("words") == ["new words"]
    Message.objects.hide()
    assert found("words") == []


def older_link(html):
    link = re.search(r'href="(/\?q=[^"]*)" rel="next">([^<]+)<', html)
    return link and (link[1].replace("&amp;", "&"), link[2])


def walk(page, address):
    """Return the texts of all pages of results, and the words on their links."""
    texts, links = [], []
    while address:
        assert len(links) < 20, "it goes in circles"
        html = page(address)
        texts += re.findall(r'<p dir="auto">(.*?)</p>', html)
        address, link = older_link(html) or (None, None)
        links.append(link)
    return texts, links


def test_the_newest_come_first_and_older_ones_page_by_page(
    make_message, page, settings
):
    settings.WALL_PAGE_SIZE = 2
    for number in range(5):
        make_message(f"number {number}")
        make_message("something else")
    texts, links = walk(page, "/?q=number")
    assert texts == [f"number {number}" for number in (4, 3, 2, 1, 0)]
    assert links == ["Older messages", "Older messages", None]


@pytest.fixture
def no_index(monkeypatch):
    """A database that has no index for these words, as SQLite; and short walks."""
    monkeypatch.setattr(search, "WALK", 4)
    monkeypatch.setattr(search, "BEGIN", search.BEGIN.replace("> 3", "> 99"))


def test_without_an_index_so_many_are_looked_through_and_the_rest_on_demand(
    make_message, page, no_index
):
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(11):  # several in one instant, as an import makes them
        make_message(f"number {number}" if number in (0, 7) else "x", created_at=moment)
    assert "None of the messages looked through so far" not in page("/?q=number")
    texts, links = walk(page, "/?q=number")
    assert texts == ["number 7", "number 0"]
    assert links == ["Look through older ones", "Look through older ones", None]
    html = page("/?q=nowhere")
    assert "None of the messages looked through so far has these words." in html
    assert "No message has these words." not in html


def test_nothing_found_says_so_and_leads_back(make_message, page):
    make_message()
    html = page("/?q=nowhere")
    assert "No message has these words." in html
    assert '<a href="/">All messages</a>' in html


def test_the_page_tells_what_was_searched_for_and_keeps_it_in_the_field(page):
    html = page("/?q=%3Cb%3E  fish")
    assert "<title>Messages with “&lt;b&gt; fish” – Message Wall</title>" in html
    assert "Messages with “<bdi>&lt;b&gt; fish</bdi>”</h2>" in html
    assert re.search(r'<input type="search" name="q" value="&lt;b&gt; +fish"', html)


def test_the_wall_offers_a_search_that_has_a_label(page):
    html = page()
    assert '<form class="search" id="search" role="search" action="/#search">' in html
    assert '<label class="unseen" for="id_q">Search messages</label>' in html


def test_a_chosen_language_is_kept_by_search_and_its_links(
    make_message, page, settings
):
    settings.WALL_PAGE_SIZE = 1
    make_message("Fisch")
    make_message("Fisch")
    html = page("/?lang=de&q=Fisch")
    assert '<input type="hidden" name="lang" value="de">' in html
    assert re.search(
        r'href="/\?q=Fisch&amp;before=[^"&]+&amp;lang=de" rel="next"', html
    )
    assert 'href="?q=Fisch&amp;lang=ja"' in html


@pytest.mark.parametrize("blank", ["", "+", "%09%0a", "%E2%80%8B", "%E3%80%80"])
def test_a_search_for_nothing_is_the_plain_page(make_message, page, blank):
    make_message("Hello, wall")
    html = page(f"/?q={blank}")
    assert "Hello, wall" in html
    assert "Messages with" not in html


@pytest.mark.parametrize(
    ("words", "told", "shown"),
    [
        ("x" * 101, "This is too long to search for. Shorten it", "x" * 101),
        ("a\0b", "characters that no message has, marked ␀ here.", "a␀b"),
    ],
)
def test_words_that_cannot_be_searched_for_stay_in_the_field(
    client, make_message, words, told, shown
):
    make_message("Hello, wall")
    response = client.get("/", {"q": words})
    assert response.status_code == 400
    assert told in response.text
    assert f'name="q" value="{shown}"' in response.text
    assert "Hello, wall" not in response.text


def test_a_hundred_letters_are_searched_for(make_message, found):
    make_message("x" * 200)
    assert found("x" * 100) == ["x" * 200]


def test_a_bad_cursor_is_a_400_in_a_search_too(client, db):
    assert client.get("/?q=x&before=x").status_code == 400


def test_results_and_older_pages_are_not_for_search_engines(make_message, page):
    make_message()
    mark = '<meta name="robots" content="noindex">'
    assert mark in page("/?q=hello")
    assert mark in page("/?before=0-0")
    assert mark not in page()


def test_only_a_search_that_is_answered_is_a_view(client, page):
    page("/?q=fish")
    page("/?q=" + "x" * 101)
    client.head("/?q=fish")
    assert "viewed 2 times." in page()


def test_while_the_database_is_away_a_search_says_so(
    client, make_message, page, database_away
):
    make_message("last words")
    page()
    with database_away():
        response = client.get("/?q=words")
    assert response.status_code == 503
    assert response["Retry-After"]
    assert "The messages cannot be read right now." in response.text
    assert "last words" not in response.text


def test_behind_a_locked_table_no_search_waits(client, page, django_assert_num_queries):
    page("/?q=words")  # and the sender is known
    wall_page.breaker.failed("lock timeout")
    wall_page.breaker.asked_at -= 1  # it is time to ask again, but not by a search
    with django_assert_num_queries(0):
        assert client.get("/?q=words").status_code == 503


def test_a_lock_of_last_night_keeps_no_search_away(client, make_message, monkeypatch):
    make_message("last words")
    wall_page.breaker.failed("lock timeout")
    last_night = time.monotonic() - 8 * 3600
    monkeypatch.setattr(wall_page.breaker, "asked_at", last_night)
    assert "last words" in client.get("/?q=words").text


def test_no_log_tells_what_was_searched_for(
    client, db, database_away, caplog, monkeypatch
):
    caplog.set_level("DEBUG", logger="messages_app")
    caplog.set_level("INFO")
    client.get("/?q=wombat")
    client.get("/?q=wombat" + "x" * 101)
    with database_away():
        client.get("/?q=wombat")

    def quote_the_query(words, cursor):
        raise ProgrammingError("no such function\nLINE 1: SELECT 'wombat'")

    wall_page.is_told.clear()
    monkeypatch.setattr(search, "find", quote_the_query)
    client.get("/?q=wombat")
    assert "no such function" in caplog.text
    assert "wombat" not in caplog.text
