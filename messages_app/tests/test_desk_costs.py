"""The desk on a large wall: which indexes PostgreSQL uses, and what each page costs."""

import re
import threading

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from messages_app import queue_feed, search
from messages_app.models import (
    Message,
    ModerationBatch,
    ModerationEvent,
)
from messages_app.moderation import acts, record
from messages_app.moderation.undo import undo

LIST = "/admin/messages_app/message/"
ACTS = "/admin/messages_app/moderationbatch/"
COUNT = 50_000
A = bytes.fromhex("a" * 32)
SPAMMERS = 40

# Of 50,000: 500 held, 100 reported, 500 hidden by a rule, 50 spam of 40 senders, ...
FILL = f"""
INSERT INTO messages_app_message (content, author_name, created_at, status, sender,
  is_kept, report_count, reason, status_before, is_edited_by_staff, waits_since)
SELECT
  CASE WHEN i % 1000 = 7 THEN 'Cheap watches ' ELSE 'Somebody says hello ' END || i,
  'Ada', now() - i * interval '1 minute',
  CASE i % 100 WHEN 3 THEN 'held' WHEN 5 THEN 'hidden' ELSE 'published' END,
  CASE WHEN i % 1000 = 7 THEN decode(md5((i / 1000 % {SPAMMERS})::text), 'hex')
       WHEN i % 500 = 9 THEN decode(repeat('a', 32), 'hex')
       ELSE decode(md5((i % 5000)::text), 'hex') END,
  false, CASE i % 500 WHEN 9 THEN 2 ELSE 0 END,
  CASE i % 100 WHEN 3 THEN 'links' WHEN 5 THEN 'word' ELSE '' END, '', false,
  CASE WHEN i % 100 = 3 OR i % 500 = 9 THEN now() - i * interval '1 minute' END
FROM generate_series(1, {COUNT}) AS i
"""


def fill():
    with connection.without_limit(), connection.cursor() as cursor:
        cursor.execute(FILL)
        cursor.execute("ANALYZE messages_app_message")


@pytest.fixture(scope="module")
def crowded(django_db_setup, django_db_blocker):
    """A wall of 50,000 messages."""
    with django_db_blocker.unblock():
        fill()
        yield
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE messages_app_message CASCADE")


@pytest.fixture
def desk(crowded, db, client):
    """Return a function that opens a page of the desk; gives it and its queries."""
    client.force_login(User.objects.create_superuser("root"))
    for model in Message, ModerationBatch:  # a process remembers them
        ContentType.objects.get_for_model(model)

    def open_page(address):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            response = client.get(address)
        assert response.status_code == 200
        return response.text, [query["sql"] for query in queries]

    return open_page


def plan_of(sql):
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + sql)
        return "\n".join(line for (line,) in cursor.fetchall())


SENDER = f"sender={A.hex()}"
LISTS = {
    "": "message_waiting",
    "status=all": "message_newest",
    "status=published": "message_newest_published",
    "status=held": "message_newest_held",
    "status=hidden": "message_newest_hidden",
    "status=withdrawn": "message_newest_withdrawn",
    "posted=hour": "message_",
    "status=all&posted=day": "message_newest",
    "status=all&posted=month": "message_newest",
    "reason=links": "message_",
    "status=all&reason=word": "message_newest_of_reason",
    "status=all&reported=yes": "message_newest_reported",
    SENDER: "message_newest_of_sender",
    f"{SENDER}&posted=week": "message_newest_of_sender",
    "status=hidden&reason=word": "message_newest_of_",
    "status=all&p=3": "message_newest",
}


@pytest.mark.parametrize("question", LISTS)
def test_each_list_is_two_queries_that_an_index_serves(desk, question):
    html, queries = desk(f"{LIST}?{question}")
    assert len(queries) == 5  # session, user, latest act; page's end, page
    if question not in {"status=withdrawn", "posted=hour"}:
        assert 'name="_selected_action"' in html
    for sql in queries[-2:]:
        plan = plan_of(sql)
        assert LISTS[question] in plan
        assert "Seq Scan" not in plan
    with connection.cursor() as cursor:  # which it is not once the table was vacuumed
        cursor.execute("SET LOCAL enable_bitmapscan = off")
    assert "Index Only Scan using message_newest_of_sender" in plan_of(sql)


