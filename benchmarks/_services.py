"""What a service admits, as rules that the simulation and the server share.

Instants are seconds since the play began.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from attrs import define, field, frozen

LAG = 0.2  # most a client needs to see an end, as a share of the task's duration


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


@frozen(kw_only=True)
class Service:
    """A kind of service.

    Attributes:
        rules: makes the rules afresh for each play; all must admit.
        median: median duration of a task.
        sigma: spread of the logarithm of the duration; measured ones are near 0.5.
        luck: share of creates that is refused at random. The oracle is spared it.
        round_trip: seconds from a create to its answer.
        lag: most a client needs to see an end, as a share of the task's duration.
    """

    rules: Callable[[], Iterable[Rule]] = tuple
    median: float = 2.0
    sigma: float = 0.5
    luck: float = 0.0
    round_trip: float = 0.01
    lag: float = LAG
