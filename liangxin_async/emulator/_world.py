"""Everything that the parts of one emulator share: clock, books, account, scenario.

Neutral between dialects: it decides whether a create is admitted, and takes it in; how
either is said is the dialect's. Instants are seconds on the emulator's clock.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any

from aiohttp import web
from attrs import define, field

from liangxin_async.emulator._capacity import Gauge, Meter, Refusal
from liangxin_async.emulator._faults import KINDS, Fault, FaultPlan
from liangxin_async.emulator._kinds import Scene
from liangxin_async.emulator._ledger import Ledger
from liangxin_async.emulator._pictures import Pictures
from liangxin_async.emulator._scenario import Failure, Scenario
from liangxin_async.emulator._tasks import Task, TaskStore

if TYPE_CHECKING:
    from liangxin_async.emulator._answer import Answer


class Denied(Enum):
    """Why an account may not create."""

    NO_BALANCE = "no_balance"


@define(eq=False, kw_only=True)
class World:
    """The shared state of one emulator.

    Attributes:
        api_key: the one key that is valid.
        clock: seconds, monotonic.
        base_url: the emulator's own address; set once it listens.
        closing: set when the emulator ends.
        balance: creates left to pay for, or None for any number.
        revoked: whether the key is no longer valid.
    """

    api_key: str
    clock: Callable[[], float]
    closing: asyncio.Event
    base_url: str = ""
    balance: int | None = None
    revoked: bool = False
    tasks: TaskStore = field(factory=TaskStore)
    pictures: Pictures = field(factory=Pictures)
    ledger: Ledger = field(init=False)
    scenario: Scenario = field(init=False)
    plan: FaultPlan = field(init=False)
    _gauge: Gauge = field(init=False)
    _queries: Meter | None = field(init=False)
    _durations: random.Random = field(init=False)
    _failures: random.Random = field(init=False)
    _began: float = field(init=False)
    _wall_offset: float = field(init=False)
    _accepted_before: int = 0

    def __attrs_post_init__(self) -> None:
        """Open the books, and tie the clock to the calendar once."""
        self.ledger = Ledger(self.tasks)
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
        self._began = now
        self._accepted_before = self.ledger.accepted_total

    def wall(self, instant: float) -> int:
        """Return the Unix time of an instant in milliseconds."""
        return round((instant + self._wall_offset) * 1000)

    def knows(self, request: web.BaseRequest) -> bool:
        """Whether a request carries the valid key as a bearer token."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        return not self.revoked and scheme.lower() == "bearer" and key == self.api_key

    def deny(self, model: str) -> Denied | Refusal | None:
        """Return why a create of `model` is refused now, or None after counting it."""
        if self.balance is not None and self.balance <= 0:
            return Denied.NO_BALANCE
        return self._gauge.refusal(model, self.clock(), self.tasks)

    def slow_down(self) -> Refusal | None:
        """Return how to refuse a query now, or None after counting it."""
        rate, meter = self.scenario.queries, self._queries
        if rate is None or meter is None:
            return None
        now = self.clock()
        if meter.is_full(now, self.tasks):
            return rate.refusal
        meter.take(now)
        return None

    def accept(
        self,
        task_id: str,
        request: dict[str, Any],
        *,
        key: str,
        param: str,
        extension: str,
    ) -> Task:
        """Take in a create: from here on it is charged."""
        model, prompt = request["model"], request["input"]["prompt"]
        task = Task(
            task_id=task_id,
            model=model,
            prompt=prompt,
            created=self.clock(),
            duration=self.scenario.duration_of(model).sample(self._durations),
            failure=self._failure(model, prompt),
            key=key,
            param=param,
            extension=extension,
        )
        self.tasks.add(task)
        self.ledger.take(task)
        if self.balance is not None:
            self.balance -= 1
        limit = self.scenario.revoke_after
        accepted = self.ledger.accepted_total - self._accepted_before
        if limit is not None and accepted >= limit:
            self.revoked = True
        return task

    def _failure(self, model: str, prompt: str) -> Failure | None:
        for failure in self.scenario.failures:
            if failure.strikes(model, prompt, self._failures):
                return failure
        return None

    async def strike(
        self, fault: Fault, request: web.BaseRequest, answer: Answer, task: Task | None
    ) -> web.StreamResponse:
        """Let a fault have its way with a call."""
        self.ledger.faults[fault.kind] += 1
        scene = Scene(
            request=request,
            answer=answer,
            params=fault.settings,
            tasks=self.tasks,
            task=task,
            base_url=self.base_url,
            closing=self.closing,
        )
        kind = KINDS[fault.kind]
        if kind.play is not None:
            return await kind.play(scene)
        assert kind.alter is not None, "a kind of an HTTP route alters or plays"
        return kind.alter(scene).response()
