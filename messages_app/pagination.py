"""The place of a message on the wall, as it stands in the address of an older page."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LARGEST_ID = 2**63 - 1


class BadCursor(ValueError):
    """The text is no place on any wall."""


@dataclass(frozen=True)
class Cursor:
    """A message's time and number: together unique, and the order of the wall.

    Older pages begin below a place, not after a count of rows: page 20,000 costs what
    page 2 costs, and new messages shift nothing.
    """

    created_at: datetime
    id: int

    def __str__(self) -> str:
        microseconds = (self.created_at - EPOCH) // timedelta(microseconds=1)
        return f"{microseconds}-{self.id}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Return the place that `str()` wrote; raise BadCursor for anything else."""
        match = re.fullmatch(r"([0-9]{1,17})-([0-9]{1,19})", text)
        if not match or int(match[2]) > LARGEST_ID:
            raise BadCursor
        # 17 digits of microseconds end in the year 5138: no overflow.
        return cls(EPOCH + timedelta(microseconds=int(match[1])), int(match[2]))
