"""The moderators' queue in a feed reader: who gets it, and what is never in it."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User

from messages_app import queue_feed

pytestmark = pytest.mark.django_db
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def moderator():
    user = User.objects.create_user("mod", password="first", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="change_message"))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def address(moderator):
    return f"/queue/{queue_feed.token(moderator)}/feed/"


def test_the_desk_shows_each_moderator_an_address_of_its_own(moderator, client):
    client.force_login(moderator)
    html = client.get("/admin/").text
    address = f"/queue/{queue_feed.token(moderator)}/feed/"
    assert f'<a href="{address}"' in html
    client.logout()
    assert client.get(address).status_code == 200


def test_staff_without_the_permission_is_shown_none(client):
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    assert "/queue/" not in client.get("/admin/").text


def test_it_tells_what_waits_newest_first_and_why(client, address, make_message):
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    make_message("New", status="held", reason="links")
    old = make_message(
        "Old words", author_name="Ada", waits_since=long_ago, report_count=2
    )
    make_message("Published")
    make_message("Hidden", status="hidden", waits_since=long_ago)
    feed = ET.fromstring(client.get(address).content)
    second, first = feed.findall(f"{ATOM}entry")
    assert first.find(f"{ATOM}title").text == f"Message {old.pk}"
    assert first.find(f"{ATOM}updated").text == "2026-01-01T00:00:00Z"
    assert "2 reports by visitors." in first.find(f"{ATOM}content").text
    assert second.find(f"{ATOM}content").text == "It holds many links."
    link = f"http://testserver/admin/messages_app/message/{old.pk}/change/"
    assert first.find(f"{ATOM}link").get("href") == link


def test_no_word_or_name_of_a_visitor_is_in_it(client, address, make_message):
    make_message("My words", author_name="Ada", status="held", reason="links")
    xml = client.get(address).text
    assert "My words" not in xml
    assert "Ada" not in xml


def test_a_reason_in_a_moderators_words_is_escaped(client, address, make_message):
    make_message(status="held", reason="<b>\x0b&")
    feed = ET.fromstring(client.get(address).content)
    assert feed.find(f"{ATOM}entry/{ATOM}content").text == "<b>\ufffd&"


def test_an_empty_queue_is_a_feed_too(client, address):
    assert ET.fromstring(client.get(address).content).findall(f"{ATOM}entry") == []


def test_it_holds_fifty_and_costs_two_queries(
    client, address, make_message, django_assert_num_queries
):
    began = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(52):
        make_message(
            f"{number}", status="held", waits_since=began + timedelta(hours=number)
        )
    with django_assert_num_queries(2):
        response = client.get(address)
    feed = ET.fromstring(response.content)
    assert len(feed.findall(f"{ATOM}entry")) == 50
    assert "2026-01-01T00:00:00Z" not in response.text
    newest = feed.find(f"{ATOM}entry/{ATOM}updated").text
    assert newest == feed.find(f"{ATOM}updated").text == "2026-01-03T03:00:00Z"


def test_it_is_kept_nowhere_and_asked_again_it_is_a_304(client, address):
    response = client.get(address)
    assert "no-store" in response["Cache-Control"]
    assert response["X-Robots-Tag"] == "noindex"
    same = client.get(address, headers={"If-None-Match": response["ETag"]})
    assert (same.status_code, same.content) == (304, b"")


@pytest.mark.parametrize(
    "change",
    [
        lambda user: user.set_password("second"),
        lambda user: setattr(user, "is_active", False),
        lambda user: setattr(user, "is_staff", False),
        lambda user: user.user_permissions.clear(),
    ],
)
def test_who_is_no_moderator_any_more_or_has_another_password_gets_none(
    client, address, moderator, change
):
    assert client.get(address).status_code == 200
    change(moderator)
    moderator.save()
    assert client.get(address).status_code == 404


@pytest.mark.parametrize(
    "token", ["x", "1", "1.", ".x", "999999999999999999.x", "9" * 40 + ".x", "١.x"]
)
def test_anything_else_is_a_404(client, moderator, token):
    assert client.get(f"/queue/{token}/feed/").status_code == 404


def test_one_moderators_signature_is_not_anothers(client, address, moderator):
    other = User.objects.create_superuser("root")
    forged = address.replace(f"/{moderator.pk}.", f"/{other.pk}.")
    assert client.get(forged).status_code == 404


def test_it_outlives_a_change_of_the_key(client, address, settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key of at least fifty characters for this test"
    assert client.get(address).status_code == 200
