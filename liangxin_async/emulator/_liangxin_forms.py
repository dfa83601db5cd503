"""The shapes of LiangXin's answers, by hand from its documentation.

Forms A (business) and B (gateway) are LiangXin's own; C (task), D (dashboard) and E (no
body) are met in its family. Form F, not JSON, is made by the proxy pages of
`_kinds_http`. A task that is not known has four spellings in the family; LiangXin does
not say which is its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from liangxin_async.emulator._answer import Answer, compact
from liangxin_async.emulator._report import MISSING

if TYPE_CHECKING:
    from liangxin_async.emulator._capacity import Refusal
    from liangxin_async.emulator._family import Family
    from liangxin_async.emulator._report import Report

SATURATED: Final = "Current group upstream load is saturated, please try again later"

WORDS: Final = {
    "waiting": "waiting",
    "queuing": "queuing",
    "generating": "generating",
    "success": "success",
    "fail": "fail",
}
OTHER_WORDS: Final = {
    "waiting": "pending",
    "queuing": "queued",
    "generating": "processing",
    "success": "succeeded",
    "fail": "failed",
}


def success(data: dict[str, Any]) -> Answer:
    """Return the envelope of a good answer."""
    return Answer(payload={"code": 200, "msg": "success", "data": data})


def form_a(status: int, code: Any, message: str, data: Any = None) -> Answer:
    """Return the business form."""
    return Answer(status=status, payload={"code": code, "msg": message, "data": data})


def form_b(
    status: int, message: str, code: Any = "", kind: str = "new_api_error"
) -> Answer:
    """Return the gateway form."""
    error = {"message": message, "type": kind, "code": code}
    return Answer(status=status, payload={"error": error})


def form_c(status: int, code: str, message: str) -> Answer:
    """Return the gateway's task form: a string `code`, and `message` for `msg`."""
    return Answer(
        status=status, payload={"code": code, "message": message, "data": None}
    )


def form_d(status: int, message: str, code: str | None = None) -> Answer:
    """Return the dashboard form."""
    payload: dict[str, Any] = {"success": False, "message": message}
    if code is not None:
        payload["code"] = code
    return Answer(status=status, payload=payload)


def form_e(status: int) -> Answer:
    """Return no body at all, and no content type."""
    return Answer(status=status, content_type=None)


def in_form(form: str, status: int, code: Any, message: str) -> Answer:
    """Return any refusal in the form A, B, C or D."""
    match form:
        case "A":
            return form_a(status, code, message)
        case "C":
            return form_c(status, str(code), message)
        case "D":
            return form_d(status, message, None if code is None else str(code))
        case _:
            return form_b(status, message, code)


def saturated(refusal: Refusal) -> Answer:
    """Return the answer that says "slow down" in the form that was chosen."""
    answer = _SATURATED[refusal.form](refusal)
    if refusal.retry_after is not None:
        answer.headers["Retry-After"] = refusal.retry_after
    return answer


def _saturated_a(status: int) -> Callable[[Refusal], Answer]:
    def make(refusal: Refusal) -> Answer:
        wait = refusal.data_retry_after
        data = None if wait is None else {"retryAfter": wait}
        return form_a(status, 429, SATURATED, data)

    return make


_SATURATED: Final[dict[str, Callable[[Refusal], Answer]]] = {
    "A": _saturated_a(429),
    "A200": _saturated_a(200),
    "B": lambda _: form_b(429, SATURATED),
    "C": lambda _: form_c(429, "too_many_requests", SATURATED),
    "empty": lambda _: form_e(429),
    "quota": lambda _: form_b(429, SATURATED, "insufficient_user_quota"),
}

NOT_FOUND: Final[dict[str, Callable[[], Answer]]] = {
    "code_422": lambda: form_a(200, 422, "recordInfo is null"),
    "http_404": lambda: form_a(404, 404, "Task not found"),
    "task_not_exist": lambda: form_c(400, "task_not_exist", "task not exist"),
    "bad_request": lambda: form_a(400, 400, "taskId parameter is required"),
}


# How tasks are told


def created(report: Report, family: Family) -> Answer:
    """Return the answer to an accepted create."""
    return success(_spelled({"taskId": report.task_id}, family))


def record(report: Report, family: Family) -> Answer:
    """Return recordInfo's answer.

    Times are given once successful, as in the documented examples; a task still under
    way has none.
    """
    if report.state == "fail" and family.failure_in_code is not None:
        return form_a(200, family.failure_in_code, report.fail_message)
    data: dict[str, Any] = {
        "taskId": report.task_id,
        "model": report.task.model,
        "state": report.state if report.word is None else report.word,
        "param": report.task.param,
        "resultJson": _result_json(report, family),
        "failCode": "",
        "failMsg": "",
    }
    if report.state == "fail":
        data["failCode"] = _fail_code(report.fail_code, family)
        data["failMsg"] = report.fail_message
    if report.state == "success":
        data |= _times(report, family)
    if report.progress is not None:
        data["progress"] = report.progress
    elif family.progress:
        data["progress"] = report.percent
    return success(_spelled(data, family))


def _result_json(report: Report, family: Family) -> Any:
    """Return resultJson: text of JSON; no URLs at all, or null for them, stay so."""
    urls = report.urls
    if report.state != "success":
        return ""
    if urls in (None, MISSING):
        return urls
    if family.text_results:
        return compact({"resultObject": {"text": report.task.prompt}})
    return compact({family.result_name: urls})


def _fail_code(code: Any, family: Family) -> Any:
    usual = "500" if code is None else code
    if family.fail_code_number and isinstance(usual, str):
        return int(usual) if usual.isdecimal() else 500
    return usual


def _times(report: Report, family: Family) -> dict[str, Any]:
    way, task = report.times or family.times, report.task
    cost = {"costTime": round(task.duration * 1000)}
    if way == "absent":
        return {}
    end = report.wall(task.created + task.duration)
    times = {
        "createTime": report.wall(task.created),
        "updateTime": end,
        "completeTime": end,
    }
    if way == "seconds":
        return cost | {name: value // 1000 for name, value in times.items()}
    if way == "text":
        return cost | {name: str(value) for name, value in times.items()}
    return cost | times


def _spelled(data: dict[str, Any], family: Family) -> dict[str, Any]:
    given = {name: value for name, value in data.items() if value is not MISSING}
    return {_snake(n): v for n, v in given.items()} if family.snake_names else given


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


# What a relative does to whole answers


def with_message(answer: Answer) -> Answer:
    """Return an envelope that says `message` for `msg`."""
    payload = answer.payload
    if payload is None or "msg" not in payload:
        return answer
    renamed = {("message" if k == "msg" else k): v for k, v in payload.items()}
    return evolve(answer, payload=renamed)


def in_200(status: int, answer: Answer) -> Answer:
    """Return a refusal in form A under HTTP 200, with `status` for its code."""
    payload = answer.payload or {}
    error = payload.get("error")
    told = error if isinstance(error, dict) else payload
    message = told.get("msg") or told.get("message") or SATURATED
    inside = form_a(200, status, message, payload.get("data"))
    return evolve(inside, headers=answer.headers)
