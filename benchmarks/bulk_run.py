"""What a bulk run does in a second, what it takes, and the journal's share of that.

Each repeat makes the same run twice against one server process: with the journal as it
is, and with one that only keeps rows in memory. So the ratio shares the machine's mood;
which of the two goes first changes with every repeat.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks._processes import measure, server
from benchmarks._report import Options, Report, Row, Spread, progress

QUESTION = "how fast is a bulk run, is its memory flat, and what does the journal cost?"

SETUP = (
    "A lean server in a process of its own that refuses nothing; every task takes 1 s "
    "and gives one picture of 90 bytes.",
    "Each measurement in a fresh process, after a run of 8 lines: from the first line "
    "to the last file and the manifest, in the system's temporary directory.",
    "sqlite: the journal as it is. memory: rows in a dictionary, nothing durable.",
    "CPU is process_time of the client, its threads included. A commit is a "
    "transaction with a sync of the disk.",
    "'lines/s to memory' is the throughput with the journal as a share of that "
    "without, in one repeat.",
    "'lines/s of CPU' is what the client's processor time alone would allow; where it "
    "is near 'lines/s', the client's one thread is what bounds the run.",
)

_JOURNALS = ("sqlite", "memory")
_LONG = 5000  # lines; from here on half of the repeats are enough
_SECONDS = 1.0  # that a task takes

Figures = Mapping[str, float]


def run(options: Options, *, seconds: float = _SECONDS) -> Report:
    """Measure both journals at every size; `seconds` is what a task takes."""
    sizes = options.choose_sizes(full=(1000, 10_000), quick=(300,))
    repeats = options.choose_repeats(full=5, quick=1)
    rows: list[Row] = []
    with server("_bulk_server") as url:
        for size in sizes:
            times = repeats if size < _LONG else max(1, repeats // 2)
            rounds = []
            for number in range(times):
                progress(f"bulk_run: {size} lines, repeat {number + 1} of {times}")
                rounds.append(_round(url, size, number, seconds))
            rows += [_row(size, journal, rounds) for journal in _JOURNALS]
    return Report(
        name="bulk_run",
        question=QUESTION,
        setup=(*SETUP, f"{repeats} repeats; half of that from {_LONG} lines on."),
        labels=("lines", "journal"),
        rows=tuple(rows),
    )


def _round(url: str, size: int, number: int, seconds: float) -> dict[str, Figures]:
    order = _JOURNALS if number % 2 == 0 else tuple(reversed(_JOURNALS))
    spec = {"url": url, "lines": size, "median": seconds}
    return {name: measure("_bulk_child", {**spec, "journal": name}) for name in order}


def _row(size: int, journal: str, rounds: list[dict[str, Figures]]) -> Row:
    mine = [found[journal] for found in rounds]
    figures = {
        "lines/s": Spread.of(size / f["wall"] for f in mine),
        "CPU ms/line": Spread.of(f["cpu"] * 1e3 / size for f in mine),
        "lines/s of CPU": Spread.of(size / f["cpu"] for f in mine),
        "peak RSS MB": Spread.of(f["peak_rss"] / 1e6 for f in mine),
        "wall s": Spread.of(f["wall"] for f in mine),
        "queries/line": Spread.of(f["gets"] / size for f in mine),
        "open at once": Spread.of(f["peak_open"] for f in mine),
        "server busy %": Spread.of(f["server_cpu"] * 100 / f["wall"] for f in mine),
    }
    if journal == "sqlite":
        figures["commits/s"] = Spread.of(f["commits"] / f["wall"] for f in mine)
        figures["lines/commit"] = Spread.of(size / f["commits"] for f in mine)
        figures["lines/s to memory"] = Spread.of(
            found["memory"]["wall"] / found["sqlite"]["wall"] for found in rounds
        )
        figures["CPU to memory"] = Spread.of(
            found["sqlite"]["cpu"] / found["memory"]["cpu"] for found in rounds
        )
    return Row((str(size), journal), figures)
