"""What an operator gets from `backup`, `restore` and `verify_backup`."""

import gzip
import hashlib
import json
import os
import resource
import signal
import stat
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.core.management.color import no_style
from django.db import DatabaseError, connection, transaction

from messages_app import page_views
from messages_app.archive import tables
from messages_app.models import (
    EarlierText,
    Message,
    ModerationEvent,
    PageViewTotal,
    Report,
    Rule,
    SenderSalt,
    WallState,
)
from messages_app.moderation import acts, record
from messages_app.tests.conftest import AWKWARD
from messages_app.tests.test_export import Terminal, manage

KEPT = Path(__file__).parent / "data" / "backup-1.jsonl.gz"


@pytest.fixture
def busy_wall(three_messages):
    """A wall on which something of each kind has happened."""
    Report.objects.create(
        message=three_messages, sender=b"r" * 16, reason="spam", note="Zwei, drei"
    )
    held = Message.objects.filter(author_name="Ada")
    hidden = acts.finish(acts.hide(held, actor="mod", reason="No \u2028 way"))
    acts.finish(acts.ban(held, actor="mod"))
    event = record.by_author("edit", three_messages)
    record.earlier_text(three_messages, event)
    Rule.objects.create(kind="word", pattern="مرحبا", note="1", created_by="mod")
    record.valve_moved("open", "all", "flood")
    PageViewTotal.objects.update_or_create(pk=1, defaults={"total": 1_000})
    WallState.objects.update_or_create(pk=1, defaults={"mode": "all"})
    return hidden


def back_up():
    """Return the bytes of a backup."""
    out = TextIOWrapper(BytesIO())
    call_command("backup", stdout=out, stderr=StringIO())
    return out.buffer.getvalue()


@pytest.fixture
def run(django_capture_on_commit_callbacks):
    """Return a function that runs a command and gives the status and what it says."""

    def call(*arguments, **options):
        said = StringIO()
        options = {"stderr": StringIO(), "stdout": said, **options}
        try:
            with (
                django_capture_on_commit_callbacks(execute=True),
                transaction.atomic(),
            ):
                call_command(*map(str, arguments), **options)
        except CommandError as error:
            return error.returncode, str(error)
        return 0, said.getvalue()

    return call


@pytest.fixture
def file(busy_wall, tmp_path):
    """A backup of the busy wall."""
    path = tmp_path / "wall.gz"
    path.write_bytes(back_up())
    return path


def sealed(text):
    """Return the text with the last line that it should have."""
    lines = text.split("\n")[:-2]
    lines = [f"{line}\n" for line in lines]
    sha = hashlib.sha256("".join(lines).encode()).hexdigest()
    return "".join(lines) + json.dumps({"lines": len(lines), "sha256": sha}) + "\n"


def repack(path, change):
    text = change(gzip.decompress(path.read_bytes()).decode())
    path.write_bytes(gzip.compress(text.encode()))


def test_a_backup_holds_all_but_what_would_tell_addresses(busy_wall):
    SenderSalt.objects.create(month="2026-01-01", salt=b"salt" * 8)
    text = gzip.decompress(back_up()).decode()
    assert json.loads(text.splitlines()[0])["tables"] == [
        "message",
        "report",
        "moderationbatch",
        "moderationevent",
        "earliertext",
        "rule",
        "notice",
        "pageviewtotal",
        "wallstate",
    ]
    assert (b"salt" * 8).hex() not in text


def test_what_is_restored_is_what_was_backed_up(busy_wall, file, run, page):
    before = file.read_bytes()
    token = WallState.objects.get().rules_token
    Message.objects.update(content="Changed since")
    page()
    status, said = run("restore", file, replace=True)
    assert status == 0, said
    assert said == (
        "Restored: message 3, report 1, moderationbatch 3, moderationevent 3, "
        "earliertext 1, rule 2, notice 1, pageviewtotal 1, wallstate 1.\n"
    )
    assert back_up() == before
    assert "Third" in page()
    assert WallState.objects.get().rules_token != token


def test_the_counter_goes_on_from_what_was_restored(busy_wall, file, run, client):
    PageViewTotal.objects.update(total=5_000)
    page_views.fold()
    run("restore", file, replace=True)
    assert "viewed 1,001 times" in client.get("/").text
    page_views.fold()
    assert PageViewTotal.objects.get().total == 1_001


