"""createTask and recordInfo: what goes out and what is read (api/liangxin.md)."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from liangxin_async._core.backoff import Verdict
from liangxin_async._errors import (
    ApiError,
    BadRequestError,
    LiangxinError,
    NotFoundError,
    ProtocolError,
    UnprocessableError,
)
from liangxin_async._records import TaskRecord, TaskState
from liangxin_async.dialects import LIANGXIN, Accepted, WireReply, WireRequest
from liangxin_async.models import Generic, ZImage
from tests.dialects.samples import (
    FAILURE,
    HTML,
    SATURATED_EN,
    SEED_CREATED,
    SUCCESS,
    WAITING,
    answer,
    create,
    form_a,
    form_b,
    form_c,
    query,
    record,
    refusal,
    reply,
    verdict,
)

URL = "https://host/a.png"
OTHER = "https://host/b.png"


def body_of(wire: WireRequest) -> Any:
    assert wire.body is not None
    return json.loads(wire.body)


# ------------------------------------------------------------------- writing creates


@pytest.mark.parametrize(
    ("own", "session", "sent"),
    [
        (None, None, None),
        (None, "https://s.example/cb", "https://s.example/cb"),
        ("https://r.example/cb", None, "https://r.example/cb"),
        ("https://r.example/cb", "https://s.example/cb", "https://r.example/cb"),
    ],
)
@pytest.mark.parametrize("kind", [ZImage, None])
def test_write_create_callback(
    own: str | None, session: str | None, sent: str | None, kind: Any
) -> None:
    """`callBackUrl` is top level, never inside `input`; the request's own wins."""
    request = (
        ZImage("p", callback_url=own)
        if kind
        else Generic("m", {"prompt": "p"}, callback_url=own)
    )
    body = body_of(LIANGXIN.write_create(request, session))
    assert body.get("callBackUrl") == sent
    assert ("callBackUrl" in body) is (sent is not None)
    assert body["input"] == {"prompt": "p"}


def test_write_create_unset_fields_are_left_out() -> None:
    """What the caller did not set is not sent as null; what he set to false is sent."""
    wire = LIANGXIN.write_create(ZImage("p", enable_safety_checker=False), None)
    assert body_of(wire)["input"] == {"prompt": "p", "enable_safety_checker": False}
    assert wire.body is not None
    assert b"null" not in wire.body


def test_write_create_unknown_model_passes_untouched() -> None:
    """A model outside the catalogue goes out with its input as given, null included."""
    given = {"prompt": '海边\n"q"', "deep": {"list": [1, 2.5, None, {"x": True}]}}
    body = body_of(LIANGXIN.write_create(Generic("new/model v9", given), None))
    assert body == {"model": "new/model v9", "input": given}


def test_write_create_shows_no_prompt() -> None:
    """The request on the wire can be logged without its body."""
    wire = LIANGXIN.write_create(ZImage("a secret prompt"), "https://cb.example/secret")
    assert "secret" not in repr(wire)


# ------------------------------------------------------------------ writing queries


@pytest.mark.parametrize(
    "task_id",
    [
        "task_z-image_1777600000000",
        "task_z_image_1765166238716",
        "0123456789abcdef0123456789abcdef",
        "a&b=c",
        "../x",
        "a/b?c#d",
        "a b+c%20",
        "a\r\nHost: evil",
        "任务;1",
        "x" * 10_000,
    ],
)
def test_write_query_encodes_the_id(task_id: str) -> None:
    """Any id arrives as it is: encoded, one parameter, on the same path."""
    wire = LIANGXIN.write_query(task_id)
    parts = urlsplit(wire.target)
    assert (wire.method, wire.body) == ("GET", None)
    assert parts.path == "/api/v1/jobs/recordInfo"
    assert parts.fragment == ""
    assert parse_qs(parts.query, strict_parsing=True) == {"taskId": [task_id]}
    assert wire.target.isascii()
    assert wire.target.isprintable()


# ----------------------------------------------------------------- reading creates


