"""A long run: faults in random order, until the time is up."""

import argparse
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from messages_app.tests.chaos.house import House
from messages_app.tests.chaos.promises import (
    FOLDED,
    HEALING,
    KINDS,
    longest,
    summary,
)

INSTANT = {"redis emptied", "postgres restarted", "worker killed before its bump"}


def main() -> None:
    parser = argparse.ArgumentParser("make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    tqdm.write(f"--seed {options.seed} --minutes {options.minutes:g}")
    chance = random.Random(options.seed)
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    broken = []
    with House(folder) as house, tqdm(total=options.minutes, unit="min") as bar:
        bar.bar_format = "{l_bar}{bar}| {n:.1f} of {total:g} minutes{postfix}"
        for name, seconds, lead, watch in schedule(chance, options.minutes):
            bar.set_postfix_str(name)
            seed = chance.randrange(10**6)
            seen, found = house.bear((name, seconds), lead=lead, watch=watch, seed=seed)
            told = "kept" if not found else "BROKEN"
            pages, posts = len(seen.reads), len(seen.posts)
            tqdm.write(
                f"{name:30} {seconds:5.1f} s {pages:6} pages, at most {longest(seen):3.1f} s"
                f" {posts:5} posts  {told}"
            )
            for line in summary(found):
                tqdm.write(f"    {line}")
            broken += found
            bar.update((lead + seconds + watch) / 60)
    if broken:
        sys.exit("\n".join([*summary(broken), f"The wall's log: {folder / 'log'}"]))
    shutil.rmtree(folder)


def schedule(
    chance: random.Random, minutes: float
) -> Iterator[tuple[str, float, float, float]]:
    """Yield faults with their seconds, those before and those after each.

    All kinds come before one comes again. PostgreSQL's three minutes come first when
    there is time for them.
    """
    left = minutes * 60
    if left >= 300:
        yield "postgres stopped", 180, 1, HEALING + 3
        left -= 186
    while True:
        for name in chance.sample(sorted(KINDS), len(KINDS)):
            kind = KINDS[name]
            seconds = 0.0 if name in INSTANT else round(chance.uniform(1, 10), 1)
            # What may be late by ten seconds is looked at after them.
            lead = FOLDED + 1 if kind.forgets else 1
            watch = FOLDED + 2 if kind.stale > 1 else HEALING + 2
            left -= lead + seconds + watch
            if left < 0:
                return
            yield name, seconds, lead, watch


if __name__ == "__main__":
    main()
