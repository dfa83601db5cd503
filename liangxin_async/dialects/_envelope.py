"""How a service says no: the error forms that all dialects share, and their meaning.

Six forms are known (api/liangxin.md, section 6): A business `{"code", "msg"}`, B
gateway `{"error": {…}}`, C gateway task `{"code": "name", "message"}`, D dashboard
`{"success": false}`, E no body at all, F not JSON.

The HTTP status decides when it is not 2xx, and the body refines; inside a 2xx the
body's code decides. Names are looked at before texts, because texts come in two
languages and the gateway puts its saturation sentence over an empty balance too.
Only two readings are ever taken from words: "this is about quota" under a status that
can mean it, and the gateway's own saturation sentence.
"""

from __future__ import annotations

import math
import re
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen

from liangxin_async._converter import (
    NotJsonError,
    parse_json,
    read_number,
    read_text,
)
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
    SaturatedError,
    ServiceError,
    UnprocessableError,
    shorten,
)
from liangxin_async.dialects._wire import WireReply


@frozen(kw_only=True)
class Envelope:
    """An answer, reduced to what every form can say.

    Attributes:
        status: HTTP status.
        is_json: whether the body is a JSON value; False for forms E and F.
        body: the parsed JSON value, or None.
        code: numeric code of the body, or None.
        shown_code: the service's code as text: by name, by number, or else the type.
        names: words that name the error (`code` as a word, `type`), lower case.
        message: the service's words; may be empty.
        says_error: whether the body itself claims an error.
        request_id: the service's id for the call, or None.
        retry_after: seconds to wait as the service asked, or None.
        redirects_to: host that a 3xx points to, or None.
    """

    status: int
    is_json: bool
    body: Any
    code: int | None
    shown_code: str | None
    names: tuple[str, ...]
    message: str
    says_error: bool
    request_id: str | None
    retry_after: float | None
    redirects_to: str | None = None

    @property
    def data(self) -> Any:
        """The `data` member of the body, or None."""
        return self.body.get("data") if isinstance(self.body, dict) else None

    @property
    def is_error(self) -> bool:
        """Whether the answer, as a whole, is a refusal or a fault."""
        return not 200 <= self.status < 300 or self.says_error


_SUFFIX = re.compile(r"\(request id: ([^()\s]{1,200})\)\s*$")
_SUCCESS = ("success", "ok")
_CODE_SHOWN = 80  # characters; the longest name known has 30


def open_envelope(reply: WireReply) -> Envelope:
    """Return `reply` as an envelope. Never raises: any bytes have a reading."""
    try:
        body = parse_json(reply.body) if reply.body.strip() else None
        is_json = bool(reply.body.strip())
    except NotJsonError:
        body, is_json = None, False
    members = body if isinstance(body, dict) else {}
    error = members.get("error")
    inner = error if isinstance(error, dict) else {}
    code, names = _codes(inner.get("code"), members.get("code"))
    kind = read_text(inner.get("type")) or read_text(members.get("type"))
    shown_code = _shown_code(code, names, kind)
    claims = bool(error) or members.get("success") is False
    bad_code = (code is not None and code != 200) or bool(names)
    if kind and (claims or bad_code):
        names = (*names, kind.lower())
    message = _message(inner, members, error, reply, is_json)
    return Envelope(
        status=reply.status,
        is_json=is_json,
        body=body,
        code=code,
        shown_code=shown_code,
        names=names,
        message=message,
        says_error=claims or bad_code,
        request_id=_request_id(reply, message),
        retry_after=_retry_after(reply, members),
        redirects_to=_redirect_host(reply),
    )


def _codes(*values: object) -> tuple[int | None, tuple[str, ...]]:
    code: int | None = None
    names: list[str] = []
    for value in values:
        number = read_number(value)
        if number is not None and number.is_integer():
            code = int(number) if code is None else code
        elif isinstance(value, str) and value.strip():
            word = value.strip().lower()
            if word in _SUCCESS:
                code = 200 if code is None else code
            else:
                names.append(word)
    return code, tuple(names)


def _shown_code(
    code: int | None, names: tuple[str, ...], kind: str | None
) -> str | None:
    if names:
        return shorten(names[0], _CODE_SHOWN)
    if code is not None:
        return shorten(str(code), _CODE_SHOWN)
    return None if kind is None else shorten(kind, _CODE_SHOWN)


