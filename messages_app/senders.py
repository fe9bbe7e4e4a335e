"""Who sends, told apart without keeping an address.

A sender is an HMAC of the address under the secret key and a random salt of the month.
Once the salt is dropped, nobody can tell which address it was, nor link it to a later one.
"""

import hmac
import ipaddress
import secrets
import time
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.http import HttpRequest

from messages_app import client_address
from messages_app.models import SenderSalt

LOOK_AGAIN_SECONDS = 60  # at the table, which a restore may have changed


class Salts:
    """The two salts that live: this month's and the last one's."""

    def __init__(self) -> None:
        self._living: list[bytes] = []
        self._month = date.min
        self._read_at = 0.0  # of the monotonic clock

    def living(self) -> list[bytes]:
        """Return the salts, this month's first; it is made if it is not there."""
        month = datetime.now(UTC).date().replace(day=1)
        is_late = time.monotonic() > self._read_at + LOOK_AGAIN_SECONDS
        if is_late or month != self._month:
            self._living = read_salts(month)
            self._month, self._read_at = month, time.monotonic()
        return self._living


salts = Salts()


def read_salts(month: date) -> list[bytes]:
    """Return the salts from this month back to the last, newest first."""
    # Not those of a month to come, which a wrong clock may have made.
    months = [month, month_before(month)]
    rows = SenderSalt.objects.filter(month__in=months).order_by("-month")
    found = list(rows.all())
    if not found or found[0].month != month:
        # Of two processes that both find none, the later takes the earlier one's.
        fresh = SenderSalt(month=month, salt=secrets.token_bytes(32))
        SenderSalt.objects.bulk_create([fresh], ignore_conflicts=True)
        drop_old_salts()
        found = list(rows.all())
    return [bytes(row.salt) for row in found]


def drop_old_salts() -> None:
    """Forget for good which addresses the senders of earlier months were."""
    month = datetime.now(UTC).date().replace(day=1)
    SenderSalt.objects.filter(month__lt=month_before(month)).delete()


def month_before(month: date) -> date:
    """Return the first day of the month before."""
    return (month - timedelta(days=1)).replace(day=1)


def find(request: HttpRequest) -> bytes:
    """Return the sender, 16 bytes, as this month's messages name it."""
    return find_all(request)[0]


def find_all(request: HttpRequest) -> list[bytes]:
    """Return all names of the sender in messages of this month and of the last."""
    network = network_of(client_address.find(request))
    return [
        hmac.digest(key.encode() + salt, network, "sha256")[:16]
        for key in [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
        for salt in salts.living()
    ]


def network_of(address: client_address.Address | None) -> bytes:
    """Return the bytes of the address; of IPv6 the 64 bits that a household is given."""
    if address is None:  # all that comes by a Unix socket, without a proxy we trust
        return b""
    if isinstance(address, ipaddress.IPv6Address):
        return address.packed[:8]
    return address.packed
