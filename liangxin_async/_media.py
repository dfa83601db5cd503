"""What a file is, whether it is whole, and what it may be called.

Pure: bytes, file objects and text in, values out. The type comes from the first
bytes and never from the URL; a content type is believed only for video and audio.

A body that ends when the connection closes looks complete wherever it was cut
(reliability.md 3.3), so the end is looked for by walking the structure of the file:
a JPEG may hold a thumbnail with an end mark of its own, and files with something
after their end are common. Nothing is decoded.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

HEAD = 512  # bytes of a file that `recognise` wants to see
_BLOCK = 64 * 1024

# ------------------------------------------------------------------------ type

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
)
_BRANDS = {
    b"avif": "avif",
    b"avis": "avif",
    b"heic": "heic",
    b"heix": "heic",
    b"mif1": "heic",
    b"qt  ": "mov",
    b"M4A ": "m4a",
}
_BY_CONTENT_TYPE = {
    "audio/aac": "aac",
    "audio/flac": "flac",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "video/mp2t": "ts",
    "video/mpeg": "mpg",
    "video/ogg": "ogv",
    "video/x-matroska": "mkv",
    "video/x-msvideo": "avi",
}


MOST_OF_A_PICTURE = 64 * 1024 * 1024  # bytes, decoded (reliability.md 3.3)
# Ours: no source gives one, and a minute of 4K video may well be larger than a picture.
MOST_OF_A_FILM = 1024 * 1024 * 1024


def largest(kind: str | None, content_type: str) -> int:
    """Return how many bytes a file may have.

    Args:
        kind: what its model makes, "image" or "video"; None where nobody knows, and
            then the server's word counts.
        content_type: what the server calls it.
    """
    said = _kind_of(content_type).startswith(("video/", "audio/"))
    is_film = kind == "video" or (kind is None and said)
    return MOST_OF_A_FILM if is_film else MOST_OF_A_PICTURE


def _kind_of(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def recognise(head: bytes, content_type: str) -> str | None:
    """Return the extension of what begins with `head`, or None for "no media".

    Args:
        head: the first bytes, `HEAD` of them where there are that many.
        content_type: what the server calls it; only `video/...` and `audio/...`
            count, and only for bytes that are neither a known format nor text.

    Returns:
        `"png"`, `"jpg"`, `"mp4"` and the like, from a fixed list; `"bin"` for video or
        audio of a kind that is not on it.
    """
    found = _sniff(head)
    if found is not None:
        return found
    kind = _kind_of(content_type)
    if kind.startswith(("video/", "audio/")) and not _reads_as_text(head):
        return _BY_CONTENT_TYPE.get(kind, "bin")
    return None


def _sniff(head: bytes) -> str | None:
    for magic, extension in _MAGIC:
        if head.startswith(magic):
            return extension
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "mp4")
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "webm" if b"webm" in head else "mkv"
    return None


def _reads_as_text(head: bytes) -> bool:
    """Whether this looks like the start of HTML, XML or JSON."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"<", b"{", b"[")


# ------------------------------------------------------------------- end marks


def is_whole(extension: str, file: BinaryIO) -> bool | None:
    """Return whether `file` reaches its end mark; None where its kind shows no end.

    Bytes after the end mark do no harm.

    Args:
        extension: what `recognise` returned for it.
        file: readable and seekable; it is read from its start.
    """
    walk = _WALKS.get(extension)
    if walk is None:
        return None
    file.seek(0)
    try:
        return walk(file)
    except EOFError:
        return False


def _take(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise EOFError
    return data


def _walk_png(file: BinaryIO) -> bool:
    _take(file, 8)
    while True:
        length, kind = struct.unpack(">I4s", _take(file, 8))
        if kind == b"IEND":
            _take(file, length + 4)  # its checksum is the last thing of the file
            return True
        file.seek(length + 4, io.SEEK_CUR)


# Any marker but those that stand inside picture data: FF00 (a stuffed FF) and the
# restarts FFD0 to FFD7. FFFF is filling before a marker.
_JPEG_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")


def _walk_jpeg(file: BinaryIO) -> bool:
    _take(file, 2)
    while (marker := _next_marker(file)) != 0xD9:
        if marker in (0x01, 0xD8):  # these two have no content
            continue
        (length,) = struct.unpack(">H", _take(file, 2))
        file.seek(max(0, length - 2), io.SEEK_CUR)
    return True


def _next_marker(file: BinaryIO) -> int:
    """Return the code of the next marker and leave `file` right behind it."""
    window = b""
    while block := file.read(_BLOCK):
        window = window[-1:] + block  # a marker may lie across two blocks
        found = _JPEG_MARKER.search(window)
        if found is not None:
            file.seek(found.end() - len(window), io.SEEK_CUR)
            return window[found.end() - 1]
    raise EOFError


def _walk_gif(file: BinaryIO) -> bool:
    flags = _take(file, 13)[10]
    _skip_palette(file, flags)
    while (block := _take(file, 1)) != b";":
        if block == b"!":  # extension: a label, then its data
            _take(file, 1)
        elif block == b",":  # picture: descriptor, palette, code size, then its data
            _skip_palette(file, _take(file, 9)[8])
            _take(file, 1)
        else:
            return False
        while length := _take(file, 1)[0]:
            file.seek(length, io.SEEK_CUR)
    return True


def _skip_palette(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        file.seek(3 << ((flags & 7) + 1), io.SEEK_CUR)


def _walk_webp(file: BinaryIO) -> bool:
    (length,) = struct.unpack("<4xI", _take(file, 8))
    return file.seek(0, io.SEEK_END) >= int(length) + 8


def _walk_boxes(file: BinaryIO) -> bool | None:
    """Boxes of MP4 and its kin: each must be there in full, the needful ones at all."""
    end = file.seek(0, io.SEEK_END)
    position, seen = 0, set()
    while position < end:
        file.seek(position)
        length, kind = struct.unpack(">I4s", _take(file, 8))
        if length == 0:  # "up to the end of the file", which could be anywhere
            return None
        if length == 1:
            (length,) = struct.unpack(">Q", _take(file, 8))
        if length < 8:
            return False
        position += length
        seen.add(kind)
    # A cut between two boxes shows only in what is missing.
    has_index = b"moov" in seen or b"meta" in seen
    return position == end and has_index and b"mdat" in seen


_WALKS: dict[str, Callable[[BinaryIO], bool | None]] = {
    "png": _walk_png,
    "jpg": _walk_jpeg,
    "gif": _walk_gif,
    "webp": _walk_webp,
    **dict.fromkeys(("mp4", "mov", "m4a", "avif", "heic"), _walk_boxes),
}

# ----------------------------------------------------------------------- names

STEM_LIMIT = 100  # bytes; leaves room for number and extension in every file system
_DIGEST = 12  # hexadecimal digits
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
_RESERVED = frozenset(  # Windows keeps these, with any extension
    ["CON", "PRN", "AUX", "NUL"]
    + [f"{port}{number}" for port in ("COM", "LPT") for number in range(10)]
)


def safe_stem(text: str, *, unicode_letters: bool = False) -> str:
    """Return a file name without extension that says `text` and is safe anywhere.

    Letters, digits, `.`, `_` and `-`; neither hidden nor an option nor a Windows
    device; 1 to `STEM_LIMIT` bytes. A text that is all that already comes back as it
    is; any other gets a digest of itself at its end, so two texts never meet.

    Args:
        text: anything, for example a task id.
        unicode_letters: whether letters, marks and digits of every script stay, and
            single spaces within.
    """
    normal = unicodedata.normalize("NFC", text) if unicode_letters else text
    kept = "".join(c if _may_stay(c, unicode_letters) else "_" for c in normal)
    if kept == normal and _is_good_stem(kept):
        return kept
    digest = hashlib.sha256(normal.encode("utf-8", "surrogatepass")).hexdigest()
    room = STEM_LIMIT - _DIGEST - 1
    words = re.sub("[_ ]*_[_ ]*", "_", kept).strip("._- ")
    if _is_reserved(words):
        words = f"file_{words}"
    words = re.sub("  +", " ", words)
    words = words.encode()[:room].decode(errors="ignore").rstrip(" ") or "file"
    return f"{words}-{digest[:_DIGEST]}"


def _may_stay(character: str, unicode_letters: bool) -> bool:
    if character in _PLAIN:
        return True
    if not unicode_letters:
        return False
    category = unicodedata.category(character)
    return character == " " or category[0] in "LM" or category == "Nd"


def _is_good_stem(stem: str) -> bool:
    return (
        0 < len(stem.encode()) <= STEM_LIMIT
        and stem[0] not in ".- "
        and stem[-1] not in ". "
        and "  " not in stem
        and not _is_reserved(stem)
    )


def _is_reserved(stem: str) -> bool:
    return stem.partition(".")[0].strip().upper() in _RESERVED


def numbered(stem: str, position: int, count: int) -> str:
    """Return the stem of file `position` (from 0) of `count`: `stem`, or `stem_<n>`.

    Not with a hyphen, which stems end with themselves: `cat-2` may be another's file.
    """
    return stem if count == 1 else f"{stem}_{position + 1}"
