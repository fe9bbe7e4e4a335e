"""The wall, and in the same process what it is compared with: two that do nothing."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings

from config.wsgi import application as wall

settings.ROOT_URLCONF = "benchmarks.urls"


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer /bare with nothing but WSGI, all else with Django."""
    if environ["PATH_INFO"] == "/bare":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]
    return wall(environ, start_response)
