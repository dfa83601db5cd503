"""`map`: lazy in, one outcome each out, and a clean end in every way of leaving."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from liangxin_async import (
    AuthenticationError,
    ConfigurationError,
    Flux2Pro,
    InsufficientQuotaError,
    InvalidRequestError,
    Request,
    SessionClosedError,
    SubmitUnknownError,
    TaskFailedError,
    TaskTimeoutError,
    ZImage,
)
from liangxin_async.dialects import WireReply

from .fakes import (
    BAD_KEY,
    NO_MONEY,
    SATURATED,
    FakeService,
    reply,
    session_on,
)

pytestmark = pytest.mark.anyio


class Pulled:
    """An endless or finite source that counts what was taken from it."""

    def __init__(self, count: int | None = None) -> None:
        self.count = count
        self.pulled = 0
        self.closed = False

    def sync(self) -> Iterator[ZImage]:
        try:
            while self.count is None or self.pulled < self.count:
                self.pulled += 1
                yield ZImage(f"p{self.pulled - 1}")
        finally:
            self.closed = True

    async def later(self) -> AsyncIterator[ZImage]:
        for request in self.sync():
            await anyio.lowlevel.checkpoint()
            yield request


async def take_all(batch: Any, home: list[Any]) -> None:
    async for outcome in batch:
        home.append(outcome)


@pytest.mark.parametrize("kind", ["sync", "later"])
@pytest.mark.parametrize("ordered", [False, True])
async def test_map_gives_one_outcome_for_each_request(kind: str, ordered: bool) -> None:
    """All come home once, in input order if so asked, with their own request."""
    service = FakeService(duration=lambda dice: dice.uniform(0.5, 9), cap=20)
    async with session_on(service) as session:
        source = getattr(Pulled(300), kind)()
        outcomes = [outcome async for outcome in session.map(source, ordered=ordered)]
    indexes = [outcome.index for outcome in outcomes]
    assert sorted(indexes) == list(range(300))
    assert (indexes == sorted(indexes)) is ordered
    for outcome in outcomes:
        assert outcome.request.prompt == f"p{outcome.index}"
        assert outcome.unwrap().task_id == outcome.task_id
    assert sum(service.accepted.values()) == 300
    assert set(service.accepted.values()) == {1}


async def test_map_of_nothing_ends_at_once() -> None:
    """An empty input is no error."""
    async with session_on(FakeService()) as session:
        assert [outcome async for outcome in session.map([])] == []


@pytest.mark.parametrize("ordered", [False, True])
async def test_map_over_an_endless_source_pulls_only_what_is_taken(
    ordered: bool,
) -> None:
    """A consumer that stops taking stops the pulling; memory stays flat."""
    service, source = FakeService(duration=1, cap=10), Pulled()
    async with (
        session_on(service) as session,
        session.map(source.later(), ordered=ordered) as batch,
    ):
        for taken in range(1, 401):
            await anext(batch)
            assert source.pulled <= taken + 10 + 64 + 64 + 1
        await anyio.sleep(1000)
        settled = source.pulled
        await anyio.sleep(1000)
        assert source.pulled == settled <= 400 + 10 + 64 + 64 + 1


async def test_map_left_early_stops_submitting_and_closes_the_source() -> None:
    """After `async with` nothing more is pulled or sent; accepted tasks go on."""
    service, source = FakeService(duration=5, cap=10), Pulled()
    async with session_on(service) as session:
        async with session.map(source.later()) as batch:
            async for _ in batch:
                break
        pulled, sent = source.pulled, len(service.bodies)
        await anyio.sleep(100)
        assert source.pulled == pulled
        assert len(service.bodies) == sent
        assert source.closed
        assert (session.stats.in_flight, session.stats.waiting) == (0, 0)


async def test_map_dropped_half_way_stops_submitting() -> None:
    """Without `async with`, dropping the batch is enough."""
    service, source = FakeService(duration=1, cap=10), Pulled()
    async with session_on(service) as session:
        async for _ in session.map(source.sync()):
            break
        gc.collect()
        await anyio.sleep(5)
        pulled = source.pulled
        await anyio.sleep(100)
        assert source.pulled == pulled
        assert session.stats.waiting == 0


async def test_map_one_bad_request_is_one_failed_outcome() -> None:
    """What is refused, fails, is in doubt or is no request fails alone."""
    answers = {
        "p1": reply({"code": 400, "msg": "no", "data": None}, 400),
        "p2": WireReply(502, {}, b"<html>"),
    }
    service = FakeService(on_create=lambda body: answers.get(body["input"]["prompt"]))
    service.on_query = lambda task_id: (
        service.record(task_id, state="fail") if task_id == "task_1" else None
    )
    requests: list[Any] = [ZImage(f"p{index}") for index in range(5)]
    requests.append("no request")
    async with session_on(service) as session:
        outcomes = [out async for out in session.map(requests, ordered=True)]
    kinds = [type(outcome.error).__name__ for outcome in outcomes]
    assert kinds[1:3] == ["BadRequestError", "SubmitUnknownError"]
    assert kinds[5] == "InvalidRequestError"
    assert kinds.count("TaskFailedError") == 1
    assert kinds.count("NoneType") == 2
    for outcome in outcomes:
        if outcome.error is not None:
            with pytest.raises(
                (
                    InvalidRequestError,
                    SubmitUnknownError,
                    TaskFailedError,
                    type(outcome.error),
                )
            ):
                outcome.unwrap()


@pytest.mark.parametrize(
    ("answer", "error"),
    [(BAD_KEY, AuthenticationError), (NO_MONEY, InsufficientQuotaError)],
)
@pytest.mark.parametrize("ordered", [False, True])
async def test_map_with_a_dead_account_brings_home_what_is_paid_and_stops(
    answer: WireReply, error: type[Exception], ordered: bool
) -> None:
    """Submitting stops at once; the error comes after what is in flight."""
    service = FakeService(duration=lambda dice: dice.uniform(1, 9), cap=8)
    service.on_create = lambda body: answer if len(service.ends) >= 20 else None
    home: list[Any] = []
    async with session_on(service) as session:
        with pytest.raises(error):
            await take_all(session.map(Pulled().sync(), ordered=ordered), home)
        assert len(service.bodies) < 20 + 64 + session.stats.saturated
        assert session.stats.in_flight == 0
    assert len(home) == 20
    assert all(outcome.error is None for outcome in home)


async def test_map_whose_source_raises_brings_home_what_is_submitted() -> None:
    """The user's own error comes out as it is, after the outcomes."""

    def source() -> Iterator[ZImage]:
        yield from Pulled(10).sync()
        raise ZeroDivisionError("mine")

    home: list[Any] = []
    async with session_on(FakeService()) as session:
        with pytest.raises(ZeroDivisionError, match="mine"):
            await take_all(session.map(source()), home)
    assert len(home) <= 10
    assert all(outcome.error is None for outcome in home)


