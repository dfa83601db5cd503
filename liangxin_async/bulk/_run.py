"""`BulkRun`: a set of requests from the first create to the last file, through crashes.

The journal has a row before each create and the task id right after, so that a second
run of the same command knows what was paid for. What the rows mean is `_decide`'s; how
creates, polls and downloads are made is the session's; the run itself is `_work`'s.

    state    entered by                              what goes on
    ------   -------------------------------------   -----------------------------------
    new      `run`                                   nothing
    begun    the first `anext`                       all of it
    ending   `finish_nowait`, an error               what was begun comes home
    over     the end, `aclose`, being dropped        nothing
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from liangxin_async.bulk._entry import BadLine
from liangxin_async.bulk._item import Item

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from liangxin_async.bulk._work import Work


class BulkRun(AsyncIterator[Item | BadLine]):
    """The items of `run`, as they come. It is run by `async for`, and `async with`
    ends it at a definite point; it can be iterated once.

    A run that is dropped before its end, in a loop that was left without `async with`,
    ends as by `aclose`, some time later and with a `ResourceWarning`.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        # It has no reference to this object: dropping that must be noticed.
        self._main: asyncio.Task[None] | None = None

    # ------------------------------------------------------------------ consuming

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item | BadLine:
        """Return the next item.

        Raises:
            StopAsyncIteration: the run is over.
            AuthenticationError, InsufficientQuotaError: the account is dead.
            ConnectError: several requests in a row found no connection.
            JournalError: the journal cannot be written.
            DownloadError: the disk takes no more (reason "disk").
            StoreError: the object store takes no more.
            Exception: whatever the requests themselves raised.

        An error comes after what was begun has come home. Cancelling is safe.
        """
        work = self._work
        if self._main is None:
            self._main = asyncio.create_task(work.run(), name="liangxin_async bulk")
        item = await work.items.get()
        if item is not None:
            return item
        work.items.put_nowait(None)  # for whoever asks again
        error, work.error = work.error, None
        if error is not None:
            raise error
        raise StopAsyncIteration

    @property
    def unwritten(self) -> tuple[str, ...]:
        """Tasks that were accepted and that the journal, which broke, does not hold."""
        return tuple(self._work.unwritten)

    def finish_nowait(self) -> None:
        """Begin nothing new; bring home and save what was begun, then end."""
        self._work.finish_nowait()

    async def aclose(self) -> None:
        """End at once: only creates under way are waited for, so that their task ids
        are written down (`Timeouts.close`). Run again to go on."""
        work = self._work
        work.stop_nowait()
        if self._main is not None:
            await asyncio.wait((self._main,))
            while not work.items.empty():
                work.items.get_nowait()
            work.items.put_nowait(None)  # for whoever waits, or asks later

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __del__(self, _warn: Any = warnings.warn) -> None:
        main = getattr(self, "_main", None)
        if main is None or main.done() or main.get_loop().is_closed():
            return
        words = f"the run into {str(self._work.folder)!r} was dropped before its end"
        _warn(f"{words}; leave it by `async with`", ResourceWarning, source=self)
        # Collected perhaps in another thread; the work belongs to its loop.
        main.get_loop().call_soon_threadsafe(self._work.stop_nowait)
