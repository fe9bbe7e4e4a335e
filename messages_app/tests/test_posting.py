import re
from datetime import datetime, timedelta

import pytest
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from config.env import Rates
from messages_app import form_key, recent_posts, senders, wall_cache
from messages_app.models import Message, WallState
from messages_app.moderation import judge


def key_in(html):
    return re.search(r'name="form_key" value="([^"]+)"', html)[1]


def test_a_post_is_answered_303_to_the_page_and_shows_at_once(client, post, page):
    page()  # the empty wall is cached now
    response = post("Hello, wall", author_name="Ada")
    assert response.status_code == 303
    assert response["Location"] == "/#posted"
    html = page()
    assert "Hello, wall" in html
    assert '<bdi class="author">Ada</bdi>' in html


def test_the_time_of_a_message_is_the_databases(post, monkeypatch):
    before = datetime.now().astimezone()
    wrong = before - timedelta(days=1)
    monkeypatch.setattr("django.utils.timezone.now", lambda: wrong)
    post()
    assert abs(Message.objects.get().created_at - before) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "Write something first."),
        (" \n\t ", "Write something first."),
        ("\u200b\u3164", "Write something first."),
        ("x" * 1001, "This has 1001 characters, and the wall takes 1000."),
        ("x" * 200_000, "far more than the wall takes"),
        ("a\x00b", "characters that cannot be shown, marked ␀"),
        ("a\x07b", "characters that cannot be shown, marked ␇"),
        ("a\x9fb\ufffe", "characters that cannot be shown, marked \ufffd"),
    ],
)
def test_a_text_that_cannot_be_posted_is_422_with_the_reason(post, content, reason):
    response = post(content)
    assert response.status_code == 422
    assert reason in response.text
    assert not Message.objects.exists()


def test_the_reason_is_tied_to_its_field(post):
    html = post("x" * 1001).text
    assert 'aria-invalid="true"' in html
    assert 'aria-describedby="id_content_error"' in html
    assert 'id="id_content_error"' in html


def test_a_refused_text_stays_in_the_form_with_nothing_hidden_in_it(post):
    html = post("two\nlines & a bell\x07", author_name="Ada <3").text
    assert "\ntwo\nlines &amp; a bell␇</textarea>" in html
    assert 'value="Ada &lt;3"' in html
    assert "\x07" not in html


def test_a_refused_post_still_shows_the_wall(make_message, post):
    make_message("already here")
    assert "already here" in post("").text


def test_a_name_has_its_own_limit_and_reason(post):
    html = post("fine", author_name="n" * 81).text
    assert "This has 81 characters, and the wall takes 80." in html
    assert 'aria-describedby="id_author_name_error"' in html


def test_length_counts_characters_as_people_post_them(post):
    assert post("👍" * 1000).status_code == 303
    # Windows line ends and decomposed accents are cleaned before counting.
    assert post("e\u0301\r\n" * 500).status_code == 303


def test_no_field_cuts_a_pasted_text(page):
    assert "maxlength" not in page()


@pytest.mark.parametrize("name", ["", "  ", "\u200b"])
def test_a_name_of_which_nothing_is_seen_is_none(post, page, name):
    post("hello", author_name=name)
    assert "Anonymous" in page()


def test_a_control_character_in_any_field_is_refused_not_a_500(post):
    assert post("fine", author_name="a\x00").status_code == 422
    response = post("fine", form_key="a\x00")
    assert response.status_code == 422
    assert "This form was damaged on its way." in response.text
    assert post("fine", form_key=key_in(response.text)).status_code == 303
    assert post("fine", unknown="a\x00").status_code == 303


# The key


def test_each_form_has_a_key_of_its_own(page):
    assert key_in(page()) != key_in(page())


def test_the_same_form_sent_twice_is_one_message_and_one_answer(post, page):
    key = key_in(page())
    first = post("Once", form_key=key)
    second = post("Once", form_key=key)
    assert (first.status_code, second.status_code) == (303, 303)
    assert Message.objects.count() == 1


def test_a_resend_shows_what_a_killed_process_stored_and_told_nobody_of(
    post, page, client, monkeypatch, unhurried
):
    key = key_in(page())
    with monkeypatch.context() as killed:
        killed.setattr(wall_cache, "forget", lambda: None)
        post("Once", form_key=key)
    client.cookies.clear()  # it never had the answer
    assert "Once" not in page()
    post("Once", form_key=key)
    assert "Once" in page()


def test_an_edited_resend_is_another_message(post, page):
    key = key_in(page())
    post("Once", form_key=key)
    post("Once more", form_key=key)
    post("Once", form_key=key, author_name="Ada")
    assert Message.objects.count() == 3


