"""The wall as it is really served: gunicorn, its processes, threads and signals."""

import fcntl
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlencode

import pytest

from config.tests.environment import TAKE_ALL, bare, free_port

ROOT = Path(__file__).resolve().parents[2]

MIGRATE = (
    "from django.core.management import call_command; "
    f"call_command('migrate', verbosity=0); {TAKE_ALL}"
)


class ServedWall:
    """A gunicorn of its own on a free port, with its own database and cache."""

    def __init__(self, folder, variables, before=(), config="config/gunicorn.py"):
        self.folder, self.variables, self.before = folder, variables, list(before)
        self.config = config
        self.log = folder / "log"
        self.port = free_port()

    def start(self):
        serve = (
            f'{sys.executable} manage.py shell --verbosity 0 --command "{MIGRATE}"'
            f" && exec {sys.executable} -m gunicorn --config {self.config}"
        )
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*self.before, "sh", "-c", serve],
                cwd=ROOT,
                env=bare(PORT=str(self.port), **self.variables),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that a signal to the group is like Ctrl-C
            )
        self.wait_until(lambda: self.get("/livez")[0] == 200)

    def refusal(self):
        """Start it where it cannot; return what it says."""
        ran = subprocess.run(
            [sys.executable, "-m", "gunicorn", "--config", "config/gunicorn.py"],
            check=False,
            cwd=ROOT,
            env=bare(PORT=str(self.port), **self.variables),
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert ran.returncode != 0
        return ran.stderr

    def wait_until(self, condition, seconds=30):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if condition():
                    return
            except OSError:
                pass
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.02)
        pytest.fail(self.log.read_text())

    def get(self, address, data=None, headers=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{address}",
            urlencode(data).encode() if data else None,
            headers or {},
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def post_only(self, data):
        body = urlencode(data)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with closing(connection):
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            connection.request("POST", "/", body, kind)
            response = connection.getresponse()
            assert response.status == 303
            return response.headers["Location"]

    def views(self):
        found = re.search(r"viewed ([\d,]+) time", self.get("/")[1])
        return int(found[1].replace(",", ""))

    def end(self, number=signal.SIGINT):
        """Send the signal as the terminal does, to the whole group; return the exit."""
        os.killpg(self.process.pid, number)
        return self.process.wait(30)


@pytest.fixture(scope="session", autouse=True)
def collected(tmp_path_factory):
    """Have the static files that `make` collects, when pytest is run without it."""
    manifest = ROOT / "staticfiles" / "staticfiles.json"
    with (tmp_path_factory.getbasetemp().parent / "collect.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not manifest.exists():
            manage = [sys.executable, "manage.py", "collectstatic", "--noinput"]
            subprocess.run(manage, cwd=ROOT, env=bare(), check=True)


@pytest.fixture
def served_wall(tmp_path, settings):
    """A wall on the kind of servers this run is about."""
    if settings.REDIS_URL:
        variables = {"WEB_CONCURRENCY": "3"}
        keep = ["--keep", str(tmp_path / "servers")]
        before = [sys.executable, "-m", "config.servers", *keep, "--"]
    else:
        variables, before = {"DATABASE_URL": f"sqlite:///{tmp_path}/wall.sqlite3"}, []
    wall = ServedWall(tmp_path, variables, before)
    wall.start()
    yield wall
    if wall.process.poll() is None:
        wall.end(signal.SIGKILL)


def at_once(count, act):
    """Run `act(number)` in as many threads; return what they gave."""
    given = []
    threads = [
        threading.Thread(target=lambda n=n: given.append(act(n))) for n in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return given


def test_views_from_many_clients_are_counted_exactly(served_wall):
    before = served_wall.views()
    at_once(8, lambda _: [served_wall.get("/") for _ in range(25)])
    assert served_wall.views() == before + 201


def test_posts_from_many_clients_are_all_stored_and_seen_at_once(served_wall):
    def post_and_look(number):
        status, html = served_wall.get("/", {"content": f"number {number}."})
        return status == 200 and f"number {number}." in html  # 303 was followed

    assert at_once(16, post_and_look) == [True] * 16


def test_one_form_sent_by_many_at_once_is_one_message(served_wall):
    key = re.search(r'name="form_key" value="([^"]+)"', served_wall.get("/")[1])[1]
    form = {"content": "only once", "form_key": key}
    # Sent faster than people write, it is held: all are sent to the one receipt.
    (receipt,) = set(at_once(8, lambda _: served_wall.post_only(form)))
    assert "only once" in served_wall.get(receipt)[1]


PART = b'--b\r\nContent-Disposition: form-data; name="content"\r\n\r\nhalf'


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"application/x-www-form-urlencoded", b"content=half"),
        (b"multipart/form-data; boundary=b", PART),
    ],
)
def test_half_a_message_is_not_the_message(served_wall, kind, body):
    head = (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\nContent-Type: "
    )
    with socket.create_connection(("127.0.0.1", served_wall.port)) as client:
        client.sendall(head + kind + b"\r\n\r\n" + body)
        client.shutdown(socket.SHUT_WR)  # as a train in a tunnel does
        assert client.recv(1000).startswith(b"HTTP/1.1 400")
    assert "half" not in served_wall.get("/")[1]


