"""Who writes down a request's creates is asked at the right moments, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest
from attrs import define, field

from liangxin_async import (
    ConnectError,
    ConnectionLostError,
    InsufficientQuotaError,
    JournalError,
    LiangxinError,
    Outcome,
    SubmitUnknownError,
    ZImage,
)
from liangxin_async._submit import Recall
from liangxin_async._transport import Departure
from liangxin_async.dialects import WireReply

from .fakes import NO_MONEY, SATURATED, FakeService, reply, session_on

pytestmark = pytest.mark.anyio


@define(eq=False)
class Notes:
    """A keeper that notes what it was asked, and can be slow or refuse."""

    seen: list[str] = field(factory=list)
    slow: float = 0.0
    refuse: LiangxinError | None = None

    async def sending(self) -> None:
        self.seen.append("sending")
        await anyio.sleep(self.slow)
        if self.refuse is not None:
            raise self.refuse
        self.seen.append("written")

    async def accepted(self, task_id: str) -> None:
        await anyio.sleep(self.slow)
        self.seen.append(f"accepted {task_id}")

    def sent_back_nowait(self) -> None:
        self.seen.append("sent back")

    def doubt_nowait(self, error: LiangxinError) -> None:
        self.seen.append(f"doubt {type(error).__name__}")


CAT = ZImage("a cat")


async def submit_kept(service: FakeService, notes: Notes) -> Any:
    async with session_on(service) as session:
        submitter = session._use().submitter
        return await submitter.submit(CAT, timeout=None, priority=0, keeper=notes)


async def test_keeper_writes_before_the_create_and_before_the_caller_knows() -> None:
    """Row first, then the create, then the id, and only then the handle."""
    notes = Notes(slow=1.0)
    service = FakeService()
    service.on_create = lambda body: notes.seen.append("create")
    handle = await submit_kept(service, notes)
    assert notes.seen == ["sending", "written", "create", f"accepted {handle.task_id}"]


async def test_keeper_is_asked_again_for_each_create() -> None:
    """After a refusal the row is no longer about to be sent, and then it is again."""
    notes = Notes()
    answers: list[Any] = [SATURATED, SATURATED, None]
    service = FakeService(on_create=lambda body: answers.pop(0))
    await submit_kept(service, notes)
    once = ["sending", "written", "sent back"]
    assert notes.seen == [*once, *once, "sending", "written", "accepted task_0"]


@pytest.mark.parametrize(
    "answer",
    [
        ConnectionLostError("reset"),
        WireReply(502, {}, b"<html>bad gateway</html>"),
        reply({"code": 200, "msg": "success", "data": {}}),
    ],
)
async def test_keeper_is_told_of_doubt(answer: Any) -> None:
    """What may have been accepted stays about to be sent, with the reason."""
    notes = Notes()
    with pytest.raises(SubmitUnknownError):
        await submit_kept(FakeService(on_create=lambda body: answer), notes)
    assert notes.seen == ["sending", "written", "doubt SubmitUnknownError"]


async def test_keeper_that_refuses_keeps_the_create_from_being_sent() -> None:
    """No row, no create; and no second try."""
    notes = Notes(refuse=JournalError("full", path="j", reason="disk"))
    service = FakeService()
    with pytest.raises(JournalError):
        await submit_kept(service, notes)
    assert service.bodies == []
    assert notes.seen == ["sending", "sent back"]


async def test_keeper_learns_that_a_create_never_left() -> None:
    """No connection: what was written down is taken back, each time."""

    class Unreachable(FakeService):
        async def create(self, request: Any, departure: Any) -> WireReply:
            raise ConnectError("refused")

    notes = Notes()
    with pytest.raises(ConnectError):
        await submit_kept(Unreachable(), notes)
    assert notes.seen.count("written") == notes.seen.count("sent back") > 1


@pytest.mark.parametrize("after", [0.5, 1.2])
async def test_keeper_of_a_cancelled_submit_that_never_left(after: float) -> None:
    """Cancelled while the row is written, or before the first byte: taken back."""
    notes = Notes(slow=1.0)
    service = FakeService(connecting=1.0)
    async with session_on(service) as session:
        submitter = session._use().submitter
        with anyio.move_on_after(after):
            await submitter.submit(CAT, timeout=None, priority=0, keeper=notes)
        await session.drain()
    assert service.bodies == []
    assert notes.seen[-1] == "sent back"


async def test_keeper_of_a_cancelled_submit_that_had_left() -> None:
    """The create is finished in the background, and its id is written down."""
    notes = Notes()
    service = FakeService(latency=2.0)
    async with session_on(service) as session:
        submitter = session._use().submitter
        with anyio.move_on_after(1.0):
            await submitter.submit(CAT, timeout=None, priority=0, keeper=notes)
        await session.drain()
    assert notes.seen == ["sending", "written", "accepted task_0"]


# ------------------------------------------------------------------ a batch with keepers


async def outcomes_of(batch: AsyncIterator[Outcome], into: list[Outcome]) -> None:
    async for outcome in batch:
        into.append(outcome)


async def test_batch_gives_each_request_its_keeper() -> None:
    """Index by index, in the order of the input."""
    service, kept = FakeService(), [Notes() for _ in range(5)]
    async with session_on(service) as session:
        batch = session._batch(
            [ZImage(f"p{number}") for number in range(5)],
            ordered=False,
            timeout=None,
            priority=0,
            keeper_of=kept.__getitem__,
        )
        outcomes = [outcome async for outcome in batch]
    by_index = {outcome.index: outcome.task_id for outcome in outcomes}
    assert [notes.seen[-1] for notes in kept] == [
        f"accepted {by_index[index]}" for index in range(5)
    ]


async def test_batch_ends_when_a_journal_breaks() -> None:
    """Nothing more is begun; what has left comes home; then the error is raised."""
    broken = JournalError("full", path="j", reason="disk")
    service = FakeService(duration=5.0, cap=3)
    kept = [Notes(refuse=broken if index >= 3 else None) for index in range(500)]
    outcomes: list[Outcome] = []
    async with session_on(service) as session:
        batch = session._batch(
            (ZImage(f"p{number}") for number in range(500)),
            ordered=False,
            timeout=None,
            priority=0,
            keeper_of=kept.__getitem__,
        )
        with pytest.raises(JournalError):
            await outcomes_of(batch, outcomes)
    assert sorted(outcome.index for outcome in outcomes) == [0, 1, 2]
    assert all(outcome.result is not None for outcome in outcomes)
    assert len(service.ends) == 3


async def test_batch_finish_brings_home_what_has_left_and_ends() -> None:
    """After `finish_nowait` nothing is sent, nothing is lost, and no error is raised."""
    service = FakeService(duration=30.0, cap=8)
    outcomes: list[Outcome] = []
    async with session_on(service) as session:
        batch = session.map(ZImage(f"p{number}") for number in range(1000))
        async with anyio.create_task_group() as group:
            group.start_soon(outcomes_of, batch, outcomes)
            await anyio.sleep(10.0)
            batch.finish_nowait()
            sent = len(service.bodies)
    assert len(service.bodies) == sent
    assert len(outcomes) == len(service.ends) == 8
    assert all(outcome.result is not None for outcome in outcomes)
    assert await anext(batch, None) is None


async def test_batch_finish_keeps_the_error_that_came_first() -> None:
    """A dead account stays the reason, though somebody also asked for the end."""
    service = FakeService(on_create=lambda body: NO_MONEY)
    async with session_on(service) as session:
        batch = session.map([CAT] * 3)
        pulled = asyncio.ensure_future(anext(aiter(batch)))
        await anyio.sleep(1.0)
        batch.finish_nowait()
        with pytest.raises(InsufficientQuotaError):
            await pulled
    assert len(service.bodies) >= 1


async def test_create_that_is_taken_back_cannot_leave_any_more() -> None:
    """Decided in one step: else it could leave before the cancellation arrives, and
    its outcome would reach nobody."""
    recall, call = Recall(), SimpleNamespace(departure=Departure())
    recall.begin(cast("Any", call))
    recall.take_back()
    assert call.departure.recalled
    assert recall.scope.cancel_called


async def test_create_that_has_left_is_not_taken_back() -> None:
    """It is finished, and gives its outcome."""
    recall, call = Recall(), SimpleNamespace(departure=Departure(left=True))
    recall.begin(cast("Any", call))
    recall.take_back()
    assert not recall.scope.cancel_called
