"""The shapes of EvoLink's answers, by hand from its documentation.

A task object is the whole body; errors stand in an object `error`; only the credits are
wrapped. Texts of errors and the advice in `fallback_suggestion` are the emulator's own
where the documentation gives none. What a picture costs is not stated: 0.026 credits is
the number of the documented example, and of every create here.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

from liangxin_async.emulator._answer import Answer
from liangxin_async.emulator._report import MISSING

if TYPE_CHECKING:
    from liangxin_async.emulator._capacity import Refusal
    from liangxin_async.emulator._dialect import Account
    from liangxin_async.emulator._report import Report

CREDITS_EACH: Final = 0.026
TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_quota_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large_error",
    429: "rate_limit_error",
    500: "internal_server_error",
    502: "upstream_error",
    503: "service_unavailable_error",
}
BILLING: Final = "https://billing.example.com/top-up"  # the real one is not stated

WORDS: Final = {
    "waiting": "pending",
    "queuing": "pending",
    "generating": "processing",
    "success": "completed",
    "fail": "failed",
}
# As other services of this shape say it; EvoLink does not.
OTHER_WORDS: Final = {
    "waiting": "queued",
    "queuing": "queued",
    "generating": "in_progress",
    "success": "succeeded",
    "fail": "error",
}


# Refusals


def error(
    status: int,
    message: str,
    *,
    code: Any = None,
    kind: str | None = None,
    param: str | None = None,
    hint: Any = None,
) -> Answer:
    """Return an error body; `code` and `kind` follow from the status if not given."""
    told: dict[str, Any] = {
        "code": status if code is None else code,
        "message": message,
        "type": TYPES.get(status, TYPES[500]) if kind is None else kind,
    }
    if param is not None:
        told["param"] = param
    if hint is not None:
        told["fallback_suggestion"] = hint
    return Answer(status=status, payload={"error": told})


def saturated(refusal: Refusal) -> Answer:
    """Return the answer that says "slow down"; the wait stands in the advice's text.

    Without a wait in the refusal there is no advice. Of its forms "empty" has no body,
    and "quota" is an empty balance that is told as a 429; all others are EvoLink's own.
    """
    if refusal.form == "empty":
        answer = Answer(status=429, content_type=None)
    elif refusal.form == "quota":
        kind = "insufficient_quota_error"
        answer = error(429, "insufficient credits", kind=kind, hint=BILLING)
    else:
        wait = _wait(refusal)
        hint = None if wait is None else f"retry after {wait} seconds"
        answer = error(429, "rate limit exceeded", hint=hint)
    if refusal.retry_after is not None:
        answer.headers["Retry-After"] = refusal.retry_after
    return answer


def _wait(refusal: Refusal) -> str | None:
    if refusal.data_retry_after is not None:
        return f"{refusal.data_retry_after:g}"
    told = refusal.retry_after or ""
    return told if re.fullmatch(r"\d+(\.\d+)?", told) else None


# Tasks


def task_object(report: Report) -> Answer:
    """Return the task object: the answer to a create, and to a query."""
    task = report.task
    kind = "video" if task.extension == "mp4" else "image"
    body: dict[str, Any] = {
        "created": _created(report),
        "id": report.task_id,
        "model": task.model,
        "object": f"{kind}.generation.task",
        "progress": report.percent if report.progress is None else report.progress,
        "status": WORDS[report.state] if report.word is None else report.word,
        "task_info": _task_info(report, kind),
        "type": kind,
    }
    if report.state == "success":
        body |= _result(report, kind)
    elif report.state == "fail":
        body["error"] = _failure(report)
    else:
        body["usage"] = _reserved(kind)
    return Answer(payload={n: v for n, v in body.items() if v is not MISSING})


def _created(report: Report) -> Any:
    seconds = report.wall(report.task.created) // 1000
    ways = {"absent": MISSING, "text": str(seconds)}
    return ways.get(report.times or "", seconds)


def _task_info(report: Report, kind: str) -> dict[str, Any]:
    """Return what is told beside: all at create, only `can_cancel` in queries.

    That nothing can be cancelled after its end is the emulator's own reading.
    """
    if not report.is_new:
        return {"can_cancel": not report.has_ended}
    info = {"can_cancel": True, "estimated_time": math.ceil(report.task.duration)}
    return {**info, "video_duration": _VIDEO_SECONDS} if kind == "video" else info


_VIDEO_SECONDS: Final = 2


def _reserved(kind: str) -> dict[str, Any]:
    rule = "per_second" if kind == "video" else "per_call"
    return {
        "billing_rule": rule,
        "credits_reserved": CREDITS_EACH,
        "user_group": "default",
    }


def _result(report: Report, kind: str) -> dict[str, Any]:
    """Return what completion adds; without URLs to list, both lists say so."""
    urls = report.urls
    name = "video_url" if kind == "video" else "url"
    listed = urls if isinstance(urls, list) else [urls]
    data = urls if urls in (None, MISSING) else [{name: url} for url in listed]
    return {
        "results": urls,
        "result_data": data,
        "duration": round(report.task.duration),
        "usage": {"credits_used": CREDITS_EACH},
    }


def _failure(report: Report) -> dict[str, Any]:
    code = "unknown_error" if report.fail_code is None else report.fail_code
    told = {"code": code, "message": report.fail_message}
    return {name: value for name, value in told.items() if value is not MISSING}


# The account

# The numbers of the documented example, for an account that no scenario limits.
_KEY_LEFT: Final = 99416.4429
_USER_LEFT: Final = 1095.3996


def credits_page(account: Account) -> Answer:
    """Return the credits: of the key (`token`) and of the account (`user`).

    With a balance, both have what it pays for; without one the key is unlimited, and
    the example's numbers are what there was at first.
    """
    used = _credits(account.used)
    key_left, user_left = _KEY_LEFT - used, _USER_LEFT - used
    if account.left is not None:
        key_left = user_left = _credits(account.left)
    token = {
        "remaining_credits": round(key_left, 4),
        "unlimited_credits": account.left is None,
        "used_credits": used,
    }
    user = {"remaining_credits": round(user_left, 4), "used_credits": used}
    data = {"token": token, "user": user}
    return Answer(payload={"data": data, "message": "", "success": True})


def _credits(creates: int) -> float:
    return round(creates * CREDITS_EACH, 4)