@pytest.mark.parametrize(
    ("body", "task_id"),
    [
        ({"code": "200", "data": {"taskId": "x"}}, "x"),
        ({"code": "success", "message": "", "data": {"taskId": "x"}}, "x"),
        ({"data": {"taskId": "x"}}, "x"),
        ({"code": None, "msg": None, "data": {"taskId": "x"}}, "x"),
        ({"code": "", "data": {"taskId": "x"}}, "x"),
        ({"success": True, "code": 200, "data": {"taskId": "x"}}, "x"),
        ({"code": 200, "error": None, "data": {"taskId": "x"}}, "x"),
        ({"code": 200, "data": {"task_id": "x"}}, "x"),
        ({"code": 200, "data": {"taskId": None, "task_id": "x"}}, "x"),
        ({"code": 200, "data": {"taskId": "", "task_id": "x"}}, "x"),
        ({"code": 200, "data": {"taskId": "x", "task_id": "y", "new": {}}}, "x"),
        ({"code": 200, "data": {"taskId": 1777600000000}}, "1777600000000"),
        ({"code": 200, "data": {"taskId": 1777600000000.0}}, "1777600000000"),
        ({"code": 200, "data": {"taskId": "../x"}}, "../x"),
        ({"code": 200, "data": {"taskId": "a&b=c\n"}}, "a&b=c\n"),
        ({"code": 200, "data": {"taskId": "x" * 10_000}}, "x" * 10_000),
    ],
)
@pytest.mark.parametrize("status", [200, 201])
def test_read_create_tolerance(body: Any, task_id: str, status: int) -> None:
    """Envelopes of the family that mean success; ids are opaque."""
    assert create(reply(body, status)) == Accepted(task_id)


def test_read_create_bytes_before_json() -> None:
    """A byte order mark, white space and a wrong content type are no obstacle."""
    body = b"\xef\xbb\xbf\n" + json.dumps({"data": {"taskId": "x"}}).encode() + b"\n"
    assert create(reply(body, 200, Content_Type="text/html")) == Accepted("x")


NO_ID: list[Any] = [
    {"code": 200, "msg": "success", "data": None},
    {"code": 200, "msg": "success"},
    {"code": 200, "data": 17},
    {"code": 200, "data": "x"},
    {"code": 200, "data": ["x"]},
    {"code": 200, "data": {}},
    {"code": 200, "data": {"taskId": None}},
    {"code": 200, "data": {"taskId": ""}},
    {"code": 200, "data": {"taskId": "  "}},
    {"code": 200, "data": {"taskId": True}},
    {"code": 200, "data": {"taskId": ["x"]}},
    {"code": 200, "data": {"taskId": {"id": "x"}}},
    [],
    "text",
    17,
    None,
]


@pytest.mark.parametrize("body", NO_ID)
def test_read_create_without_an_id(body: Any) -> None:
    """A success without an id is probably an accepted task: unknown, never repeated."""
    content = json.dumps(body)
    error = refusal(reply(content))
    assert type(error) is ProtocolError
    assert error.http_status == 200
    assert error.body == " ".join(content.split())
    assert verdict(reply(content)) is Verdict.UNKNOWN


# ----------------------------------- the decision table of reliability.md, section 4

