"""The hot path without the library: aiohttp alone."""

from __future__ import annotations

import asyncio

import aiohttp

from benchmarks._child import WARM_UP
from benchmarks._client_bare import (
    CREATES_AT_ONCE,
    HEADERS,
    QUERIES_AT_ONCE,
    create,
    query,
)
from benchmarks._hot import FOREVER, Meter, at_once, copy_of, main


async def bare(task_ids: list[str], meter: Meter) -> None:
    """Queries and creates, as fast as they go; creates also on fresh connections."""
    url, calls = meter.spec.url, meter.spec.calls
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with (
        aiohttp.ClientSession(headers=HEADERS) as kept,
        aiohttp.ClientSession(headers=HEADERS, connector=connector) as fresh,
    ):

        async def ask(number: int) -> None:
            await query(kept, url, task_ids[number % len(task_ids)])

        async def make(number: int) -> None:
            await create(kept, url, number)

        async def make_fresh(number: int) -> None:
            await create(fresh, url, number)

        for call, how_many, name in (
            (ask, QUERIES_AT_ONCE, "query"),
            (make, CREATES_AT_ONCE, "create"),
            (make_fresh, CREATES_AT_ONCE, "create, fresh"),
        ):
            await at_once(range(WARM_UP), call, how_many)
            meter.start()
            await at_once(range(calls), call, how_many)
            meter.step(name)


async def loops(task_ids: list[str], meter: Meter) -> None:
    """A coroutine per task, which has asked once and sleeps until it asks again."""
    connector = aiohttp.TCPConnector(limit=QUERIES_AT_ONCE)
    async with aiohttp.ClientSession(headers=HEADERS, connector=connector) as http:
        warm = await _open(http, meter.spec.url, task_ids[:WARM_UP])
        meter.start()
        tasks = await _open(http, meter.spec.url, task_ids[WARM_UP:])
        meter.step("asked")
        for task in (*warm, *tasks):
            task.cancel()
        await asyncio.gather(*warm, *tasks, return_exceptions=True)


async def _open(
    http: aiohttp.ClientSession, url: str, task_ids: list[str]
) -> list[asyncio.Task[None]]:
    asleep = asyncio.Semaphore(0)
    tasks = [
        asyncio.create_task(_loop(http, url, copy_of(task_id), asleep))
        for task_id in task_ids
    ]
    for _ in tasks:
        await asleep.acquire()
    return tasks


async def _loop(
    http: aiohttp.ClientSession, url: str, task_id: str, asleep: asyncio.Semaphore
) -> None:
    while (await query(http, url, task_id))["state"] != "success":
        asleep.release()
        await asyncio.sleep(FOREVER)


if __name__ == "__main__":
    main({"bare": bare, "loops": loops})
