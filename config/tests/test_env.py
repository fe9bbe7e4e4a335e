import pytest
from django.core.exceptions import ImproperlyConfigured

from config.env import Environment


def problems(variables, read):
    env = Environment(variables)
    read(env)
    return env.problems


@pytest.mark.parametrize(
    ("variables", "read", "told"),
    [
        (
            {"DEBUG": "maybe"},
            lambda e: e.flag("DEBUG", default=False),
            "DEBUG should be true or false, not 'maybe'.",
        ),
        (
            {"N": "0"},
            lambda e: e.number("N", 5, at_most=9),
            "N should be a number from 1 to 9, not '0'.",
        ),
        (
            {"N": "1e3"},
            lambda e: e.number("N", 5, at_most=9),
            "N should be a number from 1 to 9, not '1e3'.",
        ),
        (
            {"N": "٣"},
            lambda e: e.number("N", 5, at_most=9),
            "N should be a number from 1 to 9, not '٣'.",
        ),
        (
            {"N": "-1"},
            lambda e: e.number("N", 5, at_most=9),
            "N should be a number from 1 to 9, not '-1'.",
        ),
        (
            {"L": "loud"},
            lambda e: e.choice("L", "INFO", choices=["INFO"]),
            "L should be one of INFO, not 'LOUD'.",
        ),
        (
            {"P": "desk"},
            lambda e: e.path("P", "admin/", taken=[]),
            "P should be a path like 'admin/', not 'desk'.",
        ),
        (
            {"P": "feed/desk/"},
            lambda e: e.path("P", "admin/", taken=["feed"]),
            "P should not be among the wall's pages: 'feed/desk/' is.",
        ),
        (
            {"H": "https://a.example"},
            lambda e: e.hosts("H", []),
            "H should be names like wall.example or .example, not 'https://a.example'.",
        ),
        (
            {"H": "a.example:80"},
            lambda e: e.hosts("H", []),
            "H should be names like wall.example or .example, not 'a.example:80'.",
        ),
        (
            {"R": "10/minute, all 3 a week"},
            lambda e: e.rates("R", "10/minute"),
            "R should be like '10/minute', or off; ' all 3 a week' is no rate.",
        ),
        (
            {"R": "ten"},
            lambda e: e.rates("R", "10/minute"),
            "R should be like '10/minute', or off; 'ten' is no rate.",
        ),
        (
            {"R": "10/minute; 100/hour"},
            lambda e: e.rates("R", "1/minute"),
            "R should be like '1/minute', or off; '10/minute; 100/hour' is no rate.",
        ),
        (
            {"R": "0/minute"},
            lambda e: e.rates("R", "1/minute"),
            "R should be like '1/minute', or off; '0/minute' is no rate.",
        ),
        (
            {"O": "a.example"},
            lambda e: e.origins("O"),
            "O should be origins like https://wall.example, not 'a.example'.",
        ),
        (
            {"O": "https://a.example/"},
            lambda e: e.origins("O"),
            "O should be origins like https://wall.example, not 'https://a.example/'.",
        ),
        (
            {"D": "mysql://h/n"},
            lambda e: e.database("D"),
            "D should be like postgres://user:password@host:5432/name.",
        ),
        (
            {"D": "postgres://h:port/n"},
            lambda e: e.database("D"),
            "D should be like postgres://user:password@host:5432/name.",
        ),
        *(
            (
                {"R": url},
                lambda e: e.cache_url("R"),
                "R should be like redis://:password@host:6379/0.",
            )
            for url in [
                "redis://h/abc",
                "redis://",
                "redis://h/0?foo=1",
                "redis://h/0?socket_timeout=abc",
                "redis://h:port/0",
            ]
        ),
        *(
            (
                {"D": url},
                lambda e: e.database("D"),
                "D should be like postgres://user:password@host:5432/name.",
            )
            for url in ["postgres://", "postgres://u@h:5432/", "sqlite://", "x"]
        ),
        *(
            (
                {"O": origin},
                lambda e: e.origins("O"),
                f"O should be origins like https://wall.example, not {origin!r}.",
            )
            for origin in ["https://*.x.example", "https://a b", "https://x?y"]
        ),
        (
            {"B": "no such"},
            lambda e: e.address("B", "127.0.0.1"),
            "B should be an IP address like 0.0.0.0, not 'no such'.",
        ),
        (
            {"R": "http://h"},
            lambda e: e.cache_url("R"),
            "R should be like redis://:password@host:6379/0.",
        ),
    ],
)
def test_nonsense_is_told_with_the_name_and_what_it_should_be(variables, read, told):
    assert problems(variables, read) == [told]


@pytest.mark.parametrize(
    ("variables", "read", "value"),
    [
        ({}, lambda e: e.flag("DEBUG", default=True), True),
        ({"DEBUG": ""}, lambda e: e.flag("DEBUG", default=False), False),
        ({"DEBUG": " YES "}, lambda e: e.flag("DEBUG", default=False), True),
        ({"DEBUG": "0"}, lambda e: e.flag("DEBUG", default=True), False),
        ({}, lambda e: e.number("N", 5, at_most=9), 5),
        ({"N": "9"}, lambda e: e.number("N", 5, at_most=9), 9),
        ({"W": "a, b,,"}, lambda e: e.words("W"), ["a", "b"]),
        (
            {"H": "[::1],.a.example"},
            lambda e: e.hosts("H", []),
            ["[::1]", ".a.example"],
        ),
        (
            {"O": "https://a.example:8443"},
            lambda e: e.origins("O"),
            ["https://a.example:8443"],
        ),
        ({"L": "debug"}, lambda e: e.choice("L", "INFO", choices=["DEBUG"]), "DEBUG"),
        ({"B": "::1"}, lambda e: e.address("B", "127.0.0.1"), "[::1]"),
        ({}, lambda e: e.address("B", "127.0.0.1"), "127.0.0.1"),
        (
            {"R": "unix:///run/r.sock?db=3"},
            lambda e: e.cache_url("R"),
            "unix:///run/r.sock?db=3",
        ),
        ({}, lambda e: e.database("D"), None),
        ({}, lambda e: e.cache_url("R"), ""),
    ],
)
def test_what_is_meant_is_read(variables, read, value):
    env = Environment(variables)
    assert read(env) == value
    assert env.problems == []


