"""The session's own part: life cycle, draining, and what is left after closing."""

from __future__ import annotations

import asyncio
import gc
import warnings
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from liangxin_async import (
    ConfigurationError,
    ConnectionLostError,
    NotFoundError,
    Polling,
    SessionClosedError,
    SubmitFailed,
    SubmitUnknownError,
    TaskTimeoutError,
    ZImage,
)

from .fakes import FakeService, session_on

pytestmark = pytest.mark.anyio

CAT = ZImage("a cat")


def own_tasks() -> list[str]:
    """Names of asyncio tasks beside this test's own."""
    me = asyncio.current_task()
    names = [task.get_coro().__qualname__ for task in asyncio.all_tasks() if task != me]
    return [name for name in names if "TestRunner" not in name]


async def test_session_opens_on_first_use_and_leaves_nothing_behind() -> None:
    """Nothing of it runs before the first use, and nothing after closing."""
    service = FakeService()
    session = session_on(service)
    assert not own_tasks()
    assert (await session.generate(CAT)).urls == ("https://host.example/task_0.png",)
    await session.aclose()
    await anyio.lowlevel.checkpoint()
    assert not own_tasks()
    assert (service.opened, service.closed) == (1, 1)


async def test_session_closed_twice_and_at_the_same_time_closes_once() -> None:
    """Closing again is nothing; closing an unopened one too."""
    service = FakeService()
    session = session_on(service)
    await session.aclose()
    async with session:
        await session.generate(CAT)
        async with anyio.create_task_group() as group:
            group.start_soon(session.aclose)
            group.start_soon(session.aclose)
    await session.aclose()
    assert service.closed == 1


async def test_session_opened_in_one_task_and_closed_in_another() -> None:
    """No cancel scope is bound to the opener."""
    session = session_on(FakeService())

    async with anyio.create_task_group() as group:
        group.start_soon(session.open)
    async with anyio.create_task_group() as group:
        group.start_soon(session.generate, CAT)
    async with anyio.create_task_group() as group:
        group.start_soon(session.aclose)
    assert not own_tasks()


async def test_session_closed_says_so_and_opens_again_when_asked() -> None:
    """A closed session is not opened silently."""
    session = session_on(FakeService())
    async with session:
        pass
    for call in (session.submit(CAT), session.record("x"), session.generate(CAT)):
        with pytest.raises(SessionClosedError, match="open"):
            await call
    with pytest.raises(SessionClosedError):
        session.attach("x")
    async with session:
        await session.generate(CAT)


async def test_session_closed_with_tasks_open_tells_every_waiter_the_id() -> None:
    """Waiters get SessionClosedError with the task id, and each its own object."""
    service = FakeService(duration=1000)
    session = session_on(service)
    handle = await session.submit(CAT)
    errors: list[SessionClosedError] = []

    async def wait() -> None:
        try:
            await handle
        except SessionClosedError as exc:
            errors.append(exc)

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        group.start_soon(wait)
        await anyio.sleep(5)
        await session.aclose()
    assert [error.task_id for error in errors] == ["task_0", "task_0"]
    assert errors[0] is not errors[1]
    assert errors[0].charged == "yes"
    assert handle.done
    assert session.pending == ()


async def test_session_closing_waits_for_creates_under_way() -> None:
    """The id of a create that has left is told before the session is gone."""
    service = FakeService(latency=2.0, duration=1000)
    session = session_on(service)
    seen: list[Any] = []

    async def submit() -> None:
        seen.append(await session.submit(CAT))

    async with anyio.create_task_group() as group:
        group.start_soon(submit)
        await anyio.sleep(0.5)
        await session.aclose()
    assert [handle.task_id for handle in seen] == ["task_0"]


async def test_session_closing_does_not_wait_for_ever() -> None:
    """A create that gets no answer ends as unknown, within the limit for closing."""
    events: list[Any] = []
    service = FakeService(latency=10_000.0)
    session = session_on(service, observer=events.append)

    async def submit() -> None:
        with pytest.raises(SubmitUnknownError):
            await session.submit(CAT)

    async with anyio.create_task_group() as group:
        group.start_soon(submit)
        await anyio.sleep(0.5)
        start = anyio.current_time()
        await session.aclose()
        assert anyio.current_time() - start <= 6
    assert sum(isinstance(event, SubmitFailed) for event in events) == 1


async def test_session_closing_turns_waiting_submits_away() -> None:
    """Who waits for a place learns that nothing was sent."""
    service = FakeService(duration=1000)
    session = session_on(service, max_in_flight=1)
    await session.submit(CAT)
    errors: list[SessionClosedError] = []

    async def submit() -> None:
        try:
            await session.submit(ZImage("second"))
        except SessionClosedError as exc:
            errors.append(exc)

    async with anyio.create_task_group() as group:
        group.start_soon(submit)
        await anyio.sleep(1)
        await session.aclose()
    assert [error.charged for error in errors] == ["no"]
    assert len(service.bodies) == 1