GOOD = SEED_CREATED["task_z-image_1777600000000"]
DECISIONS: dict[str, list[tuple[WireReply, Verdict]]] = {
    "200 without taskId, no JSON, cut off": [
        *((reply(json.dumps(body)), Verdict.UNKNOWN) for body in NO_ID),
        *((reply(GOOD[:end]), Verdict.UNKNOWN) for end in range(1, len(GOOD) - 1)),
        (reply(HTML), Verdict.UNKNOWN),
    ],
    "429 of any form": [
        (reply(body, 429), Verdict.WAIT)
        for body in (form_a(429), form_b(SATURATED_EN), form_c("busy"), b"", HTML)
    ],
    "429 that speaks of quota": [
        (reply(body, 429), Verdict.REFUSED)
        for body in (
            form_b(SATURATED_EN, "insufficient_user_quota"),
            form_a(429, "your balance is 0"),
            form_c("x", "not enough credits"),
        )
    ],
    "503 with the gateway's own JSON, or code 455": [
        (reply(form_b("no channel", "model_not_found"), 503), Verdict.AGAIN),
        (reply(form_c("system_disk_overloaded"), 503), Verdict.AGAIN),
        (reply(form_a(455), 200), Verdict.AGAIN),
        (reply(form_a(455), 455), Verdict.AGAIN),
        (reply(form_a(455), 503), Verdict.AGAIN),
    ],
    "clear refusals, form A, B or C": [
        (reply(body, status), Verdict.REFUSED)
        for status in (400, 401, 402, 403, 404, 405, 413, 422, 433, 451, 505)
        for body in (form_a(status), form_b("words"), form_c("some_name"))
    ],
    "200 with a refusal code inside": [
        (reply(form_a(code)), Verdict.REFUSED)
        for code in (400, 401, 402, 403, 404, 413, 422, 433, 451, 505)
    ],
    "undecidable": [
        (reply(body, status), Verdict.UNKNOWN)
        for status in (408, 500, 501, 502, 504, 520, 521, 522, 523, 524)
        for body in (form_a(status), form_b("words"), form_c("some_name"), b"", HTML)
    ],
    "503 in HTML": [(reply(HTML, 503), Verdict.UNKNOWN)],
    "3xx": [
        (reply(b"", status, Location="https://x.example/"), Verdict.REFUSED)
        for status in (301, 302, 303, 307, 308)
    ],
}


@pytest.mark.parametrize("row", DECISIONS)
def test_create_decision_table(row: str) -> None:
    """Each row of the table: what is done after a create that was answered so."""
    for answered, expected in DECISIONS[row]:
        assert verdict(answered) is expected, (answered.status, answered.body)


def test_create_decision_accepted() -> None:
    """200, code 200 and a non-empty id is accepted, and nothing less is."""
    assert isinstance(create(reply(GOOD)), Accepted)


# ----------------------------------------------------------------- reading records


def test_read_query_waiting() -> None:
    """The documented answer of a task under way."""
    found = query(reply(WAITING))
    assert isinstance(found, TaskRecord)
    assert (found.task_id, found.model) == ("T", "z-image")
    assert (found.state, found.raw_state) == (TaskState.GENERATING, "generating")
    assert found.param == {"model": "z-image", "input": {"prompt": "p"}}
    assert found.result_urls == ()
    assert found.fail_code is found.fail_message is None
    assert found.progress is found.cost_time is None
    assert found.created_at is found.updated_at is found.completed_at is None
    assert found.usage == {}
    assert found.raw == json.loads(WAITING)["data"]


def test_read_query_success() -> None:
    """The documented answer of a finished task, times in milliseconds."""
    found = query(reply(SUCCESS))
    assert isinstance(found, TaskRecord)
    begin = datetime(2026, 5, 1, 1, 46, 40, tzinfo=UTC)
    assert found.state is TaskState.SUCCESS
    assert found.result_urls == (URL,)
    assert found.param == "{…}"
    assert found.cost_time == 15.0
    assert found.created_at == begin
    assert found.updated_at == found.completed_at == begin + timedelta(seconds=15)


def test_read_query_failure() -> None:
    """The documented answer of a failed task: the query itself succeeds."""
    found = query(reply(FAILURE))
    assert isinstance(found, TaskRecord)
    assert found.state is TaskState.FAIL
    assert found.fail_code == "500"
    assert found.fail_message == "upstream rejected the prompt"
    assert found.result_urls == ()


@pytest.mark.parametrize("body", [WAITING, SUCCESS, FAILURE])
def test_read_query_record_is_a_value(body: str) -> None:
    """A record can be pickled, compared and hashed, and shows no prompt or URL."""
    found = query(reply(body))
    assert isinstance(found, TaskRecord)
    assert pickle.loads(pickle.dumps(found)) == found
    assert len({found, query(reply(body))}) == 1
    assert "https://" not in repr(found)
    assert "prompt" not in repr(found).replace("upstream rejected the prompt", "")


