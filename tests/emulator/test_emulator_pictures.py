"""The result files: whole for every reader, honest about what they are."""

from __future__ import annotations

import io
import json
import time
from itertools import pairwise
from typing import Any

import pytest
from PIL import Image

from liangxin_async.emulator import Scenario, _jpeg, _png
from liangxin_async.emulator._font import MASKS, PLACEHOLDER, drawable, quarters
from liangxin_async.emulator._liangxin_look import asked_size, extension
from liangxin_async.emulator._page import HONESTY, INK_GREY, PANEL_GREY, compose
from liangxin_async.emulator._pictures import Pictures
from liangxin_async.emulator._tasks import Task
from tests.emulator.caller import Play

CHARACTERS = {mask: c for c, mask in MASKS.items()}
LETTERS = {quarters(c): c for c in MASKS}


def task(prompt: str = "a red fox", model: str = "z-image", **fields: Any) -> Task:
    """Return a finished task."""
    request = {"model": model, "input": {"prompt": prompt, **fields}}
    return Task(
        task_id=f"task_{prompt[:20]}_{len(fields)}",
        model=model,
        prompt=prompt,
        key=json.dumps(request),
        param=json.dumps(request),
        extension=extension(fields),
        size=asked_size(model, fields),
        seed=fields.get("seed"),
        created=0,
        duration=0,
    )


def opened(data: bytes) -> Image.Image:
    """Return a picture that was decoded to its last pixel."""
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def masks(picture: Image.Image) -> list[list[bytes]]:
    """Return each 8 x 8 cell as a mask of its ink."""
    grey = picture.convert("L")
    width, height = grey.size
    pixels = grey.tobytes()

    def row(x: int, y: int) -> int:
        line = pixels[y * width + x : y * width + x + 8]
        return int("".join("1" if value > 200 else "0" for value in line), 2)

    return [
        [bytes(row(x, y + n) for n in range(8)) for x in range(0, width - 7, 8)]
        for y in range(0, height - 7, 8)
    ]


def read(picture: Image.Image) -> str:
    """Read what is written in a picture, small letters and large ones."""
    cells = masks(picture)
    small = "\n".join("".join(CHARACTERS.get(m, " ") for m in row) for row in cells)
    large = ""
    for upper, lower in pairwise(cells):
        blocks = zip(upper[2::2], upper[3::2], lower[2::2], lower[3::2], strict=False)
        large += "".join(LETTERS.get(block, " ") for block in blocks) + "\n"
    return small + "\n" + large


@pytest.mark.parametrize("fmt", ["png", "jpeg"])
@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (8, 8), (17, 200), (300, 333), (512, 219), (512, 512)]
)
def test_picture_of_any_size_is_whole(fmt: str, width: int, height: int) -> None:
    """Pillow decodes every size fully, and the end marks are there."""
    page = compose(width, height, prompt="a b c", facts=["x"], seed_text="s")
    data = (_png if fmt == "png" else _jpeg).encode(page)
    picture = opened(data)
    assert picture.size == (width, height)
    assert picture.format == fmt.upper()
    assert data.endswith(b"IEND\xaeB`\x82" if fmt == "png" else b"\xff\xd9")


def test_jpeg_shows_what_png_shows() -> None:
    """Both encoders draw the same pixels, up to the loss of a JPEG."""
    text = "".join(MASKS) * 2
    page = compose(400, 400, prompt=text, facts=[text, HONESTY], seed_text="s")
    png = opened(_png.encode(page)).convert("RGB").tobytes()
    jpeg = opened(_jpeg.encode(page)).convert("RGB").tobytes()
    assert max(abs(a - b) for a, b in zip(png, jpeg, strict=True)) <= 16


@pytest.mark.parametrize("fmt", ["png", "jpg"])
def test_picture_says_what_it_is(fmt: str) -> None:
    """Prompt, model, seed, size and the honest words can be read in the pixels."""
    made = task(seed=7, output_format=fmt)
    data, content_type = Pictures().get(made, 0, 512)
    text = read(opened(data))
    assert content_type == {"png": "image/png", "jpg": "image/jpeg"}[fmt]
    assert "model z-image" in text
    assert "seed 7" in text
    assert "size 1024x1024, drawn 512x512" in text
    assert "emulated - not a real generation" in text
    assert "a red fox" in text


def test_picture_marks_characters_without_glyph() -> None:
    """What the font lacks is drawn as a box, not dropped."""
    assert drawable("né 你") == f"n{PLACEHOLDER} {PLACEHOLDER}"
    picture = opened(Pictures().get(task("né 你"), 0, 512)[0])
    assert f"n{PLACEHOLDER} {PLACEHOLDER}" in read(picture)
    assert any(quarters(PLACEHOLDER)[0])


