"""What callbacks save, and what a flood of them costs.

Two trials. The same tasks once with callbacks and once with polling alone, in turn
against one server process. And a burst of forged ends: every callback comes on a right
path and says that its task is over, while all tasks are still running.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks._processes import measure, server
from benchmarks._report import Options, Report, Row, Spread, progress

QUESTION = "how many queries do callbacks save, and what does a flood of them cost?"

SETUP = (
    "A lean server in a process of its own, which also sends the callbacks; task "
    "durations lognormal, median 2 s, sigma 0.5.",
    "Each measurement in a fresh process; the receiver is an aiohttp.web application, "
    "in the event loop of the session.",
    "callbacks, polling: all tasks begun at once by Session.map with default settings, "
    "nothing known before.",
    "'lag' is the median time from a task's end at the server to the query that met "
    "it.",
    "burst: ten callbacks for each open task over 200 connections, all on right paths, "
    "saying that a task is over which is not.",
    "'stall' is the longest time by which a sleep of 1 ms in the session's loop came "
    "late; 'stall CPU' the most CPU time that the loop used during one such sleep, "
    "whatever else the machine does; 'calm' is the stall before the burst.",
    "'growth' is peak resident memory over that before the burst.",
)

_SEED = 20_260_201
_EACH = 10  # callbacks for each open task of a burst
_CONNECTIONS = 200

Figures = Mapping[str, float]


def run(options: Options, *, pace: float = 1.0) -> Report:
    """Measure both trials; `pace` is a factor on all waits, `sizes` are those of the
    first trial, and the burst meets twice as many open tasks."""
    sizes = options.choose_sizes(full=(500,), quick=(100,))
    repeats = options.choose_repeats(full=5, quick=2)
    rows: list[Row] = []
    with server("_callback_server") as url:
        for size in sizes:
            rounds = []
            for number in range(repeats):
                progress(f"callbacks: {size} tasks, repeat {number + 1} of {repeats}")
                rounds.append(_round(url, size, number, pace))
            rows += [
                _row(size, how, [found[how] for found in rounds])
                for how in ("callbacks", "polling")
            ]
            rows.append(_burst_row(2 * size, [found["burst"] for found in rounds]))
    return Report(
        name="callbacks",
        question=QUESTION,
        setup=(*SETUP, f"{repeats} repeats."),
        labels=("tasks", "what"),
        rows=tuple(rows),
    )


def _round(url: str, size: int, number: int, pace: float) -> dict[str, Figures]:
    spec = {"url": url, "tasks": size, "seed": _SEED + number, "pace": pace}
    order = ("callbacks", "polling") if number % 2 == 0 else ("polling", "callbacks")
    found: dict[str, Figures] = {
        how: measure("_client_callbacks", {**spec, "client": how}) for how in order
    }
    flood = {"url": url, "tasks": 2 * size, "connections": _CONNECTIONS}
    flood["callbacks"] = _EACH * 2 * size
    found["burst"] = measure("_client_burst", flood)
    return found


def _row(size: int, how: str, mine: list[Figures]) -> Row:
    figures = {
        "queries/task": Spread.of(f["gets"] / f["posts"] for f in mine),
        "lag ms": Spread.of(f["lag_median"] * 1e3 for f in mine),
        "CPU ms/task": Spread.of(f["cpu"] * 1e3 / f["posts"] for f in mine),
        "wall s": Spread.of(f["wall"] for f in mine),
    }
    return Row((str(size), how), figures)


def _burst_row(size: int, mine: list[Figures]) -> Row:
    figures = {
        "answered": Spread.of(f["answered"] for f in mine),
        "queries/task": Spread.of(f["queries"] / size for f in mine),
        "stall ms": Spread.of(f["stall"] * 1e3 for f in mine),
        "stall CPU ms": Spread.of(f["busiest"] * 1e3 for f in mine),
        "calm ms": Spread.of(f["calm"] * 1e3 for f in mine),
        "growth MB": Spread.of(f["growth"] / 1e6 for f in mine),
        "callbacks/s": Spread.of(f["answered"] / f["wall"] for f in mine),
        "CPU ms/callback": Spread.of(f["cpu"] * 1e3 / f["answered"] for f in mine),
        "still open": Spread.of(f["open"] for f in mine),
    }
    return Row((str(size), "burst"), figures)