def test_after_a_write_one_reader_of_many_builds_the_page(served_wall):
    served_wall.get("/", {"content": "news"})
    served_wall.get("/")
    for _ in range(3):
        # A post without following to the page: nobody has read it yet.
        post = {"content": "more news"}
        built = served_wall.log.read_text().count("was built from the database")
        served_wall.post_only(post)
        pages = at_once(50, lambda _: served_wall.get("/"))
        assert {status for status, _ in pages} == {200}
        assert all("more news" in html for _, html in pages)
        log = served_wall.log.read_text()
        assert log.count("was built from the database") == built + 1


SLOW_READER = """
import django
django.setup()
from messages_app import wall_cache, wall_page
kept = wall_cache.look()
header, rows = wall_cache.begin(kept), wall_page.read()
print("has read", flush=True)
input()
page = wall_cache.pack(header, wall_page.render_list(rows))
wall_cache.cache.set(wall_cache.page_key(), page, timeout=60)
wall_cache.mark_checked(kept)
"""


@pytest.mark.skipif(not os.environ.get("REDIS_URL"), reason="one process has no other")
def test_a_reader_of_another_process_who_began_before_a_write_brings_nothing_back(
    served_wall,
):
    served_wall.get("/")
    join = [*served_wall.before[:-3], "--join", str(served_wall.folder / "servers")]
    with subprocess.Popen(
        [*join, "--", sys.executable, "-c", SLOW_READER],
        cwd=ROOT,
        env=bare(DJANGO_SETTINGS_MODULE="config.settings"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout.readline() == "has read\n"
        served_wall.post_only({"content": "written meanwhile"})
        reader.communicate("go on\n")
    assert reader.returncode == 0
    assert "written meanwhile" in served_wall.get("/")[1]


@pytest.mark.skipif(bool(os.environ.get("REDIS_URL")), reason="for one SQLite file")
def test_what_manage_py_changes_shows_at_once_on_the_embedded_wall(served_wall):
    assert "taken down" in served_wall.get("/", {"content": "taken down"})[1]
    hide = (
        "from messages_app.models import Message; print(Message.objects.all().hide())"
    )
    ran = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", hide],
        cwd=ROOT,
        env=bare(**served_wall.variables),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "1\n"
    assert "taken down" not in served_wall.get("/")[1]


ACT = """
import django
django.setup()
from messages_app.models import Message, ModerationBatch
from messages_app.moderation import acts, undo
messages, batches = Message.objects.all(), ModerationBatch.objects.all()
acts.finish({act})
"""


def test_what_another_process_decides_shows_at_once(served_wall, settings):
    variables = {**served_wall.variables, "DJANGO_SETTINGS_MODULE": "config.settings"}
    before = []
    if settings.REDIS_URL:
        before = [*served_wall.before[:-3], "--join"]
        before += [str(served_wall.folder / "servers"), "--"]

    def run(act):
        command = [*before, sys.executable, "-c", ACT.format(act=act)]
        subprocess.run(command, cwd=ROOT, env=bare(**variables), check=True)
        return served_wall.get("/")[1]

    assert "to be judged" in served_wall.get("/", {"content": "to be judged"})[1]
    assert "to be judged" not in run("acts.hide(messages, actor='mod')")
    assert "to be judged" in run("undo.undo(batches[0], actor='mod')")
    assert "to be judged" not in run("acts.ban(messages, actor='mod')")
    assert "to be judged" in run("acts.publish(messages, actor='mod')")


def test_ctrl_c_ends_it_cleanly_and_the_next_start_goes_on(served_wall):
    served_wall.get("/", {"content": "still here"})
    for _ in range(5):
        views = served_wall.views()
    begin = time.monotonic()
    assert served_wall.end(signal.SIGINT) == 0, served_wall.log.read_text()[-6000:]
    # Not a measurement: the graceful time-out, which a hang would take, is 20 s.
    assert time.monotonic() - begin < 15
    assert "Traceback" not in served_wall.log.read_text()
    served_wall.start()
    assert "still here" in served_wall.get("/")[1]
    assert served_wall.views() == views + 2
    assert served_wall.end(signal.SIGTERM) == 0, served_wall.log.read_text()


def test_the_log_tells_where_the_wall_is_and_nothing_of_its_visitors(served_wall):
    headers = {"User-Agent": "Agent-9", "Referer": "http://from.example/"}
    served_wall.get("/?before=secret", headers=headers)
    served_wall.get("/nowhere?q=secret", headers=headers)
    with socket.create_connection(("127.0.0.1", served_wall.port)) as client:
        client.sendall(b"NONSENSE secret\r\n\r\n")
        client.recv(1000)
    served_wall.get("/%0aPOST%20/admin/login/%20302%201%20ms%1b%5b2J")
    lines = ['"path": "/", "status": 400, "ms": ', '"/nowhere", "status": 404']
    lines += [r"\\nPOST /admin.*\\u001b", "not valid HTTP"]
    served_wall.wait_until(
        lambda: all(re.search(line, served_wall.log.read_text()) for line in lines)
    )
    told = served_wall.log.read_text()
    assert f"The wall is at http://127.0.0.1:{served_wall.port}" in told
    assert "createsuperuser" in told
    assert "\nPOST /admin" not in told
    assert "\x1b" not in told
    for personal in ["secret", "Agent-9", "from.example"]:
        assert personal not in told
    assert "127.0.0.1" not in told.replace(f"http://127.0.0.1:{served_wall.port}", "")


def test_no_header_of_a_client_makes_a_500(served_wall):
    for header in ["SCRIPT_NAME", "SCRIPT-NAME", "PATH_INFO", "X-Forwarded-Proto"]:
        assert served_wall.get("/", headers={header: "/admin"})[0] == 200


def test_clients_that_leave_their_connections_open_hold_nobody_up(served_wall):
    request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with ExitStack() as left_open:
        for _ in range(48):
            client = socket.create_connection(("127.0.0.1", served_wall.port))
            left_open.enter_context(client).sendall(request)
        assert served_wall.get("/")[0] == 200  # or it raises after 20 seconds


def test_a_worker_that_hears_ctrl_c_alone_goes_on(served_wall):
    # Perhaps while it is still starting: only the first of several need answer yet.
    workers = re.findall(r"Booting worker with pid: (\d+)", served_wall.log.read_text())
    for pid in workers:
        os.kill(int(pid), signal.SIGINT)
    assert served_wall.get("/")[0] == 200
    assert "Worker exiting" not in served_wall.log.read_text()


TOLD_TO_END_WHILE_STARTING = """
import os, signal
exec(compile(open("config/gunicorn.py").read(), "config/gunicorn.py", "exec"))
def post_fork(server, worker):
    if worker.age == 1:
        os.kill(worker.pid, signal.SIGTERM)
"""


def test_a_worker_that_is_told_to_end_while_it_starts_ends(tmp_path):
    config = tmp_path / "gunicorn.py"
    config.write_text(TOLD_TO_END_WHILE_STARTING)
    variables = {"DATABASE_URL": f"sqlite:///{tmp_path}/wall.sqlite3"}
    wall = ServedWall(tmp_path, variables, config=config)
    wall.start()
    try:
        first = re.search(r"Booting worker with pid: (\d+)", wall.log.read_text())[1]
        wall.wait_until(
            lambda: f"Worker exiting (pid: {first})" in wall.log.read_text()
        )
        wall.wait_until(lambda: wall.get("/")[0] == 200)  # from another worker
    finally:
        wall.end(signal.SIGKILL)


FLOODED_LONG_AGO = """
from messages_app.models import WallState
WallState.objects.update_or_create(
    defaults={"valve_mode": "all", "valve_at": "2020-01-01T00:00Z"}
)
"""
ASK_VALVE = """
from messages_app.models import WallState
print("valve:", WallState.objects.get().valve_mode or "open")
"""


@pytest.mark.skipif(bool(os.environ.get("REDIS_URL")), reason="others have jobs")
def test_the_embedded_wall_does_its_jobs_beside_its_requests(served_wall):
    def shell(code):
        return subprocess.run(
            [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
            cwd=ROOT,
            env=bare(**served_wall.variables),
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert "Jobs: At work." in served_wall.log.read_text()
    served_wall.end(signal.SIGTERM)
    shell(FLOODED_LONG_AGO)
    served_wall.start()
    served_wall.wait_until(lambda: "valve: open" in shell(ASK_VALVE))
    begin = time.monotonic()
    assert served_wall.end(signal.SIGTERM) == 0
    assert time.monotonic() - begin < 15  # as above, not a measurement


def test_of_several_processes_with_jobs_one_works_and_another_follows_it(tmp_path):
    keep = ["--keep", str(tmp_path / "servers")]
    before = [sys.executable, "-m", "config.servers", *keep, "--"]
    jobs = {"WALL_JOBS": "true", "WEB_CONCURRENCY": "2"}
    wall = ServedWall(tmp_path, jobs, before)
    wall.start()
    try:
        wall.wait_until(lambda: wall.log.read_text().count("Jobs: ") == 2)
        told = wall.log.read_text()
        assert told.count("Jobs: At work.") == 1
        assert told.count("Jobs: Another maintain is at work; standing by.") == 1
        for pid in re.findall(r"Booting worker with pid: (\d+)", told):
            os.kill(int(pid), signal.SIGKILL)
        wall.wait_until(lambda: wall.log.read_text().count("Jobs: At work.") > 1)
    finally:
        wall.end(signal.SIGKILL)


def test_a_port_in_use_is_told_at_once_by_its_name(served_wall, tmp_path):
    second = ServedWall(tmp_path, {"DATABASE_URL": f"sqlite:///{tmp_path}/2.sqlite3"})
    second.port = served_wall.port
    assert f"PORT {second.port} at 127.0.0.1: " in second.refusal()


def test_a_second_embedded_wall_on_the_same_file_is_refused(tmp_path):
    variables = {"DATABASE_URL": f"sqlite:///{tmp_path}/wall.sqlite3"}
    first, second = ServedWall(tmp_path, variables), ServedWall(tmp_path, variables)
    first.start()
    try:
        assert "Another wall is running on" in second.refusal()
    finally:
        first.end(signal.SIGKILL)


def test_without_redis_the_wall_is_read_and_written(tmp_path):
    variables = {
        "DATABASE_URL": f"sqlite:///{tmp_path}/wall.sqlite3",
        "REDIS_URL": "redis://127.0.0.1:1/0",  # nobody listens there
        "SECRET_KEY": "x" * 60,
        "WEB_CONCURRENCY": "2",
    }
    wall = ServedWall(tmp_path, variables)
    wall.start()
    try:
        assert (
            wall.get("/", {"content": "without Redis"})[0] == 200
        )  # the page after it
        status, html = wall.get("/")
        assert (status, "without Redis" in html) == (200, True)
        assert '"cache": "unavailable"' in wall.get("/status")[1]
        assert '"status": "degraded"' in wall.get("/readyz")[1]
        assert "built from the database; cached for 1 s." in wall.log.read_text()
    finally:
        wall.end(signal.SIGKILL)
