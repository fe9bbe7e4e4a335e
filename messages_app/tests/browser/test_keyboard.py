"""The wall by keyboard alone."""

from playwright.sync_api import expect

from messages_app.models import Message


def tab_to(page, target):
    """Press Tab until the target has the focus; fail when it never has."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    expect(target).to_be_focused()


def test_a_message_is_posted_by_keyboard_alone(either_page):
    either_page.goto("/")
    tab_to(either_page, either_page.get_by_role("textbox", name="Your message"))
    either_page.keyboard.type("typed")
    either_page.keyboard.press("Tab")
    either_page.keyboard.type("Ada")
    either_page.keyboard.press("Tab")
    either_page.keyboard.press("Space")
    expect(either_page.get_by_role("article")).to_contain_text(["typed"])
    assert Message.objects.get().author_name == "Ada"


def test_tab_goes_through_the_page_in_the_order_that_is_seen(page, make_message):
    make_message("https://example.org/")
    page.goto("/")
    article = page.get_by_role("article")
    stops = [
        page.get_by_role("link", name="Skip to the messages"),
        *page.get_by_role("navigation").get_by_role("link").all(),
        page.get_by_role("link", name="Message Wall"),
        page.get_by_role("textbox", name="Your message"),
        page.get_by_label("Your name"),
        page.get_by_role("button", name="Post"),
        page.get_by_role("searchbox"),
        page.get_by_role("button", name="Search"),
        *article.get_by_role("link").all(),
    ]
    for stop in stops:
        page.keyboard.press("Tab")
        expect(stop).to_be_focused()
        expect(stop).to_be_in_viewport()
        expect(stop).not_to_have_css("outline-style", "none")


def test_the_first_tab_shows_a_way_past_the_form(either_page, make_message):
    make_message("https://example.org/")
    either_page.goto("/")
    expect(either_page.get_by_text("Skip to the messages")).not_to_be_in_viewport()
    either_page.keyboard.press("Tab")
    expect(either_page.get_by_text("Skip to the messages")).to_be_in_viewport()
    either_page.keyboard.press("Enter")
    either_page.keyboard.press("Tab")
    first = either_page.get_by_role("article").get_by_role("link").first
    expect(first).to_be_focused()
