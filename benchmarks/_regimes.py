"""The kinds of service that a 429 can stand for, for the benchmark `capacity`.

The constants of the controller were searched with `table` (and other seeds than those
that are reported). `held_out` was looked at on the way, to see whether it does as well
elsewhere: other caps, windows, durations, round trips, shares of luck.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from attrs import field, frozen

from benchmarks._services import Bucket, Cap, Outage, Rule, Service, Window

Curve = Callable[[float], float]

MEDIANS = 20.0  # length of a play, in median durations of a task
FREE = (200, 2000)  # tasks of a play without any limit


@frozen(kw_only=True, eq=False)
class Regime:
    """A kind of service, and what is wanted there.

    Attributes:
        name: as in the table.
        service: what it is like.
        clients: sessions that share it.
        tuned: size of a semaphore that somebody who knows the service would choose.
        steps: whether the cap goes from 50 to 10 to 100.
        queries: queries that are answered per second, or None; in real time only.
        goodput: wanted share of the oracle's accepted creates, or None.
        after: the same after the first 10 s.
        refusals: wanted number of refusals per accept, at most, or None.
        until: seconds of a play.
    """

    name: str
    service: Service
    clients: int = 1
    tuned: int = 50
    steps: bool = False
    queries: float | None = None
    goodput: float | None = None
    after: float | None = None
    refusals: float | None = None
    until: float = field()

    @until.default
    def _until(self) -> float:
        return MEDIANS * self.service.median

    def wanted(self) -> Iterator[tuple[str, float, int]]:
        """Figures, what is wanted of them, and 1 for at least, -1 for at most."""
        fairness = 0.95 if self.clients > 1 else None
        up, down = (5.0, 1.0) if self.steps else (None, None)
        for figure, value, sign in (
            ("goodput", self.goodput, 1),
            ("after 10 s", self.after, 1),
            ("refusals/accept", self.refusals, -1),
            ("Jain, last half", fairness, 1),
            ("up, medians", up, -1),
            ("down, medians", down, -1),
        ):
            if value is not None:
                yield figure, value, sign


def steps(until: float) -> Curve:
    """50, then suddenly 10, then suddenly 100; a third of the play each."""
    return lambda now: (50, 10, 100)[min(2, int(3 * now / until))]


def swing(until: float) -> Curve:
    """Between 10 and 100, twice in a play."""
    return lambda now: 55 + 45 * math.sin(4 * math.pi * now / until)


def is_down(now: float) -> bool:
    """Up 10 s, down 1 s."""
    return now % 11 >= 10


def capped(
    cap: float | Curve,
    *more: Rule,
    median: float = 2.0,
    sigma: float = 0.5,
    luck: float = 0.0,
    round_trip: float = 0.01,
) -> Service:
    """A cap on tasks in flight; `more` rules must be without state of their own."""
    curve: Curve = cap if callable(cap) else lambda _: cap
    return Service(
        rules=lambda: (Cap(curve), *more),
        median=median,
        sigma=sigma,
        luck=luck,
        round_trip=round_trip,
    )


def bucket(size: int, span: float, median: float = 2.0) -> Service:
    """So many creates per `span` seconds, as a token bucket."""
    return Service(rules=lambda: (Bucket(size, size / span),), median=median)


def window(size: int, span: float, median: float = 2.0) -> Service:
    """So many creates in any `span` seconds."""
    return Service(rules=lambda: (Window(size, span),), median=median)


def table(median: float) -> tuple[Regime, ...]:
    """The regimes A to E, with tasks of this median duration."""
    return (*_steady(median), *_changing(MEDIANS * median, median), *_rough(median))


def _steady(median: float) -> Iterator[Regime]:
    """A cap (A), and creates per time (B)."""
    for cap, goodput, after, refusals in (
        (10, 0.92, None, 0.25),
        (50, 0.93, 0.97, 0.08),
        (200, 0.93, 0.97, 0.08),
    ):
        yield Regime(
            name=f"A cap {cap}",
            service=capped(cap, median=median),
            tuned=cap,
            goodput=goodput,
            after=after,
            refusals=refusals,
        )
    for kind, make, goodput in (("bucket", bucket, 0.97), ("window", window, 0.93)):
        yield Regime(
            name=f"B {kind} 20/10 s",
            service=make(20, 10.0, median),
            tuned=max(1, round(2.0 * median)),
            goodput=goodput,
            refusals=0.6,
        )


def _changing(until: float, median: float) -> Iterator[Regime]:
    """A cap that changes (C)."""
    for name, curve in (("steps 50 10 100", steps), ("sine 10-100", swing)):
        yield Regime(
            name=f"C {name}",
            service=capped(curve(until), median=median),
            steps=curve is steps,
            goodput=0.89,
            refusals=0.15,
        )


def _rough(median: float) -> Iterator[Regime]:
    """Refusals that have nothing to do with load (D), and other clients (E)."""
    for name, service in (
        ("random tenth", capped(50, median=median, luck=0.1)),
        ("outages", capped(50, Outage(is_down), median=median)),
    ):
        yield Regime(name=f"D {name}", service=service, goodput=0.90, refusals=0.35)
    yield Regime(
        name="E four share 40",
        service=capped(40, median=median),
        clients=4,
        tuned=10,
        goodput=0.94,
        refusals=0.2,
    )


def held_out() -> tuple[Regime, ...]:
    """Regimes that nothing was tuned with."""
    variants: dict[str, Service] = {
        **{f"cap {cap}": capped(cap) for cap in (5, 25, 120)},
        **{f"cap 50, tasks of {it:g} s": capped(50, median=it) for it in (0.5, 30.0)},
        **{f"cap 50, sigma {it:g}": capped(50, sigma=it) for it in (0.3, 1.0)},
        **{
            f"cap 50, round trip {it:g} s": capped(50, round_trip=it)
            for it in (0.1, 0.4)
        },
        **{
            f"cap 50, {it:.0%} refused at random": capped(50, luck=it)
            for it in (0.03, 0.2)
        },
        "window 10/2 s": window(10, 2.0),
        "window 100/10 s": window(100, 10.0),
        "steps 20 80 40": capped(_other_steps),
    }
    return (
        *(Regime(name=name, service=service) for name, service in variants.items()),
        Regime(name="bucket 60/60 s", service=bucket(60, 60.0), until=120.0),
        Regime(name="window 60/60 s", service=window(60, 60.0), until=240.0),
        Regime(name="sine 10-100 in 60 s", service=capped(_slow_swing), until=120.0),
        Regime(name="ten share 60", service=capped(60), clients=10),
        Regime(
            name="two share 100, a tenth at random",
            service=capped(100, luck=0.1),
            clients=2,
        ),
    )


def _other_steps(now: float) -> float:
    return (20, 80, 40)[int(now / 9) % 3]


def _slow_swing(now: float) -> float:
    return 55 + 45 * math.sin(2 * math.pi * now / 60)


# One query per second is half of what the poller would like for this many tasks.
QUERIES = Regime(
    name="G one query per second",
    service=capped(4, median=8.0),
    queries=1.0,
    until=80.0,
)


def sockets(name: str) -> Regime:
    """Return the regime with this name, of those that are played in real time."""
    (regime,) = (it for it in (*table(2.0), QUERIES) if it.name == name)
    return regime
