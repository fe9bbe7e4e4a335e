"""Looks at everything that can be wrong, and tells what mends it."""

import json
from argparse import ArgumentTypeError
from typing import Any

from django.core.management import CommandError, CommandParser

from messages_app import diagnosis
from messages_app.diagnosis import FAILURE, OK, WARNING
from messages_app.management.base import OperatorCommand


def header(text: str) -> tuple[str, str]:
    """Return the header's name and value."""
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise ArgumentTypeError(
            f"{text!r} is no header like 'X-Forwarded-For: 1.2.3.4'"
        )
    return name.strip(), value.strip()


class Command(OperatorCommand):
    help = "Look at everything that can be wrong, and print the line that mends it."
    requires_system_checks = ()  # they are among what it tells

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--json", action="store_true", dest="is_json", help="print one JSON object"
        )
        parser.add_argument(
            "--header",
            type=header,
            action="append",
            dest="headers",
            metavar="'NAME: VALUE'",
            help="also tell where a request with this header, as your proxy sends it, "
            "would come from; may be repeated",
        )
        parser.add_argument(
            "--remote-addr",
            default="127.0.0.1",
            metavar="ADDRESS",
            help="the proxy's own address, with --header",
        )

    def handle(
        self,
        *,
        is_json: bool,
        headers: list[tuple[str, str]] | None,
        remote_addr: str,
        **options: Any,
    ) -> None:
        found = []
        if headers:
            found.append(diagnosis.examine_request(dict(headers), remote_addr))
        found += diagnosis.examine()
        states = [finding.state for finding in found]
        worst = next(state for state in (FAILURE, WARNING, OK) if state in states)
        if is_json:
            told = [finding._asdict() for finding in found]
            self.stdout.write(json.dumps({"state": worst, "findings": told}))
        else:
            for finding in found:
                self.tell(finding)
        if worst == FAILURE:
            raise CommandError(f"{states.count(FAILURE)} to mend.")

    def tell(self, finding: diagnosis.Finding) -> None:
        styles = {OK: self.style.SUCCESS, WARNING: self.style.WARNING}
        state = styles.get(finding.state, self.style.ERROR)(f"{finding.state:8}")
        self.stdout.write(f"{state} {finding.name}: {finding.sentence}")
        if finding.mend:
            self.stdout.write(f"         {finding.mend}")
