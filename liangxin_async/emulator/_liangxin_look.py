"""What size and file type a LiangXin request asks for.

Where the documentation names an upstream size for a word, that is the size; a ratio
alone is taken at 1024 pixels on its longest side.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from liangxin_async.emulator._pictures import bounded, fitted, pair

_DEFAULT_SIDE: Final = 1024
_JPEG_WORDS: Final = ("jpeg", "jpg", "image/jpeg")

# Words of z-image's image_size, and the names of ratios.
_SIZES: Final = {
    "square": (512, 512),
    "square_hd": (1024, 1024),
    "portrait_3_4": (768, 1024),
    "portrait_9_16": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
_RATIOS: Final = {
    "square_1_1": (1, 1),
    "widescreen_16_9": (16, 9),
    "social_story_9_16": (9, 16),
    "portrait_2_3": (2, 3),
    "traditional_3_4": (3, 4),
    "standard_3_2": (3, 2),
    "classic_4_3": (4, 3),
    "cinematic_21_9": (21, 9),
}
_RESOLUTIONS: Final = {"1K": 1024, "2K": 2048, "4K": 4096}
_MODEL_SIDES: Final = {"nano-banana-pro": 2048}
_MODEL_SIZES: Final = {"flux-2-pro": (1024, 768)}


def asked_size(model: str, fields: Mapping[str, Any]) -> tuple[int, int]:
    """Return width and height in pixels that the `input` of a request asks for."""
    width, height = fields.get("width"), fields.get("height")
    if isinstance(width, int) and isinstance(height, int) and min(width, height) > 0:
        return bounded(width, height)
    word = fields.get("image_size")
    size = _SIZES.get(word) if isinstance(word, str) else None
    size = size or pair(word, "x")
    if size is not None:
        return bounded(*size)
    name = fields.get("aspect_ratio")
    ratio = _RATIOS.get(name) if isinstance(name, str) else None
    ratio = ratio or pair(name, ":")
    side = _side(model, fields)
    if ratio is None:
        return _MODEL_SIZES.get(model, (side, side))
    return fitted(*ratio, side)


def _side(model: str, fields: Mapping[str, Any]) -> int:
    asked = fields.get("resolution")
    default = _MODEL_SIDES.get(model, _DEFAULT_SIDE)
    return _RESOLUTIONS.get(asked, default) if isinstance(asked, str) else default


def extension(fields: Mapping[str, Any]) -> str:
    """Return the file name ending that fits `output_format`: png or jpg."""
    return "jpg" if fields.get("output_format") in _JPEG_WORDS else "png"
