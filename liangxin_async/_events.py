"""What the library tells while it works: frozen events to one `Observer`.

Instants are monotonic seconds of the running loop (`anyio.current_time()`). No event
holds a prompt, a key or a result URL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

from attrs import frozen

if TYPE_CHECKING:
    from liangxin_async._errors import LiangxinError
    from liangxin_async._records import TaskRecord


@frozen(kw_only=True)
class SubmitStarted:
    """A create has its permit and is about to be sent.

    Attributes:
        at: instant.
        model: model asked for.
        attempt: 1-based try of this submit.
        queued: seconds it waited for its permit.
    """

    at: float
    model: str
    attempt: int
    queued: float


@frozen(kw_only=True)
class SubmitAccepted:
    """A create was accepted.

    Attributes:
        at: instant.
        model: model asked for.
        attempt: 1-based try of this submit.
        task_id: the new task.
        detached: whether the caller had gone before the answer came.
    """

    at: float
    model: str
    attempt: int
    task_id: str
    detached: bool


@frozen(kw_only=True)
class SubmitRefused:
    """A create was not accepted now and will be sent again: 429 and the like, or the
    request never left.

    Attributes:
        at: instant.
        model: model asked for.
        attempt: 1-based try of this submit.
        error: why.
        delay: seconds until this submit asks for a permit again.
    """

    at: float
    model: str
    attempt: int
    error: LiangxinError
    delay: float


@frozen(kw_only=True)
class SubmitFailed:
    """A submit ended without an accepted task.

    Attributes:
        at: instant.
        model: model asked for.
        attempt: 1-based try of this submit.
        error: why. For `SubmitUnknownError` a task may exist all the same.
        detached: whether the caller had gone before the answer came.
    """

    at: float
    model: str
    attempt: int
    error: LiangxinError
    detached: bool


@frozen(kw_only=True)
class SubmitCancelled:
    """A submit was cancelled after `SubmitStarted` and before its first byte left.

    Attributes:
        at: instant.
        model: model asked for.
        attempt: 1-based try of this submit.
    """

    at: float
    model: str
    attempt: int


@frozen(kw_only=True)
class PollComplete:
    """A query about a task was answered.

    Attributes:
        at: instant.
        task_id: the task.
        record: what the service said.
        took: seconds from sending to the whole answer.
    """

    at: float
    task_id: str
    record: TaskRecord
    took: float


@frozen(kw_only=True)
class PollFailed:
    """A query about a task brought nothing usable; it is repeated.

    Attributes:
        at: instant.
        task_id: the task.
        error: what came instead.
        took: seconds from sending to the failure.
    """

    at: float
    task_id: str
    error: LiangxinError
    took: float


@frozen(kw_only=True)
class TaskSettled:
    """A task came to its end.

    Attributes:
        at: instant.
        task_id: the task.
        model: the model, where known.
        age: seconds since it was accepted or attached.
        polls: queries that were made about it.
        error: None for a result.
    """

    at: float
    task_id: str
    model: str | None
    age: float
    polls: int
    error: LiangxinError | None


@frozen(kw_only=True)
class CallbackTaken:
    """A callback was taken as a hint: the task it names is asked about at once.

    One for each hint, not for each delivery. A create whose answer was lost gives one
    when a callback has named its task and a query has confirmed it.

    Attributes:
        at: instant.
        task_id: the task.
    """

    at: float
    task_id: str


Event: TypeAlias = (
    SubmitStarted
    | SubmitAccepted
    | SubmitRefused
    | SubmitFailed
    | SubmitCancelled
    | PollComplete
    | PollFailed
    | TaskSettled
    | CallbackTaken
)


class Observer(Protocol):
    """Anything that can be called with an event.

    It is called in the loop, between two steps of the library: it must return soon. An
    exception from it is logged and goes no further.
    """

    def __call__(self, event: Event, /) -> None: ...
