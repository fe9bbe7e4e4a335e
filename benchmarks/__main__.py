"""`make bench`: measure the wall beside what it is compared with, and write it down."""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks import report
from benchmarks.load import CLIENTS, Case
from benchmarks.sites import (
    BASELINE,
    WALL,
    Sites,
    fresh_database,
    let_tutorial_in,
    make_baseline,
    make_wall,
)
from messages_app import form_key

TAKE_FLOODS = (
    "from messages_app.models import WallState; "
    "WallState(mode='open', risky_per_minute=0, all_per_minute=0).save()"
)

FULL = {"rounds": 13, "seconds": 0.25, "largest": 1_000_000, "baseline": 10_000}
QUICK = {"rounds": 2, "seconds": 0.1, "largest": 100_000, "baseline": 1_000}
SIZES = [50, 1_000, 10_000, 100_000, 1_000_000]
HIDDEN = 100_000  # rows, newest, on the largest wall


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="roughly; only printed")
    parser.add_argument("--draw", action="store_true", help="only what was measured")
    parser.add_argument("--desk", action="store_true", help="only the moderator's desk")
    parser.add_argument("--files", action="store_true", help="only files of messages")
    options = parser.parse_args()
    parts = {"desk": measure_desk, "files": measure_files}
    if options.draw:
        return report.write(report.read())
    plan = QUICK if options.quick else FULL
    if asked := [name for name in parts if getattr(options, name)]:
        migrate()
        measured = {name: parts[name](plan) for name in asked}
        if options.quick:
            sys.stdout.write(report.parts(measured))
            return None
        report.keep(report.read() | measured)
        return report.write(report.read())
    with tempfile.TemporaryDirectory(prefix="wall-bench-") as folder:
        sites = Sites(Path(folder))
        try:
            results = measure(prepare(sites, plan), plan)
            results |= {
                name: measure_part(plan) for name, measure_part in parts.items()
            }
        finally:
            sites.stop()
    if options.quick:
        sys.stdout.write(report.tables(results))
    else:
        report.keep(results)
        report.write(results)


def prepare(sites: Sites, plan: dict[str, float]) -> dict[str, Case]:
    """Return what is measured, by name, with the servers for it running."""
    progress = tqdm(
        desc="Filling databases, starting servers", unit="", leave=False, disable=None
    )
    cases: dict[str, Case] = {}

    def add(name: str, site: Any, path: str = "/", **options: Any) -> None:
        cases[name] = Case(site.url + path, site.worker, **options)
        cases[name].ask_at_once(0.1)  # so that all its threads are there
        progress.update()

    migrate()
    walls = {str(size): (size, 0) for size in SIZES if size <= plan["largest"]}
    walls["hidden"] = (int(plan["largest"]), HIDDEN)
    for name, (messages, hidden) in walls.items():
        make_wall(f"wall_{name}", messages, hidden=hidden)
        site = sites.start(WALL, f"wall_{name}")
        if name == "50":
            add("bare", site, "/bare", has_rate=True)
            add("empty", site, "/empty", has_rate=True)
        add(f"warm {name}", site, has_rate=name == "50")
        add(f"cold {name}", site, prepare=site.put_wall_out_of_date)
    let_tutorial_in()
    for size in [size for size in SIZES if size <= plan["baseline"]]:
        make_baseline(f"baseline_{size}", size)
        site = sites.start(BASELINE, f"baseline_{size}")
        add(f"baseline {size}", site, has_rate=True)
        add(f"baseline cold {size}", site, prepare=site.put_baseline_out_of_date)
    make_wall("wall_posts", 50)
    make_baseline("baseline_posts", 50)
    add("post", sites.start(WALL, "wall_posts"), fields=form, has_rate=True)
    site = sites.start(BASELINE, "baseline_posts")
    add("baseline post", site, fields=form, has_rate=True)
    for name, number in [("killed", signal.SIGKILL), ("frozen", signal.SIGSTOP)]:
        valkey, url = sites.start_valkey(name)
        site = sites.start(WALL, "wall_50", url)
        add(f"redis {name}", site, at_least=1)
        valkey.send_signal(number)
    progress.close()
    return cases


def migrate() -> None:
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"], check=True
    )
    # In the database that the walls are copies of: each post is asked about as usual,
    # and none is held for being sent fast, with the same text, or in a flood.
    subprocess.run(
        [sys.executable, "manage.py", "shell", "--command", TAKE_FLOODS], check=True
    )


def measure_desk(plan: dict[str, float]) -> report.Results:
    """Return the milliseconds of each page of the desk, on the largest wall."""
    with fresh_database("wall_desk", template="wall"):
        pass
    url = os.environ["DATABASE_URL"].removesuffix("/wall") + "/wall_desk"
    messages, rounds = int(plan["largest"]), int(plan["rounds"])
    ms = ask("benchmarks.desk", messages, rounds, DATABASE_URL=url)
    return {"messages": messages, "ms": ms}


def measure_files(plan: dict[str, float]) -> report.Results:
    """Return the seconds and megabytes of each command that moves messages."""
    messages = int(plan["largest"])
    return {"messages": messages, "commands": ask("benchmarks.files", messages)}


def ask(module: str, *numbers: int, **variables: str) -> Any:
    """Return what is measured in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-m", module, *map(str, numbers)],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(ran.stdout)


def form() -> dict[str, str]:
    """Return what a browser sends, with the key of a form that nobody sent yet."""
    return {"content": "Hello, wall. It is nice here.", "form_key": form_key.new()}


def measure(cases: dict[str, Case], plan: dict[str, float]) -> report.Results:
    """Ask each in turn, round after round, so that a busy minute strikes them all."""
    results = report.new_results(plan, clients=CLIENTS)
    rounds = int(plan["rounds"])
    with tqdm(
        total=rounds * len(cases), desc="Measuring", leave=False, disable=None
    ) as progress:
        for _ in range(rounds):
            for name, case in cases.items():
                cpu, ms = case.ask_one_by_one(plan["seconds"])
                sample = results["cases"].setdefault(name, {"cpu": [], "ms": []})
                sample["cpu"].append(round(cpu, 1))
                sample["ms"].append(round(ms, 3))
                progress.update()
            for name, case in cases.items():
                if case.has_rate:
                    rate = case.ask_at_once(plan["seconds"])
                    sample = results["cases"][name]
                    sample.setdefault("rate", []).append(round(rate, 1))
    return results


if __name__ == "__main__":
    main()
