"""How gunicorn serves the wall: its address, processes and time-outs, with the reasons."""

import fcntl
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from gunicorn import util
from gunicorn.workers.gthread import ThreadWorker

# Until gunicorn has its own handler, Ctrl-C ends this without a traceback.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

try:
    from config import logs, settings
except ImproperlyConfigured as error:
    # Told once and plainly here, instead of as a traceback by each worker.
    sys.exit(str(error))

bind = f"{settings.SERVER_BIND}:{settings.SERVER_PORT}"
wsgi_app = "config.wsgi:application"
workers = settings.SERVER_PROCESSES


# The master tells a worker to end once. One that is still starting has the master's own
# handlers, which would swallow it: it waits until the worker has its own.
ENDING = {signal.SIGTERM, signal.SIGQUIT}


def pre_fork(server: Any, worker: Any) -> None:
    """Keep from the new worker the signals that it cannot heed yet."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)


os.register_at_fork(
    after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
)


class Worker(ThreadWorker):
    """A process of threads: they wait for the database and Redis all at once."""

    def init_signals(self) -> None:
        """Leave Ctrl-C, which the terminal sends to all, to the master.

        It ends the workers. One that heeded the signal too could be caught while
        starting, and hang.
        """
        super().init_signals()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Tell by `/readyz` that this process is ending, and let requests end."""
        if (
            self.booted
        ):  # not while the worker starts, perhaps in the midst of an import
            from messages_app import health

            health.stop()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """End at once, wherever the signal finds this process.

        gunicorn's own asks the pool of threads first for a lock that the interrupted
        line may hold.
        """
        super(ThreadWorker, self).handle_quit(sig, frame)


worker_class = Worker
threads = settings.SERVER_THREADS

timeout = 30  # seconds without a sign of life, then the process is replaced
keepalive = 5  # seconds; browsers fetch page and style on one connection
graceful_timeout = 20  # seconds for requests in flight at a restart
# No address of this wall is long, and browsers send some twenty headers: less than
# gunicorn's 100 fields is more than enough, and bounds what a client can make us read.
limit_request_line = 4_094  # bytes
limit_request_fields = 64
limit_request_field_size = 8_190  # bytes
# No max_requests: nothing here grows with time, and in the embedded wall a process
# that starts anew forgets its cache.
max_requests = 0
# A worker shows that it lives by touching a file: on memory, a busy disk kills nobody.
if Path("/dev/shm").is_dir():  # noqa: S108 - not a file of ours, the place for it
    worker_tmp_dir = "/dev/shm"  # noqa: S108 - as above

# After "Connection: close" a worker waits for the client to close too, up to two seconds
# in the loop that serves everyone: 32 clients that do not would stop it for a minute.
util.close_graceful.__defaults__ = (0.05, 65_536)  # seconds; bytes

# The socket for remote control of gunicorn is nothing we use.
control_socket_disable = True
# No peer may set SCRIPT_NAME or the scheme by a header: Django decides whom to believe,
# by TRUSTED_PROXIES. (With gunicorn's defaults a peer on 127.0.0.1 could cause a 500.)
forwarder_headers = ""
forwarded_allow_ips = ""

accesslog = "-"  # on standard output, one line of JSON per request
logger_class = logs.Logger
loglevel = settings.LOG_LEVEL.lower()
logging.getLogger("gunicorn.error").addFilter(logs.WithoutVisitors())


def on_starting(server: Any) -> None:
    """Refuse what would start and then misbehave, each with the way out."""
    if not settings.DEBUG and not (settings.STATIC_ROOT / "staticfiles.json").exists():
        sys.exit(
            "The static files are not collected, and each page needs their names. "
            "Run: python manage.py collectstatic --noinput"
        )
    if server.cfg.workers > 1 and not settings.REDIS_URL:
        sys.exit(
            "Several processes need REDIS_URL: each would have a cache of its own."
        )
    if not settings.REDIS_URL and "sqlite" in settings.DATABASES["default"]["ENGINE"]:
        hold_database(Path(settings.DATABASES["default"]["NAME"]))
    if "GUNICORN_FD" not in os.environ:  # taken over from the master before us
        for address in server.cfg.address:
            refuse_port_in_use(address)


def hold_database(path: Path) -> None:
    """Keep a second embedded wall off the file: its pages would be a minute old."""
    lock = open(f"{path}.lock", "w")  # noqa: SIM115 - held while this process lives
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"Another wall is running on {path}. End it first, or use make stack.")
    kept_open.append(lock)


kept_open: list[Any] = []


def refuse_port_in_use(address: Any) -> None:
    """Tell at once and by its name, where gunicorn would retry for five seconds."""
    if not isinstance(address, tuple):
        return  # a Unix socket
    host, port = address[:2]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            sys.exit(f"PORT {port} at {host}: {error}.")


def when_ready(server: Any) -> None:
    """Tell where the wall is, and how to get in as a moderator."""
    server.log.info(
        "The wall is at http://%s (Ctrl-C ends it). To make a moderator: "
        "make moderator (or manage.py createsuperuser), then sign in at /%s.",
        bind,
        settings.ADMIN_PATH,
    )


def post_worker_init(worker: Any) -> None:
    """Do beside the requests what must happen without them, if nothing else does it."""
    if settings.WALL_JOBS:
        from messages_app import jobs

        jobs.of_this_process.start()


def worker_exit(server: Any, worker: Any) -> None:
    """Deliver what Redis is still owed, and keep the views since the last fold."""
    if worker.booted:  # not one that ends or fails while it starts
        from messages_app import jobs, page_views, wall_cache

        jobs.of_this_process.end()
        wall_cache.owed.pay()
        page_views.settle()
