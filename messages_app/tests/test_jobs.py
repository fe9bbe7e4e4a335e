"""What happens without a request: what is done, and that nothing stops it."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone

from messages_app import jobs
from messages_app.models import Notice, Rule, WallState
from messages_app.moderation import valve

pytestmark = pytest.mark.django_db


@pytest.fixture
def said():
    return []


@pytest.fixture
def loop_of(said, monkeypatch):
    """Return a function that makes a loop over tasks, in which all is always due."""
    monkeypatch.setattr(jobs, "let_go", lambda: None)  # of the test's own connection

    def make(*acts):
        return jobs.Loop([jobs.Task(act, 0) for act in acts], said.append)

    return make


def test_maintain_ends_floods_and_bans_and_empties_the_outbox():
    long_ago = timezone.now() - timedelta(days=1)
    WallState.objects.create(valve_mode="all", valve_at=long_ago)
    Notice.objects.create(kind="held")
    for kind, ends_at in [("sender", long_ago), ("word", long_ago), ("sender", None)]:
        Rule.objects.create(kind=kind, pattern="ab", expires_at=ends_at)
    call_command("maintain", stdout=StringIO())
    assert WallState.objects.get().valve_mode == ""
    assert not Notice.objects.exists()
    left = [(rule.kind, rule.expires_at) for rule in Rule.objects.order_by("pk")]
    assert left == [("word", long_ago), ("sender", None)]


def test_where_there_is_nothing_to_do_nothing_is_written():
    with connection.execute_wrapper(refuse_writing):
        for task in jobs.TASKS:
            task.act()


def refuse_writing(execute, sql, params, many, context):
    # Deleting nothing changes no file; these two do so on their own.
    is_clean_up = "django_session" in sql or "sendersalt" in sql
    assert sql.startswith("SELECT") or is_clean_up, sql
    return execute(sql, params, many, context)


def test_a_job_that_fails_stops_no_other_and_is_told_once(loop_of, said, caplog):
    done = []

    def fail():
        raise OperationalError("connection\nrefused")

    loop = loop_of(lambda: done.append("before"), fail)
    for _ in range(3):
        loop.tell_once(loop.try_a_round())
    [line] = said
    assert line.startswith("The database ")
    assert "connection" in line
    assert done == ["before"] * 3


def test_a_mistake_in_a_job_is_logged_and_the_loop_goes_on(loop_of, said, caplog):
    loop = loop_of(lambda: {}["as a bug would"])
    loop.tell_once(loop.try_a_round())
    assert said == ["A job failed: KeyError."]
    assert "Traceback" in caplog.text


def test_the_loop_does_what_is_due_and_ends_when_told_to(loop_of, said):
    loop = loop_of(lambda: loop.is_over.set(), lambda: said.append("too late"))
    loop.run()
    assert said == ["At work."]


def test_a_task_waits_for_its_time(said):
    done = []
    loop = jobs.Loop([jobs.Task(lambda: done.append(1), 3600)], said.append)
    loop.do_a_round()
    loop.do_a_round()
    assert done == [1]


def test_a_task_that_has_more_to_do_goes_on_after_the_others(said):
    tasks = [
        lambda: said.append("erased") or len(said) < 3,
        lambda: said.append("told"),
    ]
    loop = jobs.Loop([jobs.Task(act, 3600) for act in tasks], said.append)
    for _ in range(3):
        loop.do_a_round()
    assert said == ["erased", "told", "erased"]


def test_the_valve_is_looked_at_more_often_than_calm_lasts():
    (every,) = [task.every for task in jobs.TASKS if task.act == valve.calm]
    assert every <= 60
