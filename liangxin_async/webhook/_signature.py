"""The optional signature of callbacks, as one service of the API family sends it.

Source: api/liangxin.md, section 5. LiangXin and EvoLink document no signature.

    X-Webhook-Timestamp    Unix seconds
    X-Webhook-Signature    base64 of HMAC-SHA256 over "<task id>.<timestamp>"

The signed text holds the id and the time and not the body: even a valid signature does
not vouch for the result. Ask the service about the task instead.

Pure: the time comes in as an argument.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from enum import Enum
from typing import Final

from liangxin_async._errors import ConfigurationError
from liangxin_async.dialects import LIANGXIN

TIMESTAMP_HEADER: Final = "X-Webhook-Timestamp"
SIGNATURE_HEADER: Final = "X-Webhook-Signature"
MAX_AGE: Final = 300.0  # seconds; no source gives one: the receiver's own choice

_SECONDS = re.compile(r"[0-9]{1,12}")


class Signature(Enum):
    """What a callback's signature is worth. Only `VALID` is true.

    - `VALID`: whoever sent it knows the key, and sent it lately.
    - `MISSING`: one of the two headers is not there.
    - `UNREADABLE`: no timestamp, or a body without a task id.
    - `WRONG`: made with another key, for another task or another time.
    - `STALE`: right, and too old, or from the future.
    """

    VALID = "valid"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    WRONG = "wrong"
    STALE = "stale"

    def __bool__(self) -> bool:
        return self is Signature.VALID


def check_signature(
    headers: Mapping[str, str],
    body: bytes,
    *,
    key: str,
    now: float,
    max_age: float | None = MAX_AGE,
) -> Signature:
    """Return what the signature of one callback is worth.

    The headers `X-Webhook-Timestamp` (Unix seconds) and `X-Webhook-Signature` are read:
    the latter is base64 of HMAC-SHA256 over "<task id>.<timestamp>".

    Args:
        headers: those of the callback; names in any case.
        body: the body as it came. Its length is the receiver's to bound.
        key: the webhook key that the account's owner set; not the API key.
        now: Unix time in seconds, `time.time()`.
        max_age: seconds by which the timestamp may differ from `now`, before or after;
            None accepts any.

    Raises:
        ConfigurationError: the key is empty, with which anybody could sign.
    """
    check_key(key)
    found = {name.lower(): value for name, value in headers.items()}
    stamp = found.get(TIMESTAMP_HEADER.lower())
    given = found.get(SIGNATURE_HEADER.lower())
    if stamp is None or given is None:
        return Signature.MISSING
    note = LIANGXIN.read_callback(body)
    if note is None or _SECONDS.fullmatch(stamp) is None:
        return Signature.UNREADABLE
    right = sign(note.task_id, stamp, key=key)
    if not hmac.compare_digest(right.encode(), given.encode("utf-8", "replace")):
        return Signature.WRONG
    if max_age is not None and not abs(now - int(stamp)) <= max_age:  # NaN is stale
        return Signature.STALE
    return Signature.VALID


def sign(task_id: str, timestamp: str, *, key: str) -> str:
    """Return the signature that belongs to a task id and a timestamp.

    Raises:
        ConfigurationError: the key is empty.
    """
    check_key(key)
    text = f"{task_id}.{timestamp}"
    mac = hmac.new(key.encode(), text.encode("utf-8", "replace"), hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


def check_key(key: object) -> None:
    """Raise ConfigurationError unless `key` is a text that can be signed with."""
    if not isinstance(key, str) or not key.strip():
        raise ConfigurationError(
            "webhook key: a text, not empty; with an empty one anybody could sign"
        )
