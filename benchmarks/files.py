"""The wall in a file: how fast it is written and read, and in how much memory.

Run by `make bench` in a process of its own, which is small: a command's peak memory is at
least that of whoever starts it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.desk import FILL
from benchmarks.sites import fresh_database

TABLE = "messages_app_message"
DUMPDATA = ["dumpdata", "messages_app.message", "--format", "jsonl"]
FEWER = 10  # times, for what would take a quarter of an hour


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.files", description=__doc__)
    parser.add_argument("messages", type=int)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wall-bench-") as folder:
        json.dump(measure(Path(folder), options.messages), sys.stdout)


def measure(folder: Path, messages: int) -> dict[str, Any]:
    """Return the figures of each command, by its name."""
    fill("files_full", messages)
    for name in ("files_import", "files_restore", "files_loaddata"):
        with fresh_database(name, template="wall"):
            pass
    exported, dumped = str(folder / "exported.jsonl"), folder / "dumped.jsonl"
    backup, fewer = str(folder / "backup.jsonl.gz"), folder / "fewer.jsonl"
    figures = {}

    def take(name: str, database: str, *arguments: str, rows: int = messages) -> None:
        figures[name] = run(database, rows, *arguments)

    take("export_messages", "files_full", "export_messages", "-o", exported)
    take("dumpdata", "files_full", *DUMPDATA, "-o", str(dumped))
    take("import_messages", "files_import", "import_messages", exported)
    take("import_messages, all there", "files_import", "import_messages", exported)
    with dumped.open() as every, fewer.open("w") as some:
        some.writelines(islice(every, messages // FEWER))
    take("loaddata", "files_loaddata", "loaddata", str(fewer), rows=messages // FEWER)
    take("backup", "files_full", "backup", "-o", backup)
    take("verify_backup", "files_full", "verify_backup", backup)
    take("restore", "files_restore", "restore", backup)
    return figures


def fill(database: str, messages: int) -> None:
    """Make a wall of so many messages, each with the digest that a visitor's has."""
    digest = "sha256(gen_random_uuid()::text::bytea)"
    with fresh_database(database, template="wall") as connection:
        connection.execute(
            f"ALTER TABLE {TABLE} ALTER COLUMN post_digest SET DEFAULT {digest}"
        )
        connection.execute("DROP INDEX message_all_words")  # nobody searches here
        connection.execute(FILL, [1, messages])


def run(database: str, rows: int, *arguments: str) -> dict[str, float]:
    """Run the command on the database; return how long it took for so many rows."""
    url = os.environ["DATABASE_URL"].removesuffix("/wall") + f"/{database}"
    begin = time.perf_counter()
    command = subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        env={**os.environ, "DATABASE_URL": url},
        stdout=sys.stderr,
    )
    _, status, used = os.wait4(command.pid, 0)
    seconds = time.perf_counter() - begin
    if status:
        sys.exit(f"{' '.join(arguments)}: {os.waitstatus_to_exitcode(status)}")
    megabytes = used.ru_maxrss * 1024 / 1e6
    return {"rows": rows, "seconds": round(seconds, 2), "memory": round(megabytes, 1)}


if __name__ == "__main__":
    main()
