"""The hot path of our `Session`."""

from __future__ import annotations

import anyio
from attrs import evolve

from benchmarks._child import WARM_UP
from benchmarks._client_bare import CREATES_AT_ONCE, QUERIES_AT_ONCE
from benchmarks._hot import FOREVER, Meter, at_once, copy_of, main
from liangxin_async import Batch, Polling, Session, ZImage

# Each task is due again at once, so that the workers go through all of them in turn.
_BUSY = Polling(first=0.001, floor=0.001, ceiling=0.001, patience=None)
_SILENT = evolve(_BUSY, first=FOREVER, floor=FOREVER, ceiling=FOREVER)
_LOOK = 0.02  # seconds between two looks at the counts


def _session(meter: Meter, polling: Polling) -> Session:
    return Session("benchmark-key", base_url=meter.spec.url, polling=polling)


async def followed(task_ids: list[str], meter: Meter) -> None:
    """Attached in one step, then asked about once each, then some of them again."""
    async with _session(meter, _BUSY) as session:
        for task_id in task_ids[:WARM_UP]:
            session.attach(copy_of(task_id))
        await _polled(session, 2 * WARM_UP)
        meter.start()
        for task_id in task_ids[WARM_UP:]:
            session.attach(copy_of(task_id))
        meter.step("attached")
        await _polled(session, len(task_ids))
        meter.step("asked")
        await _polled(session, meter.spec.calls)
        meter.step("asked again")


async def _polled(session: Session, more: int) -> None:
    """Wait for `more` queries from here on."""
    wanted = session.stats.polls + more
    while session.stats.polls < wanted:  # noqa: ASYNC110 - an observer would cost CPU
        await anyio.sleep(_LOOK)


async def recorded(task_ids: list[str], meter: Meter) -> None:
    """Queries without the poller: one exchange and one reading each."""
    async with _session(meter, _SILENT) as session:

        async def ask(number: int) -> None:
            await session.record(task_ids[number % len(task_ids)])

        await at_once(range(WARM_UP), ask, QUERIES_AT_ONCE)
        meter.start()
        await at_once(range(meter.spec.calls), ask, QUERIES_AT_ONCE)
        meter.step("record")


async def submitted(task_ids: list[str], meter: Meter) -> None:
    """Creates that nobody asks about."""
    async with _session(meter, _SILENT) as session:

        async def make(number: int) -> None:
            await session.submit(ZImage(f"picture {number}"))

        await at_once(range(WARM_UP), make, CREATES_AT_ONCE)
        meter.start()
        await at_once(range(meter.spec.calls), make, CREATES_AT_ONCE)
        meter.step("submit")


async def mapped(task_ids: list[str], meter: Meter) -> None:
    """Created by `map` and asked about; the requests were there before."""
    count = len(task_ids) - WARM_UP
    requests = [ZImage(f"picture {number}") for number in range(count)]
    async with _session(meter, _BUSY) as session, anyio.create_task_group() as group:
        warm = session.map(ZImage(f"warm {number}") for number in range(WARM_UP))
        group.start_soon(_take, warm)
        await _polled(session, 2 * WARM_UP)
        meter.start()
        group.start_soon(_take, session.map(requests))
        while session.stats.accepted < WARM_UP + count:  # noqa: ASYNC110 - likewise
            await anyio.sleep(_LOOK)
        await _polled(session, len(task_ids))
        meter.step("mapped")
        group.cancel_scope.cancel()


async def _take(batch: Batch) -> None:
    async for outcome in batch:
        raise RuntimeError(f"a task ended that should not: {outcome}")


if __name__ == "__main__":
    main(
        {
            "followed": followed,
            "recorded": recorded,
            "submitted": submitted,
            "mapped": mapped,
        }
    )
