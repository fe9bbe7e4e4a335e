"""What the wall asks of PostgreSQL, and what it does when there is no answer."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from psycopg.errors import ConnectionTimeout

from messages_app import page_views, reports
from messages_app.archive import arrivals
from messages_app.archive.lines import Line
from messages_app.breaker import Breaker
from messages_app.models import Message, PageViewTotal, Report
from messages_app.postgresql import base


@pytest.fixture(autouse=True)
def own_breaker(monkeypatch):
    monkeypatch.setattr(base, "breaker", Breaker("PostgreSQL"))


def ask(sql, on=connection):
    with on.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


@pytest.fixture
def other(db):
    """A second connection to the test's database, as another thread has."""
    other = connection.copy()
    yield other
    other.close()


def test_queries_and_locks_have_a_limit(other):
    assert ask("SHOW statement_timeout", other) == "5s"
    assert ask("SHOW lock_timeout", other) == "2s"


def test_a_migration_takes_its_time_but_waits_for_no_lock(other):
    with other.without_limit():
        assert ask("SHOW statement_timeout", other) == "0"
        assert ask("SHOW lock_timeout", other) == "2s"
        assert other.connection.patience is None
    assert ask("SHOW statement_timeout", other) == "5s"
    assert other.connection.patience == base.PATIENCE_SECONDS


def test_there_are_threads_left_when_all_connections_are_in_use():
    settings = connection.settings_dict["OPTIONS"]["pool"]
    assert settings["max_size"] == 6  # of 8 threads


def test_a_server_that_is_slow_but_lets_others_in_is_waited_for(other, monkeypatch):
    monkeypatch.setattr(base, "SLOW_SECONDS", 0.05)
    assert ask("SELECT 7 FROM pg_sleep(0.2)", other) == 7


def test_a_statement_that_is_long_on_its_way_is_waited_for(other, monkeypatch):
    ask("SELECT 1", other)
    monkeypatch.setattr(base, "SLOW_SECONDS", 0.0001)
    with other.cursor() as cursor:
        cursor.execute("SELECT length(%s)", ["x" * 50_000_000])
        assert cursor.fetchone() == (50_000_000,)


def test_a_server_that_lets_nobody_in_is_given_up(other, monkeypatch):
    ask("SELECT 1", other)
    monkeypatch.setattr(base, "SLOW_SECONDS", 0.05)

    def refuse(**parameters):
        raise ConnectionTimeout("connection timeout expired")

    monkeypatch.setattr(base.psycopg, "connect", refuse)
    with pytest.raises(OperationalError, match="connection timeout expired"):
        ask("SELECT 1 FROM pg_sleep(30)", other)
    assert base.breaker.is_open
    assert other.connection.closed


def test_one_that_is_full_is_waited_for_by_who_is_in(other, monkeypatch):
    ask("SELECT 1", other)
    monkeypatch.setattr(base, "SLOW_SECONDS", 0.05)

    def refuse(**parameters):
        raise psycopg.OperationalError("FATAL: sorry, too many clients already")

    monkeypatch.setattr(base.psycopg, "connect", refuse)
    assert ask("SELECT 7 FROM pg_sleep(0.2)", other) == 7
    assert not base.breaker.is_open


def test_one_that_lets_others_in_but_never_answers_is_given_up(other, monkeypatch):
    ask("SELECT 1", other)
    monkeypatch.setattr(base, "SLOW_SECONDS", 0.05)
    other.connection.patience = 0.1
    with pytest.raises(OperationalError):
        ask("SELECT 1 FROM pg_sleep(30)", other)
    assert other.connection.closed


@pytest.fixture
def nowhere():
    """A connection to a server that is not there."""
    elsewhere = connection.copy(alias="nowhere")
    elsewhere.settings_dict.update(HOST="127.0.0.1", PORT="1")
    yield elsewhere
    elsewhere.close_pool()


def test_a_dead_server_is_told_with_its_host_and_asked_once_a_second(
    nowhere, monkeypatch
):
    with pytest.raises(psycopg.OperationalError, match=r"127\.0\.0\.1.*port 1"):
        nowhere.get_new_connection(nowhere.get_connection_params())
    monkeypatch.setattr(base.DatabaseWrapper, "pool", None)  # not asked again
    with pytest.raises(psycopg.OperationalError, match=r"127\.0\.0\.1.*port 1"):
        nowhere.get_new_connection(nowhere.get_connection_params())


