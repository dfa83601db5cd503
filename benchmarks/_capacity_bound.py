"""A client that knows all but the ends: near the best that is possible with a lag.

It is told the cap at every instant, the mean duration of a task and the mean lag, and
keeps the probability of each number of ended tasks whose end it has not seen (a hidden
Markov chain: ends come at the rate of what runs, and are seen at the rate of the lag;
accepts, refusals and seen ends are its observations). It sends when a place is free
with at least a given probability. Each such threshold buys goodput with refusals, so
that the best threshold within a number of refusals shows what a target leaves.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from attrs import define, field

_STEP = 0.02  # seconds; longest step of the chain
_LOOK = 0.01  # seconds between two looks while nothing happens
_TINY = 1e-9


@define(kw_only=True)
class Informed:
    """See the module. One create at a time is under way.

    Attributes:
        cap: tasks that the service takes at an instant.
        mean: mean duration of a task, seconds.
        lag: mean time until an end is seen, seconds.
        sure: least probability of a free place at which a create is sent.
    """

    cap: Callable[[float], float]
    mean: float
    lag: float
    sure: float
    in_flight: int = 0  # accepted and not seen to end
    awaiting: bool = False
    now: float = 0.0
    _unseen: list[float] = field(factory=lambda: [1.0])  # probability of each number

    @property
    def limit(self) -> float:
        return math.inf

    def room(self, now: float) -> int:
        if self.awaiting:
            return 0
        self._move(now)
        return int(self._free() >= self.sure)

    def wake_at(self) -> float | None:
        return self.now + _LOOK

    def start(self) -> None:
        self.awaiting = True

    def accept(self, now: float) -> None:
        self._move(now)
        self.awaiting = False
        least = self._least()
        self._keep(lambda unseen: unseen >= least, otherwise=least)
        self.in_flight += 1

    def refuse(self, now: float, started: float) -> None:
        self._move(now)
        self.awaiting = False
        most = max(0, self._least() - 1)
        self._keep(lambda unseen: unseen <= most, otherwise=most)

    def release(self, now: float) -> None:
        self._move(now)
        self.in_flight -= 1
        weighed = [unseen * share for unseen, share in enumerate(self._unseen)][1:]
        self._unseen = _normal(weighed) if sum(weighed) > 0 else [1.0]

    def _least(self) -> int:
        """Fewest unseen ends with which one more create would be taken."""
        return max(0, self.in_flight + 1 - math.ceil(self.cap(self.now)))

    def _free(self) -> float:
        return sum(self._unseen[self._least() :])

    def _keep(self, holds: Callable[[int], bool], *, otherwise: int) -> None:
        kept = [p if holds(unseen) else 0.0 for unseen, p in enumerate(self._unseen)]
        if sum(kept) <= 0:  # it was surprised: start anew from the only thing known
            kept = [0.0] * otherwise + [1.0]
        self._unseen = _normal(kept)

    def _move(self, now: float) -> None:
        """Let ends come, and weigh that none was seen meanwhile."""
        steps = math.ceil((now - self.now) / _STEP)
        span = (now - self.now) / steps if steps > 0 else 0.0
        for _ in range(steps):
            after = [0.0] * (len(self._unseen) + 1)
            for unseen, share in enumerate(self._unseen):
                running = max(0, self.in_flight - unseen)
                ends = min(0.9, running * span / self.mean)
                share *= math.exp(-unseen * span / self.lag)
                after[unseen] += share * (1 - ends)
                after[unseen + 1] += share * ends
            self._unseen = _normal(after)
        self.now = now


def _normal(shares: list[float]) -> list[float]:
    whole = sum(shares)
    while len(shares) > 1 and shares[-1] < _TINY * whole:
        shares.pop()
    return [share / whole for share in shares]
