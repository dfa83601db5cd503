"""Facts that hold for every model and any values, tried with generated ones."""

from __future__ import annotations

import ipaddress
import json
import pickle
import socket
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from liangxin_async._addresses import refusal
from liangxin_async._errors import InvalidRequestError
from liangxin_async.models import (
    FieldInfo,
    Generic,
    ModelInfo,
    NanoBanana2Lite,
    Request,
    build,
    catalogue,
)
from liangxin_async.models._check import check
from liangxin_async.models._field import EVOLINK_CALLBACK_URL
from liangxin_async.models._hosts import is_internal

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
SIZES = [value for model, f in LISTED if f.has_sides for value in f.enum]

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
    if field.type == "object":
        return st.dictionaries(text, json_values, max_size=3)
    if field.has_sides:
        sides = st.integers(field.side_min, field.side_max)
        sizes = st.builds("{}x{}".format, sides, sides)
        return st.sampled_from(field.accepted) | sizes
    if field.enum:
        return st.sampled_from(field.accepted)
    least, most = field.min_length or 0, field.max_length or 50
    return st.text(sendable, min_size=least, max_size=most)


@st.composite
def good_inputs(draw: st.DrawFn) -> tuple[ModelInfo, dict[str, Any]]:
    """A model and any subset of its fields with values that its table allows."""
    model = draw(st.sampled_from(TYPED))
    fields = {f.key: f for f in model.fields if f.key != "model" and not f.https}
    optional = sorted(set(fields) - {"prompt"})
    chosen = {"prompt", *draw(st.sets(st.sampled_from(optional)))}
    if {"width", "height"} & chosen:
        chosen |= {"width", "height"}
    assume(sum("image" in key and key != "image_size" for key in chosen) <= 4)
    return model, {
        key: draw(good_values(fields[key])) for key in fields if key in chosen
    }


def named(info: ModelInfo) -> str:
    """Return the model value of a model that has one."""
    assert info.model is not None
    return info.model


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
    request = build(named(model), fields)
    assert request.fields() == fields
    assert list(request.fields()) == list(fields)
    assert json.loads(json.dumps(request.fields()).encode()) == fields
    assert pickle.loads(pickle.dumps(request)) == request
    assert build(named(model), request.fields()) == request


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
        assert build(named(model), fields).fields()[field.key] == value
    else:
        assert refused_fields(named(model), fields) == [field.name]


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
        assert build(named(model), fields).fields() == fields
    elif not (field.open_enum and is_word) and not field.has_sides:
        assert refused_fields(named(model), fields) == [field.name]


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
    for name in (named(model), "model-of-next-year"):
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


@quick
@given(
    st.integers(0, 3000) | st.integers(370, 380) | st.integers(1530, 1540),
    st.integers(0, 3000) | st.integers(370, 380) | st.integers(1530, 1540),
    st.sampled_from(["x", "X", ":", "*", " x "]),
)
def test_any_size_is_judged_by_its_sides(width: int, height: int, by: str) -> None:
    """A size passes exactly when it is `<width>x<height>` and both sides fit."""
    size = f"{width}{by}{height}"
    fields = {"prompt": "p", "size": size}
    sides_fit = 376 <= width <= 1536 and 376 <= height <= 1536
    if (by == "x" and sides_fit) or size in SIZES:
        assert build("z-image-turbo", fields).fields() == fields
    else:
        assert refused_fields("z-image-turbo", fields) == ["size"]


@st.composite
def spelt(draw: st.DrawFn, address: ipaddress.IPv4Address) -> str:
    """An IPv4 address in any of the ways that inet_aton reads."""
    number, count = int(address), draw(st.integers(1, 4))
    tail = 8 * (5 - count)
    heads = [number >> 8 * (3 - place) & 255 for place in range(count - 1)]
    parts = [*heads, number & ((1 << tail) - 1)]
    forms = [draw(st.sampled_from(["{}", "0x{:x}", "0X{:X}", "0{:o}"])) for _ in parts]
    return ".".join(form.format(part) for form, part in zip(forms, parts, strict=True))


@quick
@given(st.ip_addresses(v=4), st.data())
def test_any_spelling_of_an_address_is_judged_alike(
    address: ipaddress.IPv4Address, data: st.DataObject
) -> None:
    """However it is written, an address is internal exactly when it is not public."""
    host = data.draw(spelt(address))
    assert socket.inet_ntoa(socket.inet_aton(host)) == str(address)
    refused = refusal(str(address), allow_loopback=False) is not None
    assert is_internal(host) == refused
    found = list(check(EVOLINK_CALLBACK_URL, f"https://{host}/x"))
    assert bool(found) == refused


@quick
@given(st.text(max_size=30) | st.from_regex(r"[0-9a-fx.:\[\]%]{1,20}", fullmatch=True))
def test_any_text_as_a_callback_ends_in_a_verdict(host: str) -> None:
    """No host and no URL breaks the check, and what it says can be printed."""
    assert is_internal(host) in (True, False)
    for url in (f"https://{host}/x", host):
        for problem in check(EVOLINK_CALLBACK_URL, url):
            assert str(problem).encode()


@quick
@given(st.dictionaries(text, json_values, max_size=4))
def test_any_object_is_kept_as_it_was(params: dict[str, Any]) -> None:
    """`model_params` come back equal, hash alike in any order, survive a pickle."""
    request = NanoBanana2Lite("p", model_params=params)
    assert request.model_params == params
    assert request.fields()["model_params"] == params
    twisted = NanoBanana2Lite("p", model_params=dict(reversed(params.items())))
    again = pickle.loads(pickle.dumps(request))
    assert request == twisted == again
    assert hash(request) == hash(twisted) == hash(again)
    before = json.dumps(request.fields())
    params["more"] = request.fields()["model_params"]["more"] = 1
    assert json.dumps(request.fields()) == before
