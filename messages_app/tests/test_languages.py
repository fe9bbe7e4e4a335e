"""The wall in the reader's language, which the address or the browser names."""

import re
from datetime import UTC, datetime
from html import unescape

import pytest
from django.conf import settings as django_settings
from django.contrib.staticfiles import finders
from django.test import Client, RequestFactory
from django.utils import translation

from messages_app import languages, page_views, wall_cache
from messages_app.tests import test_pages

NOBODY = {
    "en": "Nobody has written here yet.",
    "de": "Hier hat noch niemand geschrieben.",
    "ar": "لم يكتب أحد هنا بعد.",
    "ja": "まだメッセージがありません。",
}


@pytest.fixture
def read(db, client):
    """Return a function that reads an address as a browser of some language would."""

    def get(address="/", accept=None):
        headers = {"Accept": "text/html"} | (
            {"Accept-Language": accept} if accept else {}
        )
        return client.get(address, headers=headers)

    return get


def language_of(response):
    """Return the language that the page says it has."""
    return re.search(r'<html lang="([^"]+)" dir="(ltr|rtl)">', response.text).groups()


def links(html):
    """Return where the page's links and forms lead, but for files."""
    found = re.findall(r'(?:href|action)="([^"#]+)"', html)
    return [unescape(link) for link in found if not link.startswith("/static/")]


# Which language


@pytest.mark.parametrize("code", NOBODY)
def test_the_address_names_the_language(read, code):
    response = read(f"/?lang={code}", accept="fr")
    assert NOBODY[code] in response.text
    assert language_of(response) == (code, "rtl" if code == "ar" else "ltr")
    assert response["Content-Language"] == code


