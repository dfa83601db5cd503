"""What a journal holds about one request of a run: a row, and how it may change.

Pure. Instants are Unix seconds, because rows outlive processes; no wait depends on
them.

    state        meaning                                       may become
    ---------    -------------------------------------------   ------------------------
    NOT_SENT     refused for certain, or never left            IN_DOUBT, FAILED
    IN_DOUBT     a create was about to be sent, and nobody     ACCEPTED, NOT_SENT,
                 wrote down what came of it                    FAILED
    ACCEPTED     the task id is known                          SUCCEEDED, FAILED
    SUCCEEDED    over, with a result; files not all saved      SAVED, FAILED
    SAVED        over, and every file is there                 SUCCEEDED (file is gone)
    FAILED       over, without a result, or refused for good   IN_DOUBT (made again),
                                                               FAILED (before it left)
    no row yet                                                 IN_DOUBT, FAILED

IN_DOUBT and FAILED become IN_DOUBT only where the user asked to perhaps pay again.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

if TYPE_CHECKING:
    from liangxin_async._records import TaskRecord


class RowState(Enum):
    """Where one request of a run stands; see the module."""

    NOT_SENT = "not sent"
    IN_DOUBT = "in doubt"
    ACCEPTED = "accepted"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SAVED = "saved"


OUTSTANDING = (RowState.ACCEPTED, RowState.SUCCEEDED)  # paid for, and not all saved
OPEN = (*OUTSTANDING, RowState.IN_DOUBT)  # of these the service knows more than we do


@frozen(kw_only=True)
class File:
    """One saved file.

    Attributes:
        name: path below the output folder, with `/` between its parts.
        size_bytes: its size.
        sha256: hash of its bytes, 64 hexadecimal digits.
    """

    name: str
    size_bytes: int
    sha256: str


@frozen(kw_only=True)
class Row:
    """What is known about one request of a run.

    Attributes:
        key: names the request among all runs of this journal.
        line: 1-based number of the input line that it first came from, or None.
        model: the model value.
        request: the request as plain JSON: `model`, `input`, and nothing else.
        stem: name of its files without extension; unique in the journal.
        state: where it stands.
        task_id: the task, once accepted.
        creates: how many creates may have been sent for it; more than 1 only after a
            clear refusal, or where the user chose to pay again.
        files: its saved files, in the order of the result's URLs.
        error: why it failed or is in doubt, in words; None otherwise.
        error_type: class name of that error, or None.
        record: the task's last record as `kept_of` gives it, or None.
        sent_at: when the last create was about to be sent, or None.
        accepted_at: when it was accepted, or None.
        ended_at: when its end was seen, or None.
        saved_at: when its last file was saved, or None.
    """

    key: str
    line: int | None = None
    model: str
    request: dict[str, Any] = field(repr=False)
    stem: str
    state: RowState = RowState.NOT_SENT
    task_id: str | None = None
    creates: int = 0
    files: tuple[File, ...] = ()
    error: str | None = None
    error_type: str | None = None
    record: dict[str, Any] | None = field(default=None, repr=False)
    sent_at: float | None = None
    accepted_at: float | None = None
    ended_at: float | None = None
    saved_at: float | None = None

    @property
    def prompt(self) -> str | None:
        """The prompt, or None where the request has none."""
        prompt = self.request.get("input", {}).get("prompt")
        return prompt if isinstance(prompt, str) else None


def kept_of(record: TaskRecord) -> dict[str, Any]:
    """Return what a journal keeps of a record: all but the request that it echoes.

    The row has the request; the echo may hold megabytes of pictures, and it holds the
    path of the callback, which is a secret.
    """
    raw = {name: value for name, value in record.raw.items() if name != "param"}
    return evolve(record, param=None, raw=raw).to_dict()


@frozen(kw_only=True)
class Sample:
    """How a run stood at one instant, for the chart of its course.

    Attributes:
        at: Unix seconds.
        in_flight: creates under way and tasks not over.
        limit: tasks that may be in flight, over all models.
        refused: creates refused as saturated since the run began.
        done: requests that came to an end since the run began, good or bad.
    """

    at: float
    in_flight: int
    limit: int
    refused: int
    done: int


_MOVES: dict[RowState | None, set[RowState]] = {
    None: {RowState.IN_DOUBT, RowState.FAILED},
    RowState.NOT_SENT: {RowState.IN_DOUBT, RowState.FAILED},
    RowState.IN_DOUBT: {RowState.ACCEPTED, RowState.NOT_SENT, RowState.FAILED},
    RowState.ACCEPTED: {RowState.SUCCEEDED, RowState.FAILED},
    RowState.SUCCEEDED: {RowState.SAVED, RowState.FAILED},
    RowState.SAVED: {RowState.SUCCEEDED},
    RowState.FAILED: {RowState.FAILED},
}
_AGAIN = {RowState.IN_DOUBT, RowState.FAILED}


def may_become(
    before: RowState | None, after: RowState, *, again: bool = False
) -> bool:
    """Return whether a row may go from one state to another.

    Args:
        before: where it stands; None where there is no row yet.
        after: where it would stand.
        again: whether the user asked to have it made again, and perhaps paid twice.
    """
    if again and before in _AGAIN and after is RowState.IN_DOUBT:
        return True
    return after in _MOVES[before]
