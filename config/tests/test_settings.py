"""The settings as an operator meets them: through the environment of a new process."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from config.tests.environment import bare

ROOT = Path(__file__).resolve().parents[2]
FULL = {
    "DATABASE_URL": "postgres://wall:x@db.example/wall",
    "REDIS_URL": "redis://:x@redis.example/0",
    "SECRET_KEY": "a secret of more than fifty characters, made for this test alone",
    "EMAIL_URL": "smtp+tls://wall:x@mail.example",
}
BEHIND_HTTPS = {
    "ALLOWED_HOSTS": "wall.example",
    "CSRF_TRUSTED_ORIGINS": "https://wall.example",
    "TRUSTED_PROXIES": "1",
}


def manage(*arguments, **variables):
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        check=False,
        env=bare(**variables),
        capture_output=True,
        text=True,
    )


def value(name, **variables):
    code = f"from django.conf import settings; print(settings.{name})"
    ran = manage("shell", "--no-imports", "-c", code, **variables)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def test_check_deploy_has_nothing_to_say_in_full_mode_behind_https():
    ran = manage("check", "--deploy", "--fail-level", "INFO", **FULL, **BEHIND_HTTPS)
    assert ran.returncode == 0, ran.stderr
    assert "System check identified no issues" in ran.stdout


def test_check_deploy_tells_what_keeps_the_embedded_wall_small():
    said = manage("check", "--deploy").stderr
    for expected in [
        "messages_app.W001",
        "messages_app.W002",
        "messages_app.W003",
        "messages_app.W004",
    ]:
        assert expected in said


def test_the_embedded_wall_is_closed_to_other_hosts_and_not_in_debug():
    assert value("ALLOWED_HOSTS") == "['localhost', '127.0.0.1', '[::1]']"
    assert value("DEBUG") == "False"


def test_all_nonsense_stops_the_start_at_once():
    ran = manage(
        "check",
        DEBUG="maybe",
        TRUSTED_PROXIES="many",
        WALL_PAGE_SIZE="0",
        REDIS_URL="localhost",
    )
    assert ran.returncode != 0
    for name in ["DEBUG", "TRUSTED_PROXIES", "WALL_PAGE_SIZE", "REDIS_URL"]:
        assert f"- {name} should be" in ran.stderr


def test_a_page_is_not_compared_more_often_than_a_claim_to_compare_it_ends():
    assert "from 3 to" in manage("check", WALL_FOLD_SECONDS="2").stderr
    assert value("WALL_FOLD_SECONDS", WALL_FOLD_SECONDS="3") == "3"


def test_https_without_a_trusted_proxy_is_refused():
    ran = manage("check", HTTPS="true")
    assert "TRUSTED_PROXIES should be 1 or more" in ran.stderr


def test_https_follows_from_the_origins_and_can_be_said():
    assert value("HTTPS", **FULL, **BEHIND_HTTPS) == "True"
    assert value("HTTPS", **FULL, **BEHIND_HTTPS, HTTPS="false") == "False"
    assert value("HTTPS", CSRF_TRUSTED_ORIGINS="http://wall.example") == "False"


def test_the_address_of_the_site_sets_all_that_follows_from_it():
    site = {**FULL, "SITE_ADDRESS": "wall.example", "TRUSTED_PROXIES": "1"}
    assert value("ALLOWED_HOSTS", **site) == "['wall.example', 'localhost']"
    assert value("CSRF_TRUSTED_ORIGINS", **site) == "['https://wall.example']"
    for name in ["HTTPS", "SESSION_COOKIE_SECURE", "SECURE_SSL_REDIRECT"]:
        assert value(name, **site) == "True"
    assert int(value("SECURE_HSTS_SECONDS", **site)) > 0
    ran = manage("check", "--deploy", "--fail-level", "INFO", **site)
    assert ran.returncode == 0, ran.stderr


def test_the_address_of_the_site_is_a_name():
    for nonsense in ["https://wall.example", "*", ".wall.example", "wall.example:8443"]:
        assert "SITE_ADDRESS should be" in manage("check", SITE_ADDRESS=nonsense).stderr


DESK = """
import types
from runpy import run_path
from django.test import Client
for address in ["/desk/login/", "/admin/login/"]:
    print(Client().get(address, headers={"host": "localhost"}).status_code)
info = lambda line, *parts: print(line % parts)
log = types.SimpleNamespace(info=info)
run_path("config/gunicorn.py")["when_ready"](types.SimpleNamespace(log=log))
"""


def test_the_desk_can_be_somewhere_else():
    ran = manage("shell", "--no-imports", "-c", DESK, ADMIN_PATH="desk/", DEBUG="true")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("200\n404\n")
    assert "sign in at /desk/." in ran.stdout


def test_the_desk_cannot_be_where_a_public_page_is():
    from config import settings
    from messages_app.urls import urlpatterns

    first = {str(pattern.pattern).partition("/")[0] for pattern in urlpatterns}
    assert first - {""} <= set(settings.PUBLIC_PATHS)
    ran = manage("check", ADMIN_PATH="feed/")
    assert "ADMIN_PATH should not be among the wall's pages" in ran.stderr


def test_secrets_come_from_files(tmp_path):
    for name, secret in FULL.items():
        (tmp_path / name).write_text(secret + "\n")
    files = {f"{name}_FILE": str(tmp_path / name) for name in FULL}
    assert value("SECRET_KEY", **files) == FULL["SECRET_KEY"]
    assert value("REDIS_URL", **files) == FULL["REDIS_URL"]
    assert "db.example" in value("DATABASES", **files)


def test_the_key_of_this_copy_is_made_once_and_readable_by_us_only(
    tmp_path, monkeypatch
):
    from config import settings

    monkeypatch.setattr(settings, "DATA_DIR", tmp_path / "data")
    made = settings.secret_key_of_this_copy()
    assert len(made) >= 50
    assert settings.secret_key_of_this_copy() == made
    assert [path.name for path in settings.DATA_DIR.iterdir()] == ["secret_key"]
    assert (settings.DATA_DIR / "secret_key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        (
            {"WEB_CONCURRENCY": "4"},
            "WEB_CONCURRENCY should be 1 unless REDIS_URL is set",
        ),
        ({"PORT": "http"}, "PORT should be a number from 1 to 65535, not 'http'"),
        ({"DEBUG": "maybe"}, "DEBUG should be true or false, not 'maybe'"),
    ],
)
def test_gunicorn_does_not_start_on_nonsense_and_tells_it_plainly(variables, told):
    ran = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--config", "config/gunicorn.py"],
        cwd=ROOT,
        check=False,
        env=bare(**variables),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ran.returncode != 0
    assert told in ran.stderr
    assert "Traceback" not in ran.stderr


def test_compose_passes_each_setting_of_the_wall_on():
    from config import settings

    text = (ROOT / "compose.yml").read_text()
    passed = set(re.findall(r"^ +([A-Z_]+):", text, re.MULTILINE))
    given = {name for name in settings.env.names if not name.endswith("_FILE")}
    assert given - passed == {"DEBUG"}


def test_the_readme_lists_every_variable_and_no_other():
    table = (ROOT / "README.md").read_text().partition("## Settings")[2]
    listed = set(re.findall(r"^\| `([A-Z_]+)`", table, re.MULTILINE))
    code = (
        "from contextlib import suppress; from runpy import run_path\n"
        "from config import settings\n"
        "with suppress(SystemExit): run_path('config/gunicorn.py')\n"
        "print(*settings.env.names)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        check=False,
        env=bare(),
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    read = {name for name in ran.stdout.split() if not name.endswith("_FILE")}
    assert listed == read
