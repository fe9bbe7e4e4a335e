"""The environment of the processes that tests start."""

import os
import socket

from config import settings

OURS = {*settings.env.names, "BIND", "PORT", "WEB_CONCURRENCY"}


def bare(**variables):
    """Return this environment with none of the wall's variables but those given."""
    return {n: v for n, v in os.environ.items() if n not in OURS} | variables


def free_port():
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
