"""The environment of the processes that tests start."""

import os
import socket

from config import settings

OURS = {*settings.env.names, "BIND", "PORT", "WEB_CONCURRENCY"}
UNLIMITED = {"WALL_POST_RATE": "off", "WALL_ATTEMPT_RATE": "off"}
# For `manage.py shell`. Visitors that are programs: no post is held for its speed, its
# text or a flood.
TAKE_ALL = (
    "from messages_app.models import WallState; WallState.objects.update_or_create("
    "pk=1, defaults=dict(mode='open', risky_per_minute=0, all_per_minute=0))"
)


def bare(**variables):
    """Return this environment with none of the wall's variables but those given.

    And with no limit to what one address may post: tests have but one.
    """
    ours = {n: v for n, v in os.environ.items() if n not in OURS}
    return ours | UNLIMITED | variables


def free_port():
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
