"""What the operator's commands share: how they are told what to do, tell how far they
are, and end.

Exit status: 0 done; 1 failed, or stopped before its end; 2 called wrongly; 3 done but for
a part, which is told; 130 ended by Ctrl-C; 143 ended by SIGTERM.
"""

import errno
import logging
import os
import signal
import sys
import threading
from argparse import ArgumentDefaultsHelpFormatter, ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, CommandParser
from django.core.management.base import DjangoHelpFormatter, OutputWrapper
from django.db import Error, OperationalError, ProgrammingError, connection
from django.utils import timezone
from tqdm import tqdm

from messages_app import breaker, lost_database, wall_cache
from messages_app.models import (
    Message,
    MessageQuerySet,
    ModerationBatch,
    in_own_words,
)
from messages_app.moderation.acts import Progress
from messages_app.pagination import LARGEST_ID
from messages_app.postgresql import unlimited
from messages_app.text import clean_line, find_refused

ACTOR = "manage.py"  # who did it, in the record of what moderators do
DONE_IN_PART, INTERRUPTED, TERMINATED = 3, 130, 143  # exit statuses
LONGEST_REASON = Message._meta.get_field("reason").max_length or 0
LINE_SECONDS = 10.0  # between two lines of progress, where nobody watches a bar
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class HelpFormatter(ArgumentDefaultsHelpFormatter, DjangoHelpFormatter):
    """Shows each option's default, where it has one."""

    def _get_help_string(self, action: Any) -> str | None:
        if action.default in (None, False, [], ""):
            return action.help
        return super()._get_help_string(action)


class Terminated(KeyboardInterrupt):
    """SIGTERM came, of `kill`, `docker stop` or systemd: an end as by Ctrl-C."""


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Have SIGTERM raise Terminated; only once, so that another spoils no cleaning up."""

    def end(*_: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield  # Python tells no other of signals
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def drop_output() -> None:
    """Let Python not complain once more when it closes a standard output that failed."""
    if sys.stdout:  # else it was closed from the beginning
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class ClosedOutput:
    """Takes the place of a standard output that was closed before the start."""

    def write(self, text: str) -> None:
        raise OSError(errno.EBADF, "Standard output is closed")


class OperatorCommand(BaseCommand):
    """A command of which everything that can be mended is told in one line."""

    def __init__(self, stdout: Any = None, *args: Any, **kwargs: Any) -> None:
        out: Any = stdout or sys.stdout or ClosedOutput()
        super().__init__(out, *args, **kwargs)

    def create_parser(
        self, prog_name: str, subcommand: str, **kwargs: Any
    ) -> CommandParser:
        kwargs.setdefault("formatter_class", HelpFormatter)
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_dry_run(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="only say what it would do"
        )

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the command; raise CommandError, with its exit status, if it fails."""
        self.is_quiet = options["verbosity"] == 0
        level = breaker.logger.level
        breaker.logger.setLevel(logging.ERROR)  # a lost server is told by the command
        try:
            with ended_by_sigterm():
                told = super().execute(*args, **options)
                self.stdout.flush()  # what fails here is told
                return told
        except KeyboardInterrupt as error:
            status = TERMINATED if isinstance(error, Terminated) else INTERRUPTED
            raise CommandError("Interrupted.", returncode=status) from error
        except (OperationalError, ProgrammingError) as error:  # without tables, too
            raise CommandError(lost_database.describe(error)) from error
        except BrokenPipeError:
            drop_output()  # whoever read it has seen enough, as `head` does
            raise SystemExit(1) from None
        except OSError as error:  # a full disk, a file that is not there
            if not error.filename:
                drop_output()
            what = f"{error.filename}: " if error.filename else ""
            raise CommandError(f"{what}{error.strerror or error}.") from error
        finally:
            breaker.logger.setLevel(level)

    def say(self, what: str, *, beside: bool = False) -> None:
        """Tell what was done; beside the output, where that is a file for programs.

        Raises CommandError, which tells it too, if the output does not take it.
        """
        if beside and not self.is_quiet:
            self.stderr.write(what, style_func=str)
        elif not beside:
            try:
                self.stdout.write(what)
                self.stdout.flush()
            except OSError as error:
                drop_output()
                told = f"{what}\nThis is done, but could not be told: {error.strerror}."
                raise CommandError(told, returncode=DONE_IN_PART) from error

    @contextmanager
    def progress(self, total: int | None, unit: str, **more: Any) -> Iterator[Any]:
        """Yield a tqdm bar, to be told by `update()` how many more are done.

        On a terminal it is a bar, in a pipe a line at most each LINE_SECONDS.
        """
        is_terminal = self.stderr.isatty()
        options: dict[str, Any] = {"dynamic_ncols": True}
        if not is_terminal:
            options = {
                "mininterval": LINE_SECONDS,
                "delay": LINE_SECONDS,
                "bar_format": "{n_fmt} of {total_fmt}{unit}, {rate_fmt}, {remaining} left"
                if total
                else "{n_fmt}{unit}, {rate_fmt}",
            }
        out: Any = Bar(self.stderr) if is_terminal else Lines(self.stderr)
        with tqdm(
            total=total,
            unit=f" {unit}",
            file=out,
            disable=self.is_quiet,
            **options,
            **more,
        ) as bar:
            yield bar

    def carry_out(self, done: Progress, total: int | None) -> ModerationBatch:
        """Do it to so many messages under a bar; return the act, also if it ends early."""
        batch = None
        try:
            with self.progress(total, "messages") as bar:
                for batch in done:
                    bar.update(batch.message_count + batch.skipped_count - bar.n)
        except (KeyboardInterrupt, Error):
            if batch:
                count = counted(batch.message_count, "message")
                self.stderr.write(f"Act {batch.pk} was broken off after {count}.")
            raise
        return batch  # type: ignore[return-value]  # there is one, with or without messages

    def tell_if_cache_lags(self) -> None:
        """Say so where the cache could not be told of what has changed."""
        if wall_cache.owed:
            seconds = settings.WALL_FOLD_SECONDS
            self.stderr.write(
                "The cache does not answer and could not be told: a page that it keeps "
                f"can show what was there before, for {seconds} s at most."
            )