def test_expires_at_is_not_stated() -> None:
    """No source says how long LiangXin's URLs live, so nothing is invented."""
    found = query(reply(SUCCESS))
    assert isinstance(found, TaskRecord)
    assert LIANGXIN.expires_at(found) is None
    assert LIANGXIN.default_base_url is None


NOT_FOUND: dict[str, WireReply] = {
    "HTTP 404": reply(form_a(404, "Task not found"), 404),
    "code 404": reply(form_a(404, "Task not found"), 200),
    "code 422, null": reply(form_a(422, "recordInfo is null"), 200),
    "HTTP 422, null": reply(form_a(422, "recordInfo is null"), 422),
    "parameter": reply(form_a(400, "taskId parameter is required"), 400),
    "parameter, inside": reply(form_a(400, "taskId parameter is required"), 200),
    "task_not_exist": reply(form_c("task_not_exist", "任务不存在"), 400),
    "task_not_exist, B": reply(form_b("x", "task_not_exist"), 400),
    "task_not_exist, 200": reply(form_c("task_not_exist"), 200),
    "other case": reply(form_a(422, "RecordInfo IS NULL"), 200),
    "message key": reply({"code": 422, "message": "recordInfo is null"}, 200),
}


@pytest.mark.parametrize("form", NOT_FOUND)
def test_read_query_not_found(form: str) -> None:
    """All the ways in which the family says "no such task" are one error."""
    assert type(query(NOT_FOUND[form])) is NotFoundError


def test_read_query_null_record() -> None:
    """A good envelope around nothing: no record of this id."""
    assert type(query(reply({"code": 200, "msg": "success", "data": None}))) is (
        NotFoundError
    )


@pytest.mark.parametrize(
    ("answered", "kind"),
    [
        (reply(form_a(422, "width is invalid"), 422), UnprocessableError),
        (reply(form_a(400, "model is required"), 400), BadRequestError),
        (reply(form_a(500, "recordInfo is null"), 500), ApiError),
    ],
)
def test_read_query_other_refusals(answered: WireReply, kind: type) -> None:
    """Other 400s, 422s and 500s do not say that a task is unknown."""
    error = query(answered)
    assert isinstance(error, kind)
    assert not isinstance(error, NotFoundError)


@pytest.mark.parametrize("data", [17, 0, "x", [], ["T"], True, False])
def test_read_query_data_of_another_kind(data: Any) -> None:
    """`data` that is no object, or missing, is no record and no crash."""
    assert type(query(reply({"code": 200, "data": data}))) is ProtocolError
    assert type(query(reply({"code": 200, "msg": "success"}))) is ProtocolError
    assert type(query(reply(json.dumps([data])))) is ProtocolError


def test_read_query_another_task() -> None:
    """An answer about another id than asked is discarded."""
    error = query(reply(answer(taskId="U", state="success", resultJson=[URL])))
    assert type(error) is ProtocolError
    assert "'T'" in str(error)


# ------------------------------------------------------- the tolerance list, section 8


@pytest.mark.parametrize("words", [{"msg": "m"}, {"message": "m"}, {"msg": None}, {}])
def test_tolerance_1_msg_or_message(words: dict[str, Any]) -> None:
    """1: either key, null, or none, in good and in bad envelopes."""
    good = {"code": 200, **words, "data": {"taskId": "T", "state": "waiting"}}
    assert isinstance(query(reply(good)), TaskRecord)
    error = query(reply({"code": 400, **words, "data": None}))
    assert type(error) is BadRequestError
    assert error.message == ("m" if "m" in words.values() else "")


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize(
    "body", [form_a(400), form_b("x"), form_c("x"), {"success": False}, b"", HTML]
)
def test_tolerance_2_errors_of_any_form(status: int, body: Any) -> None:
    """2: an error in any form under any status is an error of ours."""
    assert isinstance(query(reply(body, status)), LiangxinError)
    assert isinstance(create(reply(body, status)), LiangxinError)


@pytest.mark.parametrize("code", [200, "200", "success", "SUCCESS", "", None, 200.0])
def test_tolerance_3_good_codes(code: Any) -> None:
    """3: a good code as integer, numeric string, name, empty or null."""
    body = {"code": code, "data": {"taskId": "T", "state": "waiting"}}
    assert isinstance(query(reply(body)), TaskRecord)
    del body["code"]
    assert isinstance(query(reply(body)), TaskRecord)


