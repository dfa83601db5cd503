"""What a file is, whether it is whole, what it may be called (faults 47 and 49)."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liangxin_async._media import (
    HEAD,
    STEM_LIMIT,
    is_whole,
    largest,
    numbered,
    recognise,
    safe_stem,
)

Image = pytest.importorskip("PIL.Image")


def _picture(form: str, **options: object) -> bytes:
    image = Image.effect_noise((40, 24), 90).convert("RGB")
    kept = io.BytesIO()
    image.save(kept, form, **options)
    return kept.getvalue()


def _jpeg_with_thumbnail() -> bytes:
    """A JPEG whose header holds a whole small JPEG, with an end mark of its own."""
    inside = b"Exif\0\0" + _picture("JPEG", quality=20)
    segment = b"\xff\xe1" + struct.pack(">H", len(inside) + 2) + inside
    plain = _picture("JPEG")
    return plain[:2] + segment + plain[2:]


def _animation() -> bytes:
    frames = [Image.effect_noise((16, 16), 60).convert("P") for _ in range(3)]
    kept = io.BytesIO()
    frames[0].save(kept, "GIF", save_all=True, append_images=frames[1:])
    return kept.getvalue()


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content


MP4 = (
    _box(b"ftyp", b"isom\0\0\0\0mp42")
    + _box(b"moov", b"\0" * 40)
    + struct.pack(">I4sQ", 1, b"mdat", 16 + 50)
    + b"\1" * 50
)

WHOLE = {
    "png": [_picture("PNG")],
    "jpg": [
        _picture("JPEG"),
        _picture("JPEG", progressive=True),
        _picture("JPEG", quality=95, subsampling=0),
        _jpeg_with_thumbnail(),
    ],
    "gif": [_picture("GIF"), _animation()],
    "webp": [_picture("WEBP"), _picture("WEBP", lossless=True)],
    "mp4": [MP4],
}
SAMPLES = [(kind, data) for kind, several in WHOLE.items() for data in several]
IDS = [f"{kind}{number}" for number, (kind, _) in enumerate(SAMPLES)]


@pytest.mark.parametrize(("extension", "data"), SAMPLES, ids=IDS)
def test_recognise_by_first_bytes(extension: str, data: bytes) -> None:
    """The bytes name the type, whatever the server calls it."""
    for content_type in ("", "text/html", "application/json", "video/mpeg"):
        assert recognise(data[:HEAD], content_type) == extension


@pytest.mark.parametrize(("extension", "data"), SAMPLES, ids=IDS)
def test_is_whole_file(extension: str, data: bytes) -> None:
    """A whole file has its end mark."""
    assert is_whole(extension, io.BytesIO(data)) is True


@pytest.mark.parametrize(("extension", "data"), SAMPLES, ids=IDS)
def test_is_whole_cut_anywhere(extension: str, data: bytes) -> None:
    """A file cut at any place is noticed, also inside or right after a thumbnail."""
    passed = [n for n in range(len(data)) if is_whole(extension, io.BytesIO(data[:n]))]
    assert passed == []


@pytest.mark.parametrize("tail", [b"\0" * 7, b"\r\n", b"\xff" * 3, b"camera notes"])
@pytest.mark.parametrize(
    ("extension", "data"), [s for s in SAMPLES if s[0] != "mp4"], ids=IDS[:-1]
)
def test_is_whole_padded(extension: str, data: bytes, tail: bytes) -> None:
    """Bytes after the end mark do no harm."""
    assert is_whole(extension, io.BytesIO(data + tail)) is True


def test_is_whole_end_mark_across_blocks() -> None:
    """A JPEG end mark that lies across two reads is found."""
    header = b"\xff\xd8\xff\xda\x00\x02"
    for size in range(65520, 65545):
        data = header + b"\x11" * size + b"\xff\xd9"
        assert is_whole("jpg", io.BytesIO(data)) is True
        assert is_whole("jpg", io.BytesIO(data[:-1])) is False


def test_is_whole_box_without_length() -> None:
    """A last box that reaches "to the end" cannot be told from a cut one."""
    data = _box(b"ftyp", b"isom") + struct.pack(">I4s", 0, b"mdat") + b"x" * 20
    assert is_whole("mp4", io.BytesIO(data)) is None


def test_is_whole_box_of_nonsense_length() -> None:
    """A box shorter than its own header is no end, and no endless loop."""
    data = _box(b"ftyp", b"isom") + struct.pack(">I4s", 3, b"mdat") + b"x" * 20
    assert is_whole("mp4", io.BytesIO(data)) is False


def test_is_whole_gif_of_unknown_block() -> None:
    """A block that GIF does not know is no end, and no endless loop."""
    gif = b"GIF89a\1\0\1\0\0\0\0"
    assert is_whole("gif", io.BytesIO(gif + b"?" * 50)) is False


def test_is_whole_jpeg_with_bare_markers() -> None:
    """Markers without content, and filling before a marker, are passed over."""
    data = b"\xff\xd8\xff\xd8\xff\x01\xff\xff\xff\xda\x00\x02\x11\xff\x00\xff\xd0"
    assert is_whole("jpg", io.BytesIO(data)) is False
    assert is_whole("jpg", io.BytesIO(data + b"\xff\xd9")) is True


@pytest.mark.parametrize("extension", ["webm", "mkv", "mp3", "bin"])
def test_is_whole_no_end_mark(extension: str) -> None:
    """Where the kind shows no end, the answer is None and not a guess."""
    assert is_whole(extension, io.BytesIO(b"x" * 100)) is None


@pytest.mark.parametrize(
    ("head", "content_type", "extension"),
    [
        (_box(b"ftyp", b"avif\0\0\0\0"), "", "avif"),
        (_box(b"ftyp", b"heic\0\0\0\0"), "", "heic"),
        (_box(b"ftyp", b"qt  \0\0\0\0"), "", "mov"),
        (b"\x1aE\xdf\xa3\x01\x00B\x82\x84webm", "", "webm"),
        (b"\x1aE\xdf\xa3\x01\x00B\x82\x88matroska", "", "mkv"),
        (b"ID3\x04", "audio/mpeg", "mp3"),
        (b"\x47\x40\x00", "Video/MP2T; charset=binary", "ts"),
        (b"\x00\x01", "video/x-unheard-of", "bin"),
    ],
)
def test_recognise_media(head: bytes, content_type: str, extension: str) -> None:
    """Video and audio are known by their bytes, or else by a listed content type."""
    assert recognise(head, content_type) == extension


@pytest.mark.parametrize("content_type", ["image/png", "text/html", "video/mp4", ""])
@pytest.mark.parametrize(
    "head",
    [
        b"<!DOCTYPE html><html>",
        b"\xef\xbb\xbf\r\n <html>",
        b'{"error": "gone"}',
        b"[1]",
        b"<?xml version='1.0'?><Error/>",
    ],
)
def test_recognise_text(head: bytes, content_type: str) -> None:
    """A page, an XML error or JSON is no media, whatever the server calls it."""
    assert recognise(head, content_type) is None


@pytest.mark.parametrize("content_type", ["image/png", "application/octet-stream", ""])
def test_recognise_unknown(content_type: str) -> None:
    """Unknown bytes are no picture, even under a picture's content type."""
    assert recognise(b"\x00\x01\x02\x03", content_type) is None


