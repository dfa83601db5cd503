"""The errors with which a submit ends when the service has not clearly spoken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from liangxin_async._errors import (
    ApiError,
    LiangxinError,
    SaturatedError,
    SubmitTimeoutError,
    SubmitUnknownError,
)

if TYPE_CHECKING:
    from liangxin_async.models import Request


def no_place(
    request: Request, waited: float, last: LiangxinError | None
) -> SubmitTimeoutError:
    """The deadline came before a permit did; `last` is the last refusal met."""
    refused = last if isinstance(last, ApiError) else None
    return SubmitTimeoutError(
        f"no place for {request.model!r} within {waited:.1f} s; nothing was "
        f"accepted. Last: {last or 'waited behind other requests of this session'}",
        http_status=refused.http_status if refused else None,
        code=refused.code if refused else None,
        message=refused.message if refused else "",
        request_id=refused.request_id if refused else None,
        retry_after=last.retry_after if isinstance(last, SaturatedError) else None,
    )


def overtaken(request: Request, waited: float) -> SubmitUnknownError:
    """The deadline came while the create was under way."""
    return SubmitUnknownError(
        f"the time for submitting {request.model!r} ran out after {waited:.1f} s while "
        "the create was under way; it is finished in the background, and an accepted "
        "task shows up in session.pending and at the observer. It is not sent again",
        model=request.model,
        reason="deadline while the create was under way",
    )


def unknown(request: Request, cause: LiangxinError) -> SubmitUnknownError:
    """The create left, and `cause` came in place of an answer that decides."""
    if isinstance(cause, SubmitUnknownError):
        return cause
    error = SubmitUnknownError(
        f"the create for {request.model!r} was sent, and whether it was accepted is "
        f"unknown ({cause}). It may have been charged; it was not sent again, and "
        "submitting it again may pay twice",
        model=request.model,
        reason=str(cause),
        http_status=getattr(cause, "http_status", None),
        request_id=getattr(cause, "request_id", None),
    )
    error.__cause__ = cause
    return error


def taken(request: Request, task_id: str) -> SubmitUnknownError:
    """The answer named a task that another request of this session has."""
    return SubmitUnknownError(
        f"the create for {request.model!r} was answered with task id {task_id!r}, "
        "which already belongs to another request of this session; which of them it "
        "is, or whether a second task exists, is unknown. It was not sent again",
        model=request.model,
        reason="the task id belongs to another request",
        task_id=task_id,
    )