@pytest.mark.parametrize(
    ("accept", "code"),
    [
        ("ja", "ja"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("AR-eg", "ar"),
        ("fr,ja;q=0.5,de;q=0.6", "de"),
        ("en-GB,ja;q=0.9", "en"),
        ("fr", "en"),
        ("*", "en"),
        ("", "en"),
        ("de;q=x", "en"),
        ("\xff\x00;;;", "en"),
        ("ja," * 5000, "ja"),
        ("x" * 5000, "en"),
    ],
)
def test_else_the_browser_does(read, accept, code):
    assert language_of(read(accept=accept))[0] == code


@pytest.mark.parametrize(
    "query",
    [
        "lang=",
        "lang=fr",
        "lang=de-AT",
        "lang=..%2f..%2fetc",
        "lang=%00",
        "lang=d%ff",
        "xlang=ar",
        "lang",
        "lang[]=ar",
        "lang=" + "a" * 5000,
        "lang=ar%0d%0aX: y",
    ],
)
def test_an_address_that_names_none_of_ours_leaves_it_to_the_browser(read, query):
    response = read(f"/?{query}", accept="ja")
    assert response.status_code == 200
    assert language_of(response)[0] == "ja"
    assert not [link for link in links(response.text) if link.startswith("/?")]


def test_one_readers_language_is_not_the_next_ones(read):
    read("/?lang=ar")
    assert language_of(read())[0] == "en"
    assert "lang=ar" not in links(read("/?lang=de").text)[-1]
    wall = languages.VisitorsLanguage(test_pages.fail)
    with pytest.raises(RuntimeError):
        wall(RequestFactory().get("/?lang=ar"))
    assert (languages.chosen.get(), translation.get_language()) == ("", "en")


@pytest.mark.parametrize("address", ["/?lang=ar", "/?lang=de&before=0-0", "/status"])
def test_no_cookie_is_given_and_none_is_read(read, client, address):
    client.cookies[django_settings.LANGUAGE_COOKIE_NAME] = "ja"
    response = read(address, accept="ar")
    assert not response.cookies
    assert language_of(response)[0] != "ja"
    assert "Cookie" not in response["Vary"]


@pytest.mark.parametrize("address", ["/", "/?lang=ja", "/?before=0-0", "/nowhere"])
def test_caches_between_are_told_that_the_language_counts(read, address):
    assert read(address)["Vary"] == "Accept-Language"


@pytest.mark.parametrize("address", ["/livez", "/readyz"])
def test_what_has_no_words_has_no_language(client, db, address):
    response = client.get(address, headers={"Accept-Language": "ja"})
    assert "Accept-Language" not in response.get("Vary", "")
    assert "Content-Language" not in response


# A language that was chosen stays


def test_every_link_keeps_the_language_that_was_chosen(read, make_message, settings):
    settings.WALL_PAGE_SIZE = 1
    make_message("older"), make_message("newer")
    address = "/?lang=ar"
    for expected in "newer", "older":
        html = read(address, accept="ja").text
        assert expected in html
        assert 'lang="ar" dir="rtl"' in html
        assert {"lang=ar"} == set(
            re.findall("lang=..", " ".join(x for x in links(html) if x[0] == "/"))
        )
        address = next((x for x in links(html) if x.startswith("/?before")), None)


def test_nothing_is_added_to_links_when_none_was_chosen(read, make_message, settings):
    settings.WALL_PAGE_SIZE = 1
    make_message(), make_message()
    assert not [x for x in links(read(accept="ar").text) if x[0] == "/" and "lang" in x]


def test_a_post_leads_back_to_the_language_that_was_chosen(client, db):
    response = client.post("/?lang=ja", {"content": "こんにちは"})
    assert (response.status_code, response["Location"]) == (303, "/?lang=ja#posted")
    assert client.post("/", {"content": "Hello"})["Location"] == "/#posted"


def test_the_menu_names_each_language_and_keeps_the_place(read):
    html = read("/?before=5-5&lang=ar").text
    menu = html.partition('<nav class="languages"')[2].partition("</nav>")[0]
    assert links(menu) == [f"?before=5-5&lang={code}" for code in NOBODY]
    assert re.findall(r' lang="(..)" hreflang="\1"', menu) == list(NOBODY)
    assert re.findall(r'hreflang="(..)"[^>]*aria-current="true"', menu) == ["ar"]
    assert ">日本語</a>" in menu


def test_a_moderators_list_takes_the_language_for_no_question(admin_client):
    response = admin_client.get("/admin/messages_app/message/?lang=ja")
    assert response.status_code == 200
    assert "検索" in response.text
    assert 'class="changelist-form-container"' in response.text


# Errors


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/?before=x", 400, "このアドレスは使えません"),
        ("/refused", 403, "ここにはアクセスできません"),
        ("/nowhere", 404, "ページが見つかりません"),
        ("/bug", 500, "こちら側で問題が発生しました"),
    ],
)
def test_errors_speak_the_visitors_language(db, settings, address, status, said):
    settings.ROOT_URLCONF = test_pages.__name__
    client = Client(raise_request_exception=False)
    response = client.get(address, headers={"Accept-Language": "ja"})
    assert response.status_code == status
    assert said in response.text
    joined = "&" if "?" in address else "?"
    html = client.get(f"{address}{joined}lang=ja").text
    assert said in html
    assert "/?lang=ja" in links(html)


def test_a_name_that_is_not_ours_is_told_in_the_visitors_language(read, client):
    response = client.get("/?lang=de", headers={"Host": "wall.example"})
    assert "Diese Adresse funktioniert nicht" in response.text


def test_a_forged_form_of_admin_is_told_in_the_visitors_language(db):
    response = Client(enforce_csrf_checks=True).post("/admin/login/?lang=de")
    assert response.status_code == 403
    assert "Hier ist kein Zugang möglich" in response.text


def test_what_to_mend_is_told_in_the_visitors_language(client, db):
    html = client.post("/?lang=de", {"content": "x" * 1001}).text
    assert "Das sind 1001 Zeichen, und erlaubt sind höchstens 1000." in html
    html = client.post("/?lang=ar", {"content": "x", "form_key": "x"}).text
    assert "يُرجى الضغط على «نشر» مجددًا." in html
    assert ">نشر</button>" in html


# The cache


def test_languages_never_mix_in_the_cache(read):
    for _ in range(2):  # built, then from the cache
        for code, said in NOBODY.items():
            for response in read(f"/?lang={code}"), read(accept=code):
                assert said in response.text
        assert "/?lang=de" in links(read("/?lang=de").text)
        assert "/?lang=de" not in links(read(accept="de").text)


