"""gunicorn's configuration, and a worker that dies between commit and bump when told."""

import os
import signal
from pathlib import Path

from config.gunicorn import *

FLAG = "CHAOS_KILL_FLAG"  # names a file; the worker that takes it away dies


def post_worker_init(worker):
    from messages_app import wall_cache

    forget = wall_cache.forget

    def die_or_forget():
        try:
            Path(os.environ[FLAG]).unlink()
        except FileNotFoundError:
            forget()
        else:
            os.kill(os.getpid(), signal.SIGKILL)

    wall_cache.forget = die_or_forget
