"""States, steps, ends, and when a task counts as lost (api/liangxin.md 3, 4)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liangxin_async import _errors
from liangxin_async._core.lifecycle import (
    Step,
    conclude,
    fold_state,
    is_lost,
    next_step,
)
from liangxin_async._errors import (
    ApiError,
    AuthenticationError,
    ConnectError,
    ConnectionLostError,
    EmptyResultError,
    InsufficientQuotaError,
    LiangxinError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    RequestTimeoutError,
    SaturatedError,
    ServiceError,
    TaskFailedError,
)
from liangxin_async._records import Outcome, Result, TaskRecord, TaskState
from liangxin_async.models import ZImage

SPELLINGS = {
    TaskState.WAITING: ("waiting", "wait", "pending"),
    TaskState.QUEUING: ("queuing", "queueing", "queued"),
    TaskState.GENERATING: ("generating", "processing", "running", "in_progress"),
    TaskState.SUCCESS: ("success", "succeeded", "completed"),
    TaskState.FAIL: ("fail", "failed", "error"),
}
WORDS = [(word, state) for state, words in SPELLINGS.items() for word in words]
ENDS = (TaskState.SUCCESS, TaskState.FAIL)


def record(
    state: TaskState = TaskState.GENERATING,
    *,
    raw: str | None = None,
    progress: int | None = None,
    urls: tuple[str, ...] = (),
    **facts: str | None,
) -> TaskRecord:
    return TaskRecord(
        task_id="T",
        state=state,
        raw_state=state.value if raw is None else raw,
        progress=progress,
        result_urls=urls,
        **facts,
    )


# ------------------------------------------------------------------------- states


@pytest.mark.parametrize(("word", "state"), WORDS)
@pytest.mark.parametrize("change", [str, str.upper, str.title, " {}\n".format])
def test_fold_state_every_documented_spelling(word, state, change) -> None:
    """Each spelling of the family means its state, whatever its case and margins."""
    assert fold_state(change(word)) is state


@pytest.mark.parametrize(
    "word", ["", " ", "paused", "successful", "fail!", "0", "成功"]
)
def test_fold_state_unknown_word(word: str) -> None:
    """A word that no source names is UNKNOWN, which is not terminal."""
    assert fold_state(word) is TaskState.UNKNOWN
    assert not fold_state(word).is_terminal


@pytest.mark.parametrize("state", TaskState)
def test_task_state_terminal(state: TaskState) -> None:
    """Only success and fail end a task."""
    assert state.is_terminal is (state in ENDS)


# -------------------------------------------------------------------------- steps


@pytest.mark.parametrize("state", TaskState)
def test_next_step_first_answer(state: TaskState) -> None:
    """A first answer ends the task or is news; it is never nothing."""
    expected = Step.ENDED if state in ENDS else Step.CHANGED
    assert next_step(None, record(state)) is expected


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("state", TaskState)
def test_next_step_after_the_end(end: TaskState, state: TaskState) -> None:
    """The first terminal state is final: success then fail, or a step back, is late."""
    assert next_step(record(end), record(state)) is Step.LATE


@pytest.mark.parametrize("before", [s for s in TaskState if s not in ENDS])
@pytest.mark.parametrize("after", [s for s in TaskState if s not in ENDS])
def test_next_step_any_order(before: TaskState, after: TaskState) -> None:
    """States may be skipped and may go backwards: each change is only a change."""
    expected = Step.SAME if before is after else Step.CHANGED
    assert next_step(record(before), record(after)) is expected


@pytest.mark.parametrize(
    ("seen", "answer", "step"),
    [
        (record(progress=10), record(progress=10), Step.SAME),
        (record(progress=10), record(progress=11), Step.CHANGED),
        (record(progress=None), record(progress=0), Step.CHANGED),
        (record(raw="running"), record(raw="generating"), Step.CHANGED),
        (
            record(TaskState.UNKNOWN, raw="a"),
            record(TaskState.UNKNOWN, raw="b"),
            Step.CHANGED,
        ),
        (record(), record(model="other"), Step.SAME),
    ],
)
def test_next_step_same_state(seen: TaskRecord, answer: TaskRecord, step: Step) -> None:
    """State, raw word or progress make a change; other fields do not."""
    assert next_step(seen, answer) is step


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(TaskState), max_size=12))
def test_next_step_ends_once(states: list[TaskState]) -> None:
    """Whatever the sequence of answers, a task ends at most once, at its first end."""
    seen: TaskRecord | None = None
    steps = []
    for state in states:
        answer = record(state)
        steps.append(next_step(seen, answer))
        if steps[-1] is not Step.LATE:
            seen = answer
    ends = [index for index, state in enumerate(states) if state in ENDS]
    first = ends[0] if ends else len(states)
    assert steps.count(Step.ENDED) == bool(ends)
    assert all(step is Step.LATE for step in steps[first + 1 :])
    assert Step.LATE not in steps[: first + 1]


# --------------------------------------------------------------------------- ends


def test_conclude_success() -> None:
    """A success gives its URLs in order, its record, and the expiry it was given."""
    urls = ("https://h/b.png", "https://h/a.png")
    ended = record(TaskState.SUCCESS, urls=urls, model="real")
    expires = datetime(2026, 1, 1, tzinfo=UTC)
    result = conclude(ended, "asked", expires)
    assert result == Result(
        task_id="T", model="real", urls=urls, record=ended, expires_at=expires
    )


def test_conclude_success_unnamed_model() -> None:
    """Where the record names no model, the one that was asked for is used."""
    ended = record(TaskState.SUCCESS, urls=("https://h/a",))
    assert conclude(ended, "asked", None).model == "asked"
    assert conclude(ended, None, None).model is None


def test_conclude_success_without_url() -> None:
    """Success without a URL is an error with id and record, and it was paid."""
    ended = record(TaskState.SUCCESS)
    error = conclude(ended, None, None)
    assert isinstance(error, EmptyResultError)
    assert (error.task_id, error.record, error.charged) == ("T", ended, "yes")
    assert "'T'" in str(error)


@pytest.mark.parametrize("urls", [(), ("https://h/a",)])
def test_conclude_failure(urls: tuple[str, ...]) -> None:
    """A failure carries the service's code and words, even beside URLs."""
    ended = record(
        TaskState.FAIL,
        urls=urls,
        fail_code="500",
        fail_message="upstream rejected the prompt",
    )
    error = conclude(ended, None, None)
    assert isinstance(error, TaskFailedError)
    assert error.fail_code == "500"
    assert error.fail_message == "upstream rejected the prompt"
    assert error.record is ended
    for part in ("'T'", "upstream rejected the prompt", "500"):
        assert part in str(error)


