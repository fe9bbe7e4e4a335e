"""The moderator's desk in a browser: a flood is cleared, and taken back with one click."""

import hashlib

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from messages_app.models import Message, ModerationBatch, Rule
from messages_app.moderation import acts
from messages_app.tests.browser.conftest import DESKTOP
from messages_app.tests.browser.judges import DJANGO, check_page, check_width

LIST = "/admin/messages_app/message/"
SPAM, SENDERS = 1_000, 40
A = b"a" * 16


@pytest.fixture
def moderator(wall):
    """Somebody who may moderate."""
    User.objects.filter(username="mo").delete()
    ModerationBatch.objects.filter(actor="mo").update(actor="gone")
    return User.objects.create_superuser("mo", password="for this test")


def sign_in(page):
    page.goto(LIST)
    page.get_by_label("Username").fill("mo")
    page.get_by_label("Password").fill("for this test")
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"**{LIST}")


def flood():
    """Fill the wall with spam from some senders, among what others wrote."""
    Message.objects.bulk_create(
        Message(
            content=f"Cheap watches, offer {n} https://watches.example/",
            sender=hashlib.md5(b"%d" % (n % SENDERS)).digest(),
        )
        for n in range(SPAM)
    )
    Message.objects.bulk_create(
        Message(content=f"Hello, this is message {n}", sender=b"%016d" % n)
        for n in range(200)
    )


def test_a_flood_is_cleared_in_three_clicks_and_taken_back_in_one(
    either_page, moderator, browse, shoot
):
    page, clicks = either_page, []

    def click(role, name):
        clicks.append(name)
        page.get_by_role(role, name=name).click()

    flood()
    sign_in(page)
    page.get_by_role("textbox", name="Search").fill("cheap watches")
    click("button", "Search")
    expect(page.locator("#result_list tbody tr")).to_have_count(50)
    shoot(page, "desk-flood")
    click("checkbox", "All that match this list")
    page.get_by_label("Reason for hiding").fill("Spam")
    click("button", "Ban the senders and hide all by them")
    told = page.get_by_text("You hid 1,000 messages. 40 senders are banned")
    expect(told).to_be_visible(timeout=60_000)
    assert len(clicks) == 3
    shoot(page, "desk-cleared")
    assert Message.objects.visible().count() == 200
    assert Rule.objects.count() == SENDERS
    reader = browse()
    reader.goto("/")
    expect(reader.locator("main")).not_to_contain_text("watches")
    click("button", "Undo")
    told = page.get_by_text("Undone: 1,000 messages are as they were before.")
    expect(told).to_be_visible(timeout=60_000)
    assert Message.objects.visible().count() == 1_200
    assert not Rule.objects.exists()


def test_enter_in_the_reason_publishes_nothing(either_page, moderator, make_message):
    page = either_page
    make_message("waits", status="held")
    sign_in(page)
    page.get_by_role("checkbox", name="Message").check()
    page.get_by_label("Reason for hiding").fill("Spam")
    page.get_by_label("Reason for hiding").press("Enter")
    page.wait_for_load_state()
    expect(page.locator("#result_list")).to_contain_text("waits")
    assert not ModerationBatch.objects.filter(actor="mo").exists()


def queue(page, make_message):
    for number in range(3):
        make_message(f"Is this held? {number}", status="held", reason="links", sender=A)
    make_message("مرحبا " * 30, status="held", reason="mode", author_name="أحمد")
    make_message("x" * 400, status="held", reason="repeated", report_count=2)
    page.goto(LIST)


def everything(page, make_message):
    queue(page, make_message)
    make_message("Published", sender=A)
    page.goto(f"{LIST}?status=all")
    page.get_by_role("checkbox", name="Message").first.check()
    page.get_by_role("button", name="Hide", exact=True).click()
    page.wait_for_selector(".latest")


def one(page, make_message):
    queue(page, make_message)
    message = Message.objects.filter(sender=A)[1]
    acts.edit(message, content="It said something else", author_name="", actor="mo")
    page.goto(f"{LIST}{message.pk}/change/")


def history(page, make_message):
    one(page, make_message)
    page.get_by_role("link", name="History").click()
    page.wait_for_url("**/history/")


def batches(page, make_message):
    everything(page, make_message)
    page.goto("/admin/messages_app/moderationbatch/")


def batch(page, make_message):
    batches(page, make_message)
    page.get_by_role("link", name="Hidden").first.click()
    page.wait_for_selector(".latest")


PAGES = {
    "queue": queue,
    "empty-queue": lambda page, make_message: page.goto(LIST),
    "all": everything,
    "no-result": lambda page, make_message: page.goto(f"{LIST}?q=nothing"),
    "message": one,
    "history": history,
    "acts": batches,
    "act": batch,
}
LOOKS = {
    "desktop": (DESKTOP, "light"),
    "phone": ({"width": 360, "height": 740}, "light"),
    "dark": (DESKTOP, "dark"),
}


# What goes wrong in the browser, its policy included, fails each test: see `faults`.
@pytest.mark.parametrize("arrive", PAGES)
def test_each_page_of_the_desk_is_whole(page, moderator, make_message, shoot, arrive):
    sign_in(page)
    PAGES[arrive](page, make_message)
    check_page(page, but=DJANGO)
    for look, (size, scheme) in LOOKS.items():
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        shoot(page, f"desk-{arrive}-{look}")
        check_width(page)
    page.set_viewport_size(DESKTOP)
    address = page.url.partition("#")[0]
    page.goto(f"{address}{'&' if '?' in address else '?'}lang=ar")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    shoot(page, f"desk-{arrive}-arabic")
    check_width(page)


def test_a_long_act_tells_how_far_it_is(page, moderator, wall, shoot):
    Message.objects.bulk_create(Message(content=f"spam {n}") for n in range(12_000))
    sign_in(page)
    page.goto(f"{LIST}?status=published")
    page.get_by_role("checkbox", name="All that match this list").check()
    page.get_by_role("button", name="Hide", exact=True).click()
    expect(
        page.get_by_text("More than 10,000 messages match this list.")
    ).to_be_visible()
    page.get_by_role("button", name="Do it to all").click()
    lines = page.locator(".so-far")
    expect(lines.nth(2)).to_be_attached(timeout=60_000)
    assert lines.filter(visible=True).count() <= 1  # each takes the place of the last
    done = page.get_by_text("You hid 12,000 messages.")
    expect(done).to_be_in_viewport(timeout=120_000)
    expect(lines.filter(visible=True)).to_have_count(0)
    shoot(page, "desk-progress")
    page.get_by_role("button", name="Undo").click()
    done = page.get_by_text("Undone: 12,000 messages are as they were before.")
    expect(done).to_be_visible(timeout=120_000)
    page.get_by_role("link", name="Back to the list").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(50)
