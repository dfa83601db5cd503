"""When to ask about which task.

Pure: ages and delays are float seconds, instants monotonic; nothing here waits.

Three decisions. `next_delay`: how long until a task is worth a query: by the plan for
its model where there is experience (`pace`, `inspection`), else a share of its age, so
that the lag stays in proportion whatever the model's pace. `Agenda`: which tasks are
due, and who is asked about first. `QueryBudget`: how fast queries may follow each
other, which learns from 429 answers to recordInfo itself.
"""

from __future__ import annotations

import heapq
from collections import deque
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Callable

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


def chance(asked: float, age: float, pace: Pace | None) -> float:
    """How likely a task is over at `age` that ran at the age `asked`, 0 to 1."""
    if pace is None:
        return 1 - asked / age if age > asked else 0.0
    return pace.chance(asked, age)


def group_of(age: float, model: str | None, pace: Pace | None) -> str:
    """The group of the agenda that a task belongs in.

    Past all experience a task may run for ever: such ones do not stand before others.
    """
    late = pace is not None and pace.ends > 0 and pace.next_age(age) is None
    return f"{model} late" if late else str(model)


_SURE = 0.9  # a task that is over this likely is worth a query as much as any
_IN_TURN = 4  # every so many times the task due longest in a group is asked about


@define
class Agenda:
    """Which task is due when. Keys are task ids; instants are the caller's.

    While queries are rationed, tasks are due faster than they can be asked about. Of
    one group (a model) the one due longest is the likeliest to be over, so that a heap
    in order of the dates is enough; between groups the chances decide. A task without
    a group goes before those that have one, but for every few times.
    """

    _due: dict[str, float] = field(factory=dict)
    _later: list[tuple[float, str, str]] = field(factory=list)
    _ready: dict[str, list[tuple[float, str]]] = field(factory=dict)  # by group
    _turn: int = 0

    def set(self, key: str, due: float, group: str = "") -> None:
        """Put `key` at `due`, in place of any earlier date."""
        self._due[key] = due
        heapq.heappush(self._later, (due, key, group))

    def discard(self, key: str) -> None:
        """Forget `key`, if it is there."""
        self._due.pop(key, None)

    def next_due(self) -> float | None:
        """The earliest date, or None when nothing is planned."""
        self._tidy()
        if self._ready:
            return min(heap[0][0] for heap in self._ready.values())
        return self._later[0][0] if self._later else None

    def pop_due(
        self, now: float, chance: Callable[[str], float] = lambda key: 1.0
    ) -> str | None:
        """Take out a task that is due at `now`, if there is one.

        Of several groups the one whose first is likeliest to be over gives it, by
        `chance`; all that are likely enough count as equal, and every few times it is
        the one due longest whatever its chance: so none is left out for ever.
        """
        while self._later and self._later[0][0] <= now:
            due, key, group = heapq.heappop(self._later)
            heapq.heappush(self._ready.setdefault(group, []), (due, key))
        self._tidy()
        if not self._ready:
            return None
        self._turn += 1
        in_turn = self._turn % _IN_TURN == 0
        heaps = [heap for group, heap in self._ready.items() if group]
        if "" in self._ready and not (in_turn and heaps):
            best = self._ready[""]
        elif len(heaps) == 1 or in_turn:
            best = min(heaps)
        else:
            best = min(heaps, key=lambda heap: (-min(_SURE, chance(heap[0][1])), heap))
        _, key = heapq.heappop(best)
        del self._due[key]
        return key

    def _tidy(self) -> None:
        """Drop what a later `set` or `discard` has overtaken from the heads."""
        while self._later and self._due.get(self._later[0][1]) != self._later[0][0]:
            heapq.heappop(self._later)
        if not self._ready:
            return
        for group, heap in tuple(self._ready.items()):
            while heap and self._due.get(heap[0][1]) != heap[0][0]:
                heapq.heappop(heap)
            if not heap:
                del self._ready[group]

    def __len__(self) -> int:
        return len(self._due)


