"""What an operator gets from `export_messages`."""

import csv
import fcntl
import hashlib
import json
import os
import resource
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from io import BytesIO, StringIO, TextIOWrapper
from subprocess import PIPE

import pytest
from django.core.management import CommandError, call_command

from config.tests.environment import bare
from messages_app.archive import files, tables
from messages_app.models import Message
from messages_app.tests.conftest import AWKWARD
from messages_app.tests.test_server import ROOT


class Terminal(StringIO):
    def isatty(self):
        return True


def export(**options):
    """Return what is written to standard output, and what is told beside it."""
    out, told = TextIOWrapper(BytesIO()), options.pop("stderr", StringIO())
    call_command("export_messages", stdout=out, stderr=told, **options)
    return out.buffer.getvalue().decode(), told.getvalue()


def rows(text):
    return [json.loads(line) for line in text.split("\n")[2:-2]]


def test_a_message_is_a_line_with_every_field(three_messages):
    text, _ = export()
    first, second, _ = rows(text)
    assert first["content"] == "First"
    assert first["created_at"] == "2026-01-01T00:00:00.000000+00:00"
    assert second["content"] == AWKWARD
    assert second["post_digest"] == "00" * 32
    assert set(second) == {field.attname for field in Message._meta.concrete_fields}


def test_the_file_tells_what_it_is_and_whether_it_is_whole(three_messages):
    lines = export()[0].splitlines(keepends=True)
    assert json.loads(lines[0]) == {
        "format": "message-wall",
        "version": 1,
        "tables": ["message"],
    }
    assert json.loads(lines[-1]) == {
        "lines": 5,
        "sha256": hashlib.sha256("".join(lines[:-1]).encode()).hexdigest(),
    }


def test_csv_has_the_same_in_cells(three_messages):
    text, told = export(format="csv")
    first, second, _ = csv.DictReader(StringIO(text))
    assert (first["is_kept"], first["sender"], first["report_count"]) == (
        "false",
        "",
        "0",
    )
    assert second["content"] == AWKWARD
    assert second["created_at"] == "2026-01-02T00:00:00.000007+00:00"
    assert hashlib.sha256(text.encode()).hexdigest() in told


def test_the_same_wall_gives_the_same_bytes(three_messages):
    assert export() == export()


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"since": datetime(2026, 1, 2, tzinfo=UTC)}, [AWKWARD, "Third"]),
        ({"until": datetime(2026, 1, 2, tzinfo=UTC)}, ["First"]),
        ({"status": "held"}, [AWKWARD]),
    ],
)
def test_what_is_asked_for_is_exported(three_messages, options, found):
    text, _ = export(**options)
    assert [row["content"] for row in rows(text)] == found


def test_many_are_written_in_chunks(three_messages, monkeypatch):
    whole = export()
    monkeypatch.setattr(tables, "FETCHED", 2)
    assert export() == whole


def test_a_file_is_for_its_owner_only_and_what_was_done_is_told(
    three_messages, tmp_path
):
    path = tmp_path / "wall.jsonl"
    path.write_text("older")
    said = StringIO()
    call_command("export_messages", output=str(path), stdout=said)
    assert path.read_text() == export()[0]
    assert said.getvalue().startswith("Exported 3 messages. SHA-256 of the file: ")
    assert hashlib.sha256(path.read_bytes()).hexdigest() in said.getvalue()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["wall.jsonl"]


def test_a_terminal_is_shown_a_bar_and_a_pipe_is_not(three_messages):
    assert "| 3/3 [" in export(stderr=Terminal())[1]
    assert export()[1].startswith("Exported 3 messages.")


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left")])
def test_what_ends_early_leaves_the_older_file(
    three_messages, tmp_path, monkeypatch, error
):
    def fail(self, *args):
        raise error

    monkeypatch.setattr(tables.Table, "write", fail)
    path = tmp_path / "wall.jsonl"
    path.write_text("older")
    with pytest.raises(CommandError, match=r"Interrupted\.|No space left\."):
        call_command("export_messages", output=str(path), stderr=StringIO())
    assert path.read_text() == "older"
    assert os.listdir(tmp_path) == ["wall.jsonl"]


# In a process of its own


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """The address of a wall of its own with 20,000 messages."""
    url = f"sqlite:///{tmp_path_factory.mktemp('wall')}/wall.sqlite3"
    manage("migrate", "--verbosity", "0", url=url)
    fill = (
        "from messages_app.models import Message; Message.objects.bulk_create("
        "Message(content=f'Message {i}') for i in range(20_000))"
    )
    manage("shell", "--command", fill, url=url)
    return url


def manage(*arguments, url, **options):
    command = [sys.executable, "manage.py", *arguments]
    env = bare(DATABASE_URL=url)
    options = {"stdout": PIPE, "stderr": PIPE, "text": True} | options
    return subprocess.run(command, check=False, cwd=ROOT, env=env, **options)


