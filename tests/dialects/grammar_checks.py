"""What must hold for every answer, whatever it is made of (promise 10).

A read ends in a value that can be kept, or in one of our errors; anything else passes
through these functions and fails the test.
"""

from __future__ import annotations

import copy
import json
import math
import pickle
from collections.abc import Callable
from datetime import UTC, timedelta
from typing import Any, TypeVar

from liangxin_async._core.backoff import Verdict, judge_create
from liangxin_async._core.lifecycle import conclude, next_step
from liangxin_async._errors import LiangxinError
from liangxin_async._records import CreditCount, Credits, Result, TaskRecord
from liangxin_async.dialects import EVOLINK, LIANGXIN, Accepted, Dialect, WireReply

T = TypeVar("T")

LONGEST_TEXT = 2000  # characters of an error, however long the answer was
LONGEST_PICKLE = 20_000  # bytes of an error, the same


def read(
    reader: Callable[..., T], answered: WireReply, *more: Any
) -> T | LiangxinError:
    """Return what `reader` makes of an answer: its value, or its error, checked."""
    try:
        return reader(answered, *more)
    except LiangxinError as error:
        check_error(error)
        return error


def check_error(error: LiangxinError) -> None:
    """An error is short, can be written down, and survives pickling and copying."""
    text = str(error)
    assert len(text) < LONGEST_TEXT
    text.encode()
    kept = pickle.dumps(error)
    assert len(kept) < LONGEST_PICKLE
    for again in (pickle.loads(kept), copy.copy(error)):
        assert type(again) is type(error)
        assert str(again) == text
        assert vars(again) == vars(error)
    assert error.charged in ("no", "yes", "unknown")
    wait = getattr(error, "retry_after", None)
    assert wait is None or (type(wait) is float and 0 <= wait < math.inf)


def check_query(dialect: Dialect, answered: WireReply, task_id: str) -> None:
    """A query ends in a record about the task asked for, or in an error."""
    found = read(dialect.read_query, answered, task_id)
    if isinstance(found, LiangxinError):
        return
    assert found.task_id == task_id
    check_record(found)
    check_end(dialect, found)
    assert len(repr(found)) < len(answered.body) * 4 + 1000


def check_record(found: TaskRecord) -> None:
    """A record's fields are of their kinds, and it can be kept in every way."""
    assert isinstance(found.task_id, str)
    assert isinstance(found.raw_state, str)
    for text in (found.model, found.fail_code, found.fail_message):
        assert text is None or (type(text) is str and text)
    assert found.progress is None or 0 <= found.progress <= 100
    assert found.cost_time is None or 0 <= found.cost_time < math.inf
    for instant in (found.created_at, found.updated_at, found.completed_at):
        assert instant is None or instant.tzinfo is UTC
    assert all(
        url.lower().startswith(("http://", "https://")) for url in found.result_urls
    )
    assert len(set(found.result_urls)) == len(found.result_urls)
    assert type(found.raw) is type(found.usage) is dict
    hash(found)
    assert pickle.loads(pickle.dumps(found)) == found
    assert copy.deepcopy(found) == found
    plain = json.dumps(found.to_dict(), allow_nan=False, ensure_ascii=False)
    assert TaskRecord.from_dict(json.loads(plain.encode())) == found


def check_end(dialect: Dialect, found: TaskRecord) -> None:
    """The life cycle takes every record, and a result says when its URLs end."""
    next_step(None, found)
    next_step(found, found)
    expires = dialect.expires_at(found)
    if expires is not None:
        assert found.created_at is not None
        assert expires - found.created_at == timedelta(hours=24)
    if found.state.is_terminal:
        outcome = conclude(found, None, expires)
        pickle.dumps(outcome)
        if isinstance(outcome, Result):
            assert outcome.urls == found.result_urls != ()
        else:
            # The record in it is the user's, whole; the text is ours, short.
            assert len(str(outcome)) < LONGEST_TEXT + 2 * len(found.task_id)


# Signs in the text of an answer, without which a create may never be sent again. The
# text, not the parsed value: so that no reading is shared with what is tested.
SATURATED_SIGNS = (b"429", b"430", b"405", b"saturated", b"rate_limit", b"\\u")
NOT_TAKEN_SIGNS = {
    LIANGXIN: (
        *(b"455", b"550", b"model_not_found", b"system_cpu_overloaded"),
        *(b"system_memory_overloaded", b"system_disk_overloaded", b"new_api_error"),
    ),
    EVOLINK: (b"service_unavailable_error",),
}


def may_say_saturated(answered: WireReply) -> bool:
    """Whether anything in an answer can stand for "saturated"."""
    if answered.status in (429, 430):
        return True
    chinese = "上游负载已饱和".encode()
    return any(sign in answered.body for sign in (*SATURATED_SIGNS, chinese))


def may_say_not_taken(dialect: Dialect, answered: WireReply) -> bool:
    """Whether anything in an answer can stand for "not taken, come again"."""
    if dialect is LIANGXIN and answered.status in (455, 550):
        return True
    if dialect is EVOLINK and answered.status != 503:
        return False
    return any(sign in answered.body.lower() for sign in NOT_TAKEN_SIGNS[dialect])


def check_create(dialect: Dialect, answered: WireReply) -> Accepted | LiangxinError:
    """A create ends in an id or in an error with a verdict; doubt is never resent."""
    outcome = read(dialect.read_create, answered)
    if isinstance(outcome, Accepted):
        assert outcome.task_id.strip()
        assert 200 <= answered.status < 300
        dialect.write_query(outcome.task_id)
        if outcome.record is not None:
            assert outcome.record.task_id == outcome.task_id
            assert not outcome.record.state.is_terminal
            check_record(outcome.record)
        return outcome
    verdict = judge_create(outcome, left=True)
    if verdict is Verdict.WAIT:
        assert may_say_saturated(answered)
    if verdict is Verdict.AGAIN:
        assert may_say_not_taken(dialect, answered)
    if 200 <= answered.status < 300 and not answered.body.strip():
        assert verdict is Verdict.UNKNOWN
    return outcome


def check_credits(answered: WireReply) -> None:
    """A question about credits ends in numbers or in an error."""
    found = read(EVOLINK.read_credits, answered)
    if isinstance(found, LiangxinError):
        return
    assert type(found) is Credits
    for purse in (found.token, found.user):
        if purse is not None:
            assert type(purse) is CreditCount
            assert type(purse.unlimited) in (bool, type(None))
            for number in (purse.remaining, purse.used):
                assert number is None or math.isfinite(number)
    assert type(found.raw) is dict
    assert pickle.loads(pickle.dumps(found)) == found
    json.dumps(found.raw, allow_nan=False)


def check_everything(answered: WireReply, task_id: str = "T") -> None:
    """Every reader of every dialect takes the same answer."""
    for dialect in (LIANGXIN, EVOLINK):
        check_query(dialect, answered, task_id)
        check_create(dialect, answered)
    check_credits(answered)
