"""What a run demands of the place where it writes down what it does.

The rules are the run's; a journal only keeps them through crashes. A method that is
awaited returns when what it wrote survives a power cut. A method that is not
(`_nowait`) writes with the next commit, in the order of the calls: losing it costs a
question, never money. `settle` waits until it is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence
    from typing import Any

    from liangxin_async.bulk._row import File, Row, RowState, Sample


class Journal(Protocol):
    """Rows by key, one writer at a time.

    Every method may raise `JournalError`. One with the reason "conflict" concerns that
    call alone, and nothing was written for it. After any other the journal takes
    nothing more: what a failed write left behind is not known. A `_nowait` call that
    conflicts ends the journal too, because nobody would be told.

    Cancelling whoever awaits a write does not undo the write. A journal that is also
    a `KnowsService` lets no run ask one service about another's tasks.
    """

    async def find(self, keys: Sequence[str]) -> Mapping[str, Row]:
        """Return the rows that exist among `keys`."""
        ...

    def rows(self, states: Collection[RowState] | None = None) -> AsyncIterator[Row]:
        """Yield rows in the order in which they were first written.

        Read page by page: rows may change meanwhile, and each is as it stands when its
        page is read.

        Args:
            states: only those in one of these states; None yields all.
        """
        ...

    async def counts(self) -> Mapping[RowState, int]:
        """Return how many rows are in each state; states without rows are left out."""
        ...

    async def taken(self, stems: Sequence[str]) -> Collection[str]:
        """Return those of `stems` that some row has."""
        ...

    async def sending(self, row: Row, at: float, *, again: bool = False) -> None:
        """A create for `row` is about to be sent: put it down as IN_DOUBT.

        Makes the row if its key is new, and counts `creates` up. What the row held of
        an earlier create is forgotten: task id, error, record, files. Of `row`, only
        `key`, `line`, `model`, `request` and `stem` are taken.

        Args:
            row: the request.
            at: Unix seconds.
            again: the user asked to have it made again, and perhaps paid twice.
                Without it a row in doubt or failed is a conflict; a row that is
                accepted, succeeded or saved always is, and so is a stem that another
                key has.
        """
        ...

    async def accepted(self, key: str, task_id: str, at: float) -> None:
        """The create was accepted: ACCEPTED, with its task id.

        A row that is not in doubt is a conflict, and so is a task id that another row
        has: then the row stays in doubt. Every error raised has the `task_id`.
        """
        ...

    def sent_back_nowait(self, key: str) -> None:
        """The create was certainly not taken: NOT_SENT again."""
        ...

    def doubt_nowait(self, key: str, error: str, error_type: str) -> None:
        """What became of the create is unknown; says why. The state stays IN_DOUBT."""
        ...

    def succeeded_nowait(self, key: str, record: Mapping[str, Any], at: float) -> None:
        """The task is over and has a result, which the service can tell again:
        SUCCEEDED."""
        ...

    async def failed(
        self,
        row: Row,
        error: str,
        error_type: str,
        record: Mapping[str, Any] | None,
        at: float,
    ) -> None:
        """The request is over without a result: FAILED.

        Makes the row if its key is new, with no create; of an existing row only its end
        is changed. A `record` of None leaves the one that was there.
        """
        ...

    async def saved(self, key: str, files: Sequence[File], at: float) -> None:
        """Every file of the result is there: SAVED.

        May take its time, and wait for other writes to share a commit with.
        """
        ...

    def unsaved_nowait(self, key: str) -> None:
        """A saved file is gone or not what it was: SUCCEEDED again, without files."""
        ...

    async def settle(self) -> None:
        """Wait until everything that was written before survives a power cut."""
        ...

    def sample_nowait(self, sample: Sample) -> None:
        """Keep how the run stands."""
        ...

    async def samples(self) -> Sequence[Sample]:
        """Return the samples of all runs, oldest first."""
        ...

    async def aclose(self) -> None:
        """Write what is left and let go of the journal. May be called twice.

        Cancelling it does not stop it.

        Raises:
            JournalError: something was not written, and no call has said so.
        """
        ...


@runtime_checkable
class KnowsService(Protocol):
    """What a journal may offer besides: it knows whose tasks it holds.

    A run into one that does not have these methods is not told that its tasks are
    another service's; all else goes as ever.
    """

    async def service(self) -> str | None:
        """Return the words of `belongs_to`, or None before it was ever called."""
        ...

    async def belongs_to(self, service: str) -> None:
        """Keep whose service the tasks are made at, in place of what was kept.

        Args:
            service: dialect and base URL in words, without any secret.
        """
        ...
