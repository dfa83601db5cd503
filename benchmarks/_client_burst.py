"""A session with open tasks, into which a burst of callbacks comes.

The event loop is watched by a task that sleeps a millisecond at a time: what it wakes
late is a stall, whatever caused it, the system's scheduler included.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
from typing import Any
from urllib.parse import urlencode

import aiohttp
from attrs import define

from benchmarks._child import begin, books, read_argument, resident_bytes
from benchmarks._client_callbacks import receiving
from liangxin_async import Polling, ZImage

_HOUR = 3600.0
_QUIET = Polling(first=_HOUR, ceiling=_HOUR)
_BEAT = 0.001  # seconds
_SETTLING = 0.3  # seconds of calm before the burst, and after it


@define
class _Watch:
    """The longest stall since it was last reset, and the most CPU time that the loop
    used between two beats; in seconds."""

    longest: float = 0.0
    busiest: float = 0.0

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            before, used = loop.time(), time.thread_time()
            await asyncio.sleep(_BEAT)
            self.longest = max(self.longest, loop.time() - before - _BEAT)
            self.busiest = max(self.busiest, time.thread_time() - used)

    def reset(self) -> float:
        """Begin anew; return the longest stall until now."""
        longest, self.longest, self.busiest = self.longest, 0.0, 0.0
        return longest


async def _burst(spec: dict[str, Any]) -> dict[str, float]:
    begin(spec["url"], median=_HOUR)
    async with receiving(spec["url"], _QUIET) as session:
        for number in range(spec["tasks"]):
            await session.submit(ZImage(f"picture {number}"))
        watch = _Watch()
        watching = asyncio.create_task(watch.run())
        await asyncio.sleep(_SETTLING)
        gc.collect()
        calm = watch.reset()
        memory = resident_bytes("VmRSS")
        cpu, wall = time.process_time(), time.perf_counter()
        counts = await _ask_for(spec)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        await _calm(spec["url"])
        watching.cancel()
        return {
            "answered": counts.get("200", 0),
            "queries": books(spec["url"])["gets"],
            "calm": calm,
            "stall": watch.longest,
            "busiest": watch.busiest,
            "growth": resident_bytes("VmHWM") - memory,
            "cpu": cpu,
            "wall": wall,
            "open": len(session.pending),
        }


async def _calm(url: str) -> None:
    """Wait until no query is made any more."""
    before = -1
    while before != (seen := books(url)["gets"]):
        before = seen
        await asyncio.sleep(_SETTLING)


async def _ask_for(spec: dict[str, Any]) -> dict[str, int]:
    query = urlencode({name: spec[name] for name in ("callbacks", "connections")})
    limit = aiohttp.ClientTimeout(total=120)
    async with (
        aiohttp.ClientSession(timeout=limit) as http,
        http.get(f"{spec['url']}/burst?{query}") as reply,
    ):
        counts: dict[str, int] = await reply.json()
        return counts


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_burst(read_argument()))))
