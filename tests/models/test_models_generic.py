"""Requests for models that nobody described: sent as given, and safe to keep."""

from __future__ import annotations

import copy
import pickle
from collections import OrderedDict
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from liangxin_async._errors import InvalidRequestError
from liangxin_async.models import Generic


def refused(model: Any, given: Any, **more: Any) -> list[str]:
    """Return the fields that the refusal names, in order."""
    with pytest.raises(InvalidRequestError) as caught:
        Generic(model, given, **more)
    return [problem.field for problem in caught.value.problems]


def test_generic_sends_whatever_json_can_hold() -> None:
    """No field is checked, added, dropped or changed; null stays null."""
    given = {
        "prompt": "",
        "seed": -1.5,
        "nothing": None,
        "deep": {"list": [1, True, "x", {"y": []}], "画": "画"},
    }
    request = Generic("model-of-next-year", given)
    assert request.fields() == given
    assert list(request.fields()) == list(given)
    assert request.input == given
    assert request.model == "model-of-next-year"
    assert request.provider is None


def test_generic_takes_the_fields_of_known_models_unchecked() -> None:
    """It is the way round a table that has grown older than the service."""
    request = Generic("z-image", {"prompt": "", "seed": "seven", "new": 1})
    assert request.fields() == {"prompt": "", "seed": "seven", "new": 1}


def test_generic_is_cut_off_from_the_callers_objects() -> None:
    """Later changes of the given mapping, or of what is handed out, change nothing."""
    inner = ["a"]
    given: dict[str, Any] = {"prompt": "p", "list": inner}
    request = Generic("m", given)
    given["more"] = 1
    inner.append("b")
    request.input["list"].append("c")
    request.fields().clear()
    assert request.fields() == {"prompt": "p", "list": ["a"]}
    assert hash(request) == hash(Generic("m", {"prompt": "p", "list": ["a"]}))


def test_generic_takes_any_mapping_and_tuples() -> None:
    """Mappings become objects and tuples arrays, at any depth."""
    inner = MappingProxyType({"sizes": (1, 2)})
    request = Generic("m", OrderedDict(prompt="p", inner=inner))
    assert request.fields() == {"prompt": "p", "inner": {"sizes": [1, 2]}}


def test_generic_equality_ignores_the_order_of_keys() -> None:
    """Objects of JSON have no order, so requests that differ in it alone are equal."""
    one = Generic("m", {"a": 1, "b": {"c": 1, "d": 2}})
    two = Generic("m", {"b": {"d": 2, "c": 1}, "a": 1})
    assert one == two
    assert hash(one) == hash(two)
    assert one != Generic("m", {"a": 1, "b": {"c": 1, "d": 3}})
    assert one != Generic("n", {"a": 1, "b": {"c": 1, "d": 2}})


@pytest.mark.parametrize(
    ("given", "prompt"),
    [
        ({"prompt": "a cafe"}, "a cafe"),
        ({"prompt": ""}, ""),
        ({"prompt": None}, None),
        ({"prompt": ["a", "b"]}, None),
        ({}, None),
    ],
)
def test_generic_prompt_is_text_or_none(given: dict[str, Any], prompt: str) -> None:
    """`prompt` is the input's prompt if it is text."""
    assert Generic("m", given).prompt == prompt


@pytest.mark.parametrize("model", ["", "  ", None, 7, ["m"], "\ud800"])
def test_generic_model_must_be_text(model: object) -> None:
    """Without a model value nothing could be sent."""
    assert refused(model, {"prompt": "p"}) == ["model"]


