"""What was measured, as tables in docs/performance.md and as plots."""

import json
import os
import platform
import statistics
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "docs" / "performance.md"
PLOTS = ROOT / "docs" / "performance"
BEGIN, END = "<!-- written by make bench -->\n", "<!-- end -->"

Results = dict[str, Any]
Row = tuple[str, str]  # what it is called in a table, and the name of its case

COMPARED: list[Row] = [
    ("a bare WSGI function", "bare"),
    ("an empty Django view, the same middleware", "empty"),
    ("**the wall's page**, 50 messages", "warm 50"),
    ("the tutorial's page, 50 messages", "baseline 50"),
    ("the tutorial's page, 1,000", "baseline 1000"),
    ("the tutorial's page, 10,000", "baseline 10000"),
    ("the same, its list not cached, 50", "baseline cold 50"),
    ("the same, 1,000", "baseline cold 1000"),
    ("the same, 10,000", "baseline cold 10000"),
    ("**a post to the wall**", "post"),
    ("a post to the tutorial's", "baseline post"),
]
BY_SIZE: list[Row] = [
    *((f"{n:,} messages", str(n)) for n in (50, 1_000, 10_000, 100_000, 1_000_000)),
    ("the most, below 100,000 newer hidden ones", "hidden"),
]
AWAY: list[Row] = [
    ("Redis answers", "warm 50"),
    ("Redis was killed", "redis killed"),
    ("Redis hangs", "redis frozen"),
]
GOALS = [  # what is compared, what its ratio should be, one case, the other, the figure
    ("warm page to empty view, CPU", "≤ 1.5", "warm 50", "empty", "cpu"),
    ("tutorial's page to ours, 50, CPU", "≥ 10", "baseline 50", "warm 50", "cpu"),
    (
        "tutorial's page to ours, 10,000, CPU",
        "≥ 500",
        "baseline 10000",
        "warm 10000",
        "cpu",
    ),
    ("posts a second to the tutorial's", "≥ 3", "post", "baseline post", "rate"),
    ("Redis killed to normal, CPU", "≤ 3", "redis killed", "warm 50", "cpu"),
    ("warm page, a million to 1,000, ms", "0.8–1.2", "warm 1000000", "warm 1000", "ms"),
    ("warm page, below hidden ones, ms", "0.8–1.2", "warm hidden", "warm 1000", "ms"),
    ("cold page, a million to 1,000, ms", "0.8–1.2", "cold 1000000", "cold 1000", "ms"),
    ("cold page, below hidden ones, ms", "0.8–1.2", "cold hidden", "cold 1000", "ms"),
]

DJANGO = ["dumpdata", "loaddata"]  # what the wall's own commands are compared with


def new_results(plan: dict[str, float], *, clients: int) -> Results:
    """Return what says how it was measured, with no figures yet."""
    names = ["Django", "gunicorn", "redis", "Flask"]
    versions = [f"{name} {version(name)}" for name in names]
    parts = [f"Python {platform.python_version()}", *versions]
    return {
        "parts": ", ".join(parts),
        "cores": os.cpu_count(),
        "clients": clients,
        **plan,
        "cases": {},
    }


def keep(results: Results) -> None:
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


def read() -> Results:
    kept: Results = json.loads(RESULTS.read_text())
    return kept


def write(results: Results) -> None:
    """Put tables into docs/performance.md, and plots beside it."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(before + BEGIN + tables(results) + END + after)
    PLOTS.mkdir(exist_ok=True)
    draw(results)


def tables(results: Results) -> str:
    """Return the tables in Markdown."""
    cases = results["cases"]
    how = (
        f"{results['parts']}; {results['cores']} cores; {results['rounds']} rounds of "
        f"{results['seconds']} s each. Medians, in brackets the lowest and the highest."
    )
    each = f"a second, {results['clients']} clients"
    compared = table(
        ["", "CPU, µs", "answered after, ms", each],
        [
            [title, *figures(cases[name], "cpu", "ms", "rate")]
            for title, name in COMPARED
            if name in cases
        ],
    )
    sizes = table(
        ["on the wall", "warm: CPU, µs", "ms", "just changed: CPU, µs", "ms"],
        [
            [
                title,
                *figures(cases[f"warm {name}"], "cpu", "ms"),
                *figures(cases[f"cold {name}"], "cpu", "ms"),
            ]
            for title, name in BY_SIZE
            if f"warm {name}" in cases
        ],
    )
    away = table(
        ["", "CPU, µs", "answered after, ms"],
        [[title, *figures(cases[name], "cpu", "ms")] for title, name in AWAY],
    )
    reached = table(["goal", "is", "measured"], goals(cases))
    return f"\n{how}\n\n{reached}\n{compared}\n{sizes}\n{away}\n{parts(results)}"


def parts(results: Results) -> str:
    """Return the tables of what can be measured alone, and was."""
    return "\n".join(filter(None, [desk(results), files(results)]))


def desk(results: Results) -> str:
    """Return what the pages of the moderator's desk take; the goal is 100 ms."""
    if "desk" not in results:
        return ""
    messages, pages = results["desk"]["messages"], results["desk"]["ms"]
    rows = [[name, spread(times)] for name, times in pages.items()]
    return table([f"the moderator's desk, {messages:,} messages", "ms"], rows)


