"""The page at the end of a batch, and `gallery`, which makes it again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from liangxin_async.emulator import Emulator
from tests.cli.batch_tools import write_lines
from tests.cli.conftest import Run

Use = Callable[..., AbstractContextManager[Emulator]]
MADE = ("index.html", "contact-sheet.jpg")


def test_batch_writes_page_and_sheet(run: Run, use: Use, here: Path) -> None:
    """They show what was made, and the summary says where to look."""
    with use():
        done = run("batch", write_lines(here, 3), "-o", "out")
    assert "to look at        out/index.html" in done.out
    page = (here / "out/index.html").read_text()
    assert all(f"k{n}-cat-{n}.png" in page for n in range(3))
    assert (here / "out/contact-sheet.jpg").read_bytes()[:2] == b"\xff\xd8"


def test_gallery_builds_both_again(run: Run, use: Use, here: Path) -> None:
    """From the journal alone, without a key; paths are printed."""
    with use():
        line = ("batch", write_lines(here, 2), "-o", "out", "--no-gallery")
        assert run(*line).code == 0
    assert not any((here / "out" / name).exists() for name in MADE)
    assert run("gallery", "out").out.splitlines() == [f"out/{name}" for name in MADE]
    assert all((here / "out" / name).stat().st_size for name in MADE)
    done = run("gallery", "out", "--json")
    assert json.loads(done.out) == {
        "page": "out/index.html",
        "contact_sheet": "out/contact-sheet.jpg",
    }


def test_gallery_of_failures_only(run: Run, use: Use, here: Path) -> None:
    """A page without a picture is a page; there is no sheet of nothing."""
    with use(failures=[{}]):
        assert run("batch", write_lines(here, 1), "-o", "out").code == 5
    done = run("gallery", "out")
    assert (done.code, done.out) == (0, "out/index.html\n")


def test_gallery_without_a_journal(run: Run, here: Path) -> None:
    """A folder that no batch wrote is one sentence and 9."""
    done = run("gallery", "nope")
    assert (done.code, done.out) == (9, "")
    assert "there is no journal at" in done.err
    assert not (here / "nope").exists()


def test_gallery_without_its_extra(
    run: Run, use: Use, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch without Jinja2 has one note more and no failure; the command ends in 2."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with use():
        done = run("batch", write_lines(here, 1), "-o", "out")
    assert done.code == 0
    (note,) = [line for line in done.err.splitlines() if "gallery" in line]
    assert "pip install 'liangxin-async[gallery]'" in note
    assert "to look at" not in done.out
    assert run("gallery", "out").code == 2


def test_gallery_folder_that_takes_no_files(run: Run, use: Use, here: Path) -> None:
    """What cannot be written is one sentence and 5."""
    with use():
        line = ("batch", write_lines(here, 1), "-o", "out", "--no-gallery")
        assert run(*line).code == 0
    (here / "out/index.html").mkdir()
    (here / "out/index.html/full").write_text("")
    done = run("gallery", "out")
    assert (done.code, done.out) == (5, "")
    assert done.err.startswith("liangxin: out: ")
