"""What a handle keeps of an answer while nobody looks at it.

A task is asked about several times before it is over, and hardly anybody reads those
records. What the poller decides by is taken out of each; of the rest the bytes stay,
which take a fifth of the memory of what they mean, and which tell at once whether the
next answer says anything new.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from attrs import define

from liangxin_async.dialects import WireReply

if TYPE_CHECKING:
    from liangxin_async._records import TaskRecord, TaskState
    from liangxin_async.dialects import Dialect

_GOOD: Final = 200  # as any other status of success
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


@define(eq=False, weakref_slot=False)
class Answer:
    """The answer to one query about a task.

    Invariant: `record` equals what the dialect read when the answer came, whether it
    was kept or is read again: a good answer means what its body says (`Dialect`).

    Attributes:
        state: as in the record, and likewise the next three.
        raw_state: the service's own word for it.
        progress: 0 to 100, or None.
        model: the model, where the service names it.
    """

    state: TaskState
    raw_state: str
    progress: int | None
    model: str | None
    _task_id: str
    _dialect: Dialect
    _body: bytes
    _record: TaskRecord | None

    @classmethod
    def read(cls, reply: WireReply, task_id: str, dialect: Dialect) -> Answer:
        """Return what `reply` says about the task that was asked about.

        Raises:
            LiangxinError: as `Dialect.read_query`.
        """
        record = dialect.read_query(reply, task_id)
        return cls(
            record.state,
            sys.intern(record.raw_state),  # thousands of tasks share a few words
            record.progress,
            None if record.model is None else sys.intern(record.model),
            task_id,
            dialect,
            reply.body,
            record,
        )

    @property
    def record(self) -> TaskRecord:
        """The whole record; once somebody has asked for it, it is kept."""
        if self._record is None:
            reply = WireReply(_GOOD, _NO_HEADERS, self._body)
            self._record = self._dialect.read_query(reply, self._task_id)
        return self._record

    def let_go(self) -> None:
        """Keep only the bytes: whoever had to see the record has seen it."""
        self._record = None

    def is_repeated_by(self, reply: WireReply) -> bool:
        """Whether `reply` says the very same."""
        return self._body == reply.body and 200 <= reply.status < 300
