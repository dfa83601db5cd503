"""`TaskHandle.updates(every=...)`: news at the pace of a chat message, in virtual time."""

from __future__ import annotations

import asyncio
import gc
from itertools import pairwise
from typing import Any

import anyio
import pytest

from liangxin_async import (
    ConfigurationError,
    Polling,
    SessionClosedError,
    TaskHandle,
    TaskRecord,
    TaskState,
    ZImage,
)

from .fakes import FakeService, session_on

pytestmark = pytest.mark.anyio

LIVELY = Polling(first=0.25, floor=0.25, ceiling=0.25)


def lively(duration: float) -> FakeService:
    """A service whose tasks show another progress at each query until they end."""
    service = FakeService(duration=duration)
    asked = iter(range(1, 10_000))

    def on_query(task_id: str) -> Any:
        if anyio.current_time() >= service.ends[task_id]:
            return None
        return service.record(task_id, progress=next(asked))

    service.on_query = on_query
    return service


async def watch(
    handle: TaskHandle, every: float | None, busy: float = 0.0
) -> list[tuple[float, TaskRecord]]:
    """Return each record with when it came; `busy` seconds pass after each."""
    seen: list[tuple[float, TaskRecord]] = []
    async for record in handle.updates(every=every):
        assert record is handle.record, "not the latest"
        seen.append((anyio.current_time(), record))
        await anyio.sleep(busy)
    return seen


async def test_updates_every_keep_their_distance_and_the_latest_wins() -> None:
    """40 changes in 10 s become a few records, 3 s apart, each the newest one."""
    async with session_on(lively(10.0), polling=LIVELY) as session:
        seen = await watch(await session.submit(ZImage("a")), every=3.0)
    times = [time for time, _ in seen]
    gaps = [later - earlier for earlier, later in pairwise(times[:-1])]
    assert [pytest.approx(3.0, abs=1e-6)] * 3 == gaps
    progress = [record.progress for _, record in seen[:-1]]
    assert None not in progress
    assert len(set(progress)) == 4
    assert seen[-1][1].state is TaskState.SUCCESS


async def test_updates_every_does_not_hold_the_end_back() -> None:
    """A task that ends within the pause is told at once, and what it overtook never."""
    async with session_on(lively(2.0), polling=LIVELY) as session:
        handle = await session.submit(ZImage("a"))
        seen = await watch(handle, every=60.0)
        assert [record.state for _, record in seen] == [
            TaskState.GENERATING,
            TaskState.SUCCESS,
        ]
        assert seen[1][0] - seen[0][0] < 3.0
        assert [record for _, record in await watch(handle, every=60.0)] == [
            handle.record
        ]


async def test_updates_every_counts_from_one_record_to_the_next() -> None:
    """Whoever took longer than the pause over a record gets the newest at once."""
    async with session_on(lively(20.0), polling=LIVELY) as session:
        handle = await session.submit(ZImage("a"))
        times = [time for time, _ in await watch(handle, every=3.0, busy=5.0)]
    assert times[1] - times[0] == pytest.approx(5.0, abs=1e-6)
    assert times[2] - times[1] == pytest.approx(5.0, abs=1e-6)


async def test_updates_every_nothing_new_sends_nothing() -> None:
    """The pause over, a record comes when there is one, and not before."""
    service = FakeService(duration=30.0)  # one state until the end
    async with session_on(service) as session:
        seen = await watch(await session.submit(ZImage("a")), every=3.0)
    assert [record.state for _, record in seen] == [
        TaskState.GENERATING,
        TaskState.SUCCESS,
    ]


async def test_updates_every_tell_of_a_session_that_closes_in_the_pause() -> None:
    """Nobody waits the pause out: the last record comes, then the error."""
    async with session_on(lively(600.0), polling=LIVELY) as session:
        updates = (await session.submit(ZImage("a"))).updates(every=60.0)
        first = await anext(updates)
        await anyio.sleep(5.0)
        began = anyio.current_time()
        await session.aclose()
    assert (await anext(updates)).progress > first.progress
    with pytest.raises(SessionClosedError):
        await anext(updates)
    assert anyio.current_time() - began < 1.0


async def test_updates_every_may_be_cancelled_in_the_pause() -> None:
    """The same iteration goes on afterwards, at its pace."""
    async with session_on(lively(30.0), polling=LIVELY) as session:
        updates = (await session.submit(ZImage("a"))).updates(every=4.0)
        await anext(updates)
        began = anyio.current_time()
        with anyio.move_on_after(1.0):
            await anext(updates)
        assert anyio.current_time() - began == pytest.approx(1.0)
        await anext(updates)
        assert anyio.current_time() - began == pytest.approx(4.0, abs=1e-6)


async def test_updates_every_one_watcher_does_not_slow_another() -> None:
    """A watcher without a pace sees each change."""
    async with session_on(lively(5.0), polling=LIVELY) as session:
        handle = await session.submit(ZImage("a"))
        counts: dict[float | None, int] = {}

        async def count(every: float | None) -> None:
            counts[every] = len(await watch(handle, every))

        async with anyio.create_task_group() as group:
            for every in (None, 0.0, 2.0):
                group.start_soon(count, every)
    assert counts[None] == counts[0.0] > 15
    assert counts[2.0] == 4


@pytest.mark.parametrize("every", [None, 1.0])
async def test_updates_hold_on_to_whoever_waits_for_them(every: float | None) -> None:
    """A task that nobody refers to, as discord.py's commands are, is not collected."""
    async with session_on(FakeService(duration=10.0)) as session:
        handle = await session.submit(ZImage("a"))
        seen: list[TaskState] = []

        async def follow() -> None:
            async for record in handle.updates(every=every):
                seen.append(record.state)

        asyncio.get_running_loop().create_task(follow())
        for _ in range(5):
            await anyio.sleep(1.0)
            gc.collect()
        await handle
        await anyio.wait_all_tasks_blocked()
    assert seen == [TaskState.GENERATING, TaskState.SUCCESS]


async def test_updates_that_were_left_are_let_go() -> None:
    """An iteration that nobody follows keeps no records for a handle that lives on."""
    async with session_on(lively(50.0), polling=LIVELY) as session:
        handle = await session.submit(ZImage("a"))

        async def follow() -> None:
            async for _ in handle.updates():
                pass

        never_begun = handle.updates()
        async with anyio.create_task_group() as group:
            group.start_soon(follow)
            await anyio.sleep(5.0)
            group.cancel_scope.cancel()
        assert len(handle._watchers or ()) == 2
        del never_begun
        gc.collect()
        assert not handle._watchers
        assert not handle._waiters


@pytest.mark.parametrize("every", [-1, "3", float("nan"), True])
async def test_updates_every_must_be_a_duration(every: Any) -> None:
    """A bad pace is refused when it is given."""
    handle = TaskHandle("task_1")
    with pytest.raises(ConfigurationError, match="every"):
        handle.updates(every=every)
