"""How much of a service's capacity creates use, and what they are refused for it.

Virtual time: the session's own controller (`_core.limit.Limiter`) and what people use
instead play against the same services with the same tasks. `capacity_sockets` plays
some of it in real time, with the whole session over sockets.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from benchmarks._capacity_bound import Informed
from benchmarks._capacity_figures import PEERS, SESSION, Clients, row
from benchmarks._capacity_peers import Loops
from benchmarks._capacity_plots import draw
from benchmarks._plot import RESULTS
from benchmarks._regimes import FREE, Regime, capped, table
from benchmarks._report import Options, Report, Row, Spread, progress
from benchmarks._services import LAG, Cap
from benchmarks._simulation import play
from liangxin_async._core.limit import Limiter

QUESTION = "how much of a service's capacity is used, and for how many refusals?"

SETUP = (
    "Discrete-event simulation in virtual time; endless work, cold start included; "
    "a play lasts 20 median durations.",
    "Durations lognormal; a create takes 10 ms; an end is seen late by 0 to "
    f"{LAG:.0%} of the task's duration, evenly spread (the poller's lag).",
    "goodput: accepted creates as a share of an oracle's, which is told the instant at "
    "which a create would be accepted and has neither lag nor way.",
    "session: the session's controller with its defaults.",
    "loops: 256 workers, each tries again a second after a refusal. "
    "tenacity: the same with wait_random_exponential(multiplier=1, max=60).",
    "semaphore: as many workers as suit the regime, told in advance. "
    "aimd: + 1/limit per accept, halved at a refusal.",
    "told: a client that knows cap, mean duration and mean lag, and reckons with the "
    "chance that a place is free; best within the wanted refusals: about the bound.",
    "up, down: medians of a duration until 90 % of a cap of 100 runs after 10, and "
    "until no more than a ninth above a cap of 10 runs after 50; nobody can end tasks.",
)

_FIRST_SEED = 1000  # the constants of the controller were searched with lower ones
_SURE = (0.6, 0.63, 0.66, 0.8, 0.85, 0.9, 0.93, 0.96)  # thresholds of `told`
_TOLD_SEEDS = 3  # it is slow, and its spread is small


def run(options: Options, *, plots: Path | None = RESULTS) -> Report:
    """Play the table, and the plots unless it is to be quick.

    Args:
        options: `repeats` are seeds.
        plots: folder for the charts; None makes none.
    """
    seeds = range(_FIRST_SEED, _FIRST_SEED + options.choose_repeats(full=9, quick=2))
    short, long = (
        [it for it in table(median) if options.wants(it.name)] for median in (2.0, 8.0)
    )
    rows: list[Row] = []
    for regime in short:
        progress(f"capacity: {regime.name}")
        rows += [row(regime, name, PEERS | SESSION, seeds) for name in PEERS | SESSION]
        if not options.quick:
            rows += _told(regime, seeds[:_TOLD_SEEDS])
    rows += [row(regime, "session", SESSION, seeds) for regime in long]
    rows += [_free(tasks, seeds) for tasks in FREE if options.wants("F no limit")]
    if plots is not None and not options.quick:
        draw(plots, seeds[:_TOLD_SEEDS])
    return Report(
        name="capacity",
        question=QUESTION,
        setup=(*SETUP, f"{len(seeds)} seeds; `told` {_TOLD_SEEDS}."),
        labels=("regime", "tasks of", "client"),
        rows=tuple(rows),
        notes=tuple(_missed([*short, *long], rows)),
    )


def _told(regime: Regime, seeds: Sequence[int]) -> list[Row]:
    """The informed client at its best threshold, where it can play."""
    cap, *_ = regime.service.rules() or (None,)
    if not isinstance(cap, Cap) or regime.clients > 1:
        return []
    mean = regime.service.median * math.exp(regime.service.sigma**2 / 2)
    found: list[Row] = []
    for sure in _SURE:
        make = partial(Informed, cap=cap.at, mean=mean, lag=mean * LAG / 2, sure=sure)
        policy: Clients = {"told": lambda _, make=make: make()}  # type: ignore[misc]  # mypy infers no default
        found.append(row(regime, "told", policy, seeds))
    fit = [
        it
        for it in found
        if it.figures["refusals/accept"].median <= (regime.refusals or math.inf)
    ]
    return [max(fit, key=lambda it: it.figures["goodput"].median)] if fit else []


def _free(tasks: int, seeds: Sequence[int]) -> Row:
    """No limit: the time for so many tasks, beside starting all at once."""
    regime = Regime(name=f"F no limit, {tasks}", service=capped(math.inf))
    shares = []
    for seed in seeds:
        spans = [
            play(
                regime.service, [policy], seed=seed, until=math.inf, tasks=tasks
            ).last_end
            for policy in (Limiter(), Loops(workers=tasks))
        ]
        shares.append(spans[1] / spans[0])
    return Row((regime.name, "2 s", "session"), {"goodput": Spread.of(shares)})


def _missed(regimes: Iterable[Regime], rows: Iterable[Row]) -> list[str]:
    """A line for each wanted figure that the session does not reach."""
    found = {it.labels[:2]: it.figures for it in rows if it.labels[2] == "session"}
    lines = []
    for regime in regimes:
        figures = found[regime.name, f"{regime.service.median:g} s"]
        name = f"{regime.name}, tasks of {regime.service.median:g} s"
        for figure, wanted, sign in regime.wanted():
            if (figures[figure].median - wanted) * sign < 0:
                lines.append(f"missed: {name}: {figure}, wanted {wanted:g}")
    return lines
