"""The models of EvoLink whose fields are known.

Source: the documentation page of `z-image-turbo` (seed; it lost the names of the
fields, which are those of the page's schema) and the table of
`gemini-3.1-flash-lite-image` in the public documentation. EvoLink's parameters are
flat, so the names are bare, and the callback is one of them and stands last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import field, frozen

from liangxin_async.models._base import About, TypedRequest, as_tuple
from liangxin_async.models._field import EVOLINK_CALLBACK_URL, WIRE, FieldInfo
from liangxin_async.models._json import as_object


@frozen(repr=False)
class ZImageTurbo(TypedRequest):
    """A picture from text by EvoLink's `z-image-turbo`; facts: the seed documents.

    Args:
        prompt: 1 to 2000 characters.
        size: 1:1, 2:3, 3:2, 3:4, 4:3, 9:16, 16:9, 1:2 or 2:1, or `<width>x<height>`
            such as `1024x768` with each side 376 to 1536 pixels. What the service
            takes when it is left out is not stated.
        seed: 1 to 2147483647, for a similar picture each time; random when left out.
        nsfw_check: moderation beyond the basic one, which is always on. The service
            takes false when it is left out.
        callback_url: public `https://` URL for the end of this task, at most 2048
            characters and not to an internal address.

    Raises:
        InvalidRequestError: lists everything that is wrong.
    """

    model: ClassVar[str] = "z-image-turbo"
    provider: ClassVar[str] = "evolink"
    about: ClassVar[About] = About(
        "Z Image Turbo",
        "seed",
        rules=("size is a ratio from the list or a custom WxH, not both.",),
        notes=(
            "The seed gives the descriptions without field names; the names are the "
            "documentation schema's."
        ),
    )

    prompt: str = field(
        metadata={
            WIRE: FieldInfo(
                "prompt", "string", required=True, min_length=1, max_length=2000
            )
        }
    )
    size: str | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "size",
                "string",
                enum=(
                    *("1:1", "2:3", "3:2", "3:4", "4:3"),
                    *("9:16", "16:9", "1:2", "2:1"),
                ),
                side_min=376,
                side_max=1536,
                notes=(
                    "Either one of the ratios or <width>x<height> with each side 376 "
                    "to 1536 pixels. No default stated."
                ),
            )
        },
    )
    seed: int | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "seed",
                "integer",
                min=1,
                max=2_147_483_647,
                notes="Leave out for a random seed.",
            )
        },
    )
    nsfw_check: bool | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "nsfw_check",
                "boolean",
                default=False,
                notes="Extra moderation; the basic one is always on.",
            )
        },
    )
    callback_url: str | None = field(
        default=None, kw_only=True, metadata={WIRE: EVOLINK_CALLBACK_URL}
    )


@frozen(repr=False)
class NanoBanana2Lite(TypedRequest):
    """A picture by EvoLink's `gemini-3.1-flash-lite-image`, from text and images.

    Every fact is from the public documentation.

    Args:
        prompt: at most 2000 tokens. Tokens are the model's own measure, so it is not
            checked here.
        size: auto, 1:1, 1:4, 4:1, 1:8, 8:1, 2:3, 3:2, 3:4, 4:3, 4:5, 5:4, 9:16, 16:9
            or 21:9; the service takes `auto` when it is left out.
        quality: 1K, which the service takes when it is left out too.
        image_urls: at most 14 URLs of reference images, a list or tuple. Each image is
            under 20 MB, and .jpeg, .jpg, .png or .webp.
        model_params: a mapping of further parameters of the model, sent as it is. It is
            copied; read back, it is a mapping that cannot be changed.
        callback_url: public `https://` URL for the end of this task, at most 2048
            characters and not to an internal address.

    Raises:
        InvalidRequestError: lists everything that is wrong.
    """

    model: ClassVar[str] = "gemini-3.1-flash-lite-image"
    provider: ClassVar[str] = "evolink"
    about: ClassVar[About] = About("Nano Banana 2 Lite", "docs")

    prompt: str = field(
        metadata={
            WIRE: FieldInfo(
                "prompt",
                "string",
                required=True,
                notes="At most 2000 tokens (tokens, not characters).",
            )
        }
    )
    size: str | None = field(
        default=None,
        kw_only=True,
        metadata={
            WIRE: FieldInfo(
                "size",
                "string",
                default="auto",
                enum=(
                    *("auto", "1:1", "1:4", "4:1", "1:8", "8:1", "2:3", "3:2"),
                    *("3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"),
                ),
            )
        },
    )
    quality: str | None = field(
        default=None,
        kw_only=True,
        metadata={WIRE: FieldInfo("quality", "string", default="1K", enum=("1K",))},
    )
    image_urls: tuple[str, ...] | None = field(
        default=None,
        kw_only=True,
        converter=as_tuple,
        metadata={
            WIRE: FieldInfo(
                "image_urls",
                "string[]",
                max_items=14,
                notes="Each image under 20 MB; .jpeg, .jpg, .png or .webp.",
            )
        },
    )
    model_params: Mapping[str, Any] | None = field(
        default=None,
        kw_only=True,
        converter=as_object,
        metadata={
            WIRE: FieldInfo("model_params", "object", notes="Model-specific extension.")
        },
    )
    callback_url: str | None = field(
        default=None, kw_only=True, metadata={WIRE: EVOLINK_CALLBACK_URL}
    )
