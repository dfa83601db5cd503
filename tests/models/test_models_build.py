"""Requests from names and text, as the command line and input files give them."""

from __future__ import annotations

from typing import Any, cast

import pytest

from liangxin_async._errors import InvalidRequestError
from liangxin_async.models import (
    FieldInfo,
    Flux2Pro,
    Generic,
    NanoBananaPro,
    ZImage,
    build,
    catalogue,
    describe,
    parse_field,
)


def problems(model: Any, fields: Any, **more: Any) -> dict[str, str]:
    """Return field and allowed values of each problem of a refused build."""
    with pytest.raises(InvalidRequestError) as caught:
        build(model, fields, **more)
    return {problem.field: problem.allowed for problem in caught.value.problems}


def test_build_of_a_known_model_is_its_class() -> None:
    """The same request as the class makes."""
    built = build(
        "z-image", {"prompt": "p", "seed": 7}, callback_url="https://b.example"
    )
    assert built == ZImage("p", seed=7, callback_url="https://b.example")
    images = {"prompt": "pp", "image_input": ["https://host.example/a.png"]}
    assert isinstance(build("nano-banana-pro", images), NanoBananaPro)


@pytest.mark.parametrize("model", [i.model for i in catalogue() if i.model])
def test_build_serves_every_listed_model(model: str) -> None:
    """Each model value of the catalogue can be asked for, with a class or without."""
    info = describe(model)
    assert info is not None
    request = build(model, {"prompt": "a cafe"})
    assert type(request) is (info.request_type or Generic)
    assert request.model == model
    assert request.fields() == {"prompt": "a cafe"}


def test_build_of_an_unknown_model_passes_everything() -> None:
    """The list of models grows: an unknown value is no error."""
    request = build("model-of-next-year", {"prompt": "p", "new": [1]})
    assert request == Generic("model-of-next-year", {"prompt": "p", "new": [1]})


def test_build_takes_none_as_unset() -> None:
    """A null in an input file means that the field is left out."""
    assert build("z-image", {"prompt": "p", "seed": None}) == ZImage("p")


def test_build_without_prompt_names_it() -> None:
    """A missing prompt is a problem like the others, not a TypeError."""
    assert list(problems("z-image", {})) == ["input.prompt"]
    assert list(problems("z-image", {"prompt": None})) == ["input.prompt"]


def test_build_names_all_unknown_fields_with_the_near_one() -> None:
    """Misspelt names come in one error with the bad values, each with a suggestion."""
    found = problems(
        "z-image",
        {"promt": "p", "sead": 7, "seed": "x", "xyzzy": 1, "callback_url": "x"},
        callback_url="http://bot.example/x",
    )
    assert list(found) == [
        "callBackUrl",
        "input.prompt",
        "input.seed",
        "input.promt",
        "input.sead",
        "input.xyzzy",
        "input.callback_url",
    ]
    assert found["input.promt"].startswith("did you mean input.prompt?")
    assert found["input.sead"].startswith("did you mean input.seed?")
    assert "did you mean" not in found["input.xyzzy"]
    assert "num_inference_steps" in found["input.xyzzy"]
    assert "Generic sends any other one unchecked" in found["input.xyzzy"]


def test_build_names_fields_of_evolink_flat() -> None:
    """EvoLink's parameters lie in the body itself, so nothing is called `input.`."""
    found = problems(
        "z-image-turbo",
        {"prompt": "", "sed": 7, "size": "21:9", "xyzzy": {}},
        callback_url="https://10.0.0.1/x",
    )
    assert list(found) == ["prompt", "size", "callback_url", "sed", "xyzzy"]
    assert found["sed"].startswith("did you mean seed? ")
    for key in ("sed", "xyzzy"):
        assert found[key].endswith(
            "the fields of z-image-turbo are prompt, size, seed, nsfw_check; Generic "
            "sends any other one unchecked"
        )


@pytest.mark.parametrize("model", ["z-image", "z-image-turbo"])
@pytest.mark.parametrize("key", ["callBackUrl", "callback_url"])
def test_build_tells_where_the_callback_belongs(model: str, key: str) -> None:
    """Both services' names for it are no fields: it has an argument of its own."""
    (allowed,) = problems(model, {"prompt": "p", key: "https://b.example"}).values()
    assert allowed.startswith("the callback is no field: give it as callback_url. ")


