"""Messages that come from a file: which are new, and into the table with them."""

import hashlib
import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db import DataError, IntegrityError, transaction
from django.db.models import Max

from messages_app import text, wall_cache
from messages_app.archive.cells import clean_texts
from messages_app.archive.lines import BadRow, Line
from messages_app.archive.tables import Table
from messages_app.models import CONTENT_CEILING, Act, Message, ModerationEvent
from messages_app.moderation import folding

TABLE = Table(Message)
NAMES = list(TABLE.fields)
ID, DIGEST, POSTED = map(NAMES.index, ("id", "post_digest", "created_at"))
AHEAD = timedelta(days=1)  # that a clock may be


class Arrival(NamedTuple):
    line: Line
    values: tuple[Any, ...]


class EqualRows:
    """Counts the rows of a file that are alike, on the disk: there may be millions."""

    def __init__(self) -> None:
        self.table = sqlite3.connect("", isolation_level=None)  # gone when it is closed
        self.table.execute(
            "CREATE TABLE row (digest BLOB PRIMARY KEY, count INTEGER) WITHOUT ROWID"
        )
        self.table.execute("BEGIN")

    def add(self, digest: bytes) -> int:
        """Return how many were like it before."""
        [(count,)] = self.table.execute(
            "INSERT INTO row VALUES (?, 0) ON CONFLICT (digest)"
            " DO UPDATE SET count = count + 1 RETURNING count",
            [digest],
        )
        return int(count)


def read(line: Line, equal: EqualRows) -> Arrival:
    """Return the message of the line; raise BadRow with the reason if it is none."""
    if line.problem:
        raise BadRow(line.problem)
    row = dict(line.row)
    if "id" not in row:
        clean_texts(row)
    if row.get("status") == Message.Status.HELD and not row.get("waits_since"):
        row["waits_since"] = row.get("created_at")
    message = dict(zip(NAMES, TABLE.read(row), strict=True))
    for name in ("content", "author_name"):
        if text.find_refused(message[name]):
            raise BadRow(f"{name} holds characters that cannot be shown")
    if text.is_blank(message["content"]):
        raise BadRow("content shows nothing")
    if len(message["content"]) > CONTENT_CEILING:
        raise BadRow(f"content has more than {CONTENT_CEILING} characters")
    if message["created_at"] > datetime.now(UTC) + AHEAD:
        raise BadRow("created_at is still to come")
    if message["id"] is None:
        message["gist"] = folding.gist(message["content"])
    if message["id"] is None and message["post_digest"] is None:
        # Who imports it again finds it by this.
        parts = [message["content"], message["author_name"], f"{message['created_at']}"]
        digest = hashlib.sha256(json.dumps(parts).encode()).digest()
        if count := equal.add(digest):
            digest = hashlib.sha256(b"%b %d" % (digest, count)).digest()
        message["post_digest"] = digest
    return Arrival(line, tuple(message.values()))


class Store:
    """Puts messages into the table, each once; counts them, and tells of those refused."""

    def __init__(
        self,
        refuse: Callable[[Line, str], None],
        *,
        is_rehearsal: bool,
        with_erased: bool = False,
    ) -> None:
        self.refuse, self.is_rehearsal = refuse, is_rehearsal
        self.with_erased = with_erased
        self.added = self.known = 0

    def put(self, arrivals: list[Arrival], *, is_hopeful: bool = True) -> None:
        """Store those that are not there yet: all that can be, or none if it fails."""
        # Into an empty wall, and after it, no row is asked for; the table knows better.
        is_hopeful = is_hopeful and not self.is_rehearsal and are_beyond_all(arrivals)
        try:
            with transaction.atomic():
                new, conflicts = (arrivals, []) if is_hopeful else self.sort(arrivals)
                if not self.is_rehearsal:
                    insert([arrival.values for arrival in new])
        except (IntegrityError, DataError) as error:
            # A row that only the table knows to be wrong, or one that came meanwhile.
            half = len(arrivals) // 2
            if is_hopeful:
                self.put(arrivals, is_hopeful=False)
            elif half:
                self.put(arrivals[:half], is_hopeful=False)
                self.put(arrivals[half:], is_hopeful=False)
            else:
                self.refuse(arrivals[0].line, str(error).partition("\n")[0])
            return
        self.added += len(new)
        self.known += len(arrivals) - len(new) - len(conflicts)
        for arrival, reason in conflicts:
            self.refuse(arrival.line, reason)

    def sort(
        self, arrivals: list[Arrival]
    ) -> tuple[list[Arrival], list[tuple[Arrival, str]]]:
        """Return what is new, and what cannot come beside what is there."""
        numbers = [arrival.values[ID] for arrival in arrivals if arrival.values[ID]]
        rows = Message.objects.values_list("id", "created_at").order_by()
        there: dict[Any, Any] = dict(rows.filter(pk__in=numbers))
        digests = [a.values[DIGEST] for a in arrivals if a.values[DIGEST]]
        known = Message.objects.values_list("post_digest", "id").order_by()
        posted: dict[Any, Any] = dict(known.filter(post_digest__in=digests))
        erased: set[int | None] = set()
        if not self.with_erased:
            events = ModerationEvent.objects.filter(
                act=Act.ERASE, message_number__in=numbers
            )
            erased = set(events.values_list("message_number", flat=True))
        new, conflicts = [], []
        for arrival in arrivals:
            number, digest = arrival.values[ID], arrival.values[DIGEST]
            if number in there:
                # Its words, its state or its reports may be others by now.
                if there[number] != arrival.values[POSTED]:
                    reason = f"another message has number {number}"
                    conflicts.append((arrival, reason))
                continue
            if digest in posted:
                if number is not None:
                    reason = f"it is there already, as number {posted[digest]}"
                    conflicts.append((arrival, reason))
                continue
            if number in erased:
                conflicts.append((arrival, "it was erased here: see --with-erased"))
                continue
            new.append(arrival)
            if number is not None:
                there[number] = arrival.values[POSTED]
            if digest is not None:
                posted[digest] = number
        return new, conflicts


def are_beyond_all(arrivals: list[Arrival]) -> bool:
    """Return whether all have numbers beyond those that are there, or were erased."""
    lowest = min((arrival.values[ID] or 0 for arrival in arrivals), default=0)
    # Not whether one is as high: PostgreSQL, which does not know the new rows yet, would
    # expect to meet one at once, and look through all.
    last = Message.objects.aggregate(last=Max("pk"))["last"] or 0
    if lowest <= last:
        return False
    beyond = ModerationEvent.objects.filter(message_number__gte=lowest)
    return not beyond.filter(act=Act.ERASE).exists()


def insert(rows: list[tuple[Any, ...]]) -> None:
    """Store messages, and let the wall show them."""
    for part in (
        [row for row in rows if row[ID] is not None],
        [row for row in rows if row[ID] is None],
    ):
        if part:
            TABLE.keep_numbers(max(row[ID] or 0 for row in part) or None)
            TABLE.insert(part)
    if rows:
        transaction.on_commit(wall_cache.forget_for_good)
