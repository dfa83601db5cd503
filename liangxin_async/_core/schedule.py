"""When to ask about which task.

Pure: ages and delays are float seconds, instants monotonic; nothing here waits.

Three decisions. `next_delay`: how long until a task is worth a query, from how long
its model usually takes. `Agenda`: which tasks are due, a heap in which a task has at
most one valid entry. `QueryBudget`: how fast queries may follow each other, which
learns from 429 answers to recordInfo itself.

Durations of one model are taken as lognormal, which the measured times of generation
services are close to. A task is asked about when the chance that it ended since the
last query reaches `Polling.likelihood`: seldom while an end is unlikely, closely around
the usual time. Past the usual times, and while nothing is known, the interval is a
share of the age, so that the lag stays in proportion whatever the model's pace.
"""

from __future__ import annotations

import heapq
from collections import deque
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from liangxin_async._config import Polling
    from liangxin_async._core.pace import Pace

def next_delay(age: float, pace: Pace | None, polling: Polling) -> float:
    """Return seconds until a task of this `age` is worth a query.

    Args:
        age: seconds since it was accepted.
        pace: what is known about its model, or None.
        polling: the user's settings; its floor and ceiling bound the answer.
    """
    due = None if pace is None else pace.next_age(age)
    if due is not None:
        delay = due - age
    elif age < polling.first:
        delay = polling.first - age
    else:
        delay = polling.growth * age
    return min(polling.ceiling, max(polling.floor, delay))


@define
class Agenda:
    """Which task is due when. Keys are task ids; instants are the caller's."""

    _due: dict[str, float] = field(factory=dict)
    _heap: list[tuple[float, str]] = field(factory=list)

    def set(self, key: str, due: float) -> None:
        """Put `key` at `due`, in place of any earlier date."""
        self._due[key] = due
        heapq.heappush(self._heap, (due, key))

    def discard(self, key: str) -> None:
        """Forget `key`, if it is there."""
        self._due.pop(key, None)

    def next_due(self) -> float | None:
        """The earliest date, or None when nothing is planned."""
        while self._heap:
            due, key = self._heap[0]
            if self._due.get(key) == due:
                return due
            heapq.heappop(self._heap)  # overtaken by a later `set` or `discard`
        return None

    def pop_due(self, now: float) -> str | None:
        """Take out the task that has been due longest at `now`, if there is one."""
        due = self.next_due()
        if due is None or due > now:
            return None
        _, key = heapq.heappop(self._heap)
        del self._due[key]
        return key

    def __len__(self) -> int:
        return len(self._due)


_SLOWEST = 0.5  # queries per second; slower would look like giving up
_BACK_OFF = 0.5  # share of the rate kept after a refusal
_CATCH_UP = 1.5  # per answered query, far below the rate before the refusals
_SPEED_UP = 1.03  # per answered query: doubles in 24 answers
_FREE_ABOVE = 1000.0  # queries per second at which a learned limit is dropped
_LONGEST_PAUSE = 60.0  # seconds; a longer Retry-After is obeyed in several steps


@define
class QueryBudget:
    """How fast queries may follow each other. `rate` None is without limit.

    Attributes:
        ceiling: queries per second that are never exceeded, or None.
        rate: queries per second allowed now, or None.
    """

    ceiling: float | None
    rate: float | None = field(init=False)
    _next: float = field(init=False, default=float("-inf"))
    _recent: deque[float] = field(init=False, factory=lambda: deque(maxlen=32))
    _last_refusal: float = field(init=False, default=float("-inf"))
    _fine: float = field(init=False, default=0.0)  # rate before the last refusals
    _in_a_row: int = field(init=False, default=0)  # cuts since the last answer

    def __attrs_post_init__(self) -> None:
        self.rate = self.ceiling

    def ready_at(self) -> float:
        """The instant from which the next query may start."""
        return self._next

    def spend(self, now: float) -> None:
        """A query starts at `now`."""
        self._recent.append(now)
        if self.rate is not None:
            # A short burst may catch up with the rate; an idle hour may not.
            burst = 4 / self.rate
            self._next = max(self._next, now - burst) + 1 / self.rate

    def answered(self) -> None:
        """A query was answered normally."""
        self._in_a_row = 0
        if self.rate is None:
            return
        # What was fine before a storm is probably fine again: half of it, quickly.
        self.rate *= _CATCH_UP if self.rate < self._fine / 2 else _SPEED_UP
        if self.ceiling is not None:
            self.rate = min(self.rate, self.ceiling)
        elif self.rate > _FREE_ABOVE:
            self.rate = None

    def refused(self, now: float, started: float, retry_after: float | None) -> None:
        """A query that began at `started` was refused with 429."""
        pause = min(retry_after or 0.0, _LONGEST_PAUSE)
        if started >= self._last_refusal:  # one cut per burst of refusals
            self._last_refusal = now
            if not self._in_a_row:
                self._fine = self._measured(now)
            self._in_a_row += 1
            rate = max(_SLOWEST, self._measured(now) * _BACK_OFF)
            self.rate = rate if self.ceiling is None else min(rate, self.ceiling)
        if self.rate is not None:
            pause = max(pause, 1 / self.rate)
        self._next = max(self._next, now + pause)

    def _measured(self, now: float) -> float:
        span = now - self._recent[0] if self._recent else 0.0
        measured = len(self._recent) / span if span > 0 else _FREE_ABOVE
        return measured if self.rate is None else min(measured, self.rate)