async def test_map_timeout_is_for_each_request() -> None:
    """A slow task is one failed outcome with its id; the others come home."""
    service = FakeService(duration=lambda dice: 1000.0)
    service.on_query = lambda task_id: (
        service.record(
            task_id, state="success", resultJson='{"resultUrls":["https://h/x.png"]}'
        )
        if task_id != "task_2"
        else None
    )
    async with session_on(service) as session:
        start = anyio.current_time()
        source = Pulled(6).sync()
        outcomes = [out async for out in session.map(source, timeout=30, ordered=True)]
        assert anyio.current_time() - start == pytest.approx(30, abs=0.5)
        late = [outcome for outcome in outcomes if outcome.error is not None]
        assert [outcome.task_id for outcome in late] == ["task_2"]
        assert isinstance(late[0].error, TaskTimeoutError)
        assert [handle.task_id for handle in session.pending] == ["task_2"]


async def test_map_in_a_session_that_is_closed_ends_with_that_error() -> None:
    """Nobody waits for ever; each accepted task's id is in an outcome."""
    service = FakeService(duration=1000, cap=5)
    session = session_on(service)
    home: list[Any] = []

    async def run() -> None:
        with pytest.raises(SessionClosedError):
            await take_all(session.map(Pulled().sync()), home)

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        await anyio.sleep(30)
        await session.aclose()
    assert {outcome.task_id for outcome in home} == set(service.ends)
    assert all(isinstance(outcome.error, SessionClosedError) for outcome in home)


