"""What people use instead of an adaptive gate, as policies of the simulation.

Each stands for a program that works through endless requests: `Loops` and `Tenacity`
with a fixed number of workers, each of which holds on to its request through refusals;
`Semaphore` with as many workers as the service is said to take; `Aimd` with the rule
of the textbook. None of them knows more than its answers, but for the size of the
semaphore. Seconds everywhere.
"""

from __future__ import annotations

import heapq
from random import Random

from attrs import define, field

WORKERS = 256  # coroutines of those who know no better number; above every cap here
SLEEP = 1.0  # between two tries of a hand-written loop
LONGEST_SLEEP = 60.0  # of tenacity: wait_random_exponential(multiplier=1, max=60)


@define
class Loops:
    """Workers that try again a second after each refusal."""

    workers: int = WORKERS
    idle: int = field(init=False)
    asleep: list[tuple[float, int]] = field(factory=list)  # (until, tries so far)
    _tries: list[int] = field(factory=list)  # of creates that start now, oldest first
    _under_way: list[int] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.idle = self.workers

    @property
    def limit(self) -> float:
        return self.workers

    def room(self, now: float) -> int:
        while self.asleep and self.asleep[0][0] <= now:
            self._tries.append(heapq.heappop(self.asleep)[1])
        return self.idle + len(self._tries)

    def wake_at(self) -> float | None:
        return self.asleep[0][0] if self.asleep else None

    def start(self) -> None:
        if self._tries:
            self._under_way.append(self._tries.pop(0))
        else:
            self.idle -= 1
            self._under_way.append(0)

    def accept(self, now: float) -> None:
        self._under_way.pop(0)  # answers come in the order of the creates

    def refuse(self, now: float, started: float) -> None:
        tries = self._under_way.pop(0) + 1
        heapq.heappush(self.asleep, (now + self.delay(tries), tries))

    def release(self, now: float) -> None:
        self.idle += 1

    def delay(self, tries: int) -> float:
        """Seconds until a create that was refused so often is sent again."""
        return SLEEP


@define
class Tenacity(Loops):
    """The same with exponential jitter, each request for itself."""

    rand: Random = field(factory=lambda: Random("tenacity"))

    def delay(self, tries: int) -> float:
        return self.rand.uniform(0.0, min(LONGEST_SLEEP, 2.0 ** (tries - 1)))


@define
class Aimd:
    """Additive increase, halving at a refusal, at most once per round trip."""

    limit: float = 1.0
    in_flight: int = 0
    pause_until: float = float("-inf")
    cut_at: float = float("-inf")

    def room(self, now: float) -> int:
        return 0 if now < self.pause_until else int(self.limit) - self.in_flight

    def wake_at(self) -> float | None:
        return self.pause_until

    def start(self) -> None:
        self.in_flight += 1

    def accept(self, now: float) -> None:
        self.limit += 1.0 / self.limit

    def refuse(self, now: float, started: float) -> None:
        self.in_flight -= 1
        if started >= self.cut_at:
            self.cut_at = now
            self.limit = max(1.0, self.limit / 2)
            self.pause_until = now + SLEEP / 10

    def release(self, now: float) -> None:
        self.in_flight -= 1
