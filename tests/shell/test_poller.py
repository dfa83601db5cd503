"""The poller: few workers, isolated faults, first end wins."""

from __future__ import annotations

import asyncio
import math
import random
from typing import Any

import anyio
import pytest

from liangxin_async import (
    AuthenticationError,
    ConnectionLostError,
    EmptyResultError,
    Generic,
    NotFoundError,
    PollComplete,
    PollFailed,
    Polling,
    SessionClosedError,
    TaskFailedError,
    TaskHandle,
    TaskLostError,
    TaskState,
    TaskTimeoutError,
    ZImage,
    _poller,
)
from liangxin_async.dialects import WireReply

from .fakes import BAD_KEY, SATURATED, FakeService, reply, session_on

pytestmark = pytest.mark.anyio

NOT_FOUND = reply({"code": 422, "msg": "recordInfo is null", "data": None})


async def submit_many(session: Any, count: int) -> list[Any]:
    return [await session.submit(ZImage(f"p{index}")) for index in range(count)]


async def test_poller_with_500_open_tasks_asks_from_a_fixed_set_of_workers() -> None:
    """However many tasks are open, no more queries run at once than there are workers."""
    service = FakeService(duration=lambda dice: dice.uniform(1, 20), latency=0.05)
    async with session_on(service, polling=Polling(workers=8)) as session:
        handles = await submit_many(session, 500)
        for handle in handles:
            await handle
        assert service.most_querying == 8
        assert session.stats.settled == 500


async def test_poller_learns_when_to_ask() -> None:
    """Once the model's pace is known, a task costs few queries and little lag."""
    service = FakeService(duration=lambda dice: dice.lognormvariate(2.0, 0.3))
    async with session_on(service) as session:
        for handle in await submit_many(session, 60):
            await handle
        service.queries.clear()
        lags = []
        late = await submit_many(session, 200)
        async with anyio.create_task_group() as group:

            async def follow(handle: Any) -> None:
                await handle
                lags.append(anyio.current_time() - service.ends[handle.task_id])

            for handle in late:
                group.start_soon(follow, handle)
    per_task = sum(service.queries.values()) / 200
    assert per_task < 5
    assert sum(lags) / len(lags) < 0.15 * 7.4


