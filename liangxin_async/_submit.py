"""From a request to an accepted task: permit, one paid call, and what may follow it.

The call runs in a task that the session owns, so that cancelling a caller cannot tear
a paid call in two. The caller only waits, and decides once, in one step of the loop:
either no byte has left, then the call is recalled, or it is finished without him.

Invariants:
- One `submit` leads to at most one create whose refusal is not certain.
- A permit is held from just before the create until its verdict; while waiting out a
  refusal none is held.
- Every accepted task id is followed by the poller, whoever still waits.
- After `SubmitQueued`, exactly one of `SubmitAccepted`, `SubmitFailed` and
  `SubmitCancelled` is told, whoever still waits. The end of
  a create in doubt may be followed by `SubmitAccepted`, see the next line.
- A create whose answer was lost becomes accepted if a callback names its task, and by
  nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import nullcontext
from typing import TYPE_CHECKING, Protocol

import anyio
from attrs import define, evolve, field

from liangxin_async._core.backoff import (
    MAX_ATTEMPTS,
    RETRY,
    Verdict,
    judge_create,
    next_delay,
)
from liangxin_async._core.trust import Watch
from liangxin_async._doubts import no_place, overtaken, taken, unknown
from liangxin_async._errors import (
    LiangxinError,
    ProtocolError,
    SaturatedError,
    ServiceError,
    SessionClosedError,
    SubmitUnknownError,
    TransportError,
)
from liangxin_async._handle import TaskHandle
from liangxin_async._submit_told import SubmitTeller
from liangxin_async._transport import Departure, RecalledError
from liangxin_async._waiting import wake
from liangxin_async.dialects import Accepted, WireRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable
    from contextlib import AbstractContextManager
    from typing import Any

    from liangxin_async._callbacks import Callbacks, Expected
    from liangxin_async._gate import Gate, Permit
    from liangxin_async._poller import Poller
    from liangxin_async._records import TaskRecord
    from liangxin_async._transport import Transport
    from liangxin_async.dialects import Dialect
    from liangxin_async.models import Request

_log = logging.getLogger(__name__)


class Keeper(Protocol):
    """Writes down what becomes of one request, before anything else may happen."""

    async def sending(self) -> None:
        """A create is about to be sent; a `LiangxinError` raised here forbids it."""
        ...

    async def accepted(self, task_id: str) -> None:
        """The create was accepted; the caller is told after this. Must not raise."""
        ...

    def sent_back_nowait(self) -> None:
        """The create was certainly not taken. Also called where `sending` did not end
        well, and may then have written nothing."""
        ...

    def doubt_nowait(self, error: LiangxinError) -> None:
        """Nobody knows whether the create was taken."""
        ...


def _within(timeout: float | None) -> AbstractContextManager[object, bool]:
    """Return what ends its block after `timeout` seconds, without an error; for None
    nothing, since a scope costs as much as the gate."""
    if timeout is None:
        return nullcontext()  # type: ignore[return-value] # its None is as good as False
    return anyio.move_on_after(timeout)


@define(eq=False)
class _Call:
    """One paid call, between the session's task that makes it and its caller."""

    submit_id: int
    request: Request
    wire: WireRequest
    permit: Permit
    attempt: int
    keeper: Keeper | None = None
    expected: Expected | None = None  # its callback, where one is to come
    kept: bool = False  # whether the keeper holds a create whose end it does not know
    departure: Departure = field(factory=Departure)
    scope: anyio.CancelScope = field(factory=anyio.CancelScope)
    outcome: TaskHandle | LiangxinError | None = None
    verdict: Verdict | None = None
    detached: bool = False
    waiter: asyncio.Future[None] | None = None

    @property
    def is_without_task(self) -> bool:
        """Whether it is certain that the service made no task for it."""
        if self.outcome is None:
            return True  # recalled
        return isinstance(self.outcome, LiangxinError) and (
            self.verdict is not Verdict.UNKNOWN
        )

    def finish(self) -> None:
        if self.waiter is not None:
            wake((self.waiter,))


@define(eq=False)
class Recall:
    """Lets the owner of a submit take it back while that is free of charge.

    The submit runs inside `scope`, which the owner enters.
    """

    scope: anyio.CancelScope = field(factory=anyio.CancelScope)
    _call: _Call | None = None
    _taken_back: bool = False

    def take_back(self) -> None:
        """End the submit, unless its create has left: then let that one finish."""
        self._taken_back = True
        # Recalled in this very step: between here and the cancellation it might leave.
        if self._call is None or self._call.departure.recall():
            self.scope.cancel()

    def begin(self, call: _Call | None) -> None:
        """The submit begins a paid call, or (None) is between two of them."""
        self._call = call
        if call is None and self._taken_back:
            self.scope.cancel()


