"""The frame of a memory measurement: the growth of a warm process.

Loads nothing of the library, as `_child`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import tracemalloc
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from attrs import define, frozen

from benchmarks._child import WARM_UP, begin, books, read_argument, resident_bytes

FOREVER = 1e6  # seconds; no task ends while it is measured


@frozen(kw_only=True)
class Spec:
    """One measurement.

    Attributes:
        url: base URL of the lean server.
        tasks: how many tasks to open, at least 1.
        kind: what an open task is; see the benchmark.
        traced: count what Python's allocator gave out, instead of resident memory.
    """

    url: str
    tasks: int
    kind: str
    traced: bool


@define
class Meter:
    """Bytes taken between `start` and `stop`."""

    traced: bool
    taken: float = 0.0

    def start(self) -> None:
        """Begin: everything but the tasks to be measured is there."""
        gc.collect()
        if self.traced:
            tracemalloc.start()
        self.taken = -self._now()

    def stop(self) -> None:
        """End: the tasks are open."""
        gc.collect()
        self.taken += self._now()
        tracemalloc.stop()

    def _now(self) -> float:
        if self.traced:
            return float(tracemalloc.get_traced_memory()[0])
        return resident_bytes("VmRSS")


# Opens WARM_UP tasks with the first ids, then the others between start and stop.
Kind: TypeAlias = Callable[[str, list[str], Meter], Awaitable[None]]


def main(kinds: Mapping[str, Kind]) -> None:
    """Measure the kind that the process was asked for, and print the bytes."""
    spec = Spec(**read_argument())
    begin(spec.url, median=FOREVER, made=WARM_UP + spec.tasks)
    task_ids: list[str] = books(spec.url)["task_ids"]
    meter = Meter(spec.traced)

    async def run() -> None:
        await kinds[spec.kind](spec.url, task_ids, meter)

    asyncio.run(run())
    print(json.dumps({"bytes": meter.taken}))


def copy_of(text: str) -> str:
    """Return `text` as an object of its own: an id that came in belongs to its task."""
    return "".join((text[:1], text[1:]))
