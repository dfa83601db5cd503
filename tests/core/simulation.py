"""A service and its clients in virtual time, to see what a `Limiter` achieves.

A discrete-event simulation: a heap of (instant, action), no clock, no event loop. Each
client has endless work and one `Limiter`; the service admits or refuses each create by
a rule. Seconds everywhere; every random number comes from one seeded generator.

What is measured against is the oracle: a client that knows when a create would be
accepted, sends none that would not be, and has no way to go.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Iterable
from statistics import median
from typing import Protocol

from attrs import define, field, frozen

from liangxin_async._core.limit import Limiter

ROUND_TRIP = 0.01  # of a create
SPREAD = 0.5  # of the log of durations; measured generation services are near it
LAG = 0.2  # most a client needs to see an end, as a share of the task's duration


# ------------------------------------------------------------------ what is admitted


class Rule(Protocol):
    """One reason to refuse."""

    def admits(self, now: float, running: int) -> bool:
        """Whether one more create is taken, `running` tasks being in flight."""
        ...

    def take(self, now: float) -> None:
        """A create was taken."""
        ...


@define
class Cap:
    """At most so many tasks in flight; the number may change with time."""

    at: Callable[[float], float]

    def admits(self, now: float, running: int) -> bool:
        return running < self.at(now)

    def take(self, now: float) -> None:
        pass


@define
class Bucket:
    """Creates per time as a token bucket."""

    size: float
    per_second: float
    tokens: float = field(init=False)
    filled: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.tokens = self.size

    def admits(self, now: float, running: int) -> bool:
        more = (now - self.filled) * self.per_second
        self.tokens, self.filled = min(self.size, self.tokens + more), now
        return self.tokens >= 1

    def take(self, now: float) -> None:
        self.tokens -= 1


@define
class Window:
    """Creates per time as a sliding window."""

    size: int
    span: float
    taken: deque[float] = field(factory=deque)

    def admits(self, now: float, running: int) -> bool:
        while self.taken and self.taken[0] <= now - self.span:
            self.taken.popleft()
        return len(self.taken) < self.size

    def take(self, now: float) -> None:
        self.taken.append(now)


@define
class Outage:
    """Nothing is taken while `down` holds."""

    down: Callable[[float], bool]

    def admits(self, now: float, running: int) -> bool:
        return not self.down(now)

    def take(self, now: float) -> None:
        pass


@define
class Luck:
    """A share of creates is refused for no reason."""

    share: float
    rand: random.Random

    def admits(self, now: float, running: int) -> bool:
        return self.rand.random() >= self.share

    def take(self, now: float) -> None:
        pass


@frozen(kw_only=True)
class Service:
    """A kind of service.

    Attributes:
        rules: makes the rules afresh for each play; all must admit.
        duration: median duration of a task.
        luck: share of creates that is refused at random. The oracle is spared it.
    """

    rules: Callable[[], Iterable[Rule]] = tuple
    duration: float = 2.0
    luck: float = 0.0


# -------------------------------------------------------------------------- the play


@frozen(kw_only=True)
class Play:
    """What happened.

    Attributes:
        accepted: instants of accepted creates, for each client.
        refused: instants of refused creates, of all clients.
        limits: the limit of each client at the end.
    """

    accepted: tuple[tuple[float, ...], ...]
    refused: tuple[float, ...]
    limits: tuple[float, ...]

    def count(self, begin: float = 0.0, end: float = math.inf) -> int:
        """Creates accepted from `begin` to `end`."""
        return sum(begin <= at < end for client in self.accepted for at in client)

    @property
    def refusals_per_accept(self) -> float:
        return len(self.refused) / max(1, self.count())

    def fairness(self, begin: float) -> float:
        """Jain's index of what the clients got from `begin` on: 1 is equal shares."""
        shares = [sum(at >= begin for at in client) for client in self.accepted]
        squares = sum(share * share for share in shares)
        return sum(shares) ** 2 / (len(shares) * squares) if squares else 0.0


@define(eq=False)
class _Client:
    limiter: Limiter = field(factory=Limiter)
    accepted: list[float] = field(factory=list)
    woken_at: float | None = None


