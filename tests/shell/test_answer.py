"""Unfinished answers are kept as bytes, read when asked for, and never read twice."""

from __future__ import annotations

import gc
import json
import logging
import tracemalloc

import anyio
import pytest
from attrs import define, field

from liangxin_async import (
    LIANGXIN,
    PollComplete,
    Polling,
    ProtocolError,
    TaskRecord,
    TaskState,
    ZImage,
)
from liangxin_async._answer import Answer
from liangxin_async.dialects import WireReply

from .fakes import FakeService, reply, session_on

pytestmark = pytest.mark.anyio


def answer_about(task_id: str, **members: object) -> WireReply:
    data = {"taskId": task_id, "state": "generating", "param": '{"a": [1]}', **members}
    return reply({"code": 200, "msg": "success", "data": data})


@define
class Reader:
    """A dialect of which only the reading is used, and counted."""

    readings: list[bytes] = field(factory=list)

    def read_query(self, given: WireReply, task_id: str) -> TaskRecord:
        self.readings.append(given.body)
        return LIANGXIN.read_query(given, task_id)


def read(given: WireReply, dialect: Reader | None = None) -> Answer:
    return Answer.read(given, "t", dialect or Reader())  # type: ignore[arg-type]


def test_answer_tells_what_decides_without_another_reading() -> None:
    """State, words, progress and model are at hand once the answer was read."""
    dialect = Reader()
    answer = read(answer_about("t", progress="50%", model="z-image"), dialect)
    answer.let_go()
    assert (answer.state, answer.raw_state) == (TaskState.GENERATING, "generating")
    assert (answer.progress, answer.model) == (50, "z-image")
    assert len(dialect.readings) == 1


def test_answer_let_go_gives_an_equal_record_again() -> None:
    """What was let go is read from the same bytes, once for all who ask."""
    dialect = Reader()
    given = answer_about("t", failMsg="not yet")
    answer = read(given, dialect)
    first = answer.record
    assert len(dialect.readings) == 1
    answer.let_go()
    again = answer.record
    assert again == first == LIANGXIN.read_query(given, "t")
    assert again.raw == first.raw
    assert answer.record is again
    assert len(dialect.readings) == 2


@pytest.mark.parametrize("status", [200, 201, 206, 299])
def test_answer_of_any_success_reads_alike_later(status: int) -> None:
    """Only the body is kept, so no dialect may care which success it was."""
    given = WireReply(status, {"X-Request-Id": "r"}, answer_about("t").body)
    answer = read(given)
    first = answer.record
    answer.let_go()
    assert answer.record == first


def test_answer_that_cannot_be_read_raises_at_once() -> None:
    """A bad answer is an error of the query, not of whoever looks at it later."""
    with pytest.raises(ProtocolError):
        read(WireReply(200, {}, b"<html>"))


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (answer_about("t"), True),
        (WireReply(200, {"X-Request-Id": "r"}, answer_about("t").body), True),
        (answer_about("t", progress=1), False),
        (WireReply(503, {}, answer_about("t").body), False),
    ],
    ids=["same", "other headers", "other body", "other status"],
)
def test_answer_is_repeated_by(other: WireReply, same: bool) -> None:
    """The body of a success tells; its headers mean nothing."""
    assert read(answer_about("t")).is_repeated_by(other) is same


async def test_handle_record_is_the_last_status_whoever_looks_when() -> None:
    """`record` is what the service said last, in full; looking twice gives one object."""
    service = FakeService(duration=9)
    service.on_query = lambda task_id: (
        None if anyio.current_time() >= service.ends[task_id] else waiting(task_id)
    )
    began = anyio.current_time()

    def waiting(task_id: str) -> WireReply:
        progress = int(anyio.current_time() - began)
        return service.record(task_id, progress=progress, param='{"x": 1}')

    async with session_on(service) as session:
        handle = await session.submit(ZImage("a"))
        assert handle.record is None
        await anyio.sleep(2)
        early = handle.record
        assert early is not None
        assert early.param == {"x": 1}
        assert early.raw["taskId"] == handle.task_id
        assert handle.record is early
        await anyio.sleep(5)
        late = handle.record
        assert late is not None
        assert late.progress is not None
        assert early.progress is not None
        assert late.progress > early.progress
        result = await handle
        assert handle.record is result.record
        assert handle.record.state is TaskState.SUCCESS


async def test_poller_reads_a_repeated_answer_once() -> None:
    """While the service says the same, the same answer stays; any change is read."""
    service = FakeService(duration=60)
    async with session_on(service) as session:
        handle = await session.submit(ZImage("a"))
        await anyio.sleep(5)
        asked = service.queries[handle.task_id]
        first = handle.seen
        assert isinstance(first, Answer)
        await anyio.sleep(20)
        assert service.queries[handle.task_id] > asked
        assert handle.seen is first
        service.on_query = lambda task_id: service.record(task_id, progress=5)
        await anyio.sleep(20)
        assert handle.seen is not first
        assert handle.record is not None
        assert handle.record.progress == 5


async def test_observer_sees_every_record_and_handles_keep_none() -> None:
    """Each event brings the whole record, repeated or not; what stays is the bytes."""
    service = FakeService(duration=20)
    events: list[PollComplete] = []

    def observe(event: object) -> None:
        if isinstance(event, PollComplete):
            events.append(event)

    async with session_on(service, observer=observe) as session:
        handle = await session.submit(ZImage("a"))
        await anyio.sleep(10)
        assert len(events) >= 3
        assert all(event.record.raw == events[0].record.raw for event in events)
        assert json.loads(service.record(handle.task_id).body)["data"] == (
            events[0].record.raw
        )
        seen = handle.seen
        assert isinstance(seen, Answer)
        assert seen._record is None


async def test_open_tasks_that_were_asked_about_weigh_little(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Some 1.1 kB each, of which the answer itself is 0.2; a parsed one weighs 2 more."""
    caplog.set_level(logging.CRITICAL, "liangxin_async")  # lines that pytest would keep
    count = 400
    silent = Polling(first=1e6, floor=1e6, ceiling=1e6, patience=None)
    service = FakeService()
    async with session_on(service, polling=silent) as session:
        for number in range(2 * count):
            service.ends[f"task_{number}"] = 1e9
        ids = list(service.ends)
        for task_id in ids[:count]:  # warms caches, and makes tables grow
            session.attach(task_id)
        await anyio.sleep(10)
        gc.collect()
        tracemalloc.start()
        for task_id in ids[count:]:
            session.attach(task_id)
        await anyio.sleep(10)
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert session.stats.polls == 2 * count
        assert taken / count < 1300
