"""What a refusal means: from an envelope to one of our errors.

The HTTP status decides when it is not 2xx, and the body refines; inside a 2xx the
body's code decides. Names are looked at before texts, because texts come in two
languages and the gateway puts its saturation sentence over an empty balance too.
Only two readings are ever taken from words: "this is about quota" under a status that
can mean it, and the gateway's own saturation sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from liangxin_async._errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    InsufficientQuotaError,
    LiangxinError,
    NotFoundError,
    PayloadTooLargeError,
    PermissionDeniedError,
    ProtocolError,
    SaturatedError,
    ServiceError,
    UnprocessableError,
)
from liangxin_async.dialects._envelope import Envelope
from liangxin_async.dialects._wire import WireReply

NotTaken: TypeAlias = Callable[[Envelope], bool]


def check_good(
    envelope: Envelope, reply: WireReply, *, asked_task: bool, not_taken: NotTaken
) -> None:
    """Raise unless `envelope`, which `reply` was opened to, is JSON and no refusal.

    Args:
        envelope: the opened answer.
        reply: the answer.
        asked_task: whether it answers a query about a task; see `to_error`.
        not_taken: see `to_error`.

    Raises:
        LiangxinError: what the refusal means.
        ProtocolError: it is not JSON.
    """
    if envelope.is_error:
        raise to_error(envelope, asked_task=asked_task, not_taken=not_taken)
    if not envelope.is_json:
        raise unreadable(reply, "an answer that is not JSON")


def unreadable(reply: WireReply, what: str) -> ProtocolError:
    """Return the error for an answer that cannot be this API's."""
    return ProtocolError(
        f"{what} (HTTP {reply.status}, {len(reply.body)} bytes); "
        "is base_url the address of the API?",
        http_status=reply.status,
        body=reply.excerpt,
    )


_SEARCHED = 4096  # characters; searching megabytes would hold up the event loop
_QUOTA_NAME = re.compile(r"quota|balance(?!r)|credit|billing_hard_limit|arrears")
_QUOTA_TEXT = re.compile(
    r"\bquota\b|\bbalance\b|\bcredits?\b|余额|额度|欠费", re.IGNORECASE
)
_SATURATED_TEXT = re.compile(
    r"load is saturated|group upstream load|上游负载已饱和", re.IGNORECASE
)
_NOT_FOUND_NAMES = frozenset(("task_not_exist", "task_not_found", "invalid_task_id"))
_NOT_FOUND_TEXT = re.compile(
    r"recordinfo is null|taskid parameter is required|task not found|task_not_exist",
    re.IGNORECASE,
)
# Names that leave nothing for the text to say about a quota.
_SAYS_OTHERWISE = frozenset(
    ("rate_limit_error", "permission_error", "authentication_error")
)
_CAN_MEAN_QUOTA = frozenset((402, 403, 429, 433))
_SATURATED_CODES = frozenset((429, 430))
_PRECISE_CODES = _SATURATED_CODES | {402, 433, 455}
_LIMIT_CODES_INSIDE = frozenset((405, 429, 430))  # only as a business code in a 2xx

_BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: InsufficientQuotaError,
    403: PermissionDeniedError,
    404: NotFoundError,
    405: BadRequestError,
    413: PayloadTooLargeError,
    422: UnprocessableError,
    433: InsufficientQuotaError,
    451: UnprocessableError,  # a file that the request names could not be fetched
    505: PermissionDeniedError,  # feature disabled
}
_CLEAR_REFUSALS = frozenset((455, 550))  # maintenance; refused by the service itself
# The gateway had no channel, or no strength, to pass the request on. Its type alone
# does not say so: do_request_failed has it too, and means that the request was sent.
_NOT_PASSED_ON = frozenset(
    (
        "model_not_found",
        "system_cpu_overloaded",
        "system_memory_overloaded",
        "system_disk_overloaded",
    )
)
_GATEWAY_TYPE = "new_api_error"

# What a name means where a 2xx leaves it alone with the question (section 6).
_STATUS_OF_NAME: dict[str, int] = {
    "invalid_request": 400,
    "bad_request_body": 400,
    "read_request_body_failed": 400,
    "task_not_exist": 400,
    "channel_not_found": 400,
    "task_channel_disable": 400,
    "invalid_api_platform": 400,
    "access_denied": 403,
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large_error": 413,
    "rate_limit_error": 429,
    "service_unavailable_error": 503,
    **dict.fromkeys(_NOT_PASSED_ON, 503),
}


