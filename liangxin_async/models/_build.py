"""Requests made by model value and wire names, as input files and the command do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from liangxin_async._errors import InvalidRequestError, Problem
from liangxin_async.models._base import Request, TypedRequest, inputs
from liangxin_async.models._catalogue import TYPED
from liangxin_async.models._field import CALL_BACK_URL, EVOLINK_CALLBACK_URL
from liangxin_async.models._generic import Generic
from liangxin_async.models._shown import member, shown

if TYPE_CHECKING:
    from liangxin_async.models._base import Kind

_CALLBACKS: Final = (CALL_BACK_URL.name, EVOLINK_CALLBACK_URL.name)


def build(
    model: str,
    fields: Mapping[str, Any],
    *,
    callback_url: str | None = None,
    kind: Kind | None = None,
) -> Request:
    """Return the request for a model value and its fields by wire name.

    Args:
        model: the model value. One with a table gives an instance of its class and is
            checked; any other one gives a `Generic`.
        fields: the input, `prompt` among it. For a model with a table, None means
            that the field is not set.
        callback_url: public `https://` URL for the end of this task, or None.
        kind: what the model makes, where it has no table; see `Generic`. None takes
            what the catalogue knows.

    Raises:
        InvalidRequestError: lists everything that is wrong, unknown fields included.
    """
    cls = _class_for(model, fields)
    if cls is None:
        return Generic(model, fields, callback_url=callback_url, kind=kind)
    names = {info.key: name for name, info in inputs(cls)}
    known = {names[key]: value for key, value in fields.items() if key in names}
    try:
        # A missing prompt shall be one problem among the others, not a TypeError.
        request = cls(**{"prompt": None, **known}, callback_url=callback_url)
        problems: tuple[Problem, ...] = ()
    except InvalidRequestError as error:
        problems = error.problems
    problems += _unknown_problems(cls, (key for key in fields if key not in names))
    if problems:
        raise InvalidRequestError.of(f"the request for {model}", problems)
    return request


def _class_for(model: object, fields: object) -> type[TypedRequest] | None:
    """Return the class to use; None also for arguments that only `Generic` judges."""
    if isinstance(model, str) and isinstance(fields, Mapping):
        return TYPED.get(model)
    return None


def _unknown_problems(
    cls: type[TypedRequest], unknown: Iterable[object]
) -> tuple[Problem, ...]:
    paths = {info.key: info.name for _, info in inputs(cls)}
    parent = paths["prompt"].rpartition(".")[0]
    every = (
        f"the fields of {cls.model} are {', '.join(paths)}; Generic sends any other "
        "one unchecked"
    )
    # The values are left out of the message: one may be a callback URL gone astray.
    return tuple(
        Problem(member(parent, key), shown(key), _meant(key, paths) + every)
        for key in unknown
    )


def _meant(key: object, paths: Mapping[str, str]) -> str:
    """Return a hint at what `key` should have been, or ""."""
    if key in _CALLBACKS:
        return "the callback is no field: give it as callback_url. "
    from difflib import get_close_matches  # slow to load, and for mistakes only

    close = get_close_matches(key, paths, 1) if isinstance(key, str) else []
    return "".join(f"did you mean {paths[name]}? " for name in close)
