"""LiangXin's answers by the documented grammar, with what must be read from them.

`honest` answers are as the documents print them; `tolerated` ones use the other forms
of the tolerance list (api/liangxin.md, section 8), which mean the same.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import frozen
from hypothesis import strategies as st

from liangxin_async._errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    PayloadTooLargeError,
    PermissionDeniedError,
    SaturatedError,
    ServiceError,
    UnprocessableError,
)
from liangxin_async._records import TaskState
from tests.dialects.grammar_json import Draw, as_text

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SPELLINGS = {
    "taskId": ("task_id",),
    "createTime": ("create_time",),
    "updateTime": ("update_time",),
    "completeTime": ("complete_time",),
    "state": ("status",),
    "failCode": ("errorCode", "error_code"),
    "failMsg": ("errorMessage",),
    "msg": ("message",),
    "resultUrls": ("result_urls", "resultObject", "firstFrameUrl"),
    "resultJson": ("result_json", "result"),
    "data": ("error",),
}


@frozen
class Answer:
    """An answer about a task: its JSON value and what a reader must find in it.

    Attributes:
        task_id: the id that was asked for.
        value: the JSON value of the body.
        expected: attributes of the record, by name; each must be equal.
    """

    task_id: str
    value: Any
    expected: dict[str, Any]


# Letters that spell none of the words which the error tables look for.
plain_words = st.text(st.sampled_from("xyzäö任务 .,-"), min_size=1, max_size=40).filter(
    str.strip
)
texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
task_ids = st.sampled_from(
    ["task_z-image_1777600000000", "task_z_image_1765166238716", "0f" * 16, "../x"]
) | texts.filter(str.strip)
models = st.sampled_from(["z-image", "seedream-v4-5", "a/b v9"]) | texts
urls = st.builds(
    "https://{}.example/{}.{}?sig={}".format,
    st.sampled_from(["files", "cdn-1"]),
    st.integers(0, 10**6),
    st.sampled_from(["png", "jpeg", "mp4"]),
    st.sampled_from(["", "a%2Fb", "海"]),
)
url_lists = st.lists(urls, min_size=1, max_size=4, unique=True)
params = st.fixed_dictionaries(
    {"model": texts, "input": st.fixed_dictionaries({"prompt": texts})},
    optional={"callBackUrl": urls},
)
milliseconds = st.integers(10**11, 4 * 10**12)
WORDS = {
    TaskState.WAITING: ("waiting", "wait", "pending", "Waiting"),
    TaskState.QUEUING: ("queuing", "queueing", "queued", "QUEUED"),
    TaskState.GENERATING: ("generating", "processing", "running", "in_progress"),
    TaskState.SUCCESS: ("success", "succeeded", "completed", "SUCCESS"),
    TaskState.FAIL: ("fail", "failed", "error", "Fail"),
}


def _instant(value: int) -> datetime:
    return EPOCH + timedelta(milliseconds=value)


@st.composite
def honest(draw: Draw) -> Answer:
    """A recordInfo answer as section 3 describes it."""
    state = draw(st.sampled_from(list(WORDS)))
    task_id, model, param = draw(task_ids), draw(models), draw(params)
    data = {
        "taskId": task_id,
        "model": model,
        "state": state.value,
        "param": as_text(param),
        "resultJson": "",
        "failCode": "",
        "failMsg": "",
    }
    expected: dict[str, Any] = {
        "task_id": task_id,
        "model": model,
        "state": state,
        "raw_state": state.value,
        "param": param,
        "result_urls": (),
        "fail_code": None,
        "fail_message": None,
    }
    _end(draw, state, data, expected)
    _optional(draw, state, data, expected)
    expected["raw"] = dict(data)
    return Answer(task_id, {"code": 200, "msg": "success", "data": data}, expected)


def _end(
    draw: Draw, state: TaskState, data: dict[str, Any], expected: dict[str, Any]
) -> None:
    if state is TaskState.SUCCESS:
        found = draw(url_lists)
        data["resultJson"] = as_text({"resultUrls": found})
        expected["result_urls"] = tuple(found)
    if state is TaskState.FAIL:
        data["failCode"] = str(draw(st.integers(400, 599)))
        data["failMsg"] = draw(texts)
        expected["fail_code"] = data["failCode"]
        expected["fail_message"] = data["failMsg"]


def _optional(
    draw: Draw, state: TaskState, data: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Add the fields that only the family is known to send, or none of them."""
    expected |= dict.fromkeys(
        ("progress", "cost_time", "created_at", "updated_at", "completed_at")
    )
    for name, attribute in (("createTime", "created_at"), ("updateTime", "updated_at")):
        if draw(st.booleans()):
            data[name] = draw(milliseconds)
            expected[attribute] = _instant(data[name])
    if state.is_terminal and draw(st.booleans()):
        data["completeTime"] = draw(milliseconds)
        expected["completed_at"] = _instant(data["completeTime"])
    if state is TaskState.SUCCESS and draw(st.booleans()):
        data["costTime"] = draw(st.integers(0, 10**7))
        expected["cost_time"] = data["costTime"] / 1000
    if draw(st.booleans()):
        data["progress"] = draw(st.integers(0, 100))
        expected["progress"] = data["progress"]


