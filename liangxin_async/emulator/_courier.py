"""Who sends the callbacks: when one is due, what it says, and what its receiver said.

A callback that waits - for its task's end, or for a retry - is an alarm; an asyncio
task runs only while an attempt is under way, at most `AT_ONCE` at a time. So a create
is never held up, and ten thousand ends at once open no ten thousand sockets. The time
limit of an attempt begins when it does, not while it queues.

Nothing goes to another machine: `Callbacks.target` says where a callback may go, and
`_poster` guards the sockets.

Invariants: a callback is in `_open` from its creation to its outcome; after `aclose`
there is no task, no alarm and no session.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from attrs import define, evolve, field

from liangxin_async.emulator._callbacks import (
    HONEST,
    Manner,
    Target,
    origin,
    signature,
)
from liangxin_async.emulator._delivery import Delivery
from liangxin_async.emulator._dialects import DIALECTS
from liangxin_async.emulator._faults import KINDS, Call, Fault
from liangxin_async.emulator._poster import Letter, Poster

if TYPE_CHECKING:
    from liangxin_async.emulator._alarms import Alarm
    from liangxin_async.emulator._answer import Answer
    from liangxin_async.emulator._callbacks import Courtesy
    from liangxin_async.emulator._delivery import Attempt
    from liangxin_async.emulator._dialect import Dialect
    from liangxin_async.emulator._report import Report
    from liangxin_async.emulator._tasks import Task
    from liangxin_async.emulator._world import World

_log = logging.getLogger(__name__)

AT_ONCE: Final = 100  # attempts; two descriptors each where both ends are one process


@define(eq=False, kw_only=True)
class _Parcel:
    """A callback on its way."""

    task: Task
    delivery: Delivery
    target: Target
    fault: Fault | None
    manner: Manner
    courtesy: Courtesy
    deliveries_left: int
    alarm: Alarm | None = None
    letter: Letter | None = None
    failures: int = 0  # in a row, of the present delivery
    attempted: asyncio.Event = field(factory=asyncio.Event)
    over: asyncio.Event = field(factory=asyncio.Event)


@define(eq=False)
class Courier:
    """The callbacks of one emulator."""

    world: World
    _open: dict[_Parcel, None] = field(factory=dict)
    _first: dict[str, _Parcel] = field(factory=dict)  # not attempted yet, by task id
    _ready: deque[_Parcel] = field(factory=deque)
    _busy: set[asyncio.Task[None]] = field(factory=set)
    _idle: asyncio.Event = field(factory=asyncio.Event)
    _poster: Poster = field(init=False)
    _turns: int = 0
    _warned: set[str] = field(factory=set)  # outcomes that were told of

    def __attrs_post_init__(self) -> None:
        """There is nothing to do yet."""
        self._poster = Poster(self.world.alarms)
        self._idle.set()

    # What is to be sent

    def expect(self, task: Task) -> None:
        """Take note of an accepted create, whose end may have to be told."""
        if task.callback_url is None or self.world.closing.is_set():
            return
        fault = self._struck(task)
        parcel = self._packed(task, task.callback_url, fault)
        if parcel is not None:
            self._first[task.task_id] = parcel
            self._schedule(parcel, self._due(parcel))

    def end_now(self, task: Task) -> None:
        """Let a task end at this instant, and its callback follow."""
        self.world.tasks.finish(task, self.world.clock())
        parcel = self._first.get(task.task_id)
        if parcel is not None and parcel.alarm is not None:
            parcel.alarm.cancel()
            self._schedule(parcel, self._due(parcel))

    async def attempted(self, task: Task) -> None:
        """Return after the first attempt for a task, or at once if there is none."""
        parcel = self._first.get(task.task_id)
        if parcel is not None:
            await parcel.attempted.wait()

    async def deliver(self, task: Task, url: str, fault: Fault | None) -> Delivery:
        """Send a callback without retries; return when that is over."""
        if fault is not None:
            self._check(task, fault)
            self.world.ledger.faults[fault.kind] += 1
        parcel = self._packed(task, url, fault, by_hand=True)
        if parcel is None:
            return task.deliveries[-1]
        self._schedule(parcel, self.world.clock() + parcel.manner.late)
        await parcel.over.wait()
        return parcel.delivery

    async def wait_idle(self) -> None:
        """Return when no callback is on its way."""
        await self._idle.wait()

    async def aclose(self) -> None:
        """Send nothing more; what is under way ends now."""
        self.world.alarms.stop()
        self._ready.clear()
        busy = list(self._busy)
        for attempt in busy:
            attempt.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        for parcel in list(self._open):
            self._leave(parcel)
        await self._poster.aclose()

    def _struck(self, task: Task) -> Fault | None:
        plan = self.world.plan
        if not plan.has("callback"):
            return None
        call = Call(
            now=self.world.clock(),
            dialect=task.dialect,
            subject=task.key,
            prompt=task.prompt,
            task=task,
            report=self._report(task),
        )
        fault = plan.pick("callback", call)
        if fault is not None:
            self.world.ledger.faults[fault.kind] += 1
        return fault

    def _check(self, task: Task, fault: Fault) -> None:
        kind = KINDS[fault.kind]
        if fault.route != "callback":
            raise ValueError(f"a fault of the route callback, not of {fault.route}")
        if kind.dialect not in (None, task.dialect):
            raise ValueError(f"{fault.kind} plays in {kind.dialect} only")
        if kind.when is not None and not kind.when(self._report(task)):
            raise ValueError(f"{fault.kind} does not fit the end of {task.task_id}")

    def _packed(
        self, task: Task, url: str, fault: Fault | None, *, by_hand: bool = False
    ) -> _Parcel | None:
        """Return a callback to be sent, or None if that is settled: it must not be."""
        settings = self.world.scenario.callbacks
        delivery = Delivery(task_id=task.task_id, url=url)
        task.deliveries.append(delivery)
        self.world.ledger.callbacks["expected"] += 1
        manner, target = _manner(fault), settings.target(url)
        if not manner.is_sent or target is None:
            self._settle(delivery, "unsent" if not manner.is_sent else "refused")
            return None
        courtesy = settings.courtesy(_dialect(task).courtesy)
        parcel = _Parcel(
            task=task,
            delivery=delivery,
            target=target,
            fault=fault,
            manner=manner,
            courtesy=evolve(courtesy, waits=()) if by_hand else courtesy,
            deliveries_left=max(manner.times, 1) - 1,
        )
        self._open[parcel] = None
        self._idle.clear()
        return parcel

    # When

    def _due(self, parcel: _Parcel) -> float:
        manner, end = parcel.manner, parcel.task.created + parcel.task.duration
        if manner.lead is not None:
            return end - manner.lead
        return end + self.world.scenario.callbacks.delay + manner.late

    def _schedule(self, parcel: _Parcel, instant: float) -> None:
        if self.world.closing.is_set():
            return  # `aclose` sees to what is still open

        def ring() -> None:
            parcel.alarm = None
            self._ready.append(parcel)
            self._work()

        parcel.alarm = self.world.alarms.at(instant, ring)

    def _work(self) -> None:
        """Begin attempts while there are some to make, and room."""
        while self._ready and len(self._busy) < AT_ONCE:
            attempt = asyncio.create_task(self._attempt(self._ready.popleft()))
            self._busy.add(attempt)
            attempt.add_done_callback(self._ended)

    def _ended(self, attempt: asyncio.Task[None]) -> None:
        self._busy.discard(attempt)
        if attempt.cancelled():
            return
        attempt.result()  # a mistake of ours must not pass for a quiet receiver
        self._work()

    async def _attempt(self, parcel: _Parcel) -> None:
        parcel.letter = letter = parcel.letter or self._written(parcel)
        urls = parcel.target.urls
        url, self._turns = urls[self._turns % len(urls)], self._turns + 1
        limit = parcel.courtesy.limit
        made = await self._poster.post(url, letter, parcel.manner, limit)
        parcel.delivery.attempts.append(made)
        self.world.ledger.callback_answers[made.word] += 1
        self._no_longer_first(parcel)
        self._go_on(parcel, made)

    def _go_on(self, parcel: _Parcel, made: Attempt) -> None:
        """Decide what follows an attempt: a retry, another delivery, or the end."""
        now, waits = self.world.clock(), parcel.courtesy.waits
        if not made.is_delivered and parcel.failures < len(waits):
            parcel.failures += 1
            self._schedule(parcel, now + waits[parcel.failures - 1])
        elif parcel.deliveries_left:
            parcel.deliveries_left -= 1
            parcel.failures = 0
            self._schedule(parcel, now + parcel.manner.spacing)
        else:
            taken = any(attempt.is_delivered for attempt in parcel.delivery.attempts)
            self._settle(parcel.delivery, "delivered" if taken else "given_up")
            self._leave(parcel)

    def _settle(self, delivery: Delivery, outcome: str) -> None:
        ledger, delivery.outcome = self.world.ledger, outcome
        ledger.callbacks[outcome] += 1
        place = origin(delivery.url)
        if outcome == "refused":
            ledger.callback_targets_refused[place] += 1
        self._warn(delivery, place)

    def _warn(self, delivery: Delivery, place: str) -> None:
        """Say why no callback comes, once for each reason: the books have the rest."""
        outcome = delivery.outcome
        if outcome not in ("refused", "given_up") or outcome in self._warned:
            return
        self._warned.add(outcome)
        if outcome == "refused":
            why = "not sent: that is no address of this machine (callbacks.hosts)"
        else:
            why = f"given up; the last answer: {delivery.attempts[-1].word}"
        _log.warning("callback to %s %s (further ones are not told)", place, why)

    def _leave(self, parcel: _Parcel) -> None:
        del self._open[parcel]
        self._no_longer_first(parcel)
        parcel.over.set()
        if not self._open:
            self._idle.set()

    def _no_longer_first(self, parcel: _Parcel) -> None:
        parcel.attempted.set()
        task_id = parcel.task.task_id
        if self._first.get(task_id) is parcel:  # not one sent by hand meanwhile
            del self._first[task_id]

    # What

    def _report(self, task: Task) -> Report:
        """Return the task's end, be it past or to come, under the id that was told."""
        return self.world.report(task, task.told_id or task.task_id).ending()

    def _written(self, parcel: _Parcel) -> Letter:
        world, task, fault = self.world, parcel.task, parcel.fault
        dialect, report = _dialect(task), self._report(task)
        answer = dialect.tell(report, world.scenario)
        if fault is not None and (alter := KINDS[fault.kind].alter) is not None:
            answer = alter(world.scene(fault, answer, report, task, dialect))
        headers = dict(answer.headers)
        if answer.content_type is not None:
            headers["Content-Type"] = answer.content_type
        if parcel.target.host is not None:
            headers["Host"] = parcel.target.host
        if dialect.signs:
            headers |= self._signed(answer, parcel.manner, report)
        return Letter(answer.body, headers)

    def _signed(self, answer: Answer, manner: Manner, report: Report) -> dict[str, str]:
        key = self.world.scenario.callbacks.webhook_key
        if key is None or manner.signature == "missing":
            return {}
        age = manner.age if manner.signature == "old" else 0.0
        timestamp = self.world.wall(self.world.clock() - age) // 1000
        used = key if manner.signature != "wrong" else f"not {key}"
        return signature(used, _named(answer.payload, report.task_id), timestamp)


def _manner(fault: Fault | None) -> Manner:
    send = None if fault is None else KINDS[fault.kind].send
    return HONEST if fault is None or send is None else send(HONEST, fault.settings)


def _dialect(task: Task) -> Dialect:
    return DIALECTS[task.dialect]


def _named(payload: Any, own: Any) -> str:
    """Return the task id that a payload names, or the task's own."""
    data = payload.get("data") if isinstance(payload, dict) else None
    told = data if isinstance(data, dict) else {}
    return str(told.get("taskId") or told.get("task_id") or own)
