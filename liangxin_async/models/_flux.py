"""Flux 2.

Source: the table of the `flux-2-pro` page of the public documentation. What happens
when `aspect_ratio` is given next to a width and height is not stated, so it is allowed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final

from attrs import field, frozen

from liangxin_async._errors import Problem
from liangxin_async.models._base import About, TypedRequest, as_tuple
from liangxin_async.models._field import WIRE, FieldInfo

_MOST_REFERENCES: Final = 4  # in all five fields together


@frozen(repr=False)
class Flux2Pro(TypedRequest):
    """A picture from text and reference images by `flux-2-pro`.

    Every fact is from the public documentation. With neither dimensions nor
    `aspect_ratio` the picture is 1024x768.

    Args:
        prompt: not empty.
        width: 256 to 1440 pixels; only together with `height`.
        height: 256 to 1440 pixels; only together with `width`.
        aspect_ratio: 1:1, 16:9, 9:16, 4:3, 3:4, 3:2, 2:3 or 21:9; the alternative to
            width and height.
        input_image: URL of the first reference image. All references together, in
            whichever fields, are at most 4.
        input_image_2: URL of the second one.
        input_image_3: URL of the third one.
        input_image_4: URL of the fourth one.
        reference_images: the same references as a list or tuple.
        seed: for a repeatable picture; no range stated.
        prompt_upsampling: prompt upsampling, on or off.
        callback_url: public `https://` URL for the end of this task.

    Raises:
        InvalidRequestError: lists everything that is wrong.
    """

    model: ClassVar[str] = "flux-2-pro"
    about: ClassVar[About] = About(
        "Flux-2 - Pro Text to Image",
        "docs",
        rules=(
            "width and height must both be given or both be absent; one alone is "
            "answered with HTTP 400.",
            "input_image, input_image_2, input_image_3, input_image_4 and "
            "reference_images together hold at most 4 images.",
            "With no dimensions and no aspect_ratio the size is 1024x768.",
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
            )
        }
    )
    width: int | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "input.width",
                "integer",
                min=256,
                max=1440,
                notes="Only together with height. 1024 is used when both are left out.",
            )
        },
    )
    height: int | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "input.height",
                "integer",
                min=256,
                max=1440,
                notes="Only together with width. 768 is used when both are left out.",
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
                enum=("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "21:9"),
                notes=(
                    "Alternative to explicit dimensions; the server maps it to "
                    "dimensions. What happens when it is given together with "
                    "width/height is not stated."
                ),
            )
        },
    )
    input_image: str | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "input.input_image", "string", notes="First reference image URL."
            )
        },
    )
    input_image_2: str | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "input.input_image_2", "string", notes="Second reference image URL."
            )
        },
    )
    input_image_3: str | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "input.input_image_3", "string", notes="Third reference image URL."
            )
        },
    )
    input_image_4: str | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "input.input_image_4", "string", notes="Fourth reference image URL."
            )
        },
    )
    reference_images: tuple[str, ...] | None = field(
        default=None,
        kw_only=True,
        converter=as_tuple,
        metadata={
            WIRE: FieldInfo(
                "input.reference_images",
                "string[]",
                max_items=_MOST_REFERENCES,
                notes="List form of the same references; shares the limit of 4.",
            )
        },
    )
    seed: int | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo("input.seed", "integer", notes="Deterministic seed.")
        },
    )
    prompt_upsampling: bool | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "input.prompt_upsampling", "boolean", notes="Prompt upsampling flag."
            )
        },
    )

    def _rule_problems(self) -> Iterator[Problem]:
        yield from self._size_problems()
        yield from self._reference_problems()

    def _size_problems(self) -> Iterator[Problem]:
        if self.width is None and self.height is not None:
            yield Problem("input.width", "nothing", "a width next to the height")
        if self.height is None and self.width is not None:
            yield Problem("input.height", "nothing", "a height next to the width")

    def _reference_problems(self) -> Iterator[Problem]:
        singles = (
            self.input_image,
            self.input_image_2,
            self.input_image_3,
            self.input_image_4,
        )
        listed = self.reference_images
        in_list = len(listed) if isinstance(listed, tuple) else 0
        count = in_list + sum(single is not None for single in singles)
        # A list that is too long by itself has been reported as that.
        if count > _MOST_REFERENCES >= in_list:
            yield Problem(
                "input.reference_images",
                f"{count} images in all fields",
                f"at most {_MOST_REFERENCES} together with input.input_image to "
                "input.input_image_4",
            )
