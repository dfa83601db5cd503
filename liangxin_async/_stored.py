"""The one cattrs converter: values of ours as plain JSON values, and back.

cattrs coerces by default: `None` into `str` gives `'None'`, `1.9` into `int` gives
`1`. Here a primitive must already be what the field asks for (an int may pass as a
float), unknown keys are left alone, and every bad path is reported at once.

Loaded when something is stored or had back: cattrs takes a twentieth of the time that
the library takes to import, and most programs store nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from cattrs import BaseValidationError, Converter, transform_error

from liangxin_async._errors import InvalidRequestError, Problem

T = TypeVar("T")


def strict(value: object, kind: type[T]) -> T:
    """Return `value` unchanged if its type is exactly `kind`; else TypeError."""
    if type(value) is not kind:
        raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
    return value


def _strict_float(value: object, kind: type[float]) -> float:
    return float(value) if type(value) is int else strict(value, kind)


def make_converter() -> Converter:
    """Return a converter that coerces nothing and tolerates unknown keys."""
    converter = Converter(
        detailed_validation=True,
        forbid_extra_keys=False,
        unstruct_collection_overrides={tuple: list},
    )
    for kind in (str, int, bool):
        converter.register_structure_hook(kind, strict)
    converter.register_structure_hook(float, _strict_float)
    return converter


def make_store() -> Converter:
    """Return a converter between our values and plain JSON values, exact both ways."""
    store = make_converter()
    store.register_unstructure_hook(datetime, datetime.isoformat)
    store.register_structure_hook(datetime, _stored_instant)
    store.register_structure_hook_func(
        lambda kind: kind == tuple[str, ...], _stored_texts
    )
    return store


def _stored_instant(value: object, _: object) -> datetime:
    instant = datetime.fromisoformat(strict(value, str))
    if instant.tzinfo is None:
        raise ValueError("an instant without a zone")
    return instant


def _stored_texts(value: object, _: object) -> tuple[str, ...]:
    return tuple(strict(item, str) for item in strict(value, list))


_store = make_store()


def to_plain(value: object) -> dict[str, Any]:
    """Return an attrs value as a new dict of plain JSON values."""
    plain: dict[str, Any] = _store.unstructure(value)
    return plain


def from_plain(plain: object, kind: type[T]) -> T:
    """Return the value that `to_plain` wrote; unknown keys are left alone.

    Raises:
        InvalidRequestError: something is missing or of a wrong type; lists all of it.
    """
    try:
        return _store.structure(
            dict(plain) if isinstance(plain, Mapping) else strict(plain, dict), kind
        )
    except (BaseValidationError, TypeError, ValueError, KeyError) as exc:
        problems = [_stored_problem(line) for line in _lines_of(exc)]
    raise InvalidRequestError.of(f"the stored {kind.__name__}", problems)


def _stored_problem(line: str) -> Problem:
    words, at, path = line.rpartition(" @ ")
    words, path = (words, path) if at else (line, "$")
    return Problem(path, f"what does not fit ({words})", "what `to_dict` wrote")


def _lines_of(exc: BaseException) -> list[str]:
    if isinstance(exc, BaseValidationError):
        return transform_error(exc)
    return [f"{type(exc).__name__}: {exc}"]