async def test_poller_forgets_the_model_that_it_heard_of_longest_ago(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of so many models that not all are remembered, one in use stays known."""
    monkeypatch.setattr(_poller, "_PACES", 3)
    service = FakeService(duration=7.0)
    async with session_on(service) as session:

        async def queries_of(model: str) -> int:
            handle = await session.submit(Generic(model, {"prompt": "x"}))
            await handle
            return service.queries[handle.task_id]

        unknown = await queries_of("usual")
        paces = session._runtime.poller._paces
        learned = paces["usual"]
        for number in range(8):
            await queries_of("usual")
            assert await queries_of(f"once {number}") == unknown
        assert await queries_of("usual") < unknown
        assert paces["usual"] is learned
        assert len(paces) == 3


BAD_ANSWERS: dict[str, Any] = {
    "page": WireReply(200, {}, b"<html>log in</html>"),
    "reset": ConnectionLostError("reset"),
    "500": reply({"code": 500, "msg": "x", "data": None}, 500),
    "other task": reply({"code": 200, "data": {"taskId": "other", "state": "success"}}),
    "unknown state": reply(
        {"code": 200, "data": {"taskId": "task_3", "state": "resting"}}
    ),
    "no state": reply({"code": 200, "data": {"taskId": "task_3"}}),
    "list": reply([1, 2, 3]),
}


@pytest.mark.parametrize("answer", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
async def test_poller_bad_answers_about_one_task_change_no_other(answer: Any) -> None:
    """The others end as usual; the one goes on, and ends when its answers are good."""
    bad = True
    service = FakeService()
    service.on_query = lambda task_id: answer if bad and task_id == "task_3" else None
    async with session_on(service) as session:
        handles = await submit_many(session, 20)
        start = anyio.current_time()
        for index, handle in enumerate(handles):
            if index != 3:
                await handle
        assert anyio.current_time() - start < 4
        assert not handles[3].done
        bad = False
        assert (await handles[3].wait(60)).task_id == "task_3"


async def test_poller_raising_observer_or_bug_in_a_query_stops_no_worker() -> None:
    """An exception that is none of ours is logged, and the task goes on."""
    broken = iter([True, True])
    service = FakeService()

    def on_query(task_id: str) -> None:
        if next(broken, False):
            raise ZeroDivisionError

    service.on_query = on_query

    def observe(event: Any) -> None:
        raise RuntimeError("observer")

    async with session_on(service, observer=observe) as session:
        assert (await session.generate(ZImage("a"))).urls


async def test_poller_not_found_right_after_create_is_not_an_error() -> None:
    """A record that is visible only after a while is waited for."""
    start = anyio.current_time()
    service = FakeService(duration=5)
    service.on_query = lambda task_id: (
        NOT_FOUND if anyio.current_time() < start + 80 else None
    )
    async with session_on(service) as session:
        assert (await session.generate(ZImage("a"))).urls


async def test_poller_not_found_for_good_is_a_lost_task() -> None:
    """After the grace it is one typed error that names the id."""
    service = FakeService(on_query=lambda task_id: NOT_FOUND)
    async with session_on(service) as session:
        with pytest.raises(TaskLostError) as caught:
            await session.generate(ZImage("a"))
        assert caught.value.task_id == "task_0"
        assert isinstance(caught.value.__cause__, NotFoundError)
        assert session.stats.in_flight == 0


async def test_poller_revoked_key_loses_no_task_id() -> None:
    """Tasks that may not be asked about any more end in an error with their id."""
    service = FakeService(on_query=lambda task_id: BAD_KEY)
    async with session_on(service) as session:
        handle = await session.submit(ZImage("a"))
        with pytest.raises(TaskLostError) as caught:
            await handle
        assert caught.value.task_id == handle.task_id
        assert isinstance(caught.value.__cause__, AuthenticationError)


async def test_poller_task_without_end_is_given_up_with_its_id() -> None:
    """Patience bounds the polling; the error says how to go on."""
    service = FakeService(duration=1e9)
    async with session_on(service, polling=Polling(patience=60.0)) as session:
        start = anyio.current_time()
        with pytest.raises(TaskTimeoutError, match="attach"):
            await session.generate(ZImage("a"))
        assert 60 <= anyio.current_time() - start < 62
        assert session.stats.in_flight == 0


async def test_poller_waits_longer_for_a_video() -> None:
    """A model that is known to make videos gets the longer patience."""
    service = FakeService(duration=1e9)
    polling = Polling(patience=60.0, video_patience=600.0)
    async with session_on(service, polling=polling) as session:
        start = anyio.current_time()
        picture = await session.submit(ZImage("a"))
        video = await session.submit(Generic("kling-v3-pro", {"prompt": "a"}))
        named = await session.submit(Generic("new-one", {"prompt": "a"}, kind="video"))
        unknown = await session.submit(Generic("new-one", {"prompt": "a"}))
        for handle, seconds in (
            (unknown, 60),
            (picture, 60),
            (named, 600),
            (video, 600),
        ):
            with pytest.raises(TaskTimeoutError, match=f"after {seconds} s"):
                await handle
            assert seconds <= anyio.current_time() - start < seconds + 2


async def test_poller_learns_from_the_record_that_an_attached_task_is_a_video() -> None:
    """An attached id says nothing; the service's record names the model."""
    service = FakeService(duration=1e9)
    service.ends["task_v"] = 1e9
    service.on_query = lambda task_id: service.record(task_id, model="kling-v3-pro")
    polling = Polling(patience=60.0, video_patience=600.0)
    async with session_on(service, polling=polling) as session:
        start = anyio.current_time()
        with pytest.raises(TaskTimeoutError):
            await session.attach("task_v")
        assert 600 <= anyio.current_time() - start < 602


async def test_poller_remembers_what_an_attached_task_is() -> None:
    """Named once is enough: later records may leave the model out."""
    service = FakeService(duration=1e9)
    service.ends["task_v"] = 1e9
    models = iter(["kling-v3-pro"])
    service.on_query = lambda task_id: service.record(task_id, model=next(models, None))
    polling = Polling(patience=None, video_patience=600.0)
    async with session_on(service, polling=polling) as session:
        start = anyio.current_time()
        with pytest.raises(TaskTimeoutError):
            await session.attach("task_v")
        assert 600 <= anyio.current_time() - start < 604


async def test_poller_gives_up_on_time_though_nobody_can_ask() -> None:
    """Every deadline is kept, in whatever order they come, with no query answered."""
    service = FakeService(duration=1e9, latency=1e6)
    polling = Polling(patience=300.0, video_patience=100.0, workers=1)
    ended: list[tuple[str | None, float]] = []

    async def follow(handle: TaskHandle) -> None:
        with pytest.raises(TaskTimeoutError):
            await handle
        ended.append((handle.model, anyio.current_time() - start))

    async with session_on(service, polling=polling) as session:
        start = anyio.current_time()
        handles = [
            session.attach(f"id-{number}", model=model)
            for number, model in enumerate(("z-image", "kling-v3-pro", "z-image"))
        ]
        async with anyio.create_task_group() as group:
            for handle in handles:
                group.start_soon(follow, handle)
    assert [model for model, _ in ended] == ["kling-v3-pro", "z-image", "z-image"]
    assert 100 <= ended[0][1] <= 104
    assert all(300 <= at <= 304 for _, at in ended[1:])


async def test_poller_patience_none_never_gives_up() -> None:
    """With None a task may take a day."""
    service = FakeService(duration=86_400.0)
    async with session_on(service, polling=Polling(patience=None)) as session:
        assert (await session.generate(ZImage("a"))).urls


async def test_poller_failed_and_empty_ends_are_errors_with_their_records() -> None:
    """`fail` and `success` without a URL raise, and keep what the service said."""
    service = FakeService()
    ends: dict[str, dict[str, Any]] = {
        "task_0": {"state": "fail", "failCode": 400, "failMsg": "refused"},
        "task_1": {"state": "success", "resultJson": "not json"},
    }
    service.on_query = lambda task_id: service.record(task_id, **ends[task_id])
    async with session_on(service) as session:
        failed, empty = await submit_many(session, 2)
        with pytest.raises(TaskFailedError) as fail:
            await failed
        assert (fail.value.fail_code, fail.value.fail_message) == ("400", "refused")
        with pytest.raises(EmptyResultError) as nothing:
            await empty
        assert nothing.value.record is not None
        assert nothing.value.record.raw["resultJson"] == "not json"
        assert session.stats.failed == 2


async def test_poller_refused_queries_slow_down_and_lose_nothing() -> None:
    """recordInfo at one query a second: every task ends, and refusals stay few."""
    allowed = [0.0]

    def on_query(task_id: str) -> Any:
        now = anyio.current_time()
        if now < allowed[0]:
            return SATURATED
        allowed[0] = now + 1.0
        return None

    service = FakeService(duration=2, on_query=on_query)
    refused, start = 0, anyio.current_time()

    def observe(event: Any) -> None:
        nonlocal refused
        refused += isinstance(event, PollFailed)

    async with session_on(service, observer=observe) as session:
        handles = await submit_many(session, 60)
        for handle in handles:
            await handle
        assert session.stats.failed == 0
        assert session.stats.polls - refused < 70  # each about once
        assert anyio.current_time() - start < 90  # 60 is the least
    assert refused < 25


async def test_poller_rationed_queries_go_to_the_likeliest() -> None:
    """Tasks of a quick model do not wait behind those of a slow one."""
    slow, quick = Generic("slow", {"prompt": "a"}), Generic("quick", {"prompt": "a"})
    service = FakeService()

    def take(body: dict[str, Any]) -> None:
        service.duration = 60.0 if body["model"] == "slow" else 2.0

    service.on_create = take
    async with session_on(service, polling=Polling(max_rate=2.0)) as session:
        for _ in range(12):
            await session.generate(quick)
        handles = [await session.submit(slow) for _ in range(40)]
        lags = []
        for _ in range(20):
            handle = await session.submit(quick)
            await handle
            lags.append(anyio.current_time() - service.ends[handle.task_id])
        for handle in handles:
            await handle
    assert sum(lags) / len(lags) < 3


async def test_poller_max_rate_is_kept() -> None:
    """The user's own limit of queries per second holds over the session."""
    service = FakeService(duration=10)
    async with session_on(service, polling=Polling(max_rate=5.0)) as session:
        handles = await submit_many(session, 100)
        for handle in handles:
            await handle
    times = service.query_times
    for index in range(len(times) - 30):
        assert times[index + 30] - times[index] > 4.5


async def test_updates_yield_each_change_and_end() -> None:
    """State changes come once each, in order, to every iteration."""
    states = ["waiting", "waiting", "queuing", "generating", "generating", "success"]
    service = FakeService(duration=0)
    left = list(states)
    service.on_query = lambda task_id: service.record(task_id, state=left.pop(0))
    async with session_on(service) as session:
        handle = await session.submit(ZImage("a"))
        seen: list[list[TaskState]] = [[], []]

        async def follow(into: list[TaskState]) -> None:
            async for record in handle.updates():
                into.append(record.state)

        async with anyio.create_task_group() as group:
            for into in seen:
                group.start_soon(follow, into)
        expected = [
            TaskState.WAITING,
            TaskState.QUEUING,
            TaskState.GENERATING,
            TaskState.SUCCESS,
        ]
        assert seen == [expected, expected]
        assert [record.state async for record in handle.updates()] == [
            TaskState.SUCCESS
        ]


async def test_updates_of_a_lost_task_raise_its_error() -> None:
    """Without an ending record the iteration does not end silently."""
    service = FakeService(on_query=lambda task_id: NOT_FOUND)
    async with session_on(service) as session:
        handle = await session.submit(ZImage("a"))
        with pytest.raises(TaskLostError):
            async for _ in handle.updates():
                pass


async def test_attach_finds_a_task_made_elsewhere() -> None:
    """Attaching asks at once; the same id gives the same handle."""
    service = FakeService()
    service.ends["task_0"] = 0.0
    async with session_on(service) as session:
        handle = session.attach("task_0", model="z-image")
        assert session.attach("task_0") is handle
        start = anyio.current_time()
        assert (await handle).model == "z-image"
        assert anyio.current_time() - start < 0.5


@pytest.mark.parametrize("patience", [2.0, 60.0])
async def test_attach_to_an_id_never_shown_is_not_called_paid(patience: float) -> None:
    """Any id can be attached: a wait that ends before it was shown knows no charge."""
    polling = Polling(patience=patience)
    async with session_on(FakeService(), polling=polling) as session:
        with pytest.raises(TaskTimeoutError, match="has not shown task 'no'") as caught:
            await session.attach("no").wait(timeout=None if patience == 2 else 3)
        assert (caught.value.charged, caught.value.record) == ("unknown", None)
        handle = session.attach("other")
    with pytest.raises(SessionClosedError, match="'other' was not shown yet") as closed:
        await handle
    assert closed.value.charged == "unknown"


async def test_submitted_task_never_shown_is_paid_for() -> None:
    """The service accepted it: what queries say does not change that."""
    service = FakeService()
    async with session_on(service) as session:
        handle = await session.submit(ZImage("a"))
        service.ends.clear()
        with pytest.raises(TaskTimeoutError, match="it goes on") as caught:
            await handle.wait(0)
        assert (caught.value.charged, caught.value.record) == ("yes", None)


async def test_poller_goes_quiet_when_nothing_is_open() -> None:
    """No query and no timer runs for a session without tasks."""
    events: list[Any] = []
    service = FakeService()
    async with session_on(service, observer=events.append) as session:
        await session.generate(ZImage("a"))
        polls = sum(isinstance(event, PollComplete) for event in events)
        await anyio.sleep(10_000)
        assert sum(isinstance(event, PollComplete) for event in events) == polls
        assert session.stats.polls == polls


async def test_poller_asks_once_more_after_the_loop_stood_still() -> None:
    """A laptop that slept past all patience: what ended meanwhile is found, and what
    did not is given up after its query."""
    service = FakeService(duration=60.0)
    async with session_on(service) as session:
        handles = await submit_many(session, 20)
        service.ends[handles[0].task_id] = 1e9
        await anyio.sleep(5)
        asyncio.get_running_loop().virtual_now += 8 * 3600.0  # type: ignore[attr-defined]  # of conftest's loop
        service.queries.clear()
        with pytest.raises(TaskTimeoutError):
            await handles[0]
        for handle in handles[1:]:
            assert (await handle).urls
        assert set(service.queries.values()) == {1}


async def test_lag_of_many_tasks_begun_together_whose_times_nobody_tells() -> None:
    """The first ends say little about the others: no query leaps far past them."""
    rand = random.Random(1)
    service = FakeService(duration=lambda _: rand.lognormvariate(math.log(2), 0.5))
    lags: list[float] = []
    async with session_on(service) as session:

        async def one() -> None:
            handle = await session.submit(ZImage("a"))
            await handle
            lags.append(anyio.current_time() - service.ends[handle.task_id])

        async with anyio.create_task_group() as group:
            for _ in range(200):
                group.start_soon(one)
    assert sum(lags) / len(lags) < 0.4  # of 2.3 s; it was 1.4
    assert session.stats.polls / len(lags) < 5.5
