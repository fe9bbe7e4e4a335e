"""Reading the wall in a browser."""

import re

from playwright.sync_api import expect


def test_messages_are_read_newest_first(either_page, make_message):
    make_message("the first", author_name="Ada")
    make_message("the second")
    either_page.goto("/")
    articles = either_page.get_by_role("article")
    expect(articles).to_contain_text(["the second", "the first"])
    expect(articles.nth(1)).to_contain_text("Ada")


def test_older_messages_are_one_link_away_and_so_is_the_way_back(
    either_page, make_message
):
    for number in range(51):
        make_message(f"number {number}.")
    either_page.goto("/")
    expect(either_page.get_by_text("number 0.")).to_have_count(0)
    either_page.get_by_role("link", name="Older messages").click()
    expect(either_page.get_by_text("number 0.")).to_be_visible()
    either_page.get_by_role("link", name="Newest messages").click()
    expect(either_page.get_by_text("number 50.")).to_be_visible()


def test_markup_in_a_message_is_text(either_page, make_message):
    make_message("<b>bold</b><script>document.title = 'taken'</script>")
    either_page.goto("/")
    expect(either_page.get_by_role("article")).to_contain_text("<b>bold</b><script>")
    expect(either_page).to_have_title("Message Wall")


def test_a_message_starts_at_the_side_where_its_script_does(page, make_message):
    make_message("שלום עולם")
    page.goto("/")
    paragraph = page.get_by_text("שלום")
    starts_right = "p => getComputedStyle(p).direction"
    assert paragraph.evaluate(starts_right) == "rtl"


def test_the_printed_page_is_what_was_written(page, make_message):
    make_message("for the notice board")
    page.goto("/")
    page.emulate_media(media="print")
    expect(page.get_by_text("for the notice board")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)
    expect(page.get_by_role("link")).to_have_text(
        ["Message Wall", re.compile("UTC|20")]
    )


def test_forced_colours_leave_field_and_button_a_border(browse):
    page = browse(forced_colors="active")
    page.goto("/")
    for control in [
        page.get_by_role("textbox", name="Your message"),
        page.get_by_role("button", name="Post"),
        page.get_by_role("searchbox"),
        page.get_by_role("button", name="Search"),
    ]:
        expect(control).to_have_css("border-top-style", "solid")


def test_nothing_moves_for_those_who_ask_for_rest(browse, make_message):
    page = browse(reduced_motion="reduce")
    make_message()
    page.goto("/")
    assert page.evaluate("document.getAnimations().length") == 0
    expect(page.locator("html")).to_have_css("scroll-behavior", "auto")


def test_a_reader_searches(either_page, make_message):
    make_message("a needle")
    make_message("hay")
    either_page.goto("/?lang=en")
    either_page.get_by_role("searchbox").fill("NEEDLE")
    either_page.get_by_role("searchbox").press("Enter")
    expect(either_page.get_by_role("article")).to_have_text(re.compile("a needle"))
    expect(either_page.get_by_role("searchbox")).to_have_value("NEEDLE")
    either_page.get_by_role("link", name="All messages").click()
    expect(either_page.get_by_role("article")).to_have_count(2)
