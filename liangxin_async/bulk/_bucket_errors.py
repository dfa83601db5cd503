"""What an exception of obstore means: one word for programs, a few for people.

Pure. obstore's texts hold requests, whole answers and the innards of its client: an
answer to a bad signature repeats key id and what was signed. So that nothing of a text
goes on but what is recognised: the HTTP status, the service's error code, and the
system's own words for a broken connection. Its classes tell little (most is
`GenericError`), its texts the rest; both are of obstore 0.8 to 0.12.
"""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

_STATUS: Final = re.compile(r"non-2xx status code: (\d{3})|\bstatus: (\d{3}),")
_CODE: Final = re.compile(r"<Code>([A-Za-z][A-Za-z0-9.]{1,60})</Code>")
_SYSTEM: Final = re.compile(
    r'(?:message|error): "([A-Za-z][A-Za-z ,:\'()]{3,90})"'  # of an `Os` or DNS error
)
# Where obstore asks for credentials when the environment has none.
_KEYS_ASKED: Final = re.compile(
    r"latest/api/token|security-credentials|WebIdentity|"
    r"Missing(?:AccessKeyId|SecretAccessKey| (?:Access|Secret))",
)
_NO_KEYS: Final = frozenset(
    (
        *("ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId"),
        *("InvalidClientTokenId", "InvalidToken", "SignatureDoesNotMatch"),
        *("TokenRefreshRequired", "UnrecognizedClientException"),
    )
)
_BY_CLASS: Final = {  # by name: an old obstore lacks some, a new one deprecates others
    "AlreadyExistsError": ("refused", "something is there already"),
    "InvalidPathError": ("refused", "the name cannot be one of an object"),
    "JoinError": ("refused", "obstore's own task broke"),
    "NotFoundError": ("refused", "not found"),
    "NotModifiedError": ("refused", "the answer was that nothing has changed"),
    "NotSupportedError": ("refused", "the store does not support it"),
    "PanicException": ("refused", "obstore broke down, perhaps over a setting"),
    "PermissionDeniedError": ("denied", "access is denied"),
    "PreconditionError": ("refused", "a condition did not hold"),
    "UnauthenticatedError": ("credentials", "the credentials are not accepted"),
    "UnknownConfigurationKeyError": ("refused", "this obstore lacks a setting"),
}


@frozen(kw_only=True)
class Meaning:
    """What an exception means.

    Attributes:
        reason: as in `StoreError`.
        words: the same for people, without any secret.
        status: HTTP status, or None.
    """

    reason: str
    words: str
    status: int | None = None


def meaning_of(exc: BaseException) -> Meaning:
    """Return what an exception that obstore raised means."""
    text = str(exc)
    found = _STATUS.search(text)
    status = int(found[1] or found[2]) if found else None
    match = _CODE.search(text)
    code = match[1] if match else None
    reason, words = _judged(type(exc).__name__, text, status, code)
    said = [part for part in (_http(status), code) if part is not None]
    if said:
        words = f"{words} ({', '.join(said)})"
    return Meaning(reason=reason, words=words, status=status)


def _judged(
    kind: str, text: str, status: int | None, code: str | None
) -> tuple[str, str]:
    if code == "NoSuchBucket":
        return "bucket", "there is no such bucket"
    if code in _NO_KEYS or status == 401:
        return "credentials", "the credentials are not accepted"
    if status is None and _KEYS_ASKED.search(text):
        return "credentials", (
            "the environment holds no whole set of credentials (AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, a web identity, or the machine's own role)"
        )
    if kind in _BY_CLASS:
        return _BY_CLASS[kind]
    if status == 403:
        return "denied", "access is denied"
    if (status is not None and 300 <= status < 400) or "redirect" in text:
        return "refused", "the bucket is elsewhere: AWS_REGION or the endpoint is wrong"
    if status is not None:
        return "refused", "the store failed" if status >= 500 else "the store refused"
    return _without_answer(kind, text)


def _without_answer(kind: str, text: str) -> tuple[str, str]:
    system = _SYSTEM.search(text)
    if "kind: Timeout" in text or "TimedOut" in text or "timed out" in text:
        return "connection", "no answer in time"
    if "HTTP error" in text or "error sending request" in text or "kind: Co" in text:
        why = f": {system[1]}" if system else ""
        return "connection", f"no connection, or none that lasted{why}"
    return "refused", f"obstore raised {kind}"


def _http(status: int | None) -> str | None:
    return None if status is None else f"HTTP {status}"
