"""Clients under measurement: aiohttp alone.

`bare` replays as many requests as our session made and decides nothing; it is the
floor. `bare_fresh` makes each create on a connection of its own, as our session does
so that a stale one cannot lose a paid answer. `bare_same` does so too, and makes each
request when the session made it: a process that wakes for an answer pays for the
waking, whatever it does then. `bare_paced` makes them evenly over the session's time,
so that nearly each wakes it. `loops` is what people write by hand: a
coroutine per task, which sleeps and asks.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
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
    """Creates on a fresh connection each, queries on kept ones; paced by `span`, or
    at `instants`."""
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
        await _sleep_until(began + creates_at[number])
        task_ids.append(await create(creates, spec.url, number))

    async def query_one(number: int) -> None:
        await _sleep_until(began + queries_at[number])
        await query(queries, spec.url, task_ids[number % len(task_ids)])

    async def create_all() -> None:
        await _all(iter(range(spec.tasks)), create_one, CREATES_AT_ONCE)

    creates_at, queries_at = _instants(spec)
    began = loop.time()
    if spec.instants:
        creating = asyncio.create_task(create_all())
    else:
        await create_all()
        began = loop.time()
    await _all(iter(range(spec.queries)), query_one, QUERIES_AT_ONCE)
    if spec.instants:
        await creating


def _instants(spec: Spec) -> tuple[Sequence[float], Sequence[float]]:
    """When to make each create, and each query; queries may count from later on."""
    if not spec.instants:
        step = spec.span / max(1, spec.queries)
        return [0.0] * spec.tasks, [number * step for number in range(spec.queries)]
    told: Mapping[str, list[float]] = json.loads(Path(spec.instants).read_text())
    return told["creates"], told["queries"]


async def _sleep_until(instant: float) -> None:
    early = instant - asyncio.get_running_loop().time()
    if early > 0:
        await asyncio.sleep(early)


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
    fresh = dict.fromkeys(("bare_fresh", "bare_same", "bare_paced"), bare_fresh)
    main({"bare": bare, **fresh, "loops": loops})
