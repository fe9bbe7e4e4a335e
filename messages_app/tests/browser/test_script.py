"""What wall.js makes better."""

import re

import pytest
from playwright.sync_api import expect

from messages_app.models import Message

TEXT = "Your message"


def test_times_are_the_readers_own(browse, make_message):
    make_message(created_at="2026-01-31T20:30:00Z")
    page = browse(timezone_id="Asia/Tokyo", locale="en")
    page.goto("/")
    when = page.locator("article time")
    expect(when).to_have_text(re.compile("February 1, 2026 at 5:30"))
    expect(when).to_have_attribute("title", "31 January 2026, 20:30 UTC")


@pytest.mark.parametrize(
    ("language", "shown"),
    [("de", "1. Februar 2026"), ("ja", "2026年2月1日"), ("ar", "1 فبراير 2026")],
)
def test_local_times_are_in_the_readers_language(browse, make_message, language, shown):
    make_message(created_at="2026-01-31T20:30:00Z")
    page = browse(timezone_id="Asia/Tokyo", locale=language)
    page.goto("/")
    expect(page.locator("article time")).to_contain_text(shown)


def test_a_counter_shows_the_length_and_speaks_only_near_the_end(page, wall):
    page.goto("/")
    seen, said = page.locator(".counter > :first-child"), page.get_by_role("status")
    box = page.get_by_role("textbox", name=TEXT)
    box.fill("👩‍👩‍👧 ok")
    expect(seen).to_have_text("8 / 1000")
    expect(said.filter(has_text="left")).to_have_count(0)
    box.fill("x" * 990)
    expect(said.filter(has_text="Characters left: 10")).to_have_count(1)
    box.fill("x" * 1003)
    expect(said.filter(has_text="Characters too many: 3")).to_have_count(1)


def test_news_are_told_and_brought_in_without_touching_the_form(page, make_message):
    make_message("old")
    page.clock.install()
    page.goto("/")
    box = page.get_by_role("textbox", name=TEXT)
    box.fill("half a thought")
    for number in range(3):
        make_message(f"new {number}")
    page.clock.run_for(40_000)
    pill = page.get_by_role("button", name="3 new messages")
    expect(pill).to_be_visible()
    pill.click()
    expect(page.get_by_role("article")).to_have_count(4)
    expect(page.locator("#messages")).to_be_focused()
    expect(box).to_have_value("half a thought")
    expect(pill).to_be_hidden()
    make_message("newer")
    page.clock.run_for(90_000)
    expect(page.get_by_role("button", name="1 new message")).to_be_visible()


@pytest.mark.parametrize(
    "answer",
    [
        lambda route: route.abort("internetdisconnected"),
        lambda route: route.fulfill(status=502, body="Bad Gateway"),
        lambda route: route.fulfill(status=503, body='<p id="messages">Sorry'),
    ],
    ids=["none", "a proxy's", "without messages"],
)
def test_news_that_cannot_be_had_leave_the_page_and_can_be_asked_for_again(
    page, make_message, faults, answer
):
    make_message("old")
    page.clock.install()
    page.goto("/")
    make_message("news")
    page.clock.run_for(40_000)
    pill = page.get_by_role("button", name="1 new message")
    page.route("/", answer, times=1)
    with page.expect_request("/"):
        pill.click()
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("article")).to_have_text(re.compile("old"))
    expect(page.locator("main")).not_to_contain_text("null")
    assert not [fault for fault in faults if "Failed to fetch" in fault]
    faults.clear()  # the browser tells of the answer
    pill.click()
    expect(page.get_by_role("article")).to_have_count(2)


def test_a_proxy_without_a_wall_is_no_place_to_send_a_text_to(page, wall, faults):
    page.goto("/")
    page.get_by_role("textbox", name=TEXT).fill("in a restart")
    page.route("/livez", lambda route: route.fulfill(status=502), times=1)
    page.get_by_role("button", name="Post").click()
    note = page.get_by_role("alert").filter(has_text="cannot be reached")
    expect(note).to_be_visible()
    faults.clear()  # the browser tells of the answer
    page.get_by_role("button", name="Post").click()
    expect(page.get_by_role("article")).to_contain_text("in a restart")
    assert Message.objects.count() == 1


def test_who_does_not_look_does_not_ask(page, make_message):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.install()
    page.goto("/")
    page.evaluate(
        """() => {
          Object.defineProperty(document, "hidden", {get: () => window.away});
          window.away = true;
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    page.clock.run_for(3_600_000)
    assert not [url for url in asked if "/updates" in url]
    with page.expect_response("**/updates?*") as answer:
        page.evaluate(
            """() => {
              window.away = false;
              document.dispatchEvent(new Event("visibilitychange"));
            }"""
        )
    assert answer.value.status == 204


def test_while_nothing_comes_it_asks_less_and_less(page, wall):
    asked = []
    page.on("response", lambda response: asked.append(response.url))
    page.clock.install()
    page.goto("/")
    for _ in range(60):  # an hour, in which each answer has time to come
        page.clock.run_for(60_000)
        page.evaluate("fetch('/livez').then(answer => answer.text())")
    assert 5 <= len([url for url in asked if "/updates" in url]) <= 14


def test_a_browser_that_knows_no_time_limits_posts_all_the_same(page, wall):
    page.add_init_script("delete AbortSignal.timeout")
    page.goto("/")
    page.get_by_role("textbox", name=TEXT).fill("from an old phone")
    page.get_by_role("button", name="Post").click()
    expect(page.get_by_role("article")).to_contain_text("from an old phone")


def test_a_date_to_come_back_at_makes_nobody_ask_without_end(page, wall, faults):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    away = {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}
    page.route("**/updates*", lambda route: route.fulfill(status=503, headers=away))
    page.clock.install()
    page.goto("/")
    for _ in range(5):
        page.clock.run_for(60_000)
        page.evaluate("fetch('/livez').then(answer => answer.text())")
    faults.clear()  # the browser tells of each answer
    assert 1 <= len([url for url in asked if "/updates" in url]) <= 5


def test_offline_the_text_stays_and_is_sent_once_when_it_can_be(page, wall, faults):
    page.goto("/")
    page.get_by_role("textbox", name=TEXT).fill("from the train")
    page.context.set_offline(True)
    page.get_by_role("button", name="Post").click()
    expect(
        page.get_by_role("alert").filter(has_text="cannot be reached")
    ).to_be_visible()
    expect(page.get_by_role("textbox", name=TEXT)).to_have_value("from the train")
    page.context.set_offline(False)
    faults.clear()  # the browser tells that it was offline
    page.get_by_role("button", name="Post").click()
    expect(page.get_by_role("article")).to_contain_text("from the train")
    assert Message.objects.count() == 1
