"""Ends of requests: written down first, and then told.

An end waits for a commit, and commits are shared by those who wait at the same moment.
So ends wait side by side, up to `_AT_ONCE` of them, and whoever brings them goes on;
an item that nobody takes stops all of that.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from anyio.abc import TaskGroup

    from liangxin_async.bulk._item import Item

_AT_ONCE = 64  # ends that wait for a commit, or to be told


@define(eq=False)
class Ends:
    """See the module. Lives in one event loop.

    Args:
        group: runs what is added; leaving it waits until all of that is told.
        tell: is told each item; may wait.
    """

    _group: TaskGroup
    _tell: Callable[[Item], Awaitable[None]]
    _places: asyncio.Semaphore = field(factory=lambda: asyncio.Semaphore(_AT_ONCE))

    async def add(self, write: Callable[[], Awaitable[Item]]) -> None:
        """Have an end written down by `write`, and its item told; waits while many
        wait already."""
        await self._places.acquire()
        self._group.start_soon(self._write_and_tell, write)

    async def _write_and_tell(self, write: Callable[[], Awaitable[Item]]) -> None:
        try:
            await self._tell(await write())
        finally:
            self._places.release()