def test_a_counter_that_cannot_be_set_is_told(db, run, monkeypatch):
    monkeypatch.setattr(page_views, "write_counter", lambda total: False)
    said = StringIO()
    status, told = run("restore", KEPT, stdout=said)
    assert status == 3
    assert said.getvalue().startswith("Restored: message 3,")  # all else is there
    assert "set it with `page_views --set`" in told


def test_what_happens_later_gets_numbers_of_its_own(busy_wall, file, run, post):
    newest = Message.objects.latest("pk").pk
    run("restore", file, replace=True)
    post("After the restore")
    assert Message.objects.get(content="After the restore").pk > newest
    with pytest.raises(DatabaseError), transaction.atomic():
        ModerationEvent.objects.all().delete()  # still recorded for good


def test_no_message_gets_the_number_and_history_of_an_erased_one(
    three_messages, tmp_path, run, post
):
    erased = three_messages.pk
    record.by_author("erase", three_messages)
    three_messages.delete()
    path = tmp_path / "wall.gz"
    path.write_bytes(back_up())
    # As on a wall that is new.
    begin_numbers_anew(Message)
    assert run("restore", path, replace=True)[0] == 0
    post("After the restore")
    assert Message.objects.get(content="After the restore").pk > erased


def begin_numbers_anew(model):
    sequence = {"table": model._meta.db_table, "column": "id"}
    with connection.cursor() as cursor:
        for sql in connection.ops.sequence_reset_by_name_sql(no_style(), [sequence]):
            cursor.execute(sql)


def test_a_wall_that_is_not_empty_stays_unless_told(busy_wall, file, run):
    before = file.read_bytes()
    for dry_run in (False, True):
        assert run("restore", file, dry_run=dry_run) == (
            1,
            "This wall is not empty. --replace deletes what is there and restores.",
        )
    assert back_up() == before


def test_an_empty_wall_is_filled_without_more_ado(db, run):
    WallState.objects.current()
    assert run("restore", KEPT)[0] == 0
    assert Message.objects.exists()


def test_a_dry_run_changes_nothing(db, run):
    status, said = run("restore", KEPT, dry_run=True)
    assert (status, said[:31]) == (0, "Its lines can be read: message ")
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text[: text.rindex("{")], "its last line is missing"),
        (lambda text: text.replace("Third", "Fifth"), "its checksum does not fit"),
        (
            lambda text: text.replace('"is_kept"', '"is_cept"'),
            "message has no 'is_cept'",
        ),
        (lambda text: text.replace('"First"', '"First'), "it is no JSON"),
        (lambda text: text.replace('"wallstate"', '"wallfate"'), "no such table"),
        (lambda text: text.replace('"version":1', '"version":2'), "A newer message"),
        (lambda text: text.replace("message-wall", "guestbook"), "no file of a mess"),
        (
            lambda text: sealed(text.replace('"message_id":', '"message_id":99')),
            "Up to line",
        ),
        (lambda text: '{"format":"message-wall","version":1}\n', "no backup of a who"),
    ],
)
@pytest.mark.parametrize("command", ["restore", "verify_backup"])
def test_what_is_no_whole_backup_changes_nothing(
    busy_wall, file, run, command, change, told
):
    before = back_up()
    repack(file, change)
    options = {"replace": True} if command == "restore" else {}
    status, said = run(command, file, **options)
    assert status == 1
    assert told in said
    assert back_up() == before


@pytest.mark.parametrize("command", ["restore", "verify_backup"])
def test_a_file_that_was_cut_or_is_none_is_told(db, tmp_path, run, command):
    path = tmp_path / "cut.gz"
    path.write_bytes(KEPT.read_bytes()[:-20])
    assert "The file is cut off or damaged." in run(command, path)[1]
    path.write_bytes(b"")
    assert "This is no file of a message wall." in run(command, path)[1]
    assert run(command, "/nowhere") == (1, "/nowhere: No such file or directory.")


def test_an_interrupted_restore_leaves_the_wall_as_it_was(
    busy_wall, file, run, monkeypatch
):
    before = back_up()
    insert = tables.Table.insert

    def interrupted(self, rows):
        insert(self, rows)
        if self.name == "rule":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tables.Table, "insert", interrupted)
        assert run("restore", file, replace=True) == (130, "Interrupted.")
    assert back_up() == before


def test_a_good_backup_is_verified_and_the_wall_stays(busy_wall, file, run):
    Message.objects.update(content="Changed since")
    before = back_up()
    status, said = run("verify_backup", file)
    assert status == 0, said
    assert said.startswith("Good: message 3, report 1, moderationbatch 3,")
    assert back_up() == before