RESULTS: list[tuple[Any, tuple[str, ...]]] = [
    ("", ()),
    (None, ()),
    ("{}", ()),
    ("null", ()),
    ("not JSON", ()),
    ("{broken", ()),
    (17, ()),
    (True, ()),
    ([], ()),
    ({}, ()),
    (json.dumps({"resultUrls": [URL, OTHER]}), (URL, OTHER)),
    ({"resultUrls": [URL, OTHER]}, (URL, OTHER)),
    ([URL, OTHER], (URL, OTHER)),
    (json.dumps([URL]), (URL,)),
    (json.dumps(json.dumps({"resultUrls": [URL]})), (URL,)),
    ({"resultUrls": json.dumps([URL])}, (URL,)),
    (URL, (URL,)),
    # 6: inside the result
    ({"resultUrls": URL}, (URL,)),
    ({"result_urls": [URL]}, (URL,)),
    ({"resultUrls": [], "result_urls": [URL]}, (URL,)),
    ({"resultObject": {"text": "an answer in words"}}, ()),
    ({"resultObject": "an answer in words"}, ()),
    ({"resultUrls": [URL], "firstFrameUrl": [OTHER], "lastFrameUrl": OTHER}, (URL,)),
    ({"resultUrls": [{"url": URL}, {"url": None}, {}]}, (URL,)),
    # fault 43: fewer, more, duplicates
    ({"resultUrls": [URL, OTHER, URL]}, (URL, OTHER)),
    ({"resultUrls": [None, 1, "", "x", URL, ["y"]]}, (URL,)),
    # what no download could follow is no result
    ({"resultUrls": ["file:///etc/passwd", "data:image/png;base64,xx", "//h/a"]}, ()),
    (
        {"resultUrls": ["HTTPS://host/a.png", "http://host/a"]},
        ("HTTPS://host/a.png", "http://host/a"),
    ),
]


@pytest.mark.parametrize(("result", "urls"), RESULTS)
def test_tolerance_5_and_6_results(result: Any, urls: tuple[str, ...]) -> None:
    """5, 6: each form of `resultJson`; what is no http(s) URL is no result."""
    found = record(state="success", resultJson=result)
    assert found.state is TaskState.SUCCESS
    assert found.result_urls == urls
    assert found.raw["resultJson"] == result


def test_tolerance_5_result_missing() -> None:
    """5: a result that is missing, or under another name."""
    assert record(state="success").result_urls == ()
    assert record(state="success", result_json=f'["{URL}"]').result_urls == (URL,)


