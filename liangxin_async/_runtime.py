"""What a session is while it is open: its parts, bound to one event loop.

One asyncio task, of which the session is the owner, holds the task group with the
poller's workers and every paid call. So opening and closing need not happen in the
same task, and when the loop itself is torn down (`asyncio.run` cancels what is left)
the same code closes everything.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from contextvars import Context, copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from attrs import define, field

from liangxin_async._answer import Answer
from liangxin_async._callbacks import Callbacks
from liangxin_async._download import Downloader
from liangxin_async._errors import (
    ConfigurationError,
    SessionClosedError,
    TransportError,
)
from liangxin_async._events import SessionClosed
from liangxin_async._gate import Gate
from liangxin_async._poll_told import PollTeller
from liangxin_async._poller import Poller
from liangxin_async._records import Stats
from liangxin_async._submit import Submitter
from liangxin_async._submit_told import SubmitTeller
from liangxin_async._telling import Teller

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from anyio.abc import TaskGroup

    from liangxin_async._callbacks import CallbackPaths
    from liangxin_async._config import Polling, Timeouts
    from liangxin_async._events import Observer
    from liangxin_async._handle import TaskHandle
    from liangxin_async._records import TaskRecord
    from liangxin_async._transport import Transport
    from liangxin_async.dialects import CallbackNote, Dialect, WireReply, WireRequest

_log = logging.getLogger(__name__)

_WORKER_PAUSE = 1.0  # seconds
_CLOSING_CONNECTIONS = 5.0  # seconds; beyond this a connection is left to the system


@define(eq=False, weakref_slot=True)
class Runtime:
    """The open state of one session, in one event loop and one process."""

    loop: asyncio.AbstractEventLoop
    dialect: Dialect
    transport: Transport
    downloader: Downloader
    gate: Gate
    poller: Poller
    callbacks: Callbacks | None = field(init=False, default=None)
    submitter: Submitter = field(init=False)
    _timeouts: Timeouts
    _teller: Teller
    _pid: int = field(factory=os.getpid)
    _group: TaskGroup | None = None
    _unfinished: set[Coroutine[Any, Any, None]] = field(factory=set)
    _early: list[tuple[Context, Callable[[], Coroutine[Any, Any, None]]]] = field(
        factory=list
    )
    _stop: asyncio.Event = field(factory=asyncio.Event)
    _closed: bool = False
    _ending: bool = False
    _main: asyncio.Task[None] | None = None

    @property
    def is_gone(self) -> bool:
        """Whether this runtime can never be used again: closed, or its loop is."""
        return self._closed or self.loop.is_closed()

    @property
    def is_closing(self) -> bool:
        """Whether the end has begun: closed, closing, or its loop is torn down."""
        return self._closed or self._stop.is_set() or self._ending

    def check_usable_here(self) -> None:
        """Raise ConfigurationError unless this is its process and its running loop."""
        if os.getpid() != self._pid:
            raise ConfigurationError(
                "the session was opened before this process was forked; make a session "
                "of its own in each process"
            )
        if asyncio.get_running_loop() is not self.loop:
            raise ConfigurationError(
                "the session is open in another event loop, which still exists; close "
                "it there, or make a session for each loop"
            )

    def spawn(self, call: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start `call` in a task that the session owns.

        Raises:
            SessionClosedError: closing has come too far for that.
        """
        if self._closed:
            raise SessionClosedError("the session is closed")
        if self._group is None:  # opened in this very step: the group comes next
            self._early.append((copy_context(), call))
        else:
            self._start(self._group, call)

    def _start(
        self, group: TaskGroup, call: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        async def tracked() -> None:
            try:
                await call()
            except Exception:  # noqa: BLE001 - one broken part must not end the session
                _log.exception("a part of the session broke")
            finally:
                self._unfinished.discard(coroutine)

        coroutine = tracked()
        self._unfinished.add(coroutine)
        group.start_soon(lambda: coroutine)

    async def query(self, task_id: str) -> TaskRecord:
        """Ask once about a task."""
        reply = await self.ask(self.dialect.write_query(task_id))
        return self.dialect.read_query(reply, task_id)

    async def look(self, task_id: str) -> Answer:
        """Ask once about an open task, for the poller."""
        reply = await self.ask(self.dialect.write_query(task_id))
        handle = self.poller.find(task_id)
        seen = None if handle is None else handle.seen
        if isinstance(seen, Answer) and seen.is_repeated_by(reply):
            return seen
        return Answer.read(reply, task_id, self.dialect)

    async def ask(self, request: WireRequest) -> WireReply:
        """Make a call that costs nothing, once."""
        try:
            return await self.transport.query(request)
        except TransportError:
            if self._closed:
                raise SessionClosedError("the session was closed") from None
            raise

    def called_back(self, key: str, note: CallbackNote | None) -> None:
        """A callback came for request `key`; None is one that cannot be genuine.

        May be called in any thread. Without effect when closing has begun.
        """
        callbacks = self.callbacks
        if callbacks is None or self.is_closing:
            return
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        take = partial(callbacks.take, key, note) if note else callbacks.forged
        if here is self.loop:
            take()
            return
        with suppress(RuntimeError):  # the loop was closed in this very moment
            self.loop.call_soon_threadsafe(take)

    async def drain(self, timeout: float | None) -> tuple[TaskHandle, ...]:
        """See `Session.drain`."""
        self.check_usable_here()
        with anyio.move_on_after(timeout):
            while self.submitter.under_way or self.poller.pending:
                await self.submitter.idle()
                await self.poller.settled_all()
        return self.poller.pending

    def stats(self) -> Stats:
        """Return the counts of this moment."""
        return Stats(
            in_flight=self.gate.in_flight,
            waiting=self.gate.waiting,
            limits=self.gate.limits(),
            accepted=self.submitter.accepted,
            saturated=self.submitter.saturated,
            polls=self.poller.polls,
            settled=self.poller.settled,
            failed=self.poller.failed,
            callback_hits=self.poller.trust.hits,
            callback_misses=self.poller.trust.misses,
            callback_forgeries=self.poller.trust.forgeries,
        )

    def start(self, workers: int) -> None:
        """Begin to work, in a task of its own."""
        self.transport.open_nowait()
        _log.info("opened for %s with %d workers", self.dialect.name, workers)
        # A context of its own: the poller serves everybody, and must not belong to the
        # trace, or the request, of whoever happens to open the session.
        self._main = self.loop.create_task(
            self._run(workers), name="liangxin_async session", context=Context()
        )

    async def _run(self, workers: int) -> None:
        why = "the event loop was shut down"
        try:
            async with anyio.create_task_group() as group:
                self._group = group
                for _ in range(workers):
                    self._start(group, self._keep_polling)
                for context, call in self._early:
                    context.run(self._start, group, call)
                try:
                    await self._stop.wait()
                finally:
                    self._ending = True
                why = "the session was closed"
                self._refuse_new(why)
                with anyio.move_on_after(self._timeouts.close):
                    await self.submitter.idle()
                group.cancel_scope.cancel()
        except Exception:  # noqa: BLE001 - logged, and every waiter is told below
            why = "the session broke; see the log of liangxin_async"
            _log.exception("a session ended because of an error of its own")
        finally:
            self._closed = True
            self._refuse_new(why)
            self.poller.close(why)
            if self.callbacks is not None:
                self.callbacks.close()
            for coroutine in self._unfinished:
                coroutine.close()  # cancelled with its loop before its first step
            with anyio.move_on_after(_CLOSING_CONNECTIONS, shield=True):
                await self.transport.aclose()
                await self.downloader.aclose()
            self._tell_closed(why)

    def _tell_closed(self, why: str) -> None:
        _log.info("closed: %s", why)
        if self._teller.listening:
            self._teller.tell(SessionClosed(at=self.loop.time()))

    async def _keep_polling(self) -> None:
        while True:
            try:
                await self.poller.work()
            except Exception:  # noqa: BLE001 - a worker that stays away starves the rest
                _log.exception("a worker of the poller broke; it goes on")
                await anyio.sleep(_WORKER_PAUSE)  # a fault at once must not spin

    def _refuse_new(self, why: str) -> None:
        self.gate.close(SessionClosedError(why))

    def stop_nowait(self) -> None:
        """Ask for the end, without waiting. Only from the runtime's own loop."""
        self._stop.set()

    async def aclose(self) -> None:
        """End everything and wait for it; cancelling only ends the waiting."""
        if self.loop.is_closed() or self._main is None:
            return
        self.check_usable_here()
        self._stop.set()
        await asyncio.wait((self._main,))


def make_runtime(
    *,
    dialect: Dialect,
    transport: Transport,
    downloader: Downloader,
    polling: Polling,
    timeouts: Timeouts,
    observer: Observer | Sequence[Observer] | None,
    max_in_flight: int | None,
    paths: CallbackPaths | None,
) -> Runtime:
    """Return a started runtime in the running loop."""
    loop = asyncio.get_running_loop()
    teller = Teller(observer)

    async def look(task_id: str) -> Answer:
        return await runtime.look(task_id)

    gate = Gate(loop, max_in_flight)

    async def ask(task_id: str) -> TaskRecord:
        return await runtime.query(task_id)

    told = PollTeller(loop, teller)
    poller = Poller(loop, look, dialect.expires_at, polling, told)
    runtime = Runtime(
        loop, dialect, transport, downloader, gate, poller, timeouts, teller
    )
    if paths is not None:
        runtime.callbacks = Callbacks(loop, paths, poller, teller, ask, runtime.spawn)
    runtime.submitter = Submitter(
        loop,
        dialect,
        transport,
        gate,
        poller,
        SubmitTeller(loop, teller),
        runtime.callbacks,
        runtime.spawn,
    )
    runtime.start(polling.workers)
    return runtime
