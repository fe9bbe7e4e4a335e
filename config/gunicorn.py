"""How gunicorn serves the wall: its address, processes and time-outs, with the reasons."""

import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

try:
    from config import logs, settings
except ImproperlyConfigured as error:
    # Told once and plainly here, instead of as a traceback by each worker.
    sys.exit(str(error))

env = settings.env
bind = env.text("BIND", "127.0.0.1") + f":{env.number('PORT', 8000, at_most=65_535)}"
wsgi_app = "config.wsgi:application"

# Processes: as many as cores, for each runs Python on one core at a time. The embedded
# wall has its cache in the memory of its one process.
cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
workers = env.number(
    "WEB_CONCURRENCY", min(max(cores, 2), 8) if settings.REDIS_URL else 1, at_most=64
)
if workers > 1 and not settings.REDIS_URL:
    env.problem("WEB_CONCURRENCY", "should be 1 unless REDIS_URL is set")

# Threads: they wait for the database and Redis together, not one after the other.
worker_class = "gthread"
threads = settings.SERVER_THREADS

keepalive = 5  # seconds; browsers fetch page and style on one connection
graceful_timeout = 20  # seconds for requests in flight at a restart
# A worker shows that it lives by touching a file: on memory, a busy disk kills nobody.
if Path("/dev/shm").is_dir():  # noqa: S108 - not a file of ours, the place for it
    worker_tmp_dir = "/dev/shm"  # noqa: S108

# The socket for remote control of gunicorn is nothing we use.
control_socket_disable = True
# No peer may set SCRIPT_NAME or the scheme by a header: Django decides whom to believe,
# by TRUSTED_PROXIES. (With gunicorn's defaults a peer on 127.0.0.1 could cause a 500.)
forwarder_headers = ""
forwarded_allow_ips = ""

# Method, path, status and milliseconds: no address, no query string, no browser.
accesslog = "-"
access_log_format = "%(m)s %(U)s %(s)s %(M)s ms"
loglevel = settings.LOG_LEVEL.lower()

try:
    env.refuse_nonsense(prefix="WALL_")
except ImproperlyConfigured as error:
    sys.exit(str(error))


logging.getLogger("gunicorn.error").addFilter(logs.WithoutVisitors())

if not settings.DEBUG and not (settings.STATIC_ROOT / "staticfiles.json").exists():
    sys.exit(
        "The static files are not collected, and each page needs their names. "
        "Run: python manage.py collectstatic --noinput"
    )


def when_ready(server: Any) -> None:
    """Tell where the wall is, and how to get in as a moderator."""
    python = Path(sys.executable)
    if python.is_relative_to(Path.cwd()):
        python = python.relative_to(Path.cwd())
    server.log.info(
        "The wall is at http://%s (Ctrl-C ends it). "
        "To make a moderator: %s manage.py createsuperuser, then /admin/.",
        bind,
        python,
    )


def post_worker_init(worker: Any) -> None:
    """Prepare a worker for the signals that end it."""
    from messages_app import health  # needs Django's settings, set up by now

    # Ctrl-C reaches master and workers at once. The master ends the workers; one that
    # heeded the signal too could be caught while starting, and hang.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end: Any = signal.getsignal(signal.SIGTERM)

    def tell_health_and_end(number: int, frame: Any) -> None:
        health.stop()
        end(number, frame)

    signal.signal(signal.SIGTERM, tell_health_and_end)


def worker_exit(server: Any, worker: Any) -> None:
    """Keep the views counted since the last fold."""
    from django.apps import apps

    if apps.ready:  # not when a worker fails before Django is set up
        from messages_app import page_views

        page_views.fold()
