"""Submitting: one paid call, whatever happens around it."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest

from liangxin_async import (
    AuthenticationError,
    BadRequestError,
    ConnectError,
    ConnectionLostError,
    Flux2Pro,
    InsufficientQuotaError,
    InvalidRequestError,
    LiangxinError,
    RequestTimeoutError,
    ServiceError,
    SubmitAccepted,
    SubmitCancelled,
    SubmitFailed,
    SubmitRefused,
    SubmitTimeoutError,
    SubmitUnknownError,
    TaskTimeoutError,
    ZImage,
)
from liangxin_async.dialects import WireReply

from .fakes import BAD_KEY, NO_MONEY, SATURATED, FakeService, reply, session_on

pytestmark = pytest.mark.anyio

CAT = ZImage("a cat")

UNDECIDABLE: dict[str, WireReply | LiangxinError] = {
    "reset": ConnectionLostError("reset"),
    "silence": RequestTimeoutError("no answer"),
    "500": reply({"code": 500, "msg": "boom", "data": None}, 500),
    "408": reply({"code": 408, "msg": "late", "data": None}, 408),
    "502 page": WireReply(502, {}, b"<html>bad gateway</html>"),
    "503 page": WireReply(503, {}, b"<html>unavailable</html>"),
    "504 page": WireReply(504, {}, b"<html>timeout</html>"),
    "522 page": WireReply(522, {}, b""),
    "200 page": WireReply(200, {}, b"<html>log in</html>"),
    "200 cut": WireReply(200, {}, b'{"code":200,"msg":"succ'),
    "200 without id": reply({"code": 200, "msg": "success", "data": {}}),
    "200 empty id": reply({"code": 200, "msg": "success", "data": {"taskId": ""}}),
    "200 null id": reply({"code": 200, "msg": "success", "data": {"taskId": None}}),
    "code 500 in 200": reply({"code": 500, "msg": "error", "data": None}),
}


@pytest.mark.parametrize("answer", UNDECIDABLE.values(), ids=UNDECIDABLE)
async def test_submit_with_undecidable_answer_is_sent_once(answer: Any) -> None:
    """What may have been accepted is never sent again, and says so."""
    service = FakeService(on_create=lambda body: answer)
    async with session_on(service) as session:
        with pytest.raises(SubmitUnknownError) as caught:
            await session.submit(CAT, timeout=600)
        assert caught.value.charged == "unknown"
        assert caught.value.model == "z-image"
        assert session.stats.in_flight == 0
    assert len(service.bodies) == 1


REFUSED: list[tuple[WireReply, type[LiangxinError]]] = [
    (BAD_KEY, AuthenticationError),
    (NO_MONEY, InsufficientQuotaError),
    (reply({"code": 402, "msg": "no credits", "data": None}), InsufficientQuotaError),
    (reply({"code": 400, "msg": "no", "data": None}, 400), BadRequestError),
    (reply({"code": 400, "msg": "no", "data": None}), BadRequestError),
    (
        reply(
            {"error": {"message": "load is saturated", "code": "insufficient_quota"}},
            429,
        ),
        InsufficientQuotaError,
    ),
]


@pytest.mark.parametrize(("answer", "error"), REFUSED)
async def test_submit_refused_for_good_is_sent_once_and_free(
    answer: WireReply, error: type[LiangxinError]
) -> None:
    """A clear refusal is raised at once, and nothing was charged."""
    service = FakeService(on_create=lambda body: answer)
    async with session_on(service) as session:
        with pytest.raises(error) as caught:
            await session.submit(CAT)
        assert caught.value.charged == "no"
        assert session.stats.in_flight == 0
    assert len(service.bodies) == 1


async def test_submit_saturated_is_waited_out_without_a_permit() -> None:
    """429 is followed by another attempt, with no permit held in between."""
    answers: list[Any] = [SATURATED, SATURATED, SATURATED, None]
    service = FakeService(on_create=lambda body: answers.pop(0))
    held: list[int] = []

    def observe(event: Any) -> None:
        if isinstance(event, SubmitRefused):
            held.append(session.stats.in_flight)

    async with session_on(service, observer=observe) as session:
        handle = await session.submit(CAT)
        assert handle.task_id == "task_0"
        assert session.stats.saturated == 3
    assert held == [0, 0, 0]


async def test_submit_saturated_until_the_deadline_raises_and_sends_no_more() -> None:
    """The caller's timeout ends the waiting; nothing was accepted or charged."""
    service = FakeService(on_create=lambda body: SATURATED)
    async with session_on(service) as session:
        start = anyio.current_time()
        with pytest.raises(SubmitTimeoutError) as caught:
            await session.submit(CAT, timeout=30)
        assert anyio.current_time() - start == pytest.approx(30)
        assert isinstance(caught.value, TimeoutError)
        assert caught.value.charged == "no"
        assert caught.value.http_status == 429
        sent = len(service.bodies)
        await anyio.sleep(100)
        assert len(service.bodies) == sent
        assert session.stats.waiting == 0


