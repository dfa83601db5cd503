"""The error tree: its shape, its facts, and that it survives pickle and copy."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from liangxin_async import _errors
from liangxin_async._errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConnectError,
    ConnectionLostError,
    DownloadError,
    EmptyResultError,
    InsufficientQuotaError,
    InvalidRequestError,
    JournalError,
    LiangxinError,
    NotFoundError,
    PayloadTooLargeError,
    PermissionDeniedError,
    Problem,
    ProtocolError,
    RequestTimeoutError,
    SaturatedError,
    ServiceError,
    SessionClosedError,
    StoreError,
    SubmitTimeoutError,
    SubmitUnknownError,
    TaskError,
    TaskFailedError,
    TaskLostError,
    TaskTimeoutError,
    TransportError,
    UnprocessableError,
    fresh,
    shorten,
)
from liangxin_async._records import TaskRecord, TaskState

RECORD = TaskRecord(
    task_id="task_1", state=TaskState.FAIL, raw_state="fail", raw={"state": "fail"}
)
PROBLEMS = (Problem("input.seed", "0", "1 or more"), Problem("prompt", "''", "a text"))
ANSWER = {
    "http_status": 418,
    "code": "teapot",
    "message": "short and stout",
    "request_id": "req-7",
}
TASK = {"task_id": "task_1", "record": RECORD}
UNKNOWN = {
    "model": "z-image",
    "reason": "cut off",
    "http_status": 502,
    "request_id": "req-7",
    "task_id": "task_1",
}
DOWNLOAD = {
    "url": "https://h/a.png",
    "task_id": "task_1",
    "reason": "expired",
    "http_status": 404,
}

# class: (parent, facts it takes, charged)
TREE: dict[type[LiangxinError], tuple[type[Exception], dict[str, Any], str]] = {
    LiangxinError: (Exception, {}, "no"),
    InvalidRequestError: (LiangxinError, {"problems": PROBLEMS}, "no"),
    ConfigurationError: (LiangxinError, {}, "no"),
    SessionClosedError: (LiangxinError, {"task_id": "task_1"}, "yes"),
    TransportError: (LiangxinError, {}, "no"),
    ConnectError: (TransportError, {"permanent": True}, "no"),
    RequestTimeoutError: (TransportError, {}, "no"),
    ConnectionLostError: (TransportError, {}, "no"),
    ProtocolError: (
        LiangxinError,
        {"http_status": 200, "body": "<html>", "problems": ("$.x",)},
        "no",
    ),
    SubmitUnknownError: (LiangxinError, UNKNOWN, "unknown"),
    ApiError: (LiangxinError, ANSWER, "no"),
    BadRequestError: (ApiError, ANSWER, "no"),
    AuthenticationError: (ApiError, ANSWER, "no"),
    InsufficientQuotaError: (ApiError, ANSWER, "no"),
    PermissionDeniedError: (ApiError, ANSWER, "no"),
    NotFoundError: (ApiError, ANSWER, "no"),
    PayloadTooLargeError: (ApiError, ANSWER, "no"),
    UnprocessableError: (ApiError, ANSWER, "no"),
    SaturatedError: (ApiError, ANSWER | {"retry_after": 17.0}, "no"),
    SubmitTimeoutError: (SaturatedError, ANSWER | {"retry_after": None}, "no"),
    ServiceError: (
        ApiError,
        ANSWER | {"refused": True, "retry_after": 30.0},
        "no",
    ),
    TaskError: (LiangxinError, TASK, "yes"),
    TaskFailedError: (
        TaskError,
        TASK | {"fail_code": "500", "fail_message": "no"},
        "unknown",
    ),
    TaskTimeoutError: (TaskError, TASK, "yes"),
    TaskLostError: (TaskError, TASK, "yes"),
    EmptyResultError: (TaskError, TASK, "yes"),
    DownloadError: (LiangxinError, DOWNLOAD, "yes"),
    JournalError: (
        LiangxinError,
        {"path": "out/journal.sqlite", "reason": "disk", "task_id": "task_1"},
        "yes",
    ),
    StoreError: (
        LiangxinError,
        {
            "url": "s3://shop/cat.png",
            "reason": "denied",
            "http_status": 403,
            "task_id": "task_1",
        },
        "yes",
    ),
}
CLASSES = list(TREE)


def make(kind: type[LiangxinError]) -> LiangxinError:
    return kind("what happened", **TREE[kind][1])


def same(one: LiangxinError, other: LiangxinError) -> bool:
    return (
        type(one) is type(other)
        and one.args == other.args
        and str(one) == str(other)
        and vars(one) == vars(other)
        and one.charged == other.charged
    )


class OwnError(SaturatedError):
    """What a user may derive, with a fact of its own."""

    def __init__(self, where: str) -> None:
        super().__init__(None, http_status=429, message="full", retry_after=1.5)
        self.where = where


def test_tree_is_complete() -> None:
    """Every class of the module is in the table of these tests."""
    found = {
        value
        for value in vars(_errors).values()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert found == set(CLASSES)


@pytest.mark.parametrize("kind", CLASSES)
def test_tree_parents(kind: type[LiangxinError]) -> None:
    """Each class hangs where the drawing of the tree has it."""
    assert kind.__bases__[0] is TREE[kind][0]
    assert kind.__name__ in (_errors.__doc__ or "")


@pytest.mark.parametrize("kind", CLASSES)
def test_tree_one_root(kind: type[LiangxinError]) -> None:
    """`except LiangxinError` catches everything, and nothing that is no Exception."""
    with pytest.raises(LiangxinError):
        raise make(kind)
    assert issubclass(kind, Exception)


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (InvalidRequestError, ValueError),
        (ConfigurationError, ValueError),
        (SessionClosedError, RuntimeError),
        (RequestTimeoutError, TimeoutError),
        (SubmitTimeoutError, TimeoutError),
        (TaskTimeoutError, TimeoutError),
    ],
)
def test_tree_builtin_bases(kind: type[LiangxinError], builtin: type) -> None:
    """Misuse and timeouts are also what Python itself would raise for them."""
    assert issubclass(kind, builtin)


def test_tree_timeouts_are_distinct() -> None:
    """Only what says timeout is one: a lost task or a broken wire is not."""
    timeouts = {kind for kind in CLASSES if issubclass(kind, TimeoutError)}
    assert timeouts == {RequestTimeoutError, SubmitTimeoutError, TaskTimeoutError}


@pytest.mark.parametrize("kind", CLASSES)
def test_errors_say_charged(kind: type[LiangxinError]) -> None:
    """Each error says whether the failed call cost money."""
    assert make(kind).charged == TREE[kind][2]


def test_session_closed_charged() -> None:
    """A session that closes before a task exists cost nothing; after, the task did."""
    assert SessionClosedError("closed").charged == "no"
    assert SessionClosedError("closed", task_id="task_1").charged == "yes"


@pytest.mark.parametrize("kind", CLASSES)
def test_errors_carry_facts(kind: type[LiangxinError]) -> None:
    """Facts are attributes, not only text."""
    error = make(kind)
    assert str(error) == "what happened"
    for name, value in TREE[kind][1].items():
        assert getattr(error, name) == value


@pytest.mark.parametrize("kind", [k for k in CLASSES if "record" not in TREE[k][1]])
def test_errors_without_facts(kind: type[LiangxinError]) -> None:
    """Facts that are not known are None, empty or False, never missing."""
    needed = {"problems": PROBLEMS} if kind is InvalidRequestError else {}
    error = kind("what happened", **needed)
    for name in set(TREE[kind][1]) - set(needed) - {"reason"}:
        assert not getattr(error, name)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("kind", CLASSES)
def test_errors_pickle(kind: type[LiangxinError], protocol: int) -> None:
    """An error crosses a process border with everything it says."""
    error = make(kind)
    assert same(pickle.loads(pickle.dumps(error, protocol)), error)


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy])
@pytest.mark.parametrize("kind", CLASSES)
def test_errors_copy(kind: type[LiangxinError], how: Any) -> None:
    """A copy is another object that says the same."""
    error = make(kind)
    again = how(error)
    assert again is not error
    assert same(again, error)


@pytest.mark.parametrize(
    "how", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
def test_errors_of_users(how: Any) -> None:
    """A class derived from ours, with a signature of its own, survives as well."""
    error = OwnError("here")
    error.note = ["added later"]  # type: ignore[attr-defined]  # users may do so
    again = how(error)
    assert same(again, error)
    assert (again.where, again.retry_after, again.note) == ("here", 1.5, error.note)


@pytest.mark.parametrize("kind", CLASSES)
def test_fresh_is_another_object_with_the_same_cause(kind: type[LiangxinError]) -> None:
    """An error is raised to each waiter as an object of its own, cause kept."""
    error = make(kind)
    error.__cause__ = OSError("wire")
    error.__traceback__ = None
    again = fresh(error)
    assert again is not error
    assert same(again, error)
    assert again.__cause__ is error.__cause__


# ----------------------------------------------------------------------- messages


@pytest.mark.parametrize("kind", [k for k in CLASSES if issubclass(k, ApiError)])
def test_api_error_message(kind: type[ApiError]) -> None:
    """Without a text of its own the message holds all facts, after a plain title."""
    error = kind(**ANSWER)
    assert str(error).startswith(kind.title)
    for fact in ("HTTP 418", "code teapot", "short and stout", "request id req-7"):
        assert fact in str(error)


@pytest.mark.parametrize("kind", [k for k in CLASSES if issubclass(k, ApiError)])
def test_api_error_message_without_facts(kind: type[ApiError]) -> None:
    """Where the service said nothing, the title stands alone."""
    assert str(kind()) == kind.title


def test_api_error_titles_differ() -> None:
    """No two kinds of refusal read alike."""
    titles = [kind.title for kind in CLASSES if issubclass(kind, ApiError)]
    assert len(set(titles)) == len(titles)


def test_api_error_long_message() -> None:
    """A page or a megabyte from the service is one short line in the error."""
    error = ApiError(http_status=502, message="<html>\n" + "ten chars " * 100_000)
    assert len(str(error)) < 450
    assert "\n" not in str(error)
    assert error.message.endswith("…")


def test_protocol_error_body_is_short() -> None:
    """Of a foreign answer only the start is kept."""
    assert len(ProtocolError("x", body="y" * 10**6).body) <= 300


def test_invalid_request_lists_every_problem() -> None:
    """All that is wrong with a request is told at once, field by field."""
    error = InvalidRequestError.of("the request for z-image", iter(PROBLEMS))
    assert error.problems == PROBLEMS
    assert str(error).count("\n") == len(PROBLEMS)
    for problem in PROBLEMS:
        assert str(problem) in str(error)
        assert problem.field in str(problem)
        assert problem.given in str(problem)
        assert problem.allowed in str(problem)


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("", 10, ""),
        ("plain", 5, "plain"),
        ("plainer", 5, "plai…"),
        (" two\r\n\tlines ", 20, "two lines"),
        ("x" * 11, 10, "x" * 9 + "…"),
    ],
)
def test_shorten(text: str, limit: int, expected: str) -> None:
    """Foreign text becomes one line, and a cut is marked."""
    assert shorten(text, limit) == expected


def test_shorten_mostly_blank() -> None:
    """White space is not counted as text, and is not read to its end."""
    assert shorten(" " * 10**6 + "x", 10) in ("", "x")
