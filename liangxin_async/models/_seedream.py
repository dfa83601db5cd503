"""Seedream.

Source: the table of the `seedream-v4-5` page (seed). It names the eight ratios and "the
upstream's aliases"; the alias names are the upstream's own list.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from liangxin_async.models._base import About, TypedRequest
from liangxin_async.models._field import WIRE, FieldInfo


@frozen(repr=False)
class SeedreamV45(TypedRequest):
    """A picture from text by `seedream-v4-5`; facts are from the seed documents.

    "Upstream" marks what the service's upstream says of its own API: good to know, not
    checked here.

    Args:
        prompt: not empty. (Upstream: up to 4096 characters.)
        aspect_ratio: 1:1, 16:9, 9:16, 4:3, 3:4, 3:2, 2:3 or 21:9, or in the same order
            square_1_1, widescreen_16_9, social_story_9_16, classic_4_3,
            traditional_3_4, standard_3_2, portrait_2_3, cinematic_21_9. Sent as
            written; the service takes `square_1_1` when left out.
        seed: for a repeatable picture; no range stated. (Upstream: 0 to 4294967295.)
        enable_safety_checker: the upstream's safety checker.
        callback_url: public `https://` URL for the end of this task.

    Raises:
        InvalidRequestError: lists everything that is wrong.
    """

    model: ClassVar[str] = "seedream-v4-5"
    about: ClassVar[About] = About(
        "Seedream4.5 - Text to Image",
        "seed",
        rules=(
            "An unsupported input.aspect_ratio is answered with HTTP 400 (the seed "
            "sentence is cut off at its start).",
        ),
    )

    prompt: str = field(
        metadata={
            WIRE: FieldInfo(
                "input.prompt",
                "string",
                required=True,
                min_length=1,
                notes="Must not be empty.",
                upstream_hint="up to 4096 characters",
            )
        }
    )
    aspect_ratio: str | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "input.aspect_ratio",
                "string",
                default="square_1_1",
                enum=("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "21:9"),
                aliases=(
                    ("1:1", "square_1_1"),
                    ("16:9", "widescreen_16_9"),
                    ("9:16", "social_story_9_16"),
                    ("4:3", "classic_4_3"),
                    ("3:4", "traditional_3_4"),
                    ("3:2", "standard_3_2"),
                    ("2:3", "portrait_2_3"),
                    ("21:9", "cinematic_21_9"),
                ),
                notes=(
                    "The seed gives the eight ratios and says that the upstream "
                    "(Magnific) names are accepted too, naming only square_1_1; the "
                    "other alias names are the upstream's own list."
                ),
            )
        },
    )
    seed: int | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "input.seed",
                "integer",
                notes="Deterministic seed passed to the upstream.",
                upstream_hint="0 to 4294967295",
            )
        },
    )
    enable_safety_checker: bool | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "input.enable_safety_checker",
                "boolean",
                notes="Upstream safety checker flag.",
            )
        },
    )
