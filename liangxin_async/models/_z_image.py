"""Z-Image.

Source: the table of the `z-image` page and its example (seeds). It lists no values
for `image_size`, `aspect_ratio` and `output_format` and no ranges, so none are checked.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from liangxin_async.models._base import About, TypedRequest
from liangxin_async.models._field import WIRE, FieldInfo


@frozen(repr=False)
class ZImage(TypedRequest):
    """A picture from text by `z-image`; every fact is from the seed documents.

    Of `image_size` and `aspect_ratio` the service uses `image_size` when both are
    given. "Upstream" marks what the service's upstream says of its own API: good to
    know, not checked here.

    Args:
        prompt: not empty. (Upstream: up to 4096 characters.)
        image_size: sent on unchanged; the service takes `square_hd` when left out.
            (Upstream: square 512x512, square_hd 1024x1024, portrait_3_4 768x1024,
            portrait_9_16 576x1024, landscape_4_3 1024x768, landscape_16_9 1024x576.)
        aspect_ratio: alternative to `image_size`, for example `16:9`; which ratios
            are known is not stated.
        seed: for a repeatable picture; no range stated. (Upstream: 0 to 4294967295.)
        num_inference_steps: no range stated. (Upstream: 1 to 50, 8 by default.)
        output_format: for example `png`; no list stated.
        enable_safety_checker: the upstream's safety checker.
        callback_url: public `https://` URL for the end of this task.

    Raises:
        InvalidRequestError: lists everything that is wrong.
    """

    model: ClassVar[str] = "z-image"
    about: ClassVar[About] = About(
        "Z-Image",
        "seed",
        rules=(
            "input.image_size wins when input.image_size and input.aspect_ratio are "
            "both given (not an error).",
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
    image_size: str | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "input.image_size",
                "string",
                default="square_hd",
                notes="Passed to the upstream unchanged. No value list in the seed.",
                upstream_hint=(
                    "square (512x512), square_hd (1024x1024), portrait_3_4 (768x1024), "
                    "portrait_9_16 (576x1024), landscape_4_3 (1024x768), "
                    "landscape_16_9 (1024x576)"
                ),
            )
        },
    )
    aspect_ratio: str | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "input.aspect_ratio",
                "string",
                notes=(
                    "Alternative to image_size; common ratios are mapped to image "
                    "sizes by the server. The list of ratios is not stated."
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
                notes="Deterministic seed. No range in the seed document.",
                upstream_hint="0 to 4294967295",
            )
        },
    )
    num_inference_steps: int | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "input.num_inference_steps",
                "integer",
                notes=(
                    "Upstream step count. No range in the seed document; the example "
                    "uses 28."
                ),
                upstream_hint="1 to 50, 8 by default",
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
                notes=(
                    "Upstream output format, for example png. No value list in the "
                    "seed."
                ),
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
