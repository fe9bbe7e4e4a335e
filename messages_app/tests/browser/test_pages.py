"""What holds for every page of PAGES."""

import pytest

from messages_app.tests.browser.judges import check_page, check_width
from messages_app.tests.browser.pages import PAGES

pytestmark = pytest.mark.parametrize("arrive", PAGES.values(), ids=PAGES)


@pytest.fixture
def documents(page):
    """The answers that the browser showed as pages, the newest last."""
    documents = []
    page.on(
        "response",
        lambda answer: (
            answer.request.is_navigation_request() and documents.append(answer)
        ),
    )
    return documents


def test_axe_finds_no_violation(page, make_message, arrive):
    arrive(page, make_message)
    check_page(page)


def test_the_nu_checker_finds_no_error(
    page, make_message, arrive, documents, check_html
):
    arrive(page, make_message)
    check_html(documents[-1].text())


def test_nothing_is_allowed_inline_and_a_reader_gets_no_cookie(
    page, make_message, arrive, documents
):
    arrive(page, make_message)
    # What stands in for a page was sent by no server.
    for answer in filter(lambda answer: answer.server_addr(), documents):
        policy = answer.header_value("content-security-policy")
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    is_author = 303 in [answer.status for answer in documents]
    assert is_author or page.context.cookies() == []


def test_it_fits_a_desktop_zoomed_to_400_percent(browse, make_message, arrive):
    zoomed = browse(viewport={"width": 320, "height": 225})  # of 1280 and 900
    arrive(zoomed, make_message)
    check_width(zoomed)