def test_a_backup_that_would_not_come_back_the_same_is_told(
    busy_wall, file, run, monkeypatch
):
    insert = tables.Table.insert
    monkeypatch.setattr(
        tables.Table,
        "insert",
        lambda self, rows: self.name != "notice" and insert(self, rows),
    )
    assert run("verify_backup", file) == (
        1,
        "What is restored from it is not what is in it.",
    )


def test_a_backup_of_the_first_version_is_read_for_ever(db, run):
    status, said = run("verify_backup", KEPT)
    assert status == 0, said
    assert run("restore", KEPT)[0] == 0
    assert Message.objects.get(author_name="Ada").content == AWKWARD
    assert Rule.objects.get(kind="word").pattern == "مرحبا"
    assert EarlierText.objects.get().message.reports.get().note == "Zwei, drei"
    assert Rule.objects.get(kind="sender").batch.act == "ban"


def test_a_file_is_for_its_owner_only(busy_wall, tmp_path, run):
    path = tmp_path / "wall.gz"
    status, said = run("backup", output=str(path))
    assert (status, said) == (0, "Backed up 16 rows.\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes() == back_up()


def test_no_backup_is_poured_into_a_terminal(db, run):
    terminal = Terminal()
    assert run("backup", stdout=terminal)[0] == 1
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("command", ["restore", "verify_backup"])
def test_a_terminal_is_shown_a_bar_and_a_pipe_is_not(db, run, command):
    terminal, pipe = Terminal(), StringIO()
    run(command, KEPT, stderr=terminal)
    assert "100%|" in terminal.getvalue()
    run("verify_backup", KEPT, stderr=pipe)
    assert pipe.getvalue() == ""


# In a process of its own


@pytest.fixture
def url(file, tmp_path):
    """The address of a wall of its own, restored from this test's, wherever that is."""
    url = f"sqlite:///{tmp_path}/wall.sqlite3"
    assert manage("migrate", "--verbosity", "0", url=url).returncode == 0
    assert manage("restore", str(file), url=url).returncode == 0
    return url


def test_a_wall_on_another_database_gives_the_same_bytes(url, file, tmp_path):
    path = tmp_path / "again.gz"
    ran = manage("backup", "-o", str(path), url=url)
    assert ran.returncode == 0, ran.stderr
    assert path.read_bytes() == file.read_bytes()


def test_who_is_killed_leaves_no_backup_that_looks_whole(url, tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    path = str(folder / "wall.gz")
    # It is killed where the last line would follow.
    killed = (
        "import os, signal; from django.core.management import call_command; "
        "from messages_app.archive.lines import Writer; "
        "Writer.end = lambda self: os.kill(os.getpid(), signal.SIGKILL); "
        f"call_command('backup', output={path!r})"
    )
    ran = manage("shell", "--command", killed, url=url)
    assert ran.returncode == -signal.SIGKILL
    (left,) = os.listdir(folder)
    assert left == "wall.gz.partial"
    assert manage("verify_backup", str(folder / left), url=url).returncode == 1
    assert manage("backup", "-o", path, url=url).returncode == 0
    assert os.listdir(folder) == ["wall.gz"]
    assert manage("verify_backup", path, url=url).returncode == 0


def test_a_full_disk_is_told_and_nothing_is_left(url, tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()

    fill = (
        "import secrets; from messages_app.models import Message; "
        "Message.objects.bulk_create("
        "Message(content=secrets.token_hex(500)) for _ in range(400))"
    )
    assert manage("shell", "--command", fill, url=url).returncode == 0

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    path = str(folder / "wall.gz")
    ran = manage("backup", "-o", path, url=url, preexec_fn=limit)
    assert (ran.returncode, ran.stderr) == (
        1,
        f"CommandError: {path}: File too large.\n",
    )
    assert os.listdir(folder) == []


def test_who_only_has_the_help_knows_enough():
    nowhere = "sqlite:////nowhere/wall.sqlite3"
    told = {
        name: " ".join(manage(name, "--help", url=nowhere).stdout.split())
        for name in ("backup", "restore", "verify_backup")
    }
    assert "but no accounts, sessions or salts." in told["backup"]
    assert "-o FILE, --output FILE instead of standard output" in told["backup"]
    assert "all of it, or nothing." in told["restore"]
    assert (
        "--replace a wall that is not empty: what is there now is lo" in told["restore"]
    )
    assert "--dry-run only say what it would do" in told["restore"]
    assert "into scratch tables, and compare" in told["verify_backup"]