async def test_map_over_what_is_no_iterable_says_so() -> None:
    """One clear error."""
    async with session_on(FakeService()) as session:
        with pytest.raises(ConfigurationError, match="requests"):
            await anext(session.map(7))


async def test_map_batch_used_after_its_end_stays_at_its_end() -> None:
    """A finished or closed batch gives no more."""
    async with session_on(FakeService()) as session:
        batch = session.map(Pulled(2).sync())
        assert len([outcome async for outcome in batch]) == 2
        assert [outcome async for outcome in batch] == []
        closed = session.map(Pulled(2).sync())
        await closed.aclose()
        assert [outcome async for outcome in closed] == []


async def test_map_cancelled_consumer_loses_no_outcome() -> None:
    """A timeout around `anext` may be tried again."""
    async with session_on(FakeService(duration=3)) as session:
        batch = session.map(Pulled(5).sync())
        seen = 0
        while seen < 5:
            with anyio.move_on_after(0.5):
                await anext(batch)
                seen += 1
        assert seen == 5


async def test_map_lets_single_calls_pass() -> None:
    """An interactive request waits for one free place, not for the batch."""
    service = FakeService(duration=10, cap=5)
    async with session_on(service) as session, anyio.create_task_group() as group:

        async def bulk() -> None:
            async for _ in session.map(Pulled(60).sync()):
                pass

        group.start_soon(bulk)
        await anyio.sleep(35)
        before = len(service.ends)
        await session.submit(ZImage("interactive"))
        assert len(service.ends) <= before + 1


# ------------------------------------------------------ what has left comes home


class Held:
    """A source that gives some requests and then waits for ever, as a queue does."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.ended = False

    async def __call__(self) -> AsyncIterator[ZImage]:
        try:
            for index in range(self.count):
                yield ZImage(f"p{index}")
            await anyio.sleep_forever()
        finally:
            self.ended = True


@pytest.mark.parametrize("way", ["async with", "aclose", "drop"])
async def test_map_left_while_the_source_is_silent_ends_it(way: str) -> None:
    """A batch that nobody listens to does not wait for its source."""
    service, source = FakeService(duration=1), Held(3)
    async with session_on(service) as session:
        batch = session.map(source())
        await anext(batch)
        if way == "async with":
            async with batch:
                pass
        elif way == "aclose":
            await batch.aclose()
        else:
            del batch
            gc.collect()
        await anyio.sleep(5)
        assert source.ended
        assert len(service.bodies) == 3


async def test_map_with_a_dead_account_does_not_wait_for_a_silent_source() -> None:
    """The error comes as soon as what is in flight is home."""
    service = FakeService(on_create=lambda body: BAD_KEY)
    async with session_on(service) as session:
        with anyio.fail_after(10), pytest.raises(AuthenticationError):
            await take_all(session.map(Held(3)()), [])


async def test_map_closed_before_its_submits_began_sends_none() -> None:
    """What was pulled and not begun is not begun after closing."""
    service = FakeService()
    async with session_on(service) as session:
        batch = session.map(Pulled(50).sync())
        with anyio.move_on_after(0):
            await anext(batch)
        await batch.aclose()
        sent = len(service.bodies)
        await anyio.sleep(100)
        assert len(service.bodies) == sent == 0


@pytest.mark.parametrize("ordered", [False, True])
async def test_map_with_a_dead_account_brings_home_creates_under_way(
    ordered: bool,
) -> None:
    """One 401 comes first; the creates that had left give their outcomes."""

    class Slow(FakeService):
        async def create(self, request: Any, departure: Any) -> WireReply:
            bad = b'"p0"' in request.body
            self.latency = 0.01 if bad else 1.0
            return await super().create(request, departure)

    service = Slow()
    service.on_create = lambda body: (
        BAD_KEY if body["input"]["prompt"] == "p0" else None
    )
    home: list[Any] = []
    async with session_on(service) as session:
        with pytest.raises(AuthenticationError):
            await take_all(session.map(Pulled(8).sync(), ordered=ordered), home)
    paid = sum(service.accepted.values())
    assert paid >= 1
    assert len(home) == paid
    assert all(outcome.error is None for outcome in home)


async def test_map_whose_source_raises_finishes_all_that_was_pulled() -> None:
    """Ten good requests before the error are ten outcomes."""

    async def source() -> AsyncIterator[ZImage]:
        for index in range(10):
            yield ZImage(f"p{index}")
        raise ZeroDivisionError("mine")

    home: list[Any] = []
    async with session_on(FakeService(latency=0.5)) as session:
        with pytest.raises(ZeroDivisionError, match="mine"):
            await take_all(session.map(source()), home)
    assert sorted(outcome.index for outcome in home) == list(range(10))


class Odd(BaseException):
    """Such as a test framework's own way to fail."""