def to_error(
    envelope: Envelope, *, asked_task: bool, not_taken: NotTaken
) -> LiangxinError:
    """Return the error that `envelope` stands for.

    Args:
        envelope: an answer for which `is_error` holds, or whose data is unusable.
        asked_task: whether it answers a query about a task, where several codes and
            texts of the family mean "no such task".
        not_taken: tells of a fault (5xx and the like) whether the service, by its own
            documents, says with it that it did not take the request. Only then may a
            create be sent again.
    """
    if 300 <= envelope.status < 400:
        return ConfigurationError(
            f"the service redirects (HTTP {envelope.status}) to "
            f"{envelope.redirects_to}; redirects are never followed, so that key and "
            "prompt stay with the host you named. Check base_url"
        )
    if _speaks_of_quota(envelope):
        return _make(InsufficientQuotaError, envelope)
    if asked_task and _says_no_such_task(envelope):
        return _make(NotFoundError, envelope)
    status = _deciding_status(envelope)
    if _says_saturated(envelope, status):
        return SaturatedError(
            http_status=envelope.status,
            code=envelope.shown_code,
            message=envelope.shown_message,
            request_id=envelope.request_id,
            retry_after=envelope.retry_after,
        )
    kind = _BY_STATUS.get(status)
    if kind is None and 400 <= status < 500 and status not in (408, 455):
        kind = BadRequestError
    if kind is not None:
        return _make(kind, envelope)
    return ServiceError(
        http_status=envelope.status,
        code=envelope.shown_code,
        message=envelope.shown_message,
        request_id=envelope.request_id,
        refused=not_taken(envelope),
        retry_after=envelope.retry_after,
    )


def _make(kind: type[ApiError], envelope: Envelope) -> ApiError:
    hint = ""
    unknown_path = not envelope.is_json or "invalid_request_error" in envelope.names
    if kind is NotFoundError and unknown_path and envelope.status == 404:
        hint = " [an unknown path: check base_url]"
    return kind(
        http_status=envelope.status,
        code=envelope.shown_code,
        message=envelope.shown_message + hint,
        request_id=envelope.request_id,
    )


def _deciding_status(envelope: Envelope) -> int:
    """The HTTP status, unless it is 2xx or one that the body's code makes precise."""
    code = None if envelope.code == 200 else envelope.code
    if not 200 <= envelope.status < 300:
        vague = envelope.status in (400, 403, 503)
        return code if code in _PRECISE_CODES and vague else envelope.status
    if code is not None:
        return code
    known = (_STATUS_OF_NAME.get(name) for name in envelope.names)
    return next((status for status in known if status), 500)


def _speaks_of_quota(envelope: Envelope) -> bool:
    if any(_QUOTA_NAME.search(name) for name in envelope.names):
        return True
    if not _SAYS_OTHERWISE.isdisjoint(envelope.names):
        return False
    status = _deciding_status(envelope)
    return status in _CAN_MEAN_QUOTA and bool(
        _QUOTA_TEXT.search(envelope.message[:_SEARCHED])
    )


def _says_no_such_task(envelope: Envelope) -> bool:
    if any(name in _NOT_FOUND_NAMES for name in envelope.names):
        return True
    status = _deciding_status(envelope)
    if status == 404:
        return True
    about_id = envelope.param in ("task_id", "taskId")
    words = bool(_NOT_FOUND_TEXT.search(envelope.message[:_SEARCHED]))
    return (about_id or words) and status in (400, 422)


def _says_saturated(envelope: Envelope, status: int) -> bool:
    if status in _SATURATED_CODES:
        return True
    if 200 <= envelope.status < 300 and envelope.code in _LIMIT_CODES_INSIDE:
        return True
    # The gateway may remap an upstream's 429; its own sentence, in its own JSON, is
    # still a clear refusal.
    own_words = envelope.is_json and bool(
        _SATURATED_TEXT.search(envelope.message[:_SEARCHED])
    )
    return own_words and status in (502, 503)


def gateway_refused(envelope: Envelope) -> bool:
    """Whether the family's gateway itself says that it did not take the request."""
    status = _deciding_status(envelope)
    if status in _CLEAR_REFUSALS:
        return True
    if status != 503:
        return False
    if not _NOT_PASSED_ON.isdisjoint(envelope.names):
        return True
    return envelope.names == (_GATEWAY_TYPE,)  # older versions give no code with it
