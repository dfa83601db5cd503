"""The LiangXin dialect: createTask and recordInfo, honest or struck by a fault.

Order of a create's checks: key, size, body, account, capacity. It is the emulator's
own; the documentation lists the refusals without an order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NoReturn, TypeAlias

from aiohttp import web
from aiohttp.web import RequestPayloadError
from attrs import define, frozen

from liangxin_async.emulator import _liangxin_forms as forms
from liangxin_async.emulator._answer import Answer, compact
from liangxin_async.emulator._capacity import Refusal
from liangxin_async.emulator._faults import Call
from liangxin_async.emulator._kinds_wire import Gone
from liangxin_async.emulator._liangxin_models import problem_with
from liangxin_async.emulator._tasks import Task
from liangxin_async.emulator._world import World

Handler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

CREATE: Final = "/api/v1/jobs/createTask"
QUERY: Final = "/api/v1/jobs/recordInfo"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")
_JPEG_WORDS: Final = ("jpeg", "jpg", "image/jpeg")


@frozen
class Draft:
    """A create as it was read, before anything was decided.

    Attributes:
        request: the body, or None where it is not usable at all.
        prompt: the prompt, or "" where there is none.
        key: canonical JSON of model and input, or "" where the body is not an object.
        param: the body as compact JSON, or "".
        fault: the refusal that the body itself deserves, or None.
    """

    request: dict[str, Any] | None = None
    prompt: str = ""
    key: str = ""
    param: str = ""
    fault: Answer | None = None


class _TooLargeError(Exception):
    """The body of a request goes beyond the limit."""


async def _read(request: web.BaseRequest, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    if (request.content_length or 0) > limit:
        raise _TooLargeError
    while part := await request.content.readany():
        parts.append(part)
        size += len(part)
        if size > limit:
            raise _TooLargeError
    return b"".join(parts)


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _parsed(body: bytes) -> Any:
    return json.loads(body, parse_constant=_refuse_constant)


def draft(content_type: str, body: bytes, models: tuple[str, ...]) -> Draft:
    """Read the body of a create, and say what is wrong with it."""
    try:
        data = _parsed(body)
        if not isinstance(data, dict):
            return Draft(fault=forms.form_a(400, 400, "invalid request body"))
        asked = {"input": data.get("input"), "model": data.get("model")}
        key = json.dumps(asked, separators=(",", ":"), sort_keys=True)
        param = compact(data)
    except (ValueError, RecursionError):
        return Draft(fault=forms.form_a(400, 400, "invalid request body"))
    problem = problem_with(data, models)
    if content_type != "application/json":
        problem = "Content-Type must be application/json"
    fields = data.get("input")
    prompt = fields.get("prompt") if isinstance(fields, dict) else None
    return Draft(
        data,
        prompt if isinstance(prompt, str) else "",
        key,
        param,
        None if problem is None else forms.form_a(400, 400, problem),
    )


@define(eq=False)
class LiangXin:
    """The two endpoints over a world."""

    world: World
    _last_number: int = 0
    _last_request: int = 0

    def routes(self) -> Mapping[tuple[str, str], tuple[str, Handler]]:
        """Return handlers by method and path, each with its route's name."""
        return {
            ("POST", CREATE): ("create", self.create),
            ("GET", QUERY): ("query", self.query),
        }

    async def create(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer createTask."""
        world = self.world
        early = world.plan.pick_early(world.clock())
        if early is not None:
            return await world.strike(early, request, Answer(), None)
        try:
            made = await self._draft(request)
        except (ConnectionError, RequestPayloadError):
            return Gone()  # the client left, or broke off, within its own request
        fault = None
        if world.plan.has("create"):
            call = Call(now=world.clock(), subject=made.key, prompt=made.prompt)
            fault = world.plan.pick("create", call)
        if fault is None:
            return self._marked(self._decide(request, made)[0]).response()
        if fault.accepts:
            answer, task = self._decide(request, made)
            self._marked(answer)
        else:
            # What an acceptance would look like; nobody will know this id.
            answer, task = forms.created(self._new_id("unaccepted")), None
        return await world.strike(fault, request, answer, task)

    async def _draft(self, request: web.BaseRequest) -> Draft:
        scenario, ledger = self.world.scenario, self.world.ledger
        try:
            body = await _read(request, scenario.max_body_bytes)
        except _TooLargeError:
            message = "request body too large"
            code = "read_request_body_failed"
            return Draft(fault=forms.form_b(413, message, code))
        made = draft(request.content_type, body, scenario.models)
        if made.request is not None:
            ledger.received[made.key] += 1
            ledger.received_by_prompt[made.prompt] += 1
        return made

    def _decide(
        self, request: web.BaseRequest, made: Draft
    ) -> tuple[Answer, Task | None]:
        world, refused = self.world, self.world.ledger.refused
        if not world.knows(request):
            refused["auth"] += 1
            return forms.form_b(401, "invalid token"), None
        if made.fault is not None or made.request is None:
            fault = made.fault or forms.form_a(400, 400, "invalid request body")
            refused["too_large" if fault.status == 413 else "invalid"] += 1
            return fault, None
        denied = world.deny(made.request["model"])
        if isinstance(denied, Refusal):
            refused["saturated"] += 1
            return forms.saturated(denied), None
        if denied is not None:
            refused[denied.value] += 1
            message, code = "user quota is not enough", "insufficient_user_quota"
            return forms.form_b(403, message, code), None
        task = self._accept(made.request, made)
        return forms.created(task.task_id), task

    def _accept(self, request: dict[str, Any], made: Draft) -> Task:
        is_jpeg = request["input"].get("output_format") in _JPEG_WORDS
        return self.world.accept(
            self._new_id(request["model"]),
            request,
            key=made.key,
            param=made.param,
            extension="jpg" if is_jpeg else "png",
        )

    def _marked(self, answer: Answer) -> Answer:
        """Give a refusal the gateway's request id, as its family does."""
        if not answer.is_good:
            self._last_request += 1
            answer.headers["X-Oneapi-Request-Id"] = f"emulated{self._last_request:08d}"
        return answer

    def _new_id(self, model: str) -> str:
        """Return an id in either of the two spellings that the seeds show."""
        now = self.world.wall(self.world.clock())
        self._last_number = number = max(now, self._last_number + 1)
        name = _UNSAFE.sub("_", model)
        return f"task_{name.replace('-', '_') if number % 2 else name}_{number}"

    async def query(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer recordInfo."""
        world = self.world
        task_id = request.query.get("taskId", "")
        world.ledger.queries[task_id] += 1
        answer, task = self._record(request, task_id)
        self._marked(answer)
        if not world.plan.has("query"):
            return answer.response()
        call = Call(
            now=world.clock(),
            subject=task_id,
            prompt="" if task is None else task.prompt,
            task=task,
            answer=answer,
        )
        fault = world.plan.pick("query", call)
        if fault is None:
            return answer.response()
        return await world.strike(fault, request, answer, task)

    def _record(
        self, request: web.BaseRequest, task_id: str
    ) -> tuple[Answer, Task | None]:
        world, refused = self.world, self.world.ledger.queries_refused
        if not world.knows(request):
            refused["auth"] += 1
            return forms.form_b(401, "invalid token"), None
        if not task_id:
            refused["invalid"] += 1
            return forms.form_a(400, 400, "taskId parameter is required"), None
        slow = world.slow_down()
        if slow is not None:
            refused["saturated"] += 1
            return forms.saturated(slow), None
        task = world.tasks.get(task_id)
        if task is None:
            refused["not_found"] += 1
            return forms.NOT_FOUND[world.scenario.unknown_task](), None
        now = world.clock()
        if task.state(now) in ("success", "fail"):
            task.endings_told += 1
            task.refresh()
        url = world.base_url + task.path
        return forms.record(task, task_id, now, world.wall, url), task
