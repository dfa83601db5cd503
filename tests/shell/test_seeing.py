"""What is told, to observers and to the log: whatever begins ends, and once."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
from collections import Counter
from typing import Any, get_args

import anyio
import pytest

from liangxin_async import (
    ConfigurationError,
    ConnectionLostError,
    Event,
    SaturatedError,
    Session,
    SessionClosed,
    SubmitAccepted,
    SubmitCancelled,
    SubmitFailed,
    SubmitQueued,
    SubmitRefused,
    SubmitStarted,
    SubmitTimeoutError,
    TaskAttached,
    TaskSettled,
    ZImage,
    _download,
    _poller,
    _runtime,
    _submit_told,
)
from liangxin_async._telling import Teller
from tests.shell.fakes import BAD_KEY, SATURATED, FakeService, session_on

pytestmark = pytest.mark.anyio

ENDS = (SubmitAccepted, SubmitFailed, SubmitCancelled)
PROMPT = "a prompt that nobody else may read"


def kinds(events: list[Any]) -> list[str]:
    return [type(event).__name__ for event in events]


def only(events: list[Any], *wanted: type) -> list[Any]:
    return [event for event in events if isinstance(event, wanted)]


def assert_every_beginning_has_one_end(events: list[Any]) -> None:
    """The table at the top of `_events`."""
    begun = Counter(event.submit_id for event in only(events, SubmitQueued))
    ended = Counter(event.submit_id for event in only(events, *ENDS))
    assert begun == ended
    assert set(begun.values()) <= {1}
    open_tasks: set[str] = set()
    for event in events:
        if isinstance(event, (SubmitAccepted, TaskAttached)):
            assert event.task_id not in open_tasks
            open_tasks.add(event.task_id)
        elif isinstance(event, TaskSettled):
            open_tasks.remove(event.task_id)
    assert not open_tasks
    sent = only(events, SubmitStarted)
    unsent = [e for e in only(events, *ENDS) if getattr(e, "queued", False)]
    answered = only(events, *ENDS, SubmitRefused)
    assert len(sent) == len(answered) - len(unsent)


async def test_events_of_one_picture() -> None:
    """In order, with one number through the submit and one id through the task."""
    events: list[Any] = []
    async with session_on(FakeService(duration=0.5), observer=events.append) as session:
        await session.generate(ZImage(PROMPT))
    assert kinds(events) == [
        *("SubmitQueued", "SubmitStarted", "SubmitAccepted", "PollComplete"),
        *("TaskSettled", "SessionClosed"),
    ]
    queued, started, accepted, polled, settled, _ = events
    assert queued.submit_id == started.submit_id == accepted.submit_id
    assert accepted.task_id == polled.task_id == settled.task_id
    assert queued.request == ZImage(PROMPT)
    assert (started.in_flight, started.queued) == (1, 0.0)
    assert started.limit >= 1
    assert PROMPT not in repr(events)
    assert_every_beginning_has_one_end(events)


async def test_submit_ids_are_unique_over_sessions() -> None:
    """Two sessions may share an observer."""
    events: list[Any] = []
    for _ in range(2):
        async with session_on(FakeService(), observer=events.append) as session:
            await session.generate(ZImage("a"))
    first, second = only(events, SubmitQueued)
    assert first.submit_id != second.submit_id


async def test_submit_out_of_time_in_the_queue_is_told() -> None:
    """No permit in time: the observer hears what the caller gets."""
    events: list[Any] = []
    service = FakeService(on_create=lambda body: SATURATED)
    async with session_on(service, observer=events.append) as session:
        with pytest.raises(SubmitTimeoutError) as caught:
            await session.submit(ZImage("a"), timeout=5)
    (failed,) = only(events, SubmitFailed)
    assert failed.error is caught.value
    assert failed.queued
    assert not failed.detached
    assert failed.error.__cause__ is only(events, SubmitRefused)[-1].error
    assert_every_beginning_has_one_end(events)


async def test_submit_out_of_time_while_connecting_is_told() -> None:
    """It was recalled by its deadline, which is no cancellation."""
    events: list[Any] = []
    service = FakeService(connecting=20)
    async with session_on(service, observer=events.append) as session:
        with pytest.raises(SubmitTimeoutError) as caught:
            await session.submit(ZImage("a"), timeout=5)
    (failed,) = only(events, SubmitFailed)
    assert failed.error is caught.value
    assert not failed.queued
    assert_every_beginning_has_one_end(events)


async def test_submit_cancelled_in_the_queue_is_told() -> None:
    """So is one whose caller goes while it waits."""
    events: list[Any] = []
    async with session_on(
        FakeService(duration=9), observer=events.append, max_in_flight=1
    ) as session:
        await session.submit(ZImage("first"))
        with anyio.move_on_after(1):
            await session.submit(ZImage("second"))
    (cancelled,) = only(events, SubmitCancelled)
    assert (cancelled.queued, cancelled.attempt) == (True, 1)
    assert_every_beginning_has_one_end(events)


async def test_submit_whose_session_closes_is_told() -> None:
    """In the queue and under way: each hears one end."""
    events: list[Any] = []
    service = FakeService(connecting=20)
    session = session_on(service, observer=events.append, max_in_flight=2)
    async with anyio.create_task_group() as group:
        for index in range(4):
            group.start_soon(gather_outcome, session, f"p{index}")
        await anyio.wait_all_tasks_blocked()
        await session.aclose()
    assert [event.queued for event in only(events, SubmitFailed)].count(True) == 2
    assert isinstance(events[-1], SessionClosed)
    assert_every_beginning_has_one_end(events)


async def gather_outcome(session: Session, prompt: str) -> None:
    await asyncio.gather(session.submit(ZImage(prompt)), return_exceptions=True)


@pytest.mark.parametrize("seed", range(6))
async def test_every_beginning_has_one_end_in_a_storm(seed: int) -> None:
    """Refusals, lost answers, bad keys, deadlines and cancellations in random order."""
    dice = random.Random(seed)
    events: list[Any] = []

    def on_create(body: dict[str, Any]) -> Any:
        answers = [None, None, SATURATED, BAD_KEY, ConnectionLostError("reset")]
        return dice.choice(answers)

    service = FakeService(
        duration=lambda rand: rand.uniform(0, 4),
        cap=6,
        latency=0.4,
        connecting=0.1,
        on_create=on_create,
    )

    async def one(session: Session, index: int) -> None:
        await anyio.sleep(dice.uniform(0, 3))
        with anyio.move_on_after(dice.choice([0.05, 0.5, 3.0, 60.0])):
            timeout = dice.choice([None, 0.3, 2.0])
            request = ZImage(f"p{index}")
            await asyncio.gather(
                session.generate(request, timeout=timeout), return_exceptions=True
            )

    session = session_on(service, observer=events.append)
    async with anyio.create_task_group() as group:
        for index in range(40):
            group.start_soon(one, session, index)
    session.attach("task_of_another_day")
    await anyio.sleep(dice.uniform(0, 5))
    await session.aclose()
    assert len(only(events, SubmitQueued)) == 40
    assert isinstance(events[-1], SessionClosed)
    assert_every_beginning_has_one_end(events)


async def test_attached_task_is_told_once() -> None:
    """Attaching to a task that is followed already begins nothing."""
    events: list[Any] = []
    service = FakeService(duration=1)
    async with session_on(service, observer=events.append) as session:
        handle = await session.submit(ZImage("a"))
        assert session.attach(handle.task_id) is handle
        service.ends["elsewhere"] = 0.0
        await session.attach("elsewhere", model="z-image")
        await handle
    (attached,) = only(events, TaskAttached)
    assert (attached.task_id, attached.model) == ("elsewhere", "z-image")
    assert_every_beginning_has_one_end(events)


# --------------------------------------------------------------- several observers


async def test_several_observers_hear_the_same_in_order() -> None:
    """One that raises keeps nothing from the next."""
    told: list[tuple[str, Any]] = []

    def broken(event: Any) -> None:
        told.append(("broken", event))
        raise RuntimeError("of the user's own making")

    def whole(event: Any) -> None:
        told.append(("whole", event))

    async with session_on(FakeService(), observer=[broken, whole]) as session:
        await session.generate(ZImage("a"))
    assert [name for name, _ in told] == ["broken", "whole"] * (len(told) // 2)
    assert [e for name, e in told if name == "broken"] == [
        e for name, e in told if name == "whole"
    ]


async def test_observer_that_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """With its traceback, by the logger of the module that calls it."""

    def broken(event: Any) -> None:
        raise ZeroDivisionError

    async with session_on(FakeService(), observer=broken) as session:
        await session.generate(ZImage("a"))
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert {record.name for record in errors} == {"liangxin_async._telling"}
    assert all(record.exc_info for record in errors)
    assert "raised on TaskSettled" in caplog.text


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program_goes_through(error: type[BaseException]) -> None:
    """Ctrl-C and sys.exit are nobody's to swallow."""

    def stop(event: Any) -> None:
        raise error

    with pytest.raises(error):
        Teller(stop).tell(SessionClosed(at=0.0))


