"""Checks that scenario values share, so that a typing slip is one clear sentence."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, ParamSpec, TypeVar

import attrs

S = TypeVar("S")
T = TypeVar("T")
P = ParamSpec("P")

Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]


class ScenarioError(ValueError):
    """A scenario that cannot be played; the message names the place and the rule."""


def number(
    low: float, high: float = math.inf, *, whole: bool = False, optional: bool = False
) -> Validator:
    """Return a validator for a finite number from `low` to `high`, ends included."""
    kinds = (int,) if whole else (int, float)
    word = "a whole number" if whole else "a number"
    span = f"from {low:g}" + ("" if high == math.inf else f" to {high:g}")

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is None and optional:
            return
        fits = isinstance(value, kinds) and not isinstance(value, bool)
        if not fits or not math.isfinite(value) or not low <= value <= high:
            message = f"{attribute.name} must be {word} {span}, got {value!r}"
            raise ScenarioError(message)

    return check


def hint(given: object, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for a slip of a known word; else nothing."""
    close = get_close_matches(given, known, 1) if isinstance(given, str) else []
    return f"; did you mean {close[0]!r}?" if close else ""


def one_of(*allowed: str) -> Validator:
    """Return a validator for one of a few words."""

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value not in allowed:
            known = ", ".join(allowed)
            message = f"{attribute.name} must be one of {known}; got {value!r}"
            raise ScenarioError(message + hint(value, allowed))

    return check


def text(*, optional: bool = False) -> Validator:
    """Return a validator for a string, or also None where `optional`."""

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, str) and not (optional and value is None):
            raise ScenarioError(f"{attribute.name} must be text, got {value!r}")

    return check


def flag(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Accept true or false only."""
    if not isinstance(value, bool):
        raise ScenarioError(f"{attribute.name} must be true or false, got {value!r}")


def build(kind: type[T], data: object) -> T:
    """Make the attrs class `kind` from a mapping of its own field names.

    Raises:
        ScenarioError: not a mapping, an unknown or missing key, or a bad value.
    """
    if not isinstance(data, Mapping):
        raise ScenarioError(f"must be an object, got {data!r}")
    fields = attrs.fields(kind)  # type: ignore[arg-type]  # callers pass attrs classes
    known = [a.name for a in fields]
    if unknown := [key for key in data if key not in known]:
        told = f"unknown key {unknown[0]!r}; known: {', '.join(known)}"
        raise ScenarioError(told + hint(unknown[0], known))
    required = [a.name for a in fields if a.default is attrs.NOTHING]
    if missing := [name for name in required if name not in data]:
        raise ScenarioError(f"{missing[0]} is missing")
    return kind(**data)


def choose(kinds: Mapping[str, type[T]], data: object) -> T:
    """Make the class that `data["kind"]` names from the rest of `data`."""
    if not isinstance(data, Mapping):
        raise ScenarioError(f"must be an object with a kind, got {data!r}")
    rest = dict(data)
    name = rest.pop("kind", None)
    if name not in kinds:
        told = f"kind must be one of {', '.join(kinds)}; got {name!r}"
        raise ScenarioError(told + hint(name, kinds))
    return build(kinds[name], rest)


def sequence(value: Sequence[S], make: Callable[[S], T]) -> tuple[T, ...]:
    """Apply `make` to every item of a list, naming the position of a bad one."""
    if not isinstance(value, (list, tuple)):
        raise ScenarioError(f"must be a list, got {value!r}")
    made: list[T] = []
    for index, item in enumerate(value):
        try:
            made.append(make(item))
        except ScenarioError as error:
            raise ScenarioError(f"[{index}]: {error}") from error
    return tuple(made)


def at(name: str, make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `make`, putting a field's name in front of what it complains about."""
    try:
        return make(*args, **kwargs)
    except ScenarioError as error:
        raise ScenarioError(f"{name}: {error}") from error