async def test_session_cancelled_closing_still_closes() -> None:
    """Cancelling `aclose` ends the waiting, not the closing."""
    service = FakeService(latency=2.0)
    session = session_on(service)
    async with anyio.create_task_group() as group:
        group.start_soon(session.submit, CAT)
        await anyio.sleep(0.5)
        with anyio.move_on_after(0.1):
            await session.aclose()
    await anyio.sleep(10)
    assert service.closed == 1
    assert not own_tasks()


async def test_session_dropped_unclosed_warns_once_and_cleans_up() -> None:
    """One ResourceWarning; then nothing of it runs any more."""
    service = FakeService()
    session = session_on(service)
    await session.generate(CAT)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del session
        gc.collect()
        await anyio.sleep(1)
    assert [warning.category for warning in caught] == [ResourceWarning]
    assert service.closed == 1
    assert not own_tasks()


async def test_waiter_cancelled_while_another_waits_touches_no_one() -> None:
    """Both wait for one task; one gives up, the other gets the result."""
    async with session_on(FakeService(duration=5)) as session:
        handle = await session.submit(CAT)
        results: list[Any] = []

        async def wait() -> None:
            results.append(await handle)

        async with anyio.create_task_group() as group:
            group.start_soon(wait)
            with anyio.move_on_after(1) as scope:
                await handle
            assert scope.cancelled_caught
        assert [result.task_id for result in results] == ["task_0"]


async def test_handle_wait_timeout_may_be_waited_for_again() -> None:
    """A timeout ends one wait; the next one gets the result."""
    async with session_on(FakeService(duration=5)) as session:
        handle = await session.submit(CAT)
        with pytest.raises(TaskTimeoutError) as caught:
            await handle.wait(1)
        assert (caught.value.task_id, handle.done) == ("task_0", False)
        assert (await handle.wait(60)).task_id == "task_0"
        assert (await handle.wait(0)).task_id == "task_0"


async def test_handle_failed_with_nobody_waiting_is_silent() -> None:
    """No warning about an exception that nobody retrieved."""
    service = FakeService()
    service.on_query = lambda task_id: service.record(task_id, state="fail")
    async with session_on(service) as session:
        handle = await session.submit(CAT)
        await session.drain()
        assert handle.done
    del handle
    gc.collect()


async def test_drain_waits_for_creates_and_tasks() -> None:
    """It returns when nothing is in flight, or what is still open."""
    async with session_on(FakeService(duration=5, latency=1)) as session:
        assert await session.drain() == ()
        async with anyio.create_task_group() as group:
            group.start_soon(session.submit, CAT)
            await anyio.sleep(0.1)
            (open_handle,) = await session.drain(timeout=3)
            assert open_handle.task_id == "task_0"
            assert await session.drain() == ()
        assert session.pending == ()


async def test_record_is_one_query() -> None:
    """`record` neither waits nor repeats."""
    service = FakeService()
    async with session_on(service) as session:
        with pytest.raises(NotFoundError):
            await session.record("nobody")
        assert service.queries["nobody"] == 1
        service.on_query = lambda task_id: ConnectionLostError("reset")
        with pytest.raises(ConnectionLostError):
            await session.record("nobody")


async def test_stats_tell_what_happened_and_stay_after_closing() -> None:
    """Counts add up, and are still there for a summary at the end."""
    session = session_on(FakeService(cap=2, duration=1))
    assert session.stats.accepted == 0
    async with session:
        async for _ in session.map(ZImage(f"p{index}") for index in range(10)):
            pass
    stats = session.stats
    assert (stats.accepted, stats.settled, stats.failed) == (10, 10, 0)
    assert (stats.in_flight, stats.waiting) == (0, 0)
    assert stats.saturated > 0
    assert stats.polls >= 10
    assert set(stats.limits) == {"z-image"}


async def test_session_used_after_a_fork_says_so(monkeypatch: Any) -> None:
    """Another process id is refused with one clear error."""
    async with session_on(FakeService()) as session:
        with monkeypatch.context() as patch:
            patch.setattr("os.getpid", lambda: -1)
            with pytest.raises(ConfigurationError, match="fork"):
                await session.submit(CAT)


async def test_handle_error_names_the_time_as_people_write_it() -> None:
    """Neither powers of ten nor a tail of digits."""
    polling = Polling(patience=None)
    async with session_on(FakeService(duration=5000), polling=polling) as session:
        handle = await session.submit(CAT)
        for seconds, words in ((1200.0, "1200 s"), (0.198794, "0.199 s")):
            with pytest.raises(TaskTimeoutError, match=f" {words};"):
                await handle.wait(seconds)
