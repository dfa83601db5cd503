"""`capacity` in real time, over sockets, against a local server: the whole session,
and what people write by hand."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from benchmarks._client_capacity import CLIENTS
from benchmarks._processes import measure, server
from benchmarks._regimes import QUERIES, Regime, table
from benchmarks._report import Options, Report, Row, Spread, progress
from benchmarks._simulation import oracle

QUESTION = "in real time: what do the session and hand-written loops reach?"

SETUP = (
    "A lean server in a process of its own refuses as the regime says; Session.map "
    "with default settings and endless requests, one process for all sessions.",
    "A play lasts 40 s (G: 80 s), cold start included: nothing is known of the "
    "service or of how long tasks take.",
    "goodput: accepted creates as a share of an oracle's that has neither lag nor way.",
    "G: 4 tasks of 8 s in flight, and recordInfo answers one query per second.",
    "semaphore: a worker for each place that the service is said to have (B: for each "
    "that its rate fills), asks every 2 s. tenacity, loop: 256 workers that send a "
    "refused create again after exponential jitter, or 1 s, and ask every second.",
    "Without --only five regimes are played; --only all plays every one. With --quick "
    "the session alone.",
)
_USUAL = ("A cap 50", "C steps 50 10 100", "D random tenth", "E four share 40")


def run(
    options: Options,
    *,
    seconds: float | None = None,
    clients: Sequence[str] = tuple(CLIENTS),
) -> Report:
    """Play some regimes; `seconds` replaces the length of each play."""
    seeds = range(options.choose_repeats(full=1, quick=1))
    rows = []
    with server("_capacity_server") as url:
        for regime in _chosen(options):
            if seconds is not None:
                regime = evolve(regime, until=seconds)
            for client in clients[:1] if options.quick else clients:
                found = []
                for seed in seeds:
                    progress(f"capacity_sockets: {regime.name}, {client}")
                    found.append(_play(url, regime, client, seed))
                spreads = {
                    name: Spread.of(it[name] for it in found) for name in found[0]
                }
                rows.append(Row((regime.name, client), spreads))
    return Report(
        name="capacity_sockets",
        question=QUESTION,
        setup=(*SETUP, f"{len(seeds)} seeds."),
        labels=("regime", "client"),
        rows=tuple(rows),
    )


def _chosen(options: Options) -> list[Regime]:
    everything = (*table(2.0), QUERIES)
    if options.only == "all":
        return list(everything)
    if options.only:
        return [regime for regime in everything if options.wants(regime.name)]
    return [it for it in everything if it.name in (*_USUAL, QUERIES.name)]


def _play(url: str, regime: Regime, client: str, seed: int) -> dict[str, float]:
    best = oracle(regime.service, seed=seed, until=regime.until)
    spec = {
        "url": url,
        "regime": regime.name,
        "median": regime.service.median,
        "sigma": regime.service.sigma,
        "seed": seed,
        "seconds": regime.until,
        "sessions": regime.clients,
        "client": client,
        "tuned": regime.tuned,
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
