"""Open tasks under measurement: a coroutine for each, by aiohttp alone."""

from __future__ import annotations

import asyncio

import aiohttp

from benchmarks._child import WARM_UP
from benchmarks._client_bare import query
from benchmarks._memory import FOREVER, Meter, copy_of, main


async def loops(url: str, task_ids: list[str], meter: Meter) -> None:
    """Each has asked once and sleeps until it asks again."""
    connector = aiohttp.TCPConnector(limit=WARM_UP)
    async with aiohttp.ClientSession(connector=connector) as http:
        warm = await _open(http, url, task_ids[:WARM_UP])
        meter.start()
        tasks = await _open(http, url, task_ids[WARM_UP:])
        meter.stop()
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
    main({"loops": loops})