async def test_submit_through_an_outage_probes_seldom_and_recovers() -> None:
    """A minute of 429 costs few requests, and work resumes soon after it."""
    start = anyio.current_time()
    service = FakeService(
        on_create=lambda body: SATURATED if anyio.current_time() < start + 60 else None
    )
    async with session_on(service) as session, anyio.create_task_group() as group:
        for index in range(50):
            group.start_soon(session.generate, ZImage(f"p{index}"))
    during = [at for at in service.arrivals if at < start + 60]
    assert len(during) < 60
    assert sum(service.accepted.values()) == 50
    assert max(service.arrivals) < start + 90


@pytest.mark.parametrize(
    "first",
    [
        WireReply(503, {}, b'{"error":{"message":"none","code":"model_not_found"}}'),
        reply({"code": 455, "msg": "maintenance", "data": None}),
    ],
)
async def test_submit_sent_back_by_the_gateway_is_sent_again(first: WireReply) -> None:
    """The gateway's own refusal is clear, so the create is repeated."""
    answers: list[Any] = [first, None]
    service = FakeService(on_create=lambda body: answers.pop(0))
    async with session_on(service) as session:
        await session.submit(CAT)
    assert len(service.bodies) == 2


@pytest.mark.parametrize("status", [429, 503])
async def test_submit_waits_as_long_as_the_service_asks_in_words(status: int) -> None:
    """A wait inside `fallback_suggestion` counts like a Retry-After."""
    name = {429: "too_many_requests", 503: "model_not_found"}[status]
    error = {"code": name, "fallback_suggestion": "retry after 40 s"}
    answers: list[WireReply | None] = [reply({"error": error}, status), None]
    service = FakeService(on_create=lambda body: answers.pop(0))
    async with session_on(service) as session:
        await session.submit(CAT)
    first, second = service.arrivals
    assert 40 <= second - first < 80


async def test_submit_sent_back_forever_gives_up_free_of_charge() -> None:
    """A gateway that never takes it ends in its error, after a bounded number."""
    answer = WireReply(503, {}, b'{"error":{"message":"x","code":"model_not_found"}}')
    service = FakeService(on_create=lambda body: answer)
    async with session_on(service) as session:
        with pytest.raises(ServiceError) as caught:
            await session.submit(CAT)
    assert caught.value.charged == "no"
    assert 2 <= len(service.bodies) <= 10


async def test_submit_that_never_leaves_is_tried_again_a_few_times() -> None:
    """No connection: tried again, then `ConnectError`; nothing was sent."""

    class Unreachable(FakeService):
        tries = 0

        async def create(self, request: Any, departure: Any) -> WireReply:
            type(self).tries += 1
            raise ConnectError("refused")

    service = Unreachable()
    async with session_on(service) as session:
        with pytest.raises(ConnectError):
            await session.submit(CAT)
    assert 2 <= Unreachable.tries <= 10


async def test_submit_with_a_certificate_that_does_not_fit_fails_at_once() -> None:
    """What waiting cannot mend is not tried twice."""

    class Mistrusted(FakeService):
        tries = 0

        async def create(self, request: Any, departure: Any) -> WireReply:
            type(self).tries += 1
            raise ConnectError("certificate", permanent=True)

    async with session_on(Mistrusted()) as session:
        with pytest.raises(ConnectError):
            await session.submit(CAT)
    assert Mistrusted.tries == 1


async def test_submit_told_an_id_that_exists_reports_doubt() -> None:
    """The second create answered with the same id is unknown; no result is mixed."""
    same = reply({"code": 200, "msg": "success", "data": {"taskId": "task_0"}})
    answers: list[Any] = [None, same]
    service = FakeService(on_create=lambda body: answers.pop(0))
    async with session_on(service) as session:
        first = await session.submit(CAT)
        with pytest.raises(SubmitUnknownError) as caught:
            await session.submit(ZImage("a dog"))
        assert caught.value.task_id == "task_0"
        assert (await first).task_id == "task_0"


async def test_submit_what_is_no_request_is_refused_before_anything_is_sent() -> None:
    """A text is not a request."""
    service = FakeService()
    async with session_on(service) as session:
        with pytest.raises(InvalidRequestError, match="request"):
            await session.submit("a cat")
    assert not service.bodies


@pytest.mark.parametrize("timeout", [-1, "1", True, float("nan")])
async def test_submit_timeout_that_is_no_duration_is_refused(timeout: Any) -> None:
    """One clear error names the argument."""
    service = FakeService()
    async with session_on(service) as session:
        with pytest.raises(LiangxinError, match="timeout"):
            await session.submit(CAT, timeout=timeout)
    assert not service.bodies


# ------------------------------------------------------------------- cancellation


async def test_submit_cancelled_before_the_first_byte_sends_nothing() -> None:
    """While connecting, cancelling recalls the create."""
    events: list[Any] = []
    service = FakeService(connecting=1.0)
    async with session_on(service, observer=events.append) as session:
        with anyio.move_on_after(0.5):
            await session.submit(CAT)
        await anyio.sleep(10)
        assert session.stats.in_flight == 0
    assert not service.bodies
    assert isinstance(events[-2], SubmitCancelled)  # the last one tells the closing