@st.composite
def tolerated(draw: Draw) -> Answer:
    """An honest answer in other forms of the tolerance list: the same facts."""
    answer = draw(honest())
    data = dict(answer.value["data"])
    expected = dict(answer.expected)
    word = draw(st.sampled_from(WORDS[expected["state"]]))
    data["state"] = expected["raw_state"] = word
    if data["resultJson"]:
        data["resultJson"] = _result(draw, list(expected["result_urls"]))
    else:
        data["resultJson"] = draw(st.sampled_from(["", None, "{}", [], {}]))
    if data["failCode"] and draw(st.booleans()):
        data["failCode"] = int(data["failCode"])
    data["param"] = draw(
        st.sampled_from(
            [expected["param"], data["param"], as_text(expected["param"], 2)]
        )
    )
    _retell_numbers(draw, data)
    _rename(draw, data)
    _add_unknown(draw, data)
    expected["raw"] = dict(data)
    return Answer(answer.task_id, _envelope(draw, data), expected)


def _result(draw: Draw, found: list[str]) -> Any:
    forms = [
        {"resultUrls": found},
        {"result_urls": found},
        {"resultUrls": found, "firstFrameUrl": ["https://h/first.png"], "new": 1},
        {"resultUrls": [{"url": url} for url in found]},
        {"resultUrls": as_text(found)},
        found,
    ]
    if len(found) == 1:
        forms += [{"resultUrls": found[0]}]
    return as_text(draw(st.sampled_from(forms)), draw(st.integers(0, 2)))


def _retell_numbers(draw: Draw, data: dict[str, Any]) -> None:
    for name in ("createTime", "updateTime", "completeTime", "costTime", "progress"):
        if name in data and draw(st.booleans()):
            data[name] = str(data[name])
        elif name not in data and name != "costTime" and draw(st.booleans()):
            data[name] = None
    for name in ("createTime", "updateTime", "completeTime"):
        if data.get(name) is None and draw(st.booleans()):
            data[name] = 0
    if data.get("progress") is not None and draw(st.booleans()):
        data["progress"] = f"{data['progress']}%"


def _rename(draw: Draw, data: dict[str, Any]) -> None:
    for name in ("taskId", "createTime", "updateTime", "completeTime"):
        if name in data and draw(st.booleans()):
            data[SPELLINGS[name][0]] = data.pop(name)
    for name, other in (("failCode", "errorCode"), ("failMsg", "errorMessage")):
        if data[name] and draw(st.booleans()):
            data[other] = data.pop(name)
        elif not data[name]:
            data[name] = draw(st.sampled_from(["", None]))


def _add_unknown(draw: Draw, data: dict[str, Any]) -> None:
    data |= draw(
        st.dictionaries(
            st.sampled_from(["new", "traceId", "错误", "recordId"]),
            st.sampled_from([None, 1, "x", {"deep": [1]}]),
            max_size=2,
        )
    )


def _envelope(draw: Draw, data: dict[str, Any]) -> dict[str, Any]:
    envelope: dict[str, Any] = {"data": data}
    if draw(st.booleans()):
        envelope["code"] = draw(
            st.sampled_from([200, "200", "success", "", None, 200.0])
        )
    if draw(st.booleans()):
        name = draw(st.sampled_from(["msg", "message"]))
        envelope[name] = draw(st.sampled_from(["success", None, "ok"]))
    _add_unknown(draw, envelope)
    return envelope


# ------------------------------------------------------------------ other answers

created = task_ids.map(
    lambda task_id: Answer(
        task_id,
        {"code": 200, "msg": "success", "data": {"taskId": task_id}},
        {"task_id": task_id},
    )
)


@st.composite
def ended_by_code(draw: Draw) -> Answer:
    """A query answered with "generation failed" or "no result for 10 minutes"."""
    task_id, code = draw(task_ids), draw(st.sampled_from([501, 408]))
    words = draw(plain_words)
    value: dict[str, Any] = {"code": draw(st.sampled_from([code, str(code)]))}
    value[draw(st.sampled_from(["msg", "message"]))] = words
    if draw(st.booleans()):
        value["data"] = None
    expected = {
        "task_id": task_id,
        "state": TaskState.FAIL,
        "fail_code": str(code),
        "fail_message": words,
        "result_urls": (),
    }
    return Answer(task_id, value, expected)


@frozen
class Refusal:
    """An error answer: status, JSON value, the error it must become, and its words."""

    status: int
    value: Any
    kind: type[ApiError]
    words: str


KINDS: dict[int, type[ApiError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    413: PayloadTooLargeError,
    422: UnprocessableError,
    429: SaturatedError,
    **dict.fromkeys((500, 502, 503, 504, 524), ServiceError),
}


@st.composite
def refusals(draw: Draw) -> Refusal:
    """An error answer in one of the forms A to D of section 6."""
    status, words = draw(st.sampled_from(list(KINDS))), draw(plain_words)
    name = draw(st.sampled_from(["", "some_fault", None, status]))
    forms: list[Any] = [
        {"code": status, "msg": words, "data": None},
        {"error": {"message": words, "type": "new_api_error", "code": name}},
        {
            "error": {
                "message": words,
                "type": "upstream_error",
                "code": name,
                "param": "p",
                "metadata": {"a": 1},
            }
        },
        {"code": "some_fault", "message": words, "data": None},
        {"success": False, "message": words},
        {"success": False, "message": words, "code": "some_fault"},
    ]
    return Refusal(status, draw(st.sampled_from(forms)), KINDS[status], words)
