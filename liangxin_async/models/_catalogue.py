"""The models that are known, and requests made by model value.

The tables of the typed models are read off their classes. Of the other models the
sources give a name and a purpose only; `Generic` serves them, and checks no field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

from liangxin_async._errors import InvalidRequestError, Problem
from liangxin_async.models._base import Request, TypedRequest, inputs
from liangxin_async.models._flux import Flux2Pro
from liangxin_async.models._generic import Generic
from liangxin_async.models._imagen import Imagen4Ultra
from liangxin_async.models._info import KNOWN_BY_NAME, ModelInfo, of_class
from liangxin_async.models._nano_banana import NanoBananaPro, NanoBananaProFlash
from liangxin_async.models._seedream import SeedreamV45
from liangxin_async.models._shown import member, shown
from liangxin_async.models._z_image import ZImage

_TYPED: Final[dict[str, type[TypedRequest]]] = {
    cls.model: cls
    for cls in (
        ZImage,
        SeedreamV45,
        Imagen4Ultra,
        NanoBananaPro,
        NanoBananaProFlash,
        Flux2Pro,
    )
}

_CATALOGUE: Final[dict[str, ModelInfo]] = {
    info.model: info for info in (*map(of_class, _TYPED.values()), *KNOWN_BY_NAME)
}


def catalogue() -> tuple[ModelInfo, ...]:
    """Return the known models: first those with a table, then those known by name."""
    return tuple(_CATALOGUE.values())


def describe(model: str) -> ModelInfo | None:
    """Return what is known about a model value, or None for one nobody described.

    None does not mean that the service lacks it: its list grows, and `build` and
    `Generic` make requests for any value.
    """
    return _CATALOGUE.get(model)


def build(
    model: str, fields: Mapping[str, Any], *, callback_url: str | None = None
) -> Request:
    """Return the request for a model value and its fields by wire name.

    Args:
        model: the model value. One with a table gives an instance of its class and is
            checked; any other one gives a `Generic`.
        fields: the input, `prompt` among it. For a model with a table, None means
            that the field is not set.
        callback_url: public `https://` URL for the end of this task, or None.

    Raises:
        InvalidRequestError: lists everything that is wrong, unknown fields included.
    """
    cls = _class_for(model, fields)
    if cls is None:
        return Generic(model, fields, callback_url=callback_url)
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
        return _TYPED.get(model)
    return None


def _unknown_problems(
    cls: type[TypedRequest], unknown: Iterable[object]
) -> tuple[Problem, ...]:
    paths = {info.key: info.name for _, info in inputs(cls)}
    parent = paths["prompt"].rpartition(".")[0]
    every = f"the fields of {cls.model} are {', '.join(paths)}"
    problems = []
    # The values are left out of the message: one may be a callback URL gone astray.
    for key in unknown:
        close = get_close_matches(key, paths, 1) if isinstance(key, str) else []
        hint = "".join(f"did you mean {paths[name]}? " for name in close)
        problems.append(Problem(member(parent, key), shown(key), hint + every))
    return tuple(problems)