@given(st.sampled_from(sorted(WHOLE)), st.binary(max_size=200), st.data())
def test_is_whole_of_noise(extension: str, noise: bytes, data: st.DataObject) -> None:
    """Damaged files end in True, False or None; nothing hangs or raises."""
    sample = data.draw(st.sampled_from(WHOLE[extension]))
    cut = data.draw(st.integers(0, len(sample)))
    verdict = is_whole(extension, io.BytesIO(sample[:cut] + noise))
    assert verdict in (True, False, None)


def test_is_whole_png_of_many_chunks() -> None:
    """A PNG is walked chunk by chunk, and a chunk that claims 2 GiB ends the walk."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"\0" * 13)
    data = start + chunk(b"IDAT", b"IEND") * 500
    assert is_whole("png", io.BytesIO(data + chunk(b"IEND", b""))) is True
    assert is_whole("png", io.BytesIO(data)) is False
    huge = data + struct.pack(">I4s", 2**31, b"IDAT")
    assert is_whole("png", io.BytesIO(huge)) is False


# ----------------------------------------------------------------------- names


@pytest.mark.parametrize(
    "text",
    ["task_z-image_1777600000000", "0af3", "a.b", "_x", "com", "CONSOLE", "x" * 100],
)
def test_safe_stem_unchanged(text: str) -> None:
    """An id that is a safe name already is the name."""
    assert safe_stem(text) == text


ATTACKS = [
    "",
    ".",
    "..",
    "...",
    "../../x",
    "/etc/passwd",
    "C:\\x",
    "a/b",
    "a\\b",
    "a\0b",
    "a\r\nb",
    "-rf",
    ".hidden",
    "CON",
    "nul",
    "Com1",
    "LPT9.tar",
    "aux.png",
    "x.",
    "x ",
    "a:stream",
    "a*?b",
    "🦊",
    "картинка",
    "x" * 101,
    "x" * 10_000,
    "\ud800",
    "\u202egnp.exe",
]


@pytest.mark.parametrize("text", ATTACKS)
@pytest.mark.parametrize("unicode_letters", [False, True])
def test_safe_stem_attack(text: str, unicode_letters: bool) -> None:
    """Whatever comes in, a name comes out that is safe in every folder."""
    stem = safe_stem(text, unicode_letters=unicode_letters)
    _assert_safe(stem)
    assert unicode_letters or (stem.isascii() and " " not in stem)


def _assert_safe(stem: str) -> None:
    assert 0 < len(stem.encode()) <= STEM_LIMIT
    assert stem[0] not in ".- "
    assert stem[-1] not in ". "
    assert "  " not in stem
    assert all(c.isalnum() or c in "._- " or ord(c) > 127 for c in stem)
    base = stem.split(".")[0].strip().upper()
    assert base not in {"CON", "PRN", "AUX", "NUL"}
    assert not (len(base) == 4 and base[:3] in ("COM", "LPT"))


def test_safe_stem_attacks_stay_apart() -> None:
    """Texts that would all become the same name keep names of their own."""
    stems = {safe_stem(text) for text in ATTACKS}
    assert len(stems) == len(ATTACKS)


@given(st.text(max_size=300), st.booleans())
def test_safe_stem_any_text(text: str, unicode_letters: bool) -> None:
    """Every text has a safe name, and that name is its own safe name."""
    stem = safe_stem(text, unicode_letters=unicode_letters)
    _assert_safe(stem)
    assert safe_stem(stem, unicode_letters=unicode_letters) == stem


def test_safe_stem_keeps_letters_of_users() -> None:
    """A name that the user chose keeps its script; one form of it, where two exist."""
    assert safe_stem("кафе-Zürich_東京", unicode_letters=True) == "кафе-Zürich_東京"
    assert safe_stem("my picture 2", unicode_letters=True) == "my picture 2"
    composed, decomposed = "Z\u00fcrich", "Zu\u0308rich"
    assert safe_stem(decomposed, unicode_letters=True) == composed


def test_numbered() -> None:
    """One file bears the stem; several are numbered from 1."""
    assert numbered("a", 0, 1) == "a"
    assert [numbered("a", n, 3) for n in range(3)] == ["a_1", "a_2", "a_3"]


@pytest.mark.parametrize(
    ("kind", "content_type", "mebibytes"),
    [
        (None, "image/png", 64),
        (None, "", 64),
        (None, "application/octet-stream", 64),
        (None, "video/mp4", 1024),
        (None, "Video/MP4; codecs=avc1", 1024),
        (None, "audio/mpeg", 1024),
        ("video", "application/octet-stream", 1024),
        ("video", "image/png", 1024),
        ("image", "video/mp4", 64),
        ("image", "image/png", 64),
    ],
)
def test_largest_file_by_kind_and_content_type(
    kind: str | None, content_type: str, mebibytes: int
) -> None:
    """A film may be larger than a picture; a picture's server cannot say otherwise."""
    assert largest(kind, content_type) == mebibytes * 1024 * 1024
