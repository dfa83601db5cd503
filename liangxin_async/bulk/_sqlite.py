"""The journal of a bulk run in an SQLite file, for asyncio.

One thread writes (`_writer`), in transactions that waiting calls share; reads go
through a connection of their own, after everything that was written before.

Only a local disk will do. On Linux, network file systems are recognised and refused;
on other systems nothing is known about the disk, and the user has to see to it.

Beside `<name>` lie `<name>.lock` and, while it is open or after a crash, `<name>-wal`
and `<name>-shm`. They belong together: whoever moves one moves all.
"""

from __future__ import annotations

import json
import os
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from anyio import to_thread

from liangxin_async._errors import JournalError
from liangxin_async.bulk._columns import files_json, values_of
from liangxin_async.bulk._mounts import network_kind
from liangxin_async.bulk._reader import Reader, closed
from liangxin_async.bulk._row import Row, RowState
from liangxin_async.bulk._schema import inspect
from liangxin_async.bulk._store import NO_ERROR, Store
from liangxin_async.bulk._writer import Writer

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Callable,
        Collection,
        Mapping,
        Sequence,
    )
    from types import TracebackType
    from typing import Self

    from liangxin_async.bulk._columns import Values
    from liangxin_async.bulk._row import File, Sample

DELAY = 0.05  # seconds that a `_nowait` call may wait for company
_SERVICE = "service"  # name of the note

T = TypeVar("T")


async def open_journal(
    path: str | os.PathLike[str], *, delay: float = DELAY
) -> SqliteJournal:
    """Open the journal at `path` for a run, or make it.

    Cancelling is safe: nothing stays open or locked.

    Args:
        path: the file; its folder is made where missing.
        delay: seconds that a `_nowait` call may wait for company, 0 or more.

    Raises:
        JournalError: another run has it ("locked"); it is not ours ("foreign"), of a
            later release ("newer"), or not whole ("damaged"); it would lie on a network
            file system ("network"); the system refused ("disk"). A file that is refused
            is left as it is.
    """
    journal = SqliteJournal(_absolute(path), delay=delay)
    await journal._open()
    return journal


async def read_journal(path: str | os.PathLike[str]) -> JournalReader:
    """Open the journal at `path` for reading only, also while a run is writing it.

    Takes no lock, and sees what was committed. The file as a whole is not checked, each
    row is when it is read.

    Raises:
        JournalError: as `open_journal`, but never "locked"; "missing" where no file is.
    """
    place = _absolute(path)
    return JournalReader(place, await to_thread.run_sync(_reader_for, place))


def _absolute(path: str | os.PathLike[str]) -> Path:
    # SQLite follows links before it names the log; lock and log must agree.
    return Path(os.path.realpath(path))


def _reader_for(path: Path) -> Reader:
    _demand_local(path)
    inspect(path, thoroughly=False)
    return Reader(path)


def _demand_local(path: Path) -> None:
    kind = network_kind(path)
    if kind is not None:
        raise JournalError(
            f"{path} lies on a network file system ({kind}), where two machines can "
            "spoil a journal; put the output on a local disk, and copy it afterwards",
            path=str(path),
            reason="network",
        )


