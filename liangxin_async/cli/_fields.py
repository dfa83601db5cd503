"""From the options of `generate` to a request.

A model with a table takes its own fields only, each of its type. Every other model
takes any field: a value that is JSON is sent as that, all else as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any, Literal, NoReturn

from liangxin_async._errors import InvalidRequestError
from liangxin_async.cli._errors import UsageError
from liangxin_async.models import (
    FieldInfo,
    ModelInfo,
    Request,
    build,
    catalogue,
    describe,
    parse_field,
)
from liangxin_async.models._parse import json_or_text

Given = Sequence[tuple[str, str | None]]  # option with its dashes, text or None

_CALLBACKS = ("callBackUrl", "callback_url")  # in the body; `--callback-url` here


def make_request(
    model: str,
    prompt: str,
    given: Given,
    *,
    callback_url: str | None = None,
    kind: Literal["image", "video"] | None = None,
) -> Request:
    """Return the request that a command line asks for.

    Args:
        model: the model value.
        prompt: the prompt.
        given: options that are fields, in order; None where no value followed.
        callback_url: public https URL, or None.
        kind: what a model makes that the catalogue does not know, or None.

    Raises:
        UsageError: an option the model does not have, one given twice, one without
            its value, or a callback that is given as a field.
        InvalidRequestError: the values, all that is wrong with them.
    """
    _refuse_callback(given)
    info = describe(model)
    if info is None:
        refuse_title(model)
    if info is None or info.request_type is None:
        fields = dict(_any_fields(given))
        _check_once(["prompt", *(name for name, _ in _any_fields(given))])
    else:
        fields = _known_fields(info, given)
    return build(
        model, {"prompt": prompt, **fields}, callback_url=callback_url, kind=kind
    )


def option(info: FieldInfo) -> str:
    """Return how a field is written on the command line."""
    return "--" + info.key.replace("_", "-")


def inputs(info: ModelInfo) -> tuple[FieldInfo, ...]:
    """Return the fields of a model that options stand for."""
    aside = ("model", *_CALLBACKS)
    return tuple(field for field in info.fields if field.name not in aside)


def titled(title: str) -> ModelInfo | None:
    """Return the model of that title, in any case of letters."""
    wanted = title.casefold()
    return next((i for i in catalogue() if i.title.casefold() == wanted), None)


def refuse_title(model: str) -> None:
    """Refuse a title where a model value is asked for: no service takes it.

    Raises:
        UsageError: `model` is a title.
    """
    info = titled(model)
    if info is None:
        return
    known = f"the model value is {info.model}"
    if info.model is None:
        known = "no document gives its model value"
    raise UsageError(f"{info.title!r} is a title: {known}")


def advice_on_model(model: str) -> str | None:
    """Return a note for a model value without a table; None for the others."""
    info = describe(model)
    if info is not None:
        unchecked = f"only the name of {model} is known; its fields are sent unchecked"
        return unchecked if info.request_type is None else None
    known = [info.model for info in catalogue() if info.model is not None]
    close = get_close_matches(model, known, 1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    return f"{model!r} is not in the catalogue{hint}; its fields are sent unchecked"


def _refuse_callback(given: Given) -> None:
    """Refuse the services' own names for the callback, which would end up in no field.

    A dotted path is taken as it stands: `--input.callback_url` may be a field.
    """
    for name, _ in given:
        if name.removeprefix("--").replace("-", "_") in _CALLBACKS:
            raise UsageError(
                f"{name} is no field of a model",
                advice=("the callback is given as --callback-url URL",),
            )


# ------------------------------------------------------------------ models with a table


def _known_fields(info: ModelInfo, given: Given) -> dict[str, Any]:
    by_name = {field.key: field for field in inputs(info)}
    by_path = {field.name: field for field in inputs(info)}
    found: list[tuple[FieldInfo, str | None]] = []
    unknown = []
    for name, text in given:
        plain = name.removeprefix("--")
        field = by_path.get(plain) or by_name.get(plain.replace("-", "_"))
        if field is None:
            unknown.append(name)
        else:
            found.append((field, text))
    if unknown:
        _refuse(info, unknown)
    once = [field.key for field, _ in found if field.type != "string[]"]
    _check_once(["prompt", *once])
    return _values(found)


def _values(found: Sequence[tuple[FieldInfo, str | None]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field, text in found:
        value = _value(field, text)
        # A list may be given item by item.
        if isinstance(value, tuple) and isinstance(values.get(field.key), tuple):
            value = values[field.key] + value
        values[field.key] = value
    return values


def _value(field: FieldInfo, text: str | None) -> Any:
    if text is None:
        if field.type == "boolean":
            return True
        raise _no_value(option(field))
    try:
        return parse_field(field, text)
    except InvalidRequestError:
        return text  # text is of the wrong type: `build` says so, and names the range


def _refuse(info: ModelInfo, unknown: Sequence[str]) -> NoReturn:
    fields = [option(field) for field in inputs(info) if field.key != "prompt"]
    own = ["--timeout", "--output", "--no-download", "--callback-url", "--base-url"]
    words = []
    for name in unknown:
        dashed = "--" + name.removeprefix("--input.").lstrip("-").replace("_", "-")
        close = get_close_matches(dashed, [*fields, *own, "--json"], 1)
        words.append(name + (f" (did you mean {close[0]}?)" if close else ""))
    raise UsageError(
        f"{info.model} has no field {', '.join(words)}",
        advice=(
            f"its fields are {', '.join(fields)}",
            f"`liangxin models {info.model}` tells more",
        ),
    )


# -------------------------------------------------------------------- any other model


def _any_fields(given: Given) -> Iterator[tuple[str, Any]]:
    for name, text in given:
        plain = name.removeprefix("--")
        exact = plain.removeprefix("input.")
        key = exact if exact != plain else plain.replace("-", "_")
        yield key, True if text is None else json_or_text(text)


def _check_once(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        shown = ", ".join("--" + name.replace("_", "-") for name in twice)
        raise UsageError(f"given more than once: {shown}")


def _no_value(name: str) -> UsageError:
    return UsageError(f"{name}: a value must follow (write {name}=-x for one with a -)")
