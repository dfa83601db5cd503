"""What EvoLink's pages say of the fields of a create, as tables to check by.

Typed by hand from the field tables of the two models that have one; of the others only
the name and the common fields are known, and further fields are let through. Words of
the messages are the emulator's own. Limits in tokens or in bytes of an image cannot be
seen here, and are not checked. Whether null may stand for "not given" is not stated; it
is refused.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from liangxin_async.emulator._callbacks import is_let_through
from liangxin_async.emulator._dialect import Denial
from liangxin_async.emulator._field_checks import (
    Check,
    an_object,
    flag,
    text,
    texts,
    whole,
)

_NAMED_ONLY: Final = (
    "gemini-2.5-flash-image",
    "gemini-3.1-flash-image-preview",
    "gemini-3-pro-image-preview",
    "doubao-seedream-4.5",
    "doubao-seedream-5.0-lite",
    "gpt-image-2",
    "gpt-image-1.5",
)
_TURBO_RATIOS: Final = (
    "1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "1:2", "2:1",
)  # fmt: skip
_LITE_SIZES: Final = (
    "auto", "1:1", "1:4", "4:1", "1:8", "8:1", "2:3", "3:2", "3:4", "4:3", "4:5",
    "5:4", "9:16", "16:9", "21:9",
)  # fmt: skip
_PIXELS: Final = re.compile(r"([0-9]{1,6})x([0-9]{1,6})")
_SIDES: Final = range(376, 1537)


def _turbo_size(value: Any) -> str | None:
    if not isinstance(value, str):
        return "must be a string"
    if value in _TURBO_RATIOS:
        return None
    found = _PIXELS.fullmatch(value)
    if found is None:
        return f"must be <width>x<height> or one of {', '.join(_TURBO_RATIOS)}"
    fits = all(int(side) in _SIDES for side in found.groups())
    return None if fits else "must have sides of 376 to 1536 pixels"


_CALLBACK_LENGTH: Final = 2048
_INTERNAL_NAMES: Final = ("localhost", ".localhost", ".local", ".internal")


def _callback(value: Any, urls: str) -> str | None:
    if not isinstance(value, str):
        return "must be a string"
    if urls == "any":
        return None
    if len(value) > _CALLBACK_LENGTH:
        return f"must have at most {_CALLBACK_LENGTH} characters"
    if is_let_through(value, urls):
        return None
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError:
        return "must be a URL"
    if parts.scheme != "https" or not host:
        return "must be an HTTPS URL"
    return "must not be an internal address" if _is_internal(host) else None


def _is_internal(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.rstrip(".")
        return name == _INTERNAL_NAMES[0] or name.endswith(_INTERNAL_NAMES[1:])
    return not address.is_global


_COMMON: Final[dict[str, Check]] = {
    "prompt": text(),
    "size": text(),
}
_FIELDS: Final[dict[str, dict[str, Check]]] = {
    "z-image-turbo": {
        "prompt": text(high=2000),
        "size": _turbo_size,
        "seed": whole(1, 2_147_483_647),
        "nsfw_check": flag,
    },
    "gemini-3.1-flash-lite-image": {
        **_COMMON,
        "size": text(*_LITE_SIZES),
        "quality": text("1K"),
        "image_urls": texts(14),
        "model_params": an_object,
    },
    **dict.fromkeys(_NAMED_ONLY, _COMMON),
}

MODELS: Final = tuple(_FIELDS)


def problem_with(
    data: Mapping[str, Any],
    extra: tuple[str, ...] = (),
    urls: str = "documented",
) -> Denial | None:
    """Return what is wrong with a create's body, or None.

    `urls` says which callback URLs are let through, in the words of `Callbacks.urls`.
    Fields that the tables do not name are let through; what becomes of them is not
    stated.
    """
    model = data.get("model")
    if not isinstance(model, str) or not model:
        return _wrong("model", "is required")
    checks = _FIELDS.get(model, _COMMON if model in extra else None)
    if checks is None:
        words = f"model {model} not found"
        return Denial(reason="unknown_model", message=words, field="model")
    if data.get("prompt") is None:
        return _wrong("prompt", "is required")
    for name, value in data.items():
        if name in checks and (words := checks[name](value) or "") != "":
            return _wrong(name, words)
    if "callback_url" not in data:
        return None
    problem = _callback(data["callback_url"], urls)
    return None if problem is None else _wrong("callback_url", problem)


def _wrong(field: str, words: str) -> Denial:
    return Denial(reason="invalid", message=f"{field} {words}", field=field)
