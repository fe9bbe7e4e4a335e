import html
import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from messages_app.models import Message, Rule
from messages_app.moderation import rehearsal

LIST = "/admin/messages_app/rule/"
ADD = f"{LIST}add/"


def fields(kind="word", pattern="casino", verdict="hold", until=None, **more):
    at = until.strftime("%Y-%m-%d %H:%M:%S").split() if until else ["", ""]
    told = {"kind": kind, "pattern": pattern, "verdict": verdict, "note": ""}
    return {**told, "expires_at_0": at[0], "expires_at_1": at[1], **more}


def hidden_in(page):
    """Return what the page's form would send."""
    inputs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
    return {name: html.unescape(value) for name, value in inputs}


@pytest.fixture
def save(admin_client):
    """Return a function that writes a rule, looks at its rehearsal, and saves it."""

    def write(address=ADD, **told):
        page = admin_client.post(address, fields(**told)).text
        assert "What this rule would have caught" in page
        return admin_client.post(address, {**hidden_in(page), "_save": "Save"})

    return write


def test_a_rule_is_saved_after_its_rehearsal_and_acts_at_once(save, post, admin_user):
    assert save(pattern="  Casino  night ", note="ads").status_code == 302
    rule = Rule.objects.get()
    assert (rule.pattern, rule.note) == ("Casino night", "ads")
    assert rule.created_by == admin_user.get_username()
    post("Come to саsіnо night")
    assert Message.objects.get().status == "held"


def test_nothing_is_saved_before_the_rehearsal(admin_client):
    admin_client.post(ADD, fields())
    admin_client.post(ADD, fields(rehearsed="forged"))
    assert not Rule.objects.exists()


def test_the_rehearsal_tells_what_would_have_been_caught(admin_client, make_message):
    make_message("Hello")
    make_message("Win at the саѕіnо", is_kept=True)
    last = make_message("casino again", author_name="שלום")
    page = admin_client.post(ADD, fields()).text
    assert "The newest 3 messages were looked at." in page
    assert "The rule would have caught 2 of them." in page
    assert "A moderator had published or kept 1 of these." in page
    assert page.index("casino again") < page.index("Win at the")
    assert f'href="/admin/messages_app/message/{last.pk}/change/"' in page
    assert '<td class="field-author" dir="auto">שלום' in page


def test_the_rehearsal_shows_twenty_and_counts_all(admin_client, make_message):
    for number in range(25):
        make_message(f"casino {number}.")
    page = admin_client.post(ADD, fields()).text
    assert "The rule would have caught 25 of them." in page
    assert "casino 24." in page
    assert "casino 5." in page
    assert "casino 4." not in page


def test_only_the_newest_messages_are_looked_at(
    admin_client, make_message, monkeypatch
):
    monkeypatch.setattr(rehearsal, "MOST_MESSAGES", 2)
    for text in ["casino", "one", "two"]:
        make_message(text)
    page = admin_client.post(ADD, fields()).text
    assert "The newest 2 messages were looked at." in page
    assert "The rule would have caught none." in page


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [("domain", "https://www.spam.example/x"), ("sender", "AB" * 16)],
)
def test_domains_and_senders_are_rehearsed_too(
    admin_client, make_message, kind, pattern
):
    make_message("See spam.example", sender=b"\xab" * 16)
    make_message("Fine")
    until = timezone.now() + timedelta(days=3)
    page = admin_client.post(ADD, fields(kind, pattern, until=until)).text
    assert "The rule would have caught 1 of them." in page


def test_a_rehearsed_rule_can_be_changed_before_it_is_saved(admin_client):
    rule = Rule.objects.create(kind="word", pattern="casino")
    for address in ADD, f"{LIST}{rule.pk}/change/":
        page = admin_client.post(address, fields(pattern="cat", note="pets")).text
        assert 'name="_change"' in page
        sent = hidden_in(page)
        page = admin_client.post(address, {**sent, "_change": "on"}).text
        assert re.search(r'name="pattern" value="cat"', page)
        assert re.search(r'name="note" value="pets"', page)
        assert "Please correct" not in page
        page = admin_client.post(address, {**sent, "pattern": "dog"}).text
        assert "What this rule would have caught" in page
    assert [rule.pattern for rule in Rule.objects.all()] == ["casino"]


def test_the_form_shows_how_each_kind_is_written(admin_client):
    page = admin_client.get(ADD).text
    for example in "cheap watches", "spam.example", "32 digits":
        assert example in page


