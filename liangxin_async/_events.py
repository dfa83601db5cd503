"""What the library tells while it works: frozen events to one or several observers.

Instants are monotonic seconds of the running loop (`anyio.current_time()`). No event
shows a prompt, a key or a result URL: `SubmitQueued.request` and `PollComplete.record`
hold what their names say for those who reach for it, and their `repr` leaves it out.

What began always ends, and is told with one name in common:

    begins with       on the way                        ends with exactly one of
    ---------------   -------------------------------   --------------------------------
    SubmitQueued      SubmitStarted, SubmitRefused      SubmitAccepted, SubmitFailed,
    (`submit_id`)                                       SubmitCancelled
    SubmitAccepted,   PollComplete, PollFailed          TaskSettled
    TaskAttached
    (`task_id`)
    DownloadStarted   DownloadRetried                   DownloadComplete,
    (`task_id`,                                         DownloadFailed,
    `position`)                                         DownloadCancelled

`SubmitAccepted` has both names, so that a submit leads to its task and to its files.
One more may follow an end: `SubmitAccepted` after `SubmitFailed` with a
`SubmitUnknownError`, when a callback has named the task of a create in doubt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias, get_args

from attrs import field, frozen

from liangxin_async._naming import name_publicly

if TYPE_CHECKING:
    from pathlib import Path

    from liangxin_async._errors import DownloadError, LiangxinError
    from liangxin_async._records import TaskRecord
    from liangxin_async.models import Request


@frozen(kw_only=True)
class SubmitQueued:
    """A submit begins: it asks for its first permit. Told in the caller's own task and
    context, before anything is awaited.

    Attributes:
        at: instant.
        submit_id: names this submit; unique in the process.
        model: model asked for.
        request: what was asked for. It holds the prompt, and shows the model only.
    """

    at: float
    submit_id: int
    model: str
    request: Request = field(repr=False)


@frozen(kw_only=True)
class SubmitStarted:
    """A create has its permit and is about to be sent.

    Attributes:
        at: instant.
        submit_id: names this submit, as in its `SubmitQueued`.
        model: model asked for.
        attempt: 1-based try of this submit.
        queued: seconds it waited for its permit.
        in_flight: permits of the model that are out, this one included.
        limit: permits of the model that may be out at this instant.
    """

    at: float
    submit_id: int
    model: str
    attempt: int
    queued: float
    in_flight: int
    limit: int


@frozen(kw_only=True)
class SubmitAccepted:
    """A create was accepted.

    Attributes:
        at: instant.
        submit_id: names this submit, as in its `SubmitQueued`.
        model: model asked for.
        attempt: 1-based try of this submit.
        task_id: the new task.
        detached: whether the caller had gone before the answer came.
    """

    at: float
    submit_id: int
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
        submit_id: names this submit, as in its `SubmitQueued`.
        model: model asked for.
        attempt: 1-based try of this submit.
        error: why.
        delay: seconds until this submit asks for a permit again.
    """

    at: float
    submit_id: int
    model: str
    attempt: int
    error: LiangxinError
    delay: float


@frozen(kw_only=True)
class SubmitFailed:
    """A submit ended without an accepted task: refused for good, out of time, or with
    its session closed.

    Attributes:
        at: instant.
        submit_id: names this submit, as in its `SubmitQueued`.
        model: model asked for.
        attempt: 1-based try of this submit.
        error: why. For `SubmitUnknownError` a task may exist all the same.
        detached: whether the caller had gone before the answer came.
        queued: whether it was waiting for a permit, so that this attempt had no
            `SubmitStarted`.
    """

    at: float
    submit_id: int
    model: str
    attempt: int
    error: LiangxinError
    detached: bool
    queued: bool


@frozen(kw_only=True)
class SubmitCancelled:
    """A submit was cancelled before its first byte left: nothing was sent.

    Attributes:
        at: instant.
        submit_id: names this submit, as in its `SubmitQueued`.
        model: model asked for.
        attempt: 1-based try of this submit.
        queued: whether it was waiting for a permit, so that this attempt had no
            `SubmitStarted`.
    """

    at: float
    submit_id: int
    model: str
    attempt: int
    queued: bool


@frozen(kw_only=True)
class TaskAttached:
    """A task that was made earlier or elsewhere is followed from now on. Told in the
    caller's own context.

    Attributes:
        at: instant.
        task_id: the task.
        model: the model, where the caller named it.
    """

    at: float
    task_id: str
    model: str | None


@frozen(kw_only=True)
class PollComplete:
    """A query about a task was answered.

    Attributes:
        at: instant.
        task_id: the task.
        record: what the service said. It holds what the service echoes, and the result
            URLs; its `repr` shows neither.
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


@frozen(kw_only=True)
class DownloadStarted:
    """A file is about to be fetched.

    Attributes:
        at: instant.
        task_id: the task that made it.
        position: place of the file in `Result.urls`, from 0.
        files: how many files the call fetches, one after the other.
    """

    at: float
    task_id: str
    position: int
    files: int


@frozen(kw_only=True)
class DownloadRetried:
    """A file did not come whole and is fetched again from its start.

    Attributes:
        at: instant.
        task_id: the task that made it.
        position: place of the file in `Result.urls`, from 0.
        attempt: 1-based try that failed.
        error: why.
        delay: seconds until the next try.
    """

    at: float
    task_id: str
    position: int
    attempt: int
    error: DownloadError
    delay: float


@frozen(kw_only=True)
class DownloadComplete:
    """A file is saved.

    Attributes:
        at: instant.
        task_id: the task that made it.
        position: place of the file in `Result.urls`, from 0.
        files: how many files the call fetches, one after the other.
        path: where it is.
        size_bytes: its size.
        took: seconds since its `DownloadStarted`.
    """

    at: float
    task_id: str
    position: int
    files: int
    path: Path
    size_bytes: int
    took: float


@frozen(kw_only=True)
class DownloadFailed:
    """A file could not be had, which ends the call: no later file is fetched.

    Attributes:
        at: instant.
        task_id: the task that made it.
        position: place of the file in `Result.urls`, from 0.
        error: why: `DownloadError`, or `SessionClosedError`.
        took: seconds since its `DownloadStarted`.
    """

    at: float
    task_id: str
    position: int
    error: LiangxinError
    took: float


@frozen(kw_only=True)
class DownloadCancelled:
    """The caller gave up while a file was fetched; nothing partial is left.

    Attributes:
        at: instant.
        task_id: the task that made it.
        position: place of the file in `Result.urls`, from 0.
        took: seconds since its `DownloadStarted`.
    """

    at: float
    task_id: str
    position: int
    took: float


@frozen(kw_only=True)
class SessionClosed:
    """The session is closed, or its loop is gone. It tells nothing after this.

    Attributes:
        at: instant.
    """

    at: float


Event: TypeAlias = (
    SubmitQueued
    | SubmitStarted
    | SubmitAccepted
    | SubmitRefused
    | SubmitFailed
    | SubmitCancelled
    | TaskAttached
    | PollComplete
    | PollFailed
    | TaskSettled
    | CallbackTaken
    | DownloadStarted
    | DownloadRetried
    | DownloadComplete
    | DownloadFailed
    | DownloadCancelled
    | SessionClosed
)


class Observer(Protocol):
    """Anything that can be called with an event.

    It is called in the loop, between two steps of the library: it must return soon. An
    exception from it is logged and goes no further.
    """

    def __call__(self, event: Event, /) -> None: ...


name_publicly(*get_args(Event), Observer)
