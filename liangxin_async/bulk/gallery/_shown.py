"""What may stand in a page, and how it is spelled there.

A page is shown around, so that it holds no credential: of a URL, wherever it stands,
query, fragment and user are cut (a signed URL is a secret), and values under names such
as `callback_url` or `api_key` are left out. A prompt with a URL in it is therefore not
quite the prompt that was sent; the manifest is.

Pure.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

HIDDEN = "not shown"
_FIELDS = 40  # of one request
_FIELD_TEXT = 400  # characters of one field's value
_LATEST = 253_402_300_799  # 9999-12-31, the last day that a date can hold

# Up to white space or a sign that no URL has bare; an end like ")" stays with the path.
_URL = re.compile(
    r"(?P<scheme>\b[a-z][a-z0-9+.-]{1,20}://)"
    r"(?:[^\s/?#@\"<>]*@)?"
    r"(?P<rest>[^\s?#\"<>]*)"
    r"(?P<cut>[?#][^\s\"<>]*)?",
    re.IGNORECASE,
)
_DATA = re.compile(r"\bdata:[a-z0-9.+/-]*[;,][^\s\"<>]*", re.IGNORECASE)
_SECRET = re.compile(
    r"call_?-?back|api_?-?key|secret|password|authori[sz]ation|signature"
    r"|credential|^(access_?|auth_?|bearer_?)?token$",
    re.IGNORECASE,
)
# `<` could end the script element or open a comment in it. The two separators end a
# line in old JavaScript, and a lone surrogate cannot be written as UTF-8.
_UNSAFE = re.compile("[<>&\u2028\u2029\ud800-\udfff]")


def without_secrets(text: str) -> str:
    """Return `text` with every URL in it cut to scheme, host and path."""
    if "://" in text:
        text = _URL.sub(_bare, text)
    return _DATA.sub("data:…", text) if "data:" in text.lower() else text


def _bare(url: re.Match[str]) -> str:
    return f"{url['scheme']}{url['rest']}{'?…' if url['cut'] else ''}"


def cut(text: str, most: int) -> str:
    """Return `text`, at most `most` characters of it, the cut marked by `…`."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def fields_of(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield names and values of a request's fields as text, without secrets."""
    for name, value in list(values.items())[:_FIELDS]:
        if value is not None:
            yield cut(str(name), 80), _text(value if _may_stay(name) else HIDDEN)


def _may_stay(name: object) -> bool:
    return not _SECRET.search(str(name))


def _text(value: object) -> str:
    if isinstance(value, str):
        return _short(value)
    if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        return cut(", ".join(_short(text) for text in value[:_FIELDS]), _FIELD_TEXT)
    return cut(json.dumps(_clean(value), ensure_ascii=False), _FIELD_TEXT)


def _clean(value: object) -> object:
    if isinstance(value, str):
        return _short(value)
    if isinstance(value, Mapping):
        return {
            cut(str(name), 80): _clean(item) if _may_stay(name) else HIDDEN
            for name, item in list(value.items())[:_FIELDS]
        }
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value[:_FIELDS]]
    return value


def _short(text: str) -> str:
    # Cut twice: a reference picture may stand here as 10 MB of base64.
    return cut(without_secrets(text[: _FIELD_TEXT * 8]), _FIELD_TEXT)


# ------------------------------------------------------------------------ spelling


def as_json(value: object) -> str:
    """Return `value` as JSON on one line that may stand in a script element.

    Raises:
        ValueError: a number that is not finite.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)


def instant(at: float | None) -> float | None:
    """Return Unix seconds to the millisecond; None for None and what is no instant."""
    if at is None or not math.isfinite(at) or not 0 <= at < _LATEST:
        return None
    return round(at, 3)


def href_of(name: str) -> str | None:
    """Return the link to a file of the folder, or None where it would leave it.

    Args:
        name: path below the folder, with `/` between its parts.
    """
    parts = name.split("/")
    if any(part in ("", ".", "..") or _is_bad(part) for part in parts):
        return None
    try:
        return "/".join(quote(os.fsencode(part), safe="") for part in parts)
    except UnicodeEncodeError:  # a lone surrogate that stands for no byte
        return None


def _is_bad(part: str) -> bool:
    return "\\" in part or "\0" in part or (os.name == "nt" and ":" in part)