def test_a_list_without_a_rule_tells_what_one_is(admin_client, db):
    assert "A rule holds or refuses words" in admin_client.get(LIST).text


def test_another_pattern_is_rehearsed_anew(admin_client):
    page = admin_client.post(ADD, fields()).text
    changed = {**hidden_in(page), "pattern": "cat", "_save": "Save"}
    page = admin_client.post(ADD, changed).text
    assert "What this rule would have caught" in page
    assert not Rule.objects.exists()
    admin_client.post(ADD, {**hidden_in(page), "_save": "Save"})
    assert Rule.objects.get().pattern == "cat"


def test_a_note_is_changed_without_a_rehearsal(admin_client, admin_user):
    rule = Rule.objects.create(kind="word", pattern="casino", created_by="eve")
    address = f"{LIST}{rule.pk}/change/"
    response = admin_client.post(address, fields(note="from the forum"))
    assert response.status_code == 302
    rule.refresh_from_db()
    assert (rule.note, rule.created_by) == ("from the forum", "eve")
    page = admin_client.post(address, fields(pattern="cat")).text
    assert "What this rule would have caught" in page


IN_3, IN_40 = (timezone.now() + timedelta(days=days) for days in (3, 40))


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"pattern": "\u200b\u0301"}, "Nothing of this can be seen."),
        ({"kind": "domain", "pattern": "spam"}, "This is no domain."),
        ({"kind": "domain", "pattern": "no spam.example"}, "This is no domain."),
        ({"kind": "domain", "pattern": "https://"}, "This is no domain."),
        ({"kind": "sender", "pattern": "abc", "until": IN_3}, "32 digits"),
        ({"kind": "sender", "pattern": "ab" * 16}, "say until when"),
        ({"kind": "sender", "pattern": "ab" * 16, "until": IN_40}, "28 days at most"),
        ({"until": IN_3 - timedelta(days=9)}, "This time is over"),
        ({"kind": "x"}, "Select a valid choice"),
        ({"pattern": ""}, "This field is required"),
    ],
)
def test_what_is_no_rule_is_told(admin_client, told, reason):
    response = admin_client.post(ADD, fields(**told))
    assert response.status_code == 200
    assert reason in html.unescape(response.text)
    assert not Rule.objects.exists()


@pytest.mark.parametrize(
    "pattern",
    [
        "spam.example",
        "https://user:pw@WWW.Spam.example:443/x?y#z",
        "*.spam.example.",
    ],
)
def test_a_domain_may_be_pasted_as_an_address(save, pattern):
    save(kind="domain", pattern=pattern)
    assert Rule.objects.get().pattern == "spam.example"


def test_rules_are_listed_without_counting(
    admin_client, django_assert_num_queries, admin_user
):
    for number in range(130):
        Rule.objects.create(kind="word", pattern=f"word{number}.", created_by="eve")
    admin_client.get(LIST)
    with django_assert_num_queries(4) as asked:  # session, user, page, rows
        page = admin_client.get(LIST).text
    assert not any("COUNT" in query["sql"] for query in asked.captured_queries)
    assert "word129." in page
    assert "word0." not in page
    assert "word0." in admin_client.get(LIST, {"p": 2}).text
    assert "word77." in admin_client.get(LIST, {"q": "word77"}).text


def test_a_deleted_rule_acts_no_more(admin_client, post):
    rule = Rule.objects.create(kind="word", pattern="casino")
    post("casino one")
    admin_client.post(f"{LIST}{rule.pk}/delete/", {"post": "yes"})
    post("casino two")
    assert Message.objects.get(content="casino two").status == "published"


def test_who_may_not_write_rules_rehearses_none(client, django_user_model):
    user = django_user_model.objects.create_user("guest", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_message"))
    client.force_login(user)
    assert client.post(ADD, fields()).status_code == 403


def test_who_may_not_see_messages_is_shown_numbers_only(
    client, django_user_model, make_message
):
    make_message("Win at the casino")
    user = django_user_model.objects.create_user("ruler", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="add_rule"))
    client.force_login(user)
    page = client.post(ADD, fields()).text
    assert "The rule would have caught 1 of them." in page
    assert "Win at the" not in page


@pytest.mark.parametrize(
    ("question", "status"),
    [
        ("kind__exact=word", 200),
        ("verdict__exact=hold", 200),
        ("kind__exact=x", 400),
        ("pattern__regex=(", 400),
    ],
)
def test_only_the_lists_own_filters_are_taken_from_an_address(
    admin_client, question, status
):
    assert admin_client.get(f"{LIST}?{question}").status_code == status
