"""Which EvoLink creates the documentation allows, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from liangxin_async.emulator import Scenario
from liangxin_async.emulator._drafting import draft
from liangxin_async.emulator._evolink import EVOLINK
from liangxin_async.emulator._evolink_models import MODELS, problem_with

TURBO, LITE = "z-image-turbo", "gemini-3.1-flash-lite-image"
HOOK = "https://example.com/"
RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9", "1:2", "2:1")
PNG = "https://example.com/a.png"


def body(model: str, **fields: Any) -> dict[str, Any]:
    """Return a create with a prompt and these fields."""
    return {"model": model, "prompt": "p", **fields}


GOOD = [
    *[(model, {"size": "1:1", "callback_url": HOOK}) for model in MODELS],
    *[(TURBO, {"size": size}) for size in (*RATIOS, "376x1536", "1024x768")],
    *[(TURBO, {"seed": seed}) for seed in (1, 2_147_483_647)],
    (TURBO, {"prompt": "x" * 2000, "nsfw_check": True, "unheard_of": None}),
    (TURBO, {"callback_url": HOOK + "x" * (2048 - len(HOOK))}),
    (TURBO, {"callback_url": "https://8.8.8.8:8443/hook?a=b"}),
    (LITE, {"size": "auto", "quality": "1K", "model_params": {"a": 1}}),
    (LITE, {"size": "21:9", "image_urls": [PNG] * 14, "prompt": "x" * 9000}),
    ("gpt-image-2", {"size": "anything", "quality": 3}),
]


@pytest.mark.parametrize(("model", "fields"), GOOD)
def test_create_within_documentation_is_good(
    model: str, fields: dict[str, Any]
) -> None:
    """What no page forbids passes."""
    assert problem_with(body(model, **fields)) is None


INTERNAL = (
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *(
        "169.254.169.254",
        "0.0.0.0",
        "[::1]",
        "[fd00::1]",
        "[::ffff:10.0.0.1]",
    ),  # addresses to refuse
    *("localhost", "LOCALHOST.", "db.localhost", "printer.local", "vault.internal"),
)
BAD = [
    (TURBO, {"prompt": "x" * 2001}, "prompt"),
    (TURBO, {"prompt": None}, "prompt"),
    (TURBO, {"prompt": 5}, "prompt"),
    *[(TURBO, {"size": size}, "size") for size in ("21:9", "auto", "1024", "", 5)],
    *[
        (TURBO, {"size": size}, "size")
        for size in ("375x1024", "1024x1537", "1024X768", "1024x768x1", "-5x400")
    ],
    *[(TURBO, {"seed": s}, "seed") for s in (0, 2_147_483_648, "7", 1.0, True, None)],
    (TURBO, {"nsfw_check": 1}, "nsfw_check"),
    (LITE, {"size": "1:2"}, "size"),
    (LITE, {"quality": "2K"}, "quality"),
    (LITE, {"image_urls": [PNG] * 15}, "image_urls"),
    (LITE, {"image_urls": PNG}, "image_urls"),
    (LITE, {"image_urls": [1]}, "image_urls"),
    (LITE, {"model_params": []}, "model_params"),
    ("gpt-image-2", {"prompt": 1}, "prompt"),
    ("gpt-image-2", {"size": 1}, "size"),
    *[
        ("gpt-image-1.5", {"callback_url": url}, "callback_url")
        for url in ("http://example.com/", "ftp://example.com", "https://", "x", 5)
    ],
    (TURBO, {"callback_url": None}, "callback_url"),
    (TURBO, {"callback_url": "https://[bad/"}, "callback_url"),
    (TURBO, {"callback_url": HOOK + "x" * (2049 - len(HOOK))}, "callback_url"),
    *[
        (TURBO, {"callback_url": f"https://{host}/hook"}, "callback_url")
        for host in INTERNAL
    ],
]


@pytest.mark.parametrize(("model", "fields", "name"), BAD)
def test_create_outside_documentation_is_named(
    model: str, fields: dict[str, Any], name: str
) -> None:
    """What a page forbids is refused with the field's name."""
    problem = problem_with(body(model, **fields))
    assert problem is not None
    assert (problem.reason, problem.field) == ("invalid", name)
    assert problem.message.startswith(name)


@pytest.mark.parametrize(
    ("data", "reason", "name"),
    [
        ({}, "invalid", "model"),
        ({"model": "", "prompt": "p"}, "invalid", "model"),
        ({"model": 5, "prompt": "p"}, "invalid", "model"),
        ({"model": "z-image", "prompt": "p"}, "unknown_model", "model"),
        ({"model": TURBO}, "invalid", "prompt"),
        ({"model": TURBO, "input": {"prompt": "p"}}, "invalid", "prompt"),
    ],
)
def test_create_of_wrong_shape_is_named(
    data: dict[str, Any], reason: str, name: str
) -> None:
    """The two required fields, and LiangXin's shape in the wrong place."""
    problem = problem_with(data)
    assert problem is not None
    assert (problem.reason, problem.field) == (reason, name)


def test_create_of_extra_model_is_good() -> None:
    """A scenario may name further models; the common fields are checked."""
    assert problem_with(body("new", any=1), ("new",)) is None
    problem = problem_with(body("new", callback_url="http://x.y"), ("new",))
    assert problem is not None
    assert problem.field == "callback_url"


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({}, (1024, 1024)),
        ({"size": "16:9"}, (1024, 576)),
        ({"size": "640x480"}, (640, 480)),
        ({"size": "auto"}, (1024, 1024)),
        ({"size": "9999999999x5"}, (16_384, 5)),
    ],
)
def test_size_follows_request(fields: dict[str, Any], size: tuple[int, int]) -> None:
    """A ratio is 1024 pixels long; words without a size are square."""
    assert EVOLINK.look("gpt-image-2", fields) == (*size, "png")


def test_draft_reads_the_flat_body() -> None:
    """Prompt, seed and callback are where EvoLink has them."""
    raw = (
        b'{"model":"z-image-turbo","prompt":"p","seed":7,'
        b'"callback_url":"https://example.com/"}'
    )
    made = draft(EVOLINK, "application/json", raw, Scenario())
    assert made.denial is None
    assert (made.model, made.prompt, made.seed) == (TURBO, "p", 7)
    assert made.callback_url == HOOK
    assert made.key == '{"model":"z-image-turbo","prompt":"p","seed":7}'
