"""Requests for models whose fields nobody described here.

The input goes out as it was given. Checked is only what would keep it from being
written as JSON. It is kept as JSON text, which nobody can change afterwards, and which
can be compared, hashed and pickled.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from attrs import field, frozen

from liangxin_async._errors import InvalidRequestError, Problem
from liangxin_async.models._base import Request
from liangxin_async.models._check import check, check_sendable
from liangxin_async.models._field import CALL_BACK_URL
from liangxin_async.models._shown import member, shown

_DEEPEST: Final = 100  # levels; json itself gives up somewhere below 1000
_VALUE: Final = "a JSON value: text, number, true, false, None, list or mapping"


def _unordered(text: str) -> str:
    """Return one spelling for equal inputs: JSON objects have no order."""
    return json.dumps(json.loads(text), sort_keys=True)


@frozen(repr=False, init=False)
class Generic(Request):
    """A request for any model value, sent as it is given.

    For models outside the catalogue, models of which only the name is known, and
    fields that are newer than this library.

    Args:
        model: the model value; not empty.
        input: the model's fields by their wire names, `prompt` among them. Copied, so
            changing it later changes nothing here. Any JSON values, 100 levels deep at
            most; None is sent as null.
        callback_url: public `https://` URL for the end of this task.

    Raises:
        InvalidRequestError: something could not be sent: an empty model, a value that
            JSON does not have (NaN, bytes, a set, a key that is no text).
    """

    provider: ClassVar[None] = None

    model: str
    _input_json: str = field(eq=_unordered)

    def __init__(
        self,
        model: str,
        input: Mapping[str, Any],  # noqa: A002 -- the service's own word
        *,
        callback_url: str | None = None,
    ) -> None:
        problems = _model_problems(model)
        problems += check(CALL_BACK_URL, callback_url)
        copied = _copied_input(input, problems)
        if problems:
            raise InvalidRequestError.of("the request", problems)
        text = json.dumps(copied, ensure_ascii=False, allow_nan=False)
        self.__attrs_init__(model=model, input_json=text, callback_url=callback_url)

    @property
    def input(self) -> dict[str, Any]:
        """The input, as a new dict each time."""
        return self.fields()

    @property
    def prompt(self) -> str | None:
        """`prompt` of the input if that is text, else None."""
        prompt = self.fields().get("prompt")
        return prompt if isinstance(prompt, str) else None

    def fields(self) -> dict[str, Any]:
        """Return the input, ready for JSON, as a new dict each time."""
        decoded: dict[str, Any] = json.loads(self._input_json)
        return decoded

    def __repr__(self) -> str:
        """Return the call that makes this request, cut short, without callback URL."""
        return f"Generic({shown(self.model)}, input={shown(self.fields())})"


def _model_problems(model: object) -> list[Problem]:
    if not isinstance(model, str) or not model.strip():
        return [Problem("model", shown(model), "a model value: text, not empty")]
    return list(check_sendable("model", model))


def _copied_input(value: object, problems: list[Problem]) -> object:
    if isinstance(value, Mapping):
        return _copied(value, "input", (), problems)
    problems.append(Problem("input", shown(value), "a mapping of field names"))
    return None


def _copied(
    value: object, path: str, above: tuple[int, ...], problems: list[Problem]
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
            problems.append(Problem("input", "more", f"at most {_DEEPEST} levels"))
            return None
        case list() | tuple():
            return [
                _copied(item, f"{path}[{index}]", inside, problems)
                for index, item in enumerate(value)
            ]
        case Mapping():
            return {
                key: _copied(item, member(path, key), inside, problems)
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
