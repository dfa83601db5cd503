"""What every answer can say, whatever form it has: the forms that all dialects share.

Six forms are known (api/liangxin.md, section 6): A business `{"code", "msg"}`, B
gateway `{"error": {…}}`, C gateway task `{"code": "name", "message"}`, D dashboard
`{"success": false}`, E no body at all, F not JSON.

EvoLink's form (api/evolink.md, section 4) is form B with `param`, which names the
field, and `fallback_suggestion`, a text that may hold how long to wait.

What a refusal means is `_refusals`' matter.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen

from liangxin_async._converter import (
    NotJsonError,
    parse_json,
    read_number,
    read_text,
)
from liangxin_async._errors import shorten
from liangxin_async.dialects._wire import WireReply


@frozen(kw_only=True)
class Envelope:
    """An answer, reduced to what every form can say.

    Nearly every answer is a good one: what only a refusal needs is read when it is
    asked for.

    Attributes:
        status: HTTP status.
        is_json: whether the body is a JSON value; False for forms E and F.
        body: the parsed JSON value, or None.
        code: numeric code of the body, or None.
        says_error: whether the body itself claims an error.
    """

    status: int
    is_json: bool
    body: Any
    code: int | None
    says_error: bool
    _words: tuple[str, ...]  # codes that are words, lower case
    _reply: WireReply
    _members: dict[str, Any]  # of the body, if it is an object
    _inner: dict[str, Any]  # of its `error`, likewise

    @property
    def data(self) -> Any:
        """The `data` member of the body, or None."""
        return self._members.get("data")

    @property
    def is_error(self) -> bool:
        """Whether the answer, as a whole, is a refusal or a fault."""
        return not 200 <= self.status < 300 or self.says_error

    @property
    def names(self) -> tuple[str, ...]:
        """Words that name the error (`code` as a word, `type`), lower case."""
        kind = self._kind if self.says_error else None
        return self._words if kind is None else (*self._words, kind.lower())

    @property
    def shown_code(self) -> str | None:
        """The service's code as text: by name, by number, or else the type."""
        words = self._words[0] if self._words else None
        shown = words or (self._kind if self.code is None else str(self.code))
        return None if shown is None else shorten(shown, _CODE_SHOWN)

    @property
    def _kind(self) -> str | None:
        return read_text(self._inner.get("type")) or read_text(
            self._members.get("type")
        )

    @property
    def message(self) -> str:
        """The service's words; may be empty."""
        return _message(self._inner, self._members, self._reply, self.is_json)

    @property
    def shown_message(self) -> str:
        """The service's words, with the field they are about and its suggestion.

        Of an HTML page, which a proxy sends and nobody reads as text, only its title.
        """
        page = None if self.is_json else _page_in_words(self._reply.excerpt)
        words, remarks = self.message if page is None else page, []
        if self.param is not None:
            remarks.append(f"about {self.param}")
        if self.suggestion is not None:
            remarks.append(f"the service suggests: {self.suggestion}")
        return f"{words} [{'; '.join(remarks)}]" if remarks else words

    @property
    def param(self) -> str | None:
        """The field or thing that the error is about, or None."""
        return _remark(self._inner.get("param"))

    @property
    def suggestion(self) -> str | None:
        """What the service proposes to do, in its words, or None."""
        return _remark(self._inner.get("fallback_suggestion"))

    @property
    def request_id(self) -> str | None:
        """The service's id for the call, or None."""
        return _request_id(self._reply, self.message)

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait as the service asked, or None."""
        return _retry_after(self._reply, self.data, self.suggestion)

    @property
    def redirects_to(self) -> str | None:
        """Host that a 3xx points to, or None."""
        return _redirect_host(self._reply)


_SUFFIX = re.compile(r"\(request id: ([^()\s]{1,200})\)\s*$")
_SUCCESS = ("success", "ok")
_CODE_SHOWN = 80  # characters; the longest name known has 30


def open_envelope(reply: WireReply) -> Envelope:
    """Return `reply` as an envelope. Never raises: any bytes have a reading."""
    body, is_json = None, False
    if reply.body and not reply.body.isspace():
        with suppress(NotJsonError):
            body, is_json = parse_json(reply.body), True
    members = body if isinstance(body, dict) else {}
    error = members.get("error")
    inner = error if isinstance(error, dict) else {}
    code, words = _codes(inner.get("code"), members.get("code"))
    claims = bool(error) or members.get("success") is False
    return Envelope(
        status=reply.status,
        is_json=is_json,
        body=body,
        code=code,
        says_error=claims or (code is not None and code != 200) or bool(words),
        words=words,
        reply=reply,
        members=members,
        inner=inner,
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


def _message(
    inner: dict[str, Any],
    members: dict[str, Any],
    reply: WireReply,
    is_json: bool,
) -> str:
    candidates = (
        inner.get("message"),
        inner.get("msg"),
        members.get("error"),
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


_PAGE = re.compile(r"<(?:!doctype\s+html|html|head|body|title)\b", re.I)
_TITLE = re.compile(r"<title\b[^<>]*>([^<]*)", re.I)
_TITLE_SHOWN = 120  # characters


def _page_in_words(text: str) -> str | None:
    """Return what there is to say of an HTML page; None where `text` is none."""
    if not text.lstrip("\ufeff \t\r\n").startswith("<") or not _PAGE.search(text):
        return None
    found = _TITLE.search(text)
    title = "" if found is None else shorten(found[1], _TITLE_SHOWN)
    return f"an HTML page, {title!r}" if title else "an HTML page"


def _request_id(reply: WireReply, message: str) -> str | None:
    for name in ("X-Oneapi-Request-Id", "X-Request-Id"):
        value = reply.headers.get(name)
        if value:
            return shorten(value, 200)
    match = _SUFFIX.search(message[-400:])
    return match[1] if match else None


def _remark(value: object) -> str | None:
    text = read_text(value)
    return None if text is None or not text.strip() else shorten(text)


_WAIT = re.compile(
    r"\b(?:after|in|for|wait)\s{1,3}(?:about\s{1,3})?(\d{1,6}(?:\.\d{1,3})?)\s{0,3}"
    r"(s|secs?|seconds?|m|mins?|minutes?|h|hours?)\b",
    re.IGNORECASE,
)


def _wait_in(suggestion: str | None) -> float | None:
    """Seconds in a text such as "retry after 60 seconds"; None where it names none."""
    match = _WAIT.search(suggestion or "")
    if match is None:
        return None
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2][0].lower()]


def _retry_after(reply: WireReply, data: Any, suggestion: str | None) -> float | None:
    inside = data.get("retryAfter") if isinstance(data, dict) else None
    in_words = _wait_in(suggestion)
    for value in (reply.headers.get("Retry-After"), inside, in_words):
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
