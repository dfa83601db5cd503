"""From a task object on the wire to a `TaskRecord`, by one table for each dialect.

A dialect says which member holds which attribute, and how the few that are its own are
read; the rest is read here. Only the task id can fail to be read: a strange `costTime`
must not cost anybody a paid picture, and `TaskRecord.raw` keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from liangxin_async._converter import (
    read_instant,
    read_nested,
    read_number,
    read_progress,
    read_text,
    read_urls,
)
from liangxin_async._core.lifecycle import fold_state
from liangxin_async._errors import ProtocolError
from liangxin_async._records import TaskRecord, TaskState

if TYPE_CHECKING:
    from liangxin_async.dialects._wire import WireReply

Reader: TypeAlias = Callable[[object], Any]
Structure: TypeAlias = Callable[[Mapping[str, Any], "WireReply"], TaskRecord]


def _task_id(value: object) -> str:
    text = read_text(value)
    if text is None or not text.strip():
        raise TypeError(f"expected a task id, got {type(value).__name__}")
    return text


def _state(value: object) -> TaskState:
    return fold_state(value) if isinstance(value, str) else TaskState.UNKNOWN


def _raw_state(value: object) -> str:
    return read_text(value) or ""


def read_seconds(value: object) -> float | None:
    """A duration in seconds, 0 or more; None for anything else."""
    number = read_number(value)
    return None if number is None or number < 0 else number


def _usage(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def as_is(value: object) -> object:
    """What was given, for members that a dialect has read itself."""
    return value


# Attributes that a record has whatever the service says; the others have defaults.
_ALWAYS: Final = frozenset(("task_id", "state", "raw_state"))
_READERS: Final[Mapping[str, Reader]] = {
    "task_id": _task_id,
    "model": read_text,
    "state": _state,
    "raw_state": _raw_state,
    "progress": read_progress,
    "param": read_nested,
    "result_urls": read_urls,
    "fail_code": read_text,
    "fail_message": read_text,
    "cost_time": read_seconds,
    "created_at": read_instant,
    "updated_at": read_instant,
    "completed_at": read_instant,
    "usage": _usage,
    "raw": as_is,
}


def make_structure(
    members: Mapping[str, str | tuple[str, ...]], **readers: Reader
) -> Structure:
    """Return the function that makes records of one dialect's task objects.

    Args:
        members: the member that holds an attribute of `TaskRecord`, by attribute,
            where it is not called the same. Of several the first that is not null is
            taken. `raw` is whatever the dialect puts there.
        readers: how an attribute is read, where that is the dialect's own.
    """
    table = tuple(
        (name, _spellings(members.get(name, name)), reader)
        for name, reader in {**_READERS, **readers}.items()
    )

    def structure(task: Mapping[str, Any], reply: WireReply) -> TaskRecord:
        values: dict[str, Any] = {}
        for name, spellings, read in table:
            for spelling in spellings:
                value = task.get(spelling)
                if value is not None:
                    break
            else:
                if name not in _ALWAYS:
                    continue
            try:
                values[name] = read(value)
            except (TypeError, ValueError) as exc:
                raise _unfit(f"{exc} @ $.{name}", reply) from None
        return TaskRecord(**values)

    return structure


def _unfit(problem: str, reply: WireReply) -> ProtocolError:
    return ProtocolError(
        f"the record of a task does not fit: {problem}",
        http_status=reply.status,
        body=reply.excerpt,
        problems=(problem,),
    )


def _spellings(member: str | tuple[str, ...]) -> tuple[str, ...]:
    return (member,) if isinstance(member, str) else member


def demand_about(record: TaskRecord, task_id: str, reply: WireReply) -> TaskRecord:
    """Return `record` if it is about `task_id`.

    Raises:
        ProtocolError: it is about another task.
    """
    if record.task_id != task_id:
        raise ProtocolError(
            f"asked about task {task_id!r} and was told about another one",
            http_status=reply.status,
        )
    return record
