"""The table of exit codes: complete, in the help, and the one that is used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from signal import SIGINT, SIGTERM
from typing import Any

import pytest

import liangxin_async
from liangxin_async import LiangxinError
from liangxin_async.cli._errors import StoppedError, UsageError
from liangxin_async.cli._exit import MEANINGS, Exit, exit_code, table
from liangxin_async.cli._report import facts, wait_command, words
from tests.cli.conftest import Run

EXPECTED = {
    "ApiError": Exit.REFUSED,
    "AuthenticationError": Exit.ACCOUNT,
    "BadRequestError": Exit.REFUSED,
    "ConfigurationError": Exit.USAGE,
    "ConnectError": Exit.CONNECTION,
    "ConnectionLostError": Exit.CONNECTION,
    "DownloadError": Exit.FAILED,
    "EmptyResultError": Exit.FAILED,
    "InsufficientQuotaError": Exit.ACCOUNT,
    "InvalidRequestError": Exit.USAGE,
    "JournalError": Exit.JOURNAL,
    "LiangxinError": Exit.OTHER,
    "NotFoundError": Exit.REFUSED,
    "PayloadTooLargeError": Exit.REFUSED,
    "PermissionDeniedError": Exit.REFUSED,
    "ProtocolError": Exit.CONNECTION,
    "RequestTimeoutError": Exit.CONNECTION,
    "SaturatedError": Exit.TIMEOUT,
    "ServiceError": Exit.CONNECTION,
    "SessionClosedError": Exit.OTHER,
    "StoreError": Exit.FAILED,
    "SubmitTimeoutError": Exit.TIMEOUT,
    "SubmitUnknownError": Exit.UNKNOWN,
    "TaskError": Exit.FAILED,
    "TaskFailedError": Exit.FAILED,
    "TaskLostError": Exit.FAILED,
    "TaskTimeoutError": Exit.TIMEOUT,
    "TransportError": Exit.CONNECTION,
    "UnprocessableError": Exit.REFUSED,
}
ARGUMENTS: dict[str, dict[str, Any]] = {"InvalidRequestError": {"problems": ()}}


def _public_errors() -> Iterator[type[LiangxinError]]:
    for name in liangxin_async.__all__:
        thing = getattr(liangxin_async, name)
        if isinstance(thing, type) and issubclass(thing, LiangxinError):
            yield thing


def _made(kind: type[LiangxinError]) -> LiangxinError:
    task = issubclass(kind, liangxin_async.TaskError)
    arguments = {"task_id": "t"} if task else ARGUMENTS.get(kind.__name__, {})
    return kind("words", **arguments)


def test_exit_codes_cover_every_error() -> None:
    """Each public error has the code that this table names; none was forgotten."""
    found = {kind.__name__: exit_code(_made(kind)) for kind in _public_errors()}
    assert found == {name: int(code) for name, code in EXPECTED.items()}


def test_exit_codes_of_signals() -> None:
    """A signal gives 128 and its number; a wrong line gives 2."""
    assert exit_code(StoppedError(SIGINT)) == Exit.INTERRUPTED
    assert exit_code(StoppedError(SIGTERM)) == Exit.TERMINATED
    assert exit_code(UsageError("words")) == Exit.USAGE


def test_exit_table_is_whole_and_in_the_help(run: Run) -> None:
    """`liangxin --help` shows every code with its meaning."""
    assert set(MEANINGS) == set(Exit)
    assert table() in run("--help").out
    for code, meaning in MEANINGS.items():
        assert f"{code:>3}  {meaning}" in table()


@pytest.mark.parametrize("kind", list(_public_errors()), ids=lambda kind: kind.__name__)
def test_error_facts_are_json(kind: type[LiangxinError]) -> None:
    """Every error becomes one JSON object with the four keys that are always there."""
    error = _made(kind)
    decoded = json.loads(json.dumps(facts(error)))
    assert decoded["type"] == kind.__name__
    assert decoded["message"] == words(error) != ""
    assert decoded["charged"] == error.charged
    assert decoded["exit_code"] == exit_code(error)
    assert decoded.get("task_id") == getattr(error, "task_id", None)


def test_stopped_charged_follows_what_is_open() -> None:
    """A stop cost nothing, something, or nobody knows."""
    assert StoppedError(SIGINT).charged == "no"
    assert StoppedError(SIGINT, task_ids=("a",)).charged == "yes"
    assert StoppedError(SIGINT, task_ids=("a",), doubts=1).charged == "unknown"


def test_wait_command_survives_a_shell() -> None:
    """Ids are opaque: with spaces, quotes or dashes the line can still be pasted."""
    assert wait_command("task_1") == "liangxin wait task_1"
    assert wait_command("-x") == "liangxin wait -- -x"
    assert wait_command("a b;rm 'c'") == "liangxin wait 'a b;rm '\"'\"'c'\"'\"''"