def test_a_start_that_was_ended_while_it_built_indexes_goes_on(tmp_path):
    path = tmp_path / "wall.sqlite3"
    manage("migrate", "--verbosity", "0", url=f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as wall:
        wall.execute("DELETE FROM django_migrations WHERE name LIKE '0009_index%'")
        wall.execute("DROP INDEX message_newest_withdrawn")
        wall.commit()
    ran = manage("migrate", url=f"sqlite:///{path}")
    assert (ran.returncode, ran.stderr) == (0, "")


def test_whoever_reads_may_stop(database):
    command = f"{sys.executable} manage.py export_messages | head -1"
    env = bare(DATABASE_URL=database)
    ran = subprocess.run(
        command,
        shell=True,
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(ran.stdout)["format"] == "message-wall"
    assert ran.stderr == ""


def test_a_full_device_is_told(database):
    ran = manage("export_messages", "--output", "/dev/full", url=database)
    assert (ran.returncode, ran.stderr) == (
        1,
        "CommandError: /dev/full: No space left on device.\n",
    )
    with open("/dev/full", "wb") as full:
        full_out = manage("export_messages", url=database, stdout=full)
    assert (full_out.returncode, full_out.stderr) == (
        1,
        "CommandError: Standard output: No space left on device.\n",
    )
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


def test_a_full_disk_is_told_and_nothing_is_left(database, tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    path = str(tmp_path / "wall.jsonl")
    ran = manage("export_messages", "-o", path, url=database, preexec_fn=limit)
    assert (ran.returncode, ran.stderr) == (
        1,
        f"CommandError: {path}: File too large.\n",
    )
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_not_there_is_told(database):
    ran = manage("export_messages", "-o", "/nowhere/wall.jsonl", url=database)
    told = "CommandError: /nowhere/wall.jsonl: No such file or directory.\n"
    assert (ran.returncode, ran.stderr) == (1, told)


@pytest.mark.parametrize(
    "arguments",
    [
        ["export_messages", "-o", ""],
        ["backup", "-o", ""],
        ["restore", ""],
        ["verify_backup", ""],
        ["import_messages", ""],
        ["import_messages", "-", "--rejected", ""],
    ],
)
def test_an_empty_name_is_a_wrong_call(arguments):
    ran = manage(*arguments, url="sqlite:////nowhere/wall.sqlite3")
    assert ran.returncode == 2
    assert "an empty name is no file's" in ran.stderr


@pytest.mark.parametrize(
    ("closed", "arguments", "told"),
    [
        (1, ["export_messages"], "Standard output is closed."),
        (1, ["backup"], "Standard output is closed."),
        (1, ["wall_mode"], "Standard output is closed."),
        (0, ["import_messages", "-", "--rejected", "r"], "Standard input is closed."),
        (0, ["restore", "-"], "Standard input is closed."),
    ],
)
def test_a_closed_stream_is_told(database, closed, arguments, told):
    ran = manage(*arguments, url=database, preexec_fn=lambda: os.close(closed))
    assert (ran.returncode, ran.stderr) == (1, f"CommandError: {told}\n")


def test_a_file_is_whole_though_nobody_can_be_told(database, tmp_path):
    path = tmp_path / "wall.jsonl"
    arguments = ["export_messages", "-o", str(path)]
    ran = manage(*arguments, url=database, preexec_fn=lambda: os.close(1))
    told = "This is done, but could not be told: Standard output is closed."
    assert (ran.returncode, ran.stderr.splitlines()[1]) == (3, told)
    assert hashlib.sha256(path.read_bytes()).hexdigest() in ran.stderr


def test_who_comes_while_another_run_writes_the_file_is_told(
    three_messages, tmp_path, monkeypatch
):
    path = str(tmp_path / "wall.jsonl")

    def export_too(self, *args):
        with pytest.raises(CommandError) as raised:
            call_command("export_messages", output=path, stderr=StringIO())
        told.append(str(raised.value))

    told = []
    with monkeypatch.context() as patch:
        patch.setattr(tables.Table, "write", export_too)
        call_command("export_messages", output=path, stdout=StringIO())
    assert told == [f"{path}: Another run writes this file."]
    assert os.listdir(tmp_path) == ["wall.jsonl"]


def test_what_another_run_finished_meanwhile_stays(tmp_path, monkeypatch):
    path, flock = tmp_path / "wall", fcntl.flock

    def flock_late(*args):
        os.rename(f"{path}.partial", path)
        path.write_text("whole")
        flock(*args)

    monkeypatch.setattr(fcntl, "flock", flock_late)
    with pytest.raises(OSError, match="Another run"), files.writing(str(path), None):
        pass
    assert path.read_text() == "whole"


def test_what_a_dead_run_left_is_written_over_for_its_owner_only(
    three_messages, tmp_path
):
    path, left = tmp_path / "wall.jsonl", tmp_path / "wall.jsonl.partial"
    left.write_text("w" * 100_000)
    left.chmod(0o666)
    call_command("export_messages", output=str(path), stdout=StringIO())
    assert path.read_text() == export()[0]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["wall.jsonl"]


def test_no_link_is_followed_to_another_file(three_messages, tmp_path):
    other = tmp_path / "other"
    other.write_text("mine")
    path = str(tmp_path / "wall.jsonl")
    os.symlink(other, f"{path}.partial")
    with pytest.raises(CommandError, match=r"wall\.jsonl: Too many levels"):
        call_command("export_messages", output=path, stderr=StringIO())
    assert other.read_text() == "mine"


def test_who_only_has_the_help_knows_enough(database):
    ran = manage("export_messages", "--help", url=database)
    told = " ".join(ran.stdout.split())
    assert "Write messages, with every field, as JSON lines or CSV." in told
    assert "of the file (default: jsonl)" in told
    assert "-o FILE, --output FILE instead of standard output" in told
