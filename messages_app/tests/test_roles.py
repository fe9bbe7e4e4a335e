"""Who may do what on the desk."""

import re

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from messages_app import roles
from messages_app.models import Message, ModerationBatch, Rule, WallState
from messages_app.moderation.acts import finish, hide

LIST = "/admin/messages_app/message/"


def rights():
    return set(
        Group.objects.get(name="Moderators").permissions.values_list(
            "codename", flat=True
        )
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time", ["after migrate", "after flush"])
def test_there_is_a_group_of_moderators(time):
    assert rights() == set(roles.RIGHTS)


def test_an_upgrade_makes_the_group_where_it_is_missing(db):
    Permission.objects.filter(content_type__app_label="messages_app").delete()
    Group.objects.all().delete()
    call_command("migrate", verbosity=0)
    assert rights() == set(roles.RIGHTS)


def test_what_an_operator_changed_of_the_group_stays(db):
    group = Group.objects.get(name="Moderators")
    group.permissions.remove(Permission.objects.get(codename="add_rule"))
    group.permissions.add(Permission.objects.get(codename="delete_message"))
    call_command("migrate", verbosity=0)
    assert rights() == {*roles.RIGHTS, "delete_message"} - {"add_rule"}


@pytest.mark.django_db(transaction=True)
def test_a_database_made_step_by_step_has_the_group_in_the_end():
    """As `migrate messages_app` alone, on which accounts do not exist yet."""
    call_command("migrate", "auth", "zero", verbosity=0)
    assert "auth_group" not in connection.introspection.table_names()
    call_command("migrate", "messages_app", verbosity=0)
    call_command("migrate", verbosity=0)
    assert rights() == set(roles.RIGHTS)


@pytest.fixture
def as_role(client, db, django_user_model):
    """Return a function that makes the client someone of this role."""

    def become(role):
        if role == "visitor":
            return client
        user = django_user_model.objects.create_user(
            role, password="x", is_staff=True, is_superuser=role == "superuser"
        )
        if role == "moderator":
            user.groups.add(Group.objects.get(name="Moderators"))
        client.force_login(user)
        client.user = user
        return client

    return become


ROLES = ["visitor", "staff", "moderator", "superuser"]


def acts(action):
    """Return whether running this action on a held message decides on it."""

    def ask(client, message):
        sent = {"index": action, "days": "7", "shown_at": timezone.now().isoformat()}
        client.post(LIST, sent | {"_selected_action": [message.pk]})
        return Message.objects.filter(pk=message.pk).exclude(status="held").exists()

    return ask


def opens(address):
    return lambda client, message: client.get(address).status_code == 200


def undoes(client, message):
    finish(hide(Message.objects.all(), actor="another"))
    batch = ModerationBatch.objects.get()
    client.post(f"/admin/messages_app/moderationbatch/{batch.pk}/undo/")
    return Message.objects.filter(status="held").exists()


def opens_the_row(client, message):
    finish(hide(Message.objects.all(), actor="another"))
    number = ModerationBatch.objects.get().pk
    address = f"/admin/messages_app/moderationbatch/{number}/change/"
    return client.get(address).status_code == 200


def writes_a_rule(client, message):
    rule = {"kind": "word", "pattern": "casino", "verdict": "hold"}
    address = "/admin/messages_app/rule/add/"
    rehearsed = re.search(
        r'name="rehearsed" value="([^"]+)"', client.post(address, rule).text
    )
    if rehearsed:
        client.post(address, rule | {"rehearsed": rehearsed[1]})
    return Rule.objects.exists()


def deletes_a_rule(client, message):
    rule = Rule.objects.create(kind="word", pattern="casino")
    client.post(f"/admin/messages_app/rule/{rule.pk}/delete/", {"post": "yes"})
    return not Rule.objects.exists()


def edits_a_text(client, message):
    sent = {
        "content": "Tamer",
        "status": "held",
        "shown_at": message.changed_at.isoformat(),
    }
    forms = {"reports-TOTAL_FORMS": 0, "reports-INITIAL_FORMS": 0}
    client.post(f"{LIST}{message.pk}/change/", sent | forms)
    return Message.objects.filter(content="Tamer").exists()


def deletes(client, message):
    client.post(f"{LIST}{message.pk}/delete/", {"post": "yes"})
    return not Message.objects.filter(pk=message.pk).exists()


def switches_the_mode(client, message):
    state = WallState.objects.current()
    form = {field.name: getattr(state, field.name) for field in state._meta.fields}
    known = {f"initial-{name}": value for name, value in form.items()}
    sent = {**form, **known, "mode": "all"}
    sent = {name: "" if value is None else value for name, value in sent.items()}
    client.post("/admin/messages_app/wallstate/1/change/", sent)
    return WallState.objects.get().mode == "all"


# What each role may do, in the order of ROLES.
TABLE = {
    "read the wall": (opens("/"), [True, True, True, True]),
    "come in": (opens("/admin/"), [False, True, True, True]),
    "change a password": (opens("/admin/password_change/"), [False, True, True, True]),
    "see the queue": (opens(LIST), [False, False, True, True]),
    "publish": (acts("publish"), [False, False, True, True]),
    "hide": (acts("hide"), [False, False, True, True]),
    "hide all by a sender": (acts("hide_senders"), [False, False, True, True]),
    "ban": (acts("ban"), [False, False, True, True]),
    "see what was done": (opens_the_row, [False, False, True, True]),
    "undo": (undoes, [False, False, True, True]),
    "write a rule": (writes_a_rule, [False, False, True, True]),
    "delete a rule": (deletes_a_rule, [False, False, True, True]),
    "switch the mode": (switches_the_mode, [False, False, True, True]),
    "edit a text": (edits_a_text, [False, False, False, True]),
    "delete for good": (deletes, [False, False, False, True]),
    "see users": (opens("/admin/auth/user/"), [False, False, False, True]),
    "see devices": (opens("/admin/otp_totp/totpdevice/"), [False, False, False, True]),
    "see groups": (opens("/admin/auth/group/"), [False, False, False, True]),
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("right", TABLE)
def test_each_role_may_do(as_role, make_message, role, right):
    ask, answers = TABLE[right]
    message = make_message(status="held")
    assert ask(as_role(role), message) == answers[ROLES.index(role)]
