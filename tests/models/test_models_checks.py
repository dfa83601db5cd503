"""Which values are refused when a typed request is made, rule by rule."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import pytest

from liangxin_async._errors import InvalidRequestError, LiangxinError
from liangxin_async.models import (
    Flux2Pro,
    Imagen4Ultra,
    NanoBananaPro,
    NanoBananaProFlash,
    Request,
    SeedreamV45,
    ZImage,
)

ALL = [
    ZImage,
    SeedreamV45,
    Imagen4Ultra,
    NanoBananaPro,
    NanoBananaProFlash,
    Flux2Pro,
]
NANO = [NanoBananaPro, NanoBananaProFlash]
HUGE = 10**5000  # more digits than CPython writes


def make(cls: Callable[..., Request], **values: Any) -> Request:
    """Make a request of untyped values, with a good prompt unless one is given."""
    return cls(**{"prompt": "a cafe terrace", **values})


def refused(cls: Callable[..., Request], **values: Any) -> list[str]:
    """Return the fields that the refusal names, in order."""
    with pytest.raises(InvalidRequestError) as caught:
        make(cls, **values)
    assert all(str(problem) in str(caught.value) for problem in caught.value.problems)
    return [problem.field for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt", 3),
        ("prompt", b"text"),
        ("prompt", None),
        ("prompt", ""),
        ("prompt", "lone \ud800 surrogate"),
        ("image_size", 512),
        ("image_size", ["square"]),
        ("aspect_ratio", 1.5),
        ("output_format", True),
        ("seed", "7"),
        ("seed", 7.0),
        ("seed", True),
        pytest.param("seed", HUGE, id="seed-huge"),
        ("num_inference_steps", False),
        ("num_inference_steps", [28]),
        ("enable_safety_checker", 1),
        ("enable_safety_checker", "true"),
        ("enable_safety_checker", 0.0),
    ],
)
def test_type_of_a_field_is_strict(field: str, value: object) -> None:
    """A value of another type is refused, also where Python would convert it."""
    assert refused(ZImage, **{field: value}) == [f"input.{field}"]


@pytest.mark.parametrize(
    ("cls", "field", "good", "bad"),
    [
        (Imagen4Ultra, "seed", [1, 2, 2**32, 10**30], [0, -1, HUGE]),
        (Imagen4Ultra, "compression_quality", [1, 2, 50, 99, 100], [0, 101, -5]),
        (Flux2Pro, "seed", [-1, 0, 2**40], [HUGE]),
        (SeedreamV45, "seed", [-1, 0, 2**40], [HUGE]),
        (ZImage, "seed", [-1, 0, 2**40], [HUGE]),
        (ZImage, "num_inference_steps", [0, 1, 28, 51, 10**6], [HUGE]),
    ],
)
def test_integer_range_is_that_of_the_table(
    cls: type[Request], field: str, good: list[int], bad: list[int]
) -> None:
    """Both ends and the middle pass, one beyond is refused, unstated ends are free."""
    for value in good:
        assert make(cls, **{field: value}).fields()[field] == value
    for value in bad:
        assert refused(cls, **{field: value}) == [f"input.{field}"]


@pytest.mark.parametrize(
    ("cls", "field", "good", "bad"),
    [
        (
            SeedreamV45,
            "aspect_ratio",
            ["1:1", "21:9", "2:3", "square_1_1", "cinematic_21_9", "portrait_2_3"],
            ["5:4", "square", "1:1 ", "SQUARE_1_1", "", "square_hd"],
        ),
        (
            Imagen4Ultra,
            "aspect_ratio",
            ["square_1_1", "classic_4_3", "1:1", "4:3", "9:16"],
            ["21:9", "3:2", "cinematic_21_9", "standard_3_2", ""],
        ),
        (
            Imagen4Ultra,
            "person_generation",
            ["dont_allow", "allow_adult", "allow_all"],
            ["allow_none", "Allow_All", ""],
        ),
        (
            Imagen4Ultra,
            "safety_settings",
            ["block_low_and_above", "block_none"],
            ["block_all", ""],
        ),
        (Imagen4Ultra, "language", ["auto", "zh", "zh-CN", "es"], ["zh-cn", "fr"]),
        (
            Imagen4Ultra,
            "output_format",
            ["png", "jpg", "jpeg", "image/png", "image/jpeg"],
            ["webp", "image/jpg", "PNG"],
        ),
        (NanoBananaPro, "output_format", ["png"], ["jpg", "PNG", ""]),
        (NanoBananaPro, "resolution", ["1K", "2K", "4K", "low", "high"], ["8K", "1k"]),
        (NanoBananaProFlash, "resolution", ["1K", "4K", "medium"], ["2k", "3K", ""]),
        (Flux2Pro, "aspect_ratio", ["1:1", "21:9"], ["5:4", "square_1_1", ""]),
        (ZImage, "aspect_ratio", ["16:9", "7:3", "anything"], []),
        (ZImage, "image_size", ["square_hd", "huge", "1024x1024"], []),
        (ZImage, "output_format", ["png", "tiff"], []),
    ],
)
def test_enumeration_is_that_of_the_table(
    cls: type[Request], field: str, good: list[str], bad: list[str]
) -> None:
    """Listed values and aliases are sent as written; unlisted fields take any text."""
    for value in good:
        assert make(cls, **{field: value}).fields()[field] == value
    for value in bad:
        assert refused(cls, **{field: value}) == [f"input.{field}"]


@pytest.mark.parametrize("cls", NANO)
def test_nano_banana_aspect_ratio_is_open_for_names_only(cls: type[Request]) -> None:
    """A ratio must be listed, since the list is; other words are the unlisted aliases."""
    for value in ("1:1", "5:4", "21:9", "auto", "square_1_1", "widescreen"):
        assert make(cls, aspect_ratio=value).fields()["aspect_ratio"] == value
    for value in ("7:3", "1:2", "16:90", "", " ", "1:1 ", "two words"):
        assert refused(cls, aspect_ratio=value) == ["input.aspect_ratio"]


@pytest.mark.parametrize("cls", NANO)
def test_nano_banana_prompt_length_has_both_ends(cls: type[Request]) -> None:
    """2 to 3000 characters, counted as characters and not as bytes."""
    for length in (2, 3, 1500, 2999, 3000):
        assert make(cls, prompt="画" * length).prompt == "画" * length
    for length in (0, 1, 3001, 100_000):
        assert refused(cls, prompt="画" * length) == ["input.prompt"]


@pytest.mark.parametrize("cls", [ZImage, SeedreamV45, Imagen4Ultra, Flux2Pro])
def test_upstream_prompt_length_is_not_enforced(cls: type[Request]) -> None:
    """The upstream's 4096 characters are a hint: the service states no limit."""
    assert len(make(cls, prompt="x" * 10_000).prompt or "") == 10_000


