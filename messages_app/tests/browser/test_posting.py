"""Posting to the wall in a browser, with its hands."""

import re

from playwright.sync_api import expect

from messages_app.models import Message
from messages_app.tests.browser import pages


def write(page, text, name=""):
    """Open the wall and fill the form."""
    page.goto("/")
    page.get_by_role("textbox", name="Your message").fill(text)
    page.get_by_label("Your name").fill(name)
    return page.get_by_role("button", name="Post")


def test_a_message_is_posted_and_seen_at_once(either_page, browse):
    write(either_page, "Hello, wall", "Ada").click()
    for page in [either_page, browse()]:
        if page is not either_page:
            page.goto("/")
        expect(page.get_by_role("article")).to_contain_text(["Ada"])
        expect(page.get_by_role("article")).to_contain_text(["Hello, wall"])
    expect(either_page.get_by_role("textbox", name="Your message")).to_be_empty()


def test_a_double_click_posts_once(either_page):
    write(either_page, "only once").dblclick()
    expect(either_page.get_by_role("article")).to_have_count(1)
    assert Message.objects.count() == 1


def test_pressing_post_again_while_the_answer_takes_long_posts_once(either_page):
    # Of a double click Chromium sends the second half only; this one sends both.
    held = []
    write(either_page, "only once").focus()
    either_page.route("/", lambda route: held.append(route), times=1)
    with either_page.expect_request("/"):
        either_page.keyboard.press("Enter")
    either_page.keyboard.press("Enter")
    expect(either_page.get_by_role("article")).to_have_count(1)
    [first] = held
    # It set out before the browser was given an author's cookie.
    either_page.context.clear_cookies()
    late = first.fetch(max_redirects=0)
    first.fulfill(response=late)
    assert late.status == 303
    assert Message.objects.count() == 1


def test_a_form_that_back_brings_up_posts_its_text_once(either_page):
    write(either_page, "only once").click()
    expect(either_page.get_by_role("article")).to_have_count(1)
    either_page.go_back()
    expect(either_page.get_by_role("textbox", name="Your message")).to_have_value(
        "only once"
    )
    either_page.get_by_role("button", name="Post").click()
    expect(either_page.get_by_role("textbox", name="Your message")).to_be_empty()
    expect(either_page.get_by_role("article")).to_have_count(1)


def test_reloading_after_a_post_posts_nothing(either_page):
    write(either_page, "only once").click()
    expect(either_page.get_by_role("article")).to_have_count(1)
    either_page.reload()
    expect(either_page.get_by_role("article")).to_have_count(1)


def test_a_post_that_found_no_network_is_sent_by_loading_again(browse, faults):
    page = browse(java_script_enabled=False)  # with a script, it is not sent
    button = write(page, "from the tunnel")
    page.context.set_offline(True)
    button.click()
    expect(page).not_to_have_title("Message Wall")
    faults.clear()
    page.context.set_offline(False)
    page.reload()
    expect(page.get_by_role("article")).to_contain_text(["from the tunnel"])
    page.reload()
    expect(page.get_by_role("article")).to_have_count(1)


def test_a_refused_text_stays_with_the_reason_beside_it(either_page):
    write(either_page, "long" * 300).click()
    field = either_page.get_by_role("textbox", name="Your message")
    expect(field).to_have_value("long" * 300)
    expect(field).to_have_accessible_description(re.compile("1200 characters"))
    expect(either_page.get_by_role("article")).to_have_count(0)


def test_an_empty_form_is_not_sent(either_page):
    write(either_page, "").click()
    expect(either_page.get_by_role("textbox", name="Your message")).to_be_focused()
    expect(either_page).to_have_url("/")


def test_what_another_site_sends_is_not_posted(page, make_message):
    pages.cross_site(page, make_message)
    expect(page.get_by_role("alert")).to_contain_text("sent from another site")
    assert not Message.objects.exists()
