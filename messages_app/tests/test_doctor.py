"""What an operator is told by `doctor`: what is wrong, and the line that mends it."""

import json
import re
import shutil
import time
from io import StringIO
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from messages_app import diagnosis, health
from messages_app.models import Notice
from messages_app.tests.test_commands import manage

pytestmark = pytest.mark.django_db


def run(**options):
    """Return what it says, and how it ended."""
    said = StringIO()
    try:
        call_command("doctor", stdout=said, no_color=True, **options)
    except CommandError as error:
        return said.getvalue(), f"{error} ({error.returncode})"
    return said.getvalue(), "0"


def test_a_wall_that_is_well_has_no_failure_and_is_left_as_it_was():
    said, ended = run()
    assert ended == "0"
    assert "ok       database: " in said
    assert "ok       indexes: " in said
    assert not re.search("^failure", said, re.MULTILINE)
    assert not Notice.objects.exists()


def test_a_program_is_given_one_object():
    said, _ = run(is_json=True)
    told = json.loads(said)
    assert told["state"] in {"ok", "warning"}
    assert {"database", "migrations", "indexes", "cache", "hosts"} <= {
        finding["name"] for finding in told["findings"]
    }


def test_what_is_away_or_weak_is_told_with_what_mends_it():
    status, said = manage(
        "doctor",
        DATABASE_URL="postgres://wall:hush@127.0.0.1:1/wall",
        REDIS_URL="redis://:hush@127.0.0.1:1/0",
        EMAIL_URL="smtp://wall:hush@127.0.0.1:1",
        SECRET_KEY="short",
    )
    assert status == 1
    failures = re.findall(r"^failure +(\S+): .+\n +\S+", said, re.MULTILINE)
    assert failures == ["database", "cache", "e-mail", "security.W009"]
    assert "4 to mend." in said
    assert "hush" not in said
    assert "Traceback" not in said


def test_a_missing_index_is_told_with_the_statement_that_makes_it():
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX message_waiting")
    said, ended = run()
    assert "The index message_waiting is missing" in said
    assert re.search('CREATE INDEX.* "message_waiting" ON "messages_app_message"', said)
    assert ended == "1 to mend. (1)"


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="it has no such index")
def test_an_index_whose_making_was_broken_off_is_told():
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE pg_index SET indisvalid = false "
            "WHERE indexrelid = 'message_all_words'::regclass"
        )
    said, ended = run()
    mend = "DROP INDEX CONCURRENTLY IF EXISTS message_all_words; CREATE INDEX CONCURREN"
    assert mend in said
    assert ended == "1 to mend. (1)"


def test_missing_migrations_are_told(monkeypatch):
    monkeypatch.setattr(health, "missing_migrations", lambda: ["messages_app.0009_new"])
    said, ended = run()
    assert "1 migration is missing, from messages_app.0009_new on.\n" in said
    assert "         manage.py migrate\n" in said
    assert ended == "1 to mend. (1)"


@pytest.mark.parametrize(
    ("limit", "policy", "state"),
    [
        (0, "noeviction", "ok"),
        (64, "volatile-lru", "ok"),
        (64, "noeviction", "warning"),
        (64, "allkeys-lru", "warning"),
    ],
)
def test_what_a_full_redis_would_drop_is_told(limit, policy, state):
    memory = {"maxmemory": limit, "maxmemory_policy": policy}
    [finding] = diagnosis.eviction(memory)
    assert finding.state == state
    assert ("volatile-lru" in finding.mend) == (state == "warning")


@pytest.mark.parametrize(("seconds", "state"), [(1, "ok"), (-3, "warning")])
def test_clocks_that_differ_are_told(seconds, state):
    [finding] = diagnosis.clock("Redis", time.time() + seconds)
    assert finding.state == state


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="a server has its own disk")
@pytest.mark.parametrize(
    ("megabytes", "state"), [(5_000, "ok"), (500, "warning"), (50, "failure")]
)
def test_a_disk_that_fills_is_told(megabytes, state, monkeypatch):
    usage = SimpleNamespace(free=megabytes * 1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    assert f"{state:8} disk: {megabytes:,} MB are free in" in run()[0]


@pytest.mark.parametrize(
    ("names", "proxies", "told"),
    [
        (["localhost"], 0, "ok       hosts: The wall answers to this machine only"),
        (["wall.example"], 1, "ok       hosts: The wall answers to wall.example"),
        (["wall.example"], 0, "warning  hosts: The wall answers to wall.example"),
        (["*"], 1, "warning  hosts: The wall answers to any name"),
    ],
)
def test_names_and_proxies_are_compared(names, proxies, told, settings):
    settings.ALLOWED_HOSTS, settings.TRUSTED_PROXIES = names, proxies
    assert told in run()[0]


FORWARDED = ("X-Forwarded-For", "198.51.100.1, 203.0.113.7")


@pytest.mark.parametrize(
    ("proxies", "headers", "told"),
    [
        (2, [FORWARDED], r"ok .* comes from 198\.51\.100\.1, by http"),
        (1, [FORWARDED], r"warning .* comes from 203\.0\.113\.7.* names 2"),
        (0, [FORWARDED], r"warning .* no proxy: .* comes from 10\.0\.0\.2"),
        (1, [("Via", "1.1 proxy")], r"ok .* comes from 10\.0\.0\.2"),
    ],
)
def test_where_a_request_would_come_from_is_told(proxies, headers, told, settings):
    settings.TRUSTED_PROXIES = proxies
    said, _ = run(headers=headers, remote_addr="10.0.0.2")
    assert re.match(told, said.partition("\n")[0])


@pytest.mark.parametrize(("scheme", "ended"), [("https", "0"), ("http", "1 to")])
def test_a_proxy_that_does_not_tell_of_https_is_told(scheme, ended, settings):
    settings.HTTPS, settings.TRUSTED_PROXIES = True, 1
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    headers = [("X-Forwarded-Proto", scheme), ("X-Forwarded-For", "203.0.113.7")]
    assert run(headers=headers)[1].startswith(ended)


def test_what_is_no_header_is_a_wrong_call():
    with pytest.raises(CommandError, match="is no header like"):
        call_command("doctor", "--header=X-Forwarded-For")