def test_upstream_rule_of_imagen_is_not_enforced() -> None:
    """A seed next to enhance_prompt passes: only the upstream speaks against it."""
    request = Imagen4Ultra("p", seed=7, enhance_prompt=True)
    assert request.fields() == {"prompt": "p", "seed": 7, "enhance_prompt": True}


def test_z_image_takes_size_and_ratio_together() -> None:
    """Both are sent: the service lets image_size win, and calls it no error."""
    request = ZImage("p", image_size="square", aspect_ratio="16:9")
    assert request.fields()["image_size"] == "square"
    assert request.fields()["aspect_ratio"] == "16:9"


@pytest.mark.parametrize("cls", NANO)
@pytest.mark.parametrize(
    "image",
    [
        "https://host.example/a.png",
        "http://host.example/a.jpg",
        "https://host.example/deep/a.b.jpeg",
        "https://host.example/a.WEBP",
        "HTTPS://HOST.EXAMPLE/A.PNG",
        "https://host.example/a.png?signature=abc&x=.gif",
        "data:image/png;base64,iVBORw0KGgo=",
        "data:image/jpeg;base64,/9j/",
        "data:image/jpg;base64,/9j/",
        "DATA:image/WebP;base64,UklGRg==",
        "data:image/png,%89PNG",
    ],
)
def test_nano_banana_reference_is_taken(cls: type[Request], image: str) -> None:
    """URLs by their ending, a query may follow; data URIs by their type."""
    request = make(cls, image_input=[image])
    assert request.fields()["image_input"] == [image]


