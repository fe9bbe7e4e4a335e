"""A wall that is filled with made-up messages."""

import re
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from messages_app.forms import MessageForm
from messages_app.management.base import moment
from messages_app.models import Message

pytestmark = pytest.mark.django_db

FIXED = {"until": datetime(2026, 1, 31, tzinfo=UTC), "stderr": StringIO()}


def seed(**options):
    said = StringIO()
    call_command("seed_messages", stdout=said, **FIXED | options)
    return said.getvalue()


def rows():
    shown = "content", "author_name", "created_at", "status", "waits_since"
    return list(Message.objects.order_by("pk").values_list(*shown))


def test_the_same_seed_writes_the_same_messages_and_another_does_not():
    assert seed(count=300) == "300 messages written.\n"
    first = rows()
    Message.objects.all().delete()
    seed(count=300)
    assert rows() == first
    Message.objects.all().delete()
    seed(count=300, seed=2)
    assert rows() != first


def test_they_come_in_many_scripts_in_order_over_the_days():
    seed(count=500, days=10)
    found = rows()
    for script in (
        "[а-я]",
        "[ء-ي]",
        "[ぁ-ん]",
        "[ऀ-ॿ]",
        "[א-ת]",
        "[一-鿿]",
        "ß",
        "[ก-ฮ]",
    ):
        assert any(re.search(script, content) for content, *_ in found), script
    for oddity in ("<script>", "👩‍👩‍👧‍👦", "Donaudampfschiff" * 20, "0\n1\n2\n3"):
        assert any(oddity in content for content, *_ in found), oddity
    assert "" in {name for _, name, *_ in found}
    assert "x" in {content for content, *_ in found}
    times = [at for _, _, at, *_ in found]
    assert times == sorted(times)
    assert timedelta(days=9) < times[-1] - times[0] < timedelta(days=10)
    assert {"published", "hidden", "held"} == {status for *_, status, _ in found}


def test_each_could_have_been_posted(page):
    seed(count=500)
    for content, author_name, *_ in rows():
        form = MessageForm({"content": content, "author_name": author_name})
        form.is_valid()
        assert not {"content", "author_name"} & {*form.errors}, content
        assert form.cleaned_data["content"] == content
    assert "viewed 1 time" in page()


def test_messages_of_visitors_are_not_mixed_with_them_unless_told(make_message):
    make_message("of a visitor", sender=b"v" * 16)
    with pytest.raises(CommandError, match="messages of visitors on this wall"):
        seed(count=1)
    assert Message.objects.count() == 1
    seed(count=1, force=True)
    assert Message.objects.count() == 2


def test_a_dry_run_writes_nothing():
    assert seed(count=1, dry_run=True) == "Would write 1 message. Nothing was done.\n"
    assert not Message.objects.exists()


@pytest.mark.parametrize("wrong", [{"count": 0}, {"days": 0}, {"days": 10**9}])
def test_a_number_that_makes_no_sense_is_a_wrong_call(wrong):
    with pytest.raises(CommandError, match="--count is 1 or more") as raised:
        seed(**wrong)
    assert raised.value.returncode == 2


@pytest.mark.parametrize(
    ("until", "told"),
    [("9999-01-01", "a day ahead"), ("0001-01-02T00:00+14:00", "too early")],
)
def test_no_message_is_beyond_now_or_the_calendar(until, told):
    with pytest.raises(CommandError, match=told) as raised:
        seed(count=1, days=1, until=moment(until))
    assert raised.value.returncode == 2
    assert not Message.objects.exists()
