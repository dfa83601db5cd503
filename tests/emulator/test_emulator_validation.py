"""Which creates the documentation allows, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from liangxin_async.emulator import Scenario
from liangxin_async.emulator._dialect import Draft
from liangxin_async.emulator._drafting import draft as drafted
from liangxin_async.emulator._liangxin import LIANGXIN
from liangxin_async.emulator._liangxin_models import MODELS, problem_with

BANANAS = ("nano-banana-pro", "nano-banana-pro-flash")
PNG = "https://example.com/a.png"
RATIOS = ("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "21:9")


def draft(content_type: str, raw: bytes) -> Draft:
    """Read a create as LiangXin's route does."""
    return drafted(LIANGXIN, content_type, raw, Scenario())


def body(model: str, **fields: Any) -> dict[str, Any]:
    """Return a create with a prompt and these fields."""
    return {"model": model, "input": {"prompt": "pp", **fields}}


GOOD = [
    *[(model, {}) for model in MODELS],
    ("z-image", {"image_size": "anything", "aspect_ratio": "16:9", "seed": 0}),
    ("z-image", {"seed": -5, "num_inference_steps": 900, "output_format": "webp"}),
    ("z-image", {"enable_safety_checker": False, "unheard_of": [1]}),
    *[("seedream-v4-5", {"aspect_ratio": r}) for r in RATIOS],
    ("seedream-v4-5", {"aspect_ratio": "cinematic_21_9", "seed": 2**40}),
    ("imagen4-ultra", {"aspect_ratio": "classic_4_3", "seed": 1}),
    ("imagen4-ultra", {"compression_quality": 100, "output_format": "image/jpeg"}),
    ("imagen4-ultra", {"language": "zh-CN", "person_generation": "allow_all"}),
    ("imagen4-ultra", {"safety_settings": "block_none", "enhance_prompt": True}),
    *[(m, {"image_input": [PNG, PNG], "reference_images": [PNG]}) for m in BANANAS],
    *[(m, {"resolution": "high", "output_format": "png"}) for m in BANANAS],
    *[(m, {"aspect_ratio": "some_alias"}) for m in BANANAS],
    ("nano-banana-pro", {"image_input": ["data:image/webp;base64,AAAA"]}),
    ("nano-banana-pro", {"image_input": ["https://example.com/A.JPEG?x=1"]}),
    ("nano-banana-pro-flash", {"use_google_search_tool": True}),
    ("flux-2-pro", {"width": 256, "height": 1440}),
    ("flux-2-pro", {"input_image": PNG, "reference_images": [PNG] * 3}),
    ("flux-2-pro", {"aspect_ratio": "21:9", "prompt_upsampling": False}),
    ("kling-v3-pro", {"anything": {"goes": 1}}),
]


@pytest.mark.parametrize(("model", "fields"), GOOD)
def test_create_within_documentation_is_good(
    model: str, fields: dict[str, Any]
) -> None:
    """What no page forbids passes, upstream hints included."""
    assert problem_with(body(model, **fields)) is None