@pytest.mark.parametrize("cls", NANO)
@pytest.mark.parametrize(
    "image",
    [
        "",
        "a.png",
        "/pictures/a.png",
        "ftp://host.example/a.png",
        "file:///a.png",
        "https:///a.png",
        "https://host.example/a.gif",
        "https://host.example/a",
        "https://host.example/a?file=a.png",
        "https://[broken/a.png",
        "https://host.png",
        "data:image/gif;base64,R0lG",
        "data:text/plain,a.png",
        "data:image/pngx;base64,AA",
        "data:image/png;base64",
    ],
)
def test_nano_banana_reference_is_refused(cls: type[Request], image: str) -> None:
    """What is no URL of such a picture is refused, and named with its position."""
    good = "https://host.example/a.png"
    fields = refused(cls, reference_images=[good, image])
    assert fields == ["input.reference_images[1]"]


@pytest.mark.parametrize("cls", NANO)
def test_nano_banana_shares_one_limit_of_three_references(cls: type[Request]) -> None:
    """Three in both lists together, however they are divided; four are refused once."""
    images = [f"https://host.example/{number}.png" for number in range(4)]
    for cut in range(4):
        make(cls, image_input=images[:cut], reference_images=images[cut:3])
    for cut in range(1, 4):
        parts = {"image_input": images[:cut], "reference_images": images[cut:]}
        assert refused(cls, **parts) == ["input.reference_images"]
    assert refused(cls, image_input=images) == ["input.image_input"]
    assert refused(cls, reference_images=images) == ["input.reference_images"]


def test_flux_takes_width_and_height_together_or_not_at_all() -> None:
    """One alone is refused with the name of the missing one, right or wrong itself."""
    make(Flux2Pro)
    make(Flux2Pro, width=1024, height=768)
    make(Flux2Pro, width=1024, height=768, aspect_ratio="4:3")
    assert refused(Flux2Pro, width=1024) == ["input.height"]
    assert refused(Flux2Pro, height=768) == ["input.width"]
    assert refused(Flux2Pro, height=1) == ["input.height", "input.width"]
    assert refused(Flux2Pro, width="big") == ["input.width", "input.height"]


@pytest.mark.parametrize("size", [256, 257, 800, 1439, 1440])
def test_flux_size_in_range_passes(size: int) -> None:
    """256 to 1440, both ends included."""
    request = Flux2Pro("p", width=size, height=1696 - size)
    assert request.fields() == {"prompt": "p", "width": size, "height": 1696 - size}


@pytest.mark.parametrize("size", [-256, 0, 255, 1441, 512.0, True])
def test_flux_size_out_of_range_is_refused(size: object) -> None:
    """One pixel beyond is refused, in either direction."""
    assert refused(Flux2Pro, width=size, height=512) == ["input.width"]
    assert refused(Flux2Pro, width=512, height=size) == ["input.height"]


@pytest.mark.parametrize("singles", range(5))
def test_flux_shares_one_limit_of_four_references(singles: int) -> None:
    """Single fields and the list together hold four; five are refused once."""
    names = ["input_image", "input_image_2", "input_image_3", "input_image_4"]
    given = {name: f"https://host.example/{name}" for name in names[:singles]}
    room = 4 - singles
    make(Flux2Pro, **given, reference_images=["https://host.example/x"] * room)
    over = ["https://host.example/x"] * (room + 1)
    assert refused(Flux2Pro, **given, reference_images=over) == [
        "input.reference_images"
    ]


def test_flux_references_are_not_judged_by_their_ending() -> None:
    """The rule on endings is stated for Nano Banana only."""
    request = Flux2Pro("p", input_image="https://host.example/a")
    assert request.fields()["input_image"] == "https://host.example/a"


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        ("https://host.example/a.png", ["input.image_input"]),
        ({"https://host.example/a.png"}, ["input.image_input"]),
        (7, ["input.image_input"]),
        ([7], ["input.image_input[0]"]),
        ([None, "https://host.example/a.png", b"x"], None),
        (["https://host.example/\ud800.png"], ["input.image_input[0]"]),
    ],
)
def test_list_field_takes_lists_and_tuples_of_text_only(
    value: object, fields: list[str] | None
) -> None:
    """One string is no list, a set has no order, and each item must be text."""
    expected = fields or ["input.image_input[0]", "input.image_input[2]"]
    assert refused(NanoBananaPro, image_input=value) == expected


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize(
    "url",
    [
        "http://bot.example/done",
        "bot.example/done",
        "https://",
        "https:///done",
        "https://[broken/done",
        "https://bot.example:port/done",
        "https://bot.example/a b",
        "https://bot.example/\n",
        "https://bot.example/\ud800",
        "",
        7,
    ],
)
def test_callback_url_must_be_https(cls: type[Request], url: object) -> None:
    """The service demands a public HTTPS URL, so nothing else is accepted."""
    assert refused(cls, callback_url=url) == ["callBackUrl"]