def test_a_server_that_failed_is_believed_when_it_answers_a_query(
    other, monkeypatch, caplog
):
    ask("SELECT 1", other)
    other.close()  # its connection is in the pool, and open
    base.breaker.failed("it hangs")
    base.breaker.asked_at -= 1
    with monkeypatch.context() as patch:

        def hang(*args):
            raise psycopg.OperationalError("no answer")

        patch.setattr(base.Connection, "execute", hang)
        with pytest.raises(OperationalError, match="no answer"):
            other.ensure_connection()
    assert base.breaker.is_open
    assert "answers again" not in caplog.text
    base.breaker.asked_at -= 1
    assert ask("SELECT 7", other) == 7
    assert not base.breaker.is_open


@pytest.mark.django_db(transaction=True)
def test_a_restarted_server_costs_no_visitor_an_error(client, make_message):
    others = [connection.copy() for _ in range(4)]
    for other in others:
        ask("SELECT 1", other)
    for other in [connection, *others]:
        other.close()  # gives it back to the pool
    with psycopg.connect(**connection.get_connection_params()) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    begin = time.monotonic()
    assert client.get("/").status_code == 200
    # Not a measurement: the pool's own way round dead connections fails after this.
    assert time.monotonic() - begin < 0.9


@pytest.mark.django_db(transaction=True)
def test_a_read_only_server_answers_503_to_who_would_write(
    admin_client, client, make_message
):
    make_message("still here")
    number = Message.objects.get().id
    address = "/admin/messages_app/message/"
    admin_client.raise_request_exception = False
    shown_at = timezone.now().isoformat()
    form = {"index": "hide", "days": "7", "shown_at": shown_at}
    form["_selected_action"] = number
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    try:
        assert "still here" in admin_client.get("/").text
        answers = [
            admin_client.post(address, form),
            admin_client.post(f"{address}{number}/delete/", {"post": "yes"}),
            admin_client.post("/admin/logout/"),
            client.post("/", {"content": "no"}),
            client.post("/admin/login/", {"username": "admin", "password": "password"}),
        ]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET default_transaction_read_only")
    assert [answer.status_code for answer in answers] == [503] * len(answers)


@pytest.mark.django_db(transaction=True)
def test_of_reports_at_once_none_is_missed_and_an_erasure_among_them_succeeds():
    message = Message.objects.create(content="Buy now")

    def report(number):
        try:
            stored = Report(message_id=message.pk, reason="spam")
            try:
                return reports.store(stored, [bytes([number]) * 16])
            except Message.DoesNotExist:  # erased meanwhile
                return False
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(report, range(3))) == [True] * 3
    message.refresh_from_db()
    assert message.status == "held"

    def erase(_):
        try:
            return Message.objects.filter(pk=message.pk).delete()[0] > 0
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        reported = [pool.submit(report, number) for number in range(10, 20)]
        assert pool.submit(erase, None).result()
        assert {found.result() for found in reported} <= {True, False}
    assert not Report.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_fold_under_way_does_not_bring_back_the_number_before(monkeypatch):
    PageViewTotal.objects.create(total=1000)
    page_views.write_counter(1001)

    def set_number():
        page_views.set_to(5)
        connection.close()

    setting = threading.Thread(target=set_number)
    read_counter = page_views.read_counter

    def read_slowly():
        count = read_counter()
        monkeypatch.setattr(page_views, "read_counter", read_counter)
        setting.start()
        setting.join(0.3)
        return count

    monkeypatch.setattr(page_views, "read_counter", read_slowly)
    page_views.fold()
    setting.join()
    page_views.fold()
    assert page_views.read() == 5


def test_whether_rows_of_a_file_are_new_is_not_asked_of_all_that_arrived(db):
    rows = (Message(content=f"{n}") for n in range(5_000))
    last = Message.objects.bulk_create(rows)[-1].pk
    line = {"id": last + 1, "content": "new", "created_at": "2026-01-31"}
    arrival = arrivals.read(Line(1, b"", line), arrivals.EqualRows())
    scans = (
        "SELECT seq_scan FROM pg_stat_xact_user_tables"
        " WHERE relname = 'messages_app_message'"
    )
    before = ask(scans, connection)
    assert arrivals.are_beyond_all([arrival])
    assert ask(scans, connection) == before
