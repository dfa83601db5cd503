"""The adaptive semaphore: it lets waiting creates go, and asks `_core.limit` when.

One lane per model, each with a controller of its own, so that a saturated model holds
up nobody else; `max_in_flight` caps the sum. Nothing here awaits except `acquire`.

Invariants:
- A place is counted when it is granted, in the same step, not when its owner resumes.
- A permit ends exactly once, whatever its owner does; afterwards every call is void.
- A place granted in the very tick in which its owner was cancelled is handed on.
- A permit that becomes free goes at once to the waiter that `_core.order` names: of
  those that may go, the highest priority, and in turn between the keys of that.
- At most one timer per lane runs, and none after `close`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from attrs import define, field

from liangxin_async._core.limit import Limiter
from liangxin_async._core.order import Order, Place, Queue
from liangxin_async._errors import fresh
from liangxin_async._waiting import wake

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable

    from liangxin_async._errors import LiangxinError

OVERDUE = 3.0  # seconds; an answer that takes longer holds up no further create
_LANES = 1000  # models remembered; beyond it, those nobody uses are forgotten


@define(eq=False)
class Ticket(Place):
    """The place in line of one submit, kept through refusals. Made by `Gate.ticket`."""

    lane: _Lane = field(init=False, repr=False)  # set, as the next, when it waits
    granted: asyncio.Future[Permit | None] = field(init=False, repr=False)

    @property
    def has_gone(self) -> bool:
        """Whether its owner was cancelled, and has not had his step since."""
        return self.granted.cancelled()


@define(eq=False)
class _Lane:
    limiter: Limiter = field(factory=Limiter)
    queue: Queue[Ticket] = field(factory=Queue)
    timer: asyncio.TimerHandle | None = None

    @property
    def is_unused(self) -> bool:
        """Whether nobody waits and nothing is in flight."""
        return not self.queue.waiting and not self.limiter.in_flight


@define(eq=False, weakref_slot=False)
class Permit:
    """The right to have one task in flight, from the create to the end of the task.

    `accept` keeps it until `release`; `refuse` and `forget` end it.
    """

    _gate: Gate = field(repr=False)
    _lane: _Lane = field(repr=False)
    started: float
    slow: asyncio.TimerHandle | None = field(default=None, repr=False)
    _stage: int = 0  # 0 create under way, 1 task in flight, 2 ended

    @property
    def in_flight(self) -> int:
        """Permits of the same model that are out, this one included."""
        return self._lane.limiter.in_flight

    @property
    def limit(self) -> int:
        """Permits of the same model that may be out now."""
        return int(self._lane.limiter.limit)

    def overdue(self) -> None:
        """The answer takes unusually long: hold nobody up for it."""
        self.slow = None
        self._lane.limiter.overdue += 1
        self._gate.wake_nowait(self._lane)

    def _answered(self) -> None:
        if self.slow is None:
            self._lane.limiter.overdue -= 1
        else:
            self.slow.cancel()
            self.slow = None  # a quarter of what an open task would weigh

    def accept(self) -> None:
        """The service took the create."""
        if self._stage == 0:
            self._stage = 1
            self._answered()
            self.started = 0.0  # only a refusal asks for it; 24 bytes of an open task
            self._lane.limiter.accept(self._gate.now())
            self._gate.wake_nowait(self._lane)

    def refuse(self, retry_after: float | None = None) -> None:
        """The service was saturated; the permit is back.

        Args:
            retry_after: seconds it asked to wait, or None.
        """
        if self._stage == 0:
            self._stage = 2
            self._answered()
            now = self._gate.now()
            self._lane.limiter.refuse(now, self.started, retry_after)
            self._gate.ended_nowait(self._lane)

    def forget(self) -> None:
        """The create ended in a way that tells nothing about load."""
        if self._stage == 0:
            self._stage = 2
            self._answered()
            self._lane.limiter.forget()
            self._gate.ended_nowait(self._lane)

    def release(self) -> None:
        """The task is over, or is not followed any more."""
        if self._stage == 1:
            self._stage = 2
            self._lane.limiter.release(self._gate.now())
            self._gate.ended_nowait(self._lane)
        else:
            self.forget()


@define(eq=False)
class Gate:
    """The permits of one session. Lives in one event loop."""

    _loop: asyncio.AbstractEventLoop
    _max_in_flight: int | None = None
    _lanes: dict[str, _Lane] = field(factory=dict)
    _in_flight: int = 0
    _order: Order[Ticket] = field(init=False)
    _closed_by: LiangxinError | None = None
    _sleepers: set[asyncio.Future[None]] = field(factory=set)

    @_order.default
    def _make_order(self) -> Order[Ticket]:
        return Order(pooled=self._max_in_flight is not None)

    @property
    def in_flight(self) -> int:
        """Permits out, over all models."""
        return self._in_flight

    @property
    def waiting(self) -> int:
        """Creates that wait for a permit, over all models."""
        return sum(lane.queue.waiting for lane in self._lanes.values())

    def limits(self) -> dict[str, int]:
        """Tasks that may be in flight now, by model."""
        return {model: int(la.limiter.limit) for model, la in self._lanes.items()}

    def now(self) -> float:
        """The loop's monotonic clock."""
        return self._loop.time()

    def ticket(self, priority: int, key: Hashable = None) -> Ticket:
        """A place in the order of service, to be kept through refusals."""
        return Ticket(priority, key)

    async def sleep(self, delay: float) -> None:
        """Wait `delay` seconds, or until the gate is closed."""
        if delay <= 0 or self._closed_by is not None:
            return
        waiter: asyncio.Future[None] = self._loop.create_future()
        timer = self._loop.call_later(delay, wake, (waiter,))
        self._sleepers.add(waiter)
        try:
            await waiter
        finally:
            self._sleepers.discard(waiter)
            timer.cancel()

    async def acquire(self, model: str, *, ticket: Ticket) -> Permit:
        """Wait for a permit of `model`.

        Cancelling is safe: no place is lost and nothing is sent.

        Raises:
            LiangxinError: the one given to `close`.
        """
        if self._closed_by is not None:
            raise fresh(self._closed_by)
        lane = self._lanes.get(model) or self._new_lane(model)
        ticket.lane, ticket.granted = lane, self._loop.create_future()
        self._order.join(lane.queue, ticket)
        self.wake_nowait(lane)
        try:
            permit = await ticket.granted
        except asyncio.CancelledError:
            self._abandon(ticket)
            raise
        if permit is None:
            assert self._closed_by is not None, "only closing answers without a permit"
            raise fresh(self._closed_by)
        return permit

    def _new_lane(self, model: str) -> _Lane:
        if len(self._lanes) >= _LANES:
            unused = [m for m, la in self._lanes.items() if la.is_unused]
            for name in unused:
                del self._lanes[name]
        lane = self._lanes[model] = _Lane()
        return lane

    def _abandon(self, ticket: Ticket) -> None:
        if ticket.granted.done() and not ticket.has_gone:
            permit = ticket.granted.result()  # granted in the tick of the cancellation
            if permit is not None:
                permit.forget()
            return
        ticket.granted.cancel()
        if ticket.is_waiting:
            self._order.leave(ticket.lane.queue, ticket)

    def ended_nowait(self, lane: _Lane) -> None:
        """A permit of `lane` came back."""
        self._in_flight -= 1
        if self._max_in_flight is None:
            self.wake_nowait(lane)
        else:  # the place may be what another model waits for
            self._wake(self._lanes.values())

    def wake_nowait(self, lane: _Lane) -> None:
        """Grant what `lane` has room for, and set its timer for the rest."""
        self._wake((lane,))

    def _wake(self, lanes: Collection[_Lane]) -> None:
        now = self.now()
        while not self._is_full():
            ticket = self._order.take(
                [la.queue for la in lanes if la.queue.waiting and la.limiter.room(now)]
            )
            if ticket is None:
                break
            self._grant(ticket, now)
        for lane in lanes:
            self._set_timer(lane, now)

    def _is_full(self) -> bool:
        limit = self._max_in_flight
        return limit is not None and self._in_flight >= limit

    def _grant(self, ticket: Ticket, now: float) -> None:
        lane = ticket.lane
        lane.limiter.start()
        self._in_flight += 1
        permit = Permit(self, lane, now)
        permit.slow = self._loop.call_at(now + OVERDUE, permit.overdue)
        ticket.granted.set_result(permit)

    def _set_timer(self, lane: _Lane, now: float) -> None:
        if lane.timer is not None:
            lane.timer.cancel()
            lane.timer = None
        at = lane.limiter.wake_at()
        if self._closed_by is not None or not lane.queue.waiting:
            return
        if at is not None and at > now:
            lane.timer = self._loop.call_at(at, self.wake_nowait, lane)

    def close(self, error: LiangxinError) -> None:
        """End every wait with `error`, and all later ones."""
        self._closed_by = error
        wake(self._sleepers)
        for lane in self._lanes.values():
            if lane.timer is not None:
                lane.timer.cancel()
                lane.timer = None
            while (ticket := self._order.take((lane.queue,))) is not None:
                ticket.granted.set_result(None)