@pytest.mark.parametrize("error", [Odd("mine"), asyncio.CancelledError()])
async def test_map_whose_source_raises_anything_does_not_end_silently(
    error: BaseException,
) -> None:
    """A BaseException is raised to the consumer; a stray cancellation is explained."""

    async def source() -> AsyncIterator[ZImage]:
        yield ZImage("a")
        raise error

    home: list[Any] = []
    async with session_on(FakeService()) as session:
        with pytest.raises((Odd, RuntimeError), match=r"mine|CancelledError"):
            await take_all(session.map(source()), home)
        assert len(home) == 1
        assert (await session.generate(ZImage("afterwards"))).urls


async def test_map_whose_source_breaks_at_its_end_harms_nobody_else() -> None:
    """A generator that raises while it is closed does not end the session."""

    def source() -> Iterator[ZImage]:
        try:
            yield from Pulled().sync()
        finally:
            raise ZeroDivisionError("in the finally")

    service = FakeService(duration=5)
    async with session_on(service) as session:
        bystander = await session.submit(ZImage("bystander"))
        async with session.map(source()) as batch:
            await anext(batch)
        await anyio.sleep(1)
        assert (await bystander).urls


async def test_map_with_a_request_that_breaks_harms_nobody_else() -> None:
    """A request class of the user's own may raise what it likes."""

    class Broken(Request):
        model = "z-image"
        provider = None
        prompt = "x"
        callback_url = None

        def fields(self) -> dict[str, Any]:
            raise KeyError("mine")

    async with session_on(FakeService(duration=5)) as session:
        bystander = await session.submit(ZImage("bystander"))
        with pytest.raises(KeyError, match="mine"):
            await take_all(session.map([Broken()]), [])
        assert (await bystander).urls


async def test_map_saturated_model_leaves_another_at_its_speed() -> None:
    """Alternating requests of two models: the free one is not held up for long."""
    service = FakeService(duration=2)
    busy: list[float] = [0.0]

    def on_create(body: dict[str, Any]) -> Any:
        if body["model"] == "z-image":
            if anyio.current_time() < busy[0]:
                return SATURATED
            busy[0] = anyio.current_time() + 2
        return None

    service.on_create = on_create
    requests: list[Any] = []
    for index in range(300):
        requests += [ZImage(f"slow {index}"), Flux2Pro(f"fast {index}")]
    async with session_on(service) as session, session.map(requests) as batch:
        start, left = anyio.current_time(), 300
        async for outcome in batch:
            left -= outcome.request.model == "flux-2-pro"
            if not left:
                break
        assert anyio.current_time() - start < 60
