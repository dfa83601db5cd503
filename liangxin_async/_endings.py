"""The errors with which following a task ends before its result is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from liangxin_async._errors import (
    LiangxinError,
    SessionClosedError,
    TaskLostError,
    TaskTimeoutError,
)

if TYPE_CHECKING:
    from liangxin_async._handle import TaskHandle


def lost(
    handle: TaskHandle, cause: LiangxinError, *, was_accepted: bool
) -> TaskLostError:
    """The service does not know the task, or lets nobody ask.

    Args:
        handle: the task.
        cause: what the last query brought.
        was_accepted: whether the task exists for certain.
    """
    error = TaskLostError(
        f"task {handle.task_id!r} cannot be followed: {cause}",
        task_id=handle.task_id,
        record=handle.record,
    )
    error.__cause__ = cause
    if not was_accepted:
        error.charged = "unknown"
    return error


def out_of_patience(
    handle: TaskHandle, patience: float, cause: LiangxinError | None
) -> TaskTimeoutError:
    """It is not over after `patience` seconds; `cause`: what the last query brought."""
    polled = (
        f"after {patience:g} s of polling (Polling.patience, and video_patience for "
        "videos)"
    )
    happened = (
        f"task {handle.task_id!r} is not over {polled}"
        if handle.is_known
        else f"{polled} the service has not shown task {handle.task_id!r} yet"
    )
    error = TaskTimeoutError(
        f"{happened}; session.attach(task_id) waits for it again",
        task_id=handle.task_id,
        record=handle.record,
    )
    if not handle.is_known:
        error.charged = "unknown"
    error.__cause__ = cause
    return error


def left_open(handle: TaskHandle, why: str) -> SessionClosedError:
    """The session ends, and says `why`."""
    stands = "goes on at the service" if handle.is_known else "was not shown yet"
    error = SessionClosedError(
        f"{why}; task {handle.task_id!r} {stands}, and "
        "session.attach(task_id) waits for it again",
        task_id=handle.task_id,
    )
    if not handle.is_known:
        error.charged = "unknown"
    return error
