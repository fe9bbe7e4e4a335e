"""How often something may be done, and what is told to who does it more often."""

import re
import threading
from contextlib import suppress

import pytest
from django.db import OperationalError

from config.env import Environment
from messages_app import form_key, throttle
from messages_app.models import Message


@pytest.fixture
def rate(settings):
    """Return a function that sets how often something may be done."""

    def allow(action, told):
        rates = Environment({"R": told}).rates("R", "off")
        settings.RATES = {**settings.RATES, action: rates}

    return allow


def test_one_post_too_many_is_429_with_the_text_kept_and_when_to_try_again(post, rate):
    rate("post", "2/minute")
    assert [post(f"number {n}").status_code for n in range(3)] == [303, 303, 429]
    refused = post("my text", author_name="Ada", form_key=(key := form_key.new()))
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 120
    assert re.search(r"That was a lot in a short time. Try again in \d+ ", refused.text)
    assert "my text</textarea>" in refused.text
    assert 'value="Ada"' in refused.text
    assert key in refused.text
    assert Message.objects.count() == 2


def test_one_search_too_many_is_429_with_the_words_kept(client, page, rate):
    rate("search", "2/minute")
    for address in ["/?q=here", "/?q=here&before=0-0", "/?q=", "/?q=" + "x" * 101]:
        page(address)
    refused = client.get("/?q=here")
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 120
    assert re.search(r"That was a lot in a short time. Try again in \d+ ", refused.text)
    assert 'name="q" value="here"' in refused.text
    assert "viewed 4 times." in page()


def test_another_sender_may_go_on(client, db, rate):
    rate("post", "1/minute")
    for address, status in [("192.0.2.1", 303), ("192.0.2.1", 429), ("192.0.2.2", 303)]:
        sent = {"content": f"{address} {status}"}
        assert client.post("/", sent, REMOTE_ADDR=address).status_code == status


def test_no_header_makes_another_sender_of_one(post, rate):
    rate("post", "1/minute")
    statuses = [
        post(f"{n}", headers={"X-Forwarded-For": f"192.0.2.{n}"}).status_code
        for n in range(3)
    ]
    assert statuses == [303, 429, 429]


def test_all_together_have_a_rate_too(client, db, rate):
    rate("post", "9/minute, all 2/minute")
    answers = [
        client.post("/", {"content": f"{n}"}, REMOTE_ADDR=f"192.0.2.{n}")
        for n in range(3)
    ]
    assert [answer.status_code for answer in answers] == [303, 303, 429]
    assert "The wall has very much to do just now." in answers[-1].text


def test_who_is_refused_for_all_has_not_used_up_their_own(rate):
    rate("post", "1/minute, all 1/minute")
    throttle.take("post", b"a")
    with pytest.raises(throttle.TooMany) as refused:
        throttle.take("post", b"b")
    assert refused.value.by_all
    rate("post", "1/minute")
    throttle.take("post", b"b")


def test_only_accepted_posts_count(post, rate):
    rate("post", "1/minute")
    assert [post("").status_code for _ in range(3)] == [422] * 3
    assert post("at last").status_code == 303


def test_a_double_click_counts_once(post, client, rate):
    rate("post", "2/minute")
    form = {"content": "Once", "form_key": form_key.new()}
    post(**form)
    client.cookies.clear()
    post(**form)
    assert post("another").status_code == 303


def test_a_resend_of_what_is_stored_is_answered_like_the_first(post, client, rate):
    rate("post", "1/minute")
    rate("attempt", "1/minute")
    form = {"content": "Once", "form_key": form_key.new()}
    first = post(**form)
    client.cookies.clear()
    second = post(**form)
    assert (second.status_code, second["Location"]) == (303, first["Location"])
    assert Message.objects.count() == 1


def test_what_could_not_be_stored_does_not_count(post, rate, monkeypatch):
    rate("post", "1/minute")

    def fail(*args, **kwargs):
        raise OperationalError("away")

    with monkeypatch.context() as patch:
        patch.setattr(Message, "save", fail)
        assert post("try").status_code == 503
    assert post("try").status_code == 303


def test_attempts_have_a_wider_rate_of_their_own(post, rate):
    rate("attempt", "3/minute")
    assert [post("").status_code for _ in range(4)] == [422, 422, 422, 429]
    assert "a good text</textarea>" in post("a good text").text


def test_a_long_wait_is_told_in_minutes(post, monkeypatch):
    def refuse(*whose):
        raise throttle.TooMany(3_000, by_all=False)

    monkeypatch.setattr(throttle, "take", refuse)
    assert "Try again in 50 minutes." in post("two").text


def test_off_is_no_limit(post, rate):
    rate("post", "off")
    assert [post(f"{n}").status_code for n in range(15)] == [303] * 15


def test_of_many_at_once_exactly_as_many_as_allowed_get_through(rate):
    rate("post", "10/hour")
    taken = []

    def take():
        with suppress(throttle.TooMany):
            taken.append(throttle.take("post", b"x"))

    threads = [threading.Thread(target=take) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 10
