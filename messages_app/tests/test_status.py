from types import SimpleNamespace

import pytest

from messages_app import status


def test_two_requests_within_ten_seconds_get_one_timestamp(client, monkeypatch):
    first = client.get("/status").json()
    monkeypatch.setattr("django.utils.timezone.now", lambda: pytest.fail("asked again"))
    second = client.get("/status").json()
    assert (first["cache"], second["cache"]) == ("miss", "hit")
    assert first["timestamp"] == second["timestamp"]
    assert first["timestamp"].endswith("+00:00")


def test_the_timestamp_is_kept_for_ten_seconds(client, seconds_left):
    client.get("/status")
    assert 8 <= seconds_left(status.STATUS_KEY) <= 10


def test_of_two_that_both_found_nothing_the_later_takes_the_earlier_ones(monkeypatch):
    found = iter([None, "2026-01-01T00:00:00+00:00"])
    faster_elsewhere = SimpleNamespace(
        get=lambda k: next(found), add=lambda *a, **k: False
    )
    monkeypatch.setattr(status, "cache", faster_elsewhere)
    assert status.current() == status.Status("2026-01-01T00:00:00+00:00", "hit")


def test_without_a_cache_the_time_is_now_and_says_so(monkeypatch):
    away = SimpleNamespace(get=lambda key: None, add=lambda *a, **k: False)
    monkeypatch.setattr(status, "cache", away)
    assert status.current().cache == "unavailable"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("image/png", "application/json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
    ],
)
def test_it_is_json_unless_a_browser_asks(client, accept, kind):
    response = client.get("/status", headers={"Accept": accept} if accept else {})
    assert response["Content-Type"] == kind
    assert "no-store" in response["Cache-Control"]
    assert "Accept" in response["Vary"]


def test_a_browser_is_shown_the_same_time(client):
    timestamp = client.get("/status").json()["timestamp"]
    html = client.get("/status", headers={"Accept": "text/html"}).text
    assert f'<time datetime="{timestamp}">' in html
    assert "That time came from the cache" in html
