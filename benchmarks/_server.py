"""A lean service: createTask and recordInfo, nothing refused, nothing checked.

It is here to be cheap, so that the client is what is measured; the emulator is the
one that is faithful. Answers have the documented fields and a usual size. Durations
are lognormal and drawn from a seed, so that the nth task of a run always takes the
same time.

    GET /begin?seed=&median=&sigma=&made=   forget all, and make `made` tasks
    GET /books                              counts since `begin`
    GET /instants                           when creates and queries came, in seconds
                                            from the first create
"""

from __future__ import annotations

import asyncio
import heapq
import json
import math
import statistics
import sys
import time
from random import Random
from typing import Protocol

from aiohttp import web
from attrs import define, field

_BACKLOG = 4096  # connections; a client may open thousands at once


@define
class _Task:
    """A task and its two possible answers."""

    ends: float  # on the loop's clock
    running: bytes
    ended: bytes
    told: bool = False  # whether a query has met its end


@define
class Service:
    """The tasks and counts of one run."""

    random: Random = field(factory=Random)
    median: float = 1.0
    sigma: float = 0.0
    tasks: dict[str, _Task] = field(factory=dict)
    posts: int = 0
    gets: int = 0
    open_ends: list[float] = field(factory=list)
    lags: list[float] = field(factory=list)  # seconds from a task's end to its telling
    peak_open: int = 0
    cpu_before: float = 0.0
    creates_at: list[float] = field(factory=list)
    queries_at: list[float] = field(factory=list)

    async def handle(self, request: web.BaseRequest) -> web.Response:
        if request.path == "/api/v1/jobs/recordInfo":
            self.gets += 1
            self.queries_at.append(asyncio.get_running_loop().time())
            return _json(self._record(request.query["taskId"]))
        if request.path == "/api/v1/jobs/createTask":
            self.posts += 1
            self.creates_at.append(asyncio.get_running_loop().time())
            return _json(self._accept((await request.read()).decode()))
        if request.path == "/begin":
            self._begin(request)
            return _json(b"{}")
        if request.path == "/books":
            return _json(self._books())
        if request.path == "/instants":
            return _json(self._instants())
        return web.Response(status=404)

    def _record(self, task_id: str) -> bytes:
        task = self.tasks[task_id]
        late = asyncio.get_running_loop().time() - task.ends
        if late < 0:
            return task.running
        if not task.told:
            task.told = True
            self.lags.append(late)
        return task.ended

    def _accept(self, param: str) -> bytes:
        took = self.random.lognormvariate(math.log(self.median), self.sigma)
        now = asyncio.get_running_loop().time()
        task_id = f"task_z-image_{1_777_600_000_000 + len(self.tasks)}"
        self.tasks[task_id] = _make_task(task_id, param, now, took)
        while self.open_ends and self.open_ends[0] <= now:
            heapq.heappop(self.open_ends)
        heapq.heappush(self.open_ends, now + took)
        self.peak_open = max(self.peak_open, len(self.open_ends))
        answer = {"code": 200, "msg": "success", "data": {"taskId": task_id}}
        return json.dumps(answer).encode()

    def _begin(self, request: web.BaseRequest) -> None:
        wanted = request.query
        self.random = Random(int(wanted["seed"]))
        self.median, self.sigma = float(wanted["median"]), float(wanted["sigma"])
        self.tasks.clear()
        self.open_ends.clear()
        self.lags.clear()
        self.creates_at.clear()
        self.queries_at.clear()
        for number in range(int(wanted["made"])):
            self._accept(json.dumps({"model": "z-image", "input": {"prompt": number}}))
        self.posts = self.gets = self.peak_open = 0
        self.cpu_before = time.process_time()

    def _books(self) -> bytes:
        books = {
            "posts": self.posts,
            "gets": self.gets,
            "peak_open": self.peak_open,
            "lag": statistics.fmean(self.lags) if self.lags else 0.0,
            "lag_median": statistics.median(self.lags) if self.lags else 0.0,
            "server_cpu": time.process_time() - self.cpu_before,
            "task_ids": list(self.tasks),
        }
        return json.dumps(books).encode()

    def _instants(self) -> bytes:
        first = min(self.creates_at, default=0.0)
        instants = {
            "creates": [round(at - first, 4) for at in self.creates_at],
            "queries": [round(at - first, 4) for at in self.queries_at],
        }
        return json.dumps(instants).encode()


def _make_task(task_id: str, param: str, now: float, took: float) -> _Task:
    began = int(time.time() * 1000)
    over = began + int(took * 1000)
    url = f"https://files.example/{task_id}/0.png?expires=1777686400&signature=7d3a9c"
    common = {"taskId": task_id, "model": "z-image", "param": param}
    running = {
        **common,
        "state": "generating",
        "resultJson": "",
        "failCode": "",
        "failMsg": "",
        "createTime": began,
        "updateTime": began,
    }
    ended = {
        **running,
        "state": "success",
        "resultJson": json.dumps({"resultUrls": [url]}),
        "costTime": over - began,
        "updateTime": over,
        "completeTime": over,
    }
    return _Task(now + took, _envelope(running), _envelope(ended))


def _envelope(record: dict[str, object]) -> bytes:
    return json.dumps({"code": 200, "msg": "success", "data": record}).encode()


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


class Handler(Protocol):
    """Anything that answers requests."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        ...


async def serve(made: Handler) -> None:
    """Serve until standard input ends; the URL goes to standard output."""
    service = web.Server(made.handle)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(service, "127.0.0.1", 0, backlog=_BACKLOG)
    host, port = listener.sockets[0].getsockname()
    print(f"http://{host}:{port}", flush=True)
    await asyncio.to_thread(sys.stdin.read)  # ends when whoever started us lets go
    listener.close()
    await service.shutdown()


if __name__ == "__main__":
    asyncio.run(serve(Service()))
