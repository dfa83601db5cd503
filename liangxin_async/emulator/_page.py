"""What stands where in a picture: a grid of 8 x 8 cells, for either file format.

A cell is a small number for a flat colour, or the mask (eight bytes) of a piece of
text. Text is always light on one dark grey panel, so that each of its cells is the same
in every picture and has to be encoded once only; the flat cells around the panel make
the picture lively, in colours that follow from what was asked for.
"""

from __future__ import annotations

import colorsys
import hashlib
import math
import textwrap
from typing import Final, TypeAlias

from attrs import frozen

from liangxin_async.emulator._font import MASKS, drawable, quarters

SHADES: Final = 8  # flat colours 0 to 7; the panel is one more
PANEL: Final = SHADES
PANEL_GREY: Final = 24
INK_GREY: Final = 240
HONESTY: Final = "emulated - not a real generation"

Cell: TypeAlias = int | bytes
Colour: TypeAlias = tuple[int, int, int]


@frozen
class Page:
    """A picture before it is encoded.

    Attributes:
        width, height: pixels; the last cells of rows and columns may be cut.
        rows: the cells, row by row.
        colours: red, green and blue of the flat colours, the panel last.
        comment: what goes into the file's comment.
    """

    width: int
    height: int
    rows: list[list[Cell]]
    colours: list[Colour]
    comment: str


def compose(
    width: int, height: int, *, prompt: str, facts: list[str], seed_text: str
) -> Page:
    """Lay out a picture.

    `facts` are short lines that are drawn whole below the prompt; `seed_text` decides
    colours and pattern.
    """
    digest = hashlib.blake2b(seed_text.encode("utf-8", "replace")).digest()
    columns, lines = -(-width // 8), -(-height // 8)
    rows = _background(columns, lines, digest)
    margin = 1 if min(columns, lines) >= 12 else 0
    _write(rows, margin, columns - 2 * margin, lines - 2 * margin, prompt, facts)
    comment = "\n".join(facts)
    return Page(width, height, rows, _colours(digest), comment)


def _colours(digest: bytes) -> list[Colour]:
    hue, drift = digest[0] / 256, (digest[1] - 128) / 512
    colours: list[Colour] = []
    for shade in range(SHADES):
        part = shade / (SHADES - 1)
        rgb = colorsys.hls_to_rgb((hue + drift * part) % 1, 0.35 + 0.4 * part, 0.65)
        colours.append((int(rgb[0] * 255), int(rgb[1] * 255), int(rgb[2] * 255)))
    return [*colours, (PANEL_GREY,) * 3]


def _background(columns: int, lines: int, digest: bytes) -> list[list[Cell]]:
    """Return waves of the shades: each row is a shifted piece of one long band."""
    width = 1 + digest[2] % 4
    tour = [*range(SHADES), *range(SHADES - 2, 0, -1)]
    band: list[Cell] = [shade for shade in tour for _ in range(width)]
    swing, length = 2 + digest[3] % 12, 4 + digest[4] % 12
    slope = (digest[5] - 128) / 64
    turn = len(band)
    band *= -(-columns // turn) + 1
    shifts = (
        int(swing * math.sin(y / length) + slope * y) % turn for y in range(lines)
    )
    return [band[shift : shift + columns] for shift in shifts]


def _write(
    rows: list[list[Cell]],
    margin: int,
    columns: int,
    lines: int,
    prompt: str,
    facts: list[str],
) -> None:
    """Draw the panel: the prompt as large as there is room for, the facts below."""
    room = max(columns - 2 * margin, 1)
    small = [piece for fact in facts for piece in _wrapped(fact, room)]
    left = lines - len(small) - 3 * margin
    scale = 2 if room >= 24 and left >= 6 else 1
    fits = max(left // (3 if scale == 2 else 1), 0)
    large = _wrapped(prompt[: fits * room], room // scale)[:fits]
    top = margin
    panel: list[list[Cell]] = [[]] * margin
    for line in large:
        # Large letters get an empty row below, small ones bring their own above.
        panel += [*_doubled_line(line), []] if scale == 2 else [_line(line)]
    panel += [[]] * margin + [_line(line) for line in small] + [[]] * margin
    edge: list[Cell] = [PANEL] * margin
    for y, cells in enumerate(panel[:lines]):
        filled = edge + cells[:room]
        filled += [PANEL] * (columns - len(filled))
        rows[top + y][margin : margin + columns] = filled


def _wrapped(text: str, room: int) -> list[str]:
    return textwrap.wrap(drawable(text), max(room, 1), break_on_hyphens=False)


def _cell(mask: bytes) -> Cell:
    return mask if any(mask) else PANEL


def _line(text: str) -> list[Cell]:
    return [_cell(MASKS[c]) for c in text]


def _doubled_line(text: str) -> list[list[Cell]]:
    pieces = [quarters(c) for c in text]
    upper = [_cell(mask) for piece in pieces for mask in piece[:2]]
    lower = [_cell(mask) for piece in pieces for mask in piece[2:]]
    return [upper, lower]
