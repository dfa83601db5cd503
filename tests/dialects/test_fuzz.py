"""Anything a service may answer ends in a value or in one of our errors (promise 10).

Two generators: arbitrary bytes under every status, and recordInfo answers built by
grammar from what the family sends, then damaged.
"""

from __future__ import annotations

import copy
import json
import math
import pickle
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from liangxin_async._core.backoff import Verdict, judge_create
from liangxin_async._core.lifecycle import conclude, next_step
from liangxin_async._errors import LiangxinError, SaturatedError
from liangxin_async._records import TaskRecord
from liangxin_async.dialects import LIANGXIN, Accepted, WireReply
from tests.dialects.samples import create, form_a, form_b, form_c, form_d, query, reply

fuzz = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
LONGEST = 2.0  # seconds for one answer of the largest size the transport lets through

statuses = st.integers(100, 599)
headers = st.dictionaries(
    st.sampled_from(
        ["Retry-After", "X-Request-Id", "X-Oneapi-Request-Id", "Location", "Date"]
    ),
    st.text(max_size=30),
    max_size=4,
)
LONE = "\\ud800"  # as JSON spells it


# ------------------------------------------------------------------- the grammar

words = st.sampled_from(
    ["success", "Success", "fail", "FAILED", "waiting", "wait", "queued", "running"]
) | st.sampled_from(["", " ", "成功", "paused", "null", "T"])
numbers = st.one_of(
    st.integers(-(10**3), 10**15),
    st.sampled_from([0, -1, 10**30, 10**300, 1777600000, 1777600000000]),
    st.floats(allow_nan=True, allow_infinity=True),
)
number_texts = st.one_of(
    numbers.map(str),
    st.sampled_from(["50%", "1e999", "nan", "-inf", "9" * 400, "0x1f"]),
)
urls = st.sampled_from(
    [
        "https://h/a.png",
        "http://h/b",
        "HTTPS://H/c",
        "ftp://h",
        "//h/d",
        "",
        "x",
        "data:,",
    ]
)
scalars = st.one_of(st.none(), st.booleans(), words, numbers, number_texts, st.text())
odd = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)


def as_text(value: Any, times: int) -> Any:
    """Return `value` wrapped in JSON text so many times."""
    for _ in range(times):
        value = json.dumps(value)
    return value


results = st.builds(
    as_text,
    st.one_of(
        st.fixed_dictionaries(
            {},
            optional={
                "resultUrls": st.lists(urls, max_size=3) | urls | odd,
                "result_urls": st.lists(urls, max_size=3) | odd,
                "resultObject": odd,
                "firstFrameUrl": urls,
            },
        ),
        st.lists(urls | odd, max_size=3),
        odd,
    ),
    st.integers(0, 4),
)
params = st.builds(as_text, odd, st.integers(0, 3))
FIELDS = {
    "taskId": st.sampled_from(["T", "T", "T", "U", "", None, 7]) | odd,
    "task_id": st.just("T") | odd,
    "model": st.just("z-image") | odd,
    "state": words | odd,
    "status": words | odd,
    "param": params,
    "resultJson": results,
    "result_json": results,
    "failCode": words | numbers | odd,
    "failMsg": st.text() | odd,
    "errorCode": numbers | odd,
    "errorMessage": odd,
    "costTime": numbers | number_texts | odd,
    "createTime": numbers | number_texts | odd,
    "update_time": numbers | number_texts | odd,
    "completeTime": numbers | number_texts | odd,
    "progress": numbers | number_texts | odd,
    "usage": odd,
}
records = st.fixed_dictionaries(
    {"taskId": st.just("T")},
    optional={k: v for k, v in FIELDS.items() if k != "taskId"},
) | st.fixed_dictionaries({}, optional=FIELDS)
codes = st.one_of(
    st.sampled_from([200, "200", "success", 200, 200, 422, 429, "429", 433, 455, 500]),
    st.sampled_from(["task_not_exist", "quota_not_enough", "", None]),
    odd,
)
envelopes = st.fixed_dictionaries(
    {},
    optional={
        "code": codes,
        "msg": st.text() | odd,
        "message": odd,
        "data": records | odd,
        "success": odd,
        "error": odd
        | st.fixed_dictionaries(
            {}, optional={"message": odd, "type": odd, "code": odd, "metadata": odd}
        ),
        "type": odd,
        "detail": odd,
    },
)
answers = envelopes | st.builds(
    lambda data: {"code": 200, "msg": "success", "data": data}, records
)
damages = st.sampled_from(
    ["", "cut", "insert", "flip", "lone", "bom", "latin", "utf-16", "twice", "deep"]
)


