import pytest
from django.db import DatabaseError, IntegrityError, connection

from messages_app.models import Message, PageViewTotal


@pytest.mark.parametrize(
    "fields",
    [
        {"content": ""},
        {"content": "x" * 10_001},
        {"content": "x", "status": "unknown"},
        {"content": "x", "author_name": "n" * 201},
    ],
)
def test_the_database_itself_refuses_what_no_wall_shows(db, fields):
    with pytest.raises(DatabaseError):
        Message.objects.create(**fields)


def test_one_form_is_one_row(db):
    Message.objects.create(content="x", post_digest=b"d" * 32)
    with pytest.raises(IntegrityError):
        Message.objects.create(content="x", post_digest=b"d" * 32)


def test_the_view_count_is_one_row(db):
    with pytest.raises(IntegrityError):
        PageViewTotal.objects.create(id=2)


@pytest.mark.parametrize("place", ["newest", "older"])
def test_the_wall_is_read_from_its_index(db, place):
    Message.objects.bulk_create(
        Message(content=f"{n}", status="hidden") for n in range(2000)
    )
    Message.objects.bulk_create(Message(content=f"{n}") for n in range(2000))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    found = Message.objects.visible()
    if place == "older":
        found = found.before(found[1000].cursor)
    plan = found[:51].explain()
    assert "message_newest_published" in plan
    assert "SORT" not in plan.upper().replace("SORT KEY", "")
    assert "TEMP B-TREE" not in plan


def test_withdrawn_messages_cannot_be_published(make_message):
    message = make_message(status="withdrawn")
    assert Message.objects.publish() == 0
    message.refresh_from_db()
    assert message.status == "withdrawn"


def test_the_whole_table_is_not_deleted_by_a_slip(db):
    with pytest.raises(AttributeError):
        Message.objects.delete()
