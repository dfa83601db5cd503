"""A service and its clients in virtual time, to see what a controller achieves.

A discrete-event simulation: a heap of events, no clock, no event loop. Each client has
endless work and one policy; the service admits or refuses each create by its rules.
Seconds everywhere. What chance decides comes from seeded generators, one for each
purpose, so that the nth accepted task takes equally long whoever sends it.

What is measured against is the oracle: a client that is told the instant at which a
create would be accepted, sends none that would not be, and has no way to go.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable
from random import Random
from typing import Protocol

from attrs import define, field, frozen

from benchmarks._services import Rule, Service

STEP = 0.005  # seconds between two looks of the oracle


# ------------------------------------------------------------------------ the clients


class Policy(Protocol):
    """Decides when a client sends. `_core.limit.Limiter` is one."""

    @property
    def limit(self) -> float:
        """Most creates and tasks that it would have in flight now."""
        ...

    def room(self, now: float) -> int:
        """How many creates may start at `now`."""
        ...

    def wake_at(self) -> float | None:
        """The next instant at which there may be more room without any event."""
        ...

    def start(self) -> None: ...

    def accept(self, now: float) -> None: ...

    def refuse(self, now: float, started: float) -> None: ...

    def release(self, now: float) -> None: ...


@define(eq=False)
class _Client:
    policy: Policy
    accepted: list[float] = field(factory=list)
    refused: list[float] = field(factory=list)
    limits: list[tuple[float, float]] = field(factory=list)
    woken_at: float | None = None


@frozen(kw_only=True)
class Play:
    """What happened.

    Attributes:
        accepted: instants of accepted creates, for each client.
        refused: instants of refused creates, of all clients.
        running: tasks in flight at the service, as (instant, number) at each change.
        limits: limit of each client, as (instant, limit) after each answer.
        last_end: instant at which the last task was seen to end.
    """

    accepted: tuple[tuple[float, ...], ...]
    refused: tuple[float, ...]
    running: tuple[tuple[float, int], ...]
    limits: tuple[tuple[tuple[float, float], ...], ...]
    last_end: float

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
class _Simulation:
    """One play of some clients against a service."""

    service: Service
    clients: list[_Client]
    rules: tuple[Rule, ...]
    durations: Random
    lags: Random
    luck: Random
    tasks: float
    now: float = 0.0
    in_flight: int = 0
    last_end: float = 0.0
    running: list[tuple[float, int]] = field(factory=list)
    _events: list[tuple[float, int, Callable[[], None]]] = field(factory=list)
    _planned: int = 0

    def play(self, until: float) -> Play:
        for client in self.clients:
            self._send(client)
        while self._events and self._events[0][0] < until:
            self.now, _, action = heapq.heappop(self._events)
            action()
        refused = sorted(at for client in self.clients for at in client.refused)
        return Play(
            accepted=tuple(tuple(client.accepted) for client in self.clients),
            refused=tuple(refused),
            running=tuple(self.running),
            limits=tuple(tuple(client.limits) for client in self.clients),
            last_end=self.last_end,
        )

    def _after(self, delay: float, action: Callable[[], None]) -> None:
        self._planned += 1  # ties are played in the order in which they were planned
        heapq.heappush(self._events, (self.now + delay, self._planned, action))

    def _send(self, client: _Client) -> None:
        """Start what the policy allows, and be back when it will allow more."""
        policy = client.policy
        while self.tasks > 0 and policy.room(self.now) > 0:
            self.tasks -= 1
            policy.start()
            started = self.now
            self._after(
                self.service.round_trip / 2,
                lambda at=started: self._arrive(client, at),  # type: ignore[misc]  # mypy infers no default
            )
        wake = policy.wake_at()
        if wake is not None and wake > self.now and wake != client.woken_at:
            client.woken_at = wake
            self._after(wake - self.now, lambda: self._send(client))

    def _arrive(self, client: _Client, started: float) -> None:
        """A create reaches the service."""
        back = self.service.round_trip / 2
        lucky = self.luck.random() >= self.service.luck
        if lucky and all(rule.admits(self.now, self.in_flight) for rule in self.rules):
            for rule in self.rules:
                rule.take(self.now)
            duration = _duration(self.service, self.durations)
            seen = duration * (1 + self.lags.random() * self.service.lag)
            client.accepted.append(self.now)
            self._count(+1)
            self._after(duration, lambda: self._count(-1))
            self._after(max(seen, back), lambda: self._seen(client))
            self._after(back, lambda: self._accepted(client))
        else:
            client.refused.append(self.now)
            self._after(back, lambda: self._refused(client, started))

    def _count(self, change: int) -> None:
        self.in_flight += change
        self.running.append((self.now, self.in_flight))

    def _seen(self, client: _Client) -> None:
        self.last_end = self.now
        client.policy.release(self.now)
        self._send(client)

    def _accepted(self, client: _Client) -> None:
        client.policy.accept(self.now)
        client.limits.append((self.now, client.policy.limit))
        self._send(client)

    def _refused(self, client: _Client, started: float) -> None:
        self.tasks += 1
        client.policy.refuse(self.now, started)
        client.limits.append((self.now, client.policy.limit))
        self._send(client)


def play(
    service: Service,
    policies: Iterable[Policy],
    *,
    seed: int,
    until: float,
    tasks: float = math.inf,
) -> Play:
    """Play `service` with one client per policy from 0 to `until`.

    Args:
        service: what the clients meet.
        policies: fresh ones.
        seed: of durations, lags and luck.
        until: seconds; infinite is possible where `tasks` is not.
        tasks: how many tasks there are to do in all.
    """
    return _Simulation(
        service,
        [_Client(policy) for policy in policies],
        tuple(service.rules()),
        durations=Random(f"durations {seed}"),
        lags=Random(f"lags {seed}"),
        luck=Random(f"luck {seed}"),
        tasks=tasks,
    ).play(until)


def _duration(service: Service, rand: Random) -> float:
    return rand.lognormvariate(math.log(service.median), service.sigma)


def oracle(service: Service, *, seed: int, until: float) -> tuple[float, ...]:
    """Return the instants at which an all-knowing client has creates accepted."""
    durations = Random(f"durations {seed}")
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
            heapq.heappush(ends, now + _duration(service, durations))
    return tuple(accepted)