@pytest.mark.parametrize(
    ("words", "found", "count"),
    [
        ("cheap watches", 50, 13),
        ("watches&status=hidden", 0, 13),
        ("hello", 50, 14),
        ("lo", 50, 9),
    ],
)
def test_each_search_is_bounded(desk, words, found, count, monkeypatch):
    monkeypatch.setattr(search, "COMMON", 10_000)  # as with more messages
    html, queries = desk(f"{LIST}?q={words}")
    assert html.count('name="_selected_action"') == found
    assert len(queries) == count
    for sql in queries:
        if "messages_app_message" in sql and not sql.startswith("EXPLAIN"):
            assert "LIMIT" in sql or " IN (" in sql or "created_at" in sql


def test_the_feed_of_the_queue_is_read_from_the_index(crowded, db):
    with CaptureQueriesContext(connection) as queries:
        queue_feed.render("https://wall.example")
    (query,) = queries
    plan = plan_of(query["sql"])
    assert "Index Scan Backward using message_waiting" in plan
    assert "Sort" not in plan


def test_a_rare_word_is_gathered_by_the_index(desk):
    _, queries = desk(f"{LIST}?q=watches")
    (explained,) = [sql for sql in queries if sql.startswith("EXPLAIN")]
    search_query = explained.partition(") ")[2]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(search.BY_INDEX)
        assert "message_all_words" in plan_of(search_query)


def test_one_message_and_its_history_cost_the_same_however_large_the_wall(desk):
    message = Message.objects.filter(sender=A)[0]
    acts.finish(acts.hide(Message.objects.filter(pk=message.pk), actor="mod"))
    _, queries = desk(f"{LIST}{message.pk}/change/")
    # session, user, message, last decision; sender, earlier words, 3 newer, 3 older,
    # reports
    assert len(queries) == 9
    for sql in queries[2:]:
        assert "Seq Scan on messages_app_message" not in plan_of(sql)
    html, queries = desk(f"{LIST}{message.pk}/history/")
    assert "Hidden" in html
    assert len(queries) == 4  # session, user, message, events


def test_acts_cost_the_same_however_many_messages(desk):
    batch = acts.finish(acts.hide(Message.objects.filter(status="held"), actor="mod"))
    assert len(desk(ACTS)[1]) == 4  # session, user, page's end, page
    html, queries = desk(f"{ACTS}{batch.pk}/change/")
    assert html.count('class="near"') == 100
    # session, user, twice the act, events, messages
    assert len(queries) == 6


def chunk_queries(progress):
    with CaptureQueriesContext(connection) as queries:
        next(progress)
    locking = [q["sql"] for q in queries if "FOR UPDATE" in q["sql"]]
    return [sql for sql in locking if 'FROM "messages_app_message"' in sql]


@pytest.mark.parametrize(
    "chosen",
    [
        lambda: Message.objects.all(),
        lambda: Message.objects.waiting(),
        lambda: Message.objects.filter(status="hidden"),
        lambda: Message.objects.filter(sender=A),
        lambda: Message.objects.filter(reason="word"),
        lambda: Message.objects.filter(report_count__gt=0),
        lambda: record.as_seen(Message.objects.all(), timezone.now()),
    ],
)
def test_each_chunk_of_an_act_is_found_by_an_index(crowded, db, chosen):
    (sql,) = chunk_queries(acts.hide(chosen(), actor="mod"))
    plan = plan_of(sql)
    assert "message_" in plan
    assert "Seq Scan" not in plan


