"""The lean service, calling back: at the end of a task, or in a burst.

    GET /burst?callbacks=&connections=    POST that many callbacks about open tasks

A burst is what a forger who knows every path could send at most: all its callbacks say
that a task has ended, and most of the tasks are still running. It ends when all are
answered, and gives how many were answered how.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import aiohttp
from aiohttp import web
from attrs import define, field

from benchmarks._server import Service, serve

_AT_ONCE = 100  # connections for callbacks of tasks that have ended


@define
class CallingService(Service):
    """A service that POSTs the final record to the `callBackUrl` of each create."""

    callbacks: dict[str, str] = field(factory=dict)  # URL by task id
    _http: aiohttp.ClientSession | None = None
    _sending: set[asyncio.Task[None]] = field(factory=set)

    async def handle(self, request: web.BaseRequest) -> web.Response:
        if request.path == "/burst":
            wanted = request.query
            counts = await self._burst(
                int(wanted["callbacks"]), int(wanted["connections"])
            )
            return web.json_response(counts)
        if request.path == "/begin":
            self.callbacks.clear()
        response = await super().handle(request)
        if request.path == "/api/v1/jobs/createTask":
            url = json.loads(await request.read()).get("callBackUrl")
            assert isinstance(response.body, bytes), "it was made of bytes"
            if url is not None:
                self._expect(json.loads(response.body)["data"]["taskId"], url)
        return response

    def _expect(self, task_id: str, url: str) -> None:
        self.callbacks[task_id] = url
        sending = asyncio.create_task(self._call_later(task_id, url))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)

    async def _call_later(self, task_id: str, url: str) -> None:
        task = self.tasks[task_id]
        await asyncio.sleep(task.ends - asyncio.get_running_loop().time())
        if self.tasks.get(task_id) is task:
            async with self._client().post(url, data=task.ended) as reply:
                await reply.read()

    def _client(self) -> aiohttp.ClientSession:
        if self._http is None:
            connector = aiohttp.TCPConnector(limit=_AT_ONCE)
            self._http = aiohttp.ClientSession(connector=connector)
        return self._http

    async def _burst(self, callbacks: int, connections: int) -> dict[str, int]:
        todo = iter(range(callbacks))
        targets = [(self.tasks[t].ended, url) for t, url in self.callbacks.items()]
        statuses: Counter[str] = Counter()
        connector = aiohttp.TCPConnector(limit=connections)

        async def send(http: aiohttp.ClientSession) -> None:
            for number in todo:
                body, url = targets[number % len(targets)]
                async with http.post(url, data=body) as reply:
                    await reply.read()
                    statuses[str(reply.status)] += 1

        async with aiohttp.ClientSession(connector=connector) as http:
            await asyncio.gather(*(send(http) for _ in range(connections)))
        return dict(statuses)

    async def aclose(self) -> None:
        """Send nothing more."""
        for sending in tuple(self._sending):
            sending.cancel()
        if self._http is not None:
            await self._http.close()


async def main() -> None:
    """Serve until standard input ends."""
    service = CallingService()
    try:
        await serve(service)
    finally:
        await service.aclose()


if __name__ == "__main__":
    asyncio.run(main())
