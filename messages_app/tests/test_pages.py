"""What every page has in common: its look when things go wrong, its headers, its files."""

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.test import Client
from django.urls import include, path

import messages_app


def fail(request):
    raise RuntimeError("as a bug would")


def refuse(request):
    raise PermissionDenied


urlpatterns = [  # the wall's addresses, and two that go wrong
    path("", include("messages_app.urls")),
    path("bug", fail),
    path("refused", refuse),
]


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("/?before=x", 400, "This address does not work"),
        ("/refused", 403, "This is not open to you"),
        ("/nowhere", 404, "There is nothing here"),
        ("/bug", 500, "Something went wrong on our side"),
    ],
)
def test_errors_have_the_walls_own_look(db, settings, address, status, said):
    settings.ROOT_URLCONF = __name__
    response = Client(raise_request_exception=False).get(address)
    assert response.status_code == status
    assert said in response.text
    assert "wall.css" in response.text
    assert '<a href="/">Go to the newest messages</a>' in response.text


def test_a_host_that_is_not_ours_is_a_400(client, db):
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("address", ["/", "/status", "/nowhere", "/admin/login/"])
def test_every_page_has_a_strict_policy(client, db, address):
    response = client.get(address, headers={"Accept": "text/html"})
    policy = response["Content-Security-Policy"]
    assert set(policy.split("; ")) == {
        "default-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        *(f"{part}-src 'self'" for part in ("connect", "font", "img", "manifest")),
        *(f"{part}-src 'self'" for part in ("script", "style")),
        "form-action 'self'",
    }
    assert response["Referrer-Policy"] == "same-origin"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("address", ["/", "/?before=0-0", "/status", "/nowhere"])
def test_no_page_has_a_script_or_style_of_its_own(client, db, address):
    html = client.get(address, headers={"Accept": "text/html"}).text
    assert not re.search(
        r"<script(?! type=.module. src=)|<style|\sstyle=|\son\w+=", html
    )


def test_files_are_served_hashed_compressed_and_for_ever(settings, tmp_path, db):
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {
            "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        },
    }
    call_command("collectstatic", verbosity=0)
    client = Client()
    address = re.search(r'href="([^"]+\.css)"', client.get("/").text)[1]
    assert re.fullmatch(r"/static/messages_app/wall\.[0-9a-f]{12}\.css", address)
    response = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert response["Content-Encoding"] == "gzip"
    assert response["Cache-Control"] == "max-age=315360000, public, immutable"
    response.close()


def test_style_and_script_stay_small():
    with open(finders.find("messages_app/wall.css"), "rb") as file:
        assert len(file.read()) < 15_000


def test_script_and_style_stay_small():
    folder = Path(messages_app.__file__).parent / "static/messages_app"
    assert (folder / "wall.js").stat().st_size < 3_000
    assert (folder / "wall.css").stat().st_size < 15_000


@pytest.mark.parametrize("address", ["/feed/", "/updates", "/status", "/livez"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_what_can_only_be_read_says_so(db, address, method):
    response = Client(enforce_csrf_checks=True).generic(method, address)
    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD"
