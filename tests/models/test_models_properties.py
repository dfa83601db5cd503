"""Facts that hold for every model and any values, tried with generated ones."""

from __future__ import annotations

import json
import pickle
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from liangxin_async._errors import InvalidRequestError
from liangxin_async.models import (
    FieldInfo,
    Generic,
    ModelInfo,
    Request,
    build,
    catalogue,
)

TYPED = [info for info in catalogue() if info.request_type is not None]
LIMITED = [
    (model, field)
    for model in TYPED
    for field in model.fields
    if field.type == "integer" and (field.min is not None or field.max is not None)
]
LISTED = [
    (model, field)
    for model in TYPED
    for field in model.fields
    if field.enum and field.key != "model"
]

quick = settings(
    max_examples=80,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
sendable = st.characters(codec="utf-8")
text = st.text(sendable, max_size=20)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4)
    ),
    max_leaves=12,
)


def good_values(field: FieldInfo) -> st.SearchStrategy[Any]:
    """Values that the table of the field allows."""
    if field.type == "boolean":
        return st.booleans()
    if field.type == "integer":
        return st.integers(field.min, field.max)
    if field.type == "string[]":
        # One in each list stays below every shared limit.
        return st.lists(st.just("https://host.example/a.png"), max_size=1)
    if field.enum:
        return st.sampled_from(field.accepted)
    least, most = field.min_length or 0, field.max_length or 50
    return st.text(sendable, min_size=least, max_size=most)


@st.composite
def good_inputs(draw: st.DrawFn) -> tuple[ModelInfo, dict[str, Any]]:
    """A model and any subset of its fields with values that its table allows."""
    model = draw(st.sampled_from(TYPED))
    fields = {f.key: f for f in model.fields if f.name.startswith("input.")}
    optional = sorted(set(fields) - {"prompt"})
    chosen = {"prompt", *draw(st.sets(st.sampled_from(optional)))}
    if {"width", "height"} & chosen:
        chosen |= {"width", "height"}
    assume(sum("image" in key and key != "image_size" for key in chosen) <= 4)
    return model, {
        key: draw(good_values(fields[key])) for key in fields if key in chosen
    }


def attempt(model: str, fields: dict[str, Any]) -> Request | InvalidRequestError:
    """Return the request, or the error that refuses it; other errors are raised."""
    try:
        return build(model, fields)
    except InvalidRequestError as error:
        return error


def refused_fields(model: str, fields: dict[str, Any]) -> list[str]:
    """Return the fields that the refusal names, in order."""
    result = attempt(model, fields)
    assert isinstance(result, InvalidRequestError)
    return [problem.field for problem in result.problems]


@quick
@given(good_inputs())
def test_any_subset_of_good_fields_is_sent_exactly(
    case: tuple[ModelInfo, dict[str, Any]],
) -> None:
    """What was set is sent, in the table's order; nothing is added or changed."""
    model, fields = case
    request = build(model.model, fields)
    assert request.fields() == fields
    assert list(request.fields()) == list(fields)
    assert json.loads(json.dumps(request.fields()).encode()) == fields
    assert pickle.loads(pickle.dumps(request)) == request
    assert build(model.model, request.fields()) == request


@quick
@given(st.sampled_from(LIMITED), st.integers())
def test_any_integer_is_judged_by_its_limits(
    case: tuple[ModelInfo, FieldInfo], value: int
) -> None:
    """An integer passes exactly when it lies within the limits of the table."""
    model, field = case
    fields = {"prompt": "pp", field.key: value}
    fields |= {"height": 512} if field.key == "width" else {}
    fields |= {"width": 512} if field.key == "height" else {}
    most = value if field.max is None else field.max
    if (field.min or value) <= value <= most:
        assert build(model.model, fields).fields()[field.key] == value
    else:
        assert refused_fields(model.model, fields) == [field.name]


@quick
@given(st.sampled_from(LISTED), text)
def test_any_text_is_judged_by_the_list(
    case: tuple[ModelInfo, FieldInfo], value: str
) -> None:
    """Text outside a closed list is refused; an open list takes words."""
    model, field = case
    fields = {"prompt": "pp", field.key: value}
    is_word = value.split() == [value]
    if value in field.accepted or (field.open_enum and is_word and ":" not in value):
        assert build(model.model, fields).fields() == fields
    elif not (field.open_enum and is_word):
        assert refused_fields(model.model, fields) == [field.name]


@quick
@given(
    st.sampled_from(TYPED),
    st.dictionaries(
        st.sampled_from([f.key for model in TYPED for f in model.fields]) | text,
        json_values | st.binary(max_size=3) | st.text(max_size=3) | st.floats(),
        max_size=6,
    ),
)
def test_anything_at_all_ends_in_a_request_or_in_our_error(
    model: ModelInfo, fields: dict[str, Any]
) -> None:
    """Whatever is given: a request that can be written, or one printable error."""
    for name in (model.model, "model-of-next-year"):
        result = attempt(name, fields)
        if isinstance(result, InvalidRequestError):
            assert result.problems
            assert str(result).encode()
        else:
            assert json.dumps(result.fields(), allow_nan=False).encode()
            assert repr(result).encode()


@quick
@given(st.dictionaries(text, json_values, max_size=5))
def test_generic_gives_back_any_json(fields: dict[str, Any]) -> None:
    """A JSON object goes through `Generic` unchanged, and stays equal to itself."""
    request = Generic("m", fields)
    assert request.fields() == fields
    assert request == Generic("m", dict(reversed(fields.items())))
    assert hash(request) == hash(pickle.loads(pickle.dumps(request)))
