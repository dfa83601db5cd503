"""`run`: a set of requests from the first create to the last file, through crashes.

The journal has a row before each create and the task id right after, so that a second
run of the same command knows what was paid for. What the rows mean is `_decide`'s; how
creates, polls and downloads are made is the session's.

    outstanding rows ──attach──┐
                               ├──> saving queue ──> savers ──> items
    input ──creates (Batch)────┘        (by remaining lifetime)

Each arrow is bounded: an item that nobody takes stops the savers, a full saving queue
stops the outcomes, and outcomes that wait stop the pulling of input.

Invariants:
- No create is sent without its row; a journal that broke ends all creates.
- Every request of the input gives exactly one item in a run that comes to its end.
- What was begun when an end is asked for (`finish_nowait`, a dead account, a full disk)
  is brought home first.
- A create whose answer was lost is in doubt, unless a callback names its task before
  the run is over. Only a session with a receiver has such a hope.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import anyio
from attrs import evolve

from liangxin_async._core.lifecycle import conclude
from liangxin_async._errors import (
    EmptyResultError,
    InvalidRequestError,
    JournalError,
    LiangxinError,
    SubmitUnknownError,
)
from liangxin_async._records import Result, TaskRecord
from liangxin_async.bulk._decide import Choices, state_after
from liangxin_async.bulk._entry import BadLine, Entry
from liangxin_async.bulk._item import Item
from liangxin_async.bulk._manifest import NAME as MANIFEST
from liangxin_async.bulk._manifest import write_manifest
from liangxin_async.bulk._row import OUTSTANDING, Row, RowState, Sample
from liangxin_async.bulk._saving import SAVERS, Savers
from liangxin_async.bulk._sorting import Sorter
from liangxin_async.bulk._sqlite import open_journal

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from anyio.abc import TaskGroup

    from liangxin_async._batch import Batch
    from liangxin_async._session import Session
    from liangxin_async.bulk._destination import Destination
    from liangxin_async.bulk._journal import Journal

_log = logging.getLogger(__name__)

_UNTAKEN = 64  # items that may wait to be taken
JOURNAL = "journal.sqlite"
_ATTACHED = 512  # outstanding tasks followed at once
_SAMPLED = 1.0  # seconds between two samples
_LAST_HOPE = 30.0  # seconds for callbacks of lost creates when all else has come home


class BulkRun(AsyncIterator[Item | BadLine]):
    """The items of `run`, as they come. It is run by `async for`, and `async with`
    ends it at a definite point; it can be iterated once."""

    def __init__(
        self,
        entries: AsyncIterator[Entry | BadLine],
        destination: Destination,
        *,
        session: Session,
        journal: Journal | None,
        choices: Choices,
        at_once: int,
        limit: int | None,
        collect: bool,
        timeout: float | None,
        priority: int,
    ) -> None:
        self._entries = entries
        self._destination = destination
        self._folder = destination.folder
        self._session = session
        self._brought = journal
        self._at_once = at_once
        self._choices = choices
        self._limit = limit
        self._collect_only = collect
        self._timeout = timeout
        self._priority = priority
        self._unwritten: list[str] = []  # accepted ids that no journal holds
        self._batch: Batch | None = None
        self._finishing = False
        self._error: BaseException | None = None
        self._main: asyncio.Task[None] | None = None
        self._scope = anyio.CancelScope()
        self._looking = asyncio.Semaphore(destination.at_once)
        self._done = 0
        self._hopes: set[anyio.CancelScope] = set()

    # ------------------------------------------------------------------ consuming

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item | BadLine:
        """Return the next item.

        Raises:
            StopAsyncIteration: the run is over.
            AuthenticationError, InsufficientQuotaError: the account is dead.
            JournalError: the journal cannot be written.
            DownloadError: the disk takes no more (reason "disk").
            StoreError: the object store takes no more.
            Exception: whatever the requests themselves raised.

        An error comes after what was begun has come home. Cancelling is safe.
        """
        if self._main is None:
            self._begin()
        item = await self._items.get()
        if item is not None:
            return item
        self._items.put_nowait(None)  # for whoever asks again
        error, self._error = self._error, None
        if error is not None:
            raise error
        raise StopAsyncIteration

    def _begin(self) -> None:
        self._items: asyncio.Queue[Item | BadLine | None] = asyncio.Queue(_UNTAKEN)
        self._main = asyncio.create_task(self._run(), name="liangxin_async bulk")

    @property
    def unwritten(self) -> tuple[str, ...]:
        """Tasks that were accepted and that the journal, which broke, does not hold."""
        return tuple(self._unwritten)

    def finish_nowait(self) -> None:
        """Begin nothing new; bring home and save what was begun, then end."""
        self._finishing = True
        self._end_hopes(0.0)
        if self._batch is not None:
            self._batch.finish_nowait()

    async def aclose(self) -> None:
        """End at once: only creates under way are waited for, so that their task ids
        are written down (`Timeouts.close`). Run again to go on."""
        self._finishing = True
        if self._batch is not None:
            await self._batch.aclose()
        self._scope.cancel()
        if self._main is not None:
            await asyncio.wait((self._main,))
            while not self._items.empty():
                self._items.get_nowait()
            self._items.put_nowait(None)  # for whoever waits, or asks later

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    # ---------------------------------------------------------------- the whole run

    async def _run(self) -> None:
        with self._scope:
            try:
                own = self._folder / JOURNAL if self._brought is None else None
                await self._destination.open(own)
                with anyio.CancelScope(shield=True):  # what is opened gets closed
                    await self._open()
                try:
                    await self._work()
                    await self._write_manifest()
                finally:
                    with anyio.CancelScope(shield=True):
                        await self._close()
            except Exception as exc:  # noqa: BLE001 - raised to the consumer
                self._fail(_only(exc))
            await self._items.put(None)

    async def _open(self) -> None:
        if self._brought is not None:
            self._journal = self._brought
        else:
            self._journal = await open_journal(self._folder / JOURNAL)
        self._savers = Savers(
            self._session, self._destination, self._journal, self._tell, self._fail
        )
        self._sorter = Sorter(
            entries=self._entries,
            journal=self._journal,
            choices=self._choices,
            limit=self._limit,
            at_once=self._at_once,
            broke=self._broke,
            tell=self._tell_again,
            tell_bad=self._items.put,
        )

    async def _write_manifest(self) -> None:
        try:
            path = await write_manifest(self._folder, self._journal)
        except OSError as exc:
            path = self._folder / MANIFEST
            raise JournalError(
                f"{path} cannot be written: {exc.strerror}; pictures and journal are "
                "there all the same",
                path=str(path),
                reason="disk",
            ) from exc
        await self._destination.publish(path)

    async def _close(self) -> None:
        await self._session._creates_told()
        if self._brought is None:
            await self._journal.aclose()

    async def _work(self) -> None:
        async with anyio.create_task_group() as helpers:
            helpers.start_soon(self._sample)
            for _ in range(SAVERS):
                helpers.start_soon(self._savers.work)
            async with anyio.create_task_group() as outstanding:
                self._outstanding = outstanding
                try:
                    await self._collect(outstanding)
                    await self._create(outstanding)
                except Exception as exc:  # noqa: BLE001 - what is paid for comes home
                    self._fail(exc)
            await self._savers.idle()
            helpers.cancel_scope.cancel()
        self._take_sample()

    def _fail(self, error: BaseException) -> None:
        """Keep the first error for the consumer, and begin nothing new."""
        if self._error is None:
            self._error = error
        self.finish_nowait()

    def _broke(self, error: JournalError, task_id: str | None) -> None:
        """The journal takes nothing more; `task_id` is known to nobody else."""
        if task_id is not None:
            self._unwritten.append(task_id)
            _log.error("task %r was accepted and could not be written down", task_id)
        self._fail(error)

    async def _sample(self) -> None:
        while True:
            self._take_sample()
            await anyio.sleep(_SAMPLED)

    def _take_sample(self) -> None:
        stats = self._session.stats
        sample = Sample(
            at=time.time(),
            in_flight=stats.in_flight,
            limit=sum(stats.limits.values()),
            refused=stats.saturated,
            done=self._done,
        )
        try:
            self._journal.sample_nowait(sample)
        except JournalError as exc:
            self._fail(exc)

    # ------------------------------------------------------------ what is outstanding

    async def _collect(self, group: TaskGroup) -> None:
        """Follow what earlier runs paid for. Returns when all of it is followed."""
        places = asyncio.Semaphore(_ATTACHED)
        async for row in self._journal.rows(OUTSTANDING):
            if self._finishing:
                return
            self._sorter.outstanding.add(row.key)
            if row.state is RowState.ACCEPTED:
                await places.acquire()
                group.start_soon(self._follow, row, places)
            else:
                await self._save_later(row, self._result_of(row), earlier=True)

    async def _follow(self, row: Row, places: asyncio.Semaphore) -> None:
        assert row.task_id is not None, "an accepted row has its task id"
        try:
            handle = self._session.attach(row.task_id, model=row.model)
            result = await handle.wait(self._timeout)
        except LiangxinError as exc:
            await self._came_home(row, row.task_id, None, exc)
        else:
            await self._came_home(row, row.task_id, result, None)
        finally:
            places.release()

    def _result_of(self, row: Row) -> Result | None:
        if row.record is None:
            return None
        try:
            record = TaskRecord.from_dict(row.record)
        except InvalidRequestError:
            return None
        expires = self._session._dialect.expires_at(record)
        result = conclude(record, row.model, expires)
        return result if isinstance(result, Result) else None

    # ---------------------------------------------------------------------- creating

    async def _create(self, group: TaskGroup) -> None:
        if self._collect_only or self._finishing:
            return
        self._batch = batch = self._session._batch(
            self._sorter.requests(),
            ordered=False,
            timeout=self._timeout,
            priority=self._priority,
            keeper_of=self._sorter.keeper_of,
        )
        async with batch:
            async for outcome in batch:
                error = outcome.error
                if isinstance(error, SubmitUnknownError) and error.rescue is not None:
                    self._hopes.add(scope := anyio.CancelScope())
                    group.start_soon(self._hope, outcome.index, error, scope)
                    continue
                keeper = self._sorter.came_home(outcome.index)
                await self._came_home(
                    keeper.row, outcome.task_id, outcome.result, outcome.error
                )
        self._end_hopes(_LAST_HOPE)

    async def _hope(
        self, index: int, doubt: SubmitUnknownError, scope: anyio.CancelScope
    ) -> None:
        """Bring home a lost create if a callback names its task, and else the doubt."""
        assert doubt.rescue is not None, "without it there is no hope"
        handle, result = None, None
        error: LiangxinError | None = doubt
        try:
            with scope:
                handle = await doubt.rescue(math.inf)
            if handle is not None:
                result, error = await handle.wait(self._timeout), None
        except LiangxinError as exc:
            error = exc
        finally:
            self._hopes.discard(scope)
        task_id = None if handle is None else handle.task_id
        row = self._sorter.came_home(index).row
        await self._came_home(row, task_id, result, error)

    def _end_hopes(self, seconds: float) -> None:
        """Let go of the lost creates that no callback has named by then."""
        until = anyio.current_time() + (0.0 if self._finishing else seconds)
        for scope in self._hopes:
            scope.deadline = min(scope.deadline, until)

    async def _tell_again(self, row: Row) -> None:
        """Tell of a row that an earlier run brought to its end."""
        if row.state is not RowState.SAVED:
            await self._tell(Item(row=row, earlier=True))
            return
        await self._looking.acquire()
        self._outstanding.start_soon(self._look_for, row)

    async def _look_for(self, row: Row) -> None:
        """Tell of a saved row whose files are there; have them saved again if not."""
        try:
            if await self._destination.are_there(row.files):
                item = Item(row=row, earlier=True)
                await self._tell(self._destination.located(item))
                return
            self._journal.unsaved_nowait(row.key)
        except LiangxinError as exc:
            self._fail(exc)
            await self._tell(Item(row=row, error=exc, earlier=True))
            return
        finally:
            self._looking.release()
        fresh = evolve(row, state=RowState.SUCCEEDED, files=())
        await self._save_later(fresh, self._result_of(fresh), earlier=False)

    # ------------------------------------------------------------------ coming home

    async def _came_home(
        self,
        row: Row,
        task_id: str | None,
        result: Result | None,
        error: LiangxinError | None,
    ) -> None:
        now = time.time()
        try:
            if result is not None:
                record = result.record.to_dict()
                await self._journal.succeeded(row.key, record, now)
                row = evolve(row, state=RowState.SUCCEEDED, record=record, ended_at=now)
                await self._save_later(row, result, earlier=False)
                return
            assert error is not None, "an outcome has a result or an error"
            if state_after(error, task_id) is RowState.FAILED:
                row = await self._put_down(row, error, now)
        except JournalError as exc:
            self._fail(exc)
            error = error or exc
        await self._tell(Item(row=row, error=error))

    async def _put_down(self, row: Row, error: LiangxinError, now: float) -> Row:
        """Write down that a request is over without a result; return its row."""
        words, kind = str(error), type(error).__name__
        record = getattr(error, "record", None)
        plain = record.to_dict() if isinstance(record, TaskRecord) else None
        await self._journal.failed(row, words, kind, plain, now)
        return evolve(
            row,
            state=RowState.FAILED,
            error=words,
            error_type=kind,
            record=row.record if plain is None else plain,
            ended_at=now,
        )

    async def _save_later(
        self, row: Row, result: Result | None, *, earlier: bool
    ) -> None:
        if result is None:
            await self._tell(Item(row=row, error=_unreadable(row), earlier=earlier))
        else:
            await self._savers.put(row, result, earlier=earlier)

    async def _tell(self, item: Item) -> None:
        self._done += not item.earlier
        await self._items.put(item)


def _unreadable(row: Row) -> EmptyResultError:
    return EmptyResultError(
        f"the journal holds no readable result for {row.key!r}; "
        "session.attach(task_id) asks for it again",
        task_id=row.task_id or "",
        record=None,
    )


def _only(exc: BaseException) -> BaseException:
    """Unwrap a group of one error, so that it stays what it is."""
    while isinstance(exc, BaseExceptionGroup) and len(exc.exceptions) == 1:
        exc = exc.exceptions[0]
    return exc
