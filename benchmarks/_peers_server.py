"""One service behind three wires, for `peers`: LiangXin's, fal's queue, replicate's.

All three make tasks of the same world, so that every client meets the same durations,
the same cap on tasks in flight (429 beyond it), and the same lost answers: of every so
many accepted creates one has its connection cut instead of its answer sent. What was
accepted is counted by prompt, which is how a second payment shows.

The wires are shims: as much of each protocol as its own client asks for, built from
what that client sends and reads.

    GET /begin?seed=&median=&sigma=&cap=&lost_every=   forget all; 0 is "none"
    GET /books                                         counts since `begin`
"""

from __future__ import annotations

import asyncio
import heapq
import json
import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from aiohttp import web
from attrs import define, field

from benchmarks._server import serve


@define
class _Task:
    """A task of the world; its end is on the loop's clock."""

    ends: float
    told: bool = False  # whether a query has met its end


class _SaturatedError(Exception):
    """The cap is reached: 429."""


@define
class _World:
    """The tasks and counts of one run."""

    random: Random = field(factory=Random)
    median: float = 1.0
    sigma: float = 0.0
    cap: int = 0
    lost_every: int = 0
    tasks: dict[str, _Task] = field(factory=dict)
    open_ends: list[float] = field(factory=list)
    accepted: Counter[str] = field(factory=Counter)
    posts: int = 0
    gets: int = 0
    refused: int = 0
    lags: list[float] = field(factory=list)
    cpu_before: float = 0.0

    def create(self, prompt: str) -> tuple[str, bool]:
        """Make a task; return its id, and whether its answer is to be lost."""
        now = asyncio.get_running_loop().time()
        self.posts += 1
        while self.open_ends and self.open_ends[0] <= now:
            heapq.heappop(self.open_ends)
        if self.cap and len(self.open_ends) >= self.cap:
            self.refused += 1
            raise _SaturatedError
        took = self.random.lognormvariate(math.log(self.median), self.sigma)
        number = len(self.tasks)
        task_id = f"task{number:06}"
        self.tasks[task_id] = _Task(now + took)
        heapq.heappush(self.open_ends, now + took)
        self.accepted[prompt] += 1
        lost = bool(self.lost_every) and number % self.lost_every == 1
        return task_id, lost

    def is_over(self, task_id: str) -> bool:
        """Answer a query about a task."""
        self.gets += 1
        task = self.tasks[task_id]
        late = asyncio.get_running_loop().time() - task.ends
        if late >= 0 and not task.told:
            task.told = True
            self.lags.append(late)
        return late >= 0

    def books(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "posts": self.posts,
            "gets": self.gets,
            "refused": self.refused,
            "accepted": sum(self.accepted.values()),
            "again": sum(count - 1 for count in self.accepted.values()),
            "lag": statistics.fmean(self.lags) if self.lags else 0.0,
            "server_cpu": time.process_time() - self.cpu_before,
        }


@define
class PeersService:
    """The wires. Each route ends in the world or in a 429."""

    world: _World = field(factory=_World)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        path = request.path
        if path == "/begin":
            self.world = _world(request)
            return web.json_response({})
        if path == "/books":
            return web.json_response(self.world.books())
        for prefix, route in (
            ("/api/v1/jobs/", self._liangxin),
            ("/fal/", self._fal),
            ("/v1/", self._replicate),
        ):
            if path.startswith(prefix):
                body = await request.read()
                return route(request, json.loads(body) if body else {})
        return web.Response(status=404)

    def _liangxin(self, request: web.BaseRequest, body: Any) -> web.StreamResponse:
        if request.method == "POST":
            return self._made(
                request,
                body["input"]["prompt"],
                lambda task_id: web.json_response(_envelope({"taskId": task_id})),
            )
        task_id = request.query["taskId"]
        over = self.world.is_over(task_id)
        urls = json.dumps({"resultUrls": [_url(task_id)]}) if over else ""
        record = {
            "taskId": task_id,
            "model": "z-image",
            "state": "success" if over else "generating",
            "param": "{}",
            "resultJson": urls,
            "failCode": "",
            "failMsg": "",
        }
        return web.json_response(_envelope(record))

    def _fal(self, request: web.BaseRequest, body: Any) -> web.StreamResponse:
        if request.method == "POST":
            place = f"{request.url.origin()}{request.path}"

            def answer(task_id: str) -> web.Response:
                base = f"{place}/requests/{task_id}"
                return web.json_response(
                    {
                        "request_id": task_id,
                        "response_url": base,
                        "status_url": f"{base}/status",
                        "cancel_url": f"{base}/cancel",
                        "queue_position": 0,
                    }
                )

            return self._made(request, body["prompt"], answer)
        rest = request.path.partition("/requests/")[2]
        task_id, _, status = rest.partition("/")
        if not status:
            self.world.gets += 1
            return web.json_response({"images": [{"url": _url(task_id)}]})
        if self.world.is_over(task_id):
            return web.json_response({"status": "COMPLETED", "logs": None})
        return web.json_response({"status": "IN_PROGRESS", "logs": None}, status=202)

    def _replicate(self, request: web.BaseRequest, body: Any) -> web.StreamResponse:
        origin = str(request.url.origin())
        if request.method == "POST":
            return self._made(
                request,
                body["input"]["prompt"],
                lambda task_id: web.json_response(
                    _prediction(origin, task_id, over=False), status=201
                ),
            )
        task_id = request.path.rpartition("/")[2]
        over = self.world.is_over(task_id)
        return web.json_response(_prediction(origin, task_id, over=over))

    def _made(
        self,
        request: web.BaseRequest,
        prompt: str,
        answer: Callable[[str], web.Response],
    ) -> web.StreamResponse:
        try:
            task_id, lost = self.world.create(prompt)
        except _SaturatedError:
            text = "current group upstream load is saturated, please try again later"
            error = {"message": text, "type": "new_api_error", "code": ""}
            return web.json_response({"error": error, "detail": text}, status=429)
        if lost and request.transport is not None:
            request.transport.abort()
        return answer(task_id)


def _world(request: web.BaseRequest) -> _World:
    wanted = request.query
    return _World(
        random=Random(int(wanted["seed"])),
        median=float(wanted["median"]),
        sigma=float(wanted["sigma"]),
        cap=int(wanted["cap"]),
        lost_every=int(wanted["lost_every"]),
        cpu_before=time.process_time(),
    )


def _envelope(data: Mapping[str, object]) -> dict[str, object]:
    return {"code": 200, "msg": "success", "data": data}


def _prediction(origin: str, task_id: str, *, over: bool) -> dict[str, object]:
    return {
        "id": task_id,
        "model": "owner/z-image",
        "version": "hidden",
        "status": "succeeded" if over else "processing",
        "input": {},
        "output": [_url(task_id)] if over else None,
        "logs": "",
        "error": None,
        "metrics": {},
        "created_at": "2026-01-01T00:00:00Z",
        "started_at": None,
        "completed_at": None,
        "urls": {"get": f"{origin}/v1/predictions/{task_id}"},
    }


def _url(task_id: str) -> str:
    return f"https://files.example/{task_id}/0.png?signature=7d3a9c"


if __name__ == "__main__":
    asyncio.run(serve(PeersService()))
