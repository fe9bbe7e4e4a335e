"""What authors and readers may do with a message, in a browser."""

from playwright.sync_api import expect

from messages_app.models import Message
from messages_app.tests.browser import pages


def post_and_open_receipt(page):
    pages.posted(page, None)
    page.locator("#posted").get_by_role("link").first.click()
    expect(page.get_by_role("button", name="Save")).to_be_visible()


def press(page, name):
    page.get_by_role("button", name=name).click()


def test_an_author_edits_a_message(either_page):
    post_and_open_receipt(either_page)
    either_page.get_by_role("textbox", name="Your message").fill("Better words")
    press(either_page, "Save")
    expect(either_page.get_by_role("blockquote")).to_have_text("Better words")
    either_page.goto("/")
    article = either_page.locator("#messages").get_by_role("article")
    expect(article).to_contain_text("Better words")
    expect(article).to_contain_text("edited")


def test_an_author_withdraws_a_message_and_undoes_it(either_page):
    post_and_open_receipt(either_page)
    press(either_page, "Withdraw it")
    press(either_page, "Undo the withdrawal")
    expect(either_page.get_by_role("button", name="Withdraw it")).to_be_visible()
    assert Message.objects.get().status == "published"


def test_an_author_erases_a_message(either_page):
    post_and_open_receipt(either_page)
    either_page.get_by_text("What this wall stores").click()
    press(either_page, "Erase all of this for good")
    expect(either_page.get_by_role("heading")).to_have_text("This message was erased")
    assert not Message.objects.exists()


def test_a_withdrawn_message_is_off_the_wall_at_once(either_page, browse):
    reader = browse()
    post_and_open_receipt(either_page)
    reader.goto("/")
    expect(reader.get_by_role("article")).to_have_count(1)
    press(either_page, "Withdraw it")
    expect(either_page.get_by_role("button", name="Undo")).to_be_visible()
    reader.reload()
    expect(reader.get_by_role("article")).to_have_count(0)


def test_a_reader_reports_a_message(either_page, make_message):
    message = make_message("to be looked at")
    either_page.goto("/")
    either_page.get_by_role("link", name="Report").click()
    either_page.get_by_role("radio").first.check()
    press(either_page, "Send the report")
    expect(either_page.get_by_role("heading")).to_have_text("Thank you for your report")
    assert message.reports.count() == 1


def test_a_message_has_a_page_of_its_own(either_page, make_message):
    message = make_message("the one to share")
    either_page.goto("/")
    either_page.locator("article .when").click()
    expect(either_page).to_have_url(f"/messages/{message.pk}/")
    expect(either_page.get_by_role("article")).to_contain_text("the one to share")
