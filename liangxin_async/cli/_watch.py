"""What one command knows of its tasks, from the events of its session.

Invariants:
- An accepted id stands in `open` until its files are home or its task ended badly;
  so at any instant `open` is what a person would have to wait for again.
- `doubts` counts creates that left and whose outcome nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from liangxin_async._errors import (
    LiangxinError,
    NotFoundError,
    SaturatedError,
    SessionClosedError,
    SubmitUnknownError,
    TaskTimeoutError,
)
from liangxin_async._events import (
    Event,
    PollComplete,
    PollFailed,
    SubmitAccepted,
    SubmitCancelled,
    SubmitFailed,
    SubmitRefused,
    SubmitStarted,
    TaskSettled,
)
from liangxin_async._records import TaskRecord, TaskState

_SATURATED = "waiting for a place: the service is saturated"
_GOES_ON = (SessionClosedError, TaskTimeoutError)  # the task itself did not end


@define
class Tally:
    """Counts of one model."""

    open: int = 0
    saved: int = 0
    refused: int = 0


@define(eq=False)
class Watch:
    """An observer that keeps count.

    Attributes:
        on_event: called with every event after it was counted; None for nobody.
        open: model by id of the tasks that are not home, oldest first.
        tallies: counts by model.
        accepted: creates the service took.
        refused: creates the service sent back as saturated.
        polls: queries made.
        under_way: creates sent and not answered.
        late: why a create whose caller had gone was refused after all, or None.
        status: where the newest task stands, in words.
    """

    on_event: Callable[[Event], None] | None = None
    open: dict[str, str | None] = field(factory=dict)
    tallies: dict[str, Tally] = field(factory=dict)
    accepted: int = 0
    refused: int = 0
    polls: int = 0
    under_way: int = 0
    late: LiangxinError | None = None
    status: str = "waiting for a place"
    _lost: int = 0

    @property
    def is_waiting(self) -> bool:
        """Whether the newest create waits because the service is saturated."""
        return self.status == _SATURATED

    @property
    def doubts(self) -> int:
        """Creates that were sent and whose outcome is not known."""
        return self._lost + self.under_way

    def tally(self, model: str | None) -> Tally:
        """Return the counts of a model, made on first use."""
        return self.tallies.setdefault(model or "", Tally())

    def home(self, task_id: str, model: str | None = None) -> None:
        """Note that the files of a task are saved.

        Args:
            task_id: the task.
            model: whose saved file it is where the task is not known here: one of an
                earlier run. None counts such a file nowhere.
        """
        if task_id in self.open:
            model = self.open[task_id]
            self.let_go(task_id)
            self.tally(model).saved += 1
        elif model is not None:
            self.tally(model).saved += 1

    def let_go(self, task_id: str) -> None:
        """Forget a task, if it is known: others keep its id."""
        if task_id in self.open:
            self.tally(self.open.pop(task_id)).open -= 1

    def follow(self, task_id: str) -> None:
        """Note a task that was made elsewhere."""
        self.open[task_id] = None
        self.tally(None).open += 1

    def settle_doubt(self, error: SubmitUnknownError) -> LiangxinError:
        """Return what became of a create given up under way, once its session closed.

        Closing waits for such creates, so their answer may have come meanwhile.
        """
        if self.open:
            task_id = next(reversed(self.open))
            return TaskTimeoutError(f"task {task_id!r} goes on", task_id=task_id)
        return self.late or error

    def __call__(self, event: Event, /) -> None:
        """Count one event of the session."""
        match event:
            case PollComplete() | PollFailed() | TaskSettled():
                self._followed(event)
            case _:
                self._submitted(event)
        if self.on_event is not None:
            self.on_event(event)

    def _submitted(self, event: Event) -> None:
        match event:
            case SubmitStarted():
                self.under_way += 1
                self.status = "sending"
            case SubmitFailed(queued=True) | SubmitCancelled(queued=True):
                pass  # it waited for its place, and was neither sent nor refused
            case SubmitAccepted(task_id=task_id, model=model):
                self.under_way -= 1
                self.accepted += 1
                self.open[task_id] = model
                self.tally(model).open += 1
                self.status = "accepted"
            case SubmitRefused(error=error):
                self.under_way -= 1
                if isinstance(error, SaturatedError):
                    self._saturated(event.model)
                    self.status = _SATURATED
                else:
                    self.status = f"trying again: {type(error).__name__}"
            case SubmitFailed(error=error, detached=detached):
                self.under_way -= 1
                self._lost += isinstance(error, SubmitUnknownError)
                if isinstance(error, SaturatedError):
                    self._saturated(event.model)
                if detached and not isinstance(error, SubmitUnknownError):
                    self.late = error
            case SubmitCancelled():
                self.under_way -= 1

    def _saturated(self, model: str) -> None:
        self.refused += 1
        self.tally(model).refused += 1

    def _followed(self, event: PollComplete | PollFailed | TaskSettled) -> None:
        match event:
            case PollComplete(record=record):
                self.polls += 1
                self.status = _words(record)
            case PollFailed(error=error):
                self.polls += 1
                # The words of an error may be long; which kind it is tells enough here.
                unseen = isinstance(error, NotFoundError)
                self.status = (
                    "not shown by the service so far"
                    if unseen
                    else f"asking again: {type(error).__name__}"
                )
            case TaskSettled(task_id=task_id, error=error):
                failed = error is not None and not isinstance(error, _GOES_ON)
                if failed:
                    self.let_go(task_id)


def _words(record: TaskRecord) -> str:
    unknown = record.state is TaskState.UNKNOWN
    state = record.raw_state if unknown else record.state.value
    return state if record.progress is None else f"{state}, {record.progress} %"
