"""One thread that writes, and many callers whose writes share its commits.

A commit that survives a power cut costs about the same for one step as for a hundred.
So the thread takes all steps that wait, runs them in one transaction, and answers their
callers when it is committed; what comes meanwhile waits for the next one.

Steps that are posted, or awaited without hurry, go with the next commit, which comes
after `delay` seconds at the latest. They need no queue with a bound: whoever reads
waits for all steps before (`settle`), and a step for a row follows an awaited one or a
read of that row. So there are at most as many as callers can make between two of their
awaits.

Invariants:
- A step is answered once: after its commit, or with the error that ended it.
- After an error of the disk nothing more is written: what it left behind is not known.
  Every step of that transaction, and every later one, fails with it.
- A caller who stops waiting changes nothing for the step.
- When the thread ends, the store is closed, and everybody was answered.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

from liangxin_async._errors import JournalError, LiangxinError, fresh
from liangxin_async.bulk._reader import closed

if TYPE_CHECKING:
    from pathlib import Path

    from liangxin_async.bulk._store import Store

_log = logging.getLogger(__name__)

Step: TypeAlias = Callable[["Store"], object]
# Its result is the error, if any: an exception in a future whose waiter was cancelled
# in the same tick would be reported as never retrieved.
Waiter: TypeAlias = asyncio.Future[Exception | None]


@frozen(eq=False)
class _Queued:
    step: Step | None  # None: only wait until what came before is done
    waiter: Waiter | None


Answer: TypeAlias = tuple[Waiter | None, Exception | None]


class Writer:
    """The thread and its queue. Its methods may be called from any event loop."""

    def __init__(self, path: Path, *, delay: float) -> None:
        """Make a writer that has not begun.

        Args:
            path: the journal, for errors.
            delay: seconds that a posted step may wait for company, 0 or more.
        """
        self._path = path
        self._delay = delay
        self._process = os.getpid()
        self._store: Store | None = None
        self._changed = threading.Condition()
        # All below is read and written under the condition.
        self._queue: list[_Queued] = []
        self._hurried = False  # whether a step of the queue must not wait for company
        self._due = 0.0  # monotonic: when the queue is written at the latest
        self._busy = False
        self._stopping = False
        self._ended = False
        self._enders: list[Waiter] = []
        self._failure: JournalError | None = None
        self._told = False  # whether a caller heard of the failure

    async def start(self, open_store: Callable[[], Store]) -> Store:
        """Begin, and return the store when it is open.

        Cancelling stops the thread, which then closes what it has opened.

        Args:
            open_store: makes the store, in the thread. What it raises is raised here.
        """
        opened: Waiter = asyncio.get_running_loop().create_future()
        threading.Thread(
            target=self._work,
            args=(open_store, opened),
            name="liangxin_async journal",
            daemon=True,  # a journal that nobody closed must not hold up the exit
        ).start()
        try:
            error = await opened
        except BaseException:
            self.stop()
            raise
        if error is not None:
            raise error
        assert self._store is not None, "it was opened"
        return self._store

    # -------------------------------------------------------------- callers' side

    async def write(self, step: Step, *, hurry: bool = True) -> None:
        """Run `step`; return when it is committed. Cancelling does not undo it.

        Args:
            step: what to do.
            hurry: whether it is committed as soon as may be; otherwise it waits for
                company, as a posted step does.

        Raises:
            JournalError: the step was refused ("conflict"), or nothing is written any
                more.
        """
        self._demand_parent()
        waiter: Waiter = asyncio.get_running_loop().create_future()
        with self._changed:
            self._put(_Queued(step, waiter), hurry=hurry)
        await self._answer_to(waiter)

    def post(self, step: Step) -> None:
        """Run `step` with the next commit. If it is refused, nothing more is written.

        Raises:
            JournalError: nothing is written any more.
        """
        self._demand_parent()
        with self._changed:
            self._put(_Queued(step, None), hurry=False)

    async def settle(self) -> None:
        """Wait until every step before is committed.

        Raises:
            JournalError: nothing is written any more.
        """
        self._demand_parent()
        with self._changed:
            self._demand_open()
            if not self._queue and not self._busy:
                return
            waiter: Waiter = asyncio.get_running_loop().create_future()
            self._put(_Queued(None, waiter), hurry=True)
        await self._answer_to(waiter)

    def stop(self) -> None:
        """Take nothing more; the thread writes what waits, closes, and ends."""
        if os.getpid() == self._process:
            with self._changed:
                self._stopping = True
                self._changed.notify()

    async def ended(self) -> None:
        """Wait for the thread's end, after `stop`.

        Raises:
            JournalError: something was not written, and nobody was told so far.
        """
        if os.getpid() != self._process:
            return  # thread and journal are the parent's
        waiter: Waiter = asyncio.get_running_loop().create_future()
        with self._changed:
            if self._ended:
                waiter.set_result(None)
            else:
                self._enders.append(waiter)
        await waiter
        if self._failure is not None and not self._told:
            raise self._tell()

    async def _answer_to(self, waiter: Waiter) -> None:
        error = await waiter
        if error is not None:
            self._told = self._told or error is self._failure
            raise fresh(error) if isinstance(error, JournalError) else error

    def _put(self, queued: _Queued, *, hurry: bool) -> None:
        """Queue a step. The condition is held."""
        self._demand_open()
        if not self._queue:
            self._due = time.monotonic() + self._delay
            self._changed.notify()
        if hurry and not self._hurried:
            self._hurried = True
            self._changed.notify()
        self._queue.append(queued)

    def _demand_parent(self) -> None:
        # Before the condition is touched: the fork may have copied it locked.
        if os.getpid() != self._process:
            raise JournalError(
                f"{self._path} was opened before a fork, and only the process that "
                "opened it can use it; open journals after the fork",
                path=str(self._path),
                reason="closed",
            )

    def _demand_open(self) -> None:
        if self._failure is not None:
            raise self._tell()
        if self._stopping:
            raise closed(self._path)

    def _tell(self) -> LiangxinError:
        assert self._failure is not None, "there is something to tell"
        self._told = True
        return fresh(self._failure)

    # --------------------------------------------------------------- thread's side

    def _work(self, open_store: Callable[[], Store], opened: Waiter) -> None:
        try:
            self._store = store = open_store()
        except Exception as exc:  # noqa: BLE001 - raised to whoever opens
            _deliver([(opened, exc)])
            self._end()
            return
        _deliver([(opened, None)])
        while batch := self._take():
            answers = self._commit(store, batch)
            with self._changed:
                self._busy = False
            _deliver(answers)
        try:
            store.close()
        except Exception as exc:  # noqa: BLE001 - raised to whoever closes
            self._break(store.failure(exc))
        self._end()

    def _take(self) -> list[_Queued]:
        """Wait for steps, and for company if none is in a hurry. Empty: the end."""
        with self._changed:
            while not (self._stopping or self._hurried):
                left = self._due - time.monotonic() if self._queue else None
                if left is not None and left <= 0:
                    break
                self._changed.wait(left)
            batch, self._queue = self._queue, []
            self._hurried = False
            self._busy = bool(batch)
            return batch

    def _commit(self, store: Store, batch: list[_Queued]) -> list[Answer]:
        """Run the steps of `batch` in one transaction; say what came of each."""
        if all(queued.step is None for queued in batch):
            return [(queued.waiter, None) for queued in batch]
        try:
            store.begin()
            refusals = [_refusal(queued.step, store) for queued in batch]
            store.commit()
        except Exception as exc:  # noqa: BLE001 - told to every caller
            store.roll_back()
            failure = store.failure(exc)
            failure.__cause__ = None if failure is exc else exc
            self._break(failure)
            return [(queued.waiter, failure) for queued in batch]
        answers: list[Answer] = []
        for queued, refusal in zip(batch, refusals, strict=True):
            if refusal is not None and queued.waiter is None:
                # Nobody would be told, and the run believes what is not so.
                self._break(refusal)
            only_waits = queued.step is None
            answers.append((queued.waiter, self._failure if only_waits else refusal))
        return answers

    def _break(self, failure: JournalError) -> None:
        """Write nothing more: fail what waits, and all that comes."""
        with self._changed:
            self._failure = self._failure or failure
            waiting, self._queue = self._queue, []
            self._hurried = False
        _deliver([(queued.waiter, self._failure) for queued in waiting])

    def _end(self) -> None:
        with self._changed:
            self._stopping = self._ended = True
            waiting, self._enders = self._enders, []
        _deliver([(waiter, None) for waiter in waiting])


def _refusal(step: Step | None, store: Store) -> JournalError | None:
    """Run a step; return why it was refused, if it was. Other errors are raised."""
    try:
        if step is not None:
            step(store)
    except JournalError as exc:
        if exc.reason != "conflict":
            raise
        return exc
    return None


def _deliver(answers: Iterable[Answer]) -> None:
    """Answer callers, each in the event loop that it waits in."""
    by_loop = defaultdict(list)
    for waiter, error in answers:
        if waiter is not None:
            by_loop[waiter.get_loop()].append((waiter, error))
    for loop, some in by_loop.items():
        with suppress(RuntimeError):  # it is closed: nobody is left to hear
            loop.call_soon_threadsafe(_resolve, some)


def _resolve(answers: Iterable[tuple[Waiter, Exception | None]]) -> None:
    for waiter, error in answers:
        if not waiter.done():
            waiter.set_result(error)
        elif error is not None:
            _log.error("a write that nobody waits for any more failed: %s", error)
