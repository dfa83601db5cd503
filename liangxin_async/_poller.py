"""The shared poller: one for all tasks of a session.

It owns every unsettled task. A fixed number of workers take due tasks from
`_core.schedule.Agenda`, ask, and either settle the task or put it back. When a task is
worth a query is decided there; what an answer means, in `_core.lifecycle`.

Invariants:
- A task is in `_open` from `follow` until it is settled, and in the agenda exactly
  when no worker is asking about it.
- A task settles once; its permit is back in the same step.
- At most one timer is set, for the earliest instant at which a query may start.
- Whatever a query about one task brings, it changes that task only.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections import OrderedDict
from typing import TYPE_CHECKING

from attrs import define, field

from liangxin_async._core.backoff import POLL_FAILURE
from liangxin_async._core.backoff import next_delay as failure_delay
from liangxin_async._core.lifecycle import Step, conclude, is_lost, next_step
from liangxin_async._core.pace import Pace
from liangxin_async._core.schedule import (
    Agenda,
    QueryBudget,
    chance,
    group_of,
    next_delay,
)
from liangxin_async._core.trust import Trust, Watch, patience_left
from liangxin_async._endings import left_open, lost, out_of_patience
from liangxin_async._errors import (
    LiangxinError,
    NotFoundError,
    ProtocolError,
    SaturatedError,
)
from liangxin_async._handle import TaskHandle
from liangxin_async._waiting import wake
from liangxin_async.models import kind_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from liangxin_async._answer import Answer
    from liangxin_async._config import Polling
    from liangxin_async._gate import Permit
    from liangxin_async._poll_told import PollTeller
    from liangxin_async._records import Result, TaskRecord

_log = logging.getLogger(__name__)

_LAST_QUERY = 2.0  # seconds that the query at the deadline may take
_SWEEP = 1.0  # seconds; shortest time between two looks at all deadlines
_ATTACHED_GRACE = 5.0  # seconds; a task made elsewhere was accepted before we attached
_PACES = 250  # models whose pace is remembered; each of 16 to 40 kB
_HINTED_FIRST = 3600.0  # seconds by which a hinted look goes before one that is due
_PUT_OFF = 256  # tasks that one step may put off while it looks for one to ask about
_REMEMBERED = 10_000  # settled ids kept to recognise an id that is given out twice


@define(eq=False, weakref_slot=False)
class _Open:
    """A task that is not settled yet."""

    handle: TaskHandle
    since: float  # when it was accepted or attached, monotonic
    patience: float  # seconds after which it is given up; may be infinite
    permit: Permit | None
    kind: str | None  # what it makes, where that is known
    answered: bool = False  # whether a query has ever shown it
    polls: int = 0
    asked_at: float = 0.0  # age at the last usable answer
    failed_in_a_row: int = 0
    last_failure: type[LiangxinError] | None = None
    watch: Watch | None = None  # where a callback is to come, or came
    asking: bool = False  # whether a worker is asking about it

    @property
    def deadline(self) -> float:
        """When it is given up, monotonic. Not kept: patience is one number for all."""
        return self.since + self.patience

    @property
    def is_hinted(self) -> bool:
        """Whether a callback said that it is over, and no look has denied it."""
        return self.watch is not None and self.watch.hinted_at is not None


@define(eq=False)
class Poller:
    """See the module. Lives in one event loop."""

    _loop: asyncio.AbstractEventLoop
    _ask: Callable[[str], Awaitable[Answer]]
    _expires_at: Callable[[TaskRecord], datetime | None]
    _polling: Polling
    _tell: PollTeller
    _rand: Callable[[], float] = random.random
    polls: int = 0
    settled: int = 0
    failed: int = 0
    trust: Trust = field(factory=Trust)
    _open: dict[str, _Open] = field(factory=dict)
    _agenda: Agenda = field(factory=Agenda)
    _paces: dict[str, Pace] = field(factory=dict)
    _budget: QueryBudget = field(init=False)
    _idle: list[asyncio.Future[None]] = field(factory=list)
    _timer: asyncio.TimerHandle | None = None
    _sweep: asyncio.TimerHandle | None = None
    _past: OrderedDict[str, None] = field(factory=OrderedDict)
    _empty: list[asyncio.Future[None]] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self._budget = QueryBudget(self._polling.max_rate)

    # ------------------------------------------------------------------- tasks in

    def follow(
        self,
        handle: TaskHandle,
        *,
        permit: Permit | None,
        soon: bool = False,
        watch: Watch | None = None,
    ) -> None:
        """Take over a task: from now on it is polled until it is settled.

        Args:
            handle: a handle that nobody follows yet.
            permit: released when the task settles; None for an attached task.
            soon: ask at once, for a task that may be long over.
            watch: what its callbacks say, where any may come.
        """
        now = self._loop.time()
        asked = handle.request
        kind = kind_of(handle.model) if asked is None else asked.kind
        patience = self._polling.patience_with(kind)
        # A query has shown a rescued task before it came here.
        shown = permit is None and watch is not None
        task = _Open(handle, now, patience, permit, kind, answered=shown, watch=watch)
        self._open[handle.task_id] = task
        self._sweep_at(task.deadline + _LAST_QUERY)
        if permit is None and watch is None:  # else it is told as a create's task
            self._tell.attached(handle)
        delay = (
            0.0 if soon else next_delay(0.0, self._pace(handle.model), self._polling)
        )
        self._plan(task, now, delay)
        self._set_timer()

    def hint(self, task_id: str) -> bool:
        """Ask about a task at once, because a callback says that it is over.

        Returns:
            Whether this made a difference: False for a task that is not open, that is
            about to be looked at, or that has had its share of such looks.
        """
        task, now = self._open.get(task_id), self._loop.time()
        if task is None:
            return False
        if task.watch is None:
            task.watch = Watch(is_expected=False)
        if not task.watch.hint(now - task.since):
            return False
        if not task.asking:
            self._agenda.set(task_id, now - _HINTED_FIRST)
            self._set_timer()
        return True

    def watch_of(self, task_id: str) -> Watch | None:
        """What the callbacks of an open task said; None where none is expected."""
        task = self._open.get(task_id)
        return None if task is None else task.watch

    def find(self, task_id: str) -> TaskHandle | None:
        """The open handle of `task_id`, or None."""
        task = self._open.get(task_id)
        return None if task is None else task.handle

    def knows(self, task_id: str) -> bool:
        """Whether the id is, or lately was, one of this session's tasks."""
        return task_id in self._open or task_id in self._past

    @property
    def pending(self) -> tuple[TaskHandle, ...]:
        """Handles of all open tasks, oldest first."""
        return tuple(task.handle for task in self._open.values())

    async def settled_all(self) -> None:
        """Wait until no task is open."""
        while self._open:
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._empty.append(waiter)
            try:
                await waiter
            finally:
                if waiter in self._empty:
                    self._empty.remove(waiter)

    # -------------------------------------------------------------------- workers

    async def work(self) -> None:
        """Ask about due tasks, one after the other, until cancelled."""
        while True:
            task = self._take()
            if task is None:
                waiter: asyncio.Future[None] = self._loop.create_future()
                self._idle.append(waiter)
                self._set_timer()
                await waiter
            else:
                self._set_timer()  # there may be work for another worker too
                await self._inquire(task)

    def _take(self) -> _Open | None:
        now = self._loop.time()
        if self._budget.ready_at() > now:
            return None
        for _ in range(_PUT_OFF):
            key = self._agenda.pop_due(now, self._chance)
            if key is None:
                return None
            task = self._open[key]
            later = self._put_off(task, now)
            if not later:
                self._budget.spend(now)
                return task
            self._put(task, now, now + later)
        return None  # the loop gets a turn; `_set_timer` brings a worker back

    def _put_off(self, task: _Open, now: float) -> float:
        """Seconds for which a task that is due still waits for its callback."""
        if not self.trust.holds or task.watch is None or not task.watch.is_awaited:
            return 0.0
        pace = self._pace(task.handle.model)
        left = patience_left(now - task.since, task.asked_at, pace, self._polling)
        floor, until_end = self._polling.floor, task.deadline - now
        # Less than the floor might not even move the clock.
        return min(max(left, floor), until_end) if left and until_end > floor else 0.0

    def _sweep_at(self, instant: float) -> None:
        """See to it that `_on_sweep` runs by then."""
        sweep = self._sweep
        if instant == math.inf or (sweep is not None and sweep.when() <= instant):
            return
        if sweep is not None:
            sweep.cancel()
        self._sweep = self._loop.call_at(instant, self._on_sweep, instant)

    def _on_sweep(self, meant: float) -> None:
        """Give up tasks that are long over their time though nobody could ask.

        Usually a task is given up after its last query. This is for a budget or
        workers that are held up; where the whole loop was, they get their time first.
        """
        self._sweep = None
        now, first = self._loop.time(), math.inf
        if now - meant > _LAST_QUERY:
            self._sweep_at(now + _LAST_QUERY)
            return
        for task in tuple(self._open.values()):
            if task.deadline + _LAST_QUERY <= now:
                self._give_up(task, None)
            else:
                first = min(first, task.deadline + _LAST_QUERY)
        self._sweep_at(max(first, now + _SWEEP))

    def _plan(self, task: _Open, now: float, delay: float) -> None:
        self._put(task, now, min(now + delay, max(now, task.deadline)))

    def _put(self, task: _Open, now: float, due: float) -> None:
        model = task.handle.model
        usual = group_of(now - task.since, model, self._pace(model))
        # A look that a callback asked for goes first until it was answered.
        self._agenda.set(task.handle.task_id, due, "" if task.is_hinted else usual)

    def _set_timer(self) -> None:
        """Make sure that an idle worker wakes at the next instant with work to do."""
        if not self._idle:
            return  # whoever is through with its query looks here again
        due = self._agenda.next_due()
        at = None if due is None else max(due, self._budget.ready_at())
        if self._timer is not None:
            if self._timer.when() == at:
                return
            self._timer.cancel()
            self._timer = None
        if at is None:
            return
        if at <= self._loop.time():
            self._wake_one()
        else:
            self._timer = self._loop.call_at(at, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._set_timer()

    def _wake_one(self) -> None:
        while self._idle:
            waiter = self._idle.pop()
            if not waiter.done():
                waiter.set_result(None)
                return

    # -------------------------------------------------------------------- one query

    async def _inquire(self, task: _Open) -> None:
        task_id = task.handle.task_id
        started = self._loop.time()
        looks = task.is_hinted
        task.polls += 1
        self.polls += 1
        task.asking = True
        try:
            answer = await self._ask(task_id)
        except LiangxinError as exc:
            self._on_failure(task, exc, started)
        except Exception as exc:  # noqa: BLE001 - a fault of ours must not stop a worker
            _log.exception("the query about task %r broke", task_id)
            self._on_failure(
                task, ProtocolError(f"the query broke: {type(exc).__name__}"), started
            )
        else:
            self._on_answer(task, answer, started, looks=looks)
        finally:
            task.asking = False

    def _on_answer(
        self, task: _Open, answer: Answer, started: float, *, looks: bool
    ) -> None:
        """An answer came; `looks` is whether a callback had come before the query."""
        now = self._loop.time()
        self._budget.answered(now)
        self._tell.answered(task.handle.task_id, answer, now - started)
        if task.handle.done:
            return  # closed or settled while the answer was under way
        step = next_step(task.handle.seen, answer)
        if step is not Step.SAME:
            self._tell.changed(task.handle.task_id, answer)
        task.failed_in_a_row = 0
        task.answered = True
        if task.kind is None:
            self._learn_kind(task, answer.model)
        age = now - task.since
        task.handle.note(answer, changed=step is not Step.SAME)
        self._learn(task, answer, age, ended=step is Step.ENDED)
        if step is Step.ENDED:
            record = answer.record
            expires = self._expires_at(record)
            self._settle(task, conclude(record, task.handle.model, expires))
            if task.watch is not None and self.trust.learn(task.watch):
                self._catch_up(now)
            return
        task.asked_at = age
        delay = next_delay(age, self._pace(task.handle.model), self._polling)
        if task.watch is not None and task.is_hinted:
            if looks:
                task.watch.deny()
                self.trust.forgeries += 1
            else:
                delay = 0.0  # the callback came while the query was under way
        self._go_on(task, now, delay)

    def _catch_up(self, now: float) -> None:
        """Callbacks have stopped: plan what waits for one as if none had been hoped
        for, which for most is at once."""
        for task in self._open.values():
            if task.watch is not None and task.watch.is_awaited and not task.asking:
                usual = next_delay(
                    task.asked_at, self._pace(task.handle.model), self._polling
                )
                due = max(now, task.since + task.asked_at + usual)
                self._put(task, now, min(due, max(now, task.deadline)))
        self._set_timer()

    def _learn_kind(self, task: _Open, model: str | None) -> None:
        """An attached task, or one of a new model: now somebody says what it is."""
        task.kind = kind_of(model)
        if task.kind is not None:
            task.patience = self._polling.patience_with(task.kind)
            self._sweep_at(task.deadline + _LAST_QUERY)

    def _on_failure(self, task: _Open, error: LiangxinError, started: float) -> None:
        now = self._loop.time()
        if isinstance(error, SaturatedError):
            self._budget.refused(now, started, error.retry_after)
        self._tell.failed(task.handle.task_id, error, now - started)
        if task.handle.done:
            return
        same = task.last_failure is type(error)
        task.failed_in_a_row = task.failed_in_a_row + 1 if same else 1
        task.last_failure = type(error)
        age, grace = now - task.since, self._polling.grace
        if task.permit is None:
            grace = min(grace, _ATTACHED_GRACE)
        seen = task.answered
        row = task.failed_in_a_row
        if is_lost(error, in_a_row=row, age=age, grace=grace, seen=seen):
            # An attached task that nobody has ever shown may not exist at all.
            was_accepted = task.permit is not None or seen
            self._settle(task, lost(task.handle, error, was_accepted=was_accepted))
            return
        early = isinstance(error, NotFoundError) and not seen and age < grace
        usual = next_delay(age, self._pace(task.handle.model), self._polling)
        if task.is_hinted and not early:  # it is over: only the query has to succeed
            usual = self._polling.floor
        extra = 0.0 if early else failure_delay(row, POLL_FAILURE, rand=self._rand())
        # The budget waits for all; the task is as likely to be over as before.
        rationed = isinstance(error, SaturatedError)
        delay = self._polling.floor if rationed else max(usual, extra)
        self._go_on(task, now, delay, error)

    def _go_on(
        self, task: _Open, now: float, delay: float, error: LiangxinError | None = None
    ) -> None:
        if now < task.deadline:
            self._plan(task, now, delay)
        else:
            self._give_up(task, error)

    def _give_up(self, task: _Open, error: LiangxinError | None) -> None:
        self._settle(task, out_of_patience(task.handle, task.patience, error))

    # ------------------------------------------------------------------- tasks out

    def _settle(self, task: _Open, outcome: Result | LiangxinError) -> None:
        handle = task.handle
        del self._open[handle.task_id]
        self._agenda.discard(handle.task_id)
        self._past[handle.task_id] = None
        if len(self._past) > _REMEMBERED:
            self._past.popitem(last=False)
        error = outcome if isinstance(outcome, LiangxinError) else None
        self.settled += 1
        self.failed += error is not None
        if task.permit is not None:
            task.permit.release()
        handle.settle(outcome)
        self._tell.settled(handle, self._loop.time() - task.since, task.polls, error)
        if not self._open:
            waiters, self._empty = self._empty, []
            wake(waiters)

    def close(self, why: str) -> None:
        """Settle what is open with `SessionClosedError`; each names its task id."""
        for timer in (self._timer, self._sweep):
            if timer is not None:
                timer.cancel()
        self._timer = self._sweep = None
        for task in tuple(self._open.values()):
            self._settle(task, left_open(task.handle, why))

    # ------------------------------------------------------------------------ pace

    def _pace(self, model: str | None) -> Pace | None:
        return None if model is None else self._paces.get(model)

    def _chance(self, task_id: str) -> float:
        task = self._open[task_id]
        age = self._loop.time() - task.since
        return chance(task.asked_at, age, self._pace(task.handle.model))

    def _learn(self, task: _Open, answer: Answer, age: float, *, ended: bool) -> None:
        """Take the service's own times where it gives both: they have no lag."""
        model = task.handle.model
        if model is None or task.permit is None:
            return  # an attached task was begun at an unknown time
        pace = self._paces.pop(model, None)
        if pace is None:
            if len(self._paces) >= _PACES:  # the one that was learned from longest ago
                del self._paces[next(iter(self._paces))]
            pace = Pace(self._polling)
        self._paces[model] = pace
        if not ended:
            pace.survived(task.asked_at, age)
            return
        record = answer.record
        took = None if task.watch is None else task.watch.hinted_at
        if record.created_at is not None and record.completed_at is not None:
            told = (record.completed_at - record.created_at).total_seconds()
            took = told if 0 < told <= age else took
        pace.ended(task.asked_at, age, took)