def files(results: Results) -> str:
    """Return how fast the commands move messages, beside Django's own."""
    if "files" not in results:
        return ""
    messages, commands = results["files"]["messages"], results["files"]["commands"]
    figures = table(
        ["PostgreSQL, in one process", "rows", "seconds", "rows a second", "peak MB"],
        [
            [
                f"`{name}`",
                *(f"{each[kind]:,.0f}" for kind in ("rows", "seconds")),
                f"{rate(each):,.0f}",
                f"{each['memory']:,.0f}",
            ]
            for name, each in commands.items()
        ],
    )
    faster = rate(commands["import_messages"]) / rate(commands["loaddata"])
    most = max(commands[name]["memory"] for name in commands if name not in DJANGO)
    reached = table(
        [f"a wall of {messages:,} messages in a file", "is", "measured"],
        [
            ["rows a second, import to loaddata", "≥ 20", number(faster, like=faster)],
            ["peak memory of ours, MB", "≤ 150", number(most, like=most)],
        ],
    )
    return f"{reached}\n{figures}"


def rate(figures: dict[str, float]) -> float:
    """Return how many rows a second a command moved."""
    return figures["rows"] / figures["seconds"]


def table(heads: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown; all columns but the first hold figures."""
    line = ["---", *["---:"] * (len(heads) - 1)]
    return "".join(f"| {' | '.join(row)} |\n" for row in [heads, line, *rows])


def figures(case: Results, *kinds: str) -> list[str]:
    """Return the cells of a case: empty where it was not measured so."""
    return [spread(case[kind]) if kind in case else "" for kind in kinds]


def spread(values: list[float]) -> str:
    """Return the median, and in brackets the lowest and the highest."""
    middle = statistics.median(values)
    low, high = (number(value, like=middle) for value in (min(values), max(values)))
    return f"{number(middle, like=middle)} ({low}–{high})"


def number(value: float, *, like: float) -> str:
    """Return the value with as many digits as tell something in one of this size."""
    return f"{value:,.{0 if like >= 100 else 1 if like >= 10 else 2}f}"


def goals(cases: Results) -> list[list[str]]:
    """Return each goal, what it asks for, and how far it is reached."""
    return [
        [title, wanted, spread(ratios(cases, over, under, kind))]
        for title, wanted, over, under, kind in GOALS
        if over in cases  # a quick run leaves the largest out
    ]


def ratios(cases: Results, over: str, under: str, kind: str) -> list[float]:
    """Return the ratio of two cases in each round."""
    pairs = zip(cases[over][kind], cases[under][kind], strict=True)
    return [a / b for a, b in pairs]


# Plots. One grey and two colours, which stand out on white and on GitHub's dark page.

GREY, OURS, TUTORIAL = "#767676", "#2f81f7", "#db6d28"
STYLE = {
    "font.size": 11,
    "svg.fonttype": "none",  # text as text: small, and in the reader's font
    "svg.hashsalt": "wall",  # the same figures make the same file
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(
        [
            "text.color",
            "axes.labelcolor",
            "axes.edgecolor",
            "xtick.color",
            "ytick.color",
        ],
        GREY,
    ),
}


def draw(results: Results) -> None:
    """Draw all plots into docs/performance/."""
    with mpl.rc_context(STYLE):
        draw_sizes(results["cases"])
        draw_bars(
            results["cases"],
            "cpu",
            "CPU of the server for one request, µs",
            ["bare", "empty", "warm 50", "baseline 50"],
        )
        draw_bars(
            results["cases"],
            "rate",
            f"requests a second from one process, {results['clients']} clients",
            ["warm 50", "baseline 50", "baseline 1000", "post", "baseline post"],
        )
        if "desk" in results:
            draw_desk(results["desk"])
        if "files" in results:
            draw_files(results["files"])


def draw_sizes(cases: Results) -> None:
    """Draw what a page costs by what is on the wall."""
    figure, axes = plt.subplots(figsize=(8, 4))
    for title, prefix, colour, line in [
        ("the tutorial's page", "baseline", TUTORIAL, "-"),
        ("the wall, page just changed", "cold", OURS, "--"),
        ("the wall", "warm", OURS, "-"),
    ]:
        names = [name.rpartition(" ") for name in cases]
        sizes = [
            int(size) for kind, _, size in names if kind == prefix and size.isdigit()
        ]
        costs = [cases[f"{prefix} {size}"]["cpu"] for size in sizes]
        middles = [statistics.median(cost) / 1e3 for cost in costs]
        axes.plot(sizes, middles, line, color=colour, marker="o", linewidth=2)
        axes.annotate(
            title,
            (sizes[-1], middles[-1]),
            xytext=(-12, 9) if prefix != "baseline" else (-12, -4),
            textcoords="offset points",
            ha="right",
            color=colour,
        )
    axes.set(xscale="log", yscale="log", xlabel="messages on the wall")
    axes.set_ylim(bottom=0.5)
    axes.set_title("CPU of the server for one page, ms", loc="left", color=GREY)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.grid(axis="y", color=GREY, alpha=0.3)
    save(figure, "sizes")


def draw_bars(cases: Results, kind: str, title: str, names: list[str]) -> None:
    """Draw one figure of several cases, with its spread."""
    figure, axes = plt.subplots(figsize=(8, 0.5 * len(names) + 0.9))
    titles = {name: row.replace("**", "") for row, name in COMPARED}
    for place, name in enumerate(names):
        values = cases[name][kind]
        middle = statistics.median(values)
        ours = name in {"warm 50", "post"}
        colour = TUTORIAL if "baseline" in name else OURS if ours else GREY
        error = [[middle - min(values)], [max(values) - middle]]
        axes.barh(place, middle, color=colour, xerr=error, ecolor=GREY, height=0.6)
        axes.annotate(
            f"{middle:,.0f}",
            (max(values), place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
        )
    axes.set_yticks(range(len(names)), [titles[name] for name in names])
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_title(title, loc="left", color=GREY)
    save(figure, kind)


def draw_desk(desk: Results) -> None:
    """Draw how long each page of the desk takes, and the goal."""
    pages = desk["ms"]
    figure, axes = plt.subplots(figsize=(8, 0.3 * len(pages) + 0.9))
    middles = [statistics.median(times) for times in pages.values()]
    colours = [TUTORIAL if name.startswith("Django's") else OURS for name in pages]
    axes.barh(list(pages), middles, color=colours, height=0.6)
    axes.axvline(100, color=GREY, linestyle="--")
    axes.set(xscale="log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.invert_yaxis()
    axes.set_title(
        f"A page of the desk, {desk['messages']:,} messages, ms", loc="left", color=GREY
    )
    save(figure, "desk")


def draw_files(files: Results) -> None:
    """Draw how many messages a second each command moves."""
    commands = files["commands"]
    figure, axes = plt.subplots(figsize=(8, 0.4 * len(commands) + 0.9))
    rates = [rate(each) for each in commands.values()]
    colours = [TUTORIAL if name in DJANGO else OURS for name in commands]
    bars = axes.barh(list(commands), rates, color=colours, height=0.6)
    axes.bar_label(bars, [f"{each:,.0f}" for each in rates], padding=6, color=GREY)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_title("Messages a second, PostgreSQL", loc="left", color=GREY)
    save(figure, "files")


def save(figure: Any, name: str) -> None:
    figure.savefig(
        PLOTS / f"{name}.svg",
        transparent=True,
        bbox_inches="tight",
        metadata={"Date": None},
    )
    plt.close(figure)
