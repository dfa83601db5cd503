"""The result files: how large, with what on them, in which format.

Sizes follow what the request asked for and are then made smaller, because they only
have to be looked at. Where the documentation names an upstream size for a word, that
is the size; a ratio alone is taken at 1024 pixels on its longest side.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from liangxin_async.emulator import _jpeg, _png
from liangxin_async.emulator._page import HONESTY, compose

if TYPE_CHECKING:
    from liangxin_async.emulator._tasks import Task

_CONTENT_TYPES: Final = {"png": "image/png", "jpg": "image/jpeg"}
_DEFAULT_SIDE: Final = 1024
_LARGEST_SIDE: Final = 16_384
_CACHED: Final = 64  # pictures, of 5 to 50 kB each

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


def _pair(text: Any, separator: str) -> tuple[int, int] | None:
    """Return "16:9" or "1024x768" as two numbers from 1, or None."""
    if not isinstance(text, str):
        return None
    left, found, right = text.partition(separator)
    if not (found and left.isascii() and right.isascii()):
        return None
    if not (left.isdigit() and right.isdigit() and len(text) <= 12):
        return None
    return (int(left), int(right)) if int(left) and int(right) else None


def asked_size(model: str, fields: Mapping[str, Any]) -> tuple[int, int]:
    """Return width and height in pixels that the `input` of a request asks for."""
    width, height = fields.get("width"), fields.get("height")
    if isinstance(width, int) and isinstance(height, int) and min(width, height) > 0:
        return min(width, _LARGEST_SIDE), min(height, _LARGEST_SIDE)
    word = fields.get("image_size")
    size = _SIZES.get(word) if isinstance(word, str) else None
    size = size or _pair(word, "x")
    if size is not None:
        return min(size[0], _LARGEST_SIDE), min(size[1], _LARGEST_SIDE)
    name = fields.get("aspect_ratio")
    ratio = _RATIOS.get(name) if isinstance(name, str) else None
    ratio = ratio or _pair(name, ":")
    side = _side(model, fields)
    if ratio is None:
        return _MODEL_SIZES.get(model, (side, side))
    return fitted(*ratio, side)


def _side(model: str, fields: Mapping[str, Any]) -> int:
    asked = fields.get("resolution")
    default = _MODEL_SIDES.get(model, _DEFAULT_SIDE)
    return _RESOLUTIONS.get(asked, default) if isinstance(asked, str) else default


def fitted(width: int, height: int, side: int) -> tuple[int, int]:
    """Return a size of the same shape whose longest side is `side` pixels."""
    longest = max(width, height)
    return max(1, round(width * side / longest)), max(1, round(height * side / longest))


def draw(task: Task, longest_side: int) -> bytes:
    """Return the result file of a task, whole."""
    fields = task.request["input"]
    asked = asked_size(task.model, fields)
    size = asked if max(asked) <= longest_side else fitted(*asked, longest_side)
    seed = fields.get("seed")
    facts = [
        f"model {task.model}",
        f"seed {'not given' if seed is None else seed}",
        f"size {asked[0]}x{asked[1]}, drawn {size[0]}x{size[1]}",
        HONESTY,
    ]
    page = compose(*size, prompt=task.prompt, facts=facts, seed_text=task.key)
    return _jpeg.encode(page) if task.extension == "jpg" else _png.encode(page)


@define
class Pictures:
    """Result files, drawn when they are asked for; the last few are kept."""

    _kept: OrderedDict[tuple[str, int], bytes] = field(factory=OrderedDict)

    def get(self, task: Task, longest_side: int) -> tuple[bytes, str]:
        """Return the file of a task and its content type."""
        name = (task.task_id, longest_side)
        data = self._kept.pop(name, None) or draw(task, longest_side)
        self._kept[name] = data
        if len(self._kept) > _CACHED:
            self._kept.popitem(last=False)
        return data, _CONTENT_TYPES[task.extension]
