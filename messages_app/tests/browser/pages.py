"""Every page that a visitor can come to, and how: the judges look at each of them.

A new page is a line here: its name, and what leads a browser to it.
"""

from django.template.loader import render_to_string

from messages_app import receipts
from messages_app.management import awkward
from messages_app.models import Message
from messages_app.moderation import acts
from messages_app.moderation.undo import undo


def wall(page, make_message):
    """A wall of several pages."""
    for number in range(49):
        make_message(f"Message {number}")
    make_message("See https://example.org/ and\n\nمرحبا", author_name="Ada")
    page.goto("/")


def older(page, make_message):
    for number in range(60):
        make_message(f"Message {number}")
    page.goto("/")
    page.get_by_role("link", name="Older messages").click()
    page.wait_for_url("/?before=*")


def hostile(page, make_message):
    for text in awkward.HOSTILE.values():
        make_message(text, author_name=text[:80])
    page.goto("/")


def refused(page, make_message):
    make_message()
    page.goto("/")
    page.get_by_role("textbox", name="Your message").fill(" ")
    page.get_by_role("button", name="Post").click()
    page.wait_for_selector(".errorlist")


def too_long(page, make_message):
    page.goto("/")
    page.get_by_role("textbox", name="Your message").fill("long" * 300)
    page.get_by_label("Your name").fill("name" * 30)
    page.get_by_role("button", name="Post").click()
    page.wait_for_selector(".errorlist")


def posted(page, make_message):
    """The wall as it greets an author."""
    page.goto("/")
    page.get_by_role("textbox", name="Your message").fill("Hello, wall")
    page.get_by_role("button", name="Post").click()
    page.wait_for_url("/#posted")


def message(page, make_message):
    """A message by link, between two others."""
    _, middle, _ = [make_message(text) for text in ("older", "this one", "newer")]
    page.goto(f"/messages/{middle.pk}/")


def report(page, make_message):
    page.goto(f"/messages/{make_message().pk}/report/")


def receipt(**fields):
    """Return how to come to the receipt of a message with these fields."""

    def arrive(page, make_message):
        message = make_message(**fields)
        page.goto(f"/receipts/{receipts.token(message.cursor)}/")

    return arrive


def erased(page, make_message):
    receipt()(page, make_message)
    Message.objects.all().delete()
    page.reload()


def search(words):
    """Return how to come to what a search for these words finds."""

    def arrive(page, make_message):
        make_message("See https://example.org/ and\n\nمرحبا", author_name="Ada")
        page.goto("/")
        page.get_by_role("searchbox").fill(words)
        page.get_by_role("button", name="Search").click()
        page.wait_for_url("/?q=*")

    return arrive


def cross_site(page, make_message):
    form = '<form method="post" action="{}"><input name="content" value="x"><button>'
    page.goto("/livez")
    stand_in(page, "http://elsewhere.example/", form.format(page.url[: -len("livez")]))
    page.get_by_role("button").click()
    page.wait_for_selector(".error")


def template(name, status):
    """Return how to come to a page that the wall shows only when something is wrong."""

    def arrive(page, make_message):
        stand_in(page, "/stand-in", render_to_string(name), status)

    return arrive


def stand_in(page, address, html, status=200):
    """Show this HTML as if it were served at the address."""
    page.route(
        address,
        lambda route: route.fulfill(status=status, body=html, content_type=HTML),
    )
    page.goto(address)


def log(page, make_message):
    """The public log, of an act that was undone."""
    make_message()
    batch = acts.finish(acts.hide(Message.objects.all(), actor="mod", reason="<Spam>"))
    acts.finish(undo(batch, actor="mod"))
    page.goto("/log/")


HTML = "text/html; charset=utf-8"

PAGES = {
    "empty wall": lambda page, make_message: page.goto("/"),
    "wall": wall,
    "older messages": older,
    "no older messages": lambda page, make_message: page.goto("/?before=0-0"),
    "hostile texts": hostile,
    "refused": refused,
    "refused as too long": too_long,
    "refused as cross-site": cross_site,
    "greeting of an author": posted,
    "message": message,
    "search": search("مرحبا"),
    "search without a result": search("<nobody> & nothing"),
    "search refused": search("long" * 30),
    "report": report,
    "thanks": lambda page, make_message: page.goto("/reports/thanks/"),
    "receipt": receipt(),
    "receipt of a held message": receipt(status="held", reason="reports"),
    "receipt of a withdrawn message": receipt(status="withdrawn"),
    "receipt of an erased message": erased,
    "receipt that is none": lambda page, make_message: page.goto("/receipts/x/"),
    "Arabic": lambda page, make_message: page.goto("/?lang=ar"),
    "German": lambda page, make_message: page.goto("/?lang=de"),
    "Japanese": lambda page, make_message: page.goto("/?lang=ja"),
    "log": log,
    "empty log": lambda page, make_message: page.goto("/log/"),
    "status": lambda page, make_message: page.goto("/status"),
    "400": lambda page, make_message: page.goto("/?before=x"),
    "403": template("403.html", 403),
    "404": lambda page, make_message: page.goto("/nowhere"),
    "500": template("500.html", 500),
    "503": template("503.html", 503),
}