def test_conclude_failure_without_words() -> None:
    """A failure without code and words says so, and invents neither."""
    error = conclude(record(TaskState.FAIL), None, None)
    assert isinstance(error, TaskFailedError)
    assert error.fail_code is None
    assert error.fail_message is None
    assert "no reason given" in str(error)
    assert "code" not in str(error)


def test_conclude_failure_endless_words() -> None:
    """A megabyte of words stays in the record and is cut in the message."""
    words = "naughty " * 130_000
    error = conclude(
        record(TaskState.FAIL, fail_message=words, fail_code="9" * 5000), None, None
    )
    assert len(str(error)) < 600
    assert error.record is not None
    assert error.record.fail_message == words


def test_outcome_unwrap() -> None:
    """An outcome gives its result, or raises the very error it holds."""
    made = conclude(record(TaskState.SUCCESS, urls=("https://h/a",)), None, None)
    assert isinstance(made, Result)
    request = ZImage("p")
    assert Outcome(index=0, request=request, result=made).unwrap() is made
    error = conclude(record(TaskState.FAIL), None, None)
    assert isinstance(error, TaskFailedError)
    with pytest.raises(TaskFailedError) as caught:
        Outcome(index=1, request=request, error=error).unwrap()
    assert caught.value is error


# --------------------------------------------------------------------------- lost

NEVER_LOST = (
    SaturatedError(),
    ServiceError(http_status=500),
    ServiceError(http_status=503, refused=True),
    ConnectError("x"),
    RequestTimeoutError("x"),
    ConnectionLostError("x"),
)
LOST_IN_THE_END = (
    NotFoundError(),
    AuthenticationError(),
    InsufficientQuotaError(),
    PermissionDeniedError(),
    ApiError(http_status=400),
    ProtocolError("x"),
    LiangxinError("x"),
)


def lost(
    error: LiangxinError,
    in_a_row: int,
    *,
    age: float = 1e6,
    grace: float = 90.0,
    seen: bool = True,
) -> bool:
    return is_lost(error, in_a_row=in_a_row, age=age, grace=grace, seen=seen)


@pytest.mark.parametrize("error", NEVER_LOST, ids=repr)
def test_is_lost_trouble_on_the_way(error: LiangxinError) -> None:
    """Saturation, 5xx and broken connections never lose a task."""
    assert not lost(error, 10**6)


@pytest.mark.parametrize("error", LOST_IN_THE_END, ids=repr)
def test_is_lost_in_the_end(error: LiangxinError) -> None:
    """Other answers do, never at the first one, and once lost always lost."""
    verdicts = [lost(error, count) for count in range(1, 101)]
    assert not verdicts[0]
    assert verdicts[-1]
    assert verdicts == sorted(verdicts)


@pytest.mark.parametrize("error", [*NEVER_LOST, *LOST_IN_THE_END], ids=repr)
def test_is_lost_one_failure(error: LiangxinError) -> None:
    """One fruitless answer alone never loses a task, seen before or not."""
    assert not lost(error, 1)
    assert not lost(error, 1, age=0.0, seen=False)


def test_is_lost_dead_account_before_odd_answers() -> None:
    """A bad key or a denied access is believed sooner than nonsense."""

    def patience(error: LiangxinError) -> int:
        return next(count for count in range(1, 1000) if lost(error, count))

    nonsense = patience(ProtocolError("x"))
    for error in (AuthenticationError(), PermissionDeniedError(), NotFoundError()):
        assert patience(error) < nonsense


@pytest.mark.parametrize(
    ("age", "seen", "expected"),
    [
        (0.0, False, False),
        (89.9, False, False),
        (90.0, False, True),
        (500.0, False, True),
        (0.0, True, True),
    ],
)
def test_is_lost_grace(age: float, seen: bool, expected: bool) -> None:
    """Not found means "not yet" within the grace period, unless it was seen before."""
    assert lost(NotFoundError(), 10**6, age=age, seen=seen) is expected


def test_is_lost_grace_is_for_not_found_only() -> None:
    """A revoked key is no "not yet": the grace period does not cover it."""
    assert lost(AuthenticationError(), 10**6, age=0.0, seen=False)


def test_is_lost_every_error_of_the_tree() -> None:
    """The table has a row for every class there is."""
    for value in vars(_errors).values():
        if isinstance(value, type) and issubclass(value, LiangxinError):
            error = value.__new__(value, "x")
            assert lost(error, 10**6) in (True, False)