async def test_submit_cancelled_after_the_first_byte_is_finished_behind() -> None:
    """The accepted task is followed, reported and keeps its permit until it ends."""
    events: list[Any] = []
    service = FakeService(latency=1.0)
    async with session_on(service, observer=events.append) as session:
        with anyio.move_on_after(0.5):
            await session.submit(CAT)
        await anyio.sleep(1)
        (handle,) = session.pending
        assert session.stats.in_flight == 1
        accepted = [event for event in events if isinstance(event, SubmitAccepted)]
        assert [(e.task_id, e.detached) for e in accepted] == [("task_0", True)]
        assert (await handle).urls
        assert session.stats.in_flight == 0
    assert len(service.bodies) == 1


async def test_submit_cancelled_after_the_first_byte_tells_of_a_lost_answer() -> None:
    """An unknown outcome without a caller goes to the observer."""
    events: list[Any] = []
    service = FakeService(latency=1.0, on_create=lambda body: ConnectionLostError("x"))
    async with session_on(service, observer=events.append) as session:
        with anyio.move_on_after(0.2):
            await session.submit(CAT)
        await anyio.sleep(5)
    (failed,) = [event for event in events if isinstance(event, SubmitFailed)]
    assert failed.detached
    assert isinstance(failed.error, SubmitUnknownError)


async def test_submit_whose_time_runs_out_under_way_is_unknown_but_followed() -> None:
    """The deadline passes while the create is out: one POST, and the task is pending."""
    service = FakeService(latency=1.0)
    async with session_on(service) as session:
        with pytest.raises(SubmitUnknownError):
            await session.submit(CAT, timeout=0.6)
        await anyio.sleep(1)
        assert [handle.task_id for handle in session.pending] == ["task_0"]
    assert len(service.bodies) == 1


@pytest.mark.parametrize("after", range(0, 120, 3))
async def test_submit_cancelled_at_any_time_leaks_nothing(after: int) -> None:
    """Wherever the cancellation falls: one POST or none, and every permit returns."""
    service = FakeService(connecting=0.4, latency=0.4, duration=0.5)
    async with session_on(service) as session:
        with anyio.move_on_after(after / 100) as scope:
            await session.generate(CAT)
        assert scope.cancelled_caught or service.accepted
        await session.drain()
        assert (session.stats.in_flight, session.stats.waiting) == (0, 0)
        assert not session.pending
        assert session.stats.accepted == len(service.bodies) <= 1
        await session.generate(ZImage("afterwards"))


@pytest.mark.parametrize("steps", range(12))
async def test_submit_cancelled_at_every_suspension_leaks_nothing(steps: int) -> None:
    """Native cancellation after k turns of the loop, as `asyncio.timeout` does it."""
    service = FakeService(latency=0.0, connecting=0.0)
    async with session_on(service) as session:
        task = asyncio.create_task(session.submit(CAT))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
        await session.drain()
        assert (session.stats.in_flight, session.stats.waiting) == (0, 0)
        assert session.stats.accepted == len(service.bodies) <= 1
        assert task.cancelled() or task.result().task_id == "task_0"


async def test_generate_shares_its_timeout_between_queue_and_task() -> None:
    """What the queueing took is missing from the waiting; the id is in the error."""
    service = FakeService(duration=100, cap=None)
    start = anyio.current_time()
    answers: list[Any] = [SATURATED] * 3
    service.on_create = lambda body: answers.pop() if answers else None
    async with session_on(service) as session:
        with pytest.raises(TaskTimeoutError) as caught:
            await session.generate(CAT, timeout=10)
        assert anyio.current_time() - start == pytest.approx(10)
        assert caught.value.task_id == "task_0"
        assert (await session.attach("task_0")).task_id == "task_0"


async def test_submit_saturated_model_does_not_slow_another() -> None:
    """One model takes one task at a time; the other runs at its full speed."""
    slow_ends: list[float] = []

    def on_create(body: dict[str, Any]) -> Any:
        if body["model"] != "z-image":
            return None
        now = anyio.current_time()
        if any(end > now for end in slow_ends):
            return SATURATED
        slow_ends.append(now + 2)
        return None

    service = FakeService(on_create=on_create)
    async with session_on(service) as session, anyio.create_task_group() as group:
        start = anyio.current_time()
        done: list[float] = []

        async def make(request: Any) -> None:
            await session.generate(request)
            if isinstance(request, Flux2Pro):
                done.append(anyio.current_time() - start)

        for index in range(100):
            group.start_soon(make, ZImage(f"slow {index}"))
            group.start_soon(make, Flux2Pro(f"fast {index}"))
    assert len(done) == 100
    assert max(done) < 5


async def test_submit_that_never_leaves_until_the_deadline_says_no_connection() -> None:
    """ "No connection" is what the caller must know, not "no place"."""

    class Unreachable(FakeService):
        async def create(self, request: Any, departure: Any) -> WireReply:
            raise ConnectError("refused")

    async with session_on(Unreachable()) as session:
        with pytest.raises(ConnectError) as caught:
            await session.submit(CAT, timeout=0.01)
        assert caught.value.charged == "no"
