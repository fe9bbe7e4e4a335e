"""What moderators are told by e-mail, when, and what is never in it."""

import logging
import socketserver
import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.core import mail
from django.utils import timezone

from messages_app.models import Message, Notice, WallState
from messages_app.moderation import acts, notices, record, valve

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def mail_server(settings):
    settings.EMAIL_HOST = "mail.example"  # pytest-django keeps what would be sent


@pytest.fixture
def moderator():
    user = User.objects.create_user(
        "mod", "mod@wall.example", is_staff=True, password="x"
    )
    user.user_permissions.add(Permission.objects.get(codename="change_message"))
    return user


@pytest.fixture
def hold(make_message):
    """Return a function that holds a message, as a rule does."""

    def act(content="My words"):
        message = make_message(content, author_name="Ada", status="held")
        record.held_by_rule(message)

    return act


def told():
    """Return the one e-mail that was sent, and forget it."""
    (email,) = mail.outbox
    mail.outbox.clear()
    return email


def test_a_digest_tells_how_many_wait_were_reported_and_that_the_valve_moved(
    moderator, hold, post, settings
):
    settings.SITE_ADDRESS = ["wall.example"]
    hold()
    hold()
    post("Published")
    number = Message.objects.visible().get().pk
    post("Published")
    record.reported(Message.objects.get(pk=number), is_held=False)
    valve.heed(WallState.objects.current(), 500)
    notices.send_digest()
    email = told()
    assert email.subject == "Message Wall: 2 messages wait for a moderator"
    assert "1 report by visitors has come" in email.body
    assert "Hold all until a moderator publishes it" in email.body
    assert "https://wall.example/admin/messages_app/message/" in email.body
    assert not Notice.objects.exists()


def test_no_visitors_word_name_or_address_leaves_by_e_mail(moderator, hold):
    hold("My words")
    notices.send_digest()
    email = told()
    assert "My words" not in f"{email.subject}{email.body}"
    assert "Ada" not in f"{email.subject}{email.body}"
    assert "http" not in email.body  # nobody knows the wall's own address


@pytest.mark.parametrize(
    ("change", "is_told"),
    [
        ({}, True),
        ({"is_superuser": True}, True),
        ({"is_staff": False}, False),
        ({"is_active": False}, False),
        ({"email": ""}, False),
    ],
)
def test_who_may_moderate_and_has_an_address_is_told(moderator, hold, change, is_told):
    User.objects.update(**change)
    hold()
    notices.send_digest()
    assert bool(mail.outbox) == is_told
    assert not Notice.objects.exists()


def test_staff_without_the_permission_is_not_told(moderator, hold):
    moderator.user_permissions.clear()
    hold()
    notices.send_digest()
    assert mail.outbox == []


def test_no_moderator_sees_the_others_addresses(moderator, hold):
    User.objects.create_superuser("root", "root@wall.example")
    hold()
    notices.send_digest()
    email = told()
    assert email.recipients() == ["mod@wall.example", "root@wall.example"]
    assert "@wall.example" not in email.message().as_string()


def test_there_is_one_e_mail_in_half_an_hour_at_most(moderator, hold, monkeypatch):
    began = timezone.now()
    for minutes, sent in [(0, 1), (29, 0), (30, 1), (59, 0), (60, 1)]:
        now = began + timedelta(minutes=minutes)
        monkeypatch.setattr(timezone, "now", lambda now=now: now)
        hold()
        notices.send_digest()
        assert len(mail.outbox) == sent, minutes
        mail.outbox.clear()


def test_what_has_been_dealt_with_meanwhile_is_not_told(moderator, hold):
    hold()
    acts.finish(acts.publish(Message.objects.all(), actor="mod"))
    notices.send_digest()
    assert mail.outbox == []
    assert not Notice.objects.exists()


def test_nothing_new_costs_little_and_writes_nothing(django_assert_num_queries):
    with django_assert_num_queries(2):
        notices.send_digest()
    assert not WallState.objects.exists()


def test_without_a_mail_server_notices_do_not_pile_up(moderator, hold, settings):
    settings.EMAIL_HOST = ""
    hold()
    notices.send_digest()
    assert mail.outbox == []
    assert not Notice.objects.exists()
    assert WallState.objects.get().noticed_at is None


def test_a_flood_is_counted_within_bounds(moderator, hold, monkeypatch):
    monkeypatch.setattr(notices, "MOST_NOTICES", 5)
    monkeypatch.setattr(notices, "MOST_WAITING", 3)
    monkeypatch.setattr(notices, "CHUNK", 2)
    Notice.objects.create(kind="mode")
    for _ in range(9):
        hold()
    notices.forget_the_oldest()
    assert Notice.objects.count() == 6
    notices.send_digest()
    email = told()
    assert email.subject.endswith("3+ messages wait for a moderator")
    assert "flood valve" in email.body
    assert not Notice.objects.exists()


def test_it_is_written_in_the_language_of_the_wall(settings):
    settings.LANGUAGE_CODE = "de"
    digest = notices.Digest(waiting=1_001, reports=0, mode="")
    notices.send(digest, ["mod@wall.example"], WallState.objects.current())
    assert "1.000+" in told().subject  # as numbers are written there


# A real mail server


class Talk(socketserver.StreamRequestHandler):
    """Enough of SMTP for Python's client."""

    def handle(self):
        self.say("220 mail.example")
        for line in self.rfile:
            word = line[:4].upper()
            if word == b"RCPT" and self.server.refuses:
                self.say("550 no such user here: mod@wall.example")
            elif word == b"DATA":
                self.say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.received.append(b"".join(lines).decode())
                self.say("250 taken")
            else:
                self.say("221 bye" if word == b"QUIT" else "250 ok")
            if word == b"QUIT":
                return

    def say(self, text):
        self.wfile.write(f"{text}\r\n".encode())


@pytest.fixture
def smtp(settings):
    """A mail server on a port of this machine, and what it was given."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
        server.received, server.refuses = [], False
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.02}
        )
        thread.start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        settings.DEFAULT_FROM_EMAIL = "Wall <wall@wall.example>"
        yield server
        server.shutdown()
        thread.join()


def test_a_real_mail_server_is_given_it(smtp, moderator, hold):
    hold()
    notices.send_digest()
    (received,) = smtp.received
    assert "From: Wall <wall@wall.example>" in received
    assert "To: undisclosed-recipients:;" in received
    assert "1 message waits for a moderator" in received
    assert "mod@wall.example" not in received


def test_a_mail_server_that_is_away_is_told_in_the_log_and_tried_again(
    smtp, moderator, hold, settings, caplog
):
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 1
    hold()
    notices.send_digest()
    assert Notice.objects.exists()
    (line,) = caplog.messages
    assert "by the mail server at 127.0.0.1: ConnectionRefusedError" in line
    assert "Check EMAIL_URL" in line
    settings.EMAIL_PORT = port
    notices.send_digest()
    assert len(smtp.received) == 1
    assert not Notice.objects.exists()


def test_no_log_holds_the_address_that_a_mail_server_refused(
    smtp, moderator, hold, caplog
):
    caplog.set_level(logging.DEBUG)
    smtp.refuses = True
    hold()
    notices.send_digest()
    assert "SMTPRecipientsRefused" in caplog.text
    assert "mod@wall.example" not in caplog.text
    assert Notice.objects.exists()
