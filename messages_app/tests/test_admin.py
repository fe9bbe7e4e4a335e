import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import OperationalError
from django.utils import timezone

from messages_app import receipts
from messages_app.admin import lists, progress
from messages_app.models import (
    DatabaseNow,
    EarlierText,
    Message,
    ModerationBatch,
    ModerationEvent,
    Rule,
)
from messages_app.moderation import acts, authors, record
from messages_app.moderation.undo import undo

LIST = "/admin/messages_app/message/"
ALL = f"{LIST}?status=all"
ACTS = "/admin/messages_app/moderationbatch/"
A, B = b"a" * 16, b"b" * 16


def shown_at(html):
    """Return what the list's form says of when it was read."""
    return re.search(r'name="shown_at" value="([^"]+)"', html)[1]


@pytest.fixture
def as_moderator(admin_client, django_user_model):
    """Let who signs in be a moderator instead of a superuser."""
    user = django_user_model.objects.create_user("mod", is_staff=True)
    rights = ["view_message", "change_message", "view_report", "view_moderationbatch"]
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    admin_client.force_login(user)


@pytest.fixture
def act(admin_client, django_capture_on_commit_callbacks):
    """Return a function that opens a list, ticks messages and presses a button."""

    def run(action, *messages, at=ALL, **more):
        seen = shown_at(admin_client.get(at).text)
        form = {"index": action, "shown_at": seen, "days": "7"}
        form["_selected_action"] = [m.pk for m in messages]
        form["is_confirmed"] = "on"  # asked for all that match, see below
        with django_capture_on_commit_callbacks(execute=True):
            return admin_client.post(at, form | more, follow=True)

    return run


