"""The feed is well-formed whatever is in it, and is sent again only when it changed."""

import time
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest
from django.utils.http import parse_http_date

from messages_app import wall_cache
from messages_app.models import Message

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def read(db, client):
    """Return a function that parses the feed, and fails where it is not XML."""
    return lambda **asked: ElementTree.fromstring(client.get("/feed/", **asked).content)


def texts(feed, path):
    """Return what stands in these elements, as "entry/title"."""
    return [found.text for found in feed.findall(ATOM + path.replace("/", f"/{ATOM}"))]


def links(feed):
    return {link.get("href") for link in feed.iter(f"{ATOM}link")}


def test_the_feed_has_the_newest_messages_newest_first(make_message, read, settings):
    settings.WALL_PAGE_SIZE = 2
    for content in "first", "second", "third":
        make_message(content)
    feed = read()
    assert texts(feed, "entry/title") == ["third", "second"]
    assert texts(feed, "title") == ["Message Wall"]


def test_an_entry_tells_author_time_text_and_place(make_message, read):
    message = make_message(
        "Good\nmorning https://example.org/?a=1&b=2",
        author_name="Ada <3",
        created_at=datetime(2026, 3, 1, 9, 5, 7, 123456, tzinfo=UTC),
    )
    feed = read()
    assert texts(feed, "entry/author/name") == ["Ada <3"]
    assert texts(feed, "entry/published") == ["2026-03-01T09:05:07Z"]
    assert texts(feed, "entry/updated") == ["2026-03-01T09:05:07Z"]
    assert texts(feed, "updated") == ["2026-03-01T09:05:07Z"]
    [content] = texts(feed, "entry/content")
    assert content == (
        'Good<br>morning <a href="https://example.org/?a=1&amp;b=2" '
        'rel="nofollow ugc noopener">https://example.org/?a=1&amp;b=2</a>'
    )
    assert f"http://testserver{message.get_absolute_url()}" in links(feed)


def test_a_message_without_a_name_is_anonymous(make_message, read):
    make_message()
    assert texts(read(), "entry/author/name") == ["Anonymous"]


def test_the_feed_speaks_the_readers_language(make_message, client, read):
    make_message()
    assert texts(read(headers={"Accept-Language": "de"}), "entry/author/name") == [
        "Anonym"
    ]
    assert client.get("/feed/")["Vary"] == "Accept-Language"


def test_a_long_text_has_a_short_title(make_message, read):
    make_message("長い" * 100)
    [title] = texts(read(), "entry/title")
    assert title == "長い" * 39 + "長…"


@pytest.mark.parametrize(
    "trap", ["<script>alert(1)</script>", "]]>", "&lt;b&gt;", "<!--", "{{ 7 }}", "%00"]
)
def test_a_text_is_never_markup(make_message, read, trap):
    make_message(trap, author_name=trap)
    feed = read()
    escaped = trap.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert texts(feed, "entry/title") == texts(feed, "entry/author/name") == [trap]
    assert texts(feed, "entry/content") == [escaped]


@pytest.mark.parametrize("code", [0x1, 0xB, 0x1F, 0xFFFE, 0xFFFF])
def test_what_is_not_xml_does_not_break_the_feed(make_message, read, code):
    make_message(f"a{chr(code)}b", author_name=f"c{chr(code)}d")
    feed = read()
    assert texts(feed, "entry/content") == ["a\ufffdb"]
    assert texts(feed, "entry/author/name") == ["c\ufffdd"]


@pytest.mark.parametrize("code", [0x9, 0x7F, 0x85, 0xFDD0, 0x1FFFF, 0x10FFFF])
def test_what_is_xml_stays(make_message, read, code):
    make_message(f"a{chr(code)}b")
    assert texts(read(), "entry/content") == [f"a{chr(code)}b"]


def test_an_empty_wall_has_a_feed_that_stays_the_same(
    client, db, read, django_capture_on_commit_callbacks
):
    before = client.get("/feed/")
    with django_capture_on_commit_callbacks(execute=True):
        Message.objects.create(content="gone soon").delete()
    assert texts(read(), "updated") == ["1970-01-01T00:00:00Z"]
    assert client.get("/feed/")["ETag"] == before["ETag"]


IDS = ["id", "entry/id"]


def test_ids_do_not_depend_on_who_asks_by_which_name(make_message, read):
    make_message(created_at=datetime(2026, 3, 1, 23, 59, tzinfo=UTC))
    feed = read()
    others = read(headers={"Host": "localhost:8080"}, secure=True)
    assert [texts(feed, path) for path in IDS] == [texts(others, path) for path in IDS]
    [number] = Message.objects.values_list("id", flat=True)
    assert texts(feed, "entry/id") == [f"tag:localhost,2026-03-01:message/{number}"]


def test_ids_bear_the_name_on_the_internet_and_links_lead_there(
    make_message, read, settings
):
    settings.SITE_ADDRESS = ["wall.example", "www.wall.example"]
    make_message()
    feed = read()
    assert texts(feed, "id") == ["tag:wall.example,2026:/feed/"]
    assert all(link.startswith("https://wall.example/") for link in links(feed))


