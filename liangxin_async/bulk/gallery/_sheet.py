"""`contact-sheet.jpg`: one picture of the run, to be sent around.

At most `MOST_TILES` pictures, chosen evenly over the run; at most 2,100 by 2,520
pixels whatever the run. Captions are a number and the start of the prompt. Pillow's own
font has Latin letters only, so that for others a font of the system is looked for; a
prompt that cannot be drawn right is left out, and its number stays.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from liangxin_async.bulk._extra import load
from liangxin_async.bulk._row import RowState
from liangxin_async.bulk.gallery._place import whole_file
from liangxin_async.bulk.gallery._shown import cut, without_secrets
from liangxin_async.bulk.gallery._views import Views, kind_of

if TYPE_CHECKING:
    from liangxin_async.bulk._row import File, Row

SHEET = "contact-sheet.jpg"
MOST_TILES = 100
_COLUMNS = 10
_CELL, _CAPTION, _GAP, _MARGIN, _HEAD = 192, 36, 12, 36, 60  # pixels
_PAPER, _TILE, _INK, _SOFT = (
    (252, 252, 251),
    (241, 241, 238),
    (28, 29, 31),
    (99, 102, 108),
)
_QUALITY = 85
_NO_LETTER = "\uffff"  # a code that no font has a letter for
_WIDE_FONTS = (
    *(
        "NotoSansCJK-Regular.ttc",
        "NotoSansSC-Regular.otf",
        "SourceHanSansSC-Regular.otf",
    ),
    *("wqy-microhei.ttc", "msyh.ttc", "PingFang.ttc", "Hiragino Sans GB.ttc"),
    *("Arial Unicode.ttf", "DejaVuSans.ttf"),
)


@frozen
class _Picture:
    number: int  # 1-based, of all pictures
    file: File
    prompt: str


class _Spread:
    """Some of many, evenly chosen while they go by: never more than twice `most`."""

    def __init__(self, most: int) -> None:
        self.count = 0
        self._most = most
        self._step = 1
        self._kept: list[_Picture] = []

    def add(self, file: File, prompt: str) -> None:
        if self.count % self._step == 0:
            self._kept.append(_Picture(self.count + 1, file, prompt))
        self.count += 1
        if len(self._kept) == 2 * self._most:
            self._kept = self._kept[::2]
            self._step *= 2

    def chosen(self) -> list[_Picture]:
        kept, most = self._kept, self._most
        if len(kept) <= most:
            return kept
        return [kept[index * len(kept) // most] for index in range(most)]


def write_contact_sheet(
    folder: Path,
    rows: Iterable[Row],
    *,
    title: str | None = None,
    elsewhere: bool = False,
) -> Path | None:
    """Write `folder/contact-sheet.jpg`; return its path, None without any picture.

    Blocks, for seconds: run it in a thread. A sheet of an earlier call is removed where
    there is no picture. Files that are broken or gone leave their place empty.

    Args:
        folder: the output folder; it exists.
        rows: the requests; read once. At most 100 pictures are shown, evenly chosen.
        title: what it is called; None for the folder's name.
        elsewhere: as in `write_gallery`.

    Raises:
        ConfigurationError: Pillow is missing (extra `gallery`).
        OSError: the folder cannot be written to.
    """
    folder = Path(folder)
    load("PIL.Image")
    spread, saved, total = _Spread(MOST_TILES), 0, 0
    for row in rows:
        total += 1
        saved += row.state is RowState.SAVED
        for file in row.files:
            if kind_of(file.name) == "picture":
                spread.add(file, cut(row.prompt or "", 200))
    pictures = spread.chosen()
    if not pictures:
        (folder / SHEET).unlink(missing_ok=True)
        return None
    name = folder.resolve().name if title is None else title
    words = _words(name, len(pictures), spread.count, saved, total)
    sheet = _drawn(Views(folder, elsewhere), pictures, words)
    with whole_file(folder / SHEET) as target:
        sheet.save(target, "JPEG", quality=_QUALITY)
    return folder / SHEET


def _words(
    name: str, shown: int, pictures: int, saved: int, total: int
) -> tuple[str, str]:
    some = "" if shown == pictures else f"{shown} of "
    plural = "picture" if pictures == 1 else "pictures"
    counts = f"{some}{pictures:,} {plural}    {saved:,} of {total:,} requests saved"
    return cut(name, 60), counts


# ------------------------------------------------------------------------- drawing


def _drawn(views: Views, pictures: Sequence[_Picture], words: tuple[str, str]) -> Any:
    columns = min(_COLUMNS, max(3, math.ceil(math.sqrt(len(pictures) * 1.4))))
    lines = math.ceil(len(pictures) / columns)
    width = 2 * _MARGIN + columns * (_CELL + _GAP) - _GAP
    height = _MARGIN + _HEAD + lines * (_CELL + _CAPTION + _GAP) + _MARGIN - _GAP
    sheet = load("PIL.Image").new("RGB", (width, height), _PAPER)
    pen = load("PIL.ImageDraw").Draw(sheet)
    fonts = _Fonts()
    fonts.write(pen, (_MARGIN, _MARGIN - 8), words[0], 22, _INK, width - 2 * _MARGIN)
    fonts.write(pen, (_MARGIN, _MARGIN + 22), words[1], 14, _SOFT, width - 2 * _MARGIN)
    for place, picture in enumerate(pictures):
        line, column = divmod(place, columns)
        x = _MARGIN + column * (_CELL + _GAP)
        y = _MARGIN + _HEAD + line * (_CELL + _CAPTION + _GAP)
        pen.rectangle((x, y, x + _CELL - 1, y + _CELL - 1), _TILE)
        _paste(sheet, views, picture.file, (x, y))
        _caption(pen, fonts, picture, (x, y + _CELL + 6))
    return sheet


def _paste(sheet: Any, views: Views, file: File, corner: tuple[int, int]) -> None:
    thumb = views.of(file).thumb
    if thumb is None:
        return  # an empty place under its number; the page says why
    with load("PIL.Image").open(views.folder / thumb, formats=("JPEG",)) as small:
        small.thumbnail((_CELL, _CELL))
        left = corner[0] + (_CELL - small.width) // 2
        sheet.paste(small, (left, corner[1] + (_CELL - small.height) // 2))


def _caption(
    pen: Any, fonts: _Fonts, picture: _Picture, corner: tuple[int, int]
) -> None:
    number = f"{picture.number}"
    indent = 9 * len(number) + 6
    fonts.write(pen, corner, number, 13, _SOFT, indent)
    words = " ".join(without_secrets(picture.prompt).split())
    x, y = corner
    fonts.write(pen, (x + indent, y), words, 13, _INK, _CELL - indent)


class _Fonts:
    """Writes one line of text in the first font that has all its letters."""

    def __init__(self) -> None:
        self._module = load("PIL.ImageFont")
        self._sizes: dict[int, list[Any]] = {}
        self._letters: dict[tuple[int, str], bool] = {}

    def write(
        self,
        pen: Any,
        corner: tuple[int, int],
        text: str,
        size: int,
        colour: tuple[int, int, int],
        room: int,
    ) -> None:
        """Write `text` on one line, cut to `room` pixels; nothing without a font."""
        font = self._font(text, size)
        if font is not None:
            baseline = (corner[0], corner[1] + size)  # fonts differ in what is above it
            words = _fitted(text, font, room)
            pen.text(baseline, words, font=font, fill=colour, anchor="ls")

    def _font(self, text: str, size: int) -> Any | None:
        if not all(map(_is_simple, text)):
            return None
        if size not in self._sizes:
            self._sizes[size] = [self._module.load_default(size), *self._wide(size)]
        signs = {*text, "…"} - {" "}
        for font in self._sizes[size]:
            if all(self._has(font, sign) for sign in signs):
                return font
        return None

    def _wide(self, size: int) -> Iterator[Any]:
        for name in _WIDE_FONTS:
            try:
                yield self._module.truetype(name, size)
            except OSError:  # not on this system
                continue

    def _has(self, font: Any, sign: str) -> bool:
        """Whether `font` draws `sign` as anything but its box for "no such letter"."""
        place = (id(font), sign)
        if place not in self._letters:
            box, drawn = font.getmask(_NO_LETTER), font.getmask(sign)
            self._letters[place] = (box.size, bytes(box)) != (drawn.size, bytes(drawn))
        return self._letters[place]


def _is_simple(sign: str) -> bool:
    """Whether a letter looks the same wherever it stands, and goes left to right."""
    kind = unicodedata.category(sign)
    right_to_left = unicodedata.bidirectional(sign) in ("R", "AL", "AN", "RLE", "RLO")
    return not (right_to_left or kind in ("Mn", "Mc", "Cs", "Cc", "Cf", "Cn", "So"))


def _fitted(text: str, font: Any, room: int) -> str:
    if font.getlength(text) <= room:
        return text
    while text and font.getlength(f"{text}…") > room:
        text = text[: min(len(text) - 1, int(len(text) * 0.95))]
    return f"{text.rstrip()}…"
