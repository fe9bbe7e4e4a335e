"""The wall as `docker compose` runs it: real images, networks, volumes and faults."""

import json
import os
import secrets
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

from config.tests.environment import OURS, TAKE_ALL, UNLIMITED, free_port
from messages_app.tests.chaos.clients import KEY, VIEWS, Clients

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = {"SITE_ADDRESS", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "COMPOSE_FILE"}


class Stack:
    """One project of Compose, with a name and a port of its own."""

    def __init__(self, folder=ROOT, files=("compose.yml",), **variables):
        self.name = f"wall-test-{secrets.token_hex(4)}"
        self.folder, self.files, self.port = folder, files, free_port()
        given = {n: v for n, v in os.environ.items() if n not in OURS | COMPOSE}
        self.environment = {**given, **UNLIMITED, "PORT": str(self.port), **variables}

    def command(self, *words):
        files = [word for file in self.files for word in ("--file", str(file))]
        return ["docker", "compose", "--project-name", self.name, *files, *words]

    def compose(self, *words, check=True, seconds=300):
        """Run `docker compose`; return what it printed, errors included."""
        ran = subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert not check or ran.returncode == 0, f"{words}: {ran.stdout}"
        return ran.stdout

    def start(self, *words, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT):
        """Run `docker compose` beside the test."""
        return subprocess.Popen(
            self.command(*words),
            cwd=self.folder,
            env=self.environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    def up(self):
        self.compose("up", "--build", "--wait")
        shell = ["python", "manage.py", "shell", "--command", TAKE_ALL]
        self.compose("exec", "-T", "web", *shell)

    def start_again(self, service):
        """Start what was stopped, the same container; return when it is healthy."""
        self.compose("start", service)
        self.wait_until(lambda: all(map(self.is_healthy, self.containers(service))))

    def is_healthy(self, name):
        state = "{{.State.Health.Status}}"
        return self.docker("inspect", "--format", state, name).strip() == "healthy"

    def remove(self):
        # Those of `run` too, which `down` leaves when they still do.
        label = f"label=com.docker.compose.project={self.name}"
        if left := self.docker("ps", "--all", "--quiet", "--filter", label).split():
            self.docker("rm", "--force", *left)
        self.compose(
            "--profile", "backup", "down", "--volumes", "--timeout", "5", check=False
        )

    def containers(self, *service):
        """Return the names of the containers, those that ended too."""
        return self.compose("ps", "--all", "--format", "{{.Name}}", *service).split()

    def docker(self, *words):
        ran = subprocess.run(
            ["docker", *words], capture_output=True, text=True, check=True
        )
        return ran.stdout

    def inspect(self, service):
        found = json.loads(self.docker("inspect", *self.containers(service)))
        return found[0]

    def sh(self, service, script):
        return self.compose("exec", "-T", service, "sh", "-c", script)

    def sql(self, query):
        psql = ["psql", "-U", "wall", "-d", "wall", "-qtAX", "-c", query]
        return self.compose("exec", "-T", "db", *psql).strip()

    def stored(self):
        """Return the texts of all messages."""
        return self.sql("SELECT content FROM messages_app_message").splitlines()

    # What a visitor does, through the proxy

    def ask(self, address="/", data=None, headers=None, context=None, base=None):
        """Return status, text and headers; follow no redirect."""
        request = urllib.request.Request(
            (base or f"http://127.0.0.1:{self.port}") + address,
            urlencode(data).encode() if data is not None else None,
            headers or {},
        )
        opener = urllib.request.build_opener(
            NoRedirect, urllib.request.HTTPSHandler(context=context)
        )
        try:
            with opener.open(request, timeout=30) as response:
                return response.status, response.read().decode(), response.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(), error.headers

    def page(self):
        status, html, _ = self.ask()
        assert status == 200, html
        return html

    def views(self):
        return int(VIEWS.search(self.page())[1])

    def post(self, content):
        form = {"content": content, "form_key": KEY.search(self.page())[1]}
        status, html, _ = self.ask("/", form)
        return status, html

    @contextmanager
    def load(self, *, readers=6, posters=3):
        """Let visitors read and post meanwhile; give what they saw."""
        clients = Clients(self.port, seed=7, cookies=SimpleCookie())
        clients.start(readers=readers, posters=posters, moderators=0)
        try:
            yield clients.seen
        finally:
            clients.stop()

    def wait_until(self, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.compose("logs", "--tail", "20")
            time.sleep(0.1)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args, **kwargs):
        return None