def damaged(text: str, how: str, at: float) -> bytes:
    """Return the bytes of an answer, hurt in one way at a relative position."""
    place = int(at * len(text))
    body = text.encode("utf-8", "replace")
    position = min(len(body), int(at * len(body)))
    match how:
        case "cut":
            return body[:position]
        case "insert":
            return body[:position] + b"\xff\xfe" + body[position:]
        case "flip":
            flipped = bytes([body[position] ^ 0x20]) if position < len(body) else b""
            return body[:position] + flipped + body[position + 1 :]
        case "lone":
            return (text[:place] + LONE + text[place:]).encode("utf-8", "replace")
        case "bom":
            return b"\xef\xbb\xbf" + body
        case "latin":
            return text.encode("latin-1", "replace")
        case "utf-16":
            return text.encode("utf-16", "replace")
        case "twice":
            return body + body
        case "deep":
            levels = int(at * 1200)
            nested = "[" * levels + "]" * levels
            return text.replace('"T"', f'"T","x":{nested}', 1).encode(
                "utf-8", "replace"
            )
    return body


# -------------------------------------------------------------------- the checks


def check_query(answered: WireReply) -> None:
    """A query ends in a usable record or in our error, and both can be kept."""
    found = query(answered)
    if isinstance(found, LiangxinError):
        check_error(found)
        return
    assert found.task_id == "T"
    assert 200 <= answered.status < 300
    assert found.progress is None or 0 <= found.progress <= 100
    assert found.cost_time is None or math.isfinite(found.cost_time)
    assert all(url[:4].lower() == "http" for url in found.result_urls)
    assert len(set(found.result_urls)) == len(found.result_urls)
    assert isinstance(found.raw, dict)
    assert len(repr(found)) < len(answered.body) * 4 + 1000
    hash(found)
    check_kept(found, pickle.loads(pickle.dumps(found)))
    check_kept(found, copy.deepcopy(found))
    json.dumps(found.raw, ensure_ascii=False).encode()
    next_step(None, found)
    next_step(found, found)
    if found.state.is_terminal:
        outcome = conclude(found, None, LIANGXIN.expires_at(found))
        pickle.dumps(outcome)


def check_kept(found: TaskRecord, again: TaskRecord) -> None:
    # By text: a NaN in `raw` does not even equal itself.
    assert repr(again) == repr(found)
    assert repr(again.raw) == repr(found.raw)


def check_error(error: LiangxinError) -> None:
    """An error is short, can be written down, and survives pickling."""
    assert len(str(error)) < 2000
    str(error).encode()
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def check_create(answered: WireReply) -> None:
    """A create ends in an id or in an error with a verdict; doubt is never resent."""
    outcome = create(answered)
    if isinstance(outcome, Accepted):
        assert outcome.task_id.strip()
        assert 200 <= answered.status < 300
        LIANGXIN.write_query(outcome.task_id)
        return
    check_error(outcome)
    verdict = judge_create(outcome, left=True)
    if verdict is Verdict.WAIT:
        assert isinstance(outcome, SaturatedError)
    if 200 <= answered.status < 300 and not answered.body.strip():
        assert verdict is Verdict.UNKNOWN


# --------------------------------------------------------------------- the fuzzing


@fuzz
@given(st.binary(max_size=200), statuses, headers)
@example(b"", 200, {})
@example(b"\xef\xbb\xbf", 200, {})
@example(b"null", 200, {})
@example(b"[" * 100_000, 200, {})
@example(b'{"code":NaN,"data":{"taskId":NaN}}', 200, {})
@example(b'{"code":Infinity,"data":{"taskId":-Infinity}}', 200, {})
@example(b'{"code":1e400,"data":{"taskId":"T"}}', 200, {})
@example(b"9" * 5000, 200, {})
@example(b'{"error":' + b"9" * 4000 + b"}", 200, {})
@example(b'{"code":200,"data":{"taskId":' + b"9" * 4000 + b"}}", 200, {})
def test_fuzz_bytes(body: bytes, status: int, fields: dict[str, str]) -> None:
    """Arbitrary bytes under any status raise nothing foreign."""
    answered = WireReply(status, fields, body)
    check_query(answered)
    check_create(answered)


@fuzz
@given(answers, statuses | st.just(200), damages, st.floats(0, 1))
def test_fuzz_answers(value: Any, status: int, how: str, at: float) -> None:
    """Answers by grammar, damaged in any one way, under any status."""
    answered = WireReply(status, {}, damaged(json.dumps(value), how, at))
    check_query(answered)
    check_create(answered)


