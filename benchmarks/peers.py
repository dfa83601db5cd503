"""What people would use instead, side by side: other services' clients, and loops.

Every client meets the same world in turn within a repeat: the same durations, the same
cap on tasks in flight, the same lost answers. The packages `fal-client` and `replicate`
are not needed by anything else here: `pip install fal-client replicate` puts them
beside the library, and without them their rows are missing.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from attrs import frozen

from benchmarks._child import books, get
from benchmarks._peers_client import CLIENTS, MODULES
from benchmarks._processes import MeasurementError, measure, server
from benchmarks._report import Options, Report, Row, Spread, progress

QUESTION = "what do other clients and hand-written loops lose, pay twice, and cost?"

SETUP = (
    "One server with three wires (LiangXin's, fal's queue, replicate's) over one "
    "world; durations lognormal, median 2 s, sigma 0.5.",
    "'free': the service takes everything. 'capped': a tenth of the tasks may be in "
    "flight, the rest is refused with 429, and one accepted create in 50 has its "
    "connection cut instead of its answer sent.",
    "Each measurement in a fresh process; every prompt is begun at once; CPU is "
    "process_time of that process, after its imports and without a warm-up.",
    "'lost': prompts whose caller had no URL after {patience:g} s, or as soon after it "
    "as the client let its loop go on. 'in doubt': those "
    "of them that were told so (SubmitUnknownError), paid or not.",
    "'paid twice': accepted creates beyond the first of a prompt.",
    "'tuned' is told the cap. The loops try again after whatever went wrong, with a "
    "jittered exponential wait from 0.5 s to 10 s.",
)

_SEED = 20_260_201
_PATIENCE = 90.0  # seconds; the capped service needs about 23 for its tasks
_LOST_EVERY = 50


@frozen(kw_only=True)
class _Regime:
    name: str
    cap_share: int  # one task in so many may be in flight; 0 is no cap
    lost_every: int


_REGIMES = (
    _Regime(name="free", cap_share=0, lost_every=0),
    _Regime(name="capped", cap_share=10, lost_every=_LOST_EVERY),
)


def run(
    options: Options, *, pace: float = 1.0, clients: Sequence[str] = tuple(CLIENTS)
) -> Report:
    """Measure `clients` in both regimes; `pace` is a factor on all waits."""
    sizes = options.choose_sizes(full=(200, 2000), quick=(200,))
    repeats = options.choose_repeats(full=3, quick=1)
    missing = [name for name, module in MODULES.items() if not _is_there(module)]
    clients = [client for client in clients if client not in missing]
    rows: list[Row] = []
    notes = [f"{name} is not installed: not measured" for name in missing]
    with server("_peers_server") as url:
        for size in sizes:
            for regime in _REGIMES:
                turns = [
                    (client, number)
                    for number in range(repeats)
                    for client in _turned(clients, number)
                ]
                found, failed = _measure_all(url, size, regime, turns, pace)
                rows += [
                    _row(size, regime, it, found[it]) for it in clients if it in found
                ]
                notes += failed
    return Report(
        name="peers",
        question=QUESTION,
        setup=(
            *(line.format(patience=_PATIENCE) for line in SETUP),
            f"{repeats} repeats.",
        ),
        labels=("tasks", "service", "client"),
        rows=tuple(rows),
        notes=tuple(notes),
    )


def _is_there(module: str) -> bool:
    return importlib.util.find_spec(module.partition(".")[0]) is not None


def _turned(clients: Sequence[str], number: int) -> Sequence[str]:
    """Let everybody be first in turn: the machine's mood changes within a repeat."""
    shift = number % len(clients)
    return (*clients[shift:], *clients[:shift])


def _measure_all(
    url: str, size: int, regime: _Regime, turns: Iterable[tuple[str, int]], pace: float
) -> tuple[dict[str, list[Mapping[str, float]]], list[str]]:
    """Return the figures of each client, and who failed; the others are wanted still.

    `turns` are clients and numbers of repeats, in their order.
    """
    found: dict[str, list[Mapping[str, float]]] = {}
    failed = []
    for client, number in turns:
        what = f"{size} {regime.name} {client} {number + 1}"
        progress(f"peers: {what}")
        try:
            figures = _measure(url, size, regime, client, number, pace)
        except MeasurementError as exc:
            failed.append(f"{what}: {str(exc).splitlines()[-1]}")
        else:
            found.setdefault(client, []).append(figures)
    return found, failed


def _measure(
    url: str, size: int, regime: _Regime, client: str, number: int, pace: float
) -> dict[str, float]:
    cap = max(1, size // regime.cap_share) if regime.cap_share else 0
    world = {
        "seed": _SEED + number,
        "median": 2.0 * pace,
        "sigma": 0.5,
        "cap": cap,
        "lost_every": regime.lost_every,
    }
    get(url, f"/begin?{urlencode(world)}")
    figures: dict[str, Any] = measure(
        "_peers_client",
        {
            "url": url,
            "client": client,
            "tasks": size,
            "cap": cap,
            "patience": _PATIENCE,
            "pace": pace,
        },
    )
    return {**books(url), **figures}


def _row(
    size: int, regime: _Regime, client: str, found: list[Mapping[str, float]]
) -> Row:
    def spread(name: str, scale: float = 1.0) -> Spread:
        return Spread.of(one[name] * scale for one in found)

    figures = {
        "wall s": spread("wall"),
        "lost": Spread.of(size - one["home"] for one in found),
        "in doubt": spread("in_doubt"),
        "paid twice": spread("again"),
        "refused/accepted": Spread.of(
            one["refused"] / max(1, one["accepted"]) for one in found
        ),
        "CPU ms/task": Spread.of(one["cpu"] * 1e3 / size for one in found),
        "queries/task": Spread.of(
            one["gets"] / max(1, one["accepted"]) for one in found
        ),
        "lag s": spread("lag"),
        "peak RSS MB": spread("peak_rss", 1e-6),
    }
    return Row((str(size), regime.name, client), figures)
