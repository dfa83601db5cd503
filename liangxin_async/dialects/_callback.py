"""What all dialects share in reading a callback: JSON members in, a note out.

A body that names two tasks names none: its reader might look at the wrong one, and a
signature might cover the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from liangxin_async._converter import NotJsonError, parse_json
from liangxin_async._records import TaskState
from liangxin_async.dialects._wire import LONGEST_ID, CallbackNote

if TYPE_CHECKING:
    from collections.abc import Iterable

_GOES_ON = (TaskState.WAITING, TaskState.QUEUING, TaskState.GENERATING)


def parse_members(body: bytes) -> dict[str, Any]:
    """Return the members of a JSON object; empty for anything else."""
    try:
        value = parse_json(body)
    except NotJsonError:
        return {}
    return value if isinstance(value, dict) else {}


def note_about(named: Iterable[str | None], state: TaskState) -> CallbackNote | None:
    """Return a note about the one task that is `named`, or None."""
    ids = set(named) - {None}
    task_id = ids.pop() if len(ids) == 1 else None
    if task_id is None or not task_id.strip() or len(task_id) > LONGEST_ID:
        return None
    return CallbackNote(task_id, is_over=state not in _GOES_ON)