def test_pictures_differ_with_prompt_and_seed() -> None:
    """Another prompt or seed gives other colours or another pattern."""
    made = [task("a"), task("b"), task("a", seed=1), task("a", seed=2)]
    corners = {
        opened(Pictures().get(t, 0, 512)[0])
        .convert("RGB")
        .crop((0, 300, 512, 512))
        .tobytes()
        for t in made
    }
    assert len(corners) == 4
    again = Pictures().get(task("a", seed=1), 0, 512)
    assert again == Pictures().get(task("a", seed=1), 0, 512)


def test_text_is_readable_against_the_panel() -> None:
    """Ink and panel are far apart."""
    assert INK_GREY - PANEL_GREY > 200


@pytest.mark.parametrize(
    ("model", "fields", "size"),
    [
        ("z-image", {}, (1024, 1024)),
        ("z-image", {"image_size": "landscape_16_9"}, (1024, 576)),
        ("z-image", {"image_size": "square", "aspect_ratio": "16:9"}, (512, 512)),
        ("z-image", {"aspect_ratio": "9:16"}, (576, 1024)),
        ("z-image", {"image_size": "strange"}, (1024, 1024)),
        ("z-image", {"image_size": "640x480"}, (640, 480)),
        ("seedream-v4-5", {"aspect_ratio": "cinematic_21_9"}, (1024, 439)),
        ("nano-banana-pro", {}, (2048, 2048)),
        ("nano-banana-pro-flash", {}, (1024, 1024)),
        ("nano-banana-pro", {"resolution": "4K", "aspect_ratio": "2:3"}, (2731, 4096)),
        ("flux-2-pro", {}, (1024, 768)),
        ("flux-2-pro", {"width": 300, "height": 1440}, (300, 1440)),
        ("flux-2-pro", {"aspect_ratio": "1:1"}, (1024, 1024)),
        ("new", {"width": 10**9, "height": 5, "aspect_ratio": ["x"]}, (16384, 5)),
        ("new", {"aspect_ratio": "0:1", "resolution": [], "width": "x"}, (1024, 1024)),
    ],
)
def test_asked_size_follows_request(
    model: str, fields: dict[str, Any], size: tuple[int, int]
) -> None:
    """The documented words and numbers lead to their size; odd ones to the default."""
    assert asked_size(model, fields) == size


def test_picture_keeps_shape_when_made_smaller() -> None:
    """The longest side is cut to the limit, the shape stays; small ones stay."""
    wide = opened(Pictures().get(task(image_size="landscape_16_9"), 0, 256)[0])
    small = opened(Pictures().get(task(image_size="square"), 0, 512)[0])
    assert (wide.size, small.size) == ((256, 144), (512, 512))


def test_pictures_kept_are_bounded() -> None:
    """The cache forgets the oldest."""
    pictures = Pictures()
    for n in range(80):
        pictures.get(task(f"{n}", image_size="8x8"), 0, 512)
    assert len(pictures._kept) == 64
    assert ("task_0_1", 0, 512) not in pictures._kept


@pytest.mark.parametrize("encode", [_png.encode, _jpeg.encode])
def test_large_picture_is_drawn_fast(encode: Any) -> None:
    """1024 x 1024 takes under 30 ms of CPU, the best of five."""

    def once() -> float:
        began = time.process_time()
        text = "the quick brown fox jumps over the lazy dog " * 5
        encode(compose(1024, 1024, prompt=text, facts=[HONESTY], seed_text="s"))
        return time.process_time() - began

    assert min(once() for _ in range(5)) < 0.03


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("asked", "content_type"),
    [
        (None, "image/png"),
        ("png", "image/png"),
        ("jpg", "image/jpeg"),
        ("jpeg", "image/jpeg"),
        ("image/jpeg", "image/jpeg"),
        ("image/png", "image/png"),
    ],
)
async def test_file_comes_with_type_and_length(
    play: Play, asked: str | None, content_type: str
) -> None:
    """A result URL serves a whole file of the format asked for."""
    caller = await play(Scenario(duration=0, longest_side=64))
    fields = {} if asked is None else {"output_format": asked}
    task_id = await caller.made(model="imagen4-ultra", **fields)
    url = await caller.url(task_id)
    reply = await caller.file(url)
    assert reply.headers["Content-Type"] == content_type
    assert int(reply.headers["Content-Length"]) == len(reply.body)
    assert opened(reply.body).size == (64, 64)
    assert url.endswith(".jpg" if content_type == "image/jpeg" else ".png")


@pytest.mark.anyio
async def test_file_before_the_end_is_not_found(play: Play) -> None:
    """There is no file for an unfinished or unknown task, nor at another name."""
    caller = await play(Scenario(duration=1))
    task_id = await caller.made()
    base = caller.emulator.base_url
    path = f"{base}/files/{task_id}/1/0.png"
    assert (await caller.file(path)).status == 404
    caller.clock.now += 1
    assert (await caller.file(path)).status == 200
    for wrong in (
        f"{base}/files/{task_id}/2/0.png",
        f"{base}/files/{task_id}/1/1.png",
        f"{base}/files/nobody/1/0.png",
        f"{base}/files/{task_id}",
        f"{base}/files/",
    ):
        assert (await caller.file(wrong)).status == 404
