"""Who writes down the steps of one request, as the session's submitter asks.

`sending` is awaited before each create and `accepted` before anybody else is told, so
that no paid call is without its row. `row` is what the journal holds, step by step.

A row that was in doubt when the run began stays so until a create is accepted or
refused for good: that a second one found no place says nothing about the first.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from liangxin_async._errors import JournalError, LiangxinError
from liangxin_async.bulk._row import Row, RowState

if TYPE_CHECKING:
    from collections.abc import Callable

    from liangxin_async.bulk._journal import Journal

_FORGOTTEN: dict[str, Any] = {
    **dict.fromkeys(("task_id", "accepted_at", "ended_at", "saved_at")),
    **dict.fromkeys(("error", "error_type", "record")),
    "files": (),
}


@define(eq=False)
class RowKeeper:
    """Keeps one row. `broke` is told what the submitter must not be told: that a write
    failed, and for `accepted` the task id that nobody else knows now.

    Attributes:
        row: what the journal holds.
        broken: why it does not hold a task that was accepted, or None.
    """

    _journal: Journal
    row: Row
    _broke: Callable[[JournalError, str | None], None]
    broken: JournalError | None = field(init=False, default=None)
    _written: bool = False
    _doubt: tuple[str, str] | None = field(init=False)

    def __attrs_post_init__(self) -> None:
        row = self.row
        in_doubt = row.state is RowState.IN_DOUBT
        self._doubt = (row.error or "", row.error_type or "") if in_doubt else None

    async def sending(self) -> None:
        """A create is about to be sent; a `JournalError` raised here forbids it."""
        again = self.row.state in (RowState.IN_DOUBT, RowState.FAILED)
        now = time.time()
        # First: cancelled in the middle, it is written all the same.
        self._written = True
        try:
            await self._journal.sending(self.row, now, again=again)
        except JournalError:
            self._written = False
            raise
        self.row = evolve(
            self.row,
            state=RowState.IN_DOUBT,
            creates=self.row.creates + 1,
            sent_at=now,
            **_FORGOTTEN,
        )

    async def accepted(self, task_id: str) -> None:
        """The create was accepted. Never raises."""
        now = time.time()
        try:
            await self._journal.accepted(self.row.key, task_id, now)
        except JournalError as exc:
            self.broken = exc
            self._broke(exc, task_id)
        else:
            self.row = evolve(
                self.row, state=RowState.ACCEPTED, task_id=task_id, accepted_at=now
            )

    def sent_back_nowait(self) -> None:
        """The create was certainly not taken."""
        if not self._written:
            return
        if self._doubt is not None:
            self._put_in_doubt(*self._doubt)
            return
        self._quietly(self._journal.sent_back_nowait, self.row.key)
        self.row = evolve(self.row, state=RowState.NOT_SENT)

    def doubt_nowait(self, error: LiangxinError) -> None:
        """Nobody knows whether the create was taken."""
        self._put_in_doubt(str(error), type(error).__name__)

    def _put_in_doubt(self, words: str, kind: str) -> None:
        self._quietly(self._journal.doubt_nowait, self.row.key, words, kind)
        self.row = evolve(self.row, error=words, error_type=kind)

    def _quietly(self, write: Callable[..., None], *facts: str) -> None:
        try:
            write(*facts)
        except JournalError as exc:
            self._broke(exc, None)
