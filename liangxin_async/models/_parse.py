"""From the text of a command line to the typed value of a field.

Only the type is settled here. Ranges and enumerations are checked when the request is
made, where all problems are reported together.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn, TypeAlias

from liangxin_async._errors import InvalidRequestError, Problem
from liangxin_async.models._field import FieldInfo
from liangxin_async.models._shown import shown

FieldValue: TypeAlias = str | int | bool | tuple[str, ...] | dict[str, Any]

_INTEGER = re.compile(r"[+-]?[0-9]+")
_BOOLEANS = {"true": True, "false": False}


def json_or_text(text: str) -> Any:
    """Return the JSON value that `text` is, or else `text` itself.

    For fields of which nobody described the type. NaN and the like are no JSON.
    """
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def parse_field(info: FieldInfo, text: str) -> FieldValue:
    """Return the value that `text` stands for.

    Args:
        info: the field; its `type` decides.
        text: for a string, taken as it is. For an integer, decimal digits. For a
            boolean, `true` or `false` in any case. For a list, either a JSON array of
            strings or the one item of the list. For an object, a JSON object.

    Raises:
        InvalidRequestError: with one problem: the text does not fit the type.
    """
    value = _parsed(info, text)
    if value is None:
        problem = Problem(info.name, shown(text), _words(info))
        raise InvalidRequestError.of(f"the value of {info.key}", [problem])
    return value


def _parsed(info: FieldInfo, text: str) -> FieldValue | None:
    match info.type:
        case "string":
            return text
        case "integer":
            return _integer(text.strip())
        case "boolean":
            return _BOOLEANS.get(text.strip().lower())
        case "string[]":
            return _strings(text)
        case "object":
            return _object(text)


def _words(info: FieldInfo) -> str:
    if info.type == "string[]":
        return "one item, or a JSON array of strings"
    return info.allowed


def _integer(text: str) -> int | None:
    if _INTEGER.fullmatch(text) is None:
        return None
    try:
        return int(text)
    except ValueError:
        # More digits than CPython converts; no service has such a field.
        return None


def _strings(text: str) -> tuple[str, ...] | None:
    # No URL and no data URI begins with a bracket, so this is meant as JSON.
    if not text.lstrip().startswith("["):
        return (text,)
    items = _decoded(text)
    is_list = isinstance(items, list) and all(isinstance(item, str) for item in items)
    return tuple(items) if is_list else None


def _object(text: str) -> dict[str, Any] | None:
    value = _decoded(text)
    return value if isinstance(value, dict) else None


def _decoded(text: str) -> Any:
    """Return what a JSON text holds; None also for a text that is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