@pytest.mark.parametrize("given", [None, "prompt", 7, [("prompt", "p")], {"prompt"}])
def test_generic_input_must_be_a_mapping(given: object) -> None:
    """The input is one object on the wire."""
    assert refused("m", given) == ["input"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"x": float("nan")}, "input.x"),
        ({"x": [1, float("-inf")]}, "input.x[1]"),
        ({"x": {"y": {1, 2}}}, "input.x.y"),
        ({"x": b"bytes"}, "input.x"),
        ({"x": Decimal(1)}, "input.x"),
        ({"x": object()}, "input.x"),
        ({"x": {1: "y"}}, "input.x"),
        ({None: "y"}, "input"),
        ({"x": "\udfff"}, "input.x"),
        ({"x": {"\udfff": 1}}, "input.x['\\udfff']"),
        pytest.param({"x": 10**5000}, "input.x", id="huge"),
        ({"line\nbreak": b""}, "input['line\\nbreak']"),
    ],
)
def test_generic_refuses_what_json_does_not_have(given: Any, field: str) -> None:
    """The place is named by its path, which can be printed whatever the keys are."""
    assert refused("m", given) == [field]
    field.encode()


def test_generic_lists_all_problems_at_once() -> None:
    """Model, callback and every bad value come in one error."""
    given = {"a": float("inf"), "b": {"c": b"", 3: 4}}
    assert refused("", given, callback_url="http://bot.example/x") == [
        "model",
        "callBackUrl",
        "input.a",
        "input.b.c",
        "input.b",
    ]


def test_generic_refuses_a_value_inside_itself() -> None:
    """A cycle is found at once, also where it branches."""
    cycle: list[Any] = []
    cycle.extend([cycle, cycle, {"x": cycle}])
    fields = refused("m", {"c": cycle})
    assert fields == ["input.c[0]", "input.c[1]", "input.c[2].x"]


def test_generic_takes_the_same_object_twice() -> None:
    """Sharing is no cycle."""
    shared = {"y": 1}
    assert Generic("m", {"a": shared, "b": [shared, shared]}).fields() == {
        "a": {"y": 1},
        "b": [{"y": 1}, {"y": 1}],
    }


@pytest.mark.parametrize(
    ("levels", "is_good"), [(99, True), (100, False), (5000, False)]
)
def test_generic_depth_has_an_end(levels: int, is_good: bool) -> None:
    """100 levels pass, counting the input itself; more end in our error."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    if is_good:
        assert Generic("m", {"x": value}).fields() == {"x": value}
    else:
        assert refused("m", {"x": value}) == ["input"]


@pytest.mark.parametrize(
    ("model", "given", "kind"),
    [
        ("kling-v3-pro", None, "video"),
        ("gpt-image-2", None, "image"),
        ("model-of-next-year", None, None),
        ("model-of-next-year", "video", "video"),
        ("kling-v3-pro", "image", "image"),
    ],
)
def test_generic_kind_is_the_callers_or_the_catalogues(
    model: str, given: Any, kind: Any
) -> None:
    """What the caller says wins; it is kept, and nothing of it is sent."""
    request = Generic(model, {"prompt": "p"}, kind=given)
    assert request.kind == kind
    assert request.fields() == {"prompt": "p"}
    assert pickle.loads(pickle.dumps(request)).kind == kind
    assert copy.copy(request) == request
    assert (", kind=" in repr(request)) == (kind != Generic(model, {}).kind)


@pytest.mark.parametrize("kind", ["audio", "", "Video", 7, ["video"]])
def test_generic_kind_is_one_of_two(kind: Any) -> None:
    """Another word would decide nothing, so it is refused and not ignored."""
    assert refused("m", {}, kind=kind) == ["kind"]


def test_generic_callback_is_judged_by_the_general_rule_only() -> None:
    """Which service it goes to is not known yet; EvoLink's own rules come later."""
    url = "https://127.0.0.1/" + "x" * 3000
    assert Generic("gpt-image-2", {}, callback_url=url).callback_url == url


def test_generic_names_its_arguments() -> None:
    """`model` and `input` may be given by name, the callback by name only."""
    request = Generic(model="m", input={}, callback_url="https://bot.example/x")
    assert request == Generic("m", {}, callback_url="https://bot.example/x")
    positional: Any = Generic
    with pytest.raises(TypeError):
        positional("m", {}, "https://bot.example/x")
