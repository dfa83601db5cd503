"""Everything that the parts of one emulator share: clock, books, account, scenario.

Neutral between dialects: it decides whether a create is admitted, and takes it in; how
either is said is the dialect's. Instants are seconds on the emulator's clock.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web
from attrs import define, evolve, field, frozen

from liangxin_async.emulator._alarms import Alarms
from liangxin_async.emulator._capacity import Gauge, Meter
from liangxin_async.emulator._courier import Courier
from liangxin_async.emulator._dialect import Account, Denial
from liangxin_async.emulator._faults import KINDS, Fault, FaultPlan
from liangxin_async.emulator._kinds import Exchange, Scene
from liangxin_async.emulator._ledger import Ledger
from liangxin_async.emulator._pictures import Pictures
from liangxin_async.emulator._report import Report
from liangxin_async.emulator._scenario import Failure, Scenario
from liangxin_async.emulator._tasks import Task, TaskStore

if TYPE_CHECKING:
    from liangxin_async.emulator._answer import Answer
    from liangxin_async.emulator._dialect import Dialect, Draft


@frozen(kw_only=True)
class Due:
    """An honest answer before it is sent.

    Attributes:
        answer: the answer itself.
        report: what it tells of a task, or None.
        task: the task concerned, or None.
        dialect: whose route was called, or None for a file.
    """

    answer: Answer
    report: Report | None = None
    task: Task | None = None
    dialect: Dialect | None = None


@define(eq=False, kw_only=True)
class World:
    """The shared state of one emulator.

    Attributes:
        api_key: the one key that is valid.
        clock: seconds, monotonic.
        alarms: calls at instants of that clock.
        base_url: the emulator's own address; set once it listens.
        closing: set when the emulator ends.
        balance: creates left to pay for, or None for any number.
        revoked: whether the key is no longer valid.
    """

    api_key: str
    clock: Callable[[], float]
    alarms: Alarms
    closing: asyncio.Event
    base_url: str = ""
    balance: int | None = None
    revoked: bool = False
    tasks: TaskStore = field(factory=TaskStore)
    pictures: Pictures = field(factory=Pictures)
    ledger: Ledger = field(init=False)
    courier: Courier = field(init=False)
    scenario: Scenario = field(init=False)
    plan: FaultPlan = field(init=False)
    _gauge: Gauge = field(init=False)
    _queries: Meter | None = field(init=False)
    _durations: random.Random = field(init=False)
    _failures: random.Random = field(init=False)
    _wall_offset: float = field(init=False)
    _accepted_before: int = 0

    def __attrs_post_init__(self) -> None:
        """Open the books, and tie the clock to the calendar once."""
        self.ledger = Ledger(self.tasks)
        self.courier = Courier(self)
        self._wall_offset = time.time() - self.clock()

    def play(self, scenario: Scenario) -> None:
        """Begin a scenario: rules, faults and account anew; tasks and books stay."""
        now = self.clock()
        # A source of its own for each use, so that one does not shift the others.
        sources = [random.Random(f"{scenario.seed}:{n}") for n in range(4)]  # noqa: S311  # a replay, not a secret
        self._durations, self._failures, refusals, strikes = sources
        self.scenario = scenario
        self.plan = FaultPlan.arm(scenario.faults, now, strikes)
        self._gauge = Gauge.start(scenario.capacity, now, refusals)
        rate = scenario.queries
        self._queries = None if rate is None else rate.meter(now, refusals)
        self.balance = scenario.balance
        self.revoked = scenario.revoke_after == 0
        self._accepted_before = self.ledger.accepted_total

    def wall(self, instant: float) -> int:
        """Return the Unix time of an instant in milliseconds."""
        return round((instant + self._wall_offset) * 1000)

    # What is admitted

    def knows(self, request: web.BaseRequest) -> bool:
        """Whether a request carries the valid key as a bearer token."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        return not self.revoked and scheme.lower() == "bearer" and key == self.api_key

    def deny(self, model: str) -> Denial | None:
        """Return why a create of `model` is refused now, or None after counting it."""
        if self.balance is not None and self.balance <= 0:
            return Denial(reason="no_balance")
        refusal = self._gauge.refusal(model, self.clock(), self.tasks)
        if refusal is None:
            return None
        return Denial(reason="saturated", refusal=refusal)

    def slow_down(self) -> Denial | None:
        """Return how to refuse a query now, or None after counting it."""
        rate, meter = self.scenario.queries, self._queries
        if rate is None or meter is None:
            return None
        now = self.clock()
        if meter.is_full(now, self.tasks):
            return Denial(reason="saturated", refusal=rate.refusal)
        meter.take(now)
        return None

    def account(self) -> Account:
        """Return what is left to pay with, and what was paid."""
        return Account(self.balance, self.ledger.accepted_total)

    # Tasks

    def accept(self, task_id: str, draft: Draft, dialect: str) -> Task:
        """Take in a create: from here on it is charged."""
        scenario, model = self.scenario, draft.model
        duration = scenario.duration_of(model).sample(self._durations)
        failure = self._failure(model, draft.prompt)
        task = evolve(
            self.imagined(task_id, draft, dialect), duration=duration, failure=failure
        )
        self.tasks.add(task)
        self.ledger.take(task)
        if self.balance is not None:
            self.balance -= 1
        limit = scenario.revoke_after
        accepted = self.ledger.accepted_total - self._accepted_before
        if limit is not None and accepted >= limit:
            self.revoked = True
        self.courier.expect(task)
        return task

    def imagined(self, task_id: str, draft: Draft, dialect: str) -> Task:
        """Return what the task of a create would be, without taking it in."""
        return Task(
            task_id=task_id,
            model=draft.model,
            prompt=draft.prompt,
            key=draft.key,
            param=draft.param,
            created=self.clock(),
            duration=0.0,
            dialect=dialect,
            callback_url=draft.callback_url,
            extension=draft.extension,
            files=self.scenario.pictures,
            size=draft.size,
            seed=draft.seed,
        )

    def _failure(self, model: str, prompt: str) -> Failure | None:
        for failure in self.scenario.failures:
            if failure.strikes(model, prompt, self._failures):
                return failure
        return None

    def find(self, task_id: str, dialect: str) -> Task | None:
        """Return a task of a dialect; those of others are not known in it."""
        task = self.tasks.get(task_id)
        return task if task is not None and task.dialect == dialect else None

    def report(self, task: Task, shown_id: str, *, is_new: bool = False) -> Report:
        """Return what there is to tell about a task now; a new one has not begun."""
        now = self.clock()
        report = Report(
            task=task,
            now=now,
            wall=self.wall,
            is_new=is_new,
            task_id=shown_id,
            state="waiting" if is_new else task.state(now),
            urls=[self.base_url + path for path in task.paths],
        )
        return report.ending() if report.has_ended else report

    # Faults

    def scene(
        self, fault: Fault, answer: Answer, report: Report, task: Task, dialect: Dialect
    ) -> Scene:
        """Return what a fault sees of a callback for a task."""
        return Scene(
            answer=answer,
            report=report,
            task=task,
            dialect=dialect,
            **self._setting(fault),
        )

    def _setting(self, fault: Fault) -> dict[str, Any]:
        return {
            "params": fault.settings,
            "tasks": self.tasks,
            "scenario": self.scenario,
            "base_url": self.base_url,
            "closing": self.closing,
            "courier": self.courier,
        }

    async def strike(
        self, fault: Fault, request: web.BaseRequest, due: Due
    ) -> web.StreamResponse:
        """Let a fault have its way with a call."""
        self.ledger.faults[fault.kind] += 1
        scene = Exchange(
            request=request,
            answer=due.answer,
            report=due.report,
            task=due.task,
            dialect=due.dialect,
            **self._setting(fault),
        )
        kind = KINDS[fault.kind]
        if kind.play is not None:
            return await kind.play(scene)
        assert kind.alter is not None, "a kind of an HTTP route alters or plays"
        return kind.alter(scene).response()
