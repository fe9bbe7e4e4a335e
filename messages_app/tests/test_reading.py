import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from psycopg.errors import LockNotAvailable

from messages_app import wall_cache, wall_page
from messages_app.models import Message


def test_an_empty_wall_says_so(page):
    assert "Nobody has written here yet. Be the first." in page()


def test_a_message_shows_author_time_and_text(make_message, page):
    make_message(
        "Good morning",
        author_name="Ada",
        created_at=datetime(2026, 3, 1, 9, 5, tzinfo=UTC),
    )
    html = page()
    assert '<bdi class="author">Ada</bdi>' in html
    assert (
        '<time datetime="2026-03-01T09:05:00Z">1 March 2026, 09:05 UTC</time>' in html
    )
    assert '<p dir="auto">Good morning</p>' in html


def test_a_message_without_a_name_is_anonymous(make_message, page):
    make_message()
    assert '<bdi class="author">Anonymous</bdi>' in page()


def test_line_breaks_are_kept(make_message, page):
    make_message("one\ntwo\n\nthree")
    assert '<p dir="auto">one<br>two<br><br>three</p>' in page()


def test_a_link_is_clickable_and_vouched_for_by_nobody(make_message, page):
    make_message("see https://example.org/a?b=1&c=2.")
    assert (
        '<a href="https://example.org/a?b=1&amp;c=2" rel="nofollow ugc noopener">'
        "https://example.org/a?b=1&amp;c=2</a>."
    ) in page()


@pytest.mark.parametrize(
    ("text", "linked"),
    [
        ("请看https://example.com/ok。然后", ["https://example.com/ok"]),
        ("https://example.com، ثم", ["https://example.com"]),
        ("（https://example.com/）", ["https://example.com/"]),
        (
            "«https://example.com» “http://b.example/c”",
            ["https://example.com", "http://b.example/c"],
        ),
        ("(https://example.com/a_(b))", ["https://example.com/a_(b)"]),
        ("www.example.com, and more", ["http://www.example.com"]),
        ("HTTPS://EXAMPLE.COM/A", ["https://EXAMPLE.COM/A"]),
        (
            "https://例え.テスト/ページ",
            [
                "https://%E4%BE%8B%E3%81%88.%E3%83%86%E3%82%B9%E3%83%88/%E3%83%9A%E3%83%BC%E3%82%B8"
            ],
        ),
        ("ftp://a.com notwww.a.com example.com a@www.b.com", []),
        ("javascript:alert(1) data:text/html,x //a.com", []),
    ],
)
def test_an_address_is_linked_and_nothing_around_it(make_message, page, text, linked):
    make_message(text)
    assert (
        re.findall(r'<a href="([^"]+)" rel="nofollow ugc noopener">', page()) == linked
    )


@pytest.mark.parametrize(
    "trap",
    [
        "<script>alert(1)</script>",
        "javascript:alert(1)",
        'https://example.org/"onmouseover="alert(1)',
        "data:text/html,<b>x</b>",
        "&lt;b&gt; {{ 7|add:1 }} {% now 'Y' %}",
    ],
)
def test_a_text_is_never_markup(make_message, page, trap):
    make_message(trap, author_name=trap[:80])
    html = page()
    assert "<script>" not in html
    assert 'onmouseover="' not in html
    assert 'href="javascript' not in html
    assert 'href="data' not in html
    assert html.count("<b>") == 0


def test_an_address_of_a_person_is_no_link(make_message, page):
    make_message("write to ada@example.org")
    assert "mailto" not in page()


def test_the_newest_fifty_show_newest_first(make_message, page):
    for number in range(51):
        make_message(f"number {number}.")
    html = page()
    assert html.count("<article") == 50
    assert html.index("number 50.") < html.index("number 49.")
    assert "number 0." not in html


def older_link(html):
    return html.partition('rel="next"')[0].rpartition('href="')[2].rstrip('" ')


