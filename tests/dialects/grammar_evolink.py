"""EvoLink's answers by the documented grammar, with what must be read from them.

`honest` answers are as the documents print them; `tolerated` ones use the other forms
of the tolerance list (api/evolink.md, section 8), which mean the same.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from attrs import frozen
from hypothesis import strategies as st

from liangxin_async._errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    InsufficientQuotaError,
    NotFoundError,
    PayloadTooLargeError,
    PermissionDeniedError,
    SaturatedError,
    ServiceError,
)
from liangxin_async._records import TaskState
from tests.dialects.grammar_json import Draw
from tests.dialects.grammar_liangxin import (
    EPOCH,
    Answer,
    models,
    plain_words,
    texts,
    url_lists,
)

SPELLINGS = {
    "id": ("task_id", "taskId"),
    "status": ("state",),
    "results": ("result_data", "files", "result"),
    "result_data": ("results",),
    "created": ("created_at", "duration"),
    "url": ("image_url", "video_url", "audio_url"),
    "error": ("message", "data"),
    "code": ("type",),
    "data": ("token", "error"),
    "remaining_credits": ("used_credits",),
}
STATES = {
    "pending": TaskState.WAITING,
    "processing": TaskState.GENERATING,
    "completed": TaskState.SUCCESS,
    "failed": TaskState.FAIL,
    "cancelled": TaskState.FAIL,
    "canceled": TaskState.FAIL,
}
FAILURES = [
    "content_policy_violation", "invalid_parameters", "image_processing_error",
    "image_dimension_mismatch", "request_cancelled", "generation_failed_no_content",
    "service_error", "generation_timeout", "resource_exhausted", "quota_exceeded",
    "service_unavailable", "resource_not_found", "unknown_error",
]  # fmt: skip

task_ids = st.builds(
    "task-unified-{}-{}".format,
    st.integers(10**9, 2 * 10**9),
    st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=12),
)
kinds = st.sampled_from(["image", "video", "audio"])
credits_count = st.integers(0, 10**6) | st.floats(0, 10**6).filter(
    lambda number: number == 0 or number > 1e-6
)
at_create = st.fixed_dictionaries(
    {
        "billing_rule": st.sampled_from(["per_call", "per_token", "per_second"]),
        "credits_reserved": credits_count,
        "user_group": st.sampled_from(["default", "vip"]),
    }
)
at_end = st.fixed_dictionaries(
    {"credits_used": credits_count},
    optional={"input_tokens": st.integers(0, 10**6), "total_tokens": st.integers(0, 9)},
)


@st.composite
def honest(draw: Draw) -> Answer:
    """A task object as section 3 describes it."""
    word = draw(st.sampled_from(list(STATES)))
    kind, task_id, model = draw(kinds), draw(task_ids), draw(models)
    created, progress = draw(st.integers(10**9, 4 * 10**9)), draw(st.integers(0, 100))
    ended = STATES[word].is_terminal
    usage = draw(at_end if ended else at_create)
    value: dict[str, Any] = {
        "created": created,
        "id": task_id,
        "model": model,
        "object": f"{kind}.generation.task",
        "progress": progress,
        "status": word,
        "task_info": {"can_cancel": draw(st.booleans())},
        "type": kind,
        "usage": usage,
    }
    expected: dict[str, Any] = {
        "task_id": task_id,
        "model": model,
        "state": STATES[word],
        "raw_state": word,
        "progress": progress,
        "usage": usage,
        "created_at": EPOCH + timedelta(seconds=created),
        "result_urls": (),
        "fail_code": None,
        "fail_message": None,
        "cost_time": None,
        "param": None,
    }
    _end(draw, value, expected)
    expected["raw"] = dict(value)
    return Answer(task_id, value, expected)


def _end(draw: Draw, value: dict[str, Any], expected: dict[str, Any]) -> None:
    if expected["state"] is TaskState.SUCCESS:
        found = draw(url_lists)
        value["results"] = found
        expected["result_urls"] = tuple(found)
        if draw(st.booleans()):
            value["result_data"] = [{"url": url} for url in found]
        if draw(st.booleans()):
            value["duration"] = draw(st.integers(0, 10**5))
            expected["cost_time"] = float(value["duration"])
    if value["status"] == "failed":
        code, words = draw(st.sampled_from(FAILURES)), draw(texts)
        value["error"] = {"code": code, "message": words}
        if draw(st.booleans()):
            value["error"]["type"] = "task_error"
        expected["fail_code"], expected["fail_message"] = code, words


@st.composite
def tolerated(draw: Draw) -> Answer:
    """An honest answer in other forms of the tolerance list: the same facts."""
    answer = draw(honest())
    value, expected = dict(answer.value), dict(answer.expected)
    _retell_results(draw, value, list(expected["result_urls"]))
    _retell_words(draw, value, expected)
    if draw(st.booleans()):
        value["created"] = str(value["created"])
    if draw(st.booleans()):
        del value["usage"]
        expected["usage"] = {}
    for name in ("task_info", "object", "type"):
        if draw(st.booleans()):
            value[name] = draw(st.sampled_from(["hologram", None, {"x": 1}, 7]))
        elif draw(st.booleans()):
            del value[name]
    value |= draw(
        st.dictionaries(
            st.sampled_from(["new", "trace_id", "错误"]),
            st.sampled_from([None, 1, "x", {"deep": [1]}]),
            max_size=2,
        )
    )
    expected["raw"] = dict(value)
    return Answer(answer.task_id, value, expected)


def _retell_results(draw: Draw, value: dict[str, Any], found: list[str]) -> None:
    if not found:
        form = draw(st.sampled_from([None, [], "", "absent"]))
        if form != "absent":
            value["results"] = form
        return
    value.pop("result_data", None)
    objects = [{"url": url, "result_id": str(n)} for n, url in enumerate(found)]
    member = draw(st.sampled_from(["url", "image_url", "video_url", "audio_url"]))
    renamed = [{member: url, "title": "t", "duration": 5} for url in found]
    forms: list[dict[str, Any]] = [
        {"results": found},
        {"results": objects},
        {"results": None, "result_data": objects},
        {"results": [], "result_data": renamed},
        {"result_data": renamed},
    ]
    if len(found) == 1:
        forms += [
            {"results": found[0]},
            {"results": "", "result_data": objects[0]},
            {"result_data": renamed[0]},
        ]
    del value["results"]
    value |= draw(st.sampled_from(forms))


def _retell_words(draw: Draw, value: dict[str, Any], expected: dict[str, Any]) -> None:
    if draw(st.booleans()):
        value["status"] = expected["raw_state"] = value["status"].upper()
    if "error" not in value:
        if draw(st.booleans()):
            value["error"] = None
        return
    error = {"message": expected["fail_message"]}
    form = draw(st.sampled_from(["name", "unknown name", "number", "missing"]))
    if form == "missing":
        expected["fail_code"] = None
    else:
        given = {"name": expected["fail_code"], "unknown name": "x_y", "number": 500}
        error["code"] = given[form]
        expected["fail_code"] = str(given[form])
    value["error"] = error


@st.composite
def created(draw: Draw) -> Answer:
    """The answer to a create: a task object with status `pending`."""
    answer = draw(honest().filter(lambda found: found.value["status"] == "pending"))
    seconds = draw(st.integers(0, 600))
    answer.value["task_info"] = {"can_cancel": True, "estimated_time": seconds}
    answer.expected["raw"] = dict(answer.value)
    return Answer(answer.task_id, answer.value, answer.expected)


# ----------------------------------------------------------------------- credits


@frozen
class CreditAnswer:
    """An answer about credits, and the two purses that must be read from it.

    A purse is (remaining, used, unlimited), or None where none was told.
    """

    value: Any
    token: tuple[float | None, float | None, bool | None] | None
    user: tuple[float | None, float | None, bool | None] | None


@st.composite
def credit_answers(draw: Draw) -> CreditAnswer:
    """The answer of section 7, its numbers whole or with fractions."""
    left, used, own_left, own_used = (draw(credits_count) for _ in range(4))
    unlimited = draw(st.booleans())
    token = {
        "remaining_credits": left,
        "unlimited_credits": unlimited,
        "used_credits": used,
    }
    user = {"remaining_credits": own_left, "used_credits": own_used}
    data = {"token": token, "user": user}
    return CreditAnswer(
        {"data": data, "message": "", "success": True},
        (float(left), float(used), unlimited),
        (float(own_left), float(own_used), None),
    )


# ------------------------------------------------------------------------ errors


@frozen
class Refusal:
    """An error answer, the error it must become, and every text that it holds."""

    status: int
    value: Any
    kind: type[ApiError]
    words: tuple[str, ...]


ROWS: dict[int, tuple[str, type[ApiError]]] = {
    400: ("invalid_request_error", BadRequestError),
    401: ("authentication_error", AuthenticationError),
    402: ("insufficient_quota_error", InsufficientQuotaError),
    403: ("permission_error", PermissionDeniedError),
    404: ("not_found_error", NotFoundError),
    413: ("request_too_large_error", PayloadTooLargeError),
    429: ("rate_limit_error", SaturatedError),
    500: ("internal_server_error", ServiceError),
    502: ("upstream_error", ServiceError),
    503: ("service_unavailable_error", ServiceError),
}


@st.composite
def refusals(draw: Draw) -> Refusal:
    """An error answer as section 4 describes it."""
    status = draw(st.sampled_from(list(ROWS)))
    kind, expected = ROWS[status]
    error = {"code": draw(st.sampled_from([status, str(status)])), "type": kind}
    error["message"] = draw(plain_words)
    words = [error["message"]]
    for name in ("param", "fallback_suggestion"):
        if draw(st.booleans()):
            error[name] = draw(plain_words)
            words.append(error[name])
    shown = tuple(" ".join(word.split()) for word in words)
    return Refusal(status, {"error": error}, expected, shown)