class JournalReader:
    """A journal that can be read. Made by `read_journal`.

    Every method raises `JournalError` for what cannot be read ("damaged", "disk"), and
    after `aclose` ("closed"). Cancelling is safe.
    """

    def __init__(self, path: Path, reader: Reader | None = None) -> None:
        self._path = path
        self._reader = reader

    @property
    def path(self) -> Path:
        """The file, absolute and without symbolic links."""
        return self._path

    async def find(self, keys: Sequence[str]) -> Mapping[str, Row]:
        """Return the rows that exist among `keys`, of any number."""
        self._demand_text(*keys)
        return await self._read(lambda reader: reader.find(keys))

    async def taken(self, stems: Sequence[str]) -> Collection[str]:
        """Return those of `stems` that some row has."""
        self._demand_text(*stems)
        return await self._read(lambda reader: reader.taken(stems))

    async def rows(
        self, states: Collection[RowState] | None = None
    ) -> AsyncIterator[Row]:
        """Yield rows in the order in which they were first written, page by page.

        Args:
            states: only those in one of these states; None yields all.
        """
        last: int | None = 0
        while last is not None:
            ask = partial(Reader.page, after=last, states=states)
            page, last = await self._read(ask)
            for row in page:
                yield row

    async def counts(self) -> Mapping[RowState, int]:
        """Return how many rows are in each state; states without rows are left out."""
        return await self._read(Reader.counts)

    async def samples(self) -> Sequence[Sample]:
        """Return the samples of all runs, oldest first."""
        return await self._read(Reader.samples)

    async def service(self) -> str | None:
        """Return whose service the runs of this journal go to; see `KnowsService`."""
        return await self._read(lambda reader: reader.note(_SERVICE))

    async def aclose(self) -> None:
        """Let go of the journal. May be called twice."""
        if self._reader is not None:
            await to_thread.run_sync(self._reader.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _read(self, ask: Callable[[Reader], T]) -> T:
        reader = self._reader
        if reader is None:
            raise closed(self._path)
        return await to_thread.run_sync(ask, reader)

    def _demand_text(self, *texts: str) -> None:
        """Refuse what no database stores: half of a surrogate pair."""
        for text in texts:
            if not text.isascii() and text.encode("utf-8", "replace").decode() != text:
                raise JournalError(
                    f"{text!a} is not valid Unicode, and cannot be written down",
                    path=str(self._path),
                    reason="conflict",
                )


class SqliteJournal(JournalReader):
    """A journal that is open for a run. Made by `open_journal`; see `Journal`.

    Writes raise `JournalError`: "conflict" for the one call, "disk" or "damaged" once
    and for all, "closed" after `aclose`. Close it also after an error.
    """

    def __init__(self, path: Path, *, delay: float) -> None:
        super().__init__(path)
        self._writer = Writer(path, delay=delay)
        self._closed = True

    async def _open(self) -> None:
        # Nothing that the thread holds may refer to the journal, or it would never be
        # found that nobody closed it.
        store = await self._writer.start(partial(_open_store, self._path))
        self._reader = store.reader
        self._closed = False

    async def _read(self, ask: Callable[[Reader], T]) -> T:
        await self._writer.settle()
        return await super()._read(ask)

    # ---------------------------------------------------------------------- creates

    async def sending(self, row: Row, at: float, *, again: bool = False) -> None:
        """A create for `row` is about to be sent; see `Journal`."""
        asked = self._asked(row)
        await self._writer.write(
            lambda store: store.sending(asked, float(at), again=again)
        )

    async def accepted(self, key: str, task_id: str, at: float) -> None:
        """The create was accepted; see `Journal`. Errors have the `task_id`."""
        try:
            self._demand_text(key, task_id)
            await self._writer.write(
                lambda store: store.accepted(key, task_id, float(at))
            )
        except JournalError as exc:
            raise JournalError(
                f"task {task_id!r} was accepted and could not be written down: {exc}",
                path=str(self._path),
                reason=exc.reason,
                task_id=task_id,
            ) from exc

    def sent_back_nowait(self, key: str) -> None:
        """The create was certainly not taken: NOT_SENT again."""
        self._demand_text(key)
        steps = (RowState.IN_DOUBT, RowState.NOT_SENT)
        self._writer.post(lambda store: store.move(key, *steps, NO_ERROR))

    def doubt_nowait(self, key: str, error: str, error_type: str) -> None:
        """What became of the create is unknown; says why. The state stays IN_DOUBT."""
        self._demand_text(key)
        words = _storable(error)
        self._writer.post(lambda store: store.doubt(key, words, error_type))

    # ------------------------------------------------------------------------- ends

    def succeeded_nowait(self, key: str, record: Mapping[str, Any], at: float) -> None:
        """The task is over and has a result: SUCCEEDED."""
        self._demand_text(key)
        plain = json.dumps(dict(record))
        changes = {"record": plain, "ended_at": float(at), **NO_ERROR}
        steps = (RowState.ACCEPTED, RowState.SUCCEEDED)
        self._writer.post(lambda store: store.move(key, *steps, changes))

    async def failed(
        self,
        row: Row,
        error: str,
        error_type: str,
        record: Mapping[str, Any] | None,
        at: float,
    ) -> None:
        """The request is over without a result: FAILED; see `Journal`."""
        asked = self._asked(row)
        changes: dict[str, Any] = {
            "error": _storable(error),
            "error_type": error_type,
            "ended_at": float(at),
        }
        if record is not None:
            changes["record"] = json.dumps(dict(record))
        await self._writer.write(lambda store: store.failed(asked, changes))

    async def saved(self, key: str, files: Sequence[File], at: float) -> None:
        """Every file of the result is there: SAVED. Waits for company, as `_nowait`
        calls do."""
        self._demand_text(key)
        changes = {"files": files_json(files), "saved_at": float(at)}
        steps = (RowState.SUCCEEDED, RowState.SAVED)
        await self._writer.write(
            lambda store: store.move(key, *steps, changes), hurry=False
        )

    def unsaved_nowait(self, key: str) -> None:
        """A saved file is gone or not what it was: SUCCEEDED again, without files."""
        self._demand_text(key)
        changes = {"files": files_json(()), "saved_at": None}
        steps = (RowState.SAVED, RowState.SUCCEEDED)
        self._writer.post(lambda store: store.move(key, *steps, changes))

    async def settle(self) -> None:
        """Wait until everything that was written before survives a power cut."""
        await self._writer.settle()

    def sample_nowait(self, sample: Sample) -> None:
        """Keep how the run stands. Samples are thinned: at most 1,000 of a run stay."""
        self._writer.post(lambda store: store.sample(sample))

    async def belongs_to(self, service: str) -> None:
        """Write down whose service the runs of this journal go to."""
        await self._writer.write(lambda store: store.note(_SERVICE, service))

    # ---------------------------------------------------------------------- closing

    async def aclose(self) -> None:
        """Write what is left and let go of the journal. May be called twice.

        Cancelling it does not stop it.

        Raises:
            JournalError: something was not written, and no call has said so.
        """
        if self._reader is None:  # never opened
            return
        self._closed = True
        self._writer.stop()
        await self._writer.ended()

    def __del__(self) -> None:
        if not self._closed:
            words = f"the journal {self._path} was not closed"
            warnings.warn(words, ResourceWarning, stacklevel=2, source=self)
            self._writer.stop()

    # ----------------------------------------------------------------------- inside

    def _asked(self, row: Row) -> Values:
        self._demand_text(row.key, row.stem, row.model)
        plain = Row(  # what a new row begins with, and nothing of how this one stands
            key=row.key,
            line=row.line,
            model=row.model,
            request=row.request,
            stem=row.stem,
        )
        return values_of(plain)


def _storable(words: str) -> str:
    """Return an error's words, with what no database stores written as an escape."""
    return words.encode("utf-8", "backslashreplace").decode()


def _open_store(path: Path) -> Store:
    _demand_local(path)
    return Store(path)