@pytest.mark.parametrize(
    ("param", "expected"),
    [
        (
            '{"model":"m","input":{"prompt":"p"}}',
            {"model": "m", "input": {"prompt": "p"}},
        ),
        ({"model": "m"}, {"model": "m"}),
        ("", None),
        (None, None),
        ("{cut", "{cut"),
        (17, 17),
        ("[" * 5000, "[" * 5000),
    ],
)
def test_tolerance_7_param(param: Any, expected: Any) -> None:
    """7: `param` never breaks the parse of the rest, and is not shown."""
    found = record(state="success", param=param, resultJson=[URL])
    assert found.param == expected
    assert found.result_urls == (URL,)
    assert "model" not in repr(found).replace("model=None", "")


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        ({"failCode": "501", "failMsg": "no"}, "501", "no"),
        ({"failCode": 501, "failMsg": "no"}, "501", "no"),
        ({"failCode": "", "failMsg": ""}, None, None),
        ({"failCode": None, "failMsg": None}, None, None),
        ({}, None, None),
        ({"errorCode": 501, "errorMessage": "no"}, "501", "no"),
        ({"failCode": None, "errorCode": "501"}, "501", None),
        ({"failMsg": {"reason": "no"}, "failCode": []}, None, None),
    ],
)
def test_tolerance_8_failures(data: Any, code: str | None, message: str | None) -> None:
    """8: code and words as text, number, empty, null, or under other names."""
    found = record(state="fail", **data)
    assert found.state is TaskState.FAIL
    assert (found.fail_code, found.fail_message) == (code, message)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1777600000000, datetime(2026, 5, 1, 1, 46, 40, tzinfo=UTC)),
        ("1777600000000", datetime(2026, 5, 1, 1, 46, 40, tzinfo=UTC)),
        (1777600000, datetime(2026, 5, 1, 1, 46, 40, tzinfo=UTC)),
        (0, None),
        (None, None),
        ("", None),
        ("2026-05-01 14:34:15", None),
        (10**30, None),
    ],
)
@pytest.mark.parametrize(
    ("names", "attribute"),
    [
        (("createTime", "create_time"), "created_at"),
        (("updateTime", "update_time"), "updated_at"),
        (("completeTime", "complete_time"), "completed_at"),
    ],
)
def test_tolerance_9_and_10_times(
    value: Any, expected: datetime | None, names: tuple[str, ...], attribute: str
) -> None:
    """9, 10: times as integer, text, 0, null, seconds; in two spellings."""
    for name in names:
        found = record(state="waiting", **{name: value})
        assert getattr(found, attribute) == expected


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(15000, 15.0), ("15000", 15.0), (0, 0.0), (None, None), ("", None), (-1, None)],
)
def test_tolerance_9_cost_time(value: Any, seconds: float | None) -> None:
    """9: the cost time is milliseconds on the wire and seconds here."""
    assert record(state="success", costTime=value).cost_time == seconds


def test_tolerance_10_task_id_spelling() -> None:
    """10: `taskId` or `task_id`; without any the answer is about the id asked."""
    for data in (
        {"task_id": "T"},
        {"taskId": None, "task_id": "T"},
        {"taskId": ""},
        {},
    ):
        body = {"code": 200, "data": {"state": "waiting", **data}}
        found = query(reply(body))
        assert isinstance(found, TaskRecord)
        assert found.task_id == "T"


@pytest.mark.parametrize("task_id", [[], {}, True, ["T"]])
def test_tolerance_10_unusable_task_id(task_id: Any) -> None:
    """10: an id of another kind is no id; the error names the path."""
    error = query(reply({"code": 200, "data": {"taskId": task_id, "state": "fail"}}))
    assert type(error) is ProtocolError
    assert any("task_id" in problem for problem in error.problems)


def test_tolerance_11_unknown_fields() -> None:
    """11: fields that nobody described change nothing, and stay in `raw`."""
    extra = {"new": {"deep": [1]}, "usage": {"credits": 4}, "错误": None}
    body = {**answer(state="waiting", **extra), "traceId": "x", "timestamp": 5}
    found = query(reply(body))
    assert isinstance(found, TaskRecord)
    assert found.raw == {"taskId": "T", "state": "waiting", **extra}
    assert found.usage == {"credits": 4}


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 0), (50, 50), ("50%", 50), ("50", 50), (None, None), ("", None), (500, None)],
)
def test_tolerance_12_progress(value: Any, expected: int | None) -> None:
    """12: progress as integer, text such as 50%, null, or missing."""
    assert record(state="generating", progress=value).progress == expected
    assert record(state="generating").progress is None


@pytest.mark.parametrize("words", ["任务不存在", "no such thing", ""])
def test_tolerance_13_names_before_text(words: str) -> None:
    """13: in either language, the name decides."""
    assert type(query(reply(form_c("task_not_exist", words), 400))) is NotFoundError


@pytest.mark.parametrize("task_id", SEED_CREATED)
def test_tolerance_15_both_spellings_of_ids(task_id: str) -> None:
    """15: an id is compared as it is, whichever spelling it has."""
    body = {"code": 200, "data": {"taskId": task_id, "state": "success"}}
    assert LIANGXIN.read_query(reply(body), task_id).task_id == task_id


