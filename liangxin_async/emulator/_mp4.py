"""A video of one still picture: an MP4 file of the fewest boxes that players take.

The one sample is a JPEG, declared as such (object type 0x6C of MPEG-4 Systems), and is
shown for `SECONDS`. Enough to be recognised, and to be shown by players that know JPEG
in MP4; it is no real video. Box layouts follow ISO/IEC 14496-12 and -14.
"""

from __future__ import annotations

import struct
from typing import Final

from liangxin_async.emulator import _jpeg
from liangxin_async.emulator._page import Page

SECONDS: Final = 2
_SCALE: Final = 1000  # units of time per second
_DURATION: Final = SECONDS * _SCALE
_MATRIX: Final = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
_UNDETERMINED: Final = 0x55C4  # the language "und", three letters of 5 bits


def encode(page: Page) -> bytes:
    """Return a video that shows `page`, whole."""
    sample = _jpeg.encode(page)
    head = _box(b"ftyp", b"isom", _u32(512), b"isommp41")
    # The sample's place in the file depends on the size of moov, not on its content.
    size = len(_moov(page, len(sample), 0))
    moov = _moov(page, len(sample), len(head) + size + 8)
    return head + moov + _box(b"mdat", sample)


def _moov(page: Page, size: int, place: int) -> bytes:
    movie = _full(
        b"mvhd",
        _u32(0, 0, _SCALE, _DURATION, 1 << 16),
        struct.pack(">HHQ", 0x0100, 0, 0),
        _MATRIX,
        _u32(0, 0, 0, 0, 0, 0, 2),
    )
    return _box(b"moov", movie, _track(page, size, place))


def _track(page: Page, size: int, place: int) -> bytes:
    header = _full(
        b"tkhd",
        _u32(0, 0, 1, 0, _DURATION, 0, 0, 0, 0),
        _MATRIX,
        _u32(page.width << 16, page.height << 16),
        flags=7,
    )
    media = _box(
        b"mdia",
        _full(
            b"mdhd", _u32(0, 0, _SCALE, _DURATION), struct.pack(">HH", _UNDETERMINED, 0)
        ),
        _full(b"hdlr", _u32(0), b"vide", bytes(12), b"still\0"),
        _box(
            b"minf",
            _full(b"vmhd", bytes(8), flags=1),
            _box(b"dinf", _full(b"dref", _u32(1), _full(b"url ", flags=1))),
            _samples(page, size, place),
        ),
    )
    return _box(b"trak", header, media)


def _samples(page: Page, size: int, place: int) -> bytes:
    shape = struct.pack(">HHIIIH", page.width, page.height, 72 << 16, 72 << 16, 0, 1)
    entry = _box(
        b"mp4v",
        struct.pack(">6xH16x", 1),
        shape,
        bytes(32),
        struct.pack(">Hh", 24, -1),
        _full(b"esds", _stream(size)),
    )
    return _box(
        b"stbl",
        _full(b"stsd", _u32(1), entry),
        _full(b"stts", _u32(1, 1, _DURATION)),
        _full(b"stsc", _u32(1, 1, 1, 1)),
        _full(b"stsz", _u32(size, 1)),
        _full(b"stco", _u32(1, place)),
    )


def _stream(size: int) -> bytes:
    """Return the descriptors that say: a visual stream of JPEG pictures."""
    # 0x11 is a visual stream, upstream flag off, reserved bit on.
    config = _described(4, struct.pack(">BBxHII", 0x6C, 0x11, size & 0xFFFF, 0, 0))
    return _described(3, struct.pack(">HB", 1, 0), config, _described(6, b"\x02"))


def _described(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return bytes((tag, len(body))) + body


def _u32(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)


def _box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return _u32(len(body) + 8) + name + body


def _full(name: bytes, *parts: bytes, flags: int = 0) -> bytes:
    return _box(name, _u32(flags), *parts)
