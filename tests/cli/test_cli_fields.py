"""Options of `generate` become the fields of a request."""

from __future__ import annotations

from typing import Any

import pytest

from liangxin_async import InvalidRequestError
from liangxin_async.cli._args import parse
from liangxin_async.cli._errors import UsageError
from liangxin_async.cli._fields import make_request
from liangxin_async.models import (
    Generic,
    NanoBanana2Lite,
    Request,
    ZImage,
    ZImageTurbo,
)


def made(*line: str) -> Request:
    args = parse(["generate", *line])
    return make_request(
        args.model, args.prompt, args.fields, callback_url=args.callback_url
    )


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (["z-image", "p", "--seed", "7"], {"seed": 7}),
        (["--seed", "-7", "z-image", "p"], {"seed": -7}),
        (["z-image", "--seed=7", "p"], {"seed": 7}),
        (["z-image", "p", "--aspect-ratio", "16:9"], {"aspect_ratio": "16:9"}),
        (["z-image", "p", "--aspect_ratio", "16:9"], {"aspect_ratio": "16:9"}),
        (["z-image", "p", "--input.aspect_ratio=16:9"], {"aspect_ratio": "16:9"}),
        (
            ["z-image", "p", "--enable-safety-checker"],
            {"enable_safety_checker": True},
        ),
        (
            ["z-image", "p", "--enable-safety-checker", "False", "--seed", "1"],
            {"enable_safety_checker": False, "seed": 1},
        ),
        (["z-image", "p", "-o", "out", "--json", "--timeout", "3"], {}),
    ],
)
def test_fields_of_a_known_model(line: list[str], fields: dict[str, Any]) -> None:
    """Each value has its field's type, in either spelling and at any place."""
    assert made(*line).fields() == {"prompt": "p", **fields}
    assert isinstance(made(*line), ZImage)


def test_fields_list_is_given_item_by_item() -> None:
    """A list takes its option once for each item, or JSON."""
    one, two = "https://a.example/1.png", "https://a.example/2.png"
    separate = made("nano-banana-pro", "pp", "--image-input", one, "--image-input", two)
    assert separate.fields()["image_input"] == [one, two]
    together = made("nano-banana-pro", "pp", "--image-input", f'["{one}", "{two}"]')
    assert together == separate


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        (
            ["z-image-turbo", "p", "--size", "1024x768", "--seed", "7"],
            ZImageTurbo("p", size="1024x768", seed=7),
        ),
        (
            ["z-image-turbo", "p", "--nsfw-check", "--size=16:9"],
            ZImageTurbo("p", size="16:9", nsfw_check=True),
        ),
        (
            ["z-image-turbo", "p", "--nsfw_check", "false", "--seed", "1"],
            ZImageTurbo("p", seed=1, nsfw_check=False),
        ),
        (
            [
                *("gemini-3.1-flash-lite-image", "p", "--image-urls", "a"),
                *("--image-urls", "b", "--model-params", '{"a": {"b": [1]}}'),
            ],
            NanoBanana2Lite("p", image_urls=["a", "b"], model_params={"a": {"b": [1]}}),
        ),
        (
            ["gpt-image-2", "p", "--size", "1024x1024", "--n", "2"],
            Generic("gpt-image-2", {"prompt": "p", "size": "1024x1024", "n": 2}),
        ),
    ],
)
def test_fields_of_evolink_have_bare_names(line: list[str], request_: Request) -> None:
    """Its parameters are flat, so the options are; an object is given as JSON."""
    assert made(*line) == request_
    url = "https://bot.example/x"
    assert made(*line, "--callback-url", url).callback_url == url


def test_object_that_is_no_json_object_is_refused() -> None:
    """With what it must be, next to everything else that is wrong."""
    with pytest.raises(InvalidRequestError) as caught:
        made(
            *("gemini-3.1-flash-lite-image", "p", "--model-params", "a=1"),
            *("--callback-url", "https://10.0.0.1/secret-path"),
        )
    told = [(problem.field, problem.allowed) for problem in caught.value.problems]
    assert told[0] == ("model_params", "a JSON object (a mapping)")
    assert told[1][0] == "callback_url"
    assert "secret-path" not in str(caught.value)