def test_one_feed_in_the_cache_serves_all_names(
    make_message, page, read, django_assert_num_queries
):
    make_message()
    page()  # a wall that nobody has viewed looks for its count
    read()
    with django_assert_num_queries(0):
        feed = read(headers={"Host": "localhost:8080"}, secure=True)
    assert all(link.startswith("https://localhost:8080/") for link in links(feed))


def test_what_is_taken_down_is_gone_at_once(
    make_message, read, django_capture_on_commit_callbacks
):
    make_message("stays")
    make_message("goes")
    assert texts(read(), "entry/title") == ["goes", "stays"]
    with django_capture_on_commit_callbacks(execute=True):
        Message.objects.filter(content="goes").hide()
    assert texts(read(), "entry/title") == ["stays"]


def ask_again(client, answer, *names):
    """Ask as a reader does who has that answer."""
    sent = {
        "If-None-Match": answer["ETag"],
        "If-Modified-Since": answer["Last-Modified"],
    }
    return client.get("/feed/", headers={name: sent[name] for name in names or sent})


HOW = [["If-None-Match"], ["If-Modified-Since"], []]


@pytest.mark.parametrize("names", HOW)
def test_who_has_it_is_told_so_in_few_bytes(make_message, client, names):
    make_message()
    answer = client.get("/feed/")
    again = ask_again(client, answer, *names)
    assert again.status_code == 304
    assert again.content == b""
    for header in "ETag", "Last-Modified", "Cache-Control":
        assert again[header] == answer[header]


CHANGES = {
    "posted": lambda: Message.objects.create(content="news"),
    "hidden": lambda: Message.objects.filter(content="old").hide(),
    "erased": lambda: Message.objects.get(content="old").delete(),
    "edited": lambda: Message.objects.filter(content="old").update(content="new"),
}


@pytest.mark.parametrize("names", HOW)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_who_has_an_old_one_is_given_the_new_within_the_same_second(
    make_message, client, change, names, django_capture_on_commit_callbacks
):
    make_message("old")
    answer = client.get("/feed/")
    with django_capture_on_commit_callbacks(execute=True):
        change()
    again = ask_again(client, answer, *names)
    assert again.status_code == 200
    assert again["ETag"] != answer["ETag"]


@pytest.mark.parametrize("names", HOW)
def test_a_feed_built_again_with_the_same_in_it_is_the_same(
    make_message, client, monkeypatch, names, caplog
):
    make_message()
    answer = client.get("/feed/")
    now = time.time()
    monkeypatch.setattr(wall_cache.time, "time", lambda: now + 61)
    with caplog.at_level("INFO", logger="messages_app"):
        assert ask_again(client, answer, *names).status_code == 304
    assert "The wall's feed was built from the database" in caplog.text


def test_a_copy_is_never_shown_without_asking(client, db):
    answer = client.get("/feed/")
    assert answer["Cache-Control"] == "no-cache"
    assert answer["Content-Type"] == "application/atom+xml; charset=utf-8"


def test_the_feed_of_an_hour_ago_stands_in_while_the_database_is_away(
    make_message, client, database_away, monkeypatch
):
    make_message("last words")
    answer = client.get("/feed/")
    now = time.time()
    monkeypatch.setattr(wall_cache.time, "time", lambda: now + 3600)
    with database_away():
        assert client.get("/feed/").content == answer.content


def test_what_was_taken_down_never_stands_in(
    make_message, client, database_away, django_capture_on_commit_callbacks
):
    make_message("taken down")
    client.get("/feed/")
    with django_capture_on_commit_callbacks(execute=True):
        Message.objects.hide()
    with database_away():
        answer = client.get("/feed/")
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert "taken down" not in answer.text


def test_the_feed_is_no_view_and_sets_no_cookie(client, page):
    assert not client.get("/feed/").cookies
    assert "viewed 1 time." in page()


def test_head_answers_like_get_without_a_body(client, db):
    answer = client.head("/feed/")
    assert answer.status_code == 200
    assert answer.content == b""
    assert answer["ETag"] == client.get("/feed/")["ETag"]


def test_the_page_tells_of_the_feed_to_programs_and_to_people(page):
    html = page()
    assert (
        '<link rel="alternate" type="application/atom+xml" title="Message Wall" '
        'href="/feed/">'
    ) in html
    assert '<a href="/feed/" type="application/atom+xml">Feed</a>' in html


def test_no_answer_says_that_it_changed_in_the_future(
    make_message, client, monkeypatch
):
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    for number in range(3):
        make_message(f"{number}")
        answer = client.get("/feed/")
        if told := answer.headers.get("Last-Modified"):
            assert parse_http_date(told) <= now
    assert not told  # the third change within a second has its ETag alone
    again = client.get("/feed/", headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 304


def test_a_chosen_language_is_kept_by_each_link(make_message, client):
    make_message()
    feed = ElementTree.fromstring(client.get("/feed/?lang=ar").content)
    assert all(link.endswith("?lang=ar") for link in links(feed))
