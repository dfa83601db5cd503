"""Whether one value fits one `FieldInfo`.

Types are strict, since JSON's are: a bool is no integer, 7.0 is no integer, a string
is no list of strings. Checked is what the sources state, and besides that only what
could not be sent at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from liangxin_async._addresses import names_loopback
from liangxin_async._errors import Problem
from liangxin_async.models._hosts import is_internal
from liangxin_async.models._json import JsonObject, check_sendable, freeze, is_utf8
from liangxin_async.models._shown import shown, shown_callback

if TYPE_CHECKING:
    from liangxin_async.models._field import FieldInfo

_RATIO = re.compile(r"[0-9]+:[0-9]+")
_SIDES = re.compile(r"0*([0-9]{1,9})x0*([0-9]{1,9})")
_SPACE_OR_CONTROL = re.compile(r"[\x00-\x20\x7f]")


def check(
    info: FieldInfo, value: object, *, is_local: bool = False
) -> Iterator[Problem]:
    """Yield what is wrong with `value`, where None means that it was not given.

    Args:
        info: what the service documents.
        value: what was given.
        is_local: whether the service may run on this machine, as an emulator does: a
            callback may then come here too, also over plain http.
    """
    if value is None:
        if info.required:
            yield Problem(info.name, "nothing", info.allowed)
        return
    match info.type:
        case "string":
            yield from _check_string(info, value, is_local)
        case "integer":
            yield from _check_integer(info, value)
        case "string[]":
            yield from _check_list(info, value)
        case "boolean":
            if not isinstance(value, bool):
                yield Problem(info.name, shown(value), info.allowed)
        case "object":
            yield from _check_object(info, value)


def _check_string(info: FieldInfo, value: object, is_local: bool) -> Iterator[Problem]:
    if info.https:
        yield from _check_callback(info, value, is_local)
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


def _check_callback(
    info: FieldInfo, value: object, is_local: bool
) -> Iterator[Problem]:
    if isinstance(value, str) and not _within(len(value), None, info.max_length):
        given = f"{shown_callback(value)} ({len(value)} characters)"
        yield Problem(info.name, given, info.allowed)
    elif not isinstance(value, str) or not _can_be_called(value, info, is_local):
        yield Problem(info.name, shown_callback(value), info.allowed)


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


def _check_object(info: FieldInfo, value: object) -> Iterator[Problem]:
    if isinstance(value, JsonObject):
        return
    if not isinstance(value, Mapping):
        yield Problem(info.name, shown(value), info.allowed)
        return
    problems: list[Problem] = []
    freeze(value, info.name, problems)
    yield from problems


def _within(number: int, least: int | None, most: int | None) -> bool:
    return (least is None or number >= least) and (most is None or number <= most)


def _is_accepted(info: FieldInfo, value: str) -> bool:
    if value in info.accepted or _is_size(info, value):
        return True
    is_word = value.split() == [value]
    return info.open_enum and is_word and _RATIO.fullmatch(value) is None


def _is_size(info: FieldInfo, value: str) -> bool:
    sides = _SIDES.fullmatch(value) if info.has_sides else None
    return sides is not None and all(
        _within(int(side), info.side_min, info.side_max) for side in sides.groups()
    )


def _can_be_called(value: str, info: FieldInfo, is_local: bool) -> bool:
    if _SPACE_OR_CONTROL.search(value) or not is_utf8(value):
        return False
    try:
        parts = urlsplit(value)
        host = parts.hostname
        has_place = parts.port != 0
    except ValueError:
        # Raised for a broken IPv6 address, and by `port` for one that is no port.
        return False
    # Some readers take a backslash for a slash, and so another part for the host.
    if not host or not has_place or "\\" in parts.netloc:
        return False
    if is_local and parts.scheme in ("http", "https") and names_loopback(host):
        return True
    return parts.scheme == "https" and not (info.public and is_internal(host))
