"""What following a task costs the client, beside aiohttp alone and hand-written loops.

Each repeat runs all clients in turn against one server process, so that its ratios
share the machine's mood; the order of those after the session moves on by one per
repeat. The bare clients replay the session's own counts of that repeat.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks._child import get
from benchmarks._processes import measure, server
from benchmarks._report import Options, Report, Row, Spread, progress

QUESTION = "how much client CPU does a task cost, beside aiohttp alone?"

SETUP = (
    "A lean server in a process of its own; task durations lognormal, median 2 s, "
    "sigma 0.5.",
    "Each measurement in a fresh process, after a warm-up of 8 tasks; CPU is "
    "process_time of that process.",
    "session: Session.map with default settings.",
    "bare: the session's numbers of creates and queries by aiohttp alone, without "
    "waiting for anything.",
    "bare_fresh: the same, each create on a fresh connection, as the session does it.",
    "bare_same: bare_fresh, each request at the instant at which the session made it.",
    "bare_paced: bare_fresh, its queries spread evenly over the session's wall time.",
    "loops: a coroutine per task, which creates and then asks once a second.",
    "'lag' is the mean time from a task's end at the server to the query that met it.",
    "A query's CPU holds its share of the creates' CPU. Ratios are of one repeat each.",
    "'open at once' is the most tasks running at the server at a time: early ones end "
    "while late ones are created.",
)

_SEED = 20_260_101
_MODULES = {
    "session": "_client_session",
    "bare": "_client_bare",
    "bare_fresh": "_client_bare",
    "bare_same": "_client_bare",
    "bare_paced": "_client_bare",
    "loops": "_client_bare",
}
_FLOORS = ("bare", "bare_fresh", "bare_same", "bare_paced")
_OTHERS = (*_FLOORS, "loops")

Figures = Mapping[str, float]


def run(options: Options, *, pace: float = 1.0) -> Report:
    """Measure every client at every size; `pace` is a factor on all waits."""
    sizes = options.choose_sizes(full=(200, 2000), quick=(50, 500))
    repeats = options.choose_repeats(full=5, quick=2)
    rows: list[Row] = []
    with server() as url:
        for size in sizes:
            rounds = []
            for number in range(repeats):
                progress(f"client_cost: {size} tasks, repeat {number + 1} of {repeats}")
                rounds.append(_round(url, size, number, pace))
            rows += [_row(size, client, rounds) for client in _MODULES]
    return Report(
        name="client_cost",
        question=QUESTION,
        setup=(*SETUP, f"{repeats} repeats."),
        labels=("tasks", "client"),
        rows=tuple(rows),
    )


def _round(url: str, size: int, number: int, pace: float) -> dict[str, Figures]:
    """Run all clients once; they meet the same durations."""
    spec = {"url": url, "tasks": size, "seed": _SEED + number, "pace": pace}
    found: dict[str, Figures] = {
        "session": measure("_client_session", {**spec, "client": "session"})
    }
    with TemporaryDirectory() as folder:
        instants = Path(folder, "instants.json")
        instants.write_bytes(get(url, "/instants"))
        replay = {"queries": found["session"]["gets"]}
        orders: dict[str, dict[str, float | str]] = {
            "bare": {**replay},
            "bare_fresh": {**replay},
            "bare_same": {**replay, "instants": str(instants)},
            "bare_paced": {**replay, "span": found["session"]["wall"]},
        }
        shift = number % len(_OTHERS)
        for client in _OTHERS[shift:] + _OTHERS[:shift]:
            wanted = {**spec, "client": client, **orders.get(client, {})}
            found[client] = measure(_MODULES[client], wanted)
    return found


def _row(size: int, client: str, rounds: list[dict[str, Figures]]) -> Row:
    mine = [found[client] for found in rounds]
    figures = {
        "CPU ms/task": Spread.of(f["cpu"] * 1e3 / f["posts"] for f in mine),
        "CPU ms/query": Spread.of(f["cpu"] * 1e3 / f["gets"] for f in mine),
        "queries/task": Spread.of(f["gets"] / f["posts"] for f in mine),
        "wall s": Spread.of(f["wall"] for f in mine),
        "peak RSS MB": Spread.of(f["peak_rss"] / 1e6 for f in mine),
        "open at once": Spread.of(f["peak_open"] for f in mine),
        "server busy %": Spread.of(f["server_cpu"] * 100 / f["wall"] for f in mine),
    }
    if client not in _FLOORS:
        figures["lag s"] = Spread.of(f["lag"] for f in mine)
    if client in ("session", "loops"):
        for other in _FLOORS:
            figures[f"CPU / {other}"] = Spread.of(
                found[client]["cpu"] / found[other]["cpu"] for found in rounds
            )
    return Row((str(size), client), figures)
