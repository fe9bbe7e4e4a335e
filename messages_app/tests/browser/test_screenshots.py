"""Pictures of the states, for people to look at: CI keeps them."""

import pytest

from messages_app.management import awkward
from messages_app.tests.browser import pages
from messages_app.tests.browser.conftest import DESKTOP

LOOKS = {
    "phone": ({"width": 360, "height": 740}, "light"),
    "desktop": (DESKTOP, "light"),
    "dark": (DESKTOP, "dark"),
}


def of_messages(*contents):
    """Return how to come to a wall of these messages."""

    def arrive(page, make_message):
        for content in contents:
            make_message(content, author_name="Ada")
        page.goto("/")

    return arrive


STATES = {
    "empty": pages.PAGES["empty wall"],
    "one-message": of_messages("Hello, wall"),
    "wall": pages.wall,
    "refused": pages.refused,
    "not-found": pages.PAGES["404"],
    "status": pages.PAGES["status"],
    "greeting": pages.posted,
    "message": pages.message,
    "receipt": pages.receipt(),
    "report": pages.report,
    "arabic": pages.PAGES["Arabic"],
    **{name: of_messages(text) for name, text in awkward.HOSTILE.items()},
}


@pytest.mark.parametrize("state", STATES)
def test_each_state_has_its_pictures(browse, make_message, shoot, state):
    page = browse(device_scale_factor=2)
    STATES[state](page, make_message)
    for look, (size, scheme) in LOOKS.items():
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        shoot(page, f"{state}-{look}")
