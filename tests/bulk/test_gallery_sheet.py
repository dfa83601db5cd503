"""The contact sheet: how many pictures, which, and how large it gets."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from liangxin_async.bulk._row import File
from liangxin_async.bulk.gallery import _sheet, write_contact_sheet
from tests.bulk.gallery_rows import ATTACKS, a_file, a_picture, a_row


def opened(path: Path | None) -> Image.Image:
    assert path is not None
    with Image.open(path) as sheet:
        sheet.load()
        return sheet


def is_paper(sheet: Image.Image, at: tuple[int, int]) -> bool:
    pixel = sheet.getpixel(at)
    assert isinstance(pixel, tuple)
    return min(pixel) > 235


def test_sheet_of_one_picture(tmp_path: Path) -> None:
    """A picture is in its place, and its neighbours' places are free."""
    file = a_file(tmp_path, "a.png", a_picture(400, 400))
    path = write_contact_sheet(tmp_path, [a_row(1, files=(file,))])
    assert path == tmp_path / "contact-sheet.jpg"
    sheet = opened(path)
    assert sheet.format == "JPEG"
    left, right = sheet.getpixel((60, 200)), sheet.getpixel((210, 200))
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert left[0] > 200 > 60 > left[2]
    assert right[2] > 200 > 60 > right[0]
    assert is_paper(sheet, (340, 200))


def test_sheet_without_pictures(tmp_path: Path) -> None:
    """No picture, no sheet: not even an old one."""
    (tmp_path / "contact-sheet.jpg").write_bytes(b"old")
    film = a_file(tmp_path, "a.mp4", b"film")
    assert write_contact_sheet(tmp_path, [a_row(1), a_row(2, files=(film,))]) is None
    assert not (tmp_path / "contact-sheet.jpg").exists()


def test_sheet_of_broken_pictures(tmp_path: Path) -> None:
    """Files that are broken, gone or outside leave their place empty."""
    broken = a_file(tmp_path, "a.png", b"no picture")
    gone = File(name="b.png", size_bytes=1, sha256="0" * 64)
    outside = File(name="../c.png", size_bytes=1, sha256="0" * 64)
    rows = [a_row(n, files=(file,)) for n, file in enumerate((broken, gone, outside))]
    assert is_paper(opened(write_contact_sheet(tmp_path, rows)), (60, 200))


@pytest.mark.parametrize("count", [1, 2, 12, 101, 1000])
def test_sheet_is_bounded(tmp_path: Path, count: int) -> None:
    """A sheet never grows beyond 2,100 by 2,520 pixels."""
    file = a_file(tmp_path, "a.png", a_picture(30, 30))
    rows = (a_row(n, files=(file,)) for n in range(count))
    width, height = opened(write_contact_sheet(tmp_path, rows)).size
    assert width <= 2100
    assert height <= 2520


@pytest.mark.parametrize("prompt", [*ATTACKS, "", "一只橘猫", "emoji 🐈 and ñ", None])
def test_sheet_of_any_prompt(tmp_path: Path, prompt: str | None) -> None:
    """No prompt breaks a caption, and none runs out of its place."""
    file = a_file(tmp_path, "a.png", a_picture(30, 30))
    sheet = opened(
        write_contact_sheet(tmp_path, [a_row(1, prompt=prompt, files=(file,))])
    )
    assert all(is_paper(sheet, (x, y)) for x in range(230, 240) for y in range(96, 330))


def test_sheet_is_the_same_for_the_same_run(tmp_path: Path) -> None:
    """Equal rows and pictures give equal bytes."""
    rows = [a_row(n, files=(a_file(tmp_path, f"{n}.png"),)) for n in range(3)]
    first = write_contact_sheet(tmp_path, rows)
    assert first is not None
    content = first.read_bytes()
    write_contact_sheet(tmp_path, rows)
    assert first.read_bytes() == content


@pytest.mark.parametrize("count", [0, 1, 100, 101, 199, 200, 250, 777, 5000])
def test_spread_is_even(count: int) -> None:
    """Of many pictures some are chosen that lie evenly over the run."""
    spread = _sheet._Spread(100)
    for _ in range(count):
        spread.add(File(name="a.png", size_bytes=1, sha256=""), "")
    numbers = [picture.number for picture in spread.chosen()]
    assert spread.count == count
    assert len(numbers) == min(count, 100)
    assert numbers == sorted(set(numbers))
    if count > 100:
        steps = [later - sooner for sooner, later in pairwise(numbers)]
        assert numbers[0] == 1
        assert max(steps) <= 2 * count / 100 + 1
        assert count - numbers[-1] <= 4 * count / 100