def test_a_password_is_decoded_and_never_shown():
    url = "postgres://wall:p%40ss@db.example:5433/wall"
    database = Environment({"D": url}).database("D")
    assert database["PASSWORD"] == "p@ss"
    assert (database["HOST"], database["PORT"]) == ("db.example", 5433)
    bad = Environment({"D": "oracle://wall:p%40ss@db/wall", "R": "http://:p%40ss@h"})
    bad.database("D")
    bad.cache_url("R")
    assert len(bad.problems) == 2
    assert "p%40ss" not in " ".join(bad.problems)


def test_a_secret_is_read_from_its_file(tmp_path):
    file = tmp_path / "key"
    file.write_text("  s3cret\n")
    assert Environment({"KEY_FILE": str(file)}).secret("KEY") == "s3cret"


def test_a_secret_file_that_is_missing_or_empty_or_one_too_many_is_told(tmp_path):
    empty = tmp_path / "empty"
    empty.touch()
    env = Environment(
        {
            "A_FILE": str(tmp_path / "no"),
            "B_FILE": str(empty),
            "C": "x",
            "C_FILE": str(empty),
        }
    )
    for name in "ABC":
        env.secret(name)
    assert len(env.problems) == 3
    assert env.problems[0].startswith("A_FILE cannot be read: ")
    assert env.problems[1] == f"B_FILE names an empty file: {empty}."
    assert env.problems[2] == "C is set together with C_FILE: unset one of them."


def test_all_nonsense_is_told_at_once_with_unknown_names_too():
    env = Environment({"WALL_SIZE": "x", "WALL_SZIE": "5", "DEBUG": "maybe"})
    env.number("WALL_SIZE", 5, at_most=9)
    env.flag("DEBUG", default=False)
    with pytest.raises(ImproperlyConfigured) as stop:
        env.refuse_nonsense(prefix="WALL_")
    assert str(stop.value).splitlines() == [
        "The environment needs mending:",
        "  - WALL_SIZE should be a number from 1 to 9, not 'x'.",
        "  - DEBUG should be true or false, not 'maybe'.",
        "  - WALL_SZIE is not a setting of this wall; perhaps WALL_SIZE is meant.",
    ]


def test_a_rate_is_of_one_sender_or_of_all():
    env = Environment({"R": "2/minute, 9/hour, all 5/minute", "OFF": "off"})
    sender, everyone = env.rates("R", "1/minute")
    assert [str(rate) for rate in sender] == ["2 per 1 minute", "9 per 1 hour"]
    assert [str(rate) for rate in everyone] == ["5 per 1 minute"]
    assert env.rates("OFF", "1/minute") == ([], [])
    assert not env.problems


@pytest.mark.parametrize(
    "value", ["/desk/", "a//b/", "../", "d\u00e9sk/", "a b/", "<int:x>/", "a/" * 5, "/"]
)
def test_a_path_is_words_that_each_end_in_a_slash(value):
    assert problems({"P": value}, lambda e: e.path("P", "admin/", taken=[]))


def test_a_path_may_have_several_words():
    env = Environment({"P": "feeds/desk-2/"})
    assert env.path("P", "admin/", taken=["feed"]) == "feeds/desk-2/"
    assert not env.problems


@pytest.mark.parametrize(
    ("url", "port", "is_tls"),
    [
        ("smtp://mail.example", 25, False),
        ("smtp+tls://wall:p%40ss@mail.example", 587, True),
        ("smtp+ssl://wall:p%40ss@mail.example:4650", 4650, False),
    ],
)
def test_a_mail_server_is_a_url_with_the_usual_port(url, port, is_tls):
    server = Environment({"M": url}).mail_server("M")
    assert (server["EMAIL_HOST"], server["EMAIL_PORT"]) == ("mail.example", port)
    assert server.get("EMAIL_USE_TLS", False) == is_tls
    assert server["EMAIL_HOST_PASSWORD"] in (None, "p@ss")


def test_no_mail_server_is_needed():
    assert Environment({}).mail_server("M") == {}
    assert Environment({"M": "off"}).mail_server("M") == {}


@pytest.mark.parametrize(
    "url",
    [
        "mail.example",
        "imap://mail.example",
        "smtp://",
        "smtp://wall:hush@mail.example:x",
        "smtp://wall:hush@mail.example:99999",
        "smtp://wall:hush@mail.example/?ssl=true",
    ],
)
def test_nonsense_for_a_mail_server_is_told_without_its_password(url):
    (told,) = problems({"M": url}, lambda env: env.mail_server("M"))
    assert told == "M should be like smtp+tls://user:password@mail.example:587."


def test_a_mail_address_may_have_a_name_and_no_line_end():
    wall = "Wall <wall@wall.example>"
    assert Environment({"F": wall}).mail_address("F", "x") == wall
    for nonsense in ["wall", "a@b@c", "wall@wall.example\nBcc: x@y.example"]:
        assert problems(
            {"F": nonsense}, lambda env: env.mail_address("F", "w@localhost")
        )
