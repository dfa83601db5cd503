"""A tiny service of both dialects that calls back, with payloads written by hand.

It forgets the answer to a create where `loses` says so, and tells whatever the test
wants by `deliver`.
"""

from __future__ import annotations

import asyncio
import json
import struct
import zlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from attrs import define, field


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check


PIXEL = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\0\x80"))
    + _chunk(b"IEND", b"")
)


@asynccontextmanager
async def served(routes: list[web.RouteDef]) -> AsyncIterator[str]:
    """Serve routes on loopback; gives the base URL."""
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0]
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


@define
class Task:
    """One accepted create."""

    request: dict[str, Any]
    callback: str | None
    ends: float


@define(eq=False)
class Service:
    """See the module. Times are of the running loop, durations in seconds."""

    duration: float = 0.05
    calls_back: bool = True
    loses: int = 0
    tasks: dict[str, Task] = field(factory=dict)
    queries: Counter[str] = field(factory=Counter)
    ended_at: dict[str, float] = field(factory=dict)
    statuses: Counter[int] = field(factory=Counter)
    url: str = ""
    _http: aiohttp.ClientSession = field(init=False)
    _sending: set[asyncio.Task[None]] = field(factory=set)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Service]:
        connector = aiohttp.TCPConnector(limit=50)
        async with aiohttp.ClientSession(connector=connector) as self._http:
            routes = [
                web.post("/api/v1/jobs/createTask", self._create),
                web.get("/api/v1/jobs/recordInfo", self._record_info),
                web.post("/v1/images/generations", self._create),
                web.get("/v1/tasks/{id}", self._task),
                web.get("/files/{name}", self._file),
            ]
            async with served(routes) as self.url:
                try:
                    yield self
                finally:
                    for sending in tuple(self._sending):
                        sending.cancel()
                    await asyncio.gather(*self._sending, return_exceptions=True)

    # ------------------------------------------------------------------------- API

    async def _create(self, request: web.Request) -> web.Response:
        body = await request.json()
        is_evolink = request.path.startswith("/v1/")
        task_id = f"task{'-unified' if is_evolink else '_z-image'}-{len(self.tasks)}"
        callback = body.get("callback_url" if is_evolink else "callBackUrl")
        ends = asyncio.get_running_loop().time() + self.duration
        self.tasks[task_id] = Task(body, callback, ends)
        if callback is not None and self.calls_back:
            sending = asyncio.create_task(self._call_later(task_id))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)
        if self.loses:
            self.loses -= 1
            assert request.transport is not None
            request.transport.abort()
        if is_evolink:
            return web.json_response(self.task_object(task_id))
        data = {"taskId": task_id}
        return web.json_response({"code": 200, "msg": "success", "data": data})

    async def _record_info(self, request: web.Request) -> web.Response:
        task_id = request.query["taskId"]
        self.queries[task_id] += 1
        if task_id not in self.tasks:
            return web.json_response({"code": 422, "msg": "recordInfo is null"})
        return web.json_response(self.record(task_id))

    async def _task(self, request: web.Request) -> web.Response:
        task_id = request.match_info["id"]
        self.queries[task_id] += 1
        return web.json_response(self.task_object(task_id))

    async def _file(self, request: web.Request) -> web.Response:
        return web.Response(body=PIXEL, content_type="image/png")

    def file_of(self, task_id: str) -> str:
        """The URL of a task's picture."""
        return f"{self.url}/files/{task_id}.png"

    def _is_over(self, task_id: str) -> bool:
        return asyncio.get_running_loop().time() >= self.tasks[task_id].ends

    def record(self, task_id: str, **changes: Any) -> dict[str, Any]:
        """recordInfo's answer, which is also the callback's body."""
        over = self._is_over(task_id)
        urls = {"resultUrls": [self.file_of(task_id)]}
        data = {
            "taskId": task_id,
            "model": self.tasks[task_id].request["model"],
            "state": "success" if over else "generating",
            "param": json.dumps(self.tasks[task_id].request),
            "resultJson": json.dumps(urls) if over else "",
            "failCode": "",
            "failMsg": "",
        }
        return {"code": 200, "msg": "success", "data": {**data, **changes}}

    def task_object(self, task_id: str, **changes: Any) -> dict[str, Any]:
        """EvoLink's task object, at the create, at a query and in a callback."""
        over = self._is_over(task_id)
        task = {
            "created": 1_777_600_000,
            "id": task_id,
            "model": self.tasks[task_id].request["model"],
            "object": "image.generation.task",
            "status": "completed" if over else "processing",
            "progress": 100 if over else 50,
            "results": [self.file_of(task_id)] if over else [],
        }
        return {**task, **changes}

    # ------------------------------------------------------------------- callbacks

    async def _call_later(self, task_id: str) -> None:
        loop, task = asyncio.get_running_loop(), self.tasks[task_id]
        await asyncio.sleep(max(0.0, task.ends - loop.time()) + 0.001)
        self.ended_at[task_id] = loop.time()
        await self.deliver(task_id, self.payload(task_id))

    def payload(self, task_id: str, **changes: Any) -> dict[str, Any]:
        make = self.task_object if "-unified-" in task_id else self.record
        return make(task_id, **changes)

    async def deliver(
        self, task_id: str, body: Any, *, url: str | None = None, **how: Any
    ) -> int:
        """POST `body` to a task's callback URL, or another; return the status."""
        where = self.tasks[task_id].callback if url is None else url
        assert where is not None
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
            how.setdefault("headers", {})["Content-Type"] = "application/json"
        async with self._http.post(where, data=body, **how) as reply:
            await reply.read()
        self.statuses[reply.status] += 1
        return reply.status
