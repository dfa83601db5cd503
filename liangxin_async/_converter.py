"""The readers that turn wire values into ours. Nothing is coerced.

The `read_*` functions are for fields whose wire form varies from service to service
(`api` tolerance lists). They give None for a form that nobody described: a strange
`costTime` must not cost anybody a paid picture, and `TaskRecord.raw` keeps it.
"""

from __future__ import annotations

import json
import math
import re
from codecs import BOM_UTF8
from datetime import UTC, datetime
from itertools import chain
from typing import Any


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None  # 1e999


# NaN and the infinities are Python's, not JSON's; what holds them could not be stored
# as JSON again.
_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=lambda _: None)

_SECONDS_BELOW = 10**11  # a time below this is plausibly seconds, not milliseconds
_LATEST = 253_402_300_799  # 9999-12-31, the last second that datetime can hold
_DEEPEST = 128  # levels; from about 330 on, pickling on Python 3.11 may break
# Signs in the text. A record has some dozens; megabytes of nothing but brackets would
# hold up the event loop for seconds.
_MOST_BRACKETS, _MOST_COMMAS = 100_000, 500_000
_EXACT = 2.0**53  # floats below this hold every integer


# ------------------------------------------------------------------------- JSON


class NotJsonError(ValueError):
    """Bytes or text that are not one JSON value in UTF-8."""


def parse_json(body: bytes | str) -> Any:
    """Return the JSON value in `body`: UTF-8, a byte order mark allowed.

    The last of duplicate keys wins. Lone surrogates become U+FFFD, and numbers that
    are not finite become None, so that everything returned can be written out again.

    Raises:
        NotJsonError: not UTF-8, not JSON, nested too deep, or a number too long.
    """
    try:
        text = body.removeprefix(BOM_UTF8).decode() if isinstance(body, bytes) else body
        brackets = text.count("[") + text.count("{")
        if brackets > _MOST_BRACKETS or text.count(",") > _MOST_COMMAS:
            raise NotJsonError("not JSON of a sane number of values")
        value = _DECODER.decode(text)
    except NotJsonError:
        raise
    except (ValueError, RecursionError) as exc:
        raise NotJsonError(f"not JSON ({type(exc).__name__})") from None
    if brackets > _DEEPEST and _is_too_deep(value):
        raise NotJsonError("not JSON of a sane depth")
    if "\\ud" in text or "\\uD" in text:
        return _without_lone_surrogates(value)
    return value


def _is_too_deep(value: Any) -> bool:
    layer = [value]
    for _ in range(_DEEPEST):
        containers = (item for item in layer if isinstance(item, (dict, list)))
        members = (c.values() if isinstance(c, dict) else c for c in containers)
        layer = list(chain.from_iterable(members))
    return bool(layer)


def _without_lone_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_lone_surrogates(item) for item in value]
    if isinstance(value, dict):
        clean = _without_lone_surrogates
        return {clean(key): clean(item) for key, item in value.items()}
    return value


# --------------------------------------------------------------- tolerant readers


def read_text(value: object) -> str | None:
    """A text or a number as text; None for empty, null and anything else."""
    if type(value) is str:
        return value or None
    if type(value) is int:
        return _digits(value)
    if type(value) is float and math.isfinite(value):
        # No digit may be lost: the number may be a task id.
        whole = value.is_integer() and abs(value) < _EXACT
        return str(int(value)) if whole else repr(value)
    return None


def _digits(value: int) -> str | None:
    try:
        return str(value)
    except ValueError:  # more digits than Python is willing to print
        return None


def read_number(value: object) -> float | None:
    """A finite number, or text that spells one; None for anything else."""
    if type(value) is str:
        try:
            value = float(value)
        except ValueError:
            return None
    if type(value) is int or type(value) is float:
        try:
            number = float(value)
        except OverflowError:
            return None
        return number if math.isfinite(number) else None
    return None


def read_instant(value: object) -> datetime | None:
    """Unix milliseconds (or plausibly seconds) as aware UTC; 0 and null are None."""
    number = read_number(value)
    if number is None or number <= 0:
        return None
    seconds = number if number < _SECONDS_BELOW else number / 1000
    return datetime.fromtimestamp(seconds, UTC) if seconds <= _LATEST else None


_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,20})?)\s{0,9}%?")


def read_progress(value: object) -> int | None:
    """0 to 100 from a number or a text such as `"50%"`; None for anything else."""
    if type(value) is str:
        match = _PERCENT.fullmatch(value.strip())
        value = float(match[1]) if match else None
    number = read_number(value)
    if number is None or not 0 <= number <= 100:
        return None
    return int(number)


_URL_MEMBERS = ("url", "image_url", "video_url", "audio_url")


def read_urls(value: object) -> tuple[str, ...]:
    """The http(s) URLs of a list, in its order and without repeats.

    One text or one object stands for a list of one. An entry is a URL or an object
    that has one under `url`, `image_url` and the like; any other entry is passed over.
    """
    if value is None:
        return ()
    entries = value if isinstance(value, list) else [value]
    found = (url for entry in entries for url in _urls_of(entry))
    return tuple(dict.fromkeys(url for url in found if _is_http(url)))


def _urls_of(entry: object) -> list[str]:
    members = (
        [entry.get(name) for name in _URL_MEMBERS]
        if isinstance(entry, dict)
        else [entry]
    )
    return [member for member in members if isinstance(member, str)]


def _is_http(url: str) -> bool:
    return url[:8].lower().startswith(("http://", "https://"))


def read_nested(value: object) -> Any:
    """A value that may be wrapped in JSON text, even twice; text that is not JSON
    stays text, and empty text is None."""
    for _ in range(3):
        if type(value) is not str:
            return value
        if not value.strip():
            return None
        try:
            value = parse_json(value)
        except NotJsonError:
            return value
    return value
