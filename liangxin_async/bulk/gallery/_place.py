"""A derived file that is whole whenever somebody opens it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from liangxin_async._partfile import new_part, open_part

if TYPE_CHECKING:
    from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write; it gets its name in one step when the block ends well.

    Not synced: what a power cut takes can be made again.
    """
    part = new_part(path.parent)
    try:
        with open_part(part) as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
