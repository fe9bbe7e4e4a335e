"""What an operator gets from `import_messages`."""

import hashlib
import json
import os
import signal
import stat
import tracemalloc
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from messages_app.archive import tables
from messages_app.archive.files import LONGEST_LINE
from messages_app.models import Message
from messages_app.moderation import authors
from messages_app.tests.test_export import Terminal, export, manage, rows


@pytest.fixture
def file(tmp_path):
    """Return a function that makes a file of this text."""

    def make(text, name="wall"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return make


@pytest.fixture
def take(django_capture_on_commit_callbacks):
    """Return a function that imports a file and gives the status and what is told."""

    def run(path, **options):
        said, told = StringIO(), options.pop("stderr", StringIO())
        try:
            with django_capture_on_commit_callbacks(execute=True):
                call_command(
                    "import_messages", path, stdout=said, stderr=told, **options
                )
        except CommandError as error:
            return error.returncode, str(error)
        return 0, said.getvalue()

    return run


def rejected(path):
    with open(f"{path}.rejected.jsonl") as lines:
        return [json.loads(line) for line in lines]


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_what_was_exported_comes_back_as_it_was(three_messages, file, take, kind):
    before = export(format=kind)[0]
    Message.objects.all().delete()
    path = file(before)
    assert take(path) == (0, "Imported 3 messages; 0 were there already.\n")
    assert export(format=kind)[0] == before
    # And twice is once.
    assert take(path) == (0, "Imported 0 messages; 3 were there already.\n")
    assert export(format=kind)[0] == before


def test_of_rows_that_are_alike_all_come_and_twice_is_once(file, take, db):
    path = file("text,date\nHi,2019-05-01\nBye,2019-05-01\nHi,2019-05-01\n")
    assert take(path) == (0, "Imported 3 messages; 0 were there already.\n")
    assert take(path) == (0, "Imported 0 messages; 3 were there already.\n")
    path = file("text,date\n" + "Hi,2019-05-01\n" * 3)
    assert take(path) == (0, "Imported 1 messages; 2 were there already.\n")
    texts = Message.objects.order_by("content").values_list("content", flat=True)
    assert [*texts] == ["Bye", "Hi", "Hi", "Hi"]


def test_what_comes_later_gets_a_number_of_its_own(
    three_messages, file, take, make_message
):
    path = file(
        export()[0].replace(
            f'"id":{three_messages.pk},', f'"id":{three_messages.pk + 500},'
        )
    )
    Message.objects.all().delete()
    assert take(path)[0] == 3  # it was changed
    assert make_message("New").pk > three_messages.pk + 500


def test_an_import_of_what_is_there_takes_no_number(
    three_messages, file, take, make_message
):
    take(file(export()[0]))
    assert make_message("New").pk == three_messages.pk + 1


def test_the_wall_shows_what_came(db, page, file, take):
    page()
    take(file("text,date\nFrom elsewhere,2026-01-31\n"))
    assert "From elsewhere" in page()


def test_csv_needs_no_more_than_text_and_date(db, file, take):
    path = file(
        "\ufeffDate;Text\n".replace(";", ",")
        + '2026-01-31,"Zwei\nZeilen"\n2026-01-31T12:00+01:00,cafe\u0301 \n'
    )
    assert take(path) == (0, "Imported 2 messages; 0 were there already.\n")
    first, second = Message.objects.order_by("created_at")
    assert first.content == "Zwei\nZeilen"
    assert second.content == "café"  # cleaned, as a post is
    assert second.created_at == datetime(2026, 1, 31, 11, tzinfo=UTC)
    assert take(path) == (0, "Imported 0 messages; 2 were there already.\n")


def test_rows_that_cannot_be_read_are_told_and_the_others_come(db, file, take):
    path = file(
        b"text,date,status\n"
        b"Good,2026-01-31,\n"
        b"No date,soon,\n"
        b"Bell \x07,2026-01-31,\n"
        b"Latin \xe9,2026-01-31,\n"
        b",2026-01-31,\n"
        b"\xe2\x80\x8b,2026-01-31,\n"
        b"Strange,2026-01-31,shown\n"
        b"Short\n"
        b'"Un"quoted,2026-01-31,\n'
        + b"L" * 10_001
        + b",2026-01-31,\nGood too,2026-01-31,held\n"
    )
    status, told = take(path)
    assert status == 3
    assert told == (
        "Imported 2 messages; 0 were there already. "
        f"9 rows were rejected: see {path}.rejected.jsonl."
    )
    assert [(row["line"], row["reason"]) for row in rejected(path)] == [
        (3, "created_at is no date like 2026-01-31T12:00:00+00:00"),
        (4, "content holds characters that cannot be shown"),
        (5, "content holds what is no text"),
        (6, "content is missing"),
        (7, "content shows nothing"),
        (8, "status is none of held, hidden, published, withdrawn"),
        (9, "it has 1 cells, not 3"),
        (10, "it is no CSV: ',' expected after '\"'"),
        (11, "content has more than 10000 characters"),
    ]
    assert rejected(path)[0]["row"] == "No date,soon,"
    assert stat.S_IMODE(os.stat(f"{path}.rejected.jsonl").st_mode) == 0o600
    assert {message.content for message in Message.objects.all()} == {
        "Good",
        "Good too",
    }


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"First"', '"First', "it is no JSON"),
        ('"First"', "[" * 100_000, "it is no JSON"),
        ('"First"', '"\\ud800"', "content holds what is no text"),
        ('"First"', "7", "content is not of type str"),
        ('"First"', "null", "content is empty"),
        ('"is_kept":false', '"is_kept":0', "is_kept is not of type bool"),
        ('"report_count":0', f'"report_count":{10**30}', "report_count is not betw"),
        (
            '"author_name":""',
            '"author":""',
            "this wall's table message has no 'author'",
        ),
        (
            '"author_name":""',
            r'"\u001b[2J":""',
            r"this wall's table message has no '\x1b[2J'",
        ),
        ('"sender":null', '"sender":"xy"', "sender non-hexadecimal number found"),
        ('"sender":null', '"sender":"00"', "sender is not 16 bytes long"),
        ('"gist":"', '"gist":"00', "gist is not 16 bytes long"),
        (
            '"post_digest":null',
            '"post_digest":"00"',
            "post_digest is not 32 bytes long",
        ),
    ],
)
def test_each_wrong_value_is_told(three_messages, file, take, old, new, reason):
    path = file(export()[0].replace(old, new, 1))
    status, told = take(path)
    assert status == 3
    assert "its checksum does not fit" in told
    (row,) = rejected(path)
    assert row["reason"].startswith(reason)
    assert row["line"] == 3


