"""The shapes of LiangXin's answers, by hand from its documentation.

Forms A (business) and B (gateway) are LiangXin's own; C (task), D (dashboard) and E (no
body) are met in its family. Form F, not JSON, is made by the proxy pages of
`_kinds_http`. A task that is not known has four spellings in the family; LiangXin does
not say which is its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from liangxin_async.emulator._answer import Answer, compact

if TYPE_CHECKING:
    from liangxin_async.emulator._capacity import Refusal
    from liangxin_async.emulator._tasks import Task

SATURATED: Final = "Current group upstream load is saturated, please try again later"


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


def created(task_id: Any) -> Answer:
    """Return the answer to an accepted create."""
    return success({"taskId": task_id})


def record(
    task: Task, shown_id: str, now: float, wall: Callable[[float], int], url: str
) -> Answer:
    """Return recordInfo's answer for a task as it stands at the instant `now`.

    `wall` turns instants into Unix milliseconds. Times are given once successful, as
    in the documented examples; a task still under way has none.
    """
    state = task.state(now)
    data: dict[str, Any] = {
        "taskId": shown_id,
        "model": task.model,
        "state": state,
        "param": task.param,
        "resultJson": "",
        "failCode": "",
        "failMsg": "",
    }
    if state == "fail" and task.failure is not None:
        data["failCode"] = task.failure.code
        data["failMsg"] = task.failure.message
    if state == "success":
        end = wall(task.created + task.duration)
        data["resultJson"] = compact({"resultUrls": [url]})
        data["costTime"] = round(task.duration * 1000)
        data["createTime"] = wall(task.created)
        data["updateTime"] = data["completeTime"] = end
    return success(data)
