"""Files as a page can show them: thumbnails, and everything that a file may be."""

from __future__ import annotations

import os
import struct
import sys
import zlib
from pathlib import Path

import pytest
from attrs import evolve
from PIL import Image

from liangxin_async.bulk._row import File
from liangxin_async.bulk.gallery import _views
from liangxin_async.bulk.gallery._views import SIDE, THUMBNAILS, View, Views, kind_of
from tests.bulk.gallery_rows import a_file, a_picture


def thumb_of(folder: Path, view: View) -> Image.Image:
    assert view.thumb is not None
    with Image.open(folder / view.thumb) as thumb:
        thumb.load()
        return thumb


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_view_of_a_picture(tmp_path: Path, form: str) -> None:
    """A picture has its size and a smaller picture of the same shape."""
    name = f"cat #1.{form.lower()}"
    file = a_file(tmp_path, name, a_picture(1000, 500, form))
    view = Views(tmp_path).of(file)
    assert (view.kind, view.problem, view.note) == ("picture", None, None)
    assert (view.width, view.height) == (1000, 500)
    assert view.href == f"cat%20%231.{form.lower()}"
    thumb = thumb_of(tmp_path, view)
    assert (thumb.format, thumb.size) == ("JPEG", (SIDE, SIDE // 2))
    left, right = thumb.getpixel((20, 100)), thumb.getpixel((380, 100))
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert left[0] > 200 > 60 > left[2]
    assert right[2] > 200 > 60 > right[0]


def test_view_of_a_small_picture(tmp_path: Path) -> None:
    """Nothing is blown up."""
    view = Views(tmp_path).of(a_file(tmp_path, "a.png", a_picture(30, 20)))
    assert thumb_of(tmp_path, view).size == (30, 20)


@pytest.mark.parametrize(
    ("mode", "colour", "grey"),
    [
        ("RGBA", (255, 0, 0, 0), 214),
        ("LA", (0, 0), 214),
        ("L", 40, 40),
        ("1", 1, 255),
        ("I;16", 0x8080, 128),
    ],
)
def test_view_of_modes(
    tmp_path: Path, mode: str, colour: int | tuple[int, ...], grey: int
) -> None:
    """Transparency, grey, two colours and 16 bits become what an eye would see."""
    content = a_picture(50, 50, mode=mode, colour=colour)
    view = Views(tmp_path).of(a_file(tmp_path, "a.png", content))
    pixel = thumb_of(tmp_path, view).getpixel((25, 25))
    assert isinstance(pixel, tuple)
    assert pixel[0] == pytest.approx(grey, abs=2)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_view_of_a_turned_picture(tmp_path: Path, orientation: int) -> None:
    """A picture is shown as a browser shows it: turned as its EXIF data says."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = a_picture(200, 100, "JPEG", exif=exif.tobytes())
    view = Views(tmp_path).of(a_file(tmp_path, "a.jpg", content))
    size = (100, 200) if orientation >= 5 else (200, 100)
    assert (view.width, view.height) == size
    thumb = thumb_of(tmp_path, view)
    assert thumb.size == size
    red_at = (10, 10) if orientation in (1, 4, 5, 6) else (size[0] - 10, size[1] - 10)
    pixel = thumb.getpixel(red_at)
    assert isinstance(pixel, tuple)
    assert pixel[0] > 180 > 80 > pixel[2]


def test_view_of_a_picture_with_broken_exif(tmp_path: Path) -> None:
    """Remarks that cannot be read do not make the pixels unreadable."""
    content = a_picture(50, 50, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01")
    view = Views(tmp_path).of(a_file(tmp_path, "a.jpg", content))
    assert view.problem is None
    assert view.thumb is not None


# -------------------------------------------------------------------- broken files


def a_bomb() -> bytes:
    """A PNG of some hundred bytes that says it is 100,000 pixels wide and high."""
    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n"
    for kind, body in ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 99))):
        checked = kind + body
        content += struct.pack(">I", len(body)) + checked
        content += struct.pack(">I", zlib.crc32(checked))
    return content


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "unreadable"),
        (b"<html>not a picture</html>", "unreadable (not a picture)"),
        (b"\x89PNG\r\n\x1a\n", "unreadable"),
        (b"\x89PNG\r\n\x1a\n" + b"\xff" * 400, "unreadable"),
        (a_picture(300, 300)[:-200], "unreadable"),
        (a_picture(300, 300, "JPEG")[:-900], "unreadable"),
        (a_picture(300, 300, "WEBP")[:-20], "unreadable"),
        (b"GIF89a" + b"\x01" * 40, "unreadable"),
        (a_bomb(), "too large for a thumbnail (100000 × 100000 pixels)"),
    ],
)
def test_view_of_a_broken_picture(tmp_path: Path, content: bytes, words: str) -> None:
    """Whatever a file holds, the page says so in its place."""
    view = Views(tmp_path).of(a_file(tmp_path, "a.png", content))
    assert view.problem is not None
    assert words in view.problem
    assert str(tmp_path) not in view.problem
    assert view.thumb is None
    assert not (tmp_path / THUMBNAILS).exists() or not list(
        (tmp_path / THUMBNAILS).iterdir()
    )


def test_view_of_pictures_cut_anywhere(tmp_path: Path) -> None:
    """No length of a file makes a decoder break out."""
    for form in ("PNG", "JPEG", "GIF", "WEBP"):
        content = a_picture(40, 40, form)
        for length in range(0, len(content) - 1, 7):
            view = Views(tmp_path).of(a_file(tmp_path, "a.png", content[:length]))
            assert (view.thumb is None) == (view.problem is not None)


def test_view_of_a_missing_file(tmp_path: Path) -> None:
    """A file that is gone is not linked to."""
    view = Views(tmp_path).of(File(name="a.png", size_bytes=1, sha256="0" * 64))
    assert (view.problem, view.href) == ("the file is gone", None)


@pytest.mark.parametrize("name", ["../a.png", "/etc/hostname", "a\0.png", "b/../a.png"])
def test_view_of_a_name_that_leads_out(tmp_path: Path, name: str) -> None:
    """A name that leads out of the folder is neither opened nor linked to."""
    (tmp_path / "out").mkdir()
    a_file(tmp_path, "a.png")
    view = Views(tmp_path / "out").of(File(name=name, size_bytes=1, sha256="0" * 64))
    assert view.problem == "its name leads out of the folder"
    assert (view.href, view.thumb) == (None, None)


@pytest.mark.skipif(sys.platform == "win32", reason="has no pipes in folders")
def test_view_of_a_pipe(tmp_path: Path) -> None:
    """What is no file is not opened: a pipe would wait for ever."""
    os.mkfifo(tmp_path / "a.png")
    view = Views(tmp_path).of(File(name="a.png", size_bytes=1, sha256="0" * 64))
    assert view.problem == "this is no file"


def test_view_of_a_changed_file(tmp_path: Path) -> None:
    """A file of another size than was saved is shown, with a remark."""
    file = a_file(tmp_path, "a.png")
    view = Views(tmp_path).of(evolve(file, size_bytes=7))
    assert view.note == "changed since it was saved (7 bytes then)"
    assert view.thumb is not None


def test_view_of_what_pillow_is_not_asked(tmp_path: Path) -> None:
    """A picture of a kind that only browsers know is linked to as it is."""
    content = b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf"
    view = Views(tmp_path).of(a_file(tmp_path, "a.avif", content))
    assert (view.kind, view.problem, view.thumb) == ("picture", None, None)
    assert view.href == "a.avif"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.PNG", "picture"),
        ("a.b.jpg", "picture"),
        ("a.mp4", "video"),
        ("a.m4a", "audio"),
        ("a.bin", "file"),
        ("a", "file"),
    ],
)
def test_kind_of(name: str, kind: str) -> None:
    """The extension, which the download chose by the first bytes, tells the kind."""
    assert kind_of(name) == kind


# ---------------------------------------------------------------------- keeping


def test_thumbnail_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thumbnail that fits is not made again, and its page is the same."""
    file = a_file(tmp_path, "a.png")
    first = Views(tmp_path).of(file)
    monkeypatch.setattr(_views, "_shrink", None)  # whoever calls it fails
    assert Views(tmp_path).of(file) == first


def test_thumbnail_of_a_newer_file(tmp_path: Path) -> None:
    """A file that was written after its thumbnail gets a new one."""
    file = a_file(tmp_path, "a.png", a_picture(64, 48))
    view = Views(tmp_path).of(file)
    assert view.thumb is not None
    old = (tmp_path / view.thumb).stat().st_mtime_ns - 10**9
    os.utime(tmp_path / view.thumb, ns=(old, old))
    small = evolve(a_file(tmp_path, "a.png", a_picture(20, 20)), sha256=file.sha256)
    assert thumb_of(tmp_path, Views(tmp_path).of(small)).size == (20, 20)


def test_thumbnail_of_another_hash(tmp_path: Path) -> None:
    """A file that was saved anew under its name is another file."""
    first = Views(tmp_path).of(a_file(tmp_path, "a.png", a_picture(64, 48)))
    second = Views(tmp_path).of(a_file(tmp_path, "a.png", a_picture(48, 64)))
    assert first.thumb != second.thumb
    assert thumb_of(tmp_path, second).size == (48, 64)


def test_thumbnail_holds_no_remarks(tmp_path: Path) -> None:
    """What stands beside the pixels of an original is not copied."""
    content = a_picture(64, 64, "JPEG", comment=b"a remark")
    view = Views(tmp_path).of(a_file(tmp_path, "a.jpg", content))
    assert view.thumb is not None
    assert b"a remark" in content
    assert b"a remark" not in (tmp_path / view.thumb).read_bytes()


def test_tidy(tmp_path: Path) -> None:
    """Thumbnails of files that are gone and leftovers of a crash are removed."""
    views = Views(tmp_path)
    view = views.of(a_file(tmp_path, "a.png"))
    assert view.thumb is not None
    for name in ("old.jpg", "torn.part", "keep.txt"):
        (tmp_path / THUMBNAILS / name).write_bytes(b"x")
    views.tidy()
    left = {path.name for path in (tmp_path / THUMBNAILS).iterdir()}
    assert left == {Path(view.thumb).name, "keep.txt"}
    Views(tmp_path / "nowhere").tidy()


def test_thumbnails_that_cannot_be_written(tmp_path: Path) -> None:
    """A folder that takes no thumbnail is an error, not a broken tile."""
    (tmp_path / THUMBNAILS).write_bytes(b"a file, not a folder")
    with pytest.raises(OSError):
        Views(tmp_path).of(a_file(tmp_path, "a.png"))


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_view_of_a_picture_that_is_elsewhere(tmp_path: Path, form: str) -> None:
    """Its thumbnail stays and knows the size; the link leads to where the page goes."""
    name = f"a.{form.lower()}"
    file = a_file(tmp_path, name, a_picture(1000, 500, form))
    before = Views(tmp_path).of(file)
    (tmp_path / name).unlink()
    views = Views(tmp_path, elsewhere=True)
    assert views.of(file) == before
    views.tidy()
    assert thumb_of(tmp_path, before).size == (SIDE, SIDE // 2)
    assert Views(tmp_path).of(file).problem == "the file is gone"


@pytest.mark.parametrize("harm", ["none", "no picture", "no note", "other picture"])
def test_view_of_a_picture_that_is_elsewhere_without_a_good_thumbnail(
    tmp_path: Path, harm: str
) -> None:
    """It is shown all the same, as far as is known: the browser loads the whole one."""
    file = a_file(tmp_path, "a.png", a_picture(100, 50))
    thumb = Views(tmp_path).of(file).thumb
    assert thumb is not None
    (tmp_path / "a.png").unlink()
    path = tmp_path / thumb
    path.unlink()
    if harm == "no picture":
        path.write_bytes(b"not a picture")
    elif harm == "no note":
        path.write_bytes(a_picture(100, 50, "JPEG"))
    elif harm == "other picture":
        path.write_bytes(b"\x00\x00\x00\x1cftypavif" + bytes(20))
    view = Views(tmp_path, elsewhere=True).of(file)
    assert (view.kind, view.href, view.problem) == ("picture", "a.png", None)
    assert (view.width, view.height) == (None, None)
    assert (view.thumb is None) == (harm != "no note")