def test_another_message_of_that_number_stays(three_messages, file, take):
    path = file(export()[0])
    other = {"content": "Another", "created_at": datetime(2020, 1, 1, tzinfo=UTC)}
    Message.objects.filter(pk=three_messages.pk).update(**other)
    status, told = take(path)
    assert status == 3
    assert told.startswith("Imported 0 messages; 2 were there already. 1 rows were rej")
    assert (
        rejected(path)[0]["reason"] == f"another message has number {three_messages.pk}"
    )
    three_messages.refresh_from_db()
    assert three_messages.content == "Another"


def test_what_was_hidden_or_edited_since_is_there_and_stays_as_it_is(
    three_messages, file, take
):
    path = file(export()[0])
    Message.objects.filter(pk=three_messages.pk).update(content="Edited since")
    Message.objects.all().hide("Spam")
    assert take(path) == (0, "Imported 0 messages; 3 were there already.\n")
    three_messages.refresh_from_db()
    assert (three_messages.content, three_messages.reason) == ("Edited since", "Spam")


def test_what_was_erased_comes_back_only_where_that_is_asked_for(
    three_messages, file, take
):
    path = file(export()[0])
    authors.erase(Message.objects.filter(pk=three_messages.pk))
    status, _ = take(path)
    assert status == 3
    assert rejected(path)[0]["reason"] == "it was erased here: see --with-erased"
    assert not Message.objects.filter(pk=three_messages.pk).exists()
    assert take(path, with_erased=True)[0] == 0
    assert Message.objects.filter(pk=three_messages.pk).exists()
    assert not os.path.exists(f"{path}.rejected.jsonl")


