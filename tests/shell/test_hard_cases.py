"""Cases that broke once: each fails without the mend it stands for."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest

from liangxin_async import (
    AuthenticationError,
    ConnectionLostError,
    Generic,
    Polling,
    SessionClosedError,
    SubmitFailed,
    SubmitStarted,
    SubmitUnknownError,
    TaskLostError,
    TaskSettled,
    TaskTimeoutError,
    ZImage,
)
from liangxin_async.dialects import WireReply

from .fakes import BAD_KEY, SATURATED, FakeService, reply, session_on

pytestmark = pytest.mark.anyio

NOT_FOUND = reply({"code": 422, "msg": "recordInfo is null", "data": None})


async def test_hung_creates_do_not_hold_up_the_others() -> None:
    """One create in fifty gets no answer for a minute; the rest go on beside it."""

    class Hanging(FakeService):
        async def create(self, request: Any, departure: Any) -> WireReply:
            if b"hang" in (request.body or b""):
                departure.left = True
                await anyio.sleep(60)
                raise ConnectionLostError("silence")
            return await super().create(request, departure)

    service = Hanging(duration=5, cap=20)
    prompts = [f"hang {i}" if i % 50 == 25 else f"p{i}" for i in range(400)]
    async with session_on(service) as session:
        start = anyio.current_time()
        async for _ in session.map(ZImage(prompt) for prompt in prompts):
            pass
        assert anyio.current_time() - start < 2 * 400 * 5 / 20


async def test_queries_recover_after_a_storm() -> None:
    """A minute of 429 on recordInfo; a minute later everything is settled."""
    start = anyio.current_time()
    service = FakeService(duration=5)
    service.on_query = lambda task_id: (
        SATURATED if anyio.current_time() < start + 60 else None
    )
    async with session_on(service) as session:
        for index in range(200):
            await session.submit(ZImage(f"p{index}"))
        await session.drain()
        assert anyio.current_time() - start < 120
        assert session.stats.failed == 0
    during = [at for at in service.query_times if at < start + 60]
    assert len(during) < 400


async def test_patience_is_kept_though_nobody_can_ask() -> None:
    """Queries are refused for ever: each task is given up in time, with its id."""
    service = FakeService(duration=1e9, on_query=lambda task_id: SATURATED)
    async with session_on(service, polling=Polling(patience=10.0)) as session:
        handles = [await session.submit(ZImage(f"p{index}")) for index in range(100)]
        start = anyio.current_time()
        for handle in handles:
            with pytest.raises(TaskTimeoutError) as caught:
                await handle
            assert caught.value.task_id == handle.task_id
        assert anyio.current_time() - start < 15
        assert session.stats.in_flight == 0


class Outcry(BaseException):
    """Such as a test framework's own way to fail."""


@pytest.mark.parametrize("error", [Outcry(), asyncio.CancelledError()])
@pytest.mark.parametrize("kind", [SubmitStarted, TaskSettled])
async def test_observer_that_raises_anything_stops_nothing(
    error: BaseException, kind: type
) -> None:
    """No permit leaks, no worker dies, every picture comes."""

    def observe(event: Any) -> None:
        if isinstance(event, kind):
            raise error

    async with session_on(FakeService(), observer=observe) as session:
        for index in range(10):
            assert (await session.generate(ZImage(f"p{index}"))).urls
        assert session.stats.in_flight == 0


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (ConnectionLostError("reset"), SubmitUnknownError),
        (BAD_KEY, AuthenticationError),
    ],
)
async def test_verdict_in_the_step_of_the_cancellation_is_told(
    answer: Any, error: type[Exception]
) -> None:
    """The caller goes in the very step in which a verdict falls: the observer hears."""
    told: list[Any] = []
    for turns in range(30):
        events: list[Any] = []
        service = FakeService(latency=0.0, on_create=lambda body: answer)
        async with session_on(service, observer=events.append) as session:
            task = asyncio.create_task(session.submit(ZImage("a")))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait((task,))
            await session.drain()
        failed = [event for event in events if isinstance(event, SubmitFailed)]
        assert len(failed) == len(service.bodies)
        told += [event for event in failed if event.detached]
    assert told
    assert all(isinstance(event.error, error) for event in told)


async def test_open_while_closing_waits_and_opens_anew() -> None:
    """`open` during `aclose` gives a session that works."""
    session = session_on(FakeService(latency=2.0))
    async with anyio.create_task_group() as group:
        group.start_soon(session.submit, ZImage("a"))
        await anyio.sleep(0.5)
        group.start_soon(session.aclose)
        await anyio.sleep(0.1)
        await session.open()
        assert (await session.generate(ZImage("b"))).urls
        await session.aclose()


async def test_updates_shared_by_two_tasks_hang_nobody() -> None:
    """One iterator, two consumers: both come to the end."""
    async with session_on(FakeService(duration=3)) as session:
        updates = (await session.submit(ZImage("a"))).updates()

        async def follow() -> None:
            async for _ in updates:
                pass

        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                group.start_soon(follow)
                group.start_soon(follow)


async def test_many_model_values_leave_no_trace() -> None:
    """Lanes and paces of models that nobody uses any more are forgotten."""
    service = FakeService(duration=0.1)
    async with session_on(service) as session:
        for index in range(2500):
            await session.submit(Generic(f"model-{index}", input={"prompt": "a"}))
            if index % 500 == 499:
                await session.drain()
        assert len(session.stats.limits) <= 1500


async def test_attach_to_an_id_that_nobody_knows_fails_soon() -> None:
    """It was accepted before we attached, so there is little grace."""
    service = FakeService(on_query=lambda task_id: NOT_FOUND)
    async with session_on(service) as session:
        start = anyio.current_time()
        with pytest.raises(TaskLostError) as caught:
            await session.attach("bogus")
        assert anyio.current_time() - start < 15
        assert caught.value.charged == "unknown"


async def test_submit_waiting_to_try_again_is_told_at_closing() -> None:
    """No one sleeps through the end of the session."""
    away = WireReply(503, {}, b'{"error":{"message":"x","code":"model_not_found"}}')
    session = session_on(FakeService(on_create=lambda body: away))
    ended: list[float] = []

    async def submit() -> None:
        with pytest.raises(SessionClosedError):
            await session.submit(ZImage("a"))
        ended.append(anyio.current_time())

    async with anyio.create_task_group() as group:
        group.start_soon(submit)
        await anyio.sleep(0.02)
        await session.aclose()
        closed = anyio.current_time()
    assert ended[0] <= closed + 0.001


async def test_low_priority_is_not_overtaken_for_ever() -> None:
    """Under endless traffic of higher priority a waiter still gets its turn."""
    service = FakeService(duration=0.01, cap=2, latency=0.001)
    async with session_on(service, max_in_flight=2) as session:
        done = anyio.Event()

        async def busy() -> None:
            index = 0
            while not done.is_set():
                index += 1
                await session.generate(ZImage(f"busy {index}"))

        async def low() -> None:
            with anyio.fail_after(600):
                await session.generate(ZImage("low"), priority=-1)
            done.set()

        async with anyio.create_task_group() as group:
            for _ in range(4):
                group.start_soon(busy)
            await anyio.sleep(1)
            group.start_soon(low)
