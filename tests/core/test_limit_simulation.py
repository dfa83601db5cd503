"""What `Limiter` achieves against the kinds of service that 429 can stand for.

A fast form of `python -m benchmarks capacity`. The floors are a small margin below what
is reached today (medians over three seeds): they catch a controller that became worse.
Each comment says what was reached when the floor was set, over nine seeds: goodput /
refusals per accept.
"""

from __future__ import annotations

import math
from statistics import median

import pytest

from benchmarks._regimes import capped, table
from benchmarks._services import Cap, Outage, Service
from benchmarks._simulation import Play, oracle, play
from liangxin_async._core.limit import Limiter

REGIMES = {regime.name: regime for regime in table(2.0)}
SEEDS = (1, 2, 3)

FLOORS = {
    # name: (floor of goodput, most refusals per accept)
    "A cap 10": (0.89, 0.28),  # 0.92 / 0.26
    "A cap 50": (0.925, 0.09),  # 0.94 / 0.08
    "A cap 200": (0.96, 0.07),  # 0.97 / 0.05
    "B bucket 20/10 s": (0.96, 0.48),  # 0.99 / 0.39
    "B window 20/10 s": (0.99, 0.55),  # 1.00 / 0.50
    "C steps 50 10 100": (0.86, 0.12),  # 0.88 / 0.10
    "C sine 10-100": (0.89, 0.17),  # 0.91 / 0.15
    "D random tenth": (0.89, 0.21),  # 0.91 / 0.20
    "D outages": (0.895, 0.12),  # 0.91 / 0.10
}


def alone(service: Service, *, seed: int, until: float) -> Play:
    """One session with endless work."""
    return play(service, [Limiter()], seed=seed, until=until)


def four(service: Service, *, seed: int, until: float) -> Play:
    """Four sessions of one account, each with endless work."""
    return play(service, [Limiter() for _ in range(4)], seed=seed, until=until)


@pytest.mark.parametrize("name", FLOORS)
def test_limit_goodput_and_refusals(name: str) -> None:
    """Most of what the service would take is used, and few creates are refused."""
    regime, (goodput, refusals) = REGIMES[name], FLOORS[name]
    shares, refused = [], []
    for seed in SEEDS:
        played = alone(regime.service, seed=seed, until=regime.until)
        best = oracle(regime.service, seed=seed, until=regime.until)
        shares.append(played.count() / len(best))
        refused.append(played.refusals_per_accept)
    assert median(shares) >= goodput
    assert median(refused) <= refusals


def test_limit_sharing() -> None:
    """Four sessions of one account share a cap of 40, and use it."""
    shares, refused, fair = [], [], []
    for seed in SEEDS:
        played = four(capped(40), seed=seed, until=60.0)
        best = oracle(capped(40), seed=seed, until=60.0)
        shares.append(played.count() / len(best))
        refused.append(played.refusals_per_accept)
        fair.append(played.fairness(30.0))
    assert median(shares) >= 0.93  # 0.95
    assert median(refused) <= 0.24  # 0.20
    assert median(fair) >= 0.8  # 0.95, and 0.89 over twenty other seeds


def test_limit_latecomers_get_their_share() -> None:
    """No session is starved: the poorest of four gets a fair part of its quarter."""
    for seed in SEEDS:
        played = four(capped(40), seed=seed, until=60.0)
        shares = [sum(at >= 30.0 for at in client) for client in played.accepted]
        assert min(shares) >= 0.3 * sum(shares) / len(shares)  # 0.65 on average


def test_limit_follows_a_cap_at_once() -> None:
    """90 % of a cap ten times higher is used within 5 median durations."""
    regime = REGIMES["C steps 50 10 100"]
    step = 2 * regime.until / 3
    for seed in SEEDS:
        played = alone(regime.service, seed=seed, until=regime.until)
        reached = next(at for at, n in played.running if at >= step and n >= 90)
        assert reached - step <= 5 * regime.service.median


def test_limit_no_limit() -> None:
    """Where nothing is refused, 2,000 tasks take little longer than all at once."""
    ours = play(Service(), [Limiter()], seed=1, until=math.inf, tasks=2000)
    best = play(Service(), [Limiter(limit=2000.0)], seed=1, until=math.inf, tasks=2000)
    assert not ours.refused
    assert ours.count() == best.count() == 2000
    assert ours.last_end <= 1.06 * best.last_end


STORM = Service(
    rules=lambda: (Cap(lambda _: 50), Outage(lambda now: 10 <= now < 70)),
)


@pytest.mark.parametrize("clients", [1, 4])
def test_limit_storm(clients: int) -> None:
    """60 s of nothing but 429: a few probes a second at most, and back in 30 s."""
    for seed in SEEDS:
        everybody = [Limiter() for _ in range(clients)]
        played = play(STORM, everybody, seed=seed, until=110.0)
        best = oracle(STORM, seed=seed, until=110.0)
        probes = sum(15 <= at < 70 for at in played.refused) / 55
        assert probes <= clients * 1.0
        after = played.count(80.0, 100.0) / sum(80 <= at < 100 for at in best)
        assert after >= 0.9


def test_limit_service_full_of_others() -> None:
    """A service that is full for a minute takes our first create soon after it opens."""
    service = Service(rules=lambda: (Outage(lambda now: now < 60.0), Cap(lambda _: 20)))
    played = alone(service, seed=1, until=70.0)
    assert 60.0 <= played.accepted[0][0] < 63.0
