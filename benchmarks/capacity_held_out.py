"""`capacity` elsewhere: caps, windows and durations that were not searched with."""

from __future__ import annotations

from benchmarks._capacity_figures import SESSION, row
from benchmarks._regimes import held_out
from benchmarks._report import Options, Report
from benchmarks.capacity import SETUP

QUESTION = "does the controller do as well where its constants were not searched?"


def run(options: Options) -> Report:
    """Play the held-out regimes; `repeats` are seeds, none of `capacity`'s."""
    seeds = range(2000, 2000 + options.choose_repeats(full=9, quick=2))
    regimes = [regime for regime in held_out() if options.wants(regime.name)]
    return Report(
        name="capacity_held_out",
        question=QUESTION,
        setup=(*SETUP[:3], f"{len(seeds)} seeds of their own."),
        labels=("regime", "tasks of", "client"),
        rows=tuple(row(regime, "session", SESSION, seeds) for regime in regimes),
    )