def test_build_does_not_repeat_values_of_unknown_fields() -> None:
    """One may be a callback URL that stands in the wrong place."""
    with pytest.raises(InvalidRequestError) as caught:
        build("z-image", {"prompt": "p", "callBackUrl": "https://b.example/canary"})
    assert "canary" not in str(caught.value)


def test_build_field_of_another_model_is_unknown() -> None:
    """The search tool is for the Flash model only."""
    fields = {"prompt": "pp", "use_google_search_tool": True}
    assert list(problems("nano-banana-pro", fields)) == ["input.use_google_search_tool"]
    assert build("nano-banana-pro-flash", fields).fields() == fields


def test_build_of_no_names_at_all() -> None:
    """Keys that are no text, and arguments of a wrong type, end in our error."""
    assert list(problems("z-image", {"prompt": "p", 3: 4})) == ["input[3]"]
    assert list(problems("z-image", [])) == ["input"]
    assert list(problems(["z-image"], {"prompt": "p"})) == ["model"]
    assert list(problems("", {"prompt": "p"})) == ["model"]


def field(model: str, key: str) -> FieldInfo:
    info = describe(model)
    assert info is not None
    return next(field for field in info.fields if field.key == key)


PROMPT = field("z-image", "prompt")
SEED = field("z-image", "seed")
CHECKER = field("z-image", "enable_safety_checker")
IMAGES = field("nano-banana-pro", "image_input")
PARAMS = field("gemini-3.1-flash-lite-image", "model_params")


@pytest.mark.parametrize(
    ("info", "text", "value"),
    [
        (PROMPT, "7", "7"),
        (PROMPT, " true ", " true "),
        (PROMPT, "", ""),
        (SEED, "7", 7),
        (SEED, "-12", -12),
        (SEED, "+3", 3),
        (SEED, " 42\n", 42),
        (SEED, "007", 7),
        (CHECKER, "true", True),
        (CHECKER, "False", False),
        (CHECKER, " TRUE ", True),
        (IMAGES, "https://host.example/a,b.png", ("https://host.example/a,b.png",)),
        (IMAGES, "data:image/png;base64,AA", ("data:image/png;base64,AA",)),
        (IMAGES, '["a.png", "b.png"]', ("a.png", "b.png")),
        (IMAGES, " []", ()),
        (PARAMS, "{}", {}),
        (
            PARAMS,
            ' {"a": [1, null], "b": {"c": "画"}}\n',
            {"a": [1, None], "b": {"c": "画"}},
        ),
    ],
)
def test_parse_field_gives_the_typed_value(
    info: FieldInfo, text: str, value: object
) -> None:
    """Text becomes a value of the field's own type, never of a near one."""
    parsed = parse_field(info, text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("info", "text"),
    [
        (SEED, ""),
        (SEED, "7.0"),
        (SEED, "1e3"),
        (SEED, "1_000"),
        (SEED, "٧"),
        (SEED, "seven"),
        pytest.param(SEED, "9" * 5000, id="seed-huge"),
        (CHECKER, "1"),
        (CHECKER, "yes"),
        (CHECKER, ""),
        (IMAGES, "[1]"),
        (IMAGES, "['a.png']"),
        pytest.param(IMAGES, "[" * 100_000, id="images-deep"),
        (PARAMS, ""),
        (PARAMS, "a=1"),
        (PARAMS, "[1]"),
        (PARAMS, "null"),
        (PARAMS, "{'a': 1}"),
        pytest.param(PARAMS, '{"a": %s}' % ("9" * 5000), id="params-huge"),
        pytest.param(PARAMS, '{"a":' * 100_000, id="params-deep"),
    ],
)
def test_parse_field_refuses_text_of_another_type(info: FieldInfo, text: str) -> None:
    """One problem names the field, what was given, and what is allowed."""
    with pytest.raises(InvalidRequestError) as caught:
        parse_field(info, text)
    (problem,) = caught.value.problems
    assert problem.field == info.name
    assert len(str(caught.value)) < 400


def test_parse_field_leaves_ranges_to_the_request() -> None:
    """A number out of range is a number; making the request reports it."""
    width = cast("int", parse_field(field("flux-2-pro", "width"), "9"))
    with pytest.raises(InvalidRequestError, match="256 to 1440"):
        Flux2Pro("p", width=width, height=512)