@pytest.mark.parametrize("wrong", ["a text", 7, [print, 7], {"a": print}])
async def test_observer_that_cannot_be_called_is_refused(wrong: Any) -> None:
    """At once, and not when the first event comes."""
    with pytest.raises(ConfigurationError, match=r"observer: got (str|int|dict)"):
        session_on(FakeService(), observer=wrong)


# ------------------------------------------------------------------------ contexts

_request = contextvars.ContextVar("_request", default="nobody")


async def test_what_begins_is_told_in_the_context_of_its_caller() -> None:
    """Submits and attachments belong to a request; the poller belongs to none."""
    seen: list[tuple[str, str]] = []

    def hear(event: Any) -> None:
        seen.append((type(event).__name__, _request.get()))

    service = FakeService()
    service.ends["elsewhere"] = 0.0
    session = session_on(service, observer=hear)

    async def handle(name: str) -> None:
        _request.set(name)
        await session.generate(ZImage("a"))
        await session.attach(f"elsewhere{'' if name == 'one' else name}").wait()

    async def batch() -> None:
        _request.set("three")
        async for outcome in session.map([ZImage("b")]):
            outcome.unwrap()

    service.ends["elsewheretwo"] = 0.0
    await batch()  # opens the session: its first step must not lose the context
    await asyncio.gather(handle("one"), handle("two"))
    await session.aclose()
    where = Counter(seen)
    for kind in ("SubmitQueued", "SubmitStarted"):
        assert [where[kind, name] for name in ("one", "two", "three")] == [1, 1, 1]
    assert (where["TaskAttached", "one"], where["TaskAttached", "two"]) == (1, 1)
    assert {name for kind, name in seen if kind == "TaskSettled"} == {"nobody"}


