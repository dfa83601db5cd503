"""How an error is told: in words for people, as one JSON object for machines.

The library's messages speak to programmers in places; where the command has a better
word for the next step, it says that instead.
"""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Iterator
from typing import Any, TypeAlias

from liangxin_async._errors import (
    DownloadError,
    EmptyResultError,
    LiangxinError,
    SubmitUnknownError,
    TaskLostError,
    TaskTimeoutError,
)
from liangxin_async.cli._errors import CommandError, StoppedError, UsageError
from liangxin_async.cli._exit import exit_code
from liangxin_async.cli._out import Out

AnyError: TypeAlias = LiangxinError | CommandError

# Attributes of errors that are facts for machines, where an error has them.
_FACTS = (
    "task_id",
    "http_status",
    "code",
    "request_id",
    "retry_after",
    "reason",
    "fail_code",
    "fail_message",
)


def report(out: Out, error: AnyError, args: Namespace | None = None) -> int:
    """Tell an error, and return the exit code for it.

    Args:
        out: where to.
        error: what ended the command.
        args: the parsed line, or None if it could not be parsed.
    """
    if out.as_json:
        out.data({"error": facts(error)})
        return exit_code(error)
    out.note(f"liangxin: {words(error)}")
    for line in (*getattr(error, "__notes__", ()), *_advice(error, args)):
        out.note(f"  {line}")
    return exit_code(error)


def facts(error: AnyError) -> dict[str, Any]:
    """Return an error as plain values; `type`, `message` and so on are always there."""
    found: dict[str, Any] = {
        "type": type(error).__name__,
        "message": words(error),
        "charged": error.charged,
        "exit_code": int(exit_code(error)),
    }
    for name in _FACTS:
        value = getattr(error, name, None)
        if value is not None:
            found[name] = value
    if isinstance(error, StoppedError):
        found["task_ids"] = list(error.task_ids)
        found["doubts"] = error.doubts
    if isinstance(error, UsageError) and error.advice:
        found["advice"] = list(error.advice)
    if notes := getattr(error, "__notes__", None):
        found["notes"] = list(notes)
    return found


def words(error: AnyError) -> str:
    """Return what happened, in words of the command."""
    match error:
        case TaskTimeoutError(task_id=task_id, record=None):
            return f"the time is over; the service has not shown task {task_id} yet"
        case TaskTimeoutError(task_id=task_id):
            return f"the time is over; task {task_id} goes on at the service"
        case TaskLostError(task_id=task_id, record=None, charged="unknown"):
            return f"the service knows no task {task_id}"
        case SubmitUnknownError(reason=reason):
            return (
                f"the create was sent, and whether it was accepted is unknown "
                f"({reason}); it may have been charged, and sending it again may pay "
                "twice"
            )
        case EmptyResultError(task_id=task_id):
            return f"task {task_id} succeeded, but its record names no result URL"
        case StoppedError():
            return _stopped_words(error)
    return str(error)


def _stopped_words(error: StoppedError) -> str:
    count = len(error.task_ids)
    parts = [f"{error} with {count or 'no'} {'task' if count == 1 else 'tasks'} open"]
    if error.doubts:
        parts.append(f"creates whose outcome is unknown: {error.doubts}")
    return "; ".join(parts)


def _advice(error: AnyError, args: Namespace | None) -> Iterator[str]:
    match error:
        case UsageError(advice=advice):
            yield from advice
        case StoppedError(task_ids=task_ids) if task_ids:
            if getattr(args, "command", None) == "demo":
                yield "the demo's own service has ended, and they with it; for a real"
                yield "service, where they go on, this would wait for them:"
            else:
                yield "what was accepted goes on at the service; to wait for it:"
            for task_id in task_ids:
                yield wait_command(task_id, args)
        case EmptyResultError(task_id=task_id):
            yield f"`liangxin status {shlex.quote(task_id)}` shows its record"
        case TaskLostError(record=None, charged="unknown"):
            yield "check the id, the address, and the service (--dialect) that made it"
        case TaskTimeoutError() | TaskLostError() | DownloadError() if error.task_id:
            yield f"to wait for it: {wait_command(error.task_id, args)}"


def wait_command(task_id: str, args: Namespace | None = None) -> str:
    """Return the line that waits for a task again."""
    base_url = getattr(args, "base_url", None)
    address = f" --base-url {shlex.quote(base_url)}" if base_url else ""
    dashes = "-- " if task_id.startswith("-") else ""
    return f"liangxin wait{address} {dashes}{shlex.quote(task_id)}"