@fuzz
@given(records, damages, st.floats(0, 1), st.booleans())
def test_fuzz_records(data: Any, how: str, at: float, as_is: bool) -> None:
    """Records in a good envelope: where the fields reach the field readers."""
    text = json.dumps({"code": 200, "data": data}, ensure_ascii=as_is)
    check_query(WireReply(200, {}, damaged(text, how, at)))


@fuzz
@given(st.sampled_from([form_a, form_b, form_c, form_d]), odd, odd, statuses)
def test_fuzz_refusals(form: Any, one: Any, other: Any, status: int) -> None:
    """Every error form with any values in it."""
    more = {} if form is form_d else {"a": other}
    body = form(one, *more.values()) if form is not form_c else form_c(one, other)
    answered = reply(json.dumps(body), status)
    check_query(answered)
    check_create(answered)


def test_every_status() -> None:
    """Every status there is, with nothing, a page, and each kind of JSON."""
    for status in range(100, 600):
        for body in (b"", b"<html>", b"{}", b"[]", b"null", b'{"code":200}', b'"x"'):
            answered = WireReply(status, {}, body)
            check_query(answered)
            check_create(answered)


# ----------------------------------------------------------------- size and time

MEGABYTE = 1024 * 1024
DATA = '{"code":200,"data":{"taskId":"T","state":"success",%s}}'
LARGE = {
    "spaces": b" " * MEGABYTE,
    "open brackets": b"[" * MEGABYTE,
    "digits": b"9" * MEGABYTE,
    "flat list": b"[" + b"1," * (MEGABYTE // 2) + b"1]",
    "shallow lists": b"[" + b"[]," * (MEGABYTE // 3) + b"1]",
    "long message": json.dumps(form_a(500, "x" * MEGABYTE)).encode(),
    "long name": json.dumps(form_b("x", "n" * MEGABYTE, "t" * 100)).encode(),
    "long type": json.dumps(form_b("x", "", "t" * MEGABYTE)).encode(),
    "blank message": json.dumps(form_a(500, " " * MEGABYTE)).encode(),
    "request ids": json.dumps(form_a(500, "(request id: a) " * 60_000)).encode(),
    "half request ids": json.dumps(form_a(500, "(request id: " * 70_000)).encode(),
    "quota words": json.dumps(form_a(429, "quot " * 200_000)).encode(),
    "long failMsg": (DATA % f'"failMsg":"{"x" * MEGABYTE}"').encode(),
    "long param": (DATA % f'"param":"{"[" * MEGABYTE}"').encode(),
    "long number": (DATA % f'"costTime":"{"9" * MEGABYTE}"').encode(),
    "long progress": (DATA % f'"progress":"{" " * MEGABYTE}"').encode(),
    "many urls": (
        DATA % ('"resultJson":[' + '"https://h/a.png",' * 50_000 + '"x"]')
    ).encode(),
    "lone surrogates": (DATA % f'"model":"{LONE * 150_000}"').encode(),
    "nested text": (
        DATA % f'"resultJson":{as_text({"resultUrls": ["x"]}, 15)}'
    ).encode(),
    "nested results": (
        DATA % ('"resultJson":' + '{"resultUrls":' * 100 + "1" + "}" * 100)
    ).encode(),
    "many keys": json.dumps({str(n): n for n in range(60_000)}).encode(),
}


@pytest.mark.parametrize("kind", LARGE)
@pytest.mark.parametrize("status", [200, 429, 500])
def test_large_answers_are_read_in_time(kind: str, status: int) -> None:
    """An answer as large as the transport allows costs no noticeable time."""
    answered = WireReply(status, {}, LARGE[kind])
    began = time.process_time()
    outcomes = query(answered), create(answered)
    assert time.process_time() - began < LONGEST
    for outcome in outcomes:
        if isinstance(outcome, LiangxinError):
            check_error(outcome)


@pytest.mark.parametrize("levels", range(60, 1100, 40))
@pytest.mark.parametrize("member", ["x", "param", "resultJson", "usage", "failMsg"])
@pytest.mark.parametrize("text", [True, False])
def test_depth_never_breaks_out(levels: int, member: str, text: bool) -> None:
    """At any depth, plain or inside JSON text: a record that pickles, or our error."""
    nested = "[" * levels + f'"{LONE}"' + "]" * levels
    value = json.dumps(nested) if text else nested
    check_query(WireReply(200, {}, (DATA % f'"{member}":{value}').encode()))