class Bar:
    """A terminal as tqdm writes to it."""

    ending = ""

    def __init__(self, out: OutputWrapper) -> None:
        self.out = out

    def __getattr__(self, name: str) -> Any:
        return getattr(self.out, name)

    def write(self, text: str) -> None:
        self.out.write(text, style_func=str, ending=self.ending)


class Lines(Bar):
    """A pipe or a file, where each state of a bar is a line of its own."""

    ending = "\n"

    def write(self, text: str) -> None:
        if line := text.strip():
            super().write(line)
            self.out.flush()


# What commands are told, and tell.


def counted(number: int, noun: str) -> str:
    """Return so many of them, in words."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def count(messages: MessageQuerySet) -> int:
    """Return how many there are, however long counting takes."""
    with unlimited(connection):
        return messages.order_by().count()


def tell_absent(numbers: list[int]) -> str:
    """Return a sentence about those that no message has; raise CommandError for all."""
    there = Message.objects.filter(pk__in=numbers).values_list("pk", flat=True)
    absent = sorted({*numbers} - {*there})
    told = f"There is no message {', '.join(map(str, absent))}." if absent else ""
    if absent and len(absent) == len({*numbers}):
        raise CommandError(told)
    return told


def is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def message_number(text: str) -> int:
    """Return the number of a message."""
    if not is_number(text) or not 0 < int(text[:20]) <= LARGEST_ID:
        raise ArgumentTypeError(f"{text!r} is no number of a message")
    return int(text)


def sender(text: str) -> bytes:
    """Return the sender whose 32 hexadecimal digits these are, as the desk shows them."""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != 16:
        raise ArgumentTypeError(f"{text!r} is no sender: 32 hexadecimal digits")
    return found


def reason(text: str) -> str:
    """Return a reason as the desk would take it."""
    found = clean_line(text)
    if find_refused(text) or len(found) > LONGEST_REASON:
        raise ArgumentTypeError(f"a reason has {LONGEST_REASON} characters at most")
    return in_own_words(found)


def duration(text: str) -> timedelta:
    """Return the time that is meant by 30m, 12h, 90d or 2w."""
    number, unit = text[:-1], UNITS.get(text[-1:])
    if not unit or not is_number(number) or len(number) > 5:
        raise ArgumentTypeError(f"{text!r} is no time like 30m, 12h, 90d or 2w")
    return timedelta(**{unit: int(number)})


def moment(text: str) -> datetime:
    """Return the moment that is meant by an ISO 8601 date or time, or by "90d" (ago)."""
    if text[-1:] in UNITS:
        return timezone.now() - duration(text)
    try:
        found = datetime.fromisoformat(text)
        found = found if found.tzinfo else timezone.make_aware(found)
        return found.astimezone(UTC)  # which may be beyond the calendar
    except (ValueError, OverflowError) as error:
        raise ArgumentTypeError(
            f"{text!r} is no date like 2026-01-31 or 2026-01-31T12:00+01:00, "
            "and no time ago like 90d"
        ) from error


def add_message_filter(parser: CommandParser) -> None:
    """Add the options that choose messages, as `chosen_messages()` takes them."""
    parser.add_argument(
        "--since",
        type=moment,
        metavar="DATE",
        help="posted at or after this date or time (ISO 8601), or so long ago (90d)",
    )
    parser.add_argument("--until", type=moment, metavar="DATE", help="posted before it")
    parser.add_argument(
        "--status", choices=Message.Status.values, help="of this status only"
    )


def chosen_messages(
    *, since: datetime | None, until: datetime | None, status: str | None, **_: Any
) -> MessageQuerySet:
    """Return the messages that the options of `add_message_filter()` ask for."""
    messages = Message.objects.all()
    if since:
        messages = messages.filter(created_at__gte=since)
    if until:
        messages = messages.filter(created_at__lt=until)
    return messages.filter(status=status) if status else messages
