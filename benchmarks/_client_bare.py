"""Clients under measurement: aiohttp alone.

`bare` replays as many requests as our session made and decides nothing; it is the
floor. `bare_fresh` makes each create on a connection of its own, as our session does
so that a stale one cannot lose a paid answer. `bare_paced` does so too, and spreads
the queries evenly over the session's time: a process that wakes for each answer pays
for the waking, whatever it does then. `loops` is what people write by hand: a
coroutine per task, which sleeps and asks.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import aiohttp

from benchmarks._child import Spec, main

CREATES_AT_ONCE = 64  # as many as `Session.map` pulls ahead
QUERIES_AT_ONCE = 8  # as many as `Polling.workers` asks at once by default
INTERVAL = 1.0  # seconds between two queries about one task
HEADERS = {"Authorization": "Bearer benchmark-key", "Accept": "application/json"}


async def bare(spec: Spec) -> None:
    """All requests on kept connections."""
    async with aiohttp.ClientSession(headers=HEADERS) as http:
        await _replay(spec, http, http)


async def bare_fresh(spec: Spec) -> None:
    """Creates on a fresh connection each, queries on kept ones; paced by `span`."""
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with (
        aiohttp.ClientSession(headers=HEADERS) as queries,
        aiohttp.ClientSession(headers=HEADERS, connector=connector) as creates,
    ):
        await _replay(spec, creates, queries)


async def _replay(
    spec: Spec, creates: aiohttp.ClientSession, queries: aiohttp.ClientSession
) -> None:
    task_ids: list[str] = []
    loop = asyncio.get_running_loop()

    async def create_one(number: int) -> None:
        task_ids.append(await create(creates, spec.url, number))

    async def query_one(number: int) -> None:
        early = began + number * spec.span / spec.queries - loop.time()
        if early > 0:
            await asyncio.sleep(early)
        await query(queries, spec.url, task_ids[number % len(task_ids)])

    await _all(iter(range(spec.tasks)), create_one, CREATES_AT_ONCE)
    began = loop.time()
    await _all(iter(range(spec.queries)), query_one, QUERIES_AT_ONCE)


async def _all(
    numbers: Iterator[int], call: Callable[[int], Awaitable[None]], at_once: int
) -> None:
    async def work() -> None:
        for number in numbers:
            await call(number)

    await asyncio.gather(*(work() for _ in range(at_once)))


async def loops(spec: Spec) -> None:
    """A coroutine per task, all begun together."""
    interval = INTERVAL * spec.pace
    async with aiohttp.ClientSession(headers=HEADERS) as http:
        await asyncio.gather(
            *(_loop(http, spec.url, number, interval) for number in range(spec.tasks))
        )


async def _loop(
    http: aiohttp.ClientSession, url: str, number: int, interval: float
) -> str:
    task_id = await create(http, url, number)
    while True:
        await asyncio.sleep(interval)
        record = await query(http, url, task_id)
        if record["state"] == "success":
            urls: list[str] = json.loads(record["resultJson"])["resultUrls"]
            return urls[0]


async def create(http: aiohttp.ClientSession, url: str, number: int) -> str:
    """Make a task; return its id."""
    body = {"model": "z-image", "input": {"prompt": f"picture {number}"}}
    async with http.post(f"{url}/api/v1/jobs/createTask", json=body) as response:
        task_id: str = json.loads(await response.read())["data"]["taskId"]
        return task_id


async def query(http: aiohttp.ClientSession, url: str, task_id: str) -> dict[str, Any]:
    """Return the record of a task."""
    parameters = {"taskId": task_id}
    async with http.get(f"{url}/api/v1/jobs/recordInfo", params=parameters) as response:
        record: dict[str, Any] = json.loads(await response.read())["data"]
        return record


if __name__ == "__main__":
    replays = {"bare": bare, "bare_fresh": bare_fresh, "bare_paced": bare_fresh}
    main({**replays, "loops": loops})
