"""Who judges a page: axe-core, the Nu checker, the browser itself."""

import json
import urllib.request
from functools import cache
from itertools import product

from messages_app.tests.test_server import ROOT

LOOKS = list(
    product(
        ["light", "dark"],
        [{"width": 360, "height": 740}, {"width": 1280, "height": 900}],
    )
)
STANDARDS = [
    *("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"),
    "best-practice",
]
# A link on its way to another colour is judged by the colour it is to have.
END_TRANSITIONS = """
    document.getAnimations().filter(each => each instanceof CSSTransition)
        .forEach(each => each.finish())
"""
# Faults of Django's own templates for the desk: a box that only a picture names, columns
# of an inline table without a head.
DJANGO = ["label-title-only", "empty-table-header"]


@cache
def axe():
    return (ROOT / ".venv/node_modules/axe-core/axe.min.js").read_text()


def check_page(page, *, but=()):
    """Fail with each fault that axe-core sees: light, dark, on a phone, on a desktop.

    But not with those of the rules named.

    It is a script: a page whose browser runs none cannot be asked.
    """
    page.wait_for_load_state()
    before = page.viewport_size
    rules = {rule: {"enabled": False} for rule in but}
    # Style sheets that import others would be put together as inline style.
    options = {"runOnly": STANDARDS, "rules": rules, "preload": not but}
    # Given by the debugger, so the page's own policy on scripts stays as it is.
    page.evaluate(axe())
    for scheme, size in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        page.evaluate(END_TRANSITIONS)
        result = page.evaluate("options => axe.run(options)", options)
        told = [describe(violation) for violation in result["violations"]]
        assert not told, f"{scheme}, {size['width']} px wide\n" + "\n".join(told)
    page.emulate_media(color_scheme="null")
    page.set_viewport_size(before)


def describe(violation):
    """Return the rule that is broken, and where."""
    places = [node["html"] for node in violation["nodes"]]
    return "\n  ".join([f"{violation['id']}: {violation['help']}", *places])


def check_html(html, port):
    """Fail with each error that the Nu checker at the port sees; not with its advice."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/?out=json&level=error",
        html.encode(),
        {"Content-Type": "text/html; charset=utf-8"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        told = json.load(response)["messages"]
    lines = [f"{each['message']}\n  {each.get('extract')}" for each in told]
    assert not lines, "\n".join(lines)


def check_width(page):
    """Fail where the page has to be scrolled sideways."""
    page.wait_for_load_state()  # of the style
    root = page.locator("html")
    width, visible = root.evaluate("root => [root.scrollWidth, root.clientWidth]")
    assert width == visible, f"{width} px are laid out where {visible} are visible"


def watch(page, faults):
    """Add to the faults whatever goes wrong in the page from now on."""

    def on_console(message):
        # A page's own status is for its test, another one is told by on_response.
        is_status = message.text.startswith("Failed to load resource: the server")
        if message.type in {"error", "warning"} and not is_status:
            faults.append(message.text)

    def on_response(response):
        if response.status >= 400 and not response.request.is_navigation_request():
            faults.append(f"{response.status} {response.url}")

    def on_failed(request):
        # What was still on its way when the visitor went on is no fault.
        if "ABORTED" not in request.failure:
            faults.append(f"{request.failure} {request.url}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("response", on_response)
    page.on("requestfailed", on_failed)