@define(eq=False)
class Simulation:
    """One play of `clients` limiters against a service."""

    service: Service
    rand: random.Random
    clients: list[_Client]
    rules: tuple[Rule, ...]
    now: float = 0.0
    running: int = 0
    refused: list[float] = field(factory=list)
    _events: list[tuple[float, int, Callable[[], None]]] = field(factory=list)
    _planned: int = 0

    def play(self, until: float) -> Play:
        """Run to the instant `until`."""
        for client in self.clients:
            self._send(client)
        while self._events and self._events[0][0] < until:
            self.now, _, action = heapq.heappop(self._events)
            action()
        return Play(
            accepted=tuple(tuple(client.accepted) for client in self.clients),
            refused=tuple(self.refused),
            limits=tuple(client.limiter.limit for client in self.clients),
        )

    def _after(self, delay: float, action: Callable[[], None]) -> None:
        self._planned += 1  # ties are played in the order in which they were planned
        heapq.heappush(self._events, (self.now + delay, self._planned, action))

    def _send(self, client: _Client) -> None:
        """Start what the limiter allows, and be back when it will allow more."""
        limiter = client.limiter
        while limiter.room(self.now):
            limiter.start()
            started = self.now
            self._after(ROUND_TRIP / 2, lambda at=started: self._arrive(client, at))
        wake = limiter.wake_at()
        if wake is not None and wake > self.now and wake != client.woken_at:
            client.woken_at = wake
            self._after(wake - self.now, lambda: self._send(client))

    def _arrive(self, client: _Client, started: float) -> None:
        """A create reaches the service."""
        if all(rule.admits(self.now, self.running) for rule in self.rules):
            for rule in self.rules:
                rule.take(self.now)
            self.running += 1
            duration = draw_duration(self.service, self.rand)
            self._after(duration, self._end)
            seen = duration * (1 + self.rand.random() * LAG)
            self._after(seen, lambda: self._seen(client))
            client.accepted.append(self.now)
            self._after(ROUND_TRIP / 2, lambda: self._accepted(client))
        else:
            self.refused.append(self.now)
            self._after(ROUND_TRIP / 2, lambda: self._refused(client, started))

    def _end(self) -> None:
        self.running -= 1

    def _seen(self, client: _Client) -> None:
        client.limiter.release(self.now)
        self._send(client)

    def _accepted(self, client: _Client) -> None:
        client.limiter.accept()
        self._send(client)

    def _refused(self, client: _Client, started: float) -> None:
        client.limiter.refuse(self.now, started)
        self._send(client)


def play(service: Service, *, seed: int, until: float, clients: int = 1) -> Play:
    """Play `service` with so many clients from 0 to `until`."""
    rand = random.Random(seed)
    rules = (*service.rules(), Luck(service.luck, rand))
    everybody = [_Client() for _ in range(clients)]
    return Simulation(service, rand, everybody, rules).play(until)


def draw_duration(service: Service, rand: random.Random) -> float:
    """Return a lognormal duration around the service's median."""
    return service.duration * math.exp(SPREAD * rand.gauss(0, 1))


# ------------------------------------------------------------------------ the oracle

STEP = 0.005  # seconds between two looks of the oracle


def oracle(service: Service, *, seed: int, until: float) -> tuple[float, ...]:
    """Return the instants at which an all-knowing client has creates accepted."""
    rand = random.Random(seed)
    rules = tuple(service.rules())
    ends: list[float] = []
    accepted: list[float] = []
    for step in range(int(until / STEP)):
        now = step * STEP
        while ends and ends[0] <= now:
            heapq.heappop(ends)
        while all(rule.admits(now, len(ends)) for rule in rules):
            for rule in rules:
                rule.take(now)
            accepted.append(now)
            heapq.heappush(ends, now + draw_duration(service, rand))
    return tuple(accepted)


# ----------------------------------------------------------------- several plays


@frozen
class Summary:
    """Medians over several seeds.

    Attributes:
        goodput: accepted creates as a share of the oracle's.
        refusals: refused creates per accepted one.
        fairness: Jain's index over the second half of the play.
    """

    goodput: float
    refusals: float
    fairness: float


def summarise(
    service: Service,
    *,
    until: float = 40.0,
    clients: int = 1,
    seeds: Iterable[int] = (1, 2, 3),
) -> Summary:
    """Play with each seed and return the medians."""
    goodputs, refusals, fairness = [], [], []
    for seed in seeds:
        played = play(service, seed=seed, until=until, clients=clients)
        best = oracle(service, seed=seed + 1000, until=until)
        goodputs.append(played.count() / len(best))
        refusals.append(played.refusals_per_accept)
        fairness.append(played.fairness(until / 2))
    return Summary(median(goodputs), median(refusals), median(fairness))
