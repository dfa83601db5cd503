"""`batch -o s3://...` against moto and the emulator."""

from __future__ import annotations

import json
import shlex
import struct
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from liangxin_async.emulator import Emulator
from tests.bulk.store_tools import KEY_ID, SECRET, Moto, bucket, moto, server
from tests.cli.batch_tools import told, write_lines
from tests.cli.conftest import Run

__all__ = ["bucket", "moto", "server"]  # fixtures of the store

Use = Callable[..., AbstractContextManager[Emulator]]


def test_batch_into_a_store_with_a_page(
    run: Run, use: Use, here: Path, moto: Moto, bucket: str
) -> None:
    """Pictures, thumbnails, manifest, page and contact sheet are in the bucket; the
    same command again recognises all."""
    name, url = write_lines(here, 3), f"s3://{bucket}/spring"
    with use() as emulator:
        done = run("batch", name, "-o", url)
        again = run("batch", name, "-o", url)
        assert emulator.ledger.posts == 3
    assert (done.code, again.code) == (0, 0)
    (work,) = here.glob("liangxin-s3-*")
    assert f"files go to {url}; " in done.err
    assert work.name in done.err
    assert done.out.startswith(f"3 requests saved in {url} in ")
    assert f"to look at        {url}/index.html" in done.out
    assert f"{work.name} holds an earlier run: 3 saved" in again.err
    assert again.out.startswith(f"nothing new was saved in {url}\n")
    names = [name.removeprefix("spring/") for name in moto.names(bucket)]
    pictures = {f"k{n}-cat-{n}.png" for n in range(3)}
    about = {"manifest.jsonl", "index.html", "contact-sheet.jpg"}
    thumbs = {name for name in names if name.startswith(".thumbnails/")}
    assert set(names) == pictures | about | thumbs
    assert len(thumbs) == 3
    page = moto.read(bucket, "spring/index.html").decode()
    assert all(f'"{thumb}"' in page for thumb in thumbs)
    assert all(f'"href":"{picture}"' in page for picture in pictures)
    png = moto.read(bucket, "spring/k0-cat-0.png")
    width, height = struct.unpack(">II", png[16:24])
    assert f'"width":{width},"height":{height}' in page  # though it is not here
    assert "is gone" not in page
    assert f"<title>{url}" in page
    assert moto.read(bucket, "spring/contact-sheet.jpg")[:3] == b"\xff\xd8\xff"
    assert not list(work.glob("*.png"))
    for secret in (SECRET, KEY_ID):
        assert secret not in done.out + done.err + again.out + again.err


def test_batch_into_a_store_as_json(
    run: Run, use: Use, here: Path, moto: Moto, bucket: str
) -> None:
    """Events name the store, the work folder, and each object."""
    name, url = write_lines(here, 1), f"s3://{bucket}"
    with use():
        done = run("batch", name, "-o", url, "--work", "w", "--json", "--no-gallery")
    assert done.code == 0
    (started,) = told(done.out, "started")
    assert (started["store"], started["folder"]) == (url, "w")
    (item,) = told(done.out, "item")
    assert item["files"] == [f"{url}/k0-cat-0.png"]
    assert set(moto.names(bucket)) == {"k0-cat-0.png", "manifest.jsonl"}


def test_batch_into_a_store_without_pillow(
    run: Run,
    use: Use,
    here: Path,
    moto: Moto,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All but the page is there, and a note says what the page needs."""
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    name = write_lines(here, 1)
    with use():
        done = run("batch", name, "-o", f"s3://{bucket}", "--work", "w")
    assert done.code == 0
    assert "liangxin-async[gallery]" in done.err
    assert set(moto.names(bucket)) == {"k0-cat-0.png", "manifest.jsonl"}


def test_batch_says_how_to_go_on_with_its_work_folder(
    run: Run, use: Use, here: Path, moto: Moto, bucket: str
) -> None:
    """The command that collects is printed with --work, and collects into the store."""
    name, url = write_lines(here, 2), f"s3://{bucket}"
    with use(duration=0.8) as emulator:
        late = run("batch", name, "-o", url, "--work", "my work", "--timeout", "0.2")
        (line,) = (line for line in late.err.splitlines() if "--collect" in line)
        command = shlex.split(line.partition(": ")[2])
        done = run(*command[1:])
        assert emulator.ledger.posts == 2
    assert (late.code, done.code) == (6, 0)
    assert command[command.index("--work") + 1] == "my work"
    assert {"k0-cat-0.png", "k1-cat-1.png"} <= set(moto.names(bucket))


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("batch p.jsonl -o gs://shop/a", "allowed: a folder, or s3://bucket/prefix"),
        ("batch p.jsonl -o s3://", "name of a bucket"),
        ("batch p.jsonl -o out --work w", "--work is the local folder"),
        ("batch p.jsonl --check --work w", "--work is the local folder"),
        ("generate z-image cat -o s3://shop/a", "only `liangxin batch` saves"),
        ("gallery s3://shop/a", "local work folder"),
    ],
)
def test_lines_that_cannot_be_meant(
    run: Run, use: Use, here: Path, line: str, word: str
) -> None:
    """Refused before anything is sent or made."""
    write_lines(here, 1)
    with use() as emulator:
        done = run(*line.split())
        assert emulator.ledger.posts == 0
    assert done.code == 2
    assert word in done.err
    assert [path.name for path in here.iterdir()] == ["p.jsonl"]


def test_batch_without_the_extra(
    run: Run, use: Use, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence, with the command that helps."""
    monkeypatch.setitem(sys.modules, "obstore", None)
    name = write_lines(here, 1)
    with use():
        done = run("batch", name, "-o", "s3://shop/a")
    assert done.code == 2
    assert "pip install 'liangxin-async[s3]'" in done.err


def test_batch_into_a_bucket_that_is_not_there(
    run: Run, use: Use, here: Path, moto: Moto
) -> None:
    """Said at once, in one sentence; nothing was sent."""
    name = write_lines(here, 1)
    with use() as emulator:
        done = run("batch", name, "-o", "s3://shpo/a", "--json")
        assert emulator.ledger.posts == 0
    assert done.code == 2
    error = json.loads(done.out.splitlines()[-1])["error"]
    assert (error["type"], error["reason"], error["charged"]) == (
        "NotReadyError",
        "bucket",
        "no",
    )
    assert "there is no such bucket (HTTP 404, NoSuchBucket)" in error["message"]


def test_gallery_of_a_work_folder(
    run: Run, use: Use, here: Path, moto: Moto, bucket: str
) -> None:
    """It is made as it stands in the store, where the pictures are."""
    name = write_lines(here, 1)
    with use():
        run("batch", name, "-o", f"s3://{bucket}", "--work", "w")
    (here / "w/index.html").unlink()
    done = run("gallery", "w")
    assert done.code == 0
    assert (here / "w/index.html").read_bytes() == moto.read(bucket, "index.html")
