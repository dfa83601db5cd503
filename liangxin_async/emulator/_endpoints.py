"""The routes of one dialect over a world: what is decided, honest or struck by a fault.

Order of a create's checks: key, size, body, account, capacity. Order of a query's: key,
id, rate, task. It is the emulator's own; the documentation lists the refusals without
an order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from aiohttp import web
from aiohttp.web import RequestPayloadError
from attrs import define, evolve

from liangxin_async.emulator._answer import Answer
from liangxin_async.emulator._dialect import Denial, Draft
from liangxin_async.emulator._drafting import TooLargeError, draft, read_body
from liangxin_async.emulator._faults import Call
from liangxin_async.emulator._kinds_wire import Gone
from liangxin_async.emulator._world import Due

if TYPE_CHECKING:
    from liangxin_async.emulator._dialect import Dialect
    from liangxin_async.emulator._tasks import Task
    from liangxin_async.emulator._world import World

Handler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_AUTH: Final = Denial(reason="auth")
_NOT_FOUND: Final = Denial(reason="not_found")


@define(eq=False)
class Endpoints:
    """The handlers of a dialect's routes."""

    world: World
    dialect: Dialect
    _last_number: int = 0
    _last_refusal: int = 0

    def routes(self) -> Mapping[tuple[str, str], tuple[str, Handler]]:
        """Return handlers by method and path, each with its route's name."""
        own: dict[str, Handler] = {"create": self.create, "query": self.query}
        own |= {route: partial(self.page, route) for route in self.dialect.pages}
        places = self.dialect.places
        return {(p.method, p.path): (p.route, own[p.route]) for p in places}

    async def _sent(
        self, fault_route: str, request: web.BaseRequest, due: Due, call: Call
    ) -> web.StreamResponse:
        """Send an answer, or what a fault makes of it."""
        plan = self.world.plan
        fault = plan.pick(fault_route, call) if plan.has(fault_route) else None
        if fault is None:
            return due.answer.response()
        return await self.world.strike(fault, request, due)

    def _denied(self, denial: Denial, task: Task | None = None) -> Due:
        """Return a refusal, with a request id where the dialect has one."""
        self._last_refusal += 1
        answer = self.dialect.deny(denial, self.world.scenario)
        signed = self.dialect.signed(answer, self._last_refusal)
        return Due(answer=signed, task=task, dialect=self.dialect)

    def _told(self, task: Task, shown_id: str, *, is_new: bool = False) -> Due:
        report = self.world.report(task, shown_id, is_new=is_new)
        answer = self.dialect.tell(report, self.world.scenario)
        return Due(answer=answer, report=report, task=task, dialect=self.dialect)

    # Creates

    async def create(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a create."""
        world, name = self.world, self.dialect.name
        early = world.plan.pick_early(Call(now=world.clock(), dialect=name))
        if early is not None:
            due = Due(answer=Answer(), dialect=self.dialect)
            return await world.strike(early, request, due)
        try:
            made = await self._draft(request)
        except (ConnectionError, RequestPayloadError):
            return Gone()  # the client left, or broke off, within its own request
        fault = None
        if world.plan.has("create"):
            call = Call(
                now=world.clock(), dialect=name, subject=made.key, prompt=made.prompt
            )
            fault = world.plan.pick("create", call)
        if fault is None:
            return self._decide(request, made).answer.response()
        due = self._decide(request, made) if fault.accepts else self._imagined(made)
        return await world.strike(fault, request, due)

    async def _draft(self, request: web.BaseRequest) -> Draft:
        scenario, ledger = self.world.scenario, self.world.ledger
        try:
            body = await read_body(request, scenario.max_body_bytes)
        except TooLargeError:
            return Draft(denial=Denial(reason="too_large"))
        made = draft(self.dialect, request.content_type, body, scenario)
        if made.is_object:
            ledger.received[made.key] += 1
            ledger.received_by_prompt[made.prompt] += 1
        return made

    def _decide(self, request: web.BaseRequest, made: Draft) -> Due:
        world = self.world
        denial = _AUTH if not world.knows(request) else made.denial
        denial = denial or world.deny(made.model)
        if denial is not None:
            world.ledger.refused[denial.reason] += 1
            return self._denied(denial)
        task = world.accept(self._new_id(made.model), made, self.dialect.name)
        return self._told(task, task.task_id, is_new=True)

    def _imagined(self, made: Draft) -> Due:
        """Return what an acceptance would look like; nobody will know this id."""
        task_id = self._new_id(made.model or "unaccepted")
        task = self.world.imagined(task_id, made, self.dialect.name)
        return evolve(self._told(task, task_id, is_new=True), task=None)

    def _new_id(self, model: str) -> str:
        now = self.world.wall(self.world.clock())
        self._last_number = number = max(now, self._last_number + 1)
        return self.dialect.new_id(model, number, self.world.scenario)

    # Queries

    async def query(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a query for a task."""
        task_id = self.dialect.asked_id(request)
        self.world.ledger.queries[task_id] += 1
        due = self._record(request, task_id)
        call = Call(
            now=self.world.clock(),
            dialect=self.dialect.name,
            subject=task_id,
            prompt="" if due.task is None else due.task.prompt,
            task=due.task,
            report=due.report,
        )
        return await self._sent("query", request, due, call)

    def _record(self, request: web.BaseRequest, task_id: str) -> Due:
        world = self.world
        task = world.find(task_id, self.dialect.name)
        denial = _AUTH if not world.knows(request) else None
        if task is None:
            denial = denial or self.dialect.id_problem(task_id)
        denial = denial or world.slow_down()
        if denial is None and not self._is_visible(task):
            denial = _NOT_FOUND
        if denial is not None:
            world.ledger.queries_refused[denial.reason] += 1
            return self._denied(denial, task)
        assert task is not None, "nothing that is not there is visible"
        if task.state(world.clock()) in ("success", "fail"):
            task.endings_told += 1
            task.refresh()
        return self._told(task, task_id)

    def _is_visible(self, task: Task | None) -> bool:
        age = self.world.clock() - task.created if task is not None else 0.0
        return task is not None and age >= self.world.scenario.visible_after

    # Pages about the account

    async def page(self, route: str, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a route that is about no task."""
        world = self.world
        if world.knows(request):
            answer = self.dialect.pages[route](world.account())
            due = Due(answer=answer, dialect=self.dialect)
        else:
            due = self._denied(_AUTH)
        call = Call(now=world.clock(), dialect=self.dialect.name)
        return await self._sent(route, request, due, call)
