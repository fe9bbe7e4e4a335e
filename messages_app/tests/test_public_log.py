"""What everyone may read of what moderators did, and of whom nothing is told."""

import re

import pytest

from messages_app.models import Message, ModerationBatch, WallState
from messages_app.moderation import acts, public_log, record, valve
from messages_app.moderation.undo import undo

pytestmark = pytest.mark.django_db


@pytest.fixture
def entries(client):
    """Return a function that reads the log and gives its lines."""

    def read(address="/log/", **headers):
        html = client.get(address, headers=headers).text
        found = re.findall(r'<article class="entry">\s*<p>(.*?)</p>', html)
        return [re.sub("<.*?>", "", line) for line in found]

    return read


def hide(reason=""):
    return acts.finish(acts.hide(Message.objects.all(), actor="mod", reason=reason))


def test_it_tells_what_was_hidden_and_why(make_message, entries):
    for number in range(12):
        make_message(f"{number}")
    hide("Spam")
    assert entries() == ["12 messages hidden: Spam"]


def test_it_names_nobody_and_repeats_nothing(make_message, client):
    message = make_message("My words", author_name="Ada", sender=b"s" * 16)
    acts.finish(acts.ban(Message.objects.all(), actor="moderator-7", reason="Spam"))
    html = client.get("/log/").text
    assert "1 message hidden, and its sender kept out for a while" in html
    for secret in ["My words", "Ada", "moderator-7", b"s".hex() * 3]:
        assert secret not in html
    assert f"/messages/{message.pk}/" not in html


def test_a_ban_that_hid_nothing_and_its_undoing_are_told(make_message, entries):
    make_message(sender=b"s" * 16, status="hidden")
    batch = acts.finish(acts.ban(Message.objects.all(), actor="mod"))
    acts.finish(undo(batch, actor="mod"))
    kept_out = "0 messages hidden, and their senders kept out for a while"
    assert entries() == [f"Undone: {kept_out}", kept_out]


def test_a_rules_code_is_a_sentence(make_message, entries):
    message = make_message()
    record.reported(message, is_held=True)
    assert entries() == ["1 message held: Several visitors reported it."]


def test_each_act_is_a_line_newest_first(make_message, entries):
    message = make_message()
    batch = hide("Spam")
    acts.finish(undo(batch, actor="mod"))
    message.refresh_from_db()
    acts.edit(message, content="Other", author_name="", actor="root")
    hide()
    acts.finish(acts.publish(Message.objects.all(), actor="mod"))
    assert entries() == [
        "1 message published",
        "1 message hidden",
        "1 message edited by a moderator, which is marked on it",
        "Undone: 1 message hidden: Spam",
        "1 message hidden: Spam",
    ]


def test_the_mode_is_told_with_what_moved_it(entries):
    acts.set_mode("open", actor="mod")
    valve.heed(WallState.objects.get(), 61)
    acts.finish(undo(ModerationBatch.objects.first(), actor="mod"))
    risky, opened = "Hold what looks risky", "Open: only the moderators"
    newest, flood, first = entries()
    assert newest.startswith(f"Undone: How the wall is moderated: {opened}")
    assert flood.startswith(f"How the wall is moderated: {risky}: Very many messages")
    assert first.startswith(f"How the wall is moderated: {opened}")


def test_an_act_that_came_to_nothing_is_not_listed(make_message, client):
    make_message(status="hidden")
    hide("Spam")
    ModerationBatch.objects.create(act="erase", actor="root", message_count=3)
    assert "Nothing has been moderated yet." in client.get("/log/").text


def test_a_reason_is_escaped(make_message, client):
    make_message()
    hide("<script>alert(1)</script>")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in client.get("/log/").text


def test_it_goes_on_page_by_page(make_message, entries, client):
    make_message()
    for number in range(61):
        ModerationBatch.objects.create(act="hide", message_count=1, reason=f"n{number}")
    first = client.get("/log/")
    assert len(entries()) == 50
    older = re.search(r'href="(/log/\?before=\d+)" rel="next"', first.text)[1]
    assert entries(older)[0] == "1 message hidden: n10"
    assert len(entries(older)) == 11
    assert 'rel="next"' not in client.get(older).text
    assert "There are no older entries." in client.get("/log/?before=0").text


@pytest.mark.parametrize("before", ["", "x", "-1", "1.5", "9" * 19, "9" * 40, "١"])
def test_a_place_that_is_none_is_a_400(client, before):
    assert client.get("/log/", {"before": before}).status_code == 400


def test_it_costs_one_query(make_message, client, django_assert_num_queries):
    make_message()
    acts.finish(undo(hide("Spam"), actor="mod"))
    with django_assert_num_queries(1):
        client.get("/log/")


def test_it_is_in_the_visitors_language(client):
    response = client.get("/log/?lang=de")
    assert response["Content-Language"] == "de"
    assert 'href="/?lang=de"' in response.text


def test_while_the_database_is_away_it_says_so(client, database_away):
    with database_away():
        response = client.get("/log/")
    assert response.status_code == 503
    assert "The database is away" in response.text
    assert "wall.css" in response.text


def test_it_can_be_switched_off(client, settings):
    assert 'href="/log/"' in client.get("/").text
    settings.WALL_LOG = False
    assert client.get("/log/").status_code == 404
    assert 'href="/log/"' not in client.get("/?before=0-0").text


def test_every_act_that_is_listed_has_its_words():
    told_otherwise = {"withdraw", "erase", "mode", "undo"}
    from messages_app.models import Act

    assert set(public_log.DONE) == set(Act.values) - told_otherwise
