"""Pages as PNG files: eight bits a pixel with a palette, as the specification says."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache
from typing import Final

from liangxin_async.emulator._page import INK_GREY, PANEL, Cell, Page

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_INK: Final = PANEL + 1
_NO_FILTER: Final = b"\0"


def encode(page: Page) -> bytes:
    """Return a page as a whole PNG file."""
    # Eight bits, palette, deflate, the standard filters, not interlaced.
    header = struct.pack(">IIBBBBB", page.width, page.height, 8, 3, 0, 0, 0)
    palette = b"".join(map(bytes, [*page.colours, (INK_GREY,) * 3]))
    comment = b"Comment\0" + page.comment.encode("latin-1", "replace")
    return b"".join(
        [
            _SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", palette),
            _chunk(b"tEXt", comment),
            _chunk(b"IDAT", zlib.compress(_pixels(page), 1)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def _pixels(page: Page) -> bytes:
    width, lines = page.width, []
    for row in page.rows:
        if all(type(cell) is int for cell in row):
            flat = b"".join([_lines(cell)[0] for cell in row])
            lines += [flat[:width]] * 8
            continue
        cells = [_lines(cell) for cell in row]
        lines += [b"".join([c[y] for c in cells])[:width] for y in range(8)]
    return b"".join([_NO_FILTER + line for line in lines[: page.height]])


@lru_cache(maxsize=2048)
def _lines(cell: Cell) -> tuple[bytes, ...]:
    """Return the eight lines of a cell as palette numbers."""
    if isinstance(cell, int):
        return (bytes([cell]) * 8,) * 8
    return tuple(
        bytes(_INK if row >> bit & 1 else PANEL for bit in range(7, -1, -1))
        for row in cell
    )