def test_the_same_text_from_another_browser_is_another_message(post, page, client):
    post("+1", form_key=key_in(page()))
    client.cookies.clear()
    post("+1", form_key=key_in(page()))
    assert Message.objects.count() == 2


@pytest.mark.parametrize("status", ["held", "hidden", "withdrawn"])
def test_a_form_sent_again_rebuilds_nothing_when_its_message_is_not_on_the_wall(
    post, page, client, status, django_assert_num_queries
):
    form = {"content": "Once", "form_key": key_in(page())}
    post(**form)
    Message.objects.update(status=status)
    client.cookies.clear()  # as another browser, or a script
    page()
    post(**form)
    with django_assert_num_queries(0):
        client.get("/")


# Back: the text comes up again, in a form with another key


def test_back_and_post_again_is_one_message_and_one_answer(post, page):
    first = post("Once", form_key=key_in(page()))
    second = post("Once", form_key=key_in(page()))
    assert (first.status_code, second.status_code) == (303, 303)
    assert Message.objects.count() == 1


def test_back_and_post_something_else_is_another_message(post, page):
    post("Once", form_key=key_in(page()))
    post("Once more", form_key=key_in(page()))
    post("Once", author_name="Ada", form_key=key_in(page()))
    assert Message.objects.count() == 3


def test_the_same_text_after_ten_minutes_is_another_message(post, page, monkeypatch):
    post("+1")
    later = timezone.now() + timedelta(seconds=601)
    monkeypatch.setattr(timezone, "now", lambda: later)
    post("+1")
    assert Message.objects.count() == 2


def test_a_repeat_does_not_begin_the_ten_minutes_anew(post, monkeypatch):
    start = timezone.now()
    for minute in [0, 9, 18]:
        now = start + timedelta(minutes=minute)
        monkeypatch.setattr(timezone, "now", lambda now=now: now)
        post("good morning")
    assert Message.objects.count() == 2


def test_a_refused_text_is_not_remembered_as_posted(post, page, database_away):
    with database_away():
        assert post("at last", form_key=key_in(page())).status_code == 503
    assert post("at last", form_key=key_in(page())).status_code == 303
    assert Message.objects.count() == 1


@pytest.mark.parametrize("cookie", ["x", "e30:x:y", ""])
def test_a_forged_cookie_is_none(post, client, cookie):
    client.cookies["posted"] = cookie
    assert post().status_code == 303
    assert Message.objects.count() == 1


