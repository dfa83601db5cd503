"""Whether one value fits one `FieldInfo`.

Types are strict, since JSON's are: a bool is no integer, 7.0 is no integer, a string
is no list of strings. Checked is what the sources state, and besides that only what
could not be sent at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from liangxin_async._errors import Problem
from liangxin_async.models._shown import shown, shown_callback

if TYPE_CHECKING:
    from liangxin_async.models._field import FieldInfo

SENDABLE_TEXT = "text that UTF-8 can carry: no lone surrogates"
SENDABLE_INTEGER = "an integer short enough to be written as text"

_RATIO = re.compile(r"[0-9]+:[0-9]+")
_SPACE_OR_CONTROL = re.compile(r"[\x00-\x20\x7f]")


def check(info: FieldInfo, value: object) -> Iterator[Problem]:
    """Yield what is wrong with `value`, where None means that it was not given."""
    if value is None:
        if info.required:
            yield Problem(info.name, "nothing", info.allowed)
        return
    match info.type:
        case "string":
            yield from _check_string(info, value)
        case "integer":
            yield from _check_integer(info, value)
        case "string[]":
            yield from _check_list(info, value)
        case "boolean":
            if not isinstance(value, bool):
                yield Problem(info.name, shown(value), info.allowed)


def check_sendable(field: str, value: str | int) -> Iterator[Problem]:
    """Yield a problem if no JSON text in UTF-8 can hold `value`."""
    if isinstance(value, str):
        if not _is_utf8(value):
            yield Problem(field, shown(value), SENDABLE_TEXT)
    elif not _is_writable(value):
        yield Problem(field, shown(value), SENDABLE_INTEGER)


def _check_string(info: FieldInfo, value: object) -> Iterator[Problem]:
    if info.https:
        if not isinstance(value, str) or not _is_https(value):
            yield Problem(info.name, shown_callback(value), info.allowed)
        return
    if not isinstance(value, str):
        yield Problem(info.name, shown(value), info.allowed)
        return
    yield from check_sendable(info.name, value)
    if not _within(len(value), info.min_length, info.max_length):
        given = f"{shown(value)} ({len(value)} characters)"
        yield Problem(info.name, given, info.allowed)
    if info.enum and not _is_accepted(info, value):
        yield Problem(info.name, shown(value), info.allowed)


def _check_integer(info: FieldInfo, value: object) -> Iterator[Problem]:
    # bool is a subclass of int in Python, and another type in JSON.
    number = value if isinstance(value, int) and not isinstance(value, bool) else None
    if number is None or not _within(number, info.min, info.max):
        yield Problem(info.name, shown(value), info.allowed)
    else:
        yield from check_sendable(info.name, number)


def _check_list(info: FieldInfo, value: object) -> Iterator[Problem]:
    if not isinstance(value, tuple | list):
        yield Problem(info.name, shown(value), info.allowed)
        return
    if not _within(len(value), None, info.max_items):
        yield Problem(info.name, f"{len(value)} items", info.allowed)
    for index, item in enumerate(value):
        place = f"{info.name}[{index}]"
        if isinstance(item, str):
            yield from check_sendable(place, item)
        else:
            yield Problem(place, shown(item), "a string")


def _within(number: int, least: int | None, most: int | None) -> bool:
    return (least is None or number >= least) and (most is None or number <= most)


def _is_accepted(info: FieldInfo, value: str) -> bool:
    if value in info.accepted:
        return True
    is_word = value.split() == [value]
    return info.open_enum and is_word and _RATIO.fullmatch(value) is None


def _is_https(value: str) -> bool:
    if _SPACE_OR_CONTROL.search(value) or not _is_utf8(value):
        return False
    try:
        parts = urlsplit(value)
        has_place = bool(parts.hostname) and parts.port != 0
    except ValueError:
        # Raised for a broken IPv6 address, and by `port` for one that is no port.
        return False
    return parts.scheme == "https" and has_place


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_writable(number: int) -> bool:
    try:
        int.__repr__(number)
    except ValueError:
        # Past CPython's limit of digits, which json.dumps meets as well.
        return False
    return True
