"""How the wall is moderated, as moderators see and switch it on the desk."""

import re
from io import StringIO

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from messages_app import desk
from messages_app.models import Message, ModerationBatch, ModerationEvent, WallState
from messages_app.moderation import acts
from messages_app.moderation.undo import undo

ROW = "/admin/messages_app/wallstate/1/change/"
LIST = "/admin/messages_app/wallstate/"


@pytest.fixture
def moderator(client, db, django_user_model):
    """Make the client a volunteer."""
    user = django_user_model.objects.create_user("Mo", password="x", is_staff=True)
    user.groups.add(Group.objects.get(name="Moderators"))
    client.force_login(user)
    return client


@pytest.fixture
def send(moderator):
    """Return a function that sends the form as it was shown, with some fields changed."""

    def change(shown=None, **fields):
        form = fields_of(shown or moderator.get(LIST, follow=True).text) | fields
        return moderator.post(ROW, form, follow=True)

    return change


def fields_of(html):
    """Return what a browser would send of the page's main form."""
    form = html[html.index('id="wallstate_form"') :]
    inputs = re.findall(r"<input ([^>]*)>", form)
    told = [dict(re.findall(r'(\w+)="([^"]*)"', each)) for each in inputs]
    return {
        each["name"]: each["value"]
        for each, text in zip(told, inputs, strict=True)
        if "value" in each
        and each["type"] != "submit"
        and (each["type"] != "radio" or "checked" in text)
    }


def raise_valve(to="all"):
    WallState.objects.current()
    WallState.objects.update(valve_mode=to, valve_at=timezone.now())


def test_the_list_is_the_row(moderator):
    assert moderator.get(LIST, follow=True).redirect_chain == [(ROW, 302)]


def test_switching_the_mode_is_recorded_and_can_be_undone(send):
    assert "Hold what looks risky" in send(mode="all").text
    assert WallState.objects.get().get_effective_mode() == "all"
    batch = ModerationBatch.objects.get()
    event = ModerationEvent.objects.get()
    assert (batch.act, batch.actor) == ("mode", "Mo")
    assert (event.from_status, event.to_status) == ("risky", "all")
    acts.finish(undo(batch, actor="other"))
    assert WallState.objects.get().mode == "risky"


def test_a_switch_tells_the_mode_and_is_undone_with_one_click(send, moderator):
    html = send(mode="all").text
    assert "The wall&#x27;s mode is now: Hold all until a moderator" in html
    [address] = re.findall(r'action="([^"]*/undo/)"', html)
    html = moderator.post(address, {"next": ROW}, follow=True).text
    assert "The wall&#x27;s mode is now: Hold what looks risky." in html
    assert "0 messages" not in html
    assert WallState.objects.get().mode == "risky"


def test_a_threshold_is_changed_without_an_act(send):
    send(most_links="5")
    assert WallState.objects.get().most_links == 5
    assert not ModerationBatch.objects.exists()


def test_what_others_changed_since_the_page_was_shown_stays(send, moderator):
    shown = moderator.get(LIST, follow=True).text
    acts.set_mode("all", actor="another")
    raise_valve()
    WallState.objects.update(calm_minutes=33)
    send(shown, most_links="7")
    state = WallState.objects.get()
    assert (state.mode, state.valve_mode, state.calm_minutes) == ("all", "all", 33)
    assert state.most_links == 7


@pytest.mark.parametrize(
    ("risky", "all_", "is_told"),
    [(60, 59, True), (60, 60, False), (0, 5, False), (60, 0, False), (0, 0, False)],
)
def test_thresholds_in_the_wrong_order_are_told(send, risky, all_, is_told):
    html = send(risky_per_minute=risky, all_per_minute=all_).text
    assert ("This is the stricter step" in html) == is_told
    assert (WallState.objects.get().all_per_minute == all_) != is_told


@pytest.mark.parametrize(
    "nonsense", ["-1", "x", "9" * 30, "9" * 16, "20000", "", "1.5", "\0"]
)
def test_nonsense_is_told_and_nothing_is_stored(send, nonsense):
    assert "Please correct the error" in send(risky_per_minute=nonsense).text
    assert send(mode=nonsense).status_code == 200
    assert WallState.objects.get().risky_per_minute == 60
    assert WallState.objects.get().mode == "risky"


def test_the_page_tells_what_the_valve_did_and_opens_it(moderator):
    assert "Open the valve now" not in moderator.get(LIST, follow=True).text
    raise_valve()
    html = moderator.get(ROW).text
    assert "<strong>Hold all until a moderator publishes it</strong>" in html
    [address] = re.findall(r'action="([^"]*open-valve/)"', html)
    html = moderator.post(address, follow=True).text
    assert "<strong>Hold what looks risky</strong>" in html
    assert "Open the valve now" not in html
    event = ModerationEvent.objects.get()
    assert (event.act, event.actor) == ("mode", "Mo")
    assert (event.from_status, event.to_status) == ("all", "risky")


