"""`capacity` in real time: the whole session, over sockets, against a local server."""

from __future__ import annotations

from attrs import evolve

from benchmarks._processes import measure, server
from benchmarks._regimes import QUERIES, Regime, table
from benchmarks._report import Options, Report, Row, Spread, progress
from benchmarks._simulation import oracle

QUESTION = "the same in real time: what does the whole session reach over sockets?"

SETUP = (
    "A lean server in a process of its own refuses as the regime says; Session.map "
    "with default settings and endless requests, one process for all sessions.",
    "A play lasts 40 s (G: 80 s), cold start included: nothing is known of the "
    "service or of how long tasks take.",
    "goodput: accepted creates as a share of an oracle's that has neither lag nor way.",
    "G: 4 tasks of 8 s in flight, and recordInfo answers one query per second.",
    "Without --only five regimes are played; --only all plays every one.",
)
_USUAL = ("A cap 50", "C steps 50 10 100", "D random tenth", "E four share 40")


def run(options: Options, *, seconds: float | None = None) -> Report:
    """Play some regimes; `seconds` replaces the length of each play."""
    seeds = range(options.choose_repeats(full=1, quick=1))
    rows = []
    with server("_capacity_server") as url:
        for regime in _chosen(options):
            if seconds is not None:
                regime = evolve(regime, until=seconds)
            found = []
            for seed in seeds:
                progress(f"capacity_sockets: {regime.name}, {regime.until:g} s")
                found.append(_play(url, regime, seed))
            names = found[0]
            spreads = {name: Spread.of(it[name] for it in found) for name in names}
            rows.append(Row((regime.name,), spreads))
    return Report(
        name="capacity_sockets",
        question=QUESTION,
        setup=(*SETUP, f"{len(seeds)} seeds."),
        labels=("regime",),
        rows=tuple(rows),
    )


def _chosen(options: Options) -> list[Regime]:
    everything = (*table(2.0), QUERIES)
    if options.only == "all":
        return list(everything)
    if options.only:
        return [regime for regime in everything if options.wants(regime.name)]
    return [it for it in everything if it.name in (*_USUAL, QUERIES.name)]


def _play(url: str, regime: Regime, seed: int) -> dict[str, float]:
    best = oracle(regime.service, seed=seed, until=regime.until)
    spec = {
        "url": url,
        "regime": regime.name,
        "median": regime.service.median,
        "sigma": regime.service.sigma,
        "seed": seed,
        "seconds": regime.until,
        "sessions": regime.clients,
    }
    account = measure("_client_capacity", spec)
    late = sum(at >= 10 for at in best)
    figures = {
        "goodput": account["accepted"] / len(best),
        "refusals/accept": account["refused"] / max(1, account["accepted"]),
        "lag s": account["lag"],
        "queries/task": account["queries"] / max(1, account["accepted"]),
        "tasks gone wrong": account["wrong"],
    }
    if late:
        figures["after 10 s"] = account["later"] / late
    if regime.queries is not None:
        figures["queries refused"] = account["queries_refused"]
    return figures
