"""How moderators come in, stay in and go, and how strangers are kept out."""

import logging
import re
import time

import pytest
from django.contrib.auth import hashers
from django.contrib.sessions.models import Session
from django.test import Client

from config.env import Environment

SIGN_IN = "/admin/login/"


@pytest.fixture
def moderator(django_user_model, db):
    return django_user_model.objects.create_user("Mo", password="right", is_staff=True)


@pytest.fixture
def sign_in(moderator):
    """Return a function that tries to sign in, from a new browser unless one is given."""

    def send(password, *, name="Mo", client=None, address="192.0.2.1", **fields):
        form = {"username": name, "password": password, **fields}
        return (client or Client()).post(SIGN_IN, form, REMOTE_ADDR=address)

    return send


@pytest.fixture
def rate(settings):
    """Return a function that sets how often signing in may fail."""

    def allow(told):
        rates = Environment({"R": told}).rates("R", "off")
        known = rates._replace(all=[])
        own = {"sign-in": rates, "sign-in from a known browser": known}
        settings.RATES = {**settings.RATES, **own}

    return allow


def is_in(client):
    return client.get("/admin/").status_code == 200


def test_who_has_the_password_comes_in_and_others_are_told_no(sign_in, client):
    assert sign_in("wrong").status_code == 200
    response = sign_in("right", client=client)
    assert (response.status_code, response["Location"]) == (302, "/admin/")
    assert is_in(client)


def test_one_failure_too_many_is_429_and_no_password_is_looked_at(
    sign_in, rate, monkeypatch
):
    rate("2/minute")
    for _ in range(2):
        assert sign_in("wrong").status_code == 200
    looked_at = []
    check = hashers.verify_password
    monkeypatch.setattr(
        hashers, "verify_password", lambda *a: looked_at.append(1) or check(*a)
    )
    refused = sign_in("right")
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 120
    assert re.search(r"That was a lot in a short time. Try again in \d+ ", refused.text)
    assert 'name="password"' in refused.text
    assert not looked_at


def test_a_sender_who_tries_many_names_is_stopped(sign_in, rate):
    rate("2/minute")
    statuses = [sign_in("x", name=f"name{n}").status_code for n in range(3)]
    assert statuses == [200, 200, 429]
    assert sign_in("x", name="name9", address="192.0.2.2").status_code == 200


def test_many_senders_who_try_one_name_are_stopped(sign_in, rate):
    rate("2/minute")
    names = ["Mo", "mo", "MO"]
    statuses = [
        sign_in("x", name=name, address=f"192.0.2.{n}").status_code
        for n, name in enumerate(names)
    ]
    assert statuses == [200, 200, 429]


def test_many_senders_who_try_many_names_are_stopped(sign_in, rate):
    rate("9/minute, all 2/minute")
    statuses = [
        sign_in("x", name=f"name{n}", address=f"192.0.2.{n}").status_code
        for n in range(3)
    ]
    assert statuses == [200, 200, 429]


@pytest.mark.parametrize("address", ["192.0.2.1", "192.0.2.9"])
def test_no_stranger_keeps_out_who_was_in_before(sign_in, rate, client, address):
    """Neither from elsewhere nor from the same network."""
    rate("2/minute, all 4/minute")
    sign_in("right", client=client)
    client.post("/admin/logout/")
    for n in range(9):
        sign_in("wrong", address=address)
        sign_in("wrong", name=f"name{n}", address=f"192.0.2.{n}")
    assert sign_in("right").status_code == 429
    assert sign_in("right", client=client).status_code == 302


def test_a_known_browser_may_not_guess_either(sign_in, rate, client):
    rate("2/minute")
    sign_in("right", client=client)
    statuses = [sign_in("wrong", client=client).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


@pytest.mark.parametrize("spoil", ["another account", "forged"])
def test_a_browser_is_known_for_its_own_account_and_by_our_word(
    sign_in, rate, client, spoil, django_user_model
):
    django_user_model.objects.create_user("Eve", password="own", is_staff=True)
    rate("1/minute")
    sign_in("own", name="Eve", client=client)
    if spoil == "forged":
        client.cookies["known"] = client.cookies["known"].value[:-1] + "x"
    sign_in("wrong")
    assert sign_in("right", client=client, address="192.0.2.2").status_code == 429


def test_a_success_gives_back_what_was_counted(sign_in, rate):
    rate("1/minute")
    assert [sign_in("right").status_code for _ in range(3)] == [302] * 3


def test_what_is_incomplete_is_no_attempt(sign_in, rate):
    rate("1/minute")
    assert [sign_in("").status_code for _ in range(3)] == [200] * 3
    assert sign_in("right").status_code == 302


def test_while_the_database_is_away_signing_in_says_so_and_does_not_count(
    sign_in, rate, database_away, client
):
    rate("1/minute")
    sign_in("right")  # the salts are known
    with database_away():
        response = sign_in("right", client=client)
    assert response.status_code == 503
    assert "The database is away" in response.text
    assert sign_in("right", client=client).status_code == 302


def test_a_failure_is_logged_without_name_and_address(sign_in, caplog):
    with caplog.at_level(logging.DEBUG):
        sign_in("wrong", name="my password, mistyped", address="192.0.2.77")
    assert "Somebody failed to sign in." in caplog.text
    assert "mistyped" not in caplog.text
    assert "192.0.2.77" not in caplog.text


def test_the_cookies_of_a_moderator_are_closed_to_scripts_and_other_sites(
    sign_in, client
):
    sign_in("right", client=client)
    session, known = client.cookies["sessionid"], client.cookies["known"]
    assert session["httponly"]
    assert known["httponly"]
    assert (session["samesite"], known["samesite"]) == ("Lax", "Strict")
    assert known["path"] == "/admin/"
    assert "Mo" not in known.value


def test_a_session_ends_with_the_browser_and_after_twelve_hours(sign_in, client):
    sign_in("right", client=client)
    assert client.cookies["sessionid"]["max-age"] == ""
    left = Session.objects.get().expire_date.timestamp() - time.time()
    assert 43_100 < left <= 43_200


def test_looking_at_the_desk_does_not_lengthen_a_session(sign_in, client):
    sign_in("right", client=client)
    before = Session.objects.get().expire_date
    assert is_in(client)
    assert Session.objects.get().expire_date == before


def test_changing_the_password_ends_the_other_sessions(sign_in):
    own, other = Client(), Client()
    for client in (own, other):
        sign_in("right", client=client)
    new = "a new one, quite long"
    form = {"old_password": "right", "new_password1": new, "new_password2": new}
    assert own.post("/admin/password_change/", form).status_code == 302
    assert is_in(own)
    assert not is_in(other)


def test_signing_out_is_a_post_and_ends_the_session(sign_in, client):
    sign_in("right", client=client)
    assert client.get("/admin/logout/").status_code == 405
    assert is_in(client)
    assert client.post("/admin/logout/").status_code == 200
    assert not is_in(client)
    assert not Session.objects.exists()


def test_who_is_no_longer_staff_is_out_at_once(sign_in, client, moderator):
    sign_in("right", client=client)
    moderator.is_staff = False
    moderator.save()
    assert not is_in(client)


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", ""],
)
def test_signing_in_leads_to_no_other_site(sign_in, elsewhere):
    assert sign_in("right", next=elsewhere)["Location"] == "/admin/"


def test_signing_in_leads_to_the_page_that_was_asked_for(sign_in):
    asked_for = "/admin/messages_app/message/?status__exact=held"
    assert sign_in("right", next=asked_for)["Location"] == asked_for
