"""A service in virtual time, behind the interface of the transport.

It speaks the LiangXin wire as bytes, written by hand, so that dialect, submitter,
poller and session run as they are; only sockets are missing.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import anyio
from attrs import define, field

from liangxin_async import LIANGXIN, LiangxinError, Polling, Session, Timeouts
from liangxin_async._runtime import Runtime, make_runtime
from liangxin_async._transport import Departure, RecalledError
from liangxin_async.dialects import WireReply, WireRequest

SATURATED = WireReply(
    429, {}, b'{"error":{"message":"load is saturated","type":"new_api_error"}}'
)
BAD_KEY = WireReply(401, {}, b'{"error":{"message":"invalid token","code":""}}')
NO_MONEY = WireReply(
    403, {}, b'{"code":"insufficient_user_quota","message":"no","data":null}'
)

Answer = WireReply | LiangxinError | None


def reply(value: Any, status: int = 200) -> WireReply:
    return WireReply(status, {}, json.dumps(value).encode())


@define(eq=False)
class FakeService:
    """Takes creates, ends them after `duration` seconds, answers queries.

    `on_create` and `on_query` may give another answer, or an error to raise; None
    leaves the normal one.
    """

    duration: float | Callable[[random.Random], float] = 2.0
    cap: int | None = None
    latency: float = 0.01  # from sending to the answer, of which half before arrival
    connecting: float = 0.0  # before the first byte leaves
    on_create: Callable[[dict[str, Any]], Answer] = lambda body: None
    on_query: Callable[[str], Answer] = lambda task_id: None
    random: random.Random = field(factory=lambda: random.Random(7))
    ends: dict[str, float] = field(factory=dict)
    bodies: list[dict[str, Any]] = field(factory=list)
    accepted: Counter[str] = field(factory=Counter)
    queries: Counter[str] = field(factory=Counter)
    querying: int = 0
    most_querying: int = 0
    arrivals: list[float] = field(factory=list)
    query_times: list[float] = field(factory=list)
    opened: int = 0
    closed: int = 0

    def open_nowait(self) -> None:
        self.opened += 1

    async def aclose(self) -> None:
        self.closed += 1

    def running(self) -> int:
        now = anyio.current_time()
        return sum(end > now for end in self.ends.values())

    async def create(self, request: WireRequest, departure: Departure) -> WireReply:
        await anyio.sleep(self.connecting)
        if departure.recalled:
            raise RecalledError
        departure.left = True
        await anyio.sleep(self.latency / 2)
        assert request.body is not None
        body = json.loads(request.body)
        self.bodies.append(body)
        self.arrivals.append(anyio.current_time())
        answer = self.on_create(body)
        if isinstance(answer, LiangxinError):
            raise answer
        if answer is None:
            answer = self._accept(body)
        await anyio.sleep(self.latency / 2)
        return answer

    def _accept(self, body: dict[str, Any]) -> WireReply:
        if self.cap is not None and self.running() >= self.cap:
            return SATURATED
        task_id = f"task_{len(self.ends)}"
        took = self.duration
        seconds = took(self.random) if callable(took) else took
        self.ends[task_id] = anyio.current_time() + seconds
        self.accepted[body["input"]["prompt"]] += 1
        return reply({"code": 200, "msg": "success", "data": {"taskId": task_id}})

    async def query(self, request: WireRequest) -> WireReply:
        task_id = request.target.rpartition("=")[2]
        self.queries[task_id] += 1
        self.query_times.append(anyio.current_time())
        self.querying += 1
        self.most_querying = max(self.most_querying, self.querying)
        try:
            await anyio.sleep(self.latency)
        finally:
            self.querying -= 1
        answer = self.on_query(task_id)
        if isinstance(answer, LiangxinError):
            raise answer
        return answer or self.record(task_id)

    def record(self, task_id: str, **changes: Any) -> WireReply:
        end = self.ends.get(task_id)
        if end is None:
            return reply({"code": 422, "msg": "recordInfo is null", "data": None})
        done = anyio.current_time() >= end
        urls = json.dumps({"resultUrls": [f"https://host.example/{task_id}.png"]})
        data = {
            "taskId": task_id,
            "model": "z-image",
            "state": "success" if done else "generating",
            "param": "{}",
            "resultJson": urls if done else "",
            "failCode": "",
            "failMsg": "",
        }
        return reply({"code": 200, "msg": "success", "data": {**data, **changes}})


class NoFiles:
    """A downloader for runtimes that download nothing."""

    async def aclose(self) -> None:
        return


def open_runtime(service: FakeService, **settings: Any) -> Runtime:
    """Return a runtime whose transport is `service`; close it with `aclose`."""
    defaults: dict[str, Any] = {
        "dialect": LIANGXIN,
        "transport": service,
        "downloader": NoFiles(),
        "polling": Polling(),
        "timeouts": Timeouts(),
        "observer": None,
        "max_in_flight": None,
        "paths": None,
    }
    return make_runtime(**(defaults | settings))


def session_on(service: FakeService, **settings: Any) -> Any:
    """Return a real Session whose transport is `service`."""

    class OnFake(Session):
        def _make_transport(self) -> Any:
            return service

    return OnFake("canary-key-of-tests", base_url="http://127.0.0.1:9", **settings)