_SLOWEST = 0.5  # queries per second; slower would look like giving up
_QUIET = 5.0  # queries per second; a first refusal is not taken to be about less
_KEPT = 0.85
_IN_VAIN = 0.5  # the same of the allowed rate, when nothing was answered since
_BACK = 30  # answers after which the rate is again what it was at the refusal
_FREE_ABOVE = 1000.0  # queries per second at which a learned limit is dropped
_LONGEST_PAUSE = 60.0  # seconds; a longer Retry-After is obeyed in several steps
_CATCH_UP = 0.1  # seconds that may be made up for after a wait


@define
class QueryBudget:
    """How fast queries may follow each other. `rate` None is without limit.

    After a refusal the rate falls below what was answered; then it comes back along a
    cubic curve (CUBIC, Ha, Rhee and Xu, 2008): soon near the rate of the refusal, long
    about it, and faster and faster beyond it when it is refused no more.

    Attributes:
        ceiling: queries per second that are never exceeded, or None.
        rate: queries per second allowed now, or None.
    """

    ceiling: float | None
    rate: float | None = field(init=False)
    _next: float = field(init=False, default=float("-inf"))
    _asked: deque[float] = field(init=False, factory=lambda: deque(maxlen=32))
    _answers: deque[float] = field(init=False, factory=lambda: deque(maxlen=32))
    _last_refusal: float = field(init=False, default=float("-inf"))
    _top: float = field(init=False, default=0.0)  # the rate that was refused
    _low: float = field(init=False, default=0.0)  # the rate after the cut
    _since: int = field(init=False, default=0)  # answers since the last cut

    def __attrs_post_init__(self) -> None:
        self.rate = self.ceiling

    def ready_at(self) -> float:
        """The instant from which the next query may start."""
        return self._next

    def spend(self, now: float) -> None:
        """A query starts at `now`."""
        self._asked.append(now)
        if self.rate is not None:
            late = min(_CATCH_UP, 4 / self.rate)
            self._next = max(self._next, now - late) + 1 / self.rate

    def answered(self, now: float) -> None:
        """A query was answered normally at `now`."""
        self._answers.append(now)
        self._since += 1
        if self.rate is None or self.rate == self.ceiling:
            return
        depth = max(self._top - self._low, self._top * (1 - _KEPT))
        course = (self._since / _BACK - 1) ** 3
        self.rate = max(_SLOWEST, self._top + depth * course)
        if self.ceiling is not None:
            self.rate = min(self.rate, self.ceiling)
        elif self.rate > _FREE_ABOVE:
            self.rate = None

    def refused(self, now: float, started: float, retry_after: float | None) -> None:
        """A query that began at `started` was refused with 429."""
        pause = min(retry_after or 0.0, _LONGEST_PAUSE)
        if started >= self._last_refusal:  # one cut per burst of refusals
            self._last_refusal = now
            self._cut(now)
        if self.rate is not None:
            pause = max(pause, 1 / self.rate)
        self._next = max(self._next, now + pause)

    def _cut(self, now: float) -> None:
        if self.rate is None or not self._top:  # a refusal of few queries says little
            most = _FREE_ABOVE if self.rate is None else self.rate
            self._top = min(most, max(_QUIET, self._measured(now)))
            self._low = self._top * _KEPT
        elif self._since:
            self._top = max(_SLOWEST, min(self.rate, self._measured(now)))
            self._low = self._top * _KEPT
        else:  # a storm: what was fine before it is probably fine after it
            self._low = self.rate * _IN_VAIN
        self._low = max(_SLOWEST, self._low)
        self._since = 0
        self.rate = self._low if self.ceiling is None else min(self._low, self.ceiling)

    def _measured(self, now: float) -> float:
        """Queries per second that were answered, of the last that were made."""
        begin = self._asked[0] if self._asked else now
        answers = sum(at >= begin for at in self._answers)
        return max(1, answers) / (now - begin) if now > begin else _FREE_ABOVE
