"""What is told about one task, before a dialect puts it into words.

The seam between faults and dialects: a fault that means the same everywhere changes a
`Report`, and each dialect tells the changed report in its own spelling. So the values
of a report are whatever a fault wants to be told, and `MISSING` leaves one out.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, frozen

if TYPE_CHECKING:
    from liangxin_async.emulator._tasks import Task


class _Missing(Enum):
    MISSING = "missing"


MISSING: Final = _Missing.MISSING


@frozen(kw_only=True)
class Report:
    """One task at one moment.

    Attributes:
        task: the facts that no fault changes: model, times, request.
        now: instant of the answer, in seconds on the emulator's clock.
        wall: turns instants into Unix milliseconds.
        is_new: whether this answers a create rather than a query.
        task_id: the id that is told.
        state: where the task stands: "waiting", "queuing", "generating", "success" or
            "fail". Each dialect has its own word for it.
        word: told in the place of that word; None for the word itself.
        progress: told as the progress; None for the number that is true.
        urls: the result URLs; told where the state is "success".
        fail_code, fail_message: why it failed; told where the state is "fail". A code
            of None is the dialect's usual one.
        times: how times are written: "milliseconds", "seconds", "text" or "absent";
            None for the service's own way.
    """

    task: Task
    now: float
    wall: Callable[[float], int]
    is_new: bool
    task_id: Any
    state: str
    word: Any = None
    progress: Any = None
    urls: Any = ()
    fail_code: Any = None
    fail_message: Any = ""
    times: str | None = None

    @property
    def has_ended(self) -> bool:
        """Whether the task has succeeded or failed."""
        return self.state in ("success", "fail")

    @property
    def percent(self) -> int:
        """How far the task is, 0 to 100; a failed one shows 0."""
        if self.state == "generating":
            share = (self.now - self.task.created) / max(self.task.duration, 1e-9)
            return min(max(int(100 * share), 1), 99)
        return 100 if self.state == "success" else 0

    def ending(self) -> Report:
        """Return the report of the task's own end."""
        failure = self.task.failure
        if failure is None:
            return evolve(self, state="success")
        return evolve(
            self, state="fail", fail_code=failure.code, fail_message=failure.message
        )
