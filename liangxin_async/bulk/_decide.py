"""What a run does about one request, by what the journal says of it. Pure.

    row's state     does                      unless
    ------------    ----------------------    -----------------------------------------
    no row          CREATE
    NOT_SENT        CREATE
    IN_DOUBT        TELL                      the user chose to pay again: CREATE
    ACCEPTED        nothing: PAID             (brought home before anything is created)
    SUCCEEDED       nothing: PAID
    SAVED           TELL
    FAILED          TELL                      failed ones are to be made again: CREATE

And, for a request that is over: what its error means for the row.

    error                                              row
    ------------------------------------------------   --------------------------------
    the task failed, or has no result                  FAILED
    refused for good; cannot be right                  FAILED
    its task goes on (gave up waiting, lost, closed)   stays ACCEPTED
    whether a task exists is unknown                   stays IN_DOUBT
    anything else: nothing was made, and it may go     stays NOT_SENT
    well another time (no place, no connection)
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from liangxin_async._errors import (
    AuthenticationError,
    BadRequestError,
    DownloadError,
    EmptyResultError,
    InsufficientQuotaError,
    InvalidRequestError,
    JournalError,
    LiangxinError,
    NotFoundError,
    PayloadTooLargeError,
    PermissionDeniedError,
    SessionClosedError,
    StoreError,
    SubmitUnknownError,
    TaskFailedError,
    TaskLostError,
    UnprocessableError,
)
from liangxin_async.bulk._row import RowState


class Action(Enum):
    """What is done about a request that the input names."""

    CREATE = "create"  # have it made
    PAID = "paid"  # it was made: its outcome comes from the outstanding rows
    TELL = "tell"  # it is over as far as this run goes: say so


@frozen(kw_only=True)
class Choices:
    """What the user chose for a run.

    Attributes:
        resubmit_unknown: whether rows in doubt are made again, perhaps paying twice.
        retry_failed: whether failed rows are made again.
    """

    resubmit_unknown: bool = False
    retry_failed: bool = False

    def action(self, state: RowState | None) -> Action:
        """Return what to do; `state` is None where there is no row."""
        match state:
            case None | RowState.NOT_SENT:
                return Action.CREATE
            case RowState.IN_DOUBT:
                return Action.CREATE if self.resubmit_unknown else Action.TELL
            case RowState.FAILED:
                return Action.CREATE if self.retry_failed else Action.TELL
            case RowState.ACCEPTED | RowState.SUCCEEDED:
                return Action.PAID
            case RowState.SAVED:
                return Action.TELL


_FOR_GOOD = (
    BadRequestError,
    EmptyResultError,
    InvalidRequestError,
    NotFoundError,
    PayloadTooLargeError,
    PermissionDeniedError,
    TaskFailedError,
    UnprocessableError,
)


def state_after(error: LiangxinError, task_id: str | None) -> RowState:
    """Return the state of a row whose request ended with `error`.

    Args:
        error: how it ended.
        task_id: its task, or None where none was accepted as far as we know.
    """
    if isinstance(error, SubmitUnknownError):
        return RowState.IN_DOUBT
    if isinstance(error, _FOR_GOOD):
        return RowState.FAILED
    return RowState.NOT_SENT if task_id is None else RowState.ACCEPTED


def death_of(error: LiangxinError) -> LiangxinError | None:
    """Return the error that ends a whole run, or None where the rest can go on.

    A dead account, also where it shows only in that a task cannot be followed; a closed
    session; a journal, a disk or a store that takes nothing more.

    Args:
        error: how one request ended.
    """
    cause = error.__cause__ if isinstance(error, TaskLostError) else error
    match cause:
        case AuthenticationError() | InsufficientQuotaError():
            return cause
        case JournalError() | StoreError() | SessionClosedError():
            return cause
        case DownloadError(reason="disk"):
            return cause
    return None