def test_an_empty_wall_stays_so_where_all_was_erased(three_messages, file, take):
    path = file(export()[0])
    authors.erase(Message.objects.all())
    assert take(path)[0] == 3
    assert len(rejected(path)) == 3
    assert not Message.objects.exists()


def test_the_file_itself_is_no_place_for_rejected_rows(db, file, take):
    path = file(text := "text,date\nHello,soon\n")
    assert take(path, rejected=path) == (
        2,
        "Rejected rows would be written over the file itself.",
    )
    with open(path) as kept:
        assert kept.read() == text


def test_a_csv_of_a_spreadsheet_is_cleaned_as_posts_are(db, file, take):
    path = file(
        b'\xef\xbb\xbf"id","text","date"\r\n7,"Hello  \xe2\x80\xae",2026-01-31\r\n'
    )
    assert take(path)[0] == 0
    message = Message.objects.get()
    assert (message.pk, message.content) == (7, "Hello")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("text,message,date\n", "The first line names a column twice."),
        ('"text"x,date\n', "The first line is no CSV"),
        ("text;date\n", "with commas between them"),
    ],
)
def test_a_first_line_that_names_no_columns_is_told(db, file, take, text, told):
    status, said = take(file(text))
    assert status == 1
    assert told in said


def test_a_row_with_a_key_that_is_no_text_is_rejected(db, file, take):
    begin = b'{"format":"message-wall","version":1,"tables":["message"]}\n'
    path = file(begin + b'{"content":"a","\xff":1}\n')
    assert take(path)[0] == 3
    assert rejected(path)[0]["line"] == 2


def test_the_tail_of_a_line_that_is_too_long_is_no_row(db, file, take):
    broken = "x" * (2 * LONGEST_LINE) + "\n"
    broken += "x" * LONGEST_LINE + "TAIL OF A BROKEN LINE,2019-05-01\n"
    path = file(f"text,date\n{broken}after,soon\nGood,2019-05-01\n")
    assert take(path)[1].startswith("Imported 1 messages; 0 were there already. 3 rows")
    assert [(row["line"], row["reason"]) for row in rejected(path)] == [
        (2, "it is no CSV: too long"),
        (3, "it is no CSV: too long"),
        (4, "created_at is no date like 2026-01-31T12:00:00+00:00"),
    ]
    assert Message.objects.get().content == "Good"


def test_of_json_neither_and_the_checksum_is_of_the_whole_line(
    three_messages, file, take
):
    lines = export()[0].split("\n")[:-2]
    Message.objects.all().delete()
    lines[3] = "x" * LONGEST_LINE + lines[3]
    text = "\n".join([*lines, ""])
    sha = hashlib.sha256(text.encode()).hexdigest()
    path = file(text + f'{{"lines":5,"sha256":"{sha}"}}\n')
    assert take(path)[1] == (
        "Imported 2 messages; 0 were there already. "
        f"1 rows were rejected: see {path}.rejected.jsonl."
    )
    (row,) = rejected(path)
    assert (row["line"], row["reason"]) == (4, "it is too long")
    assert len(row["row"]) == 10_001


def test_a_mark_before_lines_of_json_is_no_part_of_them(three_messages, file, take):
    path = file("\ufeff" + export()[0])
    assert take(path) == (0, "Imported 0 messages; 3 were there already.\n")


def test_a_stray_quote_costs_one_row(db, file, take):
    lines = [f"Message {number},2026-01-31\n" for number in range(10_000)]
    lines[98] = '"' + lines[98]
    lines[9_500] = '"Zwei\nZeilen",2026-01-31\n'
    path = file("text,date\n" + "".join(lines))
    assert take(path)[1].startswith("Imported 9,999 messages; 0 were there already. 1 ")
    (row,) = rejected(path)
    assert (row["line"], row["row"]) == (100, '"Message 98,2026-01-31')
    assert Message.objects.filter(content="Zwei\nZeilen").exists()


def test_a_file_full_of_quotes_is_read_in_little_time_and_memory(db, file, take):
    path = file("text,date\n" + 'a","x\n' * 400_000)
    assert peak(lambda: take(path)) < 50_000_000
    assert [row["line"] for row in rejected(path)][:3] == [2, 3, 174_765]


