"""The result files: how large, with what on them, in which format.

Sizes follow what the request asked for and are then made smaller, because they only
have to be looked at. What a request asks for is for its dialect to read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from liangxin_async.emulator import _jpeg, _mp4, _png
from liangxin_async.emulator._page import HONESTY, Page, compose

if TYPE_CHECKING:
    from liangxin_async.emulator._tasks import Task

_ENCODERS: Final[Mapping[str, Callable[[Page], bytes]]] = {
    "png": _png.encode,
    "jpg": _jpeg.encode,
    "mp4": _mp4.encode,
}
_CONTENT_TYPES: Final = {"png": "image/png", "jpg": "image/jpeg", "mp4": "video/mp4"}
_LARGEST_SIDE: Final = 16_384
_CACHED: Final = 64  # pictures, of 5 to 50 kB each


def pair(text: Any, separator: str) -> tuple[int, int] | None:
    """Return "16:9" or "1024x768" as two numbers from 1, or None."""
    if not isinstance(text, str):
        return None
    left, found, right = text.partition(separator)
    if not (found and left.isascii() and right.isascii()):
        return None
    if not (left.isdigit() and right.isdigit() and len(text) <= 12):
        return None
    return (int(left), int(right)) if int(left) and int(right) else None


def bounded(width: int, height: int) -> tuple[int, int]:
    """Return a size with no side beyond what is worth counting with."""
    return min(width, _LARGEST_SIDE), min(height, _LARGEST_SIDE)


def fitted(width: int, height: int, side: int) -> tuple[int, int]:
    """Return a size of the same shape whose longest side is `side` pixels."""
    longest = max(width, height)
    return max(1, round(width * side / longest)), max(1, round(height * side / longest))


def draw(task: Task, index: int, longest_side: int) -> bytes:
    """Return the result file `index` (from 0) of a task, whole."""
    asked, seed = task.size, task.seed
    size = asked if max(asked) <= longest_side else fitted(*asked, longest_side)
    facts = [
        f"model {task.model}",
        f"seed {'not given' if seed is None else seed}",
        f"size {asked[0]}x{asked[1]}, drawn {size[0]}x{size[1]}",
    ]
    facts += [f"file {index + 1} of {task.files}"] if task.files > 1 else []
    seed_text = f"{task.key} {index}" if index else task.key
    facts.append(HONESTY)
    page = compose(*size, prompt=task.prompt, facts=facts, seed_text=seed_text)
    return _ENCODERS[task.extension](page)


@define
class Pictures:
    """Result files, drawn when they are asked for; the last few are kept."""

    _kept: OrderedDict[tuple[str, int, int], bytes] = field(factory=OrderedDict)

    def get(self, task: Task, index: int, longest_side: int) -> tuple[bytes, str]:
        """Return a file of a task and its content type."""
        name = (task.task_id, index, longest_side)
        data = self._kept.pop(name, None) or draw(task, index, longest_side)
        self._kept[name] = data
        if len(self._kept) > _CACHED:
            self._kept.popitem(last=False)
        return data, _CONTENT_TYPES[task.extension]