def state():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT md5(string_agg(concat_ws('|', id, status, reason, is_kept, "
            "waits_since), ',' ORDER BY id)) FROM messages_app_message"
        )
        return cursor.fetchone()


@pytest.mark.django_db(transaction=True)
def test_fifty_thousand_are_hidden_from_the_list_and_given_back(client):
    fill()
    client.force_login(User.objects.create_superuser("root"))
    before = state()
    html = client.get(f"{LIST}?status=all").text
    form = {
        "index": "hide",
        "select_across": "on",
        "is_confirmed": "on",
        "days": "7",
        "reason": "Flood",
    }
    form["shown_at"] = re.search(r'name="shown_at" value="([^"]+)"', html)[1]
    response = client.post(f"{LIST}?status=all", form)
    html = b"".join(response.streaming_content).decode()
    hidden = COUNT - Message.objects.filter(reason="word").count()
    assert f"You hid {hidden:,} messages." in html
    assert not Message.objects.visible().exists()
    batch = ModerationBatch.objects.get()
    assert batch.events.count() == hidden
    with connection.cursor() as cursor:  # as PostgreSQL does by itself in a minute
        cursor.execute("ANALYZE messages_app_moderationevent")
    response = client.post(f"{ACTS}{batch.pk}/undo/", {"next": LIST})
    html = b"".join(response.streaming_content).decode()
    assert f"Undone: {hidden:,} messages are as they were before." in html
    assert state() == before


def in_threads(*jobs):
    """Run the jobs at once, each on a connection of its own; raise what they raise."""
    errors, gate = [], threading.Barrier(len(jobs))

    def run(job):
        gate.wait()
        try:
            job()
        except DatabaseError as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[job]) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.django_db(transaction=True)
def test_two_moderators_at_once_do_not_stop_each_other_and_the_events_are_true(
    monkeypatch,
):
    monkeypatch.setattr(acts, "CHUNK", 50)
    Message.objects.bulk_create(
        Message(content=f"{n}", sender=bytes([n % 5] * 16)) for n in range(400)
    )
    in_threads(
        lambda: acts.finish(acts.hide(Message.objects.all(), actor="one")),
        lambda: acts.finish(acts.publish(Message.objects.all(), actor="two")),
        lambda: acts.finish(acts.ban(Message.objects.all(), actor="three")),
    )
    last = {}
    for event in ModerationEvent.objects.order_by("id"):
        if event.message_number in last:  # each begins where the one before ended
            assert event.from_status == last[event.message_number]
        last[event.message_number] = event.to_status
    now = dict(Message.objects.values_list("pk", "status"))
    assert {number: now[number] for number in last} == last
    for batch in ModerationBatch.objects.all():
        assert batch.message_count == batch.events.count()


@pytest.mark.django_db(transaction=True)
def test_an_act_that_another_undoes_meanwhile_leaves_nothing_hidden(monkeypatch):
    monkeypatch.setattr(acts, "CHUNK", 20)
    theirs = Message.objects.filter(sender=b"c" * 16)
    Message.objects.bulk_create(
        Message(content=f"{n}", sender=b"c" * 16) for n in range(200)
    )
    hiding = acts.hide(theirs, actor="one")
    batch = next(hiding)
    in_threads(lambda: [*hiding], lambda: acts.finish(undo(batch, actor="two")))
    assert theirs.visible().count() == 200


@pytest.mark.django_db(transaction=True)
def test_two_who_undo_the_same_act_at_once_undo_it_once(monkeypatch):
    monkeypatch.setattr(acts, "CHUNK", 50)
    Message.objects.bulk_create(Message(content=f"{n}") for n in range(200))
    batch = acts.finish(acts.ban(Message.objects.all(), actor="mod"))
    in_threads(
        lambda: acts.finish(undo(batch, actor="one")),
        lambda: acts.finish(undo(batch, actor="two")),
    )
    assert Message.objects.visible().count() == 200
    undone = ModerationBatch.objects.filter(undoes=batch)
    assert sum(undone.values_list("message_count", flat=True)) == 200
