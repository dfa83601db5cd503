"""`Batch`: what `Session.map` returns.

A pump, run by the session, pulls requests and submits them; accepted tasks are left to
the poller, so that an open task costs no coroutine. Outcomes wait in `_Work` until
they are taken. `_Work` knows nothing of its `Batch`: when a batch is dropped half-way,
nothing keeps it alive, and it stops its work.

Invariants:
- Pulled and not yet taken is at most what the service has in flight, plus WAITING
  requests without a task (FARTHEST, where one model of several starves), plus the
  outcomes that `_has_room` lets wait.
- Every request that was pulled gives exactly one outcome, unless the batch ends with
  an error that says why the rest was not sent.
- A create that has left this machine gives its outcome, whatever ends the batch.
- Once DEAD or STOPPED, nothing is pulled and no create is begun.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Generator,
    Hashable,
    Iterable,
    Iterator,
)
from enum import Enum
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

import anyio
from attrs import define, field

from liangxin_async._errors import (
    AuthenticationError,
    ConfigurationError,
    InsufficientQuotaError,
    JournalError,
    LiangxinError,
    SessionClosedError,
)
from liangxin_async._naming import name_publicly
from liangxin_async._records import Outcome
from liangxin_async._submit import Recall
from liangxin_async._waiting import wake

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from liangxin_async._handle import TaskHandle
    from liangxin_async._runtime import Runtime
    from liangxin_async._submit import Keeper
    from liangxin_async.models import Request

_log = logging.getLogger(__name__)

STARVING = 8  # waiting requests of a model, below which more are pulled for it
FARTHEST = 1024  # requests pulled ahead at most, where one model starves
WAITING = 64  # requests pulled ahead of their acceptance; fills any gate quickly
_CLOSING_SOURCE = 5.0  # seconds for an async generator of the user's to end
UNTAKEN = 64  # outcomes that may wait before pulling stops

# Nothing that follows could succeed: these end a batch.
_DEAD = (
    AuthenticationError,
    InsufficientQuotaError,
    SessionClosedError,
    ConfigurationError,
    JournalError,
)


class Manner(TypedDict):
    """How a batch goes about it; as in `Session.map`."""

    ordered: bool
    timeout: float | None
    priority: int
    fair_key: NotRequired[str | int | None]
    keeper_of: NotRequired[Callable[[int], Keeper] | None]  # who writes down each step


class Stage(Enum):
    """Where a batch stands; it only moves down this list."""

    PULLING = "pulling"  # requests are pulled and submitted
    ENDING = "ending"  # the source is over or broken: what was pulled is finished
    DEAD = "dead"  # nothing more can succeed: what has left the machine is finished
    STOPPED = "stopped"  # nobody listens any more: as DEAD, and outcomes are dropped


@define(eq=False)
class _Work:
    """The shared state of pump and consumer; see the module."""

    source: Iterable[Request] | AsyncIterable[Request]
    check: Callable[[object], None]
    ordered: bool
    timeout: float | None
    priority: int
    fair_key: Hashable = field(repr=False)
    keeper_of: Callable[[int], Keeper] | None = None
    stage: Stage = Stage.PULLING
    error: BaseException | None = None  # raised to the consumer when all is home
    ready: deque[Outcome] = field(factory=deque)
    held: dict[int, Outcome] = field(factory=dict)  # ordered: come home out of order
    next_index: int = 0
    waiting: Counter[str] = field(factory=Counter)  # pulled, not accepted, by model
    open: int = 0  # accepted, not over
    pumping: bool = True
    pulling: anyio.CancelScope = field(factory=anyio.CancelScope)
    recalls: set[Recall] = field(factory=set)
    timers: dict[int, asyncio.TimerHandle] = field(factory=dict)
    consumers: list[asyncio.Future[None]] = field(factory=list)
    pump_waits: asyncio.Future[None] | None = None

    # ------------------------------------------------------------------------ pump

    async def pump(self, runtime: Runtime) -> None:
        """Pull and submit until the source ends, an error ends it, or `stop`."""
        source: Iterator[Request] | AsyncIterator[Request] | None = None
        try:
            raw = self.source
            source = aiter(raw) if isinstance(raw, AsyncIterable) else iter(raw)
            with self.pulling:
                await self._pull(runtime, source)
        except asyncio.CancelledError as exc:
            if runtime.is_closing:
                self._move(Stage.DEAD, SessionClosedError("the session was closed"))
                raise
            # Not ours: something the source awaits was cancelled.
            self._move(Stage.ENDING, _broken(exc))
        except BaseException as exc:  # noqa: BLE001 - raised to the consumer at the end
            self._move(Stage.ENDING, exc)
        finally:
            try:
                await _close(source)
            except Exception as exc:  # noqa: BLE001 - likewise; logged if nobody listens
                if self.stage is Stage.STOPPED:
                    _log.exception("the iterable of requests broke while it was closed")
                self._move(Stage.ENDING, exc)
            self.pumping = False
            self._wake()

    async def _pull(
        self, runtime: Runtime, source: Iterator[Request] | AsyncIterator[Request]
    ) -> None:
        index = 0
        while await self._room():
            try:
                request = await _next(source)
            except StopAsyncIteration:
                return
            if self.stage is not Stage.PULLING:
                return
            recall, model = Recall(), getattr(request, "model", "")
            runtime.spawn(_Submit(self, runtime, index, request, recall, model))
            self.recalls.add(recall)
            self.waiting[model] += 1
            index += 1

    async def _room(self) -> bool:
        """Wait until another request may be pulled; False when none ever may."""
        while self.stage is Stage.PULLING:
            if self._has_room():
                return True
            self.pump_waits = asyncio.get_running_loop().create_future()
            await self.pump_waits
        return False

    def _has_room(self) -> bool:
        untaken = len(self.ready) + len(self.held)
        # In order, outcomes wait for the slowest of those in flight.
        allowed = max(UNTAKEN, 2 * self.open) if self.ordered else UNTAKEN
        if untaken >= allowed:
            return False
        # A saturated model may fill the places; look further for one that starves.
        starving = len(self.waiting) > 1 and min(self.waiting.values()) < STARVING
        return self.waiting.total() < (FARTHEST if starving else WAITING)

    async def submit(
        self, runtime: Runtime, index: int, request: Request, recall: Recall
    ) -> None:
        """Submit one request; its outcome comes home now or when the task ends."""
        began = runtime.loop.time()
        try:
            with recall.scope:
                self.check(request)
                handle = await runtime.submitter.submit(
                    request,
                    timeout=self.timeout,
                    priority=self.priority,
                    fair_key=self.fair_key,
                    recall=recall,
                    keeper=None if self.keeper_of is None else self.keeper_of(index),
                )
                self._follow(runtime, handle, index, began)
        except _DEAD as exc:
            self._move(Stage.DEAD, exc)
        except LiangxinError as exc:
            self._home(Outcome(index=index, request=request, error=exc))
        except Exception as exc:  # noqa: BLE001 - a request of the user's own making
            self._move(Stage.ENDING, exc)

    def submitted(self, recall: Recall, model: str) -> None:
        """A submit is over, in whatever way."""
        self.recalls.discard(recall)
        self.waiting[model] -= 1
        self._wake()

    def _follow(
        self, runtime: Runtime, handle: TaskHandle, index: int, began: float
    ) -> None:
        self.open += 1
        if self.timeout is not None:
            at = began + self.timeout
            self.timers[index] = runtime.loop.call_at(at, self._late, handle, index)
        handle.when_settled(_Over(self, index))

    def over(self, handle: TaskHandle, index: int) -> None:
        """The task of request `index` was settled."""
        timer = self.timers.pop(index, None)
        if timer is not None:
            timer.cancel()
        elif self.timeout is not None:
            return  # its outcome came home when its time was over
        self.open -= 1
        try:
            result = handle.result_nowait()
        except LiangxinError as exc:
            self._home(_outcome(handle, index, error=exc))
        else:
            self._home(_outcome(handle, index, result=result))

    def _late(self, handle: TaskHandle, index: int) -> None:
        """The time of request `index` is over before its task is."""
        del self.timers[index]
        self.open -= 1
        assert self.timeout is not None, "only a timeout sets a timer"
        error = handle.not_over_after(self.timeout)
        self._home(_outcome(handle, index, error=error))

    def _home(self, outcome: Outcome) -> None:
        if self.ordered:
            self.held[outcome.index] = outcome
            while self.next_index in self.held:
                self.ready.append(self.held.pop(self.next_index))
                self.next_index += 1
        else:
            self.ready.append(outcome)
        self._wake()

    # ------------------------------------------------------------------------- end

    def _move(self, stage: Stage, error: BaseException | None) -> None:
        """Go on to `stage`, unless it is passed; the first error is the one raised."""
        if self.error is None and self.stage is not Stage.STOPPED:
            self.error = error
        order = list(Stage)
        if order.index(stage) > order.index(self.stage):
            self.stage = stage
        self.pulling.cancel()
        if self.stage is not Stage.ENDING:
            for recall in tuple(self.recalls):
                recall.take_back()
        self._wake()

    def move_to_end(self) -> None:
        """Begin nothing new, without an error."""
        self._move(Stage.DEAD, None)

    def stop(self) -> None:
        """Begin nothing new and tell nobody. What has left is finished all the same."""
        self._move(Stage.STOPPED, None)
        self.error = None
        timers, self.timers = self.timers, {}
        for timer in timers.values():
            timer.cancel()

    # -------------------------------------------------------------------- consumer

    def take(self) -> Outcome | None:
        """Return the next outcome, or None when there is none yet."""
        if not self.ready and self._nothing_to_come() and self.held:
            # A batch that ends early has gaps: what is home goes out all the same.
            self.ready.extend(self.held[index] for index in sorted(self.held))
            self.held.clear()
        if not self.ready:
            return None
        outcome = self.ready.popleft()
        self._wake()
        return outcome

    @property
    def is_over(self) -> bool:
        """Whether no further outcome will come."""
        return self._nothing_to_come() and not self.ready and not self.held

    def _nothing_to_come(self) -> bool:
        return not self.pumping and not self.waiting.total() and not self.open

    def _wake(self) -> None:
        if self.pump_waits is not None:
            wake((self.pump_waits,))
        consumers, self.consumers = self.consumers, []
        wake(consumers)


def _broken(cause: BaseException) -> RuntimeError:
    error = RuntimeError(f"the iterable of requests raised {type(cause).__name__}")
    error.__cause__ = cause
    return error


def _outcome(handle: TaskHandle, index: int, **how: Any) -> Outcome:
    assert handle.request is not None, "a batch submits what it follows"
    return Outcome(index=index, request=handle.request, task_id=handle.task_id, **how)


@define(eq=False, weakref_slot=False)
class _Over:
    """What an open task of a batch calls at its end; a closure weighs five times it."""

    work: _Work
    index: int

    def __call__(self, settled: TaskHandle) -> None:
        self.work.over(settled, self.index)


@define(eq=False)
class _Submit:
    """One `submit` as a call without arguments, which is what `spawn` takes."""

    work: _Work
    runtime: Runtime
    index: int
    request: Request
    recall: Recall
    model: str

    async def __call__(self) -> None:
        try:
            await self.work.submit(self.runtime, self.index, self.request, self.recall)
        finally:
            self.work.submitted(self.recall, self.model)


class Batch(AsyncIterator[Outcome]):
    """The outcomes of `Session.map`, as they come (or in order, if so asked).

    `async for outcome in batch` runs it. Leaving the loop early and dropping the batch
    stops submitting; `async with batch:` does so at a definite point. Tasks that were
    accepted go on and stay in `session.pending`.
    """

    def __init__(
        self,
        source: Iterable[Request] | AsyncIterable[Request],
        *,
        use: Callable[[], Runtime],
        check: Callable[[object], None],
        ordered: bool,
        timeout: float | None,
        priority: int,
        fair_key: str | int | None = None,
        keeper_of: Callable[[int], Keeper] | None = None,
    ) -> None:
        self._use = use
        key = object() if fair_key is None else fair_key  # equal to no other batch's
        self._work = _Work(source, check, ordered, timeout, priority, key, keeper_of)
        self._runtime: Runtime | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Outcome:
        """Return the next outcome.

        Raises:
            StopAsyncIteration: all are taken, or the batch was closed.
            AuthenticationError, InsufficientQuotaError: the account is dead.
            SessionClosedError: the session was closed during the batch.
            Exception: whatever the iterable of requests raised.

        Cancelling is safe: no outcome is lost.
        """
        work = self._work
        if self._runtime is None and work.stage is Stage.PULLING:
            self._begin()
        while work.stage is not Stage.STOPPED:
            outcome = work.take()
            if outcome is not None:
                return outcome
            if work.is_over:
                error = work.error
                work.stop()
                if error is not None:
                    raise error
                break
            waiter = asyncio.get_running_loop().create_future()
            work.consumers.append(waiter)
            await waiter
        raise StopAsyncIteration

    def _begin(self) -> None:
        if not isinstance(self._work.source, (Iterable, AsyncIterable)):
            raise ConfigurationError(
                f"requests: got {type(self._work.source).__name__}; allowed: a sync or "
                "async iterable of requests"
            )
        self._runtime = runtime = self._use()
        work = self._work
        runtime.spawn(lambda: work.pump(runtime))

    def finish_nowait(self) -> None:
        """Begin nothing new, and bring home what was begun.

        Nothing more is pulled; what waits for its place is not sent. The outcomes of
        creates that have left come as before, and then the iteration ends.
        """
        self._work.move_to_end()

    async def aclose(self) -> None:
        """Stop pulling and submitting. Accepted tasks go on."""
        self._work.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        runtime = getattr(self, "_runtime", None)
        if (
            runtime is not None
            and not runtime.is_gone
            and self._work.stage is not Stage.STOPPED
        ):
            # Collected perhaps in another thread; the work belongs to its loop.
            runtime.loop.call_soon_threadsafe(self._work.stop)


async def _next(source: Iterator[Request] | AsyncIterator[Request]) -> Request:
    if isinstance(source, AsyncIterator):
        return await anext(source)
    try:
        return next(source)
    except StopIteration:
        raise StopAsyncIteration from None


async def _close(source: object) -> None:
    """Close a generator, so that what it holds is free at a definite time.

    Nobody can go on with it: requests were pulled ahead of those that were sent.
    """
    if isinstance(source, Generator):
        source.close()
    elif isinstance(source, AsyncGenerator):
        with anyio.move_on_after(_CLOSING_SOURCE, shield=True):
            await source.aclose()


name_publicly(Batch)