def test_opening_a_valve_that_is_open_records_nothing(moderator):
    assert moderator.post(f"{LIST}open-valve/", follow=True).status_code == 200
    assert not ModerationEvent.objects.exists()


def test_undoing_the_opening_makes_the_wall_as_strict_again(moderator):
    raise_valve()
    moderator.post(f"{LIST}open-valve/")
    acts.finish(undo(ModerationBatch.objects.get(), actor="other"))
    assert WallState.objects.get().get_effective_mode() == "all"


def test_a_valve_that_asks_for_less_than_the_moderators_is_not_told_of(moderator):
    acts.set_mode("all", actor="Mo")
    raise_valve("risky")
    assert "Open the valve now" not in moderator.get(ROW).text


def test_the_valve_is_opened_by_a_form_of_ours(moderator, client):
    raise_valve()
    assert moderator.get(f"{LIST}open-valve/").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert strict.post(f"{LIST}open-valve/").status_code == 403
    assert WallState.objects.get().valve_mode == "all"


def test_the_row_is_neither_added_nor_deleted(admin_client):
    admin_client.get(LIST)
    assert admin_client.get(f"{LIST}add/").status_code == 403
    assert admin_client.post(f"{LIST}1/delete/", {"post": "yes"}).status_code == 403
    assert WallState.objects.count() == 1


def test_who_is_only_staff_sees_and_opens_nothing(client, db, django_user_model):
    user = django_user_model.objects.create_user("x", is_staff=True)
    client.force_login(user)
    raise_valve()
    for address in [LIST, ROW]:
        assert client.get(address).status_code == 403
    assert client.post(f"{LIST}open-valve/").status_code == 403
    assert "Hold all until" not in client.get("/admin/").text


def test_the_desk_tells_the_mode_on_its_first_page(moderator):
    raise_valve()
    html = moderator.get("/admin/").text
    assert re.search(
        r"The wall's mode:\s+<a href=\"/admin/messages_app/wallstate/\"", html
    )
    assert "(raised by the flood valve)" in html


def test_the_desks_first_page_leads_to_what_waits_and_to_what_was_done(
    moderator, make_message, monkeypatch
):
    assert "Nothing waits for a decision" in moderator.get("/admin/").text
    for number in range(3):
        make_message(f"{number}", status="held")
    acts.finish(acts.hide(Message.objects.filter(content="0"), actor="Mia"))
    html = moderator.get("/admin/").text
    way = '<a class="button" href="/admin/messages_app/message/">'
    assert f"{way}2 messages wait for a decision</a>" in html
    assert re.search(
        r'moderationbatch/\d+/change/">Hidden</a> \(1\)<br>\s+.*Mia</bdi>,', html
    )
    monkeypatch.setattr(desk, "MOST_COUNTED", 1)
    html = moderator.get("/admin/").text
    assert f"{way}More than 1 messages wait for a decision</a>" in html


def test_the_desks_first_page_costs_exactly(moderator, django_assert_num_queries):
    WallState.objects.current()
    # session, user, rights (2), what waits, mode, latest acts
    with django_assert_num_queries(7):
        moderator.get("/admin/")


# By command


def wall_mode(*arguments, **options):
    said = StringIO()
    call_command("wall_mode", *arguments, stdout=said, **options)
    return said.getvalue().splitlines()


def test_the_mode_is_told_by_command(db):
    assert wall_mode() == [
        "in force: hold-risky",
        "the moderators' own: hold-risky",
        "the flood valve asks for: nothing",
    ]


def test_the_mode_is_switched_by_command_and_recorded(db):
    WallState.objects.update_or_create(pk=1, defaults={"valve_mode": "all"})
    assert wall_mode("open") == [
        "in force: hold-all",
        "the moderators' own: open",
        "the flood valve asks for: hold-all",
    ]
    event = ModerationEvent.objects.get()
    assert (event.actor, event.from_status, event.to_status) == (
        "manage.py",
        "risky",
        "open",
    )


def test_a_dry_run_switches_nothing(db):
    said = wall_mode("hold-all", dry_run=True)
    assert said == ["Would switch from hold-risky to hold-all. Nothing was done."]
    assert WallState.objects.get().mode == "risky"


def test_a_mode_that_is_none_is_a_wrong_call(db):
    with pytest.raises(CommandError, match="invalid choice: 'strict'"):
        wall_mode("strict")