@define(eq=False)
class Submitter:
    """Submits for one session. Lives in one event loop."""

    _loop: asyncio.AbstractEventLoop
    _dialect: Dialect
    _transport: Transport
    _gate: Gate
    _poller: Poller
    _tell: SubmitTeller
    _callbacks: Callbacks | None
    _spawn: Callable[[Callable[[], Coroutine[Any, Any, None]]], object]
    _rand: Callable[[], float] = random.random
    accepted: int = 0
    saturated: int = 0
    _under_way: int = 0
    _idle: list[asyncio.Future[None]] = field(factory=list)

    @property
    def under_way(self) -> int:
        """Paid calls that are being made."""
        return self._under_way

    async def submit(
        self,
        request: Request,
        *,
        timeout: float | None,
        priority: int,
        fair_key: Hashable = None,
        recall: Recall | None = None,
        keeper: Keeper | None = None,
    ) -> TaskHandle:
        """See `Session.submit`; `recall` is for an owner who may want it back, and
        `keeper` for one who writes down every step."""
        url, expected = None, None
        if self._callbacks is not None and not request.callback_url:
            url, expected = self._callbacks.expect(request)
        wire = self._dialect.write_create(request, url)
        ticket, began = self._gate.ticket(priority, fair_key), self._loop.time()
        recall = Recall() if recall is None else recall
        attempt = retries = 0
        call: _Call | None = None
        last: LiangxinError | None = None
        submit_id = self._tell.queued(request, began)
        try:
            with _within(timeout):
                while True:
                    attempt += 1
                    queued = self._loop.time()
                    permit = await self._gate.acquire(request.model, ticket=ticket)
                    call = _Call(
                        submit_id, request, wire, permit, attempt, keeper, expected
                    )
                    recall.begin(call)
                    await self._make(call, queued)
                    if isinstance(call.outcome, TaskHandle):
                        return call.outcome
                    assert call.outcome is not None, "a finished call has an outcome"
                    last = call.outcome
                    retries += call.verdict is Verdict.AGAIN
                    delay = self._delay_before_next(call, last, retries)
                    call = None
                    recall.begin(None)
                    await self._gate.sleep(delay)
            return self._out_of_time(request, call, last, self._loop.time() - began)
        except BaseException as exc:
            if call is None:
                self._tell.unsent(submit_id, request, attempt, exc)
            elif call.departure.recalled:  # else it is told where its end is known
                self._tell.recalled(call, exc)
            raise

    def _delay_before_next(
        self, call: _Call, error: LiangxinError, retries: int
    ) -> float:
        """Seconds until the next attempt; raises `error` where there must be none."""
        again = call.verdict is Verdict.AGAIN and retries < MAX_ATTEMPTS
        if not again and call.verdict is not Verdict.WAIT:
            self._tell.failed(call, error)
            raise error
        # After a 429 the lane itself pauses: the next permit is the next attempt.
        delay = next_delay(retries, RETRY, rand=self._rand()) if again else 0.0
        self._tell.refused(call, error, delay)
        return delay

    def _out_of_time(
        self,
        request: Request,
        call: _Call | None,
        last: LiangxinError | None,
        waited: float,
    ) -> TaskHandle:
        outcome = None if call is None else call.outcome
        if isinstance(outcome, TaskHandle):
            return outcome  # accepted in the very step in which the time ran out
        if call is not None and outcome is not None:  # likewise, refused or lost
            if call.verdict in (Verdict.REFUSED, Verdict.UNKNOWN):
                raise outcome
            last = outcome
        elif call is not None and call.departure.left:
            raise self._with_rescue(call, overtaken(request, waited))
        if isinstance(last, TransportError):
            raise last  # "no connection" says more than "no place"
        raise no_place(request, waited, last) from last

    # ------------------------------------------------------------- the paid call

    async def _make(self, call: _Call, queued: float) -> None:
        """Have the call made and wait for its outcome."""
        call.waiter = self._loop.create_future()
        self._under_way += 1
        try:
            self._tell.started(call, queued)
            self._spawn(lambda: self._run(call))
        except BaseException as exc:
            self._ended(call)
            if isinstance(exc, LiangxinError):
                self._tell.failed(call, exc)
            raise
        try:
            await call.waiter
        except asyncio.CancelledError:
            if call.outcome is None and call.departure.recall():
                call.scope.cancel()
            else:
                self._detach(call)
            raise

    def _detach(self, call: _Call) -> None:
        """The caller has gone; what he would have been told goes elsewhere."""
        call.detached = True
        if isinstance(call.outcome, TaskHandle):
            _log.warning(
                "the caller of an accepted create has gone; task %r goes on",
                call.outcome.task_id,
            )
        elif call.outcome is not None:  # judged in the very step of the cancellation
            self._tell.failed(call, call.outcome)

    def _ended(self, call: _Call) -> None:
        if call.kept and call.keeper is not None:  # recalled, or never left
            call.keeper.sent_back_nowait()
        if call.expected is not None and call.is_without_task:
            error = call.outcome if isinstance(call.outcome, LiangxinError) else None
            call.expected.refused(error if call.detached else None)
        call.permit.forget()  # void where a verdict has ended or kept it
        self._under_way -= 1
        call.finish()
        if not self._under_way:
            idle, self._idle = self._idle, []
            wake(idle)

    async def _run(self, call: _Call) -> None:
        """In the session's task: make the call and judge it. Never raises."""
        try:
            with call.scope:
                await self._exchange(call)
        except asyncio.CancelledError:
            self._interrupted(call)
            raise
        except Exception as exc:  # noqa: BLE001 - whatever broke, the caller must be told
            _log.exception("a create broke")
            self._judge(call, ProtocolError(f"the create broke: {type(exc).__name__}"))
        finally:
            self._ended(call)

    async def _exchange(self, call: _Call) -> None:
        try:
            if call.keeper is not None:
                call.kept = True  # first: cancelled in the middle, it may be written
                await call.keeper.sending()
            if call.expected is not None:
                call.expected.begin()
            reply = await self._transport.create(call.wire, call.departure)
            if self._callbacks is not None:
                reply = self._callbacks.masked(reply)
            accepted = self._dialect.read_create(reply)
        except RecalledError:
            return
        except LiangxinError as exc:
            self._judge(call, exc)
            return
        if self._poller.knows(accepted.task_id):
            self._judge(call, taken(call.request, accepted.task_id))
            return
        call.outcome = handle = self._new_handle(call, accepted)
        call.permit.accept()
        watch = None if call.expected is None else Watch(is_expected=True)
        self._poller.follow(handle, permit=call.permit, watch=watch)
        await self._accepted(call, handle)

    def _new_handle(self, call: _Call, accepted: Accepted) -> TaskHandle:
        return TaskHandle(
            accepted.task_id,
            request=call.request,
            model=call.request.model,
            record=accepted.record,
            loop=self._loop,
        )

    async def _accepted(self, call: _Call, handle: TaskHandle) -> None:
        """The create has its task, which the poller follows: tell everybody."""
        self.accepted += 1
        self._tell.accepted(call, handle)
        if call.expected is not None:
            call.expected.known(handle)
        try:
            if call.keeper is not None:
                call.kept = False
                await call.keeper.accepted(handle.task_id)
        finally:  # also where the session ends meanwhile: the handle says so
            if call.expected is not None:
                call.expected.end(handle)

    def _judge(self, call: _Call, error: LiangxinError) -> None:
        call.verdict = judge_create(error, left=call.departure.left)
        if call.verdict is Verdict.UNKNOWN:
            error = self._with_rescue(call, unknown(call.request, error))
            if call.expected is not None:
                self._hope(call, call.expected)
            if call.keeper is not None:
                call.kept = False
                call.keeper.doubt_nowait(error)
        call.outcome = error
        if isinstance(error, SaturatedError):
            self.saturated += 1
            call.permit.refuse(error.retry_after)
        elif isinstance(error, ServiceError) and error.refused:
            call.permit.refuse(error.retry_after)
        else:
            call.permit.forget()
        if call.detached:
            self._tell.failed(call, error)

    def _interrupted(self, call: _Call) -> None:
        if call.outcome is not None:
            return
        if not call.departure.left:
            call.outcome = SessionClosedError(
                "the session was closed before the create was sent"
            )
            call.verdict = Verdict.REFUSED
            return
        self._judge(
            call, SessionClosedError("the session was closed while it was under way")
        )

    def _with_rescue(
        self, call: _Call, error: SubmitUnknownError
    ) -> SubmitUnknownError:
        """Return `error` with the means to wait for the callback, if one may come."""
        if call.expected is not None:
            error.rescue = call.expected.rescue(error)
        return error

    def _hope(self, call: _Call, expected: Expected) -> None:
        """The answer was lost: from now on a callback may tell it."""
        lost = evolve(call, wire=_SENT, detached=True)  # the body may be megabytes

        async def welcome(record: TaskRecord) -> None:
            # No permit is taken for it: a task is over when its callback comes.
            handle = self._new_handle(lost, Accepted(record.task_id, record))
            watch = Watch(is_expected=True)
            self._poller.follow(handle, permit=None, soon=True, watch=watch)
            await self._accepted(lost, handle)

        expected.doubted(welcome)

    async def idle(self) -> None:
        """Wait until no paid call is under way."""
        while self._under_way:
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._idle.append(waiter)
            try:
                await waiter
            finally:
                if waiter in self._idle:
                    self._idle.remove(waiter)


_SENT = WireRequest("POST", "")  # in place of a request that is not sent again
