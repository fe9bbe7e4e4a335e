"""Who sends, told apart without an address; and whom a header cannot make of one."""

from datetime import UTC, date, datetime

import pytest

from messages_app import senders
from messages_app.models import Message, SenderSalt


@pytest.fixture
def sender(rf, db):
    """Return a function that gives the sender of a request from an address."""

    def find(remote, forwarded=None):
        headers = {"X-Forwarded-For": forwarded} if forwarded else {}
        return senders.find(rf.get("/", headers=headers, REMOTE_ADDR=remote))

    return find


@pytest.fixture
def in_month(monkeypatch):
    """Return a function that moves the clock of this module to a month."""

    def move(year, month):
        class Clock(datetime):
            @classmethod
            def now(cls, zone):
                return datetime(year, month, 15, tzinfo=UTC)

        monkeypatch.setattr(senders, "datetime", Clock)

    return move


def test_one_address_is_one_sender(sender):
    assert sender("192.0.2.1") == sender("192.0.2.1")
    assert len(sender("192.0.2.1")) == 16


def test_other_addresses_are_other_senders(sender):
    assert sender("192.0.2.1") != sender("192.0.2.2")


def test_a_household_is_one_sender(sender):
    assert sender("2001:db8:1:2::1") == sender("2001:db8:1:2:ffff::9")
    assert sender("2001:db8:1:2::1") != sender("2001:db8:1:3::1")


def test_ipv4_written_as_ipv6_is_ipv4(sender):
    assert sender("::ffff:192.0.2.1") == sender("192.0.2.1")


@pytest.mark.parametrize("forwarded", ["198.51.100.9", "x", "1.1.1.1, 2.2.2.2", "::1"])
def test_nobody_becomes_another_sender_by_a_header(sender, forwarded):
    assert sender("192.0.2.1", forwarded) == sender("192.0.2.1")


def test_behind_a_trusted_proxy_only_its_word_counts(sender, settings):
    settings.TRUSTED_PROXIES = 1
    honest = sender("10.0.0.1", "192.0.2.1")
    assert sender("10.0.0.1", "198.51.100.9, 192.0.2.1") == honest
    hops = ", ".join(["198.51.100.9"] * 200)
    assert sender("10.0.0.1", f"{hops}, ::ffff:192.0.2.1") == honest
    assert sender("10.0.0.1", "198.51.100.9") != honest


def test_a_message_names_its_sender_and_no_address(client, db, rf):
    client.post("/", {"content": "Hello"}, REMOTE_ADDR="192.0.2.77")
    message = Message.objects.get()
    request = rf.get("/", REMOTE_ADDR="192.0.2.77")
    assert bytes(message.sender) == senders.find(request)
    assert "192.0.2.77" not in repr(Message.objects.values().get())


def test_each_month_has_a_salt_of_its_own_and_two_live(sender, rf, in_month):
    in_month(2026, 1)
    january = sender("192.0.2.1")
    in_month(2026, 2)
    request = rf.get("/", REMOTE_ADDR="192.0.2.1")
    assert senders.find_all(request)[1:] == [january]
    assert sender("192.0.2.1") != january
    in_month(2026, 3)
    sender("192.0.2.1")
    assert january not in senders.find_all(request)
    kept = SenderSalt.objects.order_by("month").values_list("month", flat=True)
    assert list(kept) == [date(2026, 2, 1), date(2026, 3, 1)]


def test_maintenance_drops_old_salts_of_a_wall_that_nobody_visits(db, in_month):
    SenderSalt.objects.create(month=date(2026, 1, 1), salt=b"old")
    in_month(2026, 3)
    senders.drop_old_salts()
    assert not SenderSalt.objects.exists()


def test_a_clock_that_was_wrong_for_a_moment_spoils_nothing(sender, in_month):
    in_month(2026, 1)
    january = sender("192.0.2.1")
    in_month(2036, 5)
    wrong = sender("192.0.2.1")
    in_month(2026, 2)
    assert sender("192.0.2.1") not in (january, wrong)


def test_another_secret_key_makes_other_names_and_knows_the_old(sender, rf, settings):
    before = sender("192.0.2.1")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert sender("192.0.2.1") != before
    assert before in senders.find_all(rf.get("/", REMOTE_ADDR="192.0.2.1"))


def test_the_salts_are_looked_at_again_each_minute(sender, monkeypatch):
    before = sender("192.0.2.1")
    SenderSalt.objects.update(salt=b"restored")
    assert sender("192.0.2.1") == before
    later = senders.time.monotonic() + 61
    monkeypatch.setattr(senders.time, "monotonic", lambda: later)
    assert sender("192.0.2.1") != before
