"""Nano Banana Pro and its Flash version.

Source: the tables of the two pages of the public documentation. They differ in the
default of `resolution` and in the search tool, which is for Flash only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import urlsplit

from attrs import field, frozen

from liangxin_async._errors import Problem
from liangxin_async.models._base import About, TypedRequest, as_tuple
from liangxin_async.models._field import WIRE, FieldInfo
from liangxin_async.models._shown import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_REFERENCES: Final = 3  # in both lists together

_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp")
_DATA_URI: Final = re.compile(r"data:image/(png|jpe?g|webp)(;[^,]*)?,", re.IGNORECASE)
_REFERENCE: Final = (
    "an http(s) URL that ends in .png, .jpg, .jpeg or .webp, or a data URI of one of "
    "those types"
)

_RULES: Final = (
    "input.image_input and input.reference_images together hold at most 3 items.",
    "Each reference image must be a URL ending in .png, .jpg, .jpeg or .webp, or a "
    "data URI of one of those types.",
)

_RESOLUTIONS: Final = ("1K", "2K", "4K", "low", "medium", "high")
_RESOLUTION_NOTES: Final = (
    "low / medium / high are accepted next to the K values; which K value each stands "
    "for is not stated."
)
_OUTPUT_FORMAT: Final = FieldInfo(
    "input.output_format", "string", enum=("png",), notes="Only png when given."
)


@frozen(repr=False)
class _NanoBanana(TypedRequest):
    prompt: str = field(
        metadata={
            WIRE: FieldInfo(
                "input.prompt", "string", required=True, min_length=2, max_length=3000
            )
        }
    )
    image_input: tuple[str, ...] | None = field(
        default=None,
        kw_only=True,
        converter=as_tuple,
        metadata={
            WIRE: FieldInfo(
                "input.image_input",
                "string[]",
                max_items=_MOST_REFERENCES,
                notes=("Reference images. The limit is shared with reference_images."),
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
                notes=(
                    "Reference images. The limit is shared with image_input. (The "
                    "upstream's own form is a list of objects; LiangXin's is a list "
                    "of strings.)"
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
                default="1:1",
                enum=(
                    *("1:1", "2:3", "3:2", "4:3", "3:4"),
                    *("5:4", "4:5", "16:9", "9:16", "21:9"),
                ),
                open_enum=True,
                notes="Further aliases are accepted; they are not listed.",
            )
        },
    )

    def _rule_problems(self) -> Iterator[Problem]:
        lists = {
            "input.image_input": self.image_input,
            "input.reference_images": self.reference_images,
        }
        for name, images in lists.items():
            yield from _reference_problems(name, images)
        counts = [len(images) for images in lists.values() if isinstance(images, tuple)]
        # One list that is too long by itself has been reported as that.
        if sum(counts) > _MOST_REFERENCES >= max(counts):
            yield Problem(
                "input.reference_images",
                f"{sum(counts)} items in both lists",
                f"at most {_MOST_REFERENCES} together with input.image_input",
            )


@frozen(repr=False)
class NanoBananaPro(_NanoBanana):
    """A picture from text and reference images by `nano-banana-pro`.

    Every fact is from the public documentation.

    Args:
        prompt: 2 to 3000 characters.
        image_input: reference images, a list or tuple. Each is an http(s) URL that ends
            in .png, .jpg, .jpeg or .webp (a query may follow), or a data URI of one of
            those types. At most 3, together with `reference_images`.
        reference_images: second name for the same list; the limit of 3 is shared.
        aspect_ratio: 1:1, 2:3, 3:2, 4:3, 3:4, 5:4, 4:5, 16:9, 9:16 or 21:9; the service
            takes `1:1` when left out. It accepts other names too, which are not
            listed, so a word that is no ratio is sent unchecked.
        resolution: 1K, 2K, 4K, low, medium or high; the service takes `2K` when left
            out.
        output_format: png.
        callback_url: public `https://` URL for the end of this task.

    Raises:
        InvalidRequestError: lists everything that is wrong.
    """

    model: ClassVar[str] = "nano-banana-pro"
    about: ClassVar[About] = About("Google - Nano Banana Pro", "docs", rules=_RULES)

    resolution: str | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "input.resolution",
                "string",
                default="2K",
                enum=_RESOLUTIONS,
                notes=_RESOLUTION_NOTES,
            )
        },
    )
    output_format: str | None = field(
        default=None, kw_only=True, metadata={WIRE: _OUTPUT_FORMAT}
    )


@frozen(repr=False)
class NanoBananaProFlash(_NanoBanana):
    """A picture from text and reference images by `nano-banana-pro-flash`.

    Every fact is from the public documentation.

    Args:
        prompt: 2 to 3000 characters.
        image_input: reference images, a list or tuple. Each is an http(s) URL that ends
            in .png, .jpg, .jpeg or .webp (a query may follow), or a data URI of one of
            those types. At most 3, together with `reference_images`.
        reference_images: second name for the same list; the limit of 3 is shared.
        aspect_ratio: 1:1, 2:3, 3:2, 4:3, 3:4, 5:4, 4:5, 16:9, 9:16 or 21:9; the service
            takes `1:1` when left out. It accepts other names too, which are not
            listed, so a word that is no ratio is sent unchecked.
        resolution: 1K, 2K, 4K, low, medium or high; the service takes `1K` when left
            out.
        use_google_search_tool: passed on for this model only.
        output_format: png.
        callback_url: public `https://` URL for the end of this task.

    Raises:
        InvalidRequestError: lists everything that is wrong.
    """

    model: ClassVar[str] = "nano-banana-pro-flash"
    about: ClassVar[About] = About(
        "Google - Nano Banana Pro Flash", "docs", rules=_RULES
    )

    resolution: str | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "input.resolution",
                "string",
                default="1K",
                enum=_RESOLUTIONS,
                notes=_RESOLUTION_NOTES,
            )
        },
    )
    use_google_search_tool: bool | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "input.use_google_search_tool",
                "boolean",
                notes="Passed on for the Flash model only.",
            )
        },
    )
    output_format: str | None = field(
        default=None, kw_only=True, metadata={WIRE: _OUTPUT_FORMAT}
    )


def _reference_problems(
    name: str, images: Sequence[object] | None
) -> Iterator[Problem]:
    if not isinstance(images, tuple):
        return
    for index, image in enumerate(images):
        if isinstance(image, str) and not _is_reference(image):
            yield Problem(f"{name}[{index}]", shown(image), _REFERENCE)


def _is_reference(text: str) -> bool:
    if _DATA_URI.match(text):
        return True
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return False
    is_web = parts.scheme in ("http", "https") and bool(host)
    return is_web and parts.path.lower().endswith(_SUFFIXES)
