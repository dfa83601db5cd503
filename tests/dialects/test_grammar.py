"""Anything a service may answer ends in a value or in one of our errors (promise 10).

Answers are built by the documented grammar of each dialect. An honest one, and one in
any tolerated form, gives exactly what went in. Then they are damaged, up to four times
each, and every reader of every dialect has to survive that.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from liangxin_async._core.backoff import Verdict, judge_create
from liangxin_async._errors import ApiError, LiangxinError, ProtocolError
from liangxin_async._records import CreditCount, TaskRecord, TaskState
from liangxin_async.dialects import EVOLINK, LIANGXIN, Accepted, Dialect, WireReply
from tests.dialects import grammar_evolink as evolink
from tests.dialects import grammar_large as large
from tests.dialects import grammar_liangxin as liangxin
from tests.dialects.grammar_checks import (
    check_create,
    check_everything,
    check_query,
    check_record,
    read,
)
from tests.dialects.grammar_json import (
    HARMLESS,
    LEVELS,
    NUMBERS,
    ODD,
    STATES,
    STILL_JSON,
    Draw,
    as_text,
    damaged,
    encode,
    hurt_bytes,
    wild,
    wild_objects,
)
from tests.dialects.grammar_liangxin import Answer
from tests.dialects.samples import form_a, reply


def fuzz(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def body_of(value: Any) -> WireReply:
    return WireReply(200, {}, encode(value).encode())


# ------------------------------------------------- what went in is what comes out


def check_facts(dialect: Dialect, answer: Answer) -> None:
    """The record of an answer holds the facts that the answer was made of."""
    for ascii_only in (True, False):
        body = encode(answer.value, ascii_only=ascii_only).encode()
        found = dialect.read_query(WireReply(200, {}, body), answer.task_id)
        for name, value in answer.expected.items():
            assert getattr(found, name) == value, name
        check_record(found)


@fuzz(500)
@given(liangxin.honest() | liangxin.tolerated())
def test_liangxin_answer(answer: Answer) -> None:
    """An honest recordInfo answer, in any tolerated form, is read fact by fact."""
    check_facts(LIANGXIN, answer)


@fuzz(500)
@given(evolink.honest() | evolink.tolerated())
def test_evolink_answer(answer: Answer) -> None:
    """An honest task object, in any tolerated form, is read fact by fact."""
    check_facts(EVOLINK, answer)


@fuzz(100)
@given(liangxin.created)
def test_liangxin_create_answer(answer: Answer) -> None:
    """An honest create answer gives its id and nothing else."""
    assert LIANGXIN.read_create(body_of(answer.value)) == Accepted(answer.task_id)


@fuzz(100)
@given(evolink.created())
def test_evolink_create_answer(answer: Answer) -> None:
    """An honest create answer gives its id and the first record of the task."""
    accepted = EVOLINK.read_create(body_of(answer.value))
    assert accepted.task_id == answer.task_id
    assert accepted.record is not None
    for name, value in answer.expected.items():
        assert getattr(accepted.record, name) == value, name


@fuzz(100)
@given(evolink.credit_answers())
def test_evolink_credits_answer(answer: evolink.CreditAnswer) -> None:
    """An honest answer about credits gives both purses, number by number."""
    found = EVOLINK.read_credits(body_of(answer.value))
    for purse, told in ((found.token, answer.token), (found.user, answer.user)):
        assert told is not None
        remaining, used, unlimited = told
        assert purse == CreditCount(remaining=remaining, used=used, unlimited=unlimited)


@fuzz(150)
@given(liangxin.refusals())
def test_liangxin_refusal(refused: liangxin.Refusal) -> None:
    """An honest refusal, in any form, is the error of its status, with its words."""
    answered = reply(refused.value, refused.status)
    for error in (
        read(LIANGXIN.read_create, answered),
        read(LIANGXIN.read_query, answered, "T"),
    ):
        assert type(error) is refused.kind
        assert isinstance(error, ApiError)
        assert error.http_status == refused.status
        assert " ".join(refused.words.split()) in error.message


@fuzz(150)
@given(evolink.refusals())
def test_evolink_refusal(refused: evolink.Refusal) -> None:
    """An honest refusal is the error of its row, and tells everything that it says."""
    answered = reply(refused.value, refused.status)
    for error in (
        read(EVOLINK.read_create, answered),
        read(EVOLINK.read_query, answered, "T"),
        read(EVOLINK.read_credits, answered),
    ):
        assert type(error) is refused.kind
        assert isinstance(error, ApiError)
        for words in refused.words:
            assert words in error.message


# --------------------------------- LiangXin: a query whose business code is the end


@fuzz(100)
@given(liangxin.ended_by_code())
def test_query_ended_by_a_code(answer: Answer) -> None:
    """501 and 408 without a record mean that the task itself failed."""
    answered = reply(answer.value)
    found = LIANGXIN.read_query(answered, answer.task_id)
    for name, value in answer.expected.items():
        assert getattr(found, name) == value, name
    check_record(found)


@pytest.mark.parametrize("code", [501, 408])
@pytest.mark.parametrize("state", ["success", "fail"])
def test_query_with_such_a_code_and_a_record(code: int, state: str) -> None:
    """A record that is over is the answer, whatever code stands beside it."""
    url = "https://h/a.png"
    data = {"taskId": "T", "state": state, "resultJson": [url], "failCode": "433"}
    answered = reply(form_a(code, "words", data))
    found = LIANGXIN.read_query(answered, "T")
    assert found.raw_state == state
    assert (found.fail_code, found.result_urls) == ("433", (url,))


@pytest.mark.parametrize("code", [500, 505, 550, 455, 422, 429, 0, 99999])
def test_query_with_another_code_ends_no_task(code: int) -> None:
    """Every other code is an answer about the query, and the task goes on."""
    assert isinstance(read(LIANGXIN.read_query, reply(form_a(code)), "T"), ApiError)


# ------------------------------------------------------------------ damaged answers

good = st.just(200) | st.just(200) | st.integers(100, 599)


def hurt(answers: Any, spellings: Any, most: int = 4) -> Any:
    """Return a strategy of the task id asked about and the damaged bytes."""
    return answers.flatmap(
        lambda answer: st.tuples(
            st.just(answer.task_id), damaged(answer.value, spellings, most=most)
        )
    )


@fuzz(700)
@given(
    hurt(liangxin.honest() | liangxin.tolerated(), liangxin.SPELLINGS),
    good,
)
def test_liangxin_damaged_answer(asked: tuple[str, bytes], status: int) -> None:
    """A damaged record is a record or an error, and nothing else comes out."""
    check_everything(WireReply(status, {}, asked[1]), asked[0])


@fuzz(700)
@given(hurt(evolink.honest() | evolink.tolerated(), evolink.SPELLINGS), good)
def test_evolink_damaged_answer(asked: tuple[str, bytes], status: int) -> None:
    """A damaged task object is a record or an error, and nothing else comes out."""
    check_everything(WireReply(status, {}, asked[1]), asked[0])


@fuzz(500)
@given(
    hurt(liangxin.created | liangxin.ended_by_code(), liangxin.SPELLINGS)
    | hurt(evolink.created(), evolink.SPELLINGS),
    st.sampled_from([200, 201, 408, 501, 502]),
)
def test_damaged_short_answer(asked: tuple[str, bytes], status: int) -> None:
    """Damaged create answers, and those that end a task by a code."""
    check_everything(WireReply(status, {}, asked[1]), asked[0])


@fuzz(200)
@given(
    evolink.credit_answers().flatmap(
        lambda answer: damaged(answer.value, evolink.SPELLINGS)
    ),
    good,
)
def test_damaged_credits(body: bytes, status: int) -> None:
    """A damaged answer about credits is numbers or an error."""
    check_everything(WireReply(status, {}, body))


headers = st.dictionaries(
    st.sampled_from(
        ["Retry-After", "X-Request-Id", "X-Oneapi-Request-Id", "Location", "Date"]
    ),
    st.text(max_size=30) | st.sampled_from(["17", "-1", "nan", "1e999", "//[x"]),
    max_size=3,
)


REFUSAL_SPELLINGS = {
    "code": ("type", "error_code"),
    "message": ("msg", "detail"),
    "fallback_suggestion": ("param", "message"),
    "error": ("data", "code"),
}


@st.composite
def damaged_refusals(draw: Draw) -> tuple[int, bytes]:
    """A refusal of either dialect, under its status or another, and damaged."""
    refused = draw(liangxin.refusals() | evolink.refusals())
    body = draw(damaged(refused.value, REFUSAL_SPELLINGS))
    return draw(st.just(refused.status) | st.integers(100, 599)), body


@fuzz(600)
@given(damaged_refusals(), headers)
def test_damaged_refusal(refused: tuple[int, bytes], named: dict[str, str]) -> None:
    """A damaged error body, under any status and headers, is an error or a value."""
    check_everything(WireReply(refused[0], named, refused[1]))


def check_hurt_bytes(dialect: Dialect, answer: Answer, kind: str, body: bytes) -> None:
    outcome = check_create(dialect, WireReply(200, {}, body))
    if kind in HARMLESS:
        assert isinstance(outcome, Accepted)
        assert outcome.task_id == answer.task_id
    elif isinstance(outcome, LiangxinError):
        assert judge_create(outcome, left=True) is Verdict.UNKNOWN
    else:
        assert kind in STILL_JSON


@st.composite
def with_hurt_bytes(draw: Draw, answers: Any) -> tuple[Answer, str, bytes]:
    answer = draw(answers)
    return answer, *draw(hurt_bytes(answer.value))


@fuzz(150)
@given(with_hurt_bytes(liangxin.created))
def test_liangxin_create_hurt_on_the_way(hurt: tuple[Answer, str, bytes]) -> None:
    """An accepted create whose bytes were hurt is accepted or in doubt, never resent."""
    check_hurt_bytes(LIANGXIN, *hurt)


@fuzz(150)
@given(with_hurt_bytes(evolink.created()))
def test_evolink_create_hurt_on_the_way(hurt: tuple[Answer, str, bytes]) -> None:
    """An accepted create whose bytes were hurt is accepted or in doubt, never resent."""
    check_hurt_bytes(EVOLINK, *hurt)


# ------------------------------------------------------------------- anything at all


@fuzz(400)
@given(wild_objects, st.sampled_from(["as it is", "in data", "as a task"]), good)
def test_any_members(members: dict[str, Any], place: str, status: int) -> None:
    """All the names of the wire at once, with values that nobody described."""
    value: Any = members
    if place == "in data":
        value = {"code": 200, "data": {"taskId": "T", **members}}
    if place == "as a task":
        value = {"status": "completed", **members, "id": "T"}
    check_everything(WireReply(status, {}, encode(value).encode()))


@fuzz(300)
@given(wild, good)
def test_any_json(value: Any, status: int) -> None:
    """Any JSON at all."""
    check_everything(WireReply(status, {}, encode(value).encode()))


@fuzz(300)
@given(st.binary(max_size=200), st.integers(100, 599) | st.just(200), headers)
@example(b"", 200, {})
@example(b"\xef\xbb\xbf", 200, {})
@example(b"null", 200, {})
@example(b"[" * 100_000, 200, {})
@example(b'{"code":NaN,"data":{"taskId":NaN},"id":NaN,"status":NaN}', 200, {})
@example(b'{"code":Infinity,"data":{"taskId":-Infinity},"id":-Infinity}', 200, {})
@example(b'{"code":1e400,"data":{"taskId":"T"},"id":"T","status":1e400}', 200, {})
@example(b"9" * 5000, 200, {})
@example(b'{"error":' + b"9" * 4000 + b"}", 200, {})
@example(b'{"code":200,"data":{"taskId":' + b"9" * 4000 + b"}}", 200, {})
@example(b'{"id":' + b"9" * 4000 + b',"status":"pending"}', 200, {})
def test_any_bytes(body: bytes, status: int, named: dict[str, str]) -> None:
    """Arbitrary bytes under any status raise nothing foreign."""
    check_everything(WireReply(status, named, body))


def test_every_status() -> None:
    """Every status there is, with nothing, a page, and each kind of JSON."""
    for status in range(100, 600):
        for body in (b"", b"<html>", b"{}", b"[]", b"null", b'{"code":200}', b'"x"'):
            check_everything(WireReply(status, {}, body))


# ------------------------------------------- every member with every odd thing in it

SHAPES: list[tuple[Dialect, str]] = [
    (LIANGXIN, large.LIANGXIN_RECORD),
    (EVOLINK, large.EVOLINK_TASK),
]
MEMBERS = ["x", "param", "resultJson", "usage", "failMsg", "results", "result_data"]
MEMBERS += ["error", "task_info", "model", "created", "duration", "progress"]
MEMBERS += ["taskId", "task_id", "id", "state", "status", "failCode", "costTime"]
MEMBERS += ["createTime", "updateTime", "completeTime", "code", "message", "success"]


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize(("dialect", "shape"), SHAPES, ids=["liangxin", "evolink"])
def test_odd_values_never_break_out(dialect: Dialect, shape: str, member: str) -> None:
    """Each odd value, huge number and state in each member, plain, in text and in lists."""
    for odd in (*ODD, *NUMBERS, *STATES):
        for value in (odd, as_text(odd), [odd], {"url": odd, "code": odd}):
            answered = reply(shape % f'"{member}":{encode(value)}')
            check_query(dialect, answered, "T")
            check_create(dialect, answered)


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize(("dialect", "shape"), SHAPES, ids=["liangxin", "evolink"])
def test_depth_never_breaks_out(dialect: Dialect, shape: str, member: str) -> None:
    """At any depth, plain or inside JSON text: a record that can be kept, or our error."""
    for levels in (*LEVELS, *range(60, 1100, 40)):
        nested = "[" * levels + r'"\ud800"' + "]" * levels
        for value in (nested, json.dumps(nested), json.dumps(json.dumps(nested))):
            body = (shape % f'"{member}":{value}').encode()
            check_query(dialect, WireReply(200, {}, body), "T")
            check_create(dialect, WireReply(200, {}, body))


@pytest.mark.parametrize(("dialect", "shape"), SHAPES, ids=["liangxin", "evolink"])
def test_shallow_nesting_costs_no_record(dialect: Dialect, shape: str) -> None:
    """An unknown field as deep as anybody would send one does not cost the picture."""
    nested = "[" * 60 + "]" * 60
    found = dialect.read_query(reply(shape % f'"new":{nested}'), "T")
    assert found.state is TaskState.SUCCESS


# ---------------------------------------------------------------- size and time

LONGEST = 5.0  # seconds of this processor for all readers of one answer
# Only a signal can interrupt a regular expression that does not come back.
method = "signal" if hasattr(signal, "SIGALRM") else "thread"
bounded = pytest.mark.timeout(20, method=method)


def check_time(answered: WireReply, *readers: Callable[[WireReply], object]) -> None:
    """Every reader ends soon, in a value or in an error that is still short."""
    assert len(answered.body) <= large.CAP
    began = time.process_time()
    for reader in readers:
        read(reader, answered)
    assert time.process_time() - began < LONGEST


def asking(dialect: Dialect) -> Callable[[WireReply], object]:
    return partial(dialect.read_query, task_id="T")


@bounded
@pytest.mark.parametrize("name", large.RECORDS)
@pytest.mark.parametrize(("dialect", "shape"), SHAPES, ids=["liangxin", "evolink"])
def test_large_record(dialect: Dialect, shape: str, name: str) -> None:
    """A record whose one member is huge is read in time, and so is its life after."""
    answered = reply(shape % large.RECORDS[name]())
    check_time(answered, dialect.read_create, asking(dialect))
    check_query(dialect, answered, "T")


@bounded
@pytest.mark.parametrize("name", large.WORDS)
@pytest.mark.parametrize("status", [429, 503])
def test_large_refusal(status: int, name: str) -> None:
    """Two MiB of words in every text of an error become one short error, in time."""
    answered = WireReply(status, {}, large.refusal(name, status))
    check_time(answered, asking(LIANGXIN), asking(EVOLINK))


@bounded
@pytest.mark.parametrize("name", large.BODIES)
def test_large_body(name: str) -> None:
    """A body as large as the transport lets through is read in time."""
    answered = WireReply(200, {}, large.BODIES[name]())
    check_time(answered, LIANGXIN.read_create, asking(LIANGXIN))
    check_time(answered, EVOLINK.read_create, asking(EVOLINK), EVOLINK.read_credits)


def test_huge_id_is_asked_about_once() -> None:
    """An answer about another task does not put that task's huge id into the error."""
    body = {"id": "x" * 10**6, "status": "completed", "results": ["https://h/a.png"]}
    error = read(EVOLINK.read_query, reply(body), "T")
    assert type(error) is ProtocolError
    data = {"code": 200, "data": {"taskId": "x" * 10**6, "state": "success"}}
    assert type(read(LIANGXIN.read_query, reply(data), "T")) is ProtocolError


def test_records_outlive_their_answers() -> None:
    """A number that is none is None in the record, so that it can be stored as JSON."""
    body = '{"id":"T","status":"completed","x":NaN,"usage":{"y":1e999,"z":-Infinity}}'
    found = EVOLINK.read_query(reply(body), "T")
    assert isinstance(found, TaskRecord)
    assert found.usage == {"y": None, "z": None}
    assert found.raw["x"] is None
    check_record(found)