@pytest.mark.parametrize(
    ("state", "folded", "raw"),
    [
        ("SUCCESS", TaskState.SUCCESS, "SUCCESS"),
        (" Fail ", TaskState.FAIL, " Fail "),
        ("succeeded", TaskState.SUCCESS, "succeeded"),
        ("paused", TaskState.UNKNOWN, "paused"),
        ("", TaskState.UNKNOWN, ""),
        (None, TaskState.UNKNOWN, ""),
        (3, TaskState.UNKNOWN, "3"),
        ({"name": "success"}, TaskState.UNKNOWN, ""),
    ],
)
def test_state_unknown_or_spelled_otherwise(
    state: Any, folded: TaskState, raw: str
) -> None:
    """An unknown, odd or missing state is not terminal, and the raw word is kept."""
    found = record(state=state)
    assert (found.state, found.raw_state) == (folded, raw)
    assert found.raw["state"] == state


def test_state_missing_or_under_another_name() -> None:
    """`status` is read where there is no `state`."""
    assert record().state is TaskState.UNKNOWN
    assert record(status="success").state is TaskState.SUCCESS
    assert record(state="fail", status="success").state is TaskState.FAIL


# ------------------------------------------------------- an end told by the code alone


@pytest.mark.parametrize("code", [408, 501, "501"])
@pytest.mark.parametrize("data", [None, {}, "", []])
def test_query_code_that_means_failed(code: Any, data: Any) -> None:
    """408 and 501 beside no record say that the task itself is over."""
    ended = LIANGXIN.read_query(reply(form_a(code, "no luck", data)), "T")
    assert (ended.task_id, ended.state) == ("T", TaskState.FAIL)
    assert (ended.fail_code, ended.fail_message) == (str(code), "no luck")
    assert ended.raw["msg"] == "no luck"


@pytest.mark.parametrize("state", [None, "", "missing"])
def test_query_code_that_means_failed_beside_a_record_without_a_state(
    state: str | None,
) -> None:
    """The record names our task and no state: then the code is its end."""
    data = {"taskId": "T", "failMsg": "out of luck", "state": state}
    if state == "missing":
        del data["state"]
    ended = LIANGXIN.read_query(reply(form_a(501, data=data)), "T")
    assert ended.state is TaskState.FAIL
    assert (ended.fail_code, ended.fail_message) == ("501", "out of luck")


@pytest.mark.parametrize(
    "answered",
    [
        reply(form_a(501, data={"taskId": "T", "state": "generating"})),
        reply(form_a(501, data={"taskId": "other", "state": "fail"})),
        reply(form_a(501), status=500),
        reply(form_a(501), status=501),
        reply(form_a(408), status=408),
        reply(form_c("api_not_implemented"), status=501),
        reply(b"", status=408),
        reply(HTML, status=501),
        reply(form_a(500)),
    ],
)
def test_query_code_that_leaves_the_task_open(answered: WireReply) -> None:
    """A live record, another task, a proxy's status: the poller asks again."""
    assert isinstance(query(answered), LiangxinError)


def test_query_code_beside_a_record_that_has_ended() -> None:
    """The record says more than the code, so it counts."""
    data = {"taskId": "T", "state": "fail", "failCode": "400", "failMsg": "refused"}
    ended = LIANGXIN.read_query(reply(form_a(501, data=data)), "T")
    assert (ended.fail_code, ended.fail_message) == ("400", "refused")


@pytest.mark.parametrize("code", [408, 501])
def test_create_with_a_code_of_failed_tasks_stays_in_doubt(code: int) -> None:
    """No task is named, so whether one was made and charged is unknown."""
    assert verdict(reply(form_a(code))) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("result", "urls"),
    [
        ({"resultObject": {"resultUrls": ["https://h/a.png"]}}, 1),
        ({"resultObject": {"url": "https://h/a.png"}}, 1),
        ({"resultObject": [{"image_url": "https://h/a.png"}, "https://h/b.png"]}, 2),
        ({"resultObject": {"text": "a poem"}}, 0),
        ({"resultObject": "a poem"}, 0),
    ],
)
def test_result_object(result: Any, urls: int) -> None:
    """URLs are found in it; a text result has none, and stays in `raw`."""
    ended = record(state="success", resultJson=json.dumps(result))
    assert len(ended.result_urls) == urls
    assert json.loads(ended.raw["resultJson"]) == result
