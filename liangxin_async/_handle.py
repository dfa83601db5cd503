"""`TaskHandle`: the caller's grip on one task.

A handle owns its outcome: a slot that is written once, by the poller or at closing,
and the wake-up of everybody who waits for it. Every waiter has a future of its own, so
cancelling one touches no other; nobody's failure goes unretrieved, because the slot is
no future.
"""

from __future__ import annotations

import asyncio
import math
import weakref
from collections import deque
from typing import TYPE_CHECKING

import anyio
from attrs import define, field

from liangxin_async._answer import Answer
from liangxin_async._config import check_duration
from liangxin_async._errors import (
    LiangxinError,
    SessionClosedError,
    TaskTimeoutError,
    fresh,
)
from liangxin_async._naming import name_publicly
from liangxin_async._waiting import wake

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator

    from liangxin_async._records import Result, TaskRecord
    from liangxin_async.models import Request


@define(eq=False, weakref_slot=True)
class TaskHandle:
    """A task that the service accepted.

    `await handle` gives its `Result` or raises. Any number of asyncio tasks may wait;
    cancelling one of them ends that wait and nothing else. A handle nobody waits for
    costs nothing and warns about nothing.

    Attributes:
        task_id: the service's id for the task.
        request: what was asked for; None for a task attached by id.
        model: the model, where known.
    """

    task_id: str
    request: Request | None = field(default=None)
    model: str | None = field(default=None)
    # The last status, by which the next answer is judged.
    _seen: TaskRecord | Answer | None = field(default=None, alias="record", repr=False)
    _loop: asyncio.AbstractEventLoop | None = field(default=None, repr=False)
    _outcome: Result | LiangxinError | None = field(default=None, repr=False)
    _waiters: list[asyncio.Future[None]] | None = field(default=None, repr=False)
    # One, which calls those before it: a list weighs 88 bytes per task.
    _callback: Callable[[TaskHandle], None] | None = field(default=None, repr=False)
    _watchers: weakref.WeakSet[_Updates] | None = field(default=None, repr=False)

    @property
    def record(self) -> TaskRecord | None:
        """The last status that was seen, or None before the first."""
        seen = self._seen
        return seen.record if isinstance(seen, Answer) else seen

    @property
    def done(self) -> bool:
        """Whether the outcome is known: a wait would return or raise at once."""
        return self._outcome is not None

    def __await__(self) -> Generator[object, None, Result]:
        return self.wait().__await__()

    async def wait(self, timeout: float | None = None) -> Result:
        """Wait for the task to end.

        Args:
            timeout: seconds to wait, from 0; None waits as long as the session does
                (`Polling.patience`).

        Returns:
            The result.

        Raises:
            TaskFailedError: the service reports a failure.
            EmptyResultError: it succeeded without a usable URL.
            TaskTimeoutError: the time is over. The task goes on, and so does the
                session's polling: wait again, or attach to the id later.
            TaskLostError: the service does not know the id, or does not let us ask.
            SessionClosedError: the session was closed meanwhile; attach to the id.

        Cancelling is safe: it ends this wait only.
        """
        check_duration("timeout", timeout)
        if self.done:
            return self.result_nowait()
        if timeout is None:
            await self.woken(self.new_waiter())
            return self.result_nowait()
        try:
            with anyio.fail_after(timeout):
                await self.woken(self.new_waiter())
        except TimeoutError:
            if not self.done:  # else it ended in the very same step
                raise self.not_over_after(timeout) from None
        return self.result_nowait()

    def result_nowait(self) -> Result:
        """Return the result or raise the task's error, without waiting.

        Raises:
            RuntimeError: the task is not over.
        """
        if self._outcome is None:
            raise RuntimeError(f"task {self.task_id!r} is not over")
        if isinstance(self._outcome, LiangxinError):
            raise fresh(self._outcome)
        return self._outcome

    def updates(self, *, every: float | None = None) -> AsyncIterator[TaskRecord]:
        """Yield the last known record, then each change of state or progress.

        The iteration ends after the record that ends the task. Any number may run at
        the same time, and each sees every change; leaving one early is safe.

        Args:
            every: least seconds from one record to the next, from 0, say for a chat
                message that may be edited only so often. Of the changes in between the
                last one is yielded, in its time. The record that ends the task comes at
                once. None yields each change.

        Raises:
            ConfigurationError: `every` is no duration.
            TaskTimeoutError, TaskLostError, SessionClosedError: while iterating, when
                the task can be followed no further and no ending record was seen.
        """
        check_duration("every", every)
        updates = _Updates(self, every)
        record = self.record
        if record is not None:
            updates.put(record)
        if self._outcome is None:
            if self._watchers is None:
                self._watchers = weakref.WeakSet()
            self._watchers.add(updates)
        return updates

    # ------------------------------------------------------ for the session's parts

    def not_over_after(self, timeout: float) -> TaskTimeoutError:
        """Return the error for a wait of `timeout` seconds that was too short."""
        waited = f"{round(timeout, 3):g} s"
        error = TaskTimeoutError(
            f"task {self.task_id!r} is not over after {waited}; it goes "
            "on, and session.attach(task_id) waits for it again"
            if self.is_known
            else f"after {waited} the service has not shown task {self.task_id!r} yet; "
            "session.attach(task_id) waits for it again",
            task_id=self.task_id,
            record=self.record,
        )
        if not self.is_known:
            error.charged = "unknown"
        return error

    @property
    def is_known(self) -> bool:
        """Whether the service accepted or showed the task: any id can be attached."""
        return self.request is not None or self._seen is not None

    def new_waiter(self) -> asyncio.Future[None]:
        """Return a future of the loop that follows the task.

        Raises:
            SessionClosedError: it is not the running one.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not None and self._loop is not loop:
            raise SessionClosedError(
                f"task {self.task_id!r} was followed in another event loop; "
                "session.attach(task_id) follows it in this one",
                task_id=self.task_id,
            )
        return loop.create_future()

    async def woken(self, waiter: asyncio.Future[None]) -> None:
        """Wait until somebody wakes `waiter`, which settling does.

        Meanwhile the handle holds it, and it the asyncio task that waits: one that
        nothing else refers to, as frameworks begin them, would be collected as garbage.
        """
        waiters = self._waiters = self._waiters or []
        waiters.append(waiter)
        try:
            await waiter
        finally:
            if not self.done:  # settling has taken the list as a whole
                waiters.remove(waiter)

    @property
    def seen(self) -> TaskRecord | Answer | None:
        """What `record` is made of; looking at it reads nothing."""
        return self._seen

    def note(self, answer: Answer, *, changed: bool) -> None:
        """Remember the last answer; tell who follows when it brings a change."""
        self._seen = answer
        watchers = tuple(self._watchers or ())
        if changed:
            for updates in watchers:
                updates.put(answer.record)
        if not watchers and not answer.state.is_terminal:
            answer.let_go()  # nobody has it, and hardly anybody will ask for it

    def settle(self, outcome: Result | LiangxinError) -> bool:
        """Write the outcome; return False if there was one already (it stays)."""
        if self._outcome is not None:
            return False
        self._outcome = outcome
        waiters, self._waiters = self._waiters, None
        wake(waiters or ())
        for updates in tuple(self._watchers or ()):
            updates.end()
        callback, self._callback = self._callback, None
        if callback is not None:
            callback(self)
        return True

    def when_settled(self, callback: Callable[[TaskHandle], None]) -> None:
        """Call `callback` once, in the step that settles; at once if it is settled."""
        if self._outcome is not None:
            callback(self)
        elif self._callback is None:
            self._callback = callback
        else:
            self._callback = _both(self._callback, callback)


def _both(
    first: Callable[[TaskHandle], None], second: Callable[[TaskHandle], None]
) -> Callable[[TaskHandle], None]:
    """Return what calls the two, one after the other."""

    def call(handle: TaskHandle) -> None:
        first(handle)
        second(handle)

    return call


class _Updates:
    """One iteration over a task's changes; unread ones are kept, or the last of them
    where they come too fast to be yielded."""

    def __init__(self, handle: TaskHandle, every: float | None) -> None:
        self._handle = handle
        self._every = every
        self._not_before = -math.inf  # on the loop's clock; the end does not heed it
        self._unread: deque[TaskRecord] = deque(maxlen=None if every is None else 1)
        self._waiters: list[asyncio.Future[None]] = []
        self._last: TaskRecord | None = None

    def put(self, record: TaskRecord) -> None:
        self._unread.append(record)
        self.end()

    def end(self) -> None:
        waiters, self._waiters = self._waiters, []
        wake(waiters)

    def __aiter__(self) -> _Updates:
        return self

    async def __anext__(self) -> TaskRecord:
        while not self._unread or self._is_early():
            if self._handle.done and not self._unread:
                if self._last is None or not self._last.state.is_terminal:
                    self._handle.result_nowait()
                raise StopAsyncIteration
            await self._news()
        if self._every is not None:
            self._not_before = anyio.current_time() + self._every
        self._last = self._unread.popleft()
        return self._last

    def _is_early(self) -> bool:
        """Whether what is unread may not be yielded yet."""
        if self._handle.done or self._unread[-1].state.is_terminal:
            return False
        return anyio.current_time() < self._not_before

    async def _news(self) -> None:
        """Wait until something is there to be read, or until what is may be."""
        waiter = self._handle.new_waiter()
        self._waiters.append(waiter)
        timer = None
        if self._unread:
            timer = waiter.get_loop().call_at(self._not_before, self.end)
        try:
            await self._handle.woken(waiter)
        finally:
            if timer is not None:
                timer.cancel()


name_publicly(TaskHandle)
