"""Typed readers of environment variables, which refuse nonsense, all of it at once."""

import difflib
import ipaddress
import os
import re
from collections.abc import Mapping
from email.utils import parseaddr
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import environ
import limits
import redis
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

YES = {"1", "true", "yes", "on"}
NO = {"0", "false", "no", "off"}
MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}
HOST = r"([a-zA-Z0-9_.-]+|\[[0-9a-fA-F:.]+\])"


class Rates(NamedTuple):
    """How often something may be done by one sender, and by all together."""

    sender: list[limits.RateLimitItem]
    all: list[limits.RateLimitItem]


class Environment:
    """Read variables by type, note each mistake, and stop once with all of them.

    A reader that meets nonsense notes a problem and returns its default, so that the
    next variable can be looked at too; `refuse_nonsense()` comes last. An empty
    variable counts as one that is not set, as Compose passes them.
    """

    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        self.variables = variables
        self.names: list[str] = []
        self.problems: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        """Return the variable with outer space removed."""
        self.names.append(name)
        return self.variables.get(name, "").strip() or default

    def secret(self, name: str) -> str:
        """Return the variable, or the content of the file that `<name>_FILE` names."""
        value, path = self.text(name), self.text(f"{name}_FILE")
        if value and path:
            self.problem(name, f"is set together with {name}_FILE: unset one of them")
        elif path:
            try:
                with open(path, encoding="utf-8") as file:
                    value = file.read().strip()
            except (OSError, UnicodeDecodeError) as error:
                self.problem(f"{name}_FILE", f"cannot be read: {error}")
            else:
                if not value:
                    self.problem(f"{name}_FILE", f"names an empty file: {path}")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Return True or False; nothing else is guessed."""
        value = self.text(name).lower()
        if not value:
            return default
        if value not in YES | NO:
            self.problem(name, f"should be true or false, not {value!r}")
        return value in YES

    def number(
        self, name: str, default: int, *, at_least: int = 1, at_most: int
    ) -> int:
        """Return a whole number between the two bounds, both allowed."""
        value = self.text(name)
        if not value:
            return default
        # isascii: "٣".isdigit() is true too, and nobody means it here.
        is_number = value.isascii() and value.isdigit() and len(value) <= 18
        if is_number and at_least <= int(value) <= at_most:
            return int(value)
        self.problem(
            name, f"should be a number from {at_least} to {at_most}, not {value!r}"
        )
        return default

    def words(self, name: str, default: list[str] | None = None) -> list[str]:
        """Return the comma-separated parts of the variable."""
        parts = [part.strip() for part in self.text(name).split(",")]
        return [part for part in parts if part] or list(default or [])

    def choice(self, name: str, default: str, *, choices: list[str]) -> str:
        """Return one of the choices, in capitals."""
        value = self.text(name, default).upper()
        if value not in choices:
            self.problem(name, f"should be one of {', '.join(choices)}, not {value!r}")
            return default
        return value

    def address(self, name: str, default: str) -> str:
        """Return an IP address to listen on, as it stands in a URL."""
        value = self.text(name, default)
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            self.problem(name, f"should be an IP address like 0.0.0.0, not {value!r}")
            return default
        return f"[{address}]" if address.version == 6 else str(address)

    def path(self, name: str, default: str, *, taken: list[str]) -> str:
        """Return a path below the root as URL patterns want it: `admin/`.

        It may not begin with a word that is taken.
        """
        value = self.text(name, default)
        if not re.fullmatch(r"([A-Za-z0-9_-]{1,64}/){1,4}", value):
            self.problem(name, f"should be a path like {default!r}, not {value!r}")
            return default
        if value.partition("/")[0] in taken:
            self.problem(name, f"should not be among the wall's pages: {value!r} is")
        return value

    def hosts(self, name: str, default: list[str]) -> list[str]:
        """Return host names as ALLOWED_HOSTS wants them: no scheme, no port, no path."""
        hosts = self.words(name, default)
        for host in hosts:
            if not re.fullmatch(rf"\*|\.?{HOST}", host):
                self.problem(
                    name, f"should be names like wall.example or .example, not {host!r}"
                )
        return hosts

    def origins(self, name: str, default: list[str] | None = None) -> list[str]:
        """Return origins: a scheme, a host, and a port where it is not the usual one."""
        origins = self.words(name, default)
        for origin in origins:
            if not re.fullmatch(rf"https?://{HOST}(:[0-9]+)?", origin):
                self.problem(
                    name, f"should be origins like https://wall.example, not {origin!r}"
                )
        return origins

    def database(self, name: str) -> dict[str, Any] | None:
        """Return Django's database settings for the URL, or None where it is not set."""
        url = self.secret(name)
        if not url:
            return None
        try:
            if urlsplit(url).scheme not in {"postgres", "postgresql", "sqlite"}:
                raise ValueError
            database: dict[str, Any] = environ.Env.db_url_config(url)
            if database["NAME"] in {"", ":memory:"}:
                raise ValueError
        except ValueError:
            # The URL itself is not shown: it holds the password.
            self.problem(name, "should be like postgres://user:password@host:5432/name")
            return None
        if "CONN_MAX_AGE" in database:
            self.problem(name, "should not set conn_max_age: connections are pooled")
        return database

    def cache_url(self, name: str) -> str:
        """Return the URL of a Redis or Valkey server, or an empty text."""
        url = self.secret(name)
        if not url:
            return ""
        parts = url.partition("://")[2].partition("?")[0]
        host, _, number = parts.partition("/")
        try:
            if not url.startswith("unix:") and (
                not host or not (number or "0").isdigit()
            ):
                raise ValueError
            # Makes a connection object, and does not connect.
            redis.ConnectionPool.from_url(url).make_connection()
        except (ValueError, TypeError):
            self.problem(name, "should be like redis://:password@host:6379/0")
        return url

    def mail_server(self, name: str) -> dict[str, Any]:
        """Return Django's settings for the URL of a mail server; none for `off`."""
        url = self.secret(name)
        if url in {"", "off"}:
            return {}
        try:
            parts = urlsplit(url)
            usual_port = MAIL_PORTS[parts.scheme]
            if not parts.hostname or parts.path.strip("/") or parts.query:
                raise ValueError
            server: dict[str, Any] = environ.Env.email_url_config(url)
            server["EMAIL_PORT"] = parts.port or usual_port
        except (KeyError, ValueError):
            # The URL itself is not shown: it holds the password.
            self.problem(
                name, "should be like smtp+tls://user:password@mail.example:587"
            )
            return {}
        return server

    def mail_address(self, name: str, default: str) -> str:
        """Return an e-mail address, perhaps with a name: `Wall <wall@wall.example>`."""
        value = self.text(name, default)
        try:
            # Line ends would begin another header of the e-mail.
            _, address = parseaddr(value)
            if len(value.splitlines()) != 1:
                raise ValidationError(value)
            validate_email(address)
        except ValidationError:
            self.problem(name, f"should be like wall@wall.example, not {value!r}")
            return default
        return value

    def rates(self, name: str, default: str) -> Rates:
        """Return how often something may be done: `10/minute, 100/hour, all 300/minute`.

        Those after `all` count every sender together. `off` is no limit.
        """
        value = self.text(name, default)
        rates = Rates([], [])
        for part in [] if value == "off" else value.split(","):
            told = part.strip().removeprefix("all ")
            kind = rates.sender if told == part.strip() else rates.all
            if re.fullmatch(r"[1-9][0-9]{0,8} ?/ ?(second|minute|hour|day)", told):
                kind.append(limits.parse(told))
            else:
                self.problem(
                    name, f"should be like {default!r}, or off; {part!r} is no rate"
                )
        return rates

    def problem(self, name: str, what: str) -> None:
        """Note that a variable is wrong; `what` goes on from its name."""
        self.problems.append(f"{name} {what}.")

    def refuse_nonsense(self, *, prefix: str) -> None:
        """Raise ImproperlyConfigured if a variable was wrong, or unknown with `prefix`."""
        for name in sorted(self.variables):
            if name.startswith(prefix) and name not in self.names:
                near = difflib.get_close_matches(name, self.names, n=1)
                meant = f"; perhaps {near[0]} is meant" if near else ""
                self.problem(name, f"is not a setting of this wall{meant}")
        if self.problems:
            listed = "\n".join(f"  - {problem}" for problem in self.problems)
            raise ImproperlyConfigured(f"The environment needs mending:\n{listed}")
