"""Calls at instants of the emulator's clock.

One timer of the event loop serves them all. A clock that is not the loop's own cannot
say when it will show an instant, so while there is an alarm it is looked at every
`TICK` seconds: it may stand still, jump, or run a hundred times too fast.

Invariant: without an alarm, and after `stop`, there is no timer.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Final

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Iterator

TICK: Final = 0.002  # seconds; 500 looks at a clock cost a test nothing


@define(eq=False)
class Alarm:
    """A call to come; `cancel` drops it, also after it was made."""

    instant: float
    ring: Callable[[], object]
    is_off: bool = False

    def cancel(self) -> None:
        """Let the call not be made."""
        self.is_off = True


@define(eq=False)
class Alarms:
    """All calls to come.

    Attributes:
        clock: seconds, monotonic.
        is_loop_clock: whether that is the event loop's own clock.
    """

    clock: Callable[[], float]
    is_loop_clock: bool
    _heap: list[tuple[float, int, Alarm]] = field(factory=list)
    _numbers: Iterator[int] = field(factory=count)
    _timer: asyncio.TimerHandle | None = None

    @property
    def next_at(self) -> float | None:
        """The instant of the next call, or None if there is none."""
        while self._heap and self._heap[0][2].is_off:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def at(self, instant: float, ring: Callable[[], object]) -> Alarm:
        """Call `ring` at an instant, or in the loop's next round if that is past."""
        alarm = Alarm(instant, ring)
        heapq.heappush(self._heap, (instant, next(self._numbers), alarm))
        if self._heap[0][2] is alarm:
            self._aim()
        return alarm

    async def sleep(self, seconds: float) -> None:
        """Return when the clock has gone on by `seconds`."""
        over = asyncio.Event()
        alarm = self.at(self.clock() + seconds, over.set)
        try:
            await over.wait()
        finally:
            alarm.cancel()

    def stop(self) -> None:
        """Drop every call."""
        self._heap.clear()
        self._aim()

    def _aim(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        instant = self.next_at
        if instant is None:
            return
        wait = max(instant - self.clock(), 0.0)
        if not self.is_loop_clock:
            wait = min(wait, TICK)
        self._timer = asyncio.get_running_loop().call_later(wait, self._ring)

    def _ring(self) -> None:
        self._timer = None
        now, due = self.clock(), []
        while (instant := self.next_at) is not None and instant <= now:
            due.append(heapq.heappop(self._heap)[2])
        for alarm in due:
            if not alarm.is_off:  # one of those before it may have dropped it
                alarm.ring()
        self._aim()