def test_a_message_from_times_to_come_is_rejected(db, file, take):
    path = file("text,date\nHello,9999-12-31\n")
    assert take(path)[0] == 3
    assert rejected(path)[0]["reason"] == "created_at is still to come"


def test_a_text_that_was_imported_can_be_repeated(db, file, take, post):
    take(file(f"text,date\nHello,{datetime.now(UTC).isoformat()}\n"))
    post("hello!")
    assert Message.objects.latest("pk").reason == "repeated"


def test_a_post_that_is_there_is_not_doubled_under_another_number(
    three_messages, file, take
):
    text = export(status="held")[0]
    number = rows(text)[0]["id"]
    path = file(text.replace(f'"id":{number}', f'"id":{number + 999}'))
    assert take(path)[0] == 3
    assert rejected(path)[0]["reason"] == f"it is there already, as number {number}"


def test_what_only_the_table_refuses_is_rejected_alone(
    three_messages, file, take, monkeypatch
):
    text = export()[0]
    Message.objects.all().delete()
    monkeypatch.setattr("messages_app.archive.arrivals.CONTENT_CEILING", 20_000)
    path = file(text.replace('"First"', f'"{"L" * 10_001}"'))
    assert take(path)[1].startswith("Imported 2 messages; 0 were there")
    assert "message_content_under_ceiling" in rejected(path)[0]["reason"]


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda text: text[: text.rindex("{")], "its last line is missing"),
        (lambda text: text.replace("First", "Thirst"), "its checksum does not fit"),
        (lambda text: text + "{}\n", "The file goes on after its end"),
    ],
)
def test_a_damaged_file_is_told_and_what_was_read_stays(
    three_messages, file, take, damage, told
):
    text = damage(export()[0])
    Message.objects.all().delete()
    status, said = take(file(text))
    assert status == 3
    assert said.startswith("Imported 3 messages;")
    assert told in said


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "The file is empty."),
        ("Dear diary\n", "No message has 'dear diary'"),
        ("text\nHello\n", "The first line names no column 'date'."),
        ("{}\n", "This is no file of a message wall."),
        ('{"format":"message-wall","version":2}\n', "A newer message wall wrote this"),
        (
            '{"format":"message-wall","version":1,"tables":["message","rule"]}\n',
            "This is a backup of a whole wall: see restore.",
        ),
        (b"\x1f\x8bno", "The file is cut off or damaged."),
    ],
)
def test_what_is_no_export_is_told_in_a_sentence(db, file, take, text, told):
    status, said = take(file(text))
    assert status == 1
    assert told in said


def test_a_file_that_is_not_there_is_told(db, take):
    assert take("/nowhere") == (1, "/nowhere: No such file or directory.")


def test_standard_input_needs_a_place_for_rejected_rows(db, take):
    assert take("-") == (2, "Name a file for rejected rows: --rejected FILE.")


def test_a_dry_run_stores_nothing(db, file, take):
    path = file("text,date\nHello,2026-01-31\nHello,soon\n")
    status, told = take(path, dry_run=True)
    assert status == 3
    assert told == (
        "Would import 1 messages; 0 were there already. 1 rows were rejected."
    )
    assert not Message.objects.exists()
    assert not os.path.exists(f"{path}.rejected.jsonl")
    assert take(path, dry_run=True, rejected=f"{path}.rejected.jsonl")[0] == 3
    assert rejected(path)[0]["row"] == "Hello,soon"


def test_a_dry_run_tells_the_first_reasons_and_needs_no_place_for_rows(
    db, file, take, monkeypatch
):
    told = StringIO()
    with open(file("text,date\n" + "Secret,soon\n" * 20)) as piped:
        monkeypatch.setattr("sys.stdin", piped)
        assert take("-", dry_run=True, stderr=told)[0] == 3
    reason = "created_at is no date like 2026-01-31T12:00:00+00:00"
    assert told.getvalue().splitlines() == [
        f"Line {number}: {reason}." for number in range(2, 12)
    ]


