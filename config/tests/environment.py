"""The environment of the processes that tests start."""

import os

from config import settings

OURS = {*settings.env.names, "BIND", "PORT", "WEB_CONCURRENCY"}


def bare(**variables):
    """Return this environment with none of the wall's variables but those given."""
    return {n: v for n, v in os.environ.items() if n not in OURS} | variables