def test_older_pages_show_each_message_once_in_order(make_message, page, settings):
    settings.WALL_PAGE_SIZE = 3
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    # Several in the same instant, as an import makes them: the number decides.
    for number in range(10):
        make_message(
            f"number {number}.", created_at=moment + timedelta(days=number // 4)
        )
    address, seen = "/", []
    while address:
        html = page(address)
        seen += [part.partition("</p>")[0] for part in html.split('<p dir="auto">')[1:]]
        address = older_link(html) if 'rel="next"' in html else None
    assert seen == [f"number {number}." for number in range(9, -1, -1)]


def test_new_messages_do_not_shift_an_older_page(make_message, page, settings):
    settings.WALL_PAGE_SIZE = 2
    for number in range(4):
        make_message(f"number {number}.")
    address = older_link(page())
    make_message("just now.")
    html = page(address)
    assert "number 1." in html
    assert "number 0." in html
    assert html.count("<article") == 2


def test_no_older_link_when_there_is_nothing_older(make_message, page, settings):
    settings.WALL_PAGE_SIZE = 2
    make_message()
    make_message()
    assert "Older messages" not in page()


@pytest.mark.parametrize("status", ["held", "hidden", "withdrawn"])
def test_what_is_not_published_is_not_on_the_wall(make_message, page, status):
    make_message("not for all", status=status)
    assert "not for all" not in page()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "1",
        "1-",
        "-1-1",
        "1-9223372036854775808",
        "999999999999999999-1",
        "1-1-1",
        "1.5-2",
        "١-١",
        "%00",
        "1-1%0a",
        "x" * 5000,
    ],
)
def test_a_bad_cursor_is_a_400_in_the_walls_own_look(client, db, cursor):
    response = client.get(f"/?before={cursor}")
    assert response.status_code == 400
    assert "This address does not work" in response.text
    assert "wall.css" in response.text
    assert response["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("cursor", ["0-0", "99999999999999999-9223372036854775807"])
def test_the_farthest_cursors_are_pages(client, db, cursor):
    assert client.get(f"/?before={cursor}").status_code == 200


def test_a_page_below_everything_says_so(page):
    assert "There are no older messages." in page("/?before=0-0")


def test_head_answers_like_get_without_a_body(client, db):
    response = client.head("/")
    assert response.status_code == 200
    assert response.content == b""


def test_reading_sets_no_cookie_and_varies_by_none(client, make_message):
    make_message()
    for address in [
        "/",
        "/?before=0-0",
        "/feed/",
        "/updates?since=0",
        "/status",
        "/livez",
        "/readyz",
        "/nowhere",
    ]:
        response = client.get(address)
        assert not response.cookies
        assert "Cookie" not in response.get("Vary", "")


def test_the_page_is_private_and_asked_for_again_each_time(client, db):
    assert client.get("/")["Cache-Control"] == "private, no-cache"


def test_the_wall_has_the_name_it_is_given(page, settings):
    settings.WALL_TITLE = "Café & Co"
    assert "<title>Café &amp; Co</title>" in page()


def test_one_query_reads_the_wall_however_many_messages(
    make_message, client, django_assert_num_queries
):
    client.get("/")  # the first view also folds the counter
    for _ in range(60):
        make_message()
    with django_assert_num_queries(1):
        client.get("/")
    with django_assert_num_queries(0):
        client.get("/")


def test_the_page_that_cannot_be_read_says_so(client, database_away):
    with database_away():
        response = client.get("/")
    assert response.status_code == 503
    assert response["Retry-After"]
    assert "The messages cannot be read right now." in response.text
    assert "<textarea" in response.text


def test_the_log_tells_once_that_the_messages_cannot_be_read(
    page, database_away, caplog
):
    for _ in "an outage", "another":
        caplog.clear()
        with database_away():
            for _ in range(3):
                page("/?before=0-0")
        told = [r.name for r in caplog.records if r.name.startswith("messages_app")]
        assert told == ["messages_app.wall_page"]
        page("/?before=0-0")


def later(monkeypatch, seconds):
    now = wall_cache.time.time()
    monkeypatch.setattr(wall_cache.time, "time", lambda: now + seconds)


def test_while_the_database_is_away_the_last_page_stands_in_and_says_so(
    make_message, client, page, database_away, monkeypatch
):
    make_message("last words")
    page()
    later(monkeypatch, 3600)
    with database_away():
        response = client.get("/")
    assert response.status_code == 200
    assert "last words" in response.text
    assert re.search(
        r"viewed 2 times. Its messages are shown as of \d\d:\d\d UTC.", response.text
    )
    assert "as of" not in page()


@pytest.mark.parametrize("verb", ["hide", "delete"])
def test_what_was_taken_down_never_stands_in(
    make_message, client, page, database_away, django_capture_on_commit_callbacks, verb
):
    make_message("taken down")
    page()
    with django_capture_on_commit_callbacks(execute=True):
        getattr(Message.objects.all(), verb)()
    with database_away():
        response = client.get("/")
    assert response.status_code == 503
    assert "taken down" not in response.text


def test_a_page_that_a_slow_builder_kept_after_a_hide_never_stands_in(
    make_message, client, database_away, django_capture_on_commit_callbacks
):
    make_message("taken down")
    kept = wall_cache.look()
    header, slow = wall_cache.begin(kept), wall_page.render_list(wall_page.read())
    with django_capture_on_commit_callbacks(execute=True):
        Message.objects.hide()
    wall_cache.keep(kept, header, slow)
    with database_away():
        assert "taken down" not in client.get("/").text


def test_an_older_page_has_nothing_to_stand_in(
    make_message, client, page, database_away
):
    make_message()
    page()
    with database_away():
        assert client.get("/?before=0-0").status_code == 503


def test_what_is_taken_down_while_a_reader_waits_for_the_database_never_stands_in(
    make_message, client, page, monkeypatch, django_capture_on_commit_callbacks
):
    make_message("taken down")
    page()
    later(monkeypatch, 3600)

    def hide_and_fail():
        with django_capture_on_commit_callbacks(execute=True):
            Message.objects.hide()
        raise OperationalError("timeout")

    monkeypatch.setattr(wall_page, "read", hide_and_fail)
    assert "taken down" not in client.get("/").text


@pytest.fixture
def table_locked(make_message, page, monkeypatch):
    """A page that was kept, and a table that has been locked since."""
    make_message("last words")
    page()

    def wait_in_vain():
        raise OperationalError("lock timeout") from LockNotAvailable()

    with monkeypatch.context() as patch:
        patch.setattr(connection, "cursor", wait_in_vain)
        with pytest.raises(OperationalError):
            wall_page.read()


def test_behind_a_locked_table_nobody_waits_and_the_last_page_stands_in(
    table_locked, client, django_assert_num_queries
):
    cache.delete(wall_cache.checked_key())  # as time does
    with django_assert_num_queries(0):
        html = client.get("/").text
        assert client.get("/?before=0-0").status_code == 503
    assert "last words" in html
    assert "as of" in html


def test_a_locked_table_does_not_hold_back_a_page_that_is_current(table_locked, page):
    html = page()
    assert "last words" in html
    assert "as of" not in html


def test_who_finds_another_asking_a_table_that_is_free_again_has_its_page(
    table_locked, page, post, monkeypatch, instead_of_sleep
):
    post("news")
    monkeypatch.setattr(wall_page.breaker, "asked_at", time.monotonic())

    def build_elsewhere(seconds):
        kept = wall_cache.look()
        header, pieces = wall_cache.begin(kept), wall_page.render_list(wall_page.read())
        wall_cache.keep(kept, header, pieces)

    instead_of_sleep(build_elsewhere)
    html = page()
    assert "news" in html
    assert "as of" not in html


def test_a_locked_table_is_asked_again_by_one_reader_a_second(table_locked, page):
    cache.delete(wall_cache.checked_key())
    wall_page.breaker.asked_at -= 1  # as time does
    assert "as of" not in page()
    assert not wall_page.breaker.is_open
