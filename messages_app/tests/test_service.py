"""What browsers and search engines ask for: the manifest, its icons, robots.txt."""

import re
import struct

import pytest
from django.contrib.staticfiles import finders


@pytest.fixture
def manifest(client):
    """Return a function that reads the manifest."""
    return lambda: client.get("/manifest.webmanifest").json()


def find(address):
    """Return the file that a static address is about."""
    return finders.find(address.removeprefix("/static/"))


def test_the_home_screen_shows_the_name_of_this_wall(manifest, settings):
    settings.WALL_TITLE = "Our <Wall>"
    assert manifest()["name"] == "Our <Wall>"
    assert manifest()["start_url"] == "/"


def test_each_icon_of_the_manifest_has_the_size_it_says(manifest):
    for icon in manifest()["icons"]:
        with open(find(icon["src"]), "rb") as file:
            width, height = struct.unpack(">16x2I", file.read(24))
        assert icon["sizes"] == f"{width}x{height}"
    assert {icon["purpose"] for icon in manifest()["icons"]} == {"any", "maskable"}


def test_a_page_names_its_manifest_and_icons(page, db):
    html = page("/")
    assert '<link rel="manifest" href="/manifest.webmanifest">' in html
    [icon] = re.findall(r'rel="apple-touch-icon" href="([^"]+)"', html)
    assert find(icon)


def test_the_browser_has_the_colour_of_the_paper(page, db, manifest):
    with open(finders.find("messages_app/wall.css")) as css:
        light, dark = re.findall(r"--paper: (#\w+);", css.read())
    assert re.findall(r'"theme-color" content="(#\w+)"', page("/")) == [light, dark]
    assert manifest()["theme_color"] == manifest()["background_color"] == light


def test_manifest_and_robots_are_what_they_say_and_kept_for_an_hour(client):
    kinds = {
        "/manifest.webmanifest": "application/manifest+json",
        "/robots.txt": "text/plain; charset=utf-8",
    }
    for address, kind in kinds.items():
        response = client.get(address)
        assert response["Content-Type"] == kind
        assert response["Cache-Control"] == "public, max-age=3600"


@pytest.mark.parametrize(
    "address",
    [
        "/receipts/abc/",
        "/messages/1/report/",
        "/?q=word",
        "/?lang=ar&q=word",
    ],
)
def test_search_engines_are_kept_out_of(client, address):
    assert is_kept_out(client.get("/robots.txt").text, address)


@pytest.mark.parametrize("address", ["/", "/?lang=ar", "/?before=1-2", "/messages/1/"])
def test_search_engines_may_read(client, address):
    assert not is_kept_out(client.get("/robots.txt").text, address)


def test_search_engines_are_not_told_where_the_desk_is_and_do_not_list_it(client):
    assert "admin" not in client.get("/robots.txt").text
    assert 'name="robots" content="NONE' in client.get("/admin/login/").text


def is_kept_out(robots, address):
    """Read the rules as RFC 9309 does, where a star is anything."""
    rules = re.findall(r"^Disallow: (.+)$", robots, re.MULTILINE)
    patterns = [re.escape(rule).replace(r"\*", ".*") for rule in rules]
    return any(re.match(pattern, address) for pattern in patterns)
