"""Several processes on one PostgreSQL: which of them migrates, and which maintains."""

import os
import re
import secrets
import signal

import psycopg
import pytest
from django.db import connection

from messages_app import advisory_lock
from messages_app.tests.test_commands import Manage, manage


@pytest.fixture
def empty_database(db):
    """Make a database of the test's own; return the variables of a process on it."""
    name = f"wall_{secrets.token_hex(4)}"
    with psycopg.connect(
        **connection.get_connection_params(), autocommit=True
    ) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        url = os.environ["DATABASE_URL"].partition("?")[0].rpartition("/")[0]
        yield {"DATABASE_URL": f"{url}/{name}"}
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def connect_to(variables):
    name = variables["DATABASE_URL"].rpartition("/")[2]
    parameters = connection.get_connection_params() | {"dbname": name}
    return psycopg.connect(**parameters, autocommit=True)


def test_of_three_that_migrate_at_once_one_does_it_and_all_end_well(empty_database):
    ran = [Manage("migrate", **empty_database) for _ in range(3)]
    assert [one.end() for one in ran] == [0, 0, 0]
    applied = re.findall(r"Applying (\S+)\.\.\. OK", "".join(one.said for one in ran))
    assert "messages_app.0001_messages" in applied
    assert len(applied) == len(set(applied))
    with connect_to(empty_database) as other:
        rows = other.execute("SELECT count(*) FROM django_migrations").fetchone()
    assert rows == (len(applied),)


def test_each_migration_tells_how_long_it_took(empty_database):
    status, said = manage("migrate", **empty_database)
    assert status == 0
    assert re.search(r"0001_messages\.\.\. OK \(\d+\.\d+s\)", said)


def test_a_migration_lets_visitors_pass_while_its_table_is_in_use(empty_database):
    # Not from 0009 on: for an index it waits without a word.
    assert manage("migrate", "messages_app", "0008", **empty_database)[0] == 0
    with connect_to(empty_database) as other, other.transaction():
        other.execute("LOCK TABLE messages_app_message")
        ran = Manage("migrate", "messages_app", "zero", **empty_database)
        ran.wait_for("a table is in use, trying again")
        assert ran.process.poll() is None
    assert ran.end() == 0


def test_an_index_that_is_whole_is_not_built_again(empty_database):
    assert manage("migrate", **empty_database)[0] == 0
    number = "SELECT 'message_newest_published'::regclass::oid"
    with connect_to(empty_database) as other:
        before = other.execute(number).fetchone()
        # As after a start that was ended before it could write down what it did.
        other.execute("DELETE FROM django_migrations WHERE name LIKE '0009_index%'")
        assert manage("migrate", **empty_database)[0] == 0
        assert other.execute(number).fetchone() == before


def test_a_wall_that_is_written_meanwhile_gets_its_queue(empty_database):
    assert manage("migrate", "messages_app", "0004", **empty_database)[0] == 0
    with connect_to(empty_database) as other:
        hold = (
            "INSERT INTO messages_app_message (content, author_name, status, reason) "
            "VALUES (%s, '', 'held', '')"
        )
        other.execute(hold, ["by an older process"])
        assert manage("migrate", **empty_database)[0] == 0
        [waits] = other.execute(
            "SELECT waits_since = created_at FROM messages_app_message"
        ).fetchall()
        assert waits == (True,)
        [is_checked] = other.execute(
            "SELECT convalidated FROM pg_constraint WHERE conname = 'message_held_waits'"
        ).fetchall()
        assert is_checked == (True,)
        with pytest.raises(psycopg.errors.CheckViolation):
            other.execute(hold, ["and after"])


def test_a_migrate_that_finds_another_one_waits_for_it(empty_database):
    ran = None
    with connect_to(empty_database) as other:
        key = advisory_lock.key_of("migrate")
        other.execute("SELECT pg_advisory_lock(%s)", [key])
        ran = Manage("migrate", **empty_database)
        ran.wait_for("Another migrate is at work")
    assert ran.end() == 0  # the session ended, and its lock with it


def test_a_lock_that_never_gets_free_is_told(db):
    other = connection.copy()
    assert advisory_lock.take(other, "test")
    told = []
    with (
        pytest.raises(advisory_lock.NotFree),
        advisory_lock.held(
            connection, "test", seconds=0, tell=lambda: told.append(True)
        ),
    ):
        pass
    assert told == [True]
    advisory_lock.let_go(other, "test")
    other.close()


def test_of_two_loops_one_works_until_its_session_is_lost(empty_database):
    assert manage("migrate", **empty_database)[0] == 0
    first = Manage("maintain", "--loop", **empty_database)
    first.wait_for("At work.")
    second = Manage("maintain", "--loop", **empty_database)
    second.wait_for("standing by")
    assert "Another maintain is at work" in manage("maintain", **empty_database)[1]
    first.process.kill()
    first.end()
    second.wait_for("At work.")
    with connect_to(empty_database) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    second.wait_for("administrator command")
    second.process.send_signal(signal.SIGTERM)
    assert second.end() == 0
