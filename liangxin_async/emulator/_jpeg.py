"""Pages as baseline JPEG files (ITU T.81), without subsampling.

An encoder for pages only. A flat cell is a DC value per component. A piece of text is
grey on grey: its AC part is found once per process and kept. What a cell adds to the
stream depends on itself and, through the DC differences, on the cell before it, so the
bits of each *pair* of cells are found once per picture.

The quantiser is 8 throughout, which makes the quantised DC of a flat cell its value
minus 128. The Huffman tables are our own: complete, valid, and simple.
"""

from __future__ import annotations

import math
import struct
from functools import lru_cache
from itertools import chain, pairwise
from typing import Final

from liangxin_async.emulator._page import INK_GREY, PANEL_GREY, Cell, Page

_QUANTISER: Final = 8
_END_OF_BLOCK: Final = 0x00
_SIXTEEN_ZEROS: Final = 0xF0

# DC categories 0 to 11 have codes of four bits. Of the AC symbols (run, category), the
# end of a block has two bits and the other 161 have eight.
_DC_SYMBOLS: Final = bytes(range(12))
_AC_SYMBOLS: Final = bytes(
    [
        _END_OF_BLOCK,
        _SIXTEEN_ZEROS,
        *(run << 4 | size for run in range(16) for size in range(1, 11)),
    ]
)
_DC_COUNTS: Final = bytes([0, 0, 0, 12, *[0] * 12])
_AC_COUNTS: Final = bytes([0, 1, 0, 0, 0, 0, 0, 161, *[0] * 8])
_DC_CODES: Final = {symbol: f"{symbol:04b}" for symbol in _DC_SYMBOLS}
_AC_CODES: Final = {_END_OF_BLOCK: "00"} | {
    symbol: f"{0x40 + index:08b}" for index, symbol in enumerate(_AC_SYMBOLS[1:])
}

# Positions (row, column) by diagonals, up and down in turn.
_ZIGZAG: Final = sorted(
    ((v, u) for v in range(8) for u in range(8)),
    key=lambda p: (p[0] + p[1], p[0] if (p[0] + p[1]) % 2 else p[1]),
)
_COSINES: Final = [
    [
        math.cos((2 * x + 1) * u * math.pi / 16) * (math.sqrt(0.125) if u == 0 else 0.5)
        for x in range(8)
    ]
    for u in range(8)
]


def encode(page: Page) -> bytes:
    """Return a page as a whole JPEG file."""
    size = struct.pack(">BHHB", 8, page.height, page.width, 3)
    components = b"".join(bytes([n, 0x11, 0]) for n in (1, 2, 3))
    selectors = b"".join(bytes([n, 0]) for n in (1, 2, 3))
    return b"".join(
        [
            b"\xff\xd8",
            _segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"),
            _segment(0xFE, page.comment.encode("ascii", "replace")),
            _segment(0xDB, bytes([0, *[_QUANTISER] * 64])),
            _segment(0xC0, size + components),
            _segment(0xC4, b"\x00" + _DC_COUNTS + _DC_SYMBOLS),
            _segment(0xC4, b"\x10" + _AC_COUNTS + _AC_SYMBOLS),
            _segment(0xDA, bytes([3]) + selectors + bytes([0, 63, 0])),
            _scan(page),
            b"\xff\xd9",
        ]
    )


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _scan(page: Page) -> bytes:
    stream = _Pairs(page)
    cells = list(chain.from_iterable(page.rows))
    bits = stream[None, cells[0]] + "".join([stream[pair] for pair in pairwise(cells)])
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return data.replace(b"\xff", b"\xff\0")


class _Pairs(dict[tuple[Cell | None, Cell], str]):
    """The bits of a cell after another one (None: at the start), found when needed."""

    def __init__(self, page: Page) -> None:
        self._flat = [_ycc(*colour) for colour in page.colours]

    def __missing__(self, pair: tuple[Cell | None, Cell]) -> str:
        before, cell = pair
        old = (0, 0, 0) if before is None else self._dc(before)
        end = _AC_CODES[_END_OF_BLOCK]
        texture = end if isinstance(cell, int) else _text(cell)[1]
        luma, blue, red = (
            _DC_CODES[size] + bits
            for size, bits in map(_amplitude, map(int.__sub__, self._dc(cell), old))
        )
        self[pair] = bits = f"{luma}{texture}{blue}{end}{red}{end}"
        return bits

    def _dc(self, cell: Cell) -> tuple[int, int, int]:
        return self._flat[cell] if isinstance(cell, int) else (_text(cell)[0], 0, 0)


def _ycc(red: int, green: int, blue: int) -> tuple[int, int, int]:
    """Return luminance and the two colour differences, about zero (JFIF 1.02)."""
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return (
        round(luma - 128),
        round((blue - luma) / 1.772),
        round((red - luma) / 1.402),
    )


def _amplitude(value: int) -> tuple[int, str]:
    """Return the category of a coefficient and its extra bits."""
    size = abs(value).bit_length()
    shown = value if value >= 0 else value + (1 << size) - 1
    return size, f"{shown:0{size}b}" if size else ""


@lru_cache(maxsize=2048)
def _text(mask: bytes) -> tuple[int, str]:
    """Return the DC value and the AC bits of a piece of text."""
    scale = (INK_GREY - PANEL_GREY) / _QUANTISER
    # First along the rows, of which there are few different ones, then down them.
    rows = [_row_transform(row) for row in mask]
    quantised = [
        round(scale * sum(c * row[u] for c, row in zip(_COSINES[v], rows, strict=True)))
        for v, u in _ZIGZAG
    ]
    return quantised[0] + PANEL_GREY - 128, _run_lengths(quantised[1:])


@lru_cache(maxsize=256)
def _row_transform(row: int) -> list[float]:
    bits = [row >> bit & 1 for bit in range(7, -1, -1)]
    return [
        sum(c for c, b in zip(_COSINES[u], bits, strict=True) if b) for u in range(8)
    ]


def _run_lengths(values: list[int]) -> str:
    """Return the coefficients as runs of zeros and amplitudes, and the end mark.

    There is no mark after a 63rd coefficient that is not zero.
    """
    pieces, run = [], 0
    for value in values:
        if value == 0:
            run += 1
            continue
        pieces += [_AC_CODES[_SIXTEEN_ZEROS]] * (run // 16)
        size, bits = _amplitude(value)
        pieces += [_AC_CODES[run % 16 << 4 | size], bits]
        run = 0
    if run:
        pieces.append(_AC_CODES[_END_OF_BLOCK])
    return "".join(pieces)
