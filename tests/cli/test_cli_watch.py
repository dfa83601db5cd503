"""What a command knows of its tasks follows from the events of its session."""

from __future__ import annotations

from typing import Any

from liangxin_async import (
    BadRequestError,
    NotFoundError,
    PollComplete,
    PollFailed,
    SaturatedError,
    SessionClosedError,
    SubmitAccepted,
    SubmitCancelled,
    SubmitFailed,
    SubmitRefused,
    SubmitStarted,
    SubmitTimeoutError,
    SubmitUnknownError,
    TaskFailedError,
    TaskRecord,
    TaskSettled,
    TaskState,
)
from liangxin_async.cli._watch import Tally, Watch

CALL: dict[str, Any] = {"at": 0.0, "submit_id": 1, "model": "m", "attempt": 1}
STARTED = SubmitStarted(**CALL, queued=0.0, in_flight=1, limit=4)
ACCEPTED = SubmitAccepted(**CALL, task_id="t", detached=False)


def settled(error: Any) -> TaskSettled:
    return TaskSettled(at=0.0, task_id="t", model="m", age=1.0, polls=1, error=error)


def watched(*events: Any) -> Watch:
    watch = Watch()
    for event in events:
        watch(event)
    return watch


def test_watch_keeps_an_id_until_its_files_are_home() -> None:
    """A good end is no reason to forget an id: its file may be lost yet."""
    watch = watched(STARTED, ACCEPTED, settled(None))
    assert list(watch.open) == ["t"]
    watch.home("t")
    watch.home("t")
    assert list(watch.open) == []
    assert watch.tallies == {"m": Tally(open=0, saved=1, refused=0)}


def test_watch_drops_what_failed_and_keeps_what_goes_on() -> None:
    """A failure ends a task; the end of a session does not."""
    assert not watched(
        STARTED, ACCEPTED, settled(TaskFailedError("", task_id="t"))
    ).open
    closed = SessionClosedError("", task_id="t")
    assert list(watched(STARTED, ACCEPTED, settled(closed)).open) == ["t"]


def test_watch_counts_doubts() -> None:
    """In doubt is what has left and was not answered, or came to nothing known."""
    unknown = SubmitFailed(
        **CALL, error=SubmitUnknownError(""), detached=True, queued=False
    )
    assert watched(STARTED).doubts == 1
    assert watched(STARTED, SubmitCancelled(**CALL, queued=False)).doubts == 0
    assert watched(STARTED, ACCEPTED).doubts == 0
    assert watched(STARTED, unknown).doubts == 1
    assert watched(STARTED, unknown).late is None


def test_watch_remembers_a_late_refusal() -> None:
    """What became of a create given up is known once it is refused after all."""
    error = BadRequestError()
    watch = watched(
        STARTED, SubmitFailed(**CALL, error=error, detached=True, queued=False)
    )
    assert watch.settle_doubt(SubmitUnknownError("")) is error
    doubt = SubmitUnknownError("")
    assert watched(STARTED).settle_doubt(doubt) is doubt


def test_watch_counts_nothing_for_a_submit_that_found_no_place() -> None:
    """Its time ran out in the queue: it was neither sent nor refused."""
    late = SubmitFailed(**CALL, error=SubmitTimeoutError(), detached=False, queued=True)
    for event in (late, SubmitCancelled(**CALL, queued=True)):
        watch = watched(event)
        assert (watch.under_way, watch.refused, watch.doubts) == (0, 0, 0)


def test_watch_says_where_things_are() -> None:
    """The status is in words: refused, not shown yet, the service's own word."""
    refused = SubmitRefused(**CALL, error=SaturatedError(), delay=0.0)
    assert watched(STARTED, refused).is_waiting
    assert watched(STARTED, refused).refused == 1
    unseen = PollFailed(at=0.0, task_id="t", error=NotFoundError(), took=0.1)
    assert watched(unseen).status == "not shown by the service so far"
    record = TaskRecord(
        task_id="t", state=TaskState.UNKNOWN, raw_state="dreaming", progress=40
    )
    complete = PollComplete(at=0.0, task_id="t", record=record, took=0.1)
    assert watched(complete).status == "dreaming, 40 %"
    assert watched(complete, unseen).polls == 2