def test_the_cookie_is_for_who_posts_and_holds_no_text(post, client):
    assert not client.get("/").cookies
    assert not post("").cookies
    cookie = post("a secret").cookies["posted"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Strict")
    assert "secret" not in str(signing.loads(cookie.value, salt=recent_posts.SALT))


def test_a_browser_that_posts_a_lot_keeps_a_small_cookie(post, settings):
    settings.RATES = {**settings.RATES, "post": Rates([], [])}
    for number in range(40):
        cookie = post(f"number {number}").cookies["posted"]
    assert len(cookie.value) < 2000


def test_a_post_without_a_key_is_a_message(post):
    assert post("from a script").status_code == 303


def test_a_request_that_a_proxy_sends_twice_is_one_message(post, client):
    for number in ["0b5c-1", "0b5c-1", "0b5c-2"]:
        client.cookies.clear()  # it has seen no answer
        response = post(headers={"X-Request-ID": number})
        assert response.status_code == 303
    assert Message.objects.count() == 2


def test_text_cannot_run_over_into_the_name(post, page):
    key = key_in(page())
    post("a", author_name="b c", form_key=key)
    post("a b", author_name="c", form_key=key)
    assert Message.objects.count() == 2


def test_a_refusal_keeps_the_key(post, page):
    key = key_in(page())
    assert key_in(post("", form_key=key).text) == key


@pytest.mark.parametrize("key", ["x", "a:b:c", "", "é" * 5000])
def test_a_damaged_key_is_asked_again_with_the_text_kept(post, key):
    response = post("My text", form_key=f"{key}:")
    assert response.status_code == 422
    assert "Your text is kept" in response.text
    assert "My text</textarea>" in response.text
    assert post("My text", form_key=key_in(response.text)).status_code == 303


def old_key(monkeypatch, *, hours):
    then = signing.time.time() - hours * 3600
    with monkeypatch.context() as clock:
        clock.setattr(signing.time, "time", lambda: then)
        return form_key.new()


def test_a_form_older_than_a_day_is_asked_again_with_the_text_kept(post, monkeypatch):
    response = post("My text", form_key=old_key(monkeypatch, hours=25))
    assert response.status_code == 422
    assert "My text</textarea>" in response.text
    assert post("My text", form_key=key_in(response.text)).status_code == 303


def test_a_form_of_yesterday_evening_still_posts(post, monkeypatch):
    assert post(form_key=old_key(monkeypatch, hours=23)).status_code == 303


def test_a_stored_form_sent_again_after_days_is_answered_as_it_was(post, monkeypatch):
    key = old_key(monkeypatch, hours=25)
    with monkeypatch.context() as clock:
        then = signing.time.time() - 24.5 * 3600
        clock.setattr(signing.time, "time", lambda: then)
        assert post("Once", form_key=key).status_code == 303
    assert post("Once", form_key=key).status_code == 303
    assert Message.objects.count() == 1


def test_a_key_signed_before_the_secret_changed_still_posts(post, page, settings):
    key, old_secret = key_in(page()), settings.SECRET_KEY
    settings.SECRET_KEY = "new" * 20
    settings.SECRET_KEY_FALLBACKS = [old_secret]
    assert post(form_key=key).status_code == 303


# What a post costs


def test_a_post_asks_once_and_inserts(
    client, page, unhurried, django_assert_num_queries
):
    senders.salts.living()  # which are read once a minute
    judge.memory.book(WallState.objects.current())  # the rules, when they change
    key = key_in(page())
    with django_assert_num_queries(4):  # the test's transaction adds a savepoint
        client.post("/", {"content": "Hello", "form_key": key})


def test_a_refusal_costs_no_query(client, page, django_assert_num_queries):
    senders.salts.living()
    page()
    with django_assert_num_queries(0):
        assert client.post("/", {"content": ""}).status_code == 422


# Where a post comes from


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "nonsense"}, 403),
        ({"Origin": "http://testserver"}, 303),
        ({"Origin": "http://TESTSERVER"}, 303),
        ({"Origin": "http://testserver:8000"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://testserver.evil.example"}, 403),
        ({"Origin": "http://[bad"}, 403),
        ({"Origin": "https://trusted.example"}, 303),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://trusted.example"}, 303),
    ],
)
def test_only_this_walls_own_pages_post_through_a_browser(
    post, settings, headers, status
):
    settings.CSRF_TRUSTED_ORIGINS = ["https://trusted.example"]
    response = post("My text", headers=headers)
    assert response.status_code == status
    assert Message.objects.count() == (status == 303)
    if status == 403:
        assert "This was sent from another site." in response.text
        assert "My text</textarea>" in response.text


# Bodies


@pytest.mark.parametrize("order", ["file first", "text first"])
def test_a_file_in_a_post_is_passed_over_and_the_text_beside_it_kept(client, db, order):
    fields = [("file", SimpleUploadedFile("f.bin", b"x" * 9000)), ("content", "kept")]
    fields = dict(fields if order == "file first" else reversed(fields))
    assert client.post("/", fields).status_code == 303
    assert Message.objects.get().content == "kept"


FORM = "application/x-www-form-urlencoded"


def test_a_body_far_too_large_is_told_so_at_the_form(client, db):
    response = client.generic("POST", "/", "content=" + "x" * 3_000_000, FORM)
    assert response.status_code == 413
    assert "This is far more than the wall takes." in response.text


def test_text_in_another_encoding_is_refused_not_stored_damaged(client, db):
    response = client.generic("POST", "/", b"content=caf%E9", FORM)
    assert response.status_code == 400
    assert not Message.objects.exists()


@pytest.mark.parametrize("charset", ["idna", "punycode", "utf-7", "utf-16", "unknown"])
def test_no_declared_encoding_makes_a_500(client, db, charset):
    for kind in [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b",
    ]:
        body = (
            b"content=%ed%a0%80+AGE-"
            if "url" in kind
            else (
                b'--b\r\nContent-Disposition: form-data; name="content"\r\n\r\n+AGE-\xff\r\n--b--\r\n'
            )
        )
        response = client.generic(
            "POST", "/", body, content_type=f"{kind}; charset={charset}"
        )
        assert response.status_code in {303, 400, 422}


def test_a_post_that_cannot_be_stored_is_503_with_the_text_kept(
    client, database_away, make_message, page
):
    make_message("already here")
    page()  # the wall is cached
    with database_away():
        response = client.post("/", {"content": "My text", "form_key": form_key.new()})
    assert response.status_code == 503
    assert response["Retry-After"]
    assert "The wall cannot store anything right now." in response.text
    assert "already here" in response.text
    assert "My text</textarea>" in response.text


def test_other_methods_are_not_for_the_wall(client, db):
    response = client.put("/")
    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD, POST"