def test_each_language_has_a_page_a_mark_and_a_builder_of_its_own(read, db):
    keys = set()
    for code in NOBODY:
        for named in "", code:
            token = languages.chosen.set(named)
            with translation.override(code):
                keys |= {wall_cache.page_key(), wall_cache.checked_key()}
                keys.add(wall_cache.look().claim_key)
            languages.chosen.reset(token)
    assert len(keys) == 3 * 2 * len(NOBODY)
    assert not [key for key in keys if re.search(r"[^A-Za-z0-9:_-]", key)]


def test_a_post_shows_in_every_language_at_once(read, post):
    for code in NOBODY:
        read(f"/?lang={code}"), read(accept=code)
    post("Hello, wall")
    for code in NOBODY:
        assert "Hello, wall" in read(f"/?lang={code}").text
        assert "Hello, wall" in read(accept=code).text


def test_a_language_costs_no_query_once_its_page_is_kept(
    read, django_assert_num_queries
):
    read("/?lang=ar")
    with django_assert_num_queries(0):
        read("/?lang=ar")


# Numbers, plurals, dates


@pytest.mark.parametrize(
    ("code", "views", "said"),
    [
        ("en", 1234567, "This wall has been viewed 1,234,567 times."),
        ("de", 1, "Diese Pinnwand wurde einmal aufgerufen."),
        ("de", 1234567, "Diese Pinnwand wurde 1.234.567-mal aufgerufen."),
        ("ja", 1234567, "この掲示板は1,234,567回閲覧されました。"),
        ("ar", 1, "شوهد هذا الجدار مرة واحدة."),
        ("ar", 2, "شوهد هذا الجدار مرتين."),
        ("ar", 3, "شوهد هذا الجدار 3 مرات."),
        ("ar", 11, "شوهد هذا الجدار 11 مرة."),
        ("ar", 1103, "شوهد هذا الجدار 1,103 مرات."),
    ],
)
def test_views_are_counted_as_each_language_counts(
    read, monkeypatch, code, views, said
):
    monkeypatch.setattr(page_views, "total", lambda answer: views)
    assert f"<p>{said}</p>" in read(f"/?lang={code}").text


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("en", "1 March 2026, 09:05 UTC"),
        ("de", "1. März 2026, 09:05 UTC"),
        ("ar", "1 مارس 2026، 09:05 UTC"),
        ("ja", "2026年3月1日 9:05 UTC"),
    ],
)
def test_times_are_written_as_each_language_does(read, make_message, code, shown):
    make_message(created_at=datetime(2026, 3, 1, 9, 5, tzinfo=UTC))
    assert f'<time datetime="2026-03-01T09:05:00Z">{shown}</time>' in (
        read(f"/?lang={code}").text
    )


def test_an_old_page_tells_since_when_in_the_visitors_language(
    read, make_message, database_away, monkeypatch
):
    make_message("last words")
    read("/?lang=de")
    now = wall_cache.time.time()
    monkeypatch.setattr(wall_cache.time, "time", lambda: now + 3600)
    with database_away():
        html = read("/?lang=de").text
    assert re.search(
        r"aufgerufen\. Die Nachrichten zeigen den Stand von \d\d:\d\d UTC", html
    )


# Both directions


def test_a_message_and_the_walls_name_have_their_own_direction(read, make_message):
    make_message("Hello!", author_name="Ada (1815)")
    html = read("/?lang=ar").text
    assert '<p dir="auto">Hello!</p>' in html
    assert '<bdi class="author">Ada (1815)</bdi>' in html
    assert "<bdi>Message Wall</bdi></a></h1>" in html
    assert html.count('dir="auto" placeholder=" "') == 3  # the fields


@pytest.mark.parametrize("file", ["wall.css", "admin.css"])
def test_styles_name_no_left_and_no_right(file):
    with open(finders.find(f"messages_app/{file}")) as opened:
        assert not re.findall(
            r"(?:left|right|(?<![-\w])(?:width|height|top|bottom)) *:|: *(?:left|right)\b"
            r"|letter-spacing",  # which tears Arabic letters apart
            opened.read(),
        )