@pytest.fixture
def undo_in(admin_client, django_capture_on_commit_callbacks):
    """Return a function that presses the Undo of a page."""

    def press(html):
        number, back = re.search(
            r'action="[^"]*/(\d+)/undo/".*?name="next" value="([^"]+)"', html, re.DOTALL
        ).groups()
        with django_capture_on_commit_callbacks(execute=True):
            return admin_client.post(
                f"{ACTS}{number}/undo/", {"next": back}, follow=True
            )

    return press


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Let no act take so long on a busy machine that its progress is told."""
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 600)


@pytest.fixture
def slow(patient, monkeypatch):
    """Let each act take so long that its progress is told."""
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", -1)
    monkeypatch.setattr(acts, "CHUNK", 2)


def read(response):
    return b"".join(response.streaming_content).decode()


def test_all_messages_are_listed_newest_first(admin_client, make_message):
    make_message("older text")
    make_message("newer text", author_name="Ada", status="hidden")
    html = admin_client.get(ALL).text
    assert html.index("newer text") < html.index("older text")
    assert "Ada" in html


def test_the_desk_opens_with_what_waits_longest_waiting_first(
    admin_client, make_message
):
    make_message("nothing to decide")
    make_message("held", status="held", reason="links")
    reported = make_message("reported first")
    Message.objects.filter(pk=reported.pk).update(
        waits_since=timezone.now() - timedelta(days=1), report_count=2
    )
    html = admin_client.get(LIST).text
    assert html.index("reported first") < html.index(">held<")
    assert "<h1>Waiting for a decision</h1>" in html
    assert "It holds many links." in html
    assert "2 reports by visitors." in html
    assert "nothing to decide" not in html


def test_an_empty_queue_says_so_and_leads_to_all_messages(admin_client, make_message):
    make_message("on the wall")
    html = admin_client.get(LIST).text
    assert "Nothing waits for a decision. Thank you!" in html
    assert 'href="?status=all"' in html
    html = admin_client.get(f"{LIST}?status=hidden").text
    assert "No message is like this." in html


def test_messages_are_found_by_text_and_name(admin_client, make_message):
    make_message("needle in here")
    make_message("hay", author_name="Needle")
    make_message("only hay")
    html = admin_client.get(LIST, {"q": "needle"}).text
    assert "needle in here" in html
    assert "Needle" in html
    assert "only hay" not in html


def test_messages_are_filtered_by_status(admin_client, make_message):
    make_message("on the wall")
    make_message("waiting", status="held")
    html = admin_client.get(LIST, {"status": "held"}).text
    assert ">waiting<" in html
    assert "on the wall" not in html


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("posted=hour", {"new", "queue"}),
        ("posted=week", {"new", "queue", "days old"}),
        ("reason=links", {"queue"}),
        ("reason=Off+topic", {"days old"}),
        ("reported=yes", {"new"}),
        (f"sender={A.hex()}", {"new", "days old"}),
        (f"sender={A.hex()}&posted=day", {"new"}),
        ("status=waiting&reason=links", {"queue"}),
        ("q=old&status=hidden", {"days old"}),
    ],
)
def test_messages_are_filtered(admin_client, make_message, question, found):
    make_message("new", sender=A, report_count=1)
    days_ago = timezone.now() - timedelta(days=3)
    hidden = {"status": "hidden", "reason": "Off topic"}
    make_message("days old", sender=A, created_at=days_ago, **hidden)
    make_message("queue", status="held", reason="links", sender=B)
    make_message("very old", created_at=days_ago - timedelta(days=60))
    status = "" if "status" in question else "&status=all"
    html = admin_client.get(f"{LIST}?{question}{status}").text
    texts = re.findall(r'field-excerpt"><a [^>]*>([^<]+)<', html)
    assert set(texts) == found


def test_a_sender_is_a_link_to_all_of_theirs(admin_client, make_message):
    for number in range(3):
        make_message(f"spam {number}", sender=A)
    make_message("theirs", sender=B)
    html = admin_client.get(ALL).text
    assert html.count("(2 others)") == 3
    assert html.count('aria-label="Message ') == 4  # the box of each says which
    assert "(no others)" in html
    link = re.search(rf'href="([^"]+)"><bdi>{A.hex()[:8]}</bdi>', html)[1]
    html = admin_client.get(link).text
    assert html.count('name="_selected_action"') == 3
    assert "theirs" not in html


def test_of_a_sender_no_more_than_a_hundred_others_are_counted(admin_client, db):
    Message.objects.bulk_create(Message(content=f"{n}", sender=A) for n in range(150))
    assert "(100+ others)" in admin_client.get(ALL).text


def test_a_common_word_is_looked_for_among_the_newest_and_that_is_said(
    admin_client, make_message, monkeypatch
):
    from messages_app import search

    monkeypatch.setattr(search, "WALK", 2)
    for number in range(4):
        make_message(f"needle {number}")
    html = admin_client.get(f"{LIST}?q=needle").text
    assert re.search(r'class="warning">Only the newest 2 messages were searched', html)
    assert html.count('name="_selected_action"') == 2


@pytest.mark.parametrize("words", ["long" * 30, "a\x07b", "a\0b", "( [ %", "😀"])
def test_no_search_is_a_500(admin_client, make_message, words):
    make_message()
    assert admin_client.get(LIST, {"q": words}).status_code == 200


def test_hiding_reaches_the_wall_at_once(act, make_message, page):
    message = make_message("spam spam")
    assert "spam spam" in page()
    response = act("hide", message)
    assert "You hid 1 message." in response.text
    assert "spam spam" not in page()


def test_publishing_reaches_the_wall_at_once(act, make_message, page):
    messages = [make_message(f"good {n}", status="held") for n in range(2)]
    page()
    response = act("publish", *messages)
    assert "You published 2 messages." in response.text
    assert "good 0" in page()


def test_what_was_withdrawn_stays_withdrawn(act, make_message):
    message = make_message(status="withdrawn")
    for action in "publish", "hide":
        html = act(action, message).text
        assert "Nothing was changed" in html
        assert "Undo" not in html
    message.refresh_from_db()
    assert message.status == "withdrawn"


def test_a_search_can_be_acted_on(act, make_message, page):
    message = make_message("needle")
    html = act("hide", message, at=f"{LIST}?q=needle").text
    assert "You hid 1 message." in html
    assert "needle" not in page()


def test_all_that_matches_can_be_acted_on_without_a_tick(act, make_message, page):
    for number in range(150):
        make_message(f"spam {number}", sender=A)
    make_message("a kind word", sender=B)
    html = act("hide", at=f"{LIST}?q=spam", select_across="on", reason="Spam").text
    assert "You hid 150 messages. (Spam)" in html
    assert set(Message.objects.visible().values_list("content")) == {("a kind word",)}
    assert "spam" not in page()


@pytest.mark.parametrize("at", [LIST, ALL, f"{LIST}?status=held", f"{LIST}?q=h"])
def test_all_of_a_list_that_nothing_narrows_down_is_done_after_a_question(
    act, admin_client, make_message, at
):
    for number in range(3):
        make_message(f"h {number}", status="held")
    asked = {"select_across": "on", "is_confirmed": "", "reason": "<Spam>"}
    html = act("hide", at=at, **asked).text
    if "q=" in at:
        assert "You hid 3 messages." in html
        return
    assert "<h1>Hide</h1>" in html
    assert "Messages that match this list: 3." in html
    assert "No search and no filter narrows it down." in html
    assert "&lt;Spam&gt;" in html
    assert not ModerationBatch.objects.exists()
    form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', html))
    form["reason"] = "Spam"
    html = admin_client.post(at, form | {"is_confirmed": "on"}, follow=True).text
    assert "You hid 3 messages. (Spam)" in html


def test_many_messages_are_counted_to_a_bound_and_asked_about(
    act, make_message, monkeypatch
):
    from messages_app.admin import messages

    monkeypatch.setattr(messages, "MOST_UNASKED", 1)
    monkeypatch.setattr(messages, "MOST_COUNTED", 2)
    for number in range(3):
        make_message(f"spam {number}", sender=A)
    at = f"{LIST}?sender={A.hex()}"
    html = act("ban", at=at, select_across="on", is_confirmed="").text
    assert "<strong>More than 2 messages</strong> match this list." in html
    assert "No search and no filter" not in html
    assert not ModerationBatch.objects.exists()


@pytest.mark.parametrize("scope", ["ticked", "all"])
def test_what_came_or_changed_since_the_page_was_shown_is_left(
    admin_client, make_message, scope
):
    seen, edited, reported = [make_message(f"{n}", status="held") for n in range(3)]
    form = {"index": "publish", "days": "7"}
    form["shown_at"] = shown_at(admin_client.get(LIST).text)
    Message.objects.filter(pk=edited.pk).edit(content="worse", author_name="")
    Message.objects.filter(pk=reported.pk).update(waits_since=DatabaseNow())
    late = make_message("came later", status="held")
    if scope == "all":
        form |= {"select_across": "on", "is_confirmed": "on"}
    form["_selected_action"] = [m.pk for m in (seen, edited, reported, late)]
    html = admin_client.post(LIST, form, follow=True).text
    assert "You published 1 message." in html
    assert [m.pk for m in Message.objects.visible()] == [seen.pk]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"shown_at": ""}, "Look at the list again."),
        ({"shown_at": "x"}, "Enter a valid date/time."),
        ({"index": "delete_selected"}, "Select a valid choice."),
        ({"index": "5"}, "Select a valid choice."),
        ({"reason": "x" * 201}, "at most 200 characters"),
        ({"days": "365"}, "Select a valid choice."),
        ({"_selected_action": []}, "Tick messages first"),
        ({"_selected_action": ["x", "9" * 30, "٣"]}, "Nothing was changed"),
    ],
)
def test_what_cannot_be_done_is_told_in_words(act, make_message, more, told):
    message = make_message()
    assert told in act("hide", message, **more).text
    message.refresh_from_db()
    assert message.status == "published"


def test_a_reason_is_kept_for_the_author(act, make_message):
    message = make_message()
    act("hide", message, reason="Off topic")
    message.refresh_from_db()
    assert message.reason == "Off topic"


def test_all_of_a_sender_are_hidden_and_the_sender_banned(act, make_message, page):
    one = make_message("spam one", sender=A)
    make_message("spam two", sender=A)
    make_message("kind", sender=B)
    html = act("ban", one, days="1").text
    assert re.search(
        r"You hid 2 messages\. 1 sender is banned until \d+ \w+ \d{4}, [\d:]+\.", html
    )
    ban = Rule.objects.get()
    assert ban.pattern == A.hex()
    assert timedelta(hours=23) < ban.expires_at - timezone.now() < timedelta(days=1)
    assert "spam" not in page()
    assert "kind" in page()


def test_hiding_all_of_a_sender_leaves_them_free(act, make_message):
    one = make_message(sender=A)
    make_message(sender=A)
    assert "You hid 2 messages." in act("hide_senders", one).text
    assert not Rule.objects.exists()


def test_one_click_takes_an_act_back(act, undo_in, make_message, page):
    message = make_message("not spam", sender=A)
    html = act("ban", message, reason="Spam").text
    html = undo_in(html).text
    assert "Undone: 1 message is as it was before." in html
    assert "is banned" not in html
    assert "not spam" in page()
    assert not Rule.objects.exists()


def test_undoing_tells_what_a_later_act_keeps(act, undo_in, make_message):
    first, second = make_message(), make_message()
    html = act("hide", first, second).text
    acts.finish(acts.publish(Message.objects.filter(pk=second.pk), actor="other"))
    html = undo_in(html).text
    assert "1 message is as it was before. 1 was left as it is" in html


def test_undo_is_offered_for_the_own_latest_act_for_a_quarter_of_an_hour(
    act, admin_client, make_message
):
    act("hide", make_message())
    assert "You hid 1 message." in admin_client.get(LIST).text
    acts.finish(acts.publish(Message.objects.all(), actor="other"))
    assert "You hid 1 message." in admin_client.get(LIST).text
    earlier = timezone.now() - timedelta(minutes=16)
    ModerationBatch.objects.update(created_at=earlier)
    assert "You hid 1 message." not in admin_client.get(LIST).text


def test_a_long_act_tells_how_far_it_is_and_ends_with_undo(
    slow, act, undo_in, make_message
):
    for number in range(5):
        make_message(f"{number}")
    html = read(act("hide", select_across="on"))
    lines = re.findall(r"Hidden: (\d) messages so far", html)
    assert lines == ["2", "4", "5"]
    assert html.index("You hid 5 messages.") > html.index("5 messages so far")
    assert html.rstrip().endswith("</html>")
    assert f'<a href="{ALL}">' in html
    undone = read(undo_in(html))
    assert "Undone: 5 messages are as they were before." in undone
    assert "/undo/" not in undone
    assert Message.objects.visible().count() == 5


def test_a_long_act_is_told_in_the_language_of_who_does_it(slow, act, make_message):
    make_message()
    html = read(act("hide", select_across="on", at=f"{ALL}&lang=ar"))
    assert '<html lang="ar" dir="rtl">' in html


def test_who_leaves_during_a_long_act_leaves_whole_chunks_and_is_told_so(
    slow, act, admin_client, undo_in, make_message
):
    for number in range(5):
        make_message(f"{number}")
    response = act("hide", select_across="on")
    pieces = iter(response.streaming_content)
    next(pieces), next(pieces)
    response._iterator.close()  # as the server does when a browser is gone
    batch = ModerationBatch.objects.get()
    assert (batch.message_count, batch.events.count()) == (4, 4)
    assert Message.objects.filter(status="hidden").count() == 4
    ModerationBatch.objects.update(created_at=timezone.now() - timedelta(days=1))
    told = "This act was broken off before its end, or still goes on: 4 done."
    for address in LIST, ACTS, f"{ACTS}{batch.pk}/change/":
        assert told in admin_client.get(address).text
    read(undo_in(admin_client.get(LIST).text))
    for address in LIST, f"{ACTS}{batch.pk}/change/":
        assert told not in admin_client.get(address).text


@pytest.fixture
def failing(monkeypatch):
    """Return a function that lets the database fail in the chunk of that number."""

    def fail(number):
        count, original = iter(range(9)), acts.before_and_after

        def change(*args):
            if next(count) == number:
                raise OperationalError("canceling statement due to lock timeout")
            return original(*args)

        monkeypatch.setattr(acts, "before_and_after", change)

    return fail


def test_a_failure_in_a_long_act_is_told_with_the_next_step(
    slow, act, make_message, failing
):
    for number in range(5):
        make_message(f"{number}")
    failing(2)
    html = read(act("hide", select_across="on"))
    assert "4 messages are done, and can be undone" in html
    assert "Do the same again to go on." in html
    assert "/undo/" in html
    assert Message.objects.filter(status="hidden").count() == 4


def test_a_failure_at_once_is_a_sentence(act, make_message, failing):
    message = make_message()
    failing(0)
    response = act("hide", message)
    assert response.status_code == 503
    assert "The database did not answer in time. 0 messages are done" in response.text
    assert f'<a href="{ALL}">Back to the list</a>' in response.text
    message.refresh_from_db()
    assert message.status == "published"


def test_too_many_senders_are_a_sentence(act, make_message, monkeypatch):
    monkeypatch.setattr(acts, "MOST_SENDERS", 1)
    make_message(sender=A)
    make_message(sender=B)
    html = act("ban", select_across="on").text
    assert "too many for one act" in html
    assert Message.objects.visible().count() == 2


@pytest.fixture
def decide(admin_client, django_capture_on_commit_callbacks):
    """Return a function that sets a status in the form as it was shown."""

    def send(message, status, *, seen="", **more):
        with django_capture_on_commit_callbacks(execute=True):
            return admin_client.post(
                f"{LIST}{message.pk}/change/",
                {
                    "status": status,
                    "shown_at": seen or message.changed_at.isoformat(),
                    "content": message.content,
                    "author_name": message.author_name,
                    **more,
                    "reports-TOTAL_FORMS": 0,
                    "reports-INITIAL_FORMS": 0,
                },
                follow=True,
            ).text

    return send


def test_the_change_page_of_a_moderator_sets_the_status_and_nothing_else(
    as_moderator, decide, make_message, page
):
    message = make_message("mine", author_name="Ada")
    page()
    more = {"content": "rewritten", "author_name": "Eve", "told": "Off topic"}
    html = decide(message, "hidden", **more)
    assert "You hid 1 message. (Off topic)" in html
    message.refresh_from_db()
    assert (message.content, message.author_name, message.status, message.reason) == (
        "mine",
        "Ada",
        "hidden",
        "Off topic",
    )
    assert "mine" not in page()


def test_who_may_edit_words_does_it_for_all_to_see(decide, make_message, page, client):
    message = make_message("My words\nhere", author_name="Ada")
    page()
    # A browser sends lines so.
    html = decide(message, "published", content="Tamer words\r\nhere")
    assert "You edited a message." in html
    message.refresh_from_db()
    assert (message.content, message.author_name) == ("Tamer words\nhere", "Ada")
    assert message.is_edited_by_staff
    assert EarlierText.objects.get().content == "My words\nhere"
    token = receipts.token(message.cursor)
    for address in "/", f"/messages/{message.pk}/", f"/receipts/{token}/", "/feed/":
        html = page(address)
        assert "Tamer words" in html
        assert "Edited by a moderator" in html


def test_an_edit_is_no_decision(decide, make_message):
    message = make_message("tpyo")
    decide(message, "published", content="typo")
    message.refresh_from_db()
    assert not message.is_kept
    assert [batch.act for batch in ModerationBatch.objects.all()] == ["edit"]


def test_what_another_moderator_decided_meanwhile_stands(
    admin_client, make_message, decide
):
    message = make_message("spam", status="held")
    html = admin_client.get(f"{LIST}{message.pk}/change/").text
    acts.finish(acts.hide(Message.objects.all(), actor="bob", reason="Spam"))
    told = "The message was changed meanwhile. Look at it again."
    assert told in decide(message, "published", seen=shown_at(html))
    assert not Message.objects.visible().exists()


@pytest.mark.parametrize("scope", ["ticked", "all"])
def test_what_another_moderator_decided_meanwhile_stands_in_a_list(
    admin_client, make_message, scope
):
    message = make_message("spam")
    form = {"index": "publish", "days": "7", "_selected_action": [message.pk]}
    form["shown_at"] = shown_at(admin_client.get(ALL).text)
    acts.finish(acts.hide(Message.objects.all(), actor="bob", reason="Spam"))
    if scope == "all":
        form |= {"select_across": "on", "is_confirmed": "on"}
    html = admin_client.post(ALL, form, follow=True).text
    assert "another moderator changed it meanwhile" in html
    assert not Message.objects.visible().exists()


def test_a_reason_beside_another_decision_than_to_hide_is_an_error(
    decide, make_message
):
    message = make_message("spam", status="held")
    assert "choose “Hidden” above, too" in decide(message, "published", told="Spam")
    message.refresh_from_db()
    assert (message.status, message.is_kept) == ("held", False)
    decide(message, "hidden", told="Spam")
    message.refresh_from_db()
    assert (message.status, message.reason) == ("hidden", "Spam")


def test_a_moderators_word_is_not_taken_for_a_rules_reason(
    decide, make_message, client
):
    decide(make_message("spam"), "hidden", told="reports\u202e")
    assert Message.objects.get().reason == "Reports"
    html = client.get("/log/").text
    assert "Reports" in html
    assert "Several visitors" not in html


def test_what_is_undone_already_is_not_undone_again(make_message, act, undo_in):
    message = make_message()
    html = act("hide", message).text
    undo_in(html)
    assert "This act is undone already." in undo_in(html).text
    assert ModerationBatch.objects.count() == 2


@pytest.mark.parametrize(
    "address",
    [
        "messages_app/rule/add/?expires_at=x",
        "messages_app/wallstate/1/change/?_to_field=",
        "messages_app/message/1/delete/?_to_field=",
        "auth/user/1/change/?_to_field=",
    ],
)
def test_an_odd_address_is_no_500(admin_client, db, address):
    response = admin_client.get(f"/admin/{address}", follow=True)
    assert response.status_code in (200, 400)


@pytest.mark.parametrize("ticked", ["abc", "9" * 23])
def test_an_odd_tick_is_no_500(admin_client, db, ticked):
    form = {"action": "delete_selected", "_selected_action": ticked}
    response = admin_client.post("/admin/messages_app/rule/", form, follow=True)
    assert response.status_code == 200


def test_a_decision_alone_is_no_edit(decide, make_message):
    message = make_message("two\nlines")
    decide(message, "hidden", content="two\r\nlines")
    assert [b.act for b in ModerationBatch.objects.all()] == ["hide"]


@pytest.mark.parametrize("content", ["", " ", "a\x07b", "x" * 2000, "a\0b"])
def test_an_edit_keeps_the_rules_about_texts(decide, make_message, content):
    message = make_message("fine")
    assert "Please correct the error below." in decide(
        message, "published", content=content
    )
    message.refresh_from_db()
    assert message.content == "fine"


def test_saving_what_is_decided_decides_nothing_and_says_so(decide, make_message):
    for message in make_message(status="hidden"), make_message(is_kept=True):
        assert "Nothing was changed" in decide(message, message.status)
    assert not ModerationBatch.objects.exists()


def test_an_edit_that_came_too_late_is_told(decide, make_message, monkeypatch):
    message = make_message("mine")
    monkeypatch.setattr(acts, "edit", lambda *args, **kwargs: False)
    html = decide(message, "published", content="tamer")
    assert "The message was changed meanwhile. Look at it again." in html


@pytest.mark.parametrize("button", ["hide_senders", "ban"])
def test_all_by_its_sender_are_hidden_from_the_page_of_a_message(
    admin_client, make_message, button
):
    message = make_message("spam one", sender=A, status="held")
    make_message("spam two", sender=A)
    make_message("kind", sender=B)
    html = admin_client.get(f"{LIST}{message.pk}/change/").text
    form = html[html.index('class="of-sender"') :]
    address = re.search(r'action="([^"]+)"', form)[1]
    sent = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    assert f'name="index" value="{button}"' in form
    sent |= {"index": button, "reason": "Spam", "days": "7"}
    html = admin_client.post(address, sent, follow=True).text
    assert "You hid 2 messages." in html
    assert Rule.objects.count() == (button == "ban")
    assert [m.content for m in Message.objects.visible()] == ["kind"]


def test_a_message_without_a_sender_offers_nothing_about_one(
    admin_client, make_message
):
    message = make_message()
    html = admin_client.get(f"{LIST}{message.pk}/change/").text
    assert "of-sender" not in html


def test_the_change_page_shows_what_helps_to_decide(admin_client, make_message):
    for number in range(4):
        make_message(f"before {number}", status="hidden")
    message = make_message("this one", sender=A, status="held", reason="links")
    make_message("after", sender=A)
    message.reports.create(sender=B, reason="abuse", note="rude")
    acts.edit(message, content="this one", author_name="", actor="root")
    html = admin_client.get(f"{LIST}{message.pk}/change/").text
    assert "It holds many links." in html
    assert "(1 other)" in html
    assert "It insults or threatens someone" in html
    assert re.findall(r"<bdi>((?:before|after)[^<]*)", html) == [
        "after",
        "before 3",
        "before 2",
        "before 1",
    ]
    assert re.search(r"<blockquote[^>]*>this one</blockquote>", html)


def test_the_history_tells_all_that_was_decided(admin_client, make_message):
    message = make_message("words", status="held", reason="links")
    record.held_by_rule(message)
    rows = Message.objects.filter(pk=message.pk)
    hiding = acts.finish(acts.hide(rows, actor="mod", reason="Spam"))
    acts.finish(undo(hiding, actor="other"))
    message.refresh_from_db()
    acts.edit(message, content="tamer", author_name="", actor="root")
    authors.withdraw(rows)
    html = admin_client.get(f"{LIST}{message.pk}/history/").text
    table = html.partition('id="change-history"')[2]
    cells = re.findall(r"<td>\s*(.*?)\s*</td>", table, re.DOTALL)
    told = [" ".join(re.sub("<.*?>", " ", cell).split()) for cell in cells]
    who = told[1::3]
    assert who == ["the wall itself", "mod", "other", "root", "its author"]
    assert told[2] == "It holds many links."
    assert told[5] == "Spam"
    assert told[3].startswith("Hidden undone on ")
    assert '<div class="readonly">words</div>' in html


def test_a_long_history_tells_its_newest_and_that_there_is_more(
    admin_client, make_message, monkeypatch
):
    from messages_app.admin import messages

    monkeypatch.setattr(messages, "MOST_EVENTS", 2)
    message = make_message()
    for reason in "first", "second", "third":
        rows = Message.objects.filter(pk=message.pk)
        rows.update(status="published")
        acts.finish(acts.hide(rows, actor="mod", reason=reason))
    html = admin_client.get(f"{LIST}{message.pk}/history/").text
    assert "Only the newest 2 are shown." in html
    assert "first" not in html.partition('id="change-history"')[2]
    assert html.index("second") < html.index("third")


def test_the_history_of_an_untouched_message_says_so(admin_client, make_message):
    html = admin_client.get(f"{LIST}{make_message().pk}/history/").text
    assert "Nothing was decided about it since it was posted." in html


@pytest.mark.parametrize("number", ["99", "x", "9" * 30])
def test_a_message_that_is_not_there_has_no_page(admin_client, db, number):
    for address in "change", "history", "delete":
        response = admin_client.get(f"{LIST}{number}/{address}/", follow=True)
        assert response.status_code == 200
        assert "exist" in response.text


def test_a_decision_keeps_what_its_author_did_meanwhile(make_message, decide):
    # A minute ago: SQLite's clock may tell the same millisecond twice.
    posted_at = timezone.now() - timedelta(minutes=1)
    message = make_message("harmless", status="held", created_at=posted_at)
    Message.objects.all().edit(content="changed", author_name="")
    html = decide(message, "published")
    assert "The message was changed meanwhile. Look at it again." in html
    message.refresh_from_db()
    assert (message.content, message.status) == ("changed", "held")


def test_an_edit_of_what_another_moderator_edits_meanwhile_is_told(
    make_message, decide, monkeypatch
):
    message = make_message("theirs")
    monkeypatch.setattr(acts, "edit", lambda *args, **words: False)  # they were first
    html = decide(message, "hidden", content="mine")
    assert "The message was changed meanwhile. Look at it again." in html
    message.refresh_from_db()
    assert message.status == "published"


def test_an_act_shows_its_messages_to_who_may_see_messages(
    client, make_message, django_user_model
):
    make_message("read by few")
    batch = acts.finish(acts.hide(Message.objects.all(), actor="mod"))
    user = django_user_model.objects.create_user("auditor", is_staff=True)
    for rights, is_shown in [
        (["view_moderationbatch"], False),
        (["view_moderationbatch", "view_message"], True),
    ]:
        user.user_permissions.set(Permission.objects.filter(codename__in=rights))
        client.force_login(user)
        html = client.get(f"{ACTS}{batch.pk}/change/").text
        assert ("read by few" in html) == is_shown


def test_a_decision_on_an_edited_text_that_was_seen_counts(
    make_message, decide, admin_client
):
    message = make_message("first", status="held")
    Message.objects.all().edit(content="second", author_name="")
    html = admin_client.get(f"{LIST}{message.pk}/change/").text
    seen = re.search(r'name="shown_at" value="([^"]+)"', html)[1]
    decide(message, "published", seen=seen)
    message.refresh_from_db()
    assert (message.status, message.is_kept) == ("published", True)


def test_a_withdrawn_message_cannot_be_changed(admin_client, make_message):
    message = make_message(status="withdrawn")
    admin_client.post(f"{LIST}{message.pk}/change/", {"status": "published"})
    message.refresh_from_db()
    assert message.status == "withdrawn"


def test_nobody_withdraws_for_the_author(admin_client, make_message):
    message = make_message()
    html = admin_client.get(f"{LIST}{message.pk}/change/").text
    assert 'value="withdrawn"' not in html


def test_messages_are_not_written_in_admin(admin_client):
    assert admin_client.get(f"{LIST}add/").status_code == 403


def test_erasing_reaches_the_wall_and_leaves_only_its_event(
    admin_client, make_message, page, django_capture_on_commit_callbacks
):
    message = make_message("to be erased")
    acts.edit(message, content="to be erased too", author_name="", actor="root")
    page()
    with django_capture_on_commit_callbacks(execute=True):
        admin_client.post(f"{LIST}{message.pk}/delete/", {"post": "yes"})
    assert "to be erased" not in page()
    assert not EarlierText.objects.exists()
    event = ModerationEvent.objects.last()
    assert (event.act, event.actor, event.message_number) == (
        "erase",
        "admin",
        message.pk,
    )


def test_messages_are_erased_one_at_a_time(admin_client, make_message):
    make_message()
    assert "delete_selected" not in admin_client.get(ALL).text


def test_who_may_only_look_may_not_hide(client, make_message, django_user_model):
    user = django_user_model.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_message"))
    client.force_login(user)
    message = make_message("stays")
    client.post(LIST, {"action": "hide", "_selected_action": [message.pk]})
    message.refresh_from_db()
    assert message.status == "published"


@pytest.mark.parametrize(
    "query", ["", "status=held", "p=2", "all=", "reason=links", "o=1", "lang=ar"]
)
def test_the_list_never_counts_the_table(
    admin_client, db, query, django_assert_num_queries
):
    Message.objects.bulk_create(
        Message(content=f"x {n}", status="held", reason="links") for n in range(250)
    )
    # session, user, the moderator's latest act, page's end, page
    with django_assert_num_queries(5) as queries:
        html = admin_client.get(f"{LIST}?{query}").text
    # A sender's others, a hundred of them at most.
    counts = [q["sql"] for q in queries if "COUNT(" in q["sql"].upper()]
    assert all(
        sql.count("COUNT(") == sql.count("LIMIT 101) AS found") for sql in counts
    )
    assert html.count('name="_selected_action"') == 50
    assert not re.search(r"\b(51|101|250) (results?|messages?)", html)


def test_the_list_ends_and_says_what_to_do(admin_client, db, monkeypatch):
    monkeypatch.setattr(lists, "MOST_PAGES", 2)
    Message.objects.bulk_create(Message(content=f"x {n}") for n in range(150))
    for number in 2, 2900:
        html = admin_client.get(f"{ALL}&p={number}").text
        assert "The list goes no further" in html
        assert html.count('name="_selected_action"') == 50
        assert "p=3" not in html
    assert "The list goes no further" not in admin_client.get(ALL).text


def test_the_last_page_is_reached_page_by_page(admin_client, db):
    Message.objects.bulk_create(Message(content=f"x {n}") for n in range(250))
    html = admin_client.get(f"{ALL}&p=5").text
    assert html.count('name="_selected_action"') == 50
    assert "p=6" not in html
    assert "p=4" in html


@pytest.mark.parametrize("number", ["4", "99", "1000001"])
def test_a_page_beyond_the_end_is_not_the_whole_table(admin_client, db, number):
    Message.objects.bulk_create(Message(content=f"x {n}") for n in range(150))
    response = admin_client.get(f"{ALL}&p={number}", follow=True)
    assert response.status_code == 200
    assert response.text.count('name="_selected_action"') <= 50


@pytest.mark.parametrize(
    "question",
    [
        "status=%00",
        "status=x",
        "status__exact=held",
        "posted=x",
        "reason=%00",
        "reported=no",
        "sender=x",
        "sender=" + "A" * 32,
        "content__regex=(",
        "post_digest__exact=x",
    ],
)
def test_no_question_but_the_filters_is_taken_from_an_address(
    admin_client, db, question
):
    response = admin_client.get(f"{LIST}?{question}")
    assert response.status_code == 400


@pytest.mark.parametrize(
    ("ticked", "shown_at"),
    [
        ("9" * 5_000, "2026-01-31T12:00:00+00:00"),
        ("1", "0001-01-01T00:00:00+14:00"),
        ("1", "9999-12-31T23:59:59-14:00"),
        ("1", "soon"),
    ],
)
def test_a_forged_action_changes_nothing_and_is_no_500(
    admin_client, make_message, ticked, shown_at
):
    make_message("stays")
    form = {"index": "hide", "days": "7", "shown_at": shown_at}
    response = admin_client.post(
        ALL, form | {"_selected_action": [ticked]}, follow=True
    )
    assert response.status_code == 200
    assert Message.objects.visible().exists()


def test_a_forged_decision_changes_nothing_and_is_no_500(admin_client, make_message):
    message = make_message("stays")
    form = {"status": "hidden", "shown_at": "0001-01-01T00:00:00+14:00"}
    response = admin_client.post(f"{LIST}{message.pk}/change/", form, follow=True)
    assert response.status_code == 200
    assert Message.objects.visible().exists()


@pytest.mark.parametrize("number", ["0", "-1", "x", "99", "٣", "+2", "9" * 30])
def test_a_page_that_is_not_there_is_no_500(admin_client, make_message, number):
    make_message()
    assert admin_client.get(f"{LIST}?p={number}", follow=True).status_code == 200


def test_admin_needs_a_login(client, db):
    assert client.get(LIST).status_code == 302


def test_a_forged_login_form_is_a_403_in_the_walls_own_look(db):
    from django.test import Client

    response = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "x"})
    assert response.status_code == 403
    assert "This is not open to you" in response.text


@pytest.mark.parametrize("address", ["/admin/", "/admin/messages_app/message/"])
def test_while_the_database_is_away_the_desk_says_so(
    admin_client, database_away, address
):
    with database_away():
        response = admin_client.get(address)
    assert response.status_code == 503
    assert "The database is away" in response.text
    assert response["Retry-After"] == "10"


# The acts.


def test_acts_are_listed_newest_first_with_who_and_why(admin_client, make_message):
    make_message()
    hiding = acts.finish(acts.hide(Message.objects.all(), actor="mod", reason="Spam"))
    acts.finish(undo(hiding, actor="other"))
    html = admin_client.get(ACTS).text
    assert html.index("Undone: Hidden") < html.index('field-who">mod')
    assert "Spam" in html
    assert 'field-undone">yes' in html


def test_what_the_flood_valve_did_is_listed_in_words(admin_client, db):
    record.valve_moved("open", "all", "flood")
    assert "Very many messages came within a minute." in admin_client.get(ACTS).text


def test_an_act_has_a_page_with_its_messages_and_its_undo(
    admin_client, make_message, undo_in
):
    message = make_message("spam")
    batch = acts.finish(acts.hide(Message.objects.all(), actor="mod", reason="reports"))
    html = admin_client.get(f"{ACTS}{batch.pk}/change/").text
    assert "Several visitors reported it." in html
    assert f'href="{LIST}{message.pk}/change/"' in html
    html = undo_in(html).text
    assert "Undone: 1 message is as it was before." in html
    assert "This was undone." in html
    assert "/undo/" not in html
    undoing = ModerationBatch.objects.first()
    html = admin_client.get(f"{ACTS}{undoing.pk}/change/").text
    assert "/undo/" not in html
    response = admin_client.post(f"{ACTS}{undoing.pk}/undo/", follow=True)
    assert "an undoing is not undone" in response.text


def test_acts_are_never_written_by_hand(admin_client, make_message):
    make_message()
    batch = acts.finish(acts.hide(Message.objects.all(), actor="mod"))
    for address in "add/", f"{batch.pk}/delete/":
        assert admin_client.get(f"{ACTS}{address}").status_code == 403
    changed = admin_client.post(f"{ACTS}{batch.pk}/change/", {"actor": "x"})
    assert changed.status_code == 403
    assert admin_client.get(f"{ACTS}?actor=x").status_code == 400
    assert admin_client.get(f"{ACTS}{batch.pk}/undo/").status_code == 405


def test_an_act_that_a_later_one_stands_on_can_be_undone_again(
    admin_client, make_message
):
    message = make_message()
    rows = Message.objects.filter(pk=message.pk)
    batch = acts.finish(acts.hide(rows, actor="mod"))
    acts.finish(acts.publish(rows, actor="other"))
    acts.finish(undo(batch, actor="mod"))
    html = admin_client.get(f"{ACTS}{batch.pk}/change/").text
    assert "Undone again, the rest follows." in html
    assert f"/{batch.pk}/undo/" in html


def test_the_page_of_a_ban_tells_how_many_senders_and_until_when(
    admin_client, make_message
):
    for sender in A, B:
        make_message(sender=sender)
    batch = acts.finish(acts.ban(Message.objects.all(), actor="mod"))
    address = f"{ACTS}{batch.pk}/change/"
    assert "2 senders are banned until " in admin_client.get(address).text
    Rule.objects.all().delete()
    assert "Its bans are over or lifted." in admin_client.get(address).text


def test_what_no_visitor_sent_is_hidden_and_bans_nobody(act, make_message):
    html = act("ban", make_message()).text
    assert "You hid 1 message." in html
    assert "ban" not in re.search(r'class="latest".*?</p>', html, re.DOTALL)[0]


def test_the_page_of_a_large_act_says_that_it_shows_the_first(admin_client, db):
    Message.objects.bulk_create(Message(content=f"{n}") for n in range(101))
    batch = acts.finish(acts.hide(Message.objects.all(), actor="mod"))
    html = admin_client.get(f"{ACTS}{batch.pk}/change/").text
    assert "The first 100 of 101:" in html


def test_undo_leads_nowhere_else(admin_client, make_message):
    make_message()
    batch = acts.finish(acts.hide(Message.objects.all(), actor="mod"))
    for elsewhere in "https://evil.example/", "//evil.example", "":
        response = admin_client.post(f"{ACTS}{batch.pk}/undo/", {"next": elsewhere})
        assert response["Location"] == LIST
    assert admin_client.post(f"{ACTS}99/undo/").status_code == 404


@pytest.mark.parametrize(
    ("rights", "act", "status"),
    [
        (["view_message", "view_moderationbatch"], acts.hide, 403),
        (["change_message"], acts.hide, 302),
        (["change_message"], acts.edit, 403),
        (["change_message", "edit_text"], acts.edit, 302),
        (["change_message"], acts.set_mode, 403),
        (["change_message", "change_wallstate"], acts.set_mode, 302),
    ],
)
def test_who_may_not_do_an_act_may_not_undo_it(
    client, make_message, django_user_model, rights, act, status
):
    message = make_message()
    if act is acts.hide:
        acts.finish(acts.hide(Message.objects.all(), actor="root"))
    elif act is acts.edit:
        acts.edit(message, content="x", author_name="", actor="root")
    else:
        acts.set_mode("all", actor="root")
    user = django_user_model.objects.create_user("someone", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(user)
    batch = ModerationBatch.objects.get()
    assert client.post(f"{ACTS}{batch.pk}/undo/").status_code == status
    assert ModerationBatch.objects.count() == (2 if status == 302 else 1)
