"""What a task gives: several files, and videos."""

from __future__ import annotations

import io
import json
import struct

import pytest
from PIL import Image

from liangxin_async.emulator import Fault, Scenario, _mp4
from liangxin_async.emulator._page import compose
from tests.emulator.caller import Caller, Play

pytestmark = pytest.mark.anyio

HOLDERS = (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl")


def boxes(data: bytes, start: int = 0, end: int | None = None) -> dict[bytes, bytes]:
    """Return the content of every box, of those inside others too, by its type.

    Fails where lengths do not add up.
    """
    found: dict[bytes, bytes] = {}
    end = len(data) if end is None else end
    while start < end:
        size, name = struct.unpack_from(">I4s", data, start)
        assert 8 <= size <= end - start, name
        found[name] = data[start + 8 : start + size]
        if name in HOLDERS:
            found |= boxes(data, start + 8, start + size)
        start += size
    return found


def picture_in(video: bytes) -> Image.Image:
    """Return the one picture of a video, found as a player does: by its tables."""
    parts = boxes(video)
    (size,) = struct.unpack_from(">I", parts[b"stsz"], 4)
    (place,) = struct.unpack_from(">I", parts[b"stco"], 8)
    picture = Image.open(io.BytesIO(video[place : place + size]))
    picture.load()
    return picture


async def urls_of(caller: Caller, task_id: str) -> list[str]:
    """Return the result URLs of a task that has succeeded."""
    record = await caller.record(task_id)
    urls: list[str] = json.loads(record["resultJson"])["resultUrls"]
    return urls


def test_video_is_made_of_whole_boxes() -> None:
    """The boxes that a player needs are there, and lead to a picture of the size."""
    page = compose(320, 184, prompt="a b", facts=["x"], seed_text="s")
    video = _mp4.encode(page)
    parts = boxes(video)
    assert list(parts)[:2] == [b"ftyp", b"moov"]
    assert {b"mvhd", b"tkhd", b"mdhd", b"hdlr", b"vmhd", b"dref"} < parts.keys()
    assert {b"stsd", b"stts", b"stsc", b"stsz", b"stco", b"mdat"} < parts.keys()
    assert (len(parts[b"mvhd"]), len(parts[b"tkhd"])) == (100, 84)
    assert parts[b"ftyp"].startswith(b"isom")
    assert parts[b"stsd"][12:16] == b"mp4v"
    assert struct.unpack(">II", parts[b"tkhd"][-8:]) == (320 << 16, 184 << 16)
    assert struct.unpack_from(">II", parts[b"mvhd"], 12) == (1000, 1000 * _mp4.SECONDS)
    picture = picture_in(video)
    assert (picture.format, picture.size) == ("JPEG", (320, 184))


def test_video_names_its_codec() -> None:
    """The descriptor chain says: visual stream, JPEG; its lengths add up."""
    page = compose(64, 64, prompt="a", facts=[], seed_text="s")
    entry = boxes(_mp4.encode(page))[b"stsd"][8:]
    size, name = struct.unpack_from(">I4s", entry)
    assert (size, name) == (len(entry), b"mp4v")
    inner = boxes(entry, 86)[b"esds"][4:]
    assert (inner[0], inner[1]) == (3, len(inner) - 2)
    assert (inner[5], inner[6]) == (4, 13)
    assert (inner[7], inner[8] >> 2) == (0x6C, 4)
    assert inner[-3:] == b"\x06\x01\x02"


async def test_task_of_video_model_gives_a_video(play: Play) -> None:
    """A video model's URL ends in .mp4 and serves video/mp4, whole."""
    caller = await play(Scenario(duration=0, longest_side=64))
    (url,) = await urls_of(caller, await caller.made(model="kling-v3-pro"))
    reply = await caller.file(url)
    assert url.endswith("/0.mp4")
    assert reply.headers["Content-Type"] == "video/mp4"
    assert int(reply.headers["Content-Length"]) == len(reply.body)
    assert picture_in(reply.body).size == (64, 64)


async def test_further_video_models_can_be_named(play: Play) -> None:
    """They are accepted, and give videos in either dialect."""
    scenario = Scenario(duration=0, videos=["film-1", "gpt-image-2"], longest_side=64)
    caller = await play(scenario)
    (url,) = await urls_of(caller, await caller.made(model="film-1"))
    created = (await caller.evo_create(model="film-1")).json
    body = await caller.evo_record(created["id"])
    assert url.endswith(".mp4")
    assert body["results"][0].endswith(".mp4")
    assert (body["type"], body["object"]) == ("video", "video.generation.task")
    assert body["result_data"] == [{"video_url": body["results"][0]}]
    assert created["task_info"]["video_duration"] == _mp4.SECONDS
    assert created["usage"]["billing_rule"] == "per_second"
    body = await caller.evo_record(await caller.evo_made(model="gpt-image-2"))
    assert body["type"] == "video"


async def test_task_gives_as_many_files_as_told(play: Play) -> None:
    """Each file has its own URL and its own pixels; there is no further one."""
    caller = await play(Scenario(duration=0, pictures=3, longest_side=64))
    urls = await urls_of(caller, await caller.made())
    files = [(await caller.file(url)).body for url in urls]
    assert [url.rsplit("/", 1)[1] for url in urls] == ["0.png", "1.png", "2.png"]
    assert len(set(files)) == 3
    assert (await caller.file(urls[0].replace("0.png", "3.png"))).status == 404


async def test_files_of_a_task_expire_together(play: Play) -> None:
    """One expired URL makes the next record give new ones for all."""
    fault = Fault(route="file", kind="expired", nth=1)
    caller = await play(Scenario(duration=0, pictures=2, faults=[fault]))
    task_id = await caller.made()
    old = await urls_of(caller, task_id)
    assert [(await caller.file(url)).status for url in old] == [404, 404]
    new = await urls_of(caller, task_id)
    assert not set(old) & set(new)
    assert [(await caller.file(url)).status for url in new] == [200, 200]