def _message(
    inner: dict[str, Any],
    members: dict[str, Any],
    error: object,
    reply: WireReply,
    is_json: bool,
) -> str:
    candidates = (
        inner.get("message"),
        inner.get("msg"),
        error,
        members.get("msg"),
        members.get("message"),
        members.get("detail"),
    )
    for value in candidates:
        if isinstance(value, str) and value.strip():
            return value
    if is_json:
        return ""
    return shorten(reply.excerpt)


def _request_id(reply: WireReply, message: str) -> str | None:
    for name in ("X-Oneapi-Request-Id", "X-Request-Id"):
        value = reply.headers.get(name)
        if value:
            return shorten(value, 200)
    match = _SUFFIX.search(message)
    return match[1] if match else None


def _retry_after(reply: WireReply, members: dict[str, Any]) -> float | None:
    data = members.get("data")
    inside = data.get("retryAfter") if isinstance(data, dict) else None
    for value in (reply.headers.get("Retry-After"), inside):
        seconds = read_number(value)  # a date needs a clock, which lives elsewhere
        if seconds is not None and math.isfinite(seconds) and seconds >= 0:
            return seconds
    return None


def _redirect_host(reply: WireReply) -> str | None:
    """The host alone: the rest of a Location may hold what was sent."""
    if not 300 <= reply.status < 400:
        return None
    try:
        return urlsplit(reply.headers.get("Location", "")).hostname or "the same host"
    except ValueError:
        return "an unreadable address"


# ------------------------------------------------------------------ what it means

_QUOTA_NAME = re.compile(r"quota|balance(?!r)|credit|billing_hard_limit|arrears")
_QUOTA_TEXT = re.compile(
    r"\bquota\b|\bbalance\b|\bcredits?\b|余额|额度|欠费", re.IGNORECASE
)
_SATURATED_TEXT = re.compile(
    r"load is saturated|group upstream load|上游负载已饱和", re.IGNORECASE
)
_NOT_FOUND_NAMES = frozenset(("task_not_exist", "task_not_found"))
_NOT_FOUND_TEXT = re.compile(
    r"recordinfo is null|taskid parameter is required|task not found|task_not_exist",
    re.IGNORECASE,
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
    **dict.fromkeys(_NOT_PASSED_ON, 503),
}


def to_error(envelope: Envelope, *, asked_task: bool) -> LiangxinError:
    """Return the error that `envelope` stands for.

    Args:
        envelope: an answer for which `is_error` holds, or whose data is unusable.
        asked_task: whether it answers a query about a task, where several codes and
            texts of the family mean "no such task".
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
            message=envelope.message,
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
        message=envelope.message,
        request_id=envelope.request_id,
        refused=_is_clear_refusal(envelope, status),
    )


def _make(kind: type[ApiError], envelope: Envelope) -> ApiError:
    hint = ""
    unknown_path = not envelope.is_json or "invalid_request_error" in envelope.names
    if kind is NotFoundError and unknown_path:
        hint = " [an unknown path: check base_url]"
    return kind(
        http_status=envelope.status,
        code=envelope.shown_code,
        message=envelope.message + hint,
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
    status = _deciding_status(envelope)
    return status in _CAN_MEAN_QUOTA and bool(_QUOTA_TEXT.search(envelope.message))


def _says_no_such_task(envelope: Envelope) -> bool:
    if any(name in _NOT_FOUND_NAMES for name in envelope.names):
        return True
    if _deciding_status(envelope) == 404:
        return True
    words = bool(_NOT_FOUND_TEXT.search(envelope.message))
    return words and _deciding_status(envelope) in (400, 422)


def _says_saturated(envelope: Envelope, status: int) -> bool:
    if status in _SATURATED_CODES:
        return True
    if 200 <= envelope.status < 300 and envelope.code in _LIMIT_CODES_INSIDE:
        return True
    # The gateway may remap an upstream's 429; its own sentence, in its own JSON, is
    # still a clear refusal.
    own_words = envelope.is_json and bool(_SATURATED_TEXT.search(envelope.message))
    return own_words and status in (502, 503)


def _is_clear_refusal(envelope: Envelope, status: int) -> bool:
    """Whether the service itself says that it did not take the request."""
    if status in _CLEAR_REFUSALS:
        return True
    if status != 503:
        return False
    if not _NOT_PASSED_ON.isdisjoint(envelope.names):
        return True
    return envelope.names == (_GATEWAY_TYPE,)  # older versions give no code with it
