"""The work behind `run`: from the input and the journal to items.

    outstanding rows ──attach──┐
                               ├──> saving queue ──> savers ──> ends ──> items
    input ──creates (Batch)────┘        (by remaining lifetime)

Each arrow is bounded: an item that nobody takes stops the ends and the savers, a full
saving queue stops the outcomes, and outcomes that wait stop the pulling of input.

Invariants:
- No create is sent without its row; a journal that broke ends all creates.
- What is told of a request is durable before it is told.
- Every request of the input gives exactly one item in a run that comes to its end.
- What was begun when an end is asked for (`finish_nowait`, a dead account, an outage, a
  full disk) is brought home first.
- A create whose answer was lost is in doubt, unless a callback names its task before
  the run is over. Only a session with a receiver has such a hope.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from functools import partial
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread
from attrs import define, evolve, field

from liangxin_async._core.lifecycle import conclude
from liangxin_async._errors import (
    ConnectError,
    EmptyResultError,
    InvalidRequestError,
    JournalError,
    LiangxinError,
    SubmitUnknownError,
)
from liangxin_async._partfile import sweep_parts
from liangxin_async._records import Result, TaskRecord
from liangxin_async.bulk._decide import death_of, state_after
from liangxin_async.bulk._ends import Ends
from liangxin_async.bulk._item import Item
from liangxin_async.bulk._manifest import NAME as MANIFEST
from liangxin_async.bulk._manifest import write_manifest
from liangxin_async.bulk._outage import Outage, outage_error
from liangxin_async.bulk._row import OUTSTANDING, Row, RowState, Sample, kept_of
from liangxin_async.bulk._saving import SAVERS, Savers
from liangxin_async.bulk._service import demand_service, service_of
from liangxin_async.bulk._sorting import Sorter
from liangxin_async.bulk._sqlite import open_journal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from anyio.abc import TaskGroup

    from liangxin_async._batch import Batch
    from liangxin_async._session import Session
    from liangxin_async.bulk._decide import Choices
    from liangxin_async.bulk._destination import Destination
    from liangxin_async.bulk._entry import BadLine, Entry
    from liangxin_async.bulk._journal import Journal

_log = logging.getLogger(__name__)

UNTAKEN = 64  # items that may wait to be taken
JOURNAL = "journal.sqlite"
_ATTACHED = 512  # outstanding tasks followed at once
_SAMPLED = 1.0  # seconds between two samples
_LAST_HOPE = 30.0  # seconds for callbacks of lost creates when all else has come home


@define(eq=False, kw_only=True)
class Work:
    """See the module. Lives in one event loop; `_door.run` says what is asked for.

    Attributes:
        items: what there is to take; None behind the last.
        error: what ended the run, or None. Whoever raises it takes it away.
        unwritten: accepted ids that no journal holds.
    """

    entries: AsyncIterator[Entry | BadLine]
    destination: Destination
    session: Session
    brought: Journal | None
    choices: Choices
    at_once: int
    limit: int | None
    collect: bool
    timeout: float | None
    priority: int
    items: asyncio.Queue[Item | BadLine | None] = field(
        factory=lambda: asyncio.Queue(UNTAKEN)
    )
    error: BaseException | None = None
    unwritten: list[str] = field(factory=list)
    finishing: bool = False
    scope: anyio.CancelScope = field(factory=anyio.CancelScope)
    batch: Batch | None = None
    _done: int = 0
    _journal: Journal = field(init=False)
    _sorter: Sorter = field(init=False)
    _savers: Savers = field(init=False)
    _ends: Ends = field(init=False)
    _outstanding: TaskGroup = field(init=False)
    _looking: asyncio.Semaphore = field(init=False)
    _hopes: set[anyio.CancelScope] = field(factory=set)
    _outage: Outage = field(factory=Outage)

    def __attrs_post_init__(self) -> None:
        self._looking = asyncio.Semaphore(self.destination.at_once)

    @property
    def folder(self) -> Path:
        """Where the run works, whatever its destination."""
        return self.destination.folder

    def finish_nowait(self) -> None:
        """Begin nothing new."""
        self.finishing = True
        self._end_hopes(0.0)
        if self.batch is not None:
            self.batch.finish_nowait()

    def stop_nowait(self) -> None:
        """Begin nothing new, and leave what was begun for the next run."""
        self.finish_nowait()
        self.scope.cancel()

    # ---------------------------------------------------------------- the whole run

    async def run(self) -> None:
        """Do all of it. Raises nothing: what went wrong stands in `error`."""
        with self.scope:
            try:
                own = self.folder / JOURNAL if self.brought is None else None
                await self.destination.open(own)
                with anyio.CancelScope(shield=True):  # what is opened gets closed
                    await self._open()
                try:
                    service = service_of(self.session)
                    await demand_service(self._journal, service, self.folder)
                    await self._work()
                    await self._write_manifest()
                finally:
                    with anyio.CancelScope(shield=True):
                        await self._close()
            except Exception as exc:  # noqa: BLE001 - raised to the consumer
                self._fail(_only(exc))
            await self.items.put(None)

    async def _open(self) -> None:
        if self.brought is not None:
            self._journal = self.brought
        else:
            self._journal = await open_journal(self.folder / JOURNAL)
            # Ours alone now; nobody takes up what a killed run had half fetched.
            await to_thread.run_sync(sweep_parts, self.folder)
        self._sorter = Sorter(
            entries=self.entries,
            journal=self._journal,
            choices=self.choices,
            limit=self.limit,
            at_once=self.at_once,
            broke=self._broke,
            tell=self._tell_again,
            tell_bad=self.items.put,
        )

    async def _write_manifest(self) -> None:
        try:
            path = await write_manifest(self.folder, self._journal)
        except OSError as exc:
            path = self.folder / MANIFEST
            raise JournalError(
                f"{path} cannot be written: {exc.strerror}; pictures and journal are "
                "there all the same",
                path=str(path),
                reason="disk",
            ) from exc
        await self.destination.publish(path)

    async def _close(self) -> None:
        try:
            await self.session._creates_told()
        finally:  # also where the loop is torn down, and cancels every task
            if self.brought is None:
                await self._journal.aclose()

    async def _work(self) -> None:
        async with anyio.create_task_group() as ends:
            self._ends = Ends(ends, self._tell)
            self._savers = Savers(
                self.session, self.destination, self._journal, self._ends, self._fail
            )
            async with anyio.create_task_group() as helpers:
                helpers.start_soon(self._sample)
                for _ in range(SAVERS):
                    helpers.start_soon(self._savers.work)
                await self._make()
                await self._savers.idle()
                helpers.cancel_scope.cancel()
        self._take_sample()

    async def _make(self) -> None:
        """Bring everything home, to the savers or to its end."""
        async with anyio.create_task_group() as outstanding:
            self._outstanding = outstanding
            try:
                await self._collect()
                await self._create()
            except Exception as exc:  # noqa: BLE001 - what is paid for comes home
                self._fail(exc)

    def _fail(self, error: BaseException) -> None:
        """Keep the first error for the consumer, and begin nothing new."""
        if self.error is None:
            self.error = error
        self.finish_nowait()

    def _broke(self, error: JournalError, task_id: str | None) -> None:
        """The journal takes nothing more; `task_id` is known to nobody else."""
        if task_id is not None:
            self.unwritten.append(task_id)
            _log.error("task %r was accepted and could not be written down", task_id)
        self._fail(error)

    async def _sample(self) -> None:
        while True:
            self._take_sample()
            await anyio.sleep(_SAMPLED)

    def _take_sample(self) -> None:
        stats = self.session.stats
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

    async def _collect(self) -> None:
        """Follow what earlier runs paid for. Returns when all of it is followed."""
        places = asyncio.Semaphore(_ATTACHED)
        async for row in self._journal.rows(OUTSTANDING):
            if self.finishing:
                return
            self._sorter.outstanding.add(row.key)
            if row.state is RowState.ACCEPTED:
                await places.acquire()
                self._outstanding.start_soon(self._follow, row, places)
            else:
                await self._save_later(row, self._result_of(row), earlier=True)

    async def _follow(self, row: Row, places: asyncio.Semaphore) -> None:
        assert row.task_id is not None, "an accepted row has its task id"
        try:
            handle = self.session.attach(row.task_id, model=row.model)
            result = await handle.wait(self.timeout)
        except LiangxinError as exc:
            await self._came_home(row, row.task_id, None, exc)
        else:  # its files may be there: the row of a success is not waited for
            await self._came_home(row, row.task_id, result, None, earlier=True)
        finally:
            places.release()

    def _result_of(self, row: Row) -> Result | None:
        if row.record is None:
            return None
        try:
            record = TaskRecord.from_dict(row.record)
        except InvalidRequestError:
            return None
        expires = self.session._dialect.expires_at(record)
        result = conclude(record, row.model, expires)
        return result if isinstance(result, Result) else None

    # ---------------------------------------------------------------------- creating

    async def _create(self) -> None:
        if self.collect or self.finishing:
            return
        self.batch = batch = self.session._batch(
            self._sorter.requests(),
            ordered=False,
            timeout=self.timeout,
            priority=self.priority,
            keeper_of=self._sorter.keeper_of,
        )
        async with batch:
            async for outcome in batch:
                error = outcome.error
                if isinstance(error, SubmitUnknownError) and error.rescue is not None:
                    self._hopes.add(scope := anyio.CancelScope())
                    self._outstanding.start_soon(
                        self._hope, outcome.index, error, scope
                    )
                    continue
                keeper = self._sorter.came_home(outcome.index)
                error = error or keeper.broken
                await self._came_home(
                    keeper.row, outcome.task_id, outcome.result, error
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
                result, error = await handle.wait(self.timeout), None
        except LiangxinError as exc:
            error = exc
        finally:
            self._hopes.discard(scope)
        task_id = None if handle is None else handle.task_id
        keeper = self._sorter.came_home(index)
        await self._came_home(keeper.row, task_id, result, error or keeper.broken)

    def _end_hopes(self, seconds: float) -> None:
        """Let go of the lost creates that no callback has named by then."""
        if self._hopes:
            until = anyio.current_time() + (0.0 if self.finishing else seconds)
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
            if await self.destination.are_there(row.files):
                item = Item(row=row, earlier=True)
                await self._tell(self.destination.located(item))
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
        *,
        earlier: bool = False,
    ) -> None:
        """A request is over; an `error` beside a result is the journal's."""
        now = time.time()
        self._look_for_outage(error)
        if result is not None and error is None:
            record = kept_of(result.record)
            try:
                self._journal.succeeded_nowait(row.key, record, now)
            except JournalError as exc:
                error = exc
            else:
                row = evolve(row, state=RowState.SUCCEEDED, record=record, ended_at=now)
                await self._save_later(row, result, earlier=earlier)
                return
        assert error is not None, "an outcome has a result or an error"
        if (death := death_of(error)) is not None:
            self._fail(death)
        await self._ends.add(partial(self._without_result, row, task_id, error, now))

    def _look_for_outage(self, error: LiangxinError | None) -> None:
        stats = self.session.stats
        answers = stats.accepted + stats.saturated + stats.settled
        if self._outage.is_seen(error, answers) and isinstance(error, ConnectError):
            self._fail(outage_error(error))

    async def _without_result(
        self, row: Row, task_id: str | None, error: LiangxinError, now: float
    ) -> Item:
        try:
            if state_after(error, task_id) is RowState.FAILED:
                row = await self._put_down(row, error, now)
            else:
                await self._journal.settle()
        except JournalError as exc:
            self._fail(exc)
        return Item(row=row, error=error)

    async def _put_down(self, row: Row, error: LiangxinError, now: float) -> Row:
        """Write down that a request is over without a result; return its row."""
        words, kind = str(error), type(error).__name__
        record = getattr(error, "record", None)
        plain = kept_of(record) if isinstance(record, TaskRecord) else None
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
        self._done += not (item.earlier or item.row.state is RowState.NOT_SENT)
        await self.items.put(item)


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