@pytest.mark.parametrize("many", [1, 1_000])
def test_a_full_disk_is_told_and_what_was_imported(db, file, take, monkeypatch, many):
    monkeypatch.setattr(tables, "CHUNK", 1)
    path, told = file("text,date\nGood,2019-05-01\n" + "Bad,soon\n" * many), StringIO()
    assert take(path, rejected="/dev/full", stderr=told) == (
        1,
        "/dev/full: No space left on device.",
    )
    assert told.getvalue() == (
        "Imported 1 messages until then; the same command does the rest.\n"
    )


def test_a_terminal_is_shown_a_bar_and_a_pipe_is_not(db, file, take):
    path, terminal, pipe = file("text,date\nHello,2026-01-31\n"), Terminal(), StringIO()
    take(path, stderr=terminal)
    take(path, stderr=pipe)
    assert "100%|" in terminal.getvalue()
    assert pipe.getvalue() == ""


def test_an_interrupted_import_has_whole_chunks(
    three_messages, file, take, monkeypatch
):
    path = file(export()[0])
    Message.objects.all().delete()
    monkeypatch.setattr(tables, "CHUNK", 2)
    insert = tables.Table.insert

    def interrupted(self, rows):
        insert(self, rows)
        if len(rows) == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tables.Table, "insert", interrupted)
        assert take(path) == (130, "Interrupted.")
    assert Message.objects.count() == 2
    assert take(path) == (0, "Imported 1 messages; 2 were there already.\n")


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has no such index"
)
def test_words_are_found_after_an_import_into_an_empty_wall(db, file, take):
    take(file("text,date\nHello,2026-01-31\n"))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indisvalid FROM pg_index "
            "WHERE indexrelid = 'message_all_words'::regclass"
        )
        assert cursor.fetchone() == (True,)


def test_long_messages_take_little_memory(db, take, tmp_path):
    """Of the longest there can be: 40 kB each, 20 MB in all."""
    for first in range(0, 500, 100):
        Message.objects.bulk_create(
            Message(content="\U0001f600" * 9_990 + str(number))
            for number in range(first, first + 100)
        )
    exported, backup = str(tmp_path / "wall"), str(tmp_path / "wall.gz")
    call_command("backup", output=backup, stdout=StringIO())
    assert peak(lambda: call_command("export_messages", output=exported)) < 50_000_000
    Message.objects.all().delete()
    assert peak(lambda: take(exported)) < 50_000_000
    assert Message.objects.count() == 500
    assert peak(lambda: call_command("verify_backup", backup)) < 50_000_000


def peak(act):
    """Return the most bytes that Python held meanwhile."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# In a process of its own


KILLED = """
import os, signal
from django.core.management import call_command
from messages_app.archive import arrivals

def insert_and_die(rows, insert=arrivals.insert):
    insert(rows)
    if rows[0][1] == "Message 10000":
        os.kill(os.getpid(), signal.SIGKILL)

arrivals.insert = insert_and_die
call_command("import_messages", {path!r})
"""


def test_who_is_killed_leaves_whole_chunks_and_the_next_run_does_the_rest(tmp_path):
    url = f"sqlite:///{tmp_path}/wall.sqlite3"
    manage("migrate", "--verbosity", "0", url=url)
    lines = [f"Message {number},2026-01-31" for number in range(10_500)]
    path = tmp_path / "wall.csv"
    path.write_text("\n".join(["text,date", *lines, ""]))
    killed = manage("shell", "--command", KILLED.format(path=str(path)), url=url)
    assert killed.returncode == -signal.SIGKILL
    for told in [
        "Imported 500 messages; 10,000 were there already.\n",
        "Imported 0 messages; 10,500 were there already.\n",
    ]:
        ran = manage("import_messages", str(path), url=url)
        assert (ran.returncode, ran.stdout) == (0, told)


def test_who_only_has_the_help_knows_enough(db):
    ran = manage("import_messages", "--help", url="sqlite:////nowhere/wall.sqlite3")
    told = " ".join(ran.stdout.split())
    assert "Read messages from a file of export_messages, or CSV with text" in told
    assert "--dry-run only say what it would do" in told
    assert "beside the file, as its name with .rejected.jsonl" in told
