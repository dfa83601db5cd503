"""Imagen.

Source: the table of the `imagen4-ultra` page (seed).
"""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from liangxin_async.models._base import About, TypedRequest
from liangxin_async.models._field import WIRE, FieldInfo


@frozen(repr=False)
class Imagen4Ultra(TypedRequest):
    """A picture from text by `imagen4-ultra`; facts are from the seed documents.

    "Upstream" marks what the service's upstream says of its own API: good to know, not
    checked here. It says that `seed` does not work while `enhance_prompt` is on.

    Args:
        prompt: not empty.
        aspect_ratio: square_1_1, social_story_9_16, widescreen_16_9, traditional_3_4
            or classic_4_3, or in the same order 1:1, 9:16, 16:9, 3:4, 4:3. Sent as
            written; the service takes `square_1_1` when left out.
        person_generation: dont_allow, allow_adult or allow_all. (Upstream:
            allow_adult by default.)
        safety_settings: block_low_and_above, block_medium_and_above, block_only_high
            or block_none. (Upstream: block_medium_and_above by default.)
        seed: at least 1. (Upstream: up to 4294967295.)
        enhance_prompt: prompt enhancement, on or off.
        language: auto, en, zh, zh-CN, hi, ja, ko, pt or es.
        output_format: png, jpeg, jpg, image/png or image/jpeg.
        compression_quality: 1 to 100; sent on inside the upstream's output options.
        callback_url: public `https://` URL for the end of this task.

    Raises:
        InvalidRequestError: lists everything that is wrong.
    """

    model: ClassVar[str] = "imagen4-ultra"
    about: ClassVar[About] = About(
        "Google - imagen4-ultra",
        "seed",
        upstream_rules=("Upstream: seed does not work while enhance_prompt is on.",),
    )

    prompt: str = field(
        metadata={
            WIRE: FieldInfo(
                "input.prompt",
                "string",
                required=True,
                min_length=1,
                notes="Must not be empty.",
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
                enum=(
                    "square_1_1",
                    "social_story_9_16",
                    "widescreen_16_9",
                    "traditional_3_4",
                    "classic_4_3",
                ),
                aliases=(
                    ("1:1", "square_1_1"),
                    ("9:16", "social_story_9_16"),
                    ("16:9", "widescreen_16_9"),
                    ("3:4", "traditional_3_4"),
                    ("4:3", "classic_4_3"),
                ),
                notes="Aliases map ratio -> name; both spellings are accepted.",
            )
        },
    )
    person_generation: str | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "input.person_generation",
                "string",
                enum=("dont_allow", "allow_adult", "allow_all"),
                upstream_hint="allow_adult by default",
            )
        },
    )
    safety_settings: str | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "input.safety_settings",
                "string",
                enum=(
                    "block_low_and_above",
                    "block_medium_and_above",
                    "block_only_high",
                    "block_none",
                ),
                upstream_hint="block_medium_and_above by default",
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
                min=1,
                notes="At least 1 when given.",
                upstream_hint="up to 4294967295",
            )
        },
    )
    enhance_prompt: bool | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "input.enhance_prompt", "boolean", notes="Prompt enhancement flag."
            )
        },
    )
    language: str | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "input.language",
                "string",
                enum=("auto", "en", "zh", "zh-CN", "hi", "ja", "ko", "pt", "es"),
            )
        },
    )
    output_format: str | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "input.output_format",
                "string",
                enum=("png", "jpeg", "jpg", "image/png", "image/jpeg"),
            )
        },
    )
    compression_quality: int | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "input.compression_quality",
                "integer",
                min=1,
                max=100,
                notes="Sent on inside the upstream output_options.",
            )
        },
    )
