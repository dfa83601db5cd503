"""Files of results, by remaining lifetime: those whose URLs end first go first.

A result waits in a bounded queue for one of a few savers. A saver downloads, has the
destination keep the files, and goes on with the next; the end of the first (`_ends`) is
written into the journal beside others, and only then is the item told.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from anyio import to_thread
from attrs import define, evolve, field, frozen

from liangxin_async._errors import DownloadError, JournalError, LiangxinError
from liangxin_async._media import numbered
from liangxin_async.bulk._decide import death_of
from liangxin_async.bulk._files import find_whole
from liangxin_async.bulk._item import Item
from liangxin_async.bulk._row import Row, RowState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from liangxin_async._records import Result
    from liangxin_async._session import Session
    from liangxin_async.bulk._destination import Destination
    from liangxin_async.bulk._ends import Ends
    from liangxin_async.bulk._journal import Journal
    from liangxin_async.bulk._row import File

SAVERS = 8  # downloads at the same time
_WAITING = 256  # results that may wait for a saver


@frozen(order=True)
class _Job:
    """A result that waits for its download, most urgent first."""

    urgency: float  # Unix seconds: when its URLs expire, or else when it was made
    number: int
    row: Row = field(eq=False, order=False)
    result: Result = field(eq=False, order=False)
    earlier: bool = field(eq=False, order=False)


@define(eq=False)
class Savers:
    """See the module. Lives in one event loop.

    Args:
        session: downloads.
        destination: where the files go.
        journal: takes them down.
        ends: has what became of each result written down and told.
        stop: is told what ends the whole run: a full disk, a broken journal, a store
            that takes no more.
    """

    _session: Session
    _destination: Destination
    _journal: Journal
    _ends: Ends
    _stop: Callable[[LiangxinError], None]
    _numbers: count[int] = field(factory=count)
    _jobs: asyncio.PriorityQueue[_Job] = field(
        factory=lambda: asyncio.PriorityQueue(_WAITING)
    )

    async def put(self, row: Row, result: Result, *, earlier: bool) -> None:
        """Have the files of `result` saved; waits while many wait already.

        Args:
            row: its row, SUCCEEDED.
            result: what was made.
            earlier: whether an earlier run knew of the result: then a file may be
                there that no row tells of.
        """
        made = row.ended_at or time.time()
        expires = result.expires_at
        urgency = made if expires is None else expires.timestamp()
        job = _Job(urgency, next(self._numbers), row, result, earlier)
        await self._jobs.put(job)

    async def idle(self) -> None:
        """Wait until everything that was put has come to its end."""
        await self._jobs.join()

    async def work(self) -> None:
        """Save one result after the other, until cancelled."""
        while True:
            job = await self._jobs.get()
            try:
                await self._save(job)
            finally:
                self._jobs.task_done()

    async def _save(self, job: _Job) -> None:
        try:
            paths = await self._fetch(job)
            files = await self._destination.keep(job.row, paths, earlier=job.earlier)
        except LiangxinError as exc:  # before OSError, which some of ours are too
            end = partial(self._unsaved, job, exc)
        except OSError as exc:
            end = partial(self._unsaved, job, _disk_error(job.row, exc))
        else:
            end = partial(self._saved, job, files, time.time())
        await self._ends.add(end)

    async def _saved(self, job: _Job, files: tuple[File, ...], at: float) -> Item:
        try:
            await self._journal.saved(job.row.key, files, at)
            await self._destination.settled(files)
        except LiangxinError as exc:
            return await self._unsaved(job, exc)
        row = evolve(job.row, state=RowState.SAVED, files=files, saved_at=at)
        return self._destination.located(Item(row=row, result=job.result))

    async def _unsaved(self, job: _Job, error: LiangxinError) -> Item:
        if (death := death_of(error)) is not None:
            self._stop(death)
        try:
            await self._journal.settle()  # its row says "succeeded", and so do we
        except JournalError as exc:
            self._stop(exc)
        return Item(row=job.row, result=job.result, error=error)

    async def _fetch(self, job: _Job) -> list[Path]:
        folder = self._destination.folder
        if job.earlier:
            there = await to_thread.run_sync(_find_all, folder, job)
            if there is not None:
                return there
        return await self._session.download(
            job.result, folder, stem=job.row.stem, overwrite=True
        )


def _find_all(folder: Path, job: _Job) -> list[Path] | None:
    """Return the files of a job that are there already; None unless all are."""
    count = len(job.result.urls)
    stems = (numbered(job.row.stem, position, count) for position in range(count))
    found = [find_whole(folder, stem) for stem in stems]
    whole = [path for path in found if path is not None]
    return whole if len(whole) == count else None


def _disk_error(row: Row, exc: OSError) -> DownloadError:
    return DownloadError(
        f"the files of {row.stem} cannot be read: {exc.strerror}",
        url="",
        task_id=row.task_id or "",
        reason="disk",
        http_status=None,
    )
