"""What Lighthouse says of the wall; `make lighthouse` names this file to pytest."""

import json
import os
import subprocess
import sys

from messages_app.tests.browser import pages
from messages_app.tests.browser.conftest import NODE, NODE_MODULES

AT_LEAST = {"performance": 95, "accessibility": 100, "best-practices": 100, "seo": 100}
OPTIONS = [
    "--quiet",
    "--no-enable-error-reporting",
    f"--only-categories={','.join(AT_LEAST)}",
    "--output=json",
    "--chrome-flags=--headless --no-sandbox --disable-gpu",
]


def test_the_wall_scores(page, make_message, chromium_path, capsys):
    pages.wall(page, make_message)
    ran = subprocess.run(
        [NODE, NODE_MODULES / ".bin/lighthouse", page.url, *OPTIONS],
        env={**os.environ, "CHROME_PATH": chromium_path},
        stdout=subprocess.PIPE,
        check=True,
        timeout=180,
    )
    report = json.loads(ran.stdout)
    scores = {name: score_of(report, name) for name in AT_LEAST}
    lines = [f"{name}: {score}" for name, score in scores.items()]
    lines += [line for name in AT_LEAST for line in points_missing(report, name)]
    with capsys.disabled():
        sys.stdout.write("\n".join(["", *lines, ""]))
    assert not [name for name in AT_LEAST if scores[name] < AT_LEAST[name]], lines


def score_of(report, category):
    return round(report["categories"][category]["score"] * 100)


def points_missing(report, category):
    """Return a line for each audit that costs the category points."""
    for part in report["categories"][category]["auditRefs"]:
        audit = report["audits"][part["id"]]
        if part["weight"] and audit["score"] is not None and audit["score"] < 1:
            shown = audit.get("displayValue", "")
            yield f"{category}: {audit['title']} ({audit['score']}) {shown}"
