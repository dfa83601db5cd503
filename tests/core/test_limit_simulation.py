"""What `Limiter` achieves against the kinds of service that 429 can stand for.

The floors are a margin below what is reached today (medians over three seeds): they
catch a controller that became worse, and leave room to tune. Each comment says what
was reached when the floor was set: goodput / refusals per accept / fairness.
"""

from __future__ import annotations

import math

import pytest

from tests.core.simulation import (
    Bucket,
    Cap,
    Outage,
    Rule,
    Service,
    Window,
    oracle,
    play,
    summarise,
)


def steps(now: float) -> float:
    """50, then suddenly 10, then suddenly 100."""
    return (50, 10, 100)[min(2, int(now / 13.4))]


def swing(now: float) -> float:
    """Between 10 and 100, once in 20 s."""
    return 55 + 45 * math.sin(2 * math.pi * now / 20)


def capped(cap: int, *more: Rule, luck: float = 0.0) -> Service:
    """A cap on tasks in flight; `more` rules must be without state of their own."""
    return Service(rules=lambda: (Cap(lambda _: cap), *more), luck=luck)


SERVICES = {
    # name: (service, floor of goodput, most refusals per accept)
    "cap 10": (capped(10), 0.80, 0.40),  # 0.91 / 0.26
    "cap 50": (capped(50), 0.85, 0.12),  # 0.94 / 0.07
    "cap 200": (capped(200), 0.85, 0.06),  # 0.93 / 0.03
    "20 in 10 s, bucket": (  # 1.00 / 0.55
        Service(rules=lambda: (Bucket(20, 2.0),)),
        0.90,
        0.90,
    ),
    "20 in 10 s, window": (  # 1.00 / 0.43
        Service(rules=lambda: (Window(20, 10.0),)),
        0.92,
        0.65,
    ),
    "cap in steps": (  # 0.72 / 0.08
        Service(rules=lambda: (Cap(steps),)),
        0.64,
        0.15,
    ),
    "cap that swings": (  # 0.74 / 0.15
        Service(rules=lambda: (Cap(swing),)),
        0.66,
        0.25,
    ),
    "a tenth refused at random": (  # 0.86 / 0.14
        capped(50, luck=0.1),
        0.70,
        0.22,
    ),
    "down 1 s in 11": (  # 0.91 / 0.07
        capped(50, Outage(lambda now: now % 11 >= 10)),
        0.80,
        0.13,
    ),
}


@pytest.mark.parametrize("name", SERVICES)
def test_limit_goodput_and_refusals(name: str) -> None:
    """Most of what the service would take is used, and few creates are refused."""
    service, goodput, refusals = SERVICES[name]
    reached = summarise(service)
    assert reached.goodput >= goodput
    assert reached.refusals <= refusals


def test_limit_sharing() -> None:
    """Four sessions of one account share a cap of 40 fairly, and use it."""
    reached = summarise(capped(40), until=60.0, clients=4)
    assert reached.goodput >= 0.86  # 0.94
    assert reached.refusals <= 0.42  # 0.29
    assert reached.fairness >= 0.88  # 0.96


def test_limit_latecomers_get_their_share() -> None:
    """No session is starved: the poorest of four gets a fair part of its quarter."""
    for seed in (1, 2, 3):
        played = play(capped(40), seed=seed, until=60.0, clients=4)
        shares = [sum(at >= 30.0 for at in client) for client in played.accepted]
        assert min(shares) >= 0.4 * sum(shares) / len(shares)


def test_limit_no_limit() -> None:
    """Where nothing is refused the limit doubles until thousands are in flight."""
    played = play(Service(), seed=1, until=15.0)
    assert not played.refused
    assert min(played.limits) >= 1000
    assert played.count(0.0, 5.0) >= 30  # 4, 8, 16 … in rounds of a task's duration


STORM = capped(50, Outage(lambda now: 10 <= now < 70))


@pytest.mark.parametrize("clients", [1, 4])
def test_limit_storm(clients: int) -> None:
    """60 s of nothing but 429: a few probes a second at most, and back in 30 s."""
    for seed in (1, 2, 3):
        played = play(STORM, seed=seed, until=110.0, clients=clients)
        best = oracle(STORM, seed=seed, until=110.0)
        probes = sum(15 <= at < 70 for at in played.refused) / 55
        assert probes <= clients * 1.0
        after = played.count(90.0, 110.0) / sum(90 <= at < 110 for at in best)
        assert after >= 0.75


def test_limit_service_full_of_others() -> None:
    """A service that is full for a minute takes our first create soon after it opens."""
    service = Service(rules=lambda: (Outage(lambda now: now < 60.0), Cap(lambda _: 20)))
    played = play(service, seed=1, until=70.0)
    assert 60.0 <= played.accepted[0][0] < 66.0
