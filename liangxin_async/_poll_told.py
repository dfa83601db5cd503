"""What is told of tasks and queries, to the observers and to the log.

Without an observer no event is made.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from attrs import frozen

from liangxin_async._errors import TaskLostError
from liangxin_async._events import (
    PollComplete,
    PollFailed,
    TaskAttached,
    TaskSettled,
)
from liangxin_async._telling import brief

if TYPE_CHECKING:
    import asyncio

    from liangxin_async._answer import Answer
    from liangxin_async._errors import LiangxinError
    from liangxin_async._handle import TaskHandle
    from liangxin_async._telling import Teller

_log = logging.getLogger(__name__)


@frozen
class PollTeller:
    """Tells what becomes of the tasks of one session."""

    _loop: asyncio.AbstractEventLoop
    _teller: Teller

    def attached(self, handle: TaskHandle) -> None:
        """A task that was made earlier or elsewhere is followed from now on."""
        _log.debug("task %r is followed", handle.task_id)
        if self._teller.listening:
            self._teller.tell(
                TaskAttached(
                    at=self._loop.time(), task_id=handle.task_id, model=handle.model
                )
            )

    def answered(self, task_id: str, answer: Answer, took: float) -> None:
        """A query about a task was answered, in so many seconds."""
        if self._teller.listening:
            self._teller.tell(
                PollComplete(
                    at=self._loop.time(),
                    task_id=task_id,
                    record=answer.record,
                    took=took,
                )
            )

    def changed(self, task_id: str, answer: Answer) -> None:
        """The answer brought something new."""
        _log.debug("task %r is %s", task_id, answer.state.value)

    def failed(self, task_id: str, error: LiangxinError, took: float) -> None:
        """A query about a task failed, after so many seconds."""
        _log.debug("a query about task %r failed: %s", task_id, brief(error))
        if self._teller.listening:
            self._teller.tell(
                PollFailed(
                    at=self._loop.time(), task_id=task_id, error=error, took=took
                )
            )

    def settled(
        self, handle: TaskHandle, age: float, polls: int, error: LiangxinError | None
    ) -> None:
        """A task ended at that age, in seconds, after so many queries."""
        # A lost task has been paid for, and nothing of ours will look for it again.
        _log.log(
            logging.WARNING if isinstance(error, TaskLostError) else logging.DEBUG,
            "task %r ended after %.1f s and %d queries: %s",
            handle.task_id,
            age,
            polls,
            "a result" if error is None else brief(error),
        )
        if self._teller.listening:
            self._teller.tell(
                TaskSettled(
                    at=self._loop.time(),
                    task_id=handle.task_id,
                    model=handle.model,
                    age=age,
                    polls=polls,
                    error=error,
                )
            )
