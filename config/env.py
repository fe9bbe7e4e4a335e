"""Typed readers of environment variables, which refuse nonsense, all of it at once."""

import difflib
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

YES = {"1", "true", "yes", "on"}
NO = {"0", "false", "no", "off"}


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
                self.problem(f"{name}_FILE", f"names a file that reads: {error}")
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

    def hosts(self, name: str, default: list[str]) -> list[str]:
        """Return host names as ALLOWED_HOSTS wants them: no scheme, no port, no path."""
        hosts = self.words(name, default)
        for host in hosts:
            without_ipv6 = host.partition("]")[2] if host.startswith("[") else host
            if "/" in host or ":" in without_ipv6:
                self.problem(name, f"should be host names only, not {host!r}")
        return hosts

    def origins(self, name: str) -> list[str]:
        """Return origins: a scheme, a host, and a port where it is not the usual one."""
        origins = self.words(name)
        for origin in origins:
            scheme, _, host = origin.partition("://")
            if scheme not in {"http", "https"} or not host or "/" in host:
                self.problem(
                    name, f"should be origins like https://wall.example, not {origin!r}"
                )
        return origins

    def database(self, name: str) -> dict[str, Any] | None:
        """Return Django's database settings for the URL, or None where it is not set."""
        url = self.secret(name)
        if not url:
            return None
        if urlsplit_or_none(url, {"postgres", "postgresql", "sqlite"}) is None:
            # The URL itself is not shown: it holds the password.
            self.problem(name, "should be like postgres://user:password@host:5432/name")
            return None
        try:
            return environ.Env.db_url_config(url)
        except ValueError:
            self.problem(name, "has a part that cannot be read (percent-encode it)")
            return None

    def cache_url(self, name: str) -> str:
        """Return the URL of a Redis or Valkey server, or an empty text."""
        url = self.secret(name)
        if url and urlsplit_or_none(url, {"redis", "rediss", "unix"}) is None:
            self.problem(name, "should be like redis://:password@host:6379/0")
        return url

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


def urlsplit_or_none(url: str, schemes: set[str]) -> Any:
    """Return the parts of the URL when its scheme is one of these, else None."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is what raises on a bad port
    except ValueError:
        return None
    return parts if parts.scheme in schemes else None
