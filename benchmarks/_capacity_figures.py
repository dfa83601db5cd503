"""What a client reaches in a regime of `capacity`: the figures, and the clients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache

from benchmarks._capacity_peers import Aimd, Loops, Tenacity
from benchmarks._regimes import Regime
from benchmarks._report import Row, Spread
from benchmarks._simulation import Play, Policy, oracle, play
from liangxin_async._core.limit import Limiter

Clients = dict[str, Callable[[Regime], Policy]]

SESSION: Clients = {"session": lambda _: Limiter()}
PEERS: Clients = {
    "loops": lambda _: Loops(),
    "tenacity": lambda _: Tenacity(),
    "semaphore": lambda regime: Loops(workers=regime.tuned),
    "aimd": lambda _: Aimd(),
}
_AFTER = 10.0  # seconds; what comes later is told apart from the cold start


def row(regime: Regime, name: str, clients: Clients, seeds: Sequence[int]) -> Row:
    """Return what one client reaches in a regime."""
    figures: dict[str, list[float]] = {}
    for seed in seeds:
        policies = [clients[name](regime) for _ in range(regime.clients)]
        played = play(regime.service, policies, seed=seed, until=regime.until)
        for figure, value in measure(regime, played, seed).items():
            figures.setdefault(figure, []).append(value)
    spreads = {figure: Spread.of(values) for figure, values in figures.items()}
    return Row((regime.name, f"{regime.service.median:g} s", name), spreads)


def measure(regime: Regime, played: Play, seed: int) -> dict[str, float]:
    """Return the figures of one play."""
    best = _best(regime, seed)
    late = sum(at >= _AFTER for at in best)
    figures = {
        "goodput": played.count() / len(best),
        "refusals/accept": played.refusals_per_accept,
    }
    if late:
        figures["after 10 s"] = played.count(_AFTER) / late
    if regime.clients > 1:
        figures["Jain, last half"] = played.fairness(regime.until / 2)
    if regime.steps:
        third, median = regime.until / 3, regime.service.median
        up = (at for at, running in played.running if running >= 90)
        down = (at for at, running in played.running if running <= 11)
        figures["up, medians"] = _first(up, 2 * third, regime.until) / median
        figures["down, medians"] = _first(down, third, regime.until) / median
    return figures


@cache
def _best(regime: Regime, seed: int) -> tuple[float, ...]:
    return oracle(regime.service, seed=seed, until=regime.until)


def _first(instants: Iterable[float], since: float, until: float) -> float:
    """Seconds from `since` to the first instant after it; to the end without one."""
    return next((at for at in instants if at >= since), until) - since