@pytest.mark.parametrize("model", ["z-image", "z-image-turbo", "gpt-image-2", "new"])
@pytest.mark.parametrize("name", ["--callBackUrl", "--callback_url"])
def test_callback_is_no_field_under_the_services_names(model: str, name: str) -> None:
    """It has one option for all, and must not end up among the fields unseen."""
    with pytest.raises(UsageError, match=f"{name} is no field") as caught:
        made(model, "p", name, "https://bot.example/x")
    assert caught.value.advice == ("the callback is given as --callback-url URL",)


def test_callback_by_a_dotted_path_is_a_field() -> None:
    """Who writes the path in full means that place of an undescribed model's input."""
    request = made("new-model", "p", "--input.callback_url", "x")
    assert request.fields() == {"prompt": "p", "callback_url": "x"}


def test_fields_of_an_unknown_model_are_json_or_text() -> None:
    """A value that is JSON is sent as that, all else as text; names as given."""
    request = made(
        *("new-model", "7", "--size", '{"width": 1}', "--n", "2", "--mood", "dark red"),
        *("--nan", "NaN", "--flag", "--input.timeout", "5", "--input.a-b", "null"),
    )
    assert isinstance(request, Generic)
    assert request.fields() == {
        "prompt": "7",
        "size": {"width": 1},
        "n": 2,
        "mood": "dark red",
        "nan": "NaN",
        "flag": True,
        "timeout": 5,
        "a-b": None,
    }


def test_fields_of_a_model_known_by_name_pass_through() -> None:
    """A model without a table takes any field."""
    assert made("imagen4-fast", "p", "--seed", "0").fields()["seed"] == 0


def test_prompt_after_two_dashes_may_look_like_an_option() -> None:
    """What follows `--` is never an option."""
    assert made("z-image", "--seed", "1", "--", "--json").prompt == "--json"
    assert made("z-image", "--a prompt with spaces").prompt == "--a prompt with spaces"


def test_unknown_field_names_the_close_one_and_all_fields() -> None:
    """One error: what is unknown, what was probably meant, what there is."""
    with pytest.raises(UsageError) as caught:
        made("z-image", "p", "--sed", "7", "--timout", "3", "--zzz", "1")
    assert str(caught.value) == (
        "z-image has no field --sed (did you mean --seed?), "
        "--timout (did you mean --timeout?), --zzz"
    )
    assert caught.value.advice[0] == (
        "its fields are --image-size, --aspect-ratio, --seed, --num-inference-steps, "
        "--output-format, --enable-safety-checker"
    )


def test_wrong_values_are_all_told_at_once() -> None:
    """Values that do not parse and values out of range are in one error."""
    with pytest.raises(InvalidRequestError) as caught:
        made(
            *("imagen4-ultra", "p", "--seed", "0", "--enhance-prompt", "maybe"),
            *("--compression-quality", "high"),
        )
    assert [problem.field for problem in caught.value.problems] == [
        "input.seed",
        "input.enhance_prompt",
        "input.compression_quality",
    ]
    assert "1 to 100" in str(caught.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["z-image", "p", "--seed"], "--seed: a value must follow"),
        (["z-image", "p", "--seed", "--json"], "--seed: a value must follow"),
        (["z-image", "p", "--seed", "1", "--seed", "2"], "more than once: --seed"),
        (["z-image", "p", "--prompt", "q"], "more than once: --prompt"),
        (["new-model", "p", "--a-b", "1", "--a_b", "2"], "more than once: --a-b"),
        (["z-image"], "required: PROMPT"),
        (["z-image", "p", "--timeout", "-1"], "'-1' is no number of seconds"),
        (["z-image", "p", "--timeout", "nan"], "'nan' is no number of seconds"),
    ],
)
def test_lines_that_cannot_be_meant(line: list[str], words: str) -> None:
    """Doubtful lines are refused: a create costs money."""
    with pytest.raises(UsageError, match=words):
        made(*line)


def test_callback_url_is_checked() -> None:
    """--callback-url goes to the top level, and must be https."""
    url = "https://bot.example/secret-path"
    assert made("z-image", "p", "--callback-url", url).callback_url == url
    with pytest.raises(InvalidRequestError) as caught:
        made("z-image", "p", "--callback-url", "http://bot.example/secret-path")
    assert "secret-path" not in str(caught.value)