BAD = [
    ("z-image", {"seed": "7"}, "input.seed must be an integer"),
    ("z-image", {"seed": True}, "input.seed must be an integer"),
    ("z-image", {"seed": 1.0}, "input.seed must be an integer"),
    ("z-image", {"seed": None}, "input.seed must be an integer"),
    ("z-image", {"image_size": 1}, "input.image_size must be a string"),
    ("z-image", {"enable_safety_checker": 1}, "must be a boolean"),
    ("z-image", {"prompt": ""}, "input.prompt is required"),
    ("z-image", {"prompt": "  \n"}, "input.prompt is required"),
    ("z-image", {"prompt": None}, "input.prompt is required"),
    ("z-image", {"prompt": 5}, "input.prompt must be a string"),
    ("seedream-v4-5", {"aspect_ratio": "5:4"}, "input.aspect_ratio must be one of"),
    ("imagen4-ultra", {"aspect_ratio": "21:9"}, "input.aspect_ratio must be one of"),
    ("imagen4-ultra", {"seed": 0}, "input.seed must be at least 1"),
    ("imagen4-ultra", {"compression_quality": 0}, "must be at least 1"),
    ("imagen4-ultra", {"compression_quality": 101}, "must be at most 100"),
    ("imagen4-ultra", {"language": "fr"}, "input.language must be one of"),
    ("imagen4-ultra", {"output_format": "webp"}, "must be one of"),
    ("imagen4-ultra", {"safety_settings": "none"}, "must be one of"),
    ("imagen4-ultra", {"person_generation": "x"}, "must be one of"),
    *[(m, {"prompt": "x"}, "2 to 3000 characters") for m in BANANAS],
    *[(m, {"prompt": "x" * 3001}, "2 to 3000 characters") for m in BANANAS],
    *[(m, {"image_input": [PNG] * 4}, "together hold at most 3") for m in BANANAS],
    *[
        (m, {"image_input": [PNG] * 2, "reference_images": [PNG] * 2}, "at most 3")
        for m in BANANAS
    ],
    *[(m, {"image_input": ["https://x/a.gif"]}, "must end in .png") for m in BANANAS],
    *[(m, {"image_input": PNG}, "must be a list of strings") for m in BANANAS],
    *[(m, {"image_input": [1]}, "must be a list of strings") for m in BANANAS],
    *[(m, {"output_format": "jpeg"}, "must be one of png") for m in BANANAS],
    *[(m, {"resolution": "8K"}, "must be one of 1K") for m in BANANAS],
    *[(m, {"aspect_ratio": "7:3"}, "must be one of 1:1") for m in BANANAS],
    ("nano-banana-pro-flash", {"use_google_search_tool": "yes"}, "a boolean"),
    ("flux-2-pro", {"width": 512}, "must be given together"),
    ("flux-2-pro", {"height": 512}, "must be given together"),
    ("flux-2-pro", {"width": 255, "height": 512}, "must be at least 256"),
    ("flux-2-pro", {"width": 512, "height": 1441}, "must be at most 1440"),
    ("flux-2-pro", {"aspect_ratio": "5:4"}, "must be one of"),
    ("flux-2-pro", {"aspect_ratio": "square_1_1"}, "must be one of"),
    ("flux-2-pro", {"input_image": PNG, "reference_images": [PNG] * 4}, "at most 4"),
]


@pytest.mark.parametrize(("model", "fields", "words"), BAD)
def test_create_outside_documentation_is_named(
    model: str, fields: dict[str, Any], words: str
) -> None:
    """What a page forbids is refused with the field's name."""
    problem = problem_with(body(model, **fields))
    assert problem is not None
    assert words in problem


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "invalid request body"),
        ({}, "model is required"),
        ({"model": "", "input": {"prompt": "p"}}, "model is required"),
        ({"model": None, "input": {"prompt": "p"}}, "model must be a string"),
        ({"model": "dall-e", "input": {"prompt": "p"}}, "unsupported model: dall-e"),
        ({"model": "z-image"}, "input.prompt is required"),
        ({"model": "z-image", "input": "p"}, "input must be an object"),
        ({"model": "z-image", "prompt": "p"}, "input.prompt is required"),
        ({**body("z-image"), "callBackUrl": "http://x.example"}, "callBackUrl must"),
        ({**body("z-image"), "callBackUrl": "https://"}, "callBackUrl must"),
        ({**body("z-image"), "callBackUrl": None}, "callBackUrl must"),
    ],
)
def test_create_of_wrong_shape_is_named(data: Any, words: str) -> None:
    """The outer fields are checked too."""
    assert words in str(problem_with(data))


def test_create_of_extra_model_is_good() -> None:
    """A scenario may name further models; of them only the prompt is checked."""
    assert problem_with(body("new-one", any=1), ("new-one",)) is None
    problem = problem_with({"model": "new-one", "input": {}}, ("new-one",))
    assert problem == "input.prompt is required"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"model": NaN}',
        b"[" * 100_000,
        b'"text"',
        b'{"a":' * 990 + b"1" + b"}" * 990,
    ],
    ids=["empty", "cut", "bytes", "nan", "deep", "text", "deep object"],
)
def test_draft_of_broken_body_is_refused(raw: bytes) -> None:
    """Whatever comes in ends in a 400 of form A, never in an exception."""
    denial = draft("application/json", raw).denial
    assert denial is not None
    answer = LIANGXIN.deny(denial, Scenario())
    assert answer.status == 400
    assert answer.payload is not None
    assert answer.payload["code"] == 400


def test_draft_of_other_content_type_is_refused() -> None:
    """The documentation asks for application/json."""
    raw = b'{"model":"z-image","input":{"prompt":"p"}}'
    assert draft("application/json", raw).denial is None
    assert draft("text/plain", raw).denial is not None


def test_draft_key_is_canonical() -> None:
    """Key order and callBackUrl do not change a request's key."""
    one = draft("application/json", b'{"model":"m","input":{"a":1,"b":2}}')
    two = draft(
        "application/json",
        b'{"input":{"b":2,"a":1},"callBackUrl":"https://x.y","model":"m"}',
    )
    assert one.key == two.key == '{"input":{"a":1,"b":2},"model":"m"}'
