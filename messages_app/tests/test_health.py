from types import SimpleNamespace

import pytest

from messages_app import health


@pytest.fixture(autouse=True)
def new_process(monkeypatch):
    monkeypatch.setattr(health, "_process", {"was_ready": False, "is_stopping": False})


def test_a_living_process_says_so_whatever_is_away(client, db, database_away):
    with database_away():
        response = client.get("/livez")
    assert (response.status_code, response.text) == (200, "ok\n")


def test_all_is_well(client, db):
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "database": "ok", "cache": "ok"}


def test_before_the_first_database_it_is_not_ready(client, database_away):
    with database_away():
        response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["status"] == "starting"
    assert response.json()["database"] == "away"


def test_without_its_migrations_it_is_not_ready(client, db, monkeypatch):
    monkeypatch.setattr(health, "missing_migrations", lambda: ["messages_app.0002"])
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["database"] == "migrations missing"


def test_a_database_that_dies_later_degrades_it(client, db, database_away):
    client.get("/readyz")
    with database_away():
        response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "degraded", "database": "away", "cache": "ok"}


def test_a_cache_that_dies_degrades_it(client, db, monkeypatch):
    forgetful = SimpleNamespace(set=lambda *a, **k: None, get=lambda key: None)
    monkeypatch.setattr(health, "cache", forgetful)
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "degraded", "database": "ok", "cache": "away"}


def test_a_process_that_was_told_to_end_is_not_ready(client, db):
    client.get("/readyz")
    health.stop()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["status"] == "stopping"