# ------------------------------------------------------------------------- the log


async def test_log_follows_a_task_without_its_prompt(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """At DEBUG every step can be read; prompt, key and foreign words cannot."""
    caplog.set_level(logging.DEBUG, "liangxin_async")
    answers = iter([SaturatedError(http_status=429, message=PROMPT)])
    service = FakeService(on_create=lambda body: next(answers, None))
    async with session_on(service) as session:
        await session.generate(ZImage(PROMPT))
    lines = [record.getMessage() for record in caplog.records]
    for words in (
        "opened for liangxin",
        "sent back, attempt 1 (SaturatedError, HTTP 429)",
        "accepted, attempt 2: task 'task_0'",
        "task 'task_0' is success",
        "task 'task_0' ended after",
        "closed: the session was closed",
    ):
        assert any(words in line for line in lines), words
    text = "\n".join(lines)
    assert PROMPT not in text
    assert "canary-key-of-tests" not in text
    assert all(record.levelno <= logging.INFO for record in caplog.records)


async def test_log_warns_of_a_lost_task(caplog: pytest.LogCaptureFixture) -> None:
    """It has been paid for, and nobody will look for it again."""
    caplog.set_level(logging.WARNING, "liangxin_async")
    async with session_on(FakeService()) as session:
        outcome = session.attach("nobody-knows-it")
        await asyncio.gather(outcome.wait(), return_exceptions=True)
    (record,) = caplog.records
    assert record.name == "liangxin_async._poll_told"
    assert "nobody-knows-it" in record.getMessage()


async def test_nobody_listens_and_no_event_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without an observer there is nothing to pay for."""

    def forbidden(**facts: object) -> None:
        raise AssertionError("an event was made")

    for module in (_download, _poller, _runtime, _submit_told):
        for name, value in vars(module).copy().items():
            if value in get_args(Event):
                monkeypatch.setattr(module, name, forbidden)
    answers = iter([SATURATED])
    service = FakeService(on_create=lambda body: next(answers, None))
    async with session_on(service) as session:
        assert (await session.generate(ZImage("a"))).urls
