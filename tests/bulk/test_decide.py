"""What a run does about a request, and what its end means for the row: as tables."""

from __future__ import annotations

from itertools import product

import pytest

from liangxin_async import (
    AuthenticationError,
    BadRequestError,
    ConnectError,
    DownloadError,
    EmptyResultError,
    InsufficientQuotaError,
    InvalidRequestError,
    JournalError,
    LiangxinError,
    NotFoundError,
    PayloadTooLargeError,
    PermissionDeniedError,
    ProtocolError,
    SaturatedError,
    ServiceError,
    SessionClosedError,
    SubmitTimeoutError,
    SubmitUnknownError,
    TaskFailedError,
    TaskLostError,
    TaskTimeoutError,
    UnprocessableError,
)
from liangxin_async.bulk import RowState
from liangxin_async.bulk._decide import Action, Choices, death_of, state_after

CREATE, PAID, TELL = Action.CREATE, Action.PAID, Action.TELL

# state: what is done with neither choice, with "pay again", with "failed ones again"
ACTIONS = {
    None: (CREATE, CREATE, CREATE),
    RowState.NOT_SENT: (CREATE, CREATE, CREATE),
    RowState.IN_DOUBT: (TELL, CREATE, TELL),
    RowState.ACCEPTED: (PAID, PAID, PAID),
    RowState.SUCCEEDED: (PAID, PAID, PAID),
    RowState.SAVED: (TELL, TELL, TELL),
    RowState.FAILED: (TELL, TELL, CREATE),
}


@pytest.mark.parametrize("state", ACTIONS)
def test_action_of_every_state(state: RowState | None) -> None:
    """What was paid for is never made again; doubt and failure only when asked."""
    neither, again, failed = ACTIONS[state]
    assert Choices().action(state) is neither
    assert Choices(resubmit_unknown=True).action(state) is again
    assert Choices(retry_failed=True).action(state) is failed


def test_actions_cover_every_state_and_choice() -> None:
    """Whatever is chosen, a row that holds a task id is not created again."""
    for doubt, failed, state in product((True, False), (True, False), RowState):
        action = Choices(resubmit_unknown=doubt, retry_failed=failed).action(state)
        if state in (RowState.ACCEPTED, RowState.SUCCEEDED, RowState.SAVED):
            assert action is not CREATE


TASK = {"task_id": "t", "record": None}
ENDS: list[tuple[LiangxinError, RowState]] = [
    (
        TaskFailedError("x", **TASK, fail_code="500", fail_message="no"),
        RowState.FAILED,
    ),
    (EmptyResultError("x", **TASK), RowState.FAILED),
    (TaskTimeoutError("x", **TASK), RowState.ACCEPTED),
    (TaskLostError("x", **TASK), RowState.ACCEPTED),
    (SessionClosedError("x", task_id="t"), RowState.ACCEPTED),
    (SessionClosedError("x"), RowState.NOT_SENT),
    (SubmitUnknownError("x", model="m", reason="r"), RowState.IN_DOUBT),
    (SubmitUnknownError("x", model="m", reason="r", task_id="t"), RowState.IN_DOUBT),
    (BadRequestError("x"), RowState.FAILED),
    (UnprocessableError("x"), RowState.FAILED),
    (PayloadTooLargeError("x"), RowState.FAILED),
    (PermissionDeniedError("x"), RowState.FAILED),
    (NotFoundError("x"), RowState.FAILED),
    (InvalidRequestError("x", problems=()), RowState.FAILED),
    (SaturatedError("x"), RowState.NOT_SENT),
    (SubmitTimeoutError("x"), RowState.NOT_SENT),
    (ServiceError("x", refused=True), RowState.NOT_SENT),
    (ConnectError("x"), RowState.NOT_SENT),
    (AuthenticationError("x"), RowState.NOT_SENT),
    (InsufficientQuotaError("x"), RowState.NOT_SENT),
    (ProtocolError("x"), RowState.NOT_SENT),
]


@pytest.mark.parametrize(("error", "state"), ENDS, ids=lambda v: type(v).__name__)
def test_state_after_every_error(error: LiangxinError, state: RowState) -> None:
    """A task that goes on stays paid for; what may go well later stays unsent."""
    task_id = getattr(error, "task_id", None)
    assert state_after(error, task_id) is state


def test_state_after_an_error_of_a_followed_task() -> None:
    """Whatever else went wrong: where a task was accepted, the row says so."""
    assert state_after(ConnectError("x"), "t") is RowState.ACCEPTED


DEADLY = (
    AuthenticationError("", http_status=401, code="401"),
    InsufficientQuotaError("", http_status=402, code="402"),
    JournalError("", path="j", reason="disk"),
    SessionClosedError("", task_id="t"),
    DownloadError("", url="", task_id="t", reason="disk", http_status=None),
)
HARMLESS = (
    BadRequestError("", http_status=400, code="400"),
    PermissionDeniedError("", http_status=403, code="403"),
    SaturatedError("", http_status=429, code="429"),
    DownloadError("", url="", task_id="t", reason="expired", http_status=404),
    TaskFailedError("", task_id="t"),
    TaskTimeoutError("", task_id="t"),
)


def lost_by(cause: LiangxinError) -> TaskLostError:
    error = TaskLostError("", task_id="t")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("error", DEADLY, ids=lambda error: type(error).__name__)
def test_death_of_a_run(error: LiangxinError) -> None:
    """Whatever follows would end the same; a task that is lost has its cause told."""
    assert death_of(error) is error
    assert death_of(lost_by(error)) is error


@pytest.mark.parametrize("error", HARMLESS, ids=lambda error: type(error).__name__)
def test_death_of_a_run_that_goes_on(error: LiangxinError) -> None:
    """What is wrong with one request says nothing about the others."""
    assert death_of(error) is None
    assert death_of(lost_by(error)) is None
    assert death_of(TaskLostError("", task_id="t")) is None
