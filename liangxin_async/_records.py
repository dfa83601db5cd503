"""What a task looked like and how it ended: plain values, frozen and picklable.

Instants here are aware UTC datetimes, because they are for people and for storage.
No wait in the library depends on them.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from attrs import field, frozen, resolve_types

from liangxin_async._naming import name_publicly

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from liangxin_async._errors import LiangxinError
    from liangxin_async.models import Request


class TaskState(Enum):
    """Where a task stands.

    The five states of LiangXin's recordInfo page, and UNKNOWN for any other word,
    which is never terminal: the raw word stays in `TaskRecord.raw_state`.
    """

    WAITING = "waiting"  # accepted, waiting for the upstream
    QUEUING = "queuing"  # queued locally or upstream
    GENERATING = "generating"  # the upstream is at work
    SUCCESS = "success"  # done, with a result to read
    FAIL = "fail"  # over, without a result
    UNKNOWN = "unknown"  # a word that no source names

    @property
    def is_terminal(self) -> bool:
        """Whether nothing can follow: true for SUCCESS and FAIL only."""
        return self in _TERMINAL


_TERMINAL = frozenset((TaskState.SUCCESS, TaskState.FAIL))


class _Stored:
    """What can be stored as JSON, and had back equal."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return this as plain JSON values, to be stored; instants in ISO 8601.

        Holds the prompt and the result URLs, and never the API key.
        """
        from liangxin_async._stored import to_plain

        return to_plain(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Return what `to_dict` wrote; keys that are unknown are ignored.

        Raises:
            InvalidRequestError: a key is missing or its value of a wrong type.
        """
        from liangxin_async._stored import from_plain

        return from_plain(plain, cls)


@frozen(kw_only=True)
class TaskRecord(_Stored):
    """One status answer, structured.

    Attributes:
        task_id: the id as the service spells it.
        model: model named by the service, or None where it named none.
        state: the state, folded into `TaskState`.
        raw_state: the service's own word for it.
        progress: 0 to 100, or None where the service gave none.
        param: the original request as the service echoes it (a mapping, or text that
            is not JSON), or None. It holds the prompt and the callback URL.
        result_urls: result URLs in the service's order, without repeats; empty before
            success.
        fail_code: the service's code for a failure, as text, or None.
        fail_message: the service's words for a failure, or None.
        cost_time: seconds of processing as the service counted them, or None.
        created_at: aware UTC datetime, or None.
        updated_at: aware UTC datetime, or None.
        completed_at: aware UTC datetime, or None before the end.
        usage: billing facts as the service sends them; empty where it sends none.
        raw: the task object as it came, every field of it.
    """

    task_id: str
    state: TaskState
    raw_state: str
    model: str | None = None
    progress: int | None = None
    param: Any = field(default=None, repr=False, hash=False)
    result_urls: tuple[str, ...] = field(default=(), repr=False)
    fail_code: str | None = None
    fail_message: str | None = None
    cost_time: float | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    completed_at: datetime | None = None
    usage: dict[str, Any] = field(factory=dict, repr=False, hash=False)
    raw: dict[str, Any] = field(factory=dict, repr=False, hash=False)


@frozen(kw_only=True)
class Result(_Stored):
    """What a successful task made.

    Attributes:
        task_id: the task.
        model: the model that made it, or None where nobody said.
        urls: one or more result URLs, in the service's order. They expire.
        record: the record that ended the task.
        expires_at: when the URLs stop working (aware UTC), where the service says so;
            None otherwise. LiangXin does not say.
    """

    task_id: str
    model: str | None
    urls: tuple[str, ...] = field(repr=False)
    record: TaskRecord = field(repr=False)
    expires_at: datetime | None = None


# Now, while the names in their annotations can be found: `name_publicly` gives the
# classes another module.
for _stored in (TaskRecord, Result):
    resolve_types(_stored)


@frozen(kw_only=True)
class Outcome:
    """How one request of a batch ended: exactly one of `result` and `error` is set.

    Attributes:
        index: position of the request in the input, from 0.
        request: the request as it was given.
        task_id: the task, or None where none was accepted as far as we know.
        result: what was made, or None.
        error: why nothing was made, or None.
    """

    index: int
    request: Request
    task_id: str | None = None
    result: Result | None = None
    error: LiangxinError | None = None

    def unwrap(self) -> Result:
        """Return the result, or raise the error."""
        if self.error is not None:
            raise self.error
        assert self.result is not None, "an outcome has a result or an error"
        return self.result


@frozen(kw_only=True)
class CreditCount:
    """How many credits one purse has.

    Attributes:
        remaining: credits left, with fractions; None where the service did not say.
        used: credits spent so far; None where it did not say.
        unlimited: whether the purse has no limit of its own; None where it did not
            say. `remaining` means nothing where this is true.
    """

    remaining: float | None = None
    used: float | None = None
    unlimited: bool | None = None


@frozen(kw_only=True)
class Credits:
    """What an account can still pay for, in the service's own credits.

    Attributes:
        token: the budget of the API key itself, or None where none was told.
        user: that of the whole account, or None where none was told.
        raw: the answer's data as it came.
    """

    token: CreditCount | None
    user: CreditCount | None
    raw: dict[str, Any] = field(factory=dict, repr=False, hash=False)


@frozen(kw_only=True)
class Stats:
    """Counts of one session since it was opened, at one instant.

    Attributes:
        in_flight: creates under way and accepted tasks that are not over.
        waiting: submits that wait for a permit.
        limits: tasks that may be in flight now, by model.
        accepted: creates the service took.
        saturated: creates the service refused as saturated (429).
        polls: queries made by the poller.
        settled: tasks that came to an end, good or bad.
        failed: those of them that ended in an error.
        callback_hits: those of them whose callback came before a query saw the end.
        callback_misses: those whose callback was to come, and a query saw the end
            first; one that comes later stays a miss.
        callback_forgeries: callbacks that had no effect: a wrong path or signature,
            another task's id, or an end that the service does not confirm.
    """

    in_flight: int = 0
    waiting: int = 0
    limits: Mapping[str, int] = field(factory=dict)
    accepted: int = 0
    saturated: int = 0
    polls: int = 0
    settled: int = 0
    failed: int = 0
    callback_hits: int = 0
    callback_misses: int = 0
    callback_forgeries: int = 0


name_publicly(TaskState, TaskRecord, Result, Outcome, CreditCount, Credits, Stats)
