"""Where a request comes from: told by the proxies we trust, never by the client."""

import ipaddress
import re

from django.conf import settings
from django.http import HttpRequest

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def find(request: HttpRequest) -> Address | None:
    """Return the client's address; None for what is none, as on a Unix socket.

    Each proxy appends to X-Forwarded-For whom it was asked by. What TRUSTED_PROXIES of
    them wrote stands at the end; all before that the client may have made up.
    """
    written = request.META["REMOTE_ADDR"]
    if proxies := settings.TRUSTED_PROXIES:
        hops = request.headers.get("X-Forwarded-For", "").split(",")
        if len(hops) >= proxies and hops[-proxies].strip():
            written = hops[-proxies].strip()
    # Some proxies write the port too: 192.0.2.1:5678, [2001:db8::1]:5678.
    if told := re.fullmatch(r"\[(.*)\](:\d+)?|([\d.]+):\d+", written):
        written = told[1] or told[3]
    try:
        address = ipaddress.ip_address(written)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_nearby(request: HttpRequest) -> bool:
    """Return whether the client is on this machine or in its private network."""
    address = find(request)
    return address is not None and address.is_private
