"""What a JSON text can hold, and JSON objects that nobody can change afterwards.

A request keeps free-form input as JSON text: that can be compared, hashed and pickled,
and shares nothing with the caller's objects. Checked is only what would keep a value
from being written.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import frozen

from liangxin_async._errors import Problem
from liangxin_async.models._shown import member, shown

SENDABLE_TEXT: Final = "text that UTF-8 can carry: no lone surrogates"
SENDABLE_INTEGER: Final = "an integer short enough to be written as text"

_DEEPEST: Final = 100  # levels; json itself gives up somewhere below 1000
_VALUE: Final = "a JSON value: text, number, true, false, None, list or mapping"


@frozen(eq=False, repr=False)
class JsonObject(Mapping[str, Any]):
    """A JSON object: a mapping that never changes, and whose values are copies.

    Equal to another one with the same members in any order, and to a plain mapping
    with equal values. Hashable and picklable.
    """

    _text: str

    def plain(self) -> dict[str, Any]:
        """Return the object as a new dict, all the way down."""
        decoded: dict[str, Any] = json.loads(self._text)
        return decoded

    def __getitem__(self, key: str) -> Any:
        return self.plain()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.plain())

    def __len__(self) -> int:
        return len(self.plain())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, JsonObject):
            return self._unordered() == other._unordered()
        return self.plain() == other if isinstance(other, Mapping) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._unordered())

    def __repr__(self) -> str:
        return repr(self.plain())

    def _unordered(self) -> str:
        """One spelling for equal objects. Numbers keep theirs: 1 is not 1.0 or true."""
        return json.dumps(self.plain(), sort_keys=True)


def freeze(value: Mapping[str, Any], path: str, problems: list[Problem]) -> JsonObject:
    """Return a frozen copy of `value`; an empty one where `problems` grew.

    Args:
        value: any mapping; tuples in it become arrays, and None stays null.
        path: where the value stands in the request, for the problems.
        problems: gets one entry for each place that JSON has no text for.
    """
    found: list[Problem] = []
    copied = _copied(value, path, path, (), found)
    problems += found
    text = "{}" if found else json.dumps(copied, ensure_ascii=False, allow_nan=False)
    return JsonObject(text)


def as_object(value: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return a mapping frozen, and what cannot be as it is, for the check to judge."""
    if not isinstance(value, Mapping) or isinstance(value, JsonObject):
        return value
    problems: list[Problem] = []
    copied = freeze(value, "", problems)
    return value if problems else copied


def check_sendable(field: str, value: str | int) -> Iterator[Problem]:
    """Yield a problem if no JSON text in UTF-8 can hold `value`."""
    if isinstance(value, str):
        if not is_utf8(value):
            yield Problem(field, shown(value), SENDABLE_TEXT)
    elif not _is_writable(value):
        yield Problem(field, shown(value), SENDABLE_INTEGER)


def is_utf8(text: str) -> bool:
    """Whether UTF-8 can carry `text`: it has no lone surrogates."""
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


def _copied(
    value: object,
    path: str,
    root: str,
    above: tuple[int, ...],
    problems: list[Problem],
) -> object:
    """Return `value` in plain JSON types; what has none is added to `problems`.

    `above` holds the ids of the containers around it.
    """
    inside = (*above, id(value))
    match value:
        case None | bool():
            return value
        case str() | int():
            problems += check_sendable(path, value)
            return value
        case float() if math.isfinite(value):
            return value
        case list() | tuple() | Mapping() if id(value) in above:
            problems.append(Problem(path, "a value inside itself", _VALUE))
            return None
        case list() | tuple() | Mapping() if len(above) >= _DEEPEST:
            problems.append(Problem(root, "more", f"at most {_DEEPEST} levels"))
            return None
        case list() | tuple():
            return [
                _copied(item, f"{path}[{index}]", root, inside, problems)
                for index, item in enumerate(value)
            ]
        case Mapping():
            return {
                key: _copied(item, member(path, key), root, inside, problems)
                for key, item in value.items()
                if _is_key(key, path, problems)
            }
    problems.append(Problem(path, shown(value), _VALUE))
    return None


def _is_key(key: object, path: str, problems: list[Problem]) -> bool:
    if not isinstance(key, str):
        problems.append(Problem(path, f"the key {shown(key)}", "keys that are text"))
        return False
    found = list(check_sendable(member(path, key), key))
    problems += found
    return not found
