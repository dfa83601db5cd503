"""The frame of a hot-path measurement: a warm process, one step after another.

Loads nothing of the library, as `_child`.
"""

from __future__ import annotations

import asyncio
import gc
import json
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeAlias

from attrs import define, field, frozen

from benchmarks._child import WARM_UP, begin, books, read_argument, resident_bytes

FOREVER = 1e6  # seconds; no task ends while it is measured


@frozen(kw_only=True)
class Spec:
    """One measurement.

    Attributes:
        url: base URL of the lean server.
        tasks: how many tasks to open, at least 1.
        calls: how many calls a step makes whose number is not that of the tasks.
        kind: what to do; see the benchmark.
        traced: count what Python's allocator gave out, instead of resident memory.
    """

    url: str
    tasks: int
    calls: int
    kind: str
    traced: bool


@define
class Meter:
    """CPU seconds of each step, and the bytes taken since the start at its end."""

    spec: Spec
    steps: dict[str, dict[str, float]] = field(factory=dict)
    _bytes: float = 0.0
    _cpu: float = 0.0

    def start(self) -> None:
        """Begin: everything but what is to be measured is there."""
        gc.collect()
        if self.spec.traced and not tracemalloc.is_tracing():
            tracemalloc.start()
        self._bytes = self._now()
        self._cpu = time.process_time()

    def step(self, name: str) -> None:
        """A step is over; the next one begins."""
        cpu = time.process_time() - self._cpu
        gc.collect()
        self.steps[name] = {"cpu": cpu, "bytes": self._now() - self._bytes}
        self._cpu = time.process_time()

    def _now(self) -> float:
        if self.spec.traced:
            return float(tracemalloc.get_traced_memory()[0])
        return resident_bytes("VmRSS")


# Warms up with the first WARM_UP ids, then does its steps with the others.
Kind: TypeAlias = Callable[[list[str], Meter], Awaitable[None]]


def main(kinds: Mapping[str, Kind]) -> None:
    """Measure the kind that the process was asked for, and print its steps."""
    spec = Spec(**read_argument())
    begin(spec.url, median=FOREVER, made=WARM_UP + spec.tasks)
    task_ids: list[str] = books(spec.url)["task_ids"]
    meter = Meter(spec)

    async def run() -> None:
        await kinds[spec.kind](task_ids, meter)

    asyncio.run(run())
    print(json.dumps(meter.steps))


async def at_once(
    calls: Iterable[int], call: Callable[[int], Awaitable[object]], how_many: int
) -> None:
    """Make the calls, `how_many` of them at a time."""
    numbers = iter(calls)

    async def work() -> None:
        for number in numbers:
            await call(number)

    await asyncio.gather(*(work() for _ in range(how_many)))


def copy_of(text: str) -> str:
    """Return `text` as an object of its own: an id that came in belongs to its task."""
    return "".join((text[:1], text[1:]))