@pytest.mark.parametrize("cls", ALL)
def test_callback_url_is_kept_beside_the_fields(cls: type[Request]) -> None:
    """It is an attribute of the request and no part of the input."""
    request = make(cls, callback_url="https://bot.example:8443/done?x=1")
    assert request.callback_url == "https://bot.example:8443/done?x=1"
    assert request.fields() == {"prompt": "a cafe terrace"}
    assert make(cls).callback_url is None


def test_one_error_lists_every_problem_in_field_order() -> None:
    """All that is wrong is told at once, with what was given and what is allowed."""
    with pytest.raises(InvalidRequestError) as caught:
        make(
            Imagen4Ultra,
            callback_url="ftp://bot.example",
            prompt="",
            aspect_ratio="21:9",
            language="fr",
            seed=0,
            enhance_prompt="yes",
            compression_quality=101,
        )
    error = caught.value
    assert [(problem.field, problem.given) for problem in error.problems] == [
        ("callBackUrl", "'ftp://bot.example/…'"),
        ("input.prompt", "'' (0 characters)"),
        ("input.aspect_ratio", "'21:9'"),
        ("input.seed", "0"),
        ("input.enhance_prompt", "'yes'"),
        ("input.language", "'fr'"),
        ("input.compression_quality", "101"),
    ]
    allowed = {problem.field: problem.allowed for problem in error.problems}
    assert allowed["input.prompt"] == "a string of 1 or more characters"
    assert allowed["input.seed"] == "an integer of 1 or more"
    assert allowed["input.compression_quality"] == "an integer of 1 to 100"
    assert "square_1_1" in allowed["input.aspect_ratio"]
    assert "or an alias: 1:1, 9:16, 16:9" in allowed["input.aspect_ratio"]
    assert "imagen4-ultra" in str(error)


def test_error_is_ours_costs_nothing_and_is_a_value_error() -> None:
    """A refused request was never sent, and plain `except ValueError` catches it."""
    with pytest.raises(InvalidRequestError) as caught:
        ZImage("")
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, LiangxinError)
    assert caught.value.charged == "no"


def test_error_can_be_printed_whatever_was_given() -> None:
    """Huge numbers, surrogates and pages of text end in one short printable line."""
    with pytest.raises(InvalidRequestError) as caught:
        make(Imagen4Ultra, prompt="\ud800" * 9999, seed=-HUGE, language="x" * 10**6)
    for line in str(caught.value).encode().splitlines():
        assert len(line) < 500


def test_error_holds_no_secret_of_a_url() -> None:
    """Path of a callback, password and query of any URL are not repeated."""
    with pytest.raises(InvalidRequestError) as caught:
        make(
            NanoBananaPro,
            callback_url="http://user:canary@bot.example/canary?canary",
            image_input=["https://user:canary@host.example/a.gif?sig=canary"],
        )
    assert "canary" not in str(caught.value)
    assert "canary" not in repr(caught.value.problems)
    assert "bot.example" in str(caught.value)
    assert "host.example/a.gif" in str(caught.value)


def test_unknown_keyword_is_a_type_error() -> None:
    """A misspelt name is an error of the program, found by type checkers too."""
    with pytest.raises(TypeError, match="sead"):
        make(ZImage, sead=7)
    untyped: Any = ZImage
    with pytest.raises(TypeError, match="positional"):
        untyped("p", 7)


class Ratio(StrEnum):
    WIDE = "16:9"


def test_enum_members_that_are_text_pass() -> None:
    """A member of a `str` enumeration is text, and is judged by its text."""
    assert make(SeedreamV45, aspect_ratio=Ratio.WIDE).fields()["aspect_ratio"] == "16:9"
