"""States of a task and what one more answer, or one more failure, means for it.

Pure. Sources: the five states are LiangXin's recordInfo page; the other spellings are
its API family's (api/liangxin.md, section 4). States may be skipped and nothing
promises their order, so only one rule is enforced: the first terminal state is final.

    seen so far     the answer says      step
    ------------    -----------------    ------------------------------------------
    not terminal    waiting … unknown    CHANGED, or SAME when nothing is different
    not terminal    success, fail        ENDED: settle, once
    terminal        anything             LATE: ignored
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol

from liangxin_async._errors import (
    ApiError,
    AuthenticationError,
    EmptyResultError,
    InsufficientQuotaError,
    LiangxinError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    SaturatedError,
    ServiceError,
    TaskError,
    TaskFailedError,
    TransportError,
    shorten,
)
from liangxin_async._records import Result, TaskRecord, TaskState

if TYPE_CHECKING:
    from datetime import datetime

_SPELLINGS: dict[str, TaskState] = {
    "waiting": TaskState.WAITING,
    "wait": TaskState.WAITING,
    "pending": TaskState.WAITING,
    "queuing": TaskState.QUEUING,
    "queueing": TaskState.QUEUING,
    "queued": TaskState.QUEUING,
    "generating": TaskState.GENERATING,
    "processing": TaskState.GENERATING,
    "running": TaskState.GENERATING,
    "in_progress": TaskState.GENERATING,
    "success": TaskState.SUCCESS,
    "succeeded": TaskState.SUCCESS,
    "completed": TaskState.SUCCESS,
    "fail": TaskState.FAIL,
    "failed": TaskState.FAIL,
    "error": TaskState.FAIL,
    # In no list of the family; nothing can follow a cancelled task.
    "cancelled": TaskState.FAIL,
    "canceled": TaskState.FAIL,
}


def fold_state(word: str) -> TaskState:
    """Return the state that a service's word means; UNKNOWN for any other word."""
    return _SPELLINGS.get(word.strip().lower(), TaskState.UNKNOWN)


class Step(Enum):
    """What one answer means for a task."""

    SAME = "same"  # nothing to tell anybody
    CHANGED = "changed"  # another state or progress
    ENDED = "ended"  # the first terminal state: settle
    LATE = "late"  # after the end: ignore


class Status(Protocol):
    """What one answer says about a task, as far as it decides anything."""

    @property
    def state(self) -> TaskState:
        """As `TaskRecord.state`."""
        ...

    @property
    def raw_state(self) -> str:
        """As `TaskRecord.raw_state`."""
        ...

    @property
    def progress(self) -> int | None:
        """As `TaskRecord.progress`."""
        ...


def next_step(seen: Status | None, answer: Status) -> Step:
    """Return what `answer` means for a task last `seen` like this (None: never)."""
    if seen is not None and seen.state.is_terminal:
        return Step.LATE
    if answer.state.is_terminal:
        return Step.ENDED
    if seen is None:
        return Step.CHANGED
    same = (seen.raw_state, seen.progress) == (answer.raw_state, answer.progress)
    return Step.SAME if same else Step.CHANGED


def conclude(
    record: TaskRecord, model: str | None, expires_at: datetime | None
) -> Result | TaskError:
    """Return how the task of a terminal `record` ended.

    Args:
        record: a record in a terminal state.
        model: the model that was asked for, used where the record names none.
        expires_at: when the result URLs stop working, or None where not stated.
    """
    if record.state is TaskState.FAIL:
        return _failure(record)
    if not record.result_urls:
        return EmptyResultError(
            f"task {record.task_id!r} succeeded, but its record names no result URL; "
            "`error.record.raw` has the answer as it came",
            task_id=record.task_id,
            record=record,
        )
    return Result(
        task_id=record.task_id,
        model=record.model or model,
        urls=record.result_urls,
        record=record,
        expires_at=expires_at,
    )


def _failure(record: TaskRecord) -> TaskFailedError:
    words = shorten(record.fail_message or "no reason given")
    code = f" (code {shorten(record.fail_code, 80)})" if record.fail_code else ""
    return TaskFailedError(
        f"task {record.task_id!r} failed: {words}{code}",
        task_id=record.task_id,
        record=record,
        fail_code=record.fail_code,
        fail_message=record.fail_message,
    )


# How many fruitless answers in a row end the hope of following a task. One is never
# enough: gateways answer nonsense while they restart.
_HOPELESS_AFTER: tuple[tuple[type[LiangxinError], int], ...] = (
    (SaturatedError, 0),  # 0: never
    (ServiceError, 0),
    (TransportError, 0),
    (NotFoundError, 3),
    (AuthenticationError, 3),
    (InsufficientQuotaError, 3),
    (PermissionDeniedError, 3),
    (ApiError, 10),
    (ProtocolError, 20),
    (LiangxinError, 20),
)


def is_lost(
    error: LiangxinError, *, in_a_row: int, age: float, grace: float, seen: bool
) -> bool:
    """Whether a task must be given up because it cannot be followed any more.

    Args:
        error: what the last query brought.
        in_a_row: queries that failed with this kind of error since the last answer.
        age: seconds since the task was accepted.
        grace: seconds after acceptance in which "not found" means "not yet".
        seen: whether the service has ever shown this task.
    """
    if isinstance(error, NotFoundError) and not seen and age < grace:
        return False
    for kind, limit in _HOPELESS_AFTER:
        if isinstance(error, kind):
            return 0 < limit <= in_a_row
    raise AssertionError("the last row holds for every error")  # pragma: no cover
