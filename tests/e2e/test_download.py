"""Files over real sockets: whole or absent, from strangers (faults 45 to 49)."""

from __future__ import annotations

import asyncio
import errno
import gzip
import itertools
import os
import pickle
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import traceback
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from attrs import define, evolve, field

from liangxin_async import (
    DownloadCancelled,
    DownloadComplete,
    DownloadFailed,
    DownloadRetried,
    DownloadStarted,
    _partfile,
    _webfile,
)
from liangxin_async._connector import AddressRefusedError, public_connector
from liangxin_async._download import ATTEMPTS, Downloader
from liangxin_async._errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    ConnectionLostError,
    DownloadError,
    LiangxinError,
    NotFoundError,
    ProtocolError,
    RequestTimeoutError,
    SaturatedError,
    ServiceError,
    SessionClosedError,
)
from liangxin_async._records import Result, TaskRecord, TaskState
from liangxin_async._telling import Teller

pytestmark = pytest.mark.anyio

SECRET = "SECRETSIGNATURE"  # stands in the query of every URL of this file


# ------------------------------------------------------------------ the pictures


def _chunk(kind: bytes, body: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + check


def png(size_bytes: int = 4000) -> bytes:
    """A PNG whose pixels do not compress, of about that size."""
    rows = b"".join(b"\0" + os.urandom(300) for _ in range(max(1, size_bytes // 301)))
    header = struct.pack(">IIBBBBB", 100, max(1, size_bytes // 301), 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(rows, 0))
        + _chunk(b"IEND", b"")
    )


JPEG = b"\xff\xd8\xff\xda\x00\x02" + b"\x11" * 3000 + b"\xff\xd9"
GIF = b"GIF89a\1\0\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\xc8" + b"\7" * 200 + b"\0;"
WEBP = b"RIFF" + struct.pack("<I", 3004) + b"WEBP" + b"\0" * 3000
MKV = b"\x1aE\xdf\xa3\x01\x00B\x82\x84webm" + bytes(range(256))
PNG = png()
PICTURES = {"png": PNG, "jpg": JPEG, "gif": GIF, "webp": WEBP}

# -------------------------------------------------------------- the strange host

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def reply(
    body: bytes = b"",
    status: int = 200,
    *,
    announce: int | None = None,
    chunked: bool = False,
    cut: int | None = None,
    delimited: bool = True,
    **headers: str,
) -> Answer:
    """An answer; `cut` bytes of its body are sent before the connection closes."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = body if cut is None else body[:cut]
    if chunked:
        fields["Transfer-Encoding"] = "chunked"
        parts = [sent[n : n + 1000] for n in range(0, len(sent), 1000)]
        coded = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
        sent = coded + (b"0\r\n\r\n" if cut is None else b"")
    elif delimited:
        fields["Content-Length"] = str(len(body) if announce is None else announce)
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())

    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + sent)
        await writer.drain()

    return send


def moved(location: str, status: int = 302) -> Answer:
    return reply(status=status, Location=location)


def raw(data: bytes) -> Answer:
    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return send


def endless(head: bytes, block: bytes = b"\0" * 65536) -> Answer:
    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(block)
            await writer.drain()

    return send


def stalls(body: bytes, sent: int) -> Answer:
    async def send(writer: asyncio.StreamWriter) -> None:
        await reply(body, announce=len(body), cut=sent)(writer)
        await asyncio.sleep(3600)

    return send


async def resets(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def silence(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


@define
class Asked:
    target: str
    headers: dict[str, str]


@define
class Host:
    """Answers each path with its script; the last answer of a script stays."""

    port: int = 0
    scheme: str = "http"
    connections: int = 0
    asked: list[Asked] = field(factory=list)
    scripts: dict[str, list[Answer]] = field(factory=dict)
    tasks: set[asyncio.Task[Any]] = field(factory=set)

    def url(self, path: str, *answers: Answer) -> str:
        if answers:
            self.scripts[path] = list(answers)
        return f"{self.scheme}://127.0.0.1:{self.port}{path}?sig={SECRET}"

    def count(self, path: str) -> int:
        return sum(asked.target.split("?")[0] == path for asked in self.asked)

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            writer.close()
            self.tasks.discard(task)

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        pairs = (line.split(":", 1) for line in lines)
        headers = {name.lower(): value.strip() for name, value in pairs}
        target = first.split(" ")[1]
        self.asked.append(Asked(target, headers))
        script = self.scripts[target.split("?")[0]]
        await (script.pop(0) if len(script) > 1 else script[0])(writer)


@asynccontextmanager
async def hosting(tls: ssl.SSLContext | None = None) -> AsyncIterator[Host]:
    host = Host(scheme="http" if tls is None else "https")
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0, ssl=tls)
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        server.close()
        for task in host.tasks:
            task.cancel()
        await asyncio.gather(*host.tasks, return_exceptions=True)
        await server.wait_closed()


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    async with hosting() as made:
        yield made


# ----------------------------------------------------------------- the downloader


async def no_sleep(delay: float) -> None:
    await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def downloading(**options: Any) -> AsyncIterator[Downloader]:
    options = {"allow_loopback": True, "sleep": no_sleep, **options}
    downloader = Downloader(**options)
    try:
        yield downloader
    finally:
        await downloader.aclose()


@pytest.fixture
async def downloader() -> AsyncIterator[Downloader]:
    async with downloading() as made:
        yield made


def result_of(*urls: str, task_id: str = "task_1a") -> Result:
    record = TaskRecord(
        task_id=task_id,
        state=TaskState.SUCCESS,
        raw_state="success",
        result_urls=tuple(urls),
    )
    return Result(task_id=task_id, model=None, urls=tuple(urls), record=record)


async def no_refresh(task_id: str) -> TaskRecord:
    raise AssertionError("nothing asked for fresh URLs")


async def fetched(
    downloader: Downloader, result: Result, to: Path, **options: Any
) -> list[Path]:
    options = {"refresh": no_refresh, **options}
    return await downloader.fetch(result, to, **options)


async def failing(
    downloader: Downloader, result: Result, to: Path, **options: Any
) -> DownloadError:
    """The error of a fetch, after the checks that hold for every one of them."""
    with pytest.raises(DownloadError) as caught:
        await fetched(downloader, result, to, **options)
    assert leftovers(to) == []
    assert_no_secret(caught.value)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.reason, again.url, str(again)) == (
        caught.value.reason,
        caught.value.url,
        str(caught.value),
    )
    assert caught.value.task_id == result.task_id
    assert caught.value.charged == "yes"
    return caught.value


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def leftovers(folder: Path) -> list[str]:
    return [name for name in names(folder) if name.startswith(".")]


def assert_no_secret(error: BaseException | None) -> None:
    """Walk text, facts, notes, chain and our own frames."""
    while error is not None:
        shown = [str(error), repr(error), repr(error.args), repr(error.__dict__)]
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if "liangxin_async" in frame.f_code.co_filename:
                shown += [repr(value) for value in frame.f_locals.values()]
        assert not [text for text in shown if SECRET in text]
        assert not isinstance(error, aiohttp.ClientError)
        error = error.__cause__ or error.__context__


# ----------------------------------------------------------------- whole files


@pytest.mark.parametrize("extension", sorted(PICTURES))
@pytest.mark.parametrize(
    "shape", [{}, {"chunked": True}, {"delimited": False}], ids=str
)
async def test_fetch_picture(
    host: Host,
    downloader: Downloader,
    tmp_path: Path,
    extension: str,
    shape: dict[str, Any],
) -> None:
    """A picture is saved byte for byte, with the extension of its bytes."""
    body = PICTURES[extension]
    url = host.url("/lie.exe", reply(body, Content_Type="text/html", **shape))
    to = tmp_path / "not" / "there" / "yet"
    assert await fetched(downloader, result_of(url), to) == [
        to / f"task_1a.{extension}"
    ]
    assert (to / f"task_1a.{extension}").read_bytes() == body
    assert leftovers(to) == []


async def test_fetch_large_picture(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """A picture of many batches arrives in order."""
    body = png(5 * 1024 * 1024)
    url = host.url("/a", reply(body))
    (path,) = await fetched(downloader, result_of(url), tmp_path)
    assert path.read_bytes() == body


async def test_fetch_several_files(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """Several files come back in the order of the URLs, numbered from 1."""
    urls = [host.url(f"/{kind}", reply(PICTURES[kind])) for kind in ("png", "jpg")]
    paths = await fetched(downloader, result_of(*urls), str(tmp_path))
    assert [path.name for path in paths] == ["task_1a_1.png", "task_1a_2.jpg"]


STRANGER = {"host", "accept", "accept-encoding", "user-agent", "connection"}


async def test_fetch_asks_as_a_stranger(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """A host gets the URL as it was spelled, and neither key, cookie nor referrer."""
    cookie, target = "a=1; Path=/", "/c?sig=%7E%2F+x"
    url = host.url("/a%2Fb", reply(status=307, Location=target, Set_Cookie=cookie))
    host.url("/c", reply(PNG, Set_Cookie=cookie))
    await fetched(downloader, result_of(url), tmp_path)
    await fetched(downloader, result_of(url), tmp_path)
    first, second = host.asked[:2]
    assert first.target == f"/a%2Fb?sig={SECRET}"
    assert second.target == target
    for asked in host.asked:
        assert set(asked.headers) == STRANGER
        assert asked.headers["accept-encoding"] == "identity"


async def test_fetch_reads_no_netrc(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `trust_env` too, what ~/.netrc holds for a host stays at home."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with downloading(trust_env=True) as downloader:
        await fetched(downloader, result_of(host.url("/a", reply(PNG))), tmp_path)
    assert "authorization" not in host.asked[0].headers


@pytest.mark.parametrize(
    ("body", "content_type", "name"),
    [
        (b"\0\0\0\x0cftypisom\0\0\0\x08moov\0\0\0\x08mdat", "", "task_1a.mp4"),
        (MKV, "", "task_1a.webm"),
        (b"\x47\x40\x11\x10" * 50, "video/mp2t", "task_1a.ts"),
        (b"\x01\x02\x03\x04", "video/../../x", "task_1a.bin"),
    ],
)
async def test_fetch_video(
    host: Host,
    downloader: Downloader,
    tmp_path: Path,
    body: bytes,
    content_type: str,
    name: str,
) -> None:
    """Video is saved too; its extension comes from a fixed list."""
    url = host.url("/a", reply(body, Content_Type=content_type))
    (path,) = await fetched(downloader, result_of(url), tmp_path)
    assert (path.name, path.read_bytes()) == (name, body)


async def test_fetch_video_without_any_end(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """Where neither HTTP nor the data tells the end, nobody can say "whole"."""
    url = host.url("/a", reply(MKV, delimited=False))
    error = await failing(downloader, result_of(url), tmp_path)
    assert error.reason == "incomplete"


async def test_fetch_video_in_chunks(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """Chunks tell the end of a body whose data does not."""
    url = host.url("/a", reply(MKV, chunked=True))
    (path,) = await fetched(downloader, result_of(url), tmp_path)
    assert (path.name, path.read_bytes()) == ("task_1a.webm", MKV)


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "GZIP", "members"])
async def test_fetch_compressed(
    host: Host, downloader: Downloader, tmp_path: Path, coding: str
) -> None:
    """A host that compresses unasked is understood, several gzip members included."""
    body = gzip.compress(PNG)
    if coding == "deflate":
        body = zlib.compress(PNG)
    if coding == "members":
        coding, body = "gzip", gzip.compress(PNG[:700]) + gzip.compress(PNG[700:])
    url = host.url("/a", reply(body, Content_Encoding=coding))
    (path,) = await fetched(downloader, result_of(url), tmp_path)
    assert path.read_bytes() == PNG


async def test_fetch_unknown_coding(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """A coding that cannot be undone is an error at once."""
    url = host.url("/a", reply(PNG, Content_Encoding="br"))
    error = await failing(downloader, result_of(url), tmp_path)
    assert (error.reason, host.count("/a")) == ("refused", 1)


# ------------------------------------------------------------------- cut files


CUTS = [
    reply(PNG, cut=len(PNG) // 2),
    reply(PNG, cut=0),
    reply(PNG, chunked=True, cut=2000),
    reply(PNG, chunked=True, cut=len(PNG)),
    *(
        reply(body, delimited=False, cut=len(body) * share // 4)
        for body in PICTURES.values()
        for share in (1, 2, 3)
    ),
    *(reply(b, delimited=False, cut=len(b) - 1) for b in PICTURES.values()),
    reply(PNG[:-12]),
    reply(b""),
    reply(b"", delimited=False),
    reply(b"", 204),
    reply(PNG, 206, Content_Range=f"bytes 0-{len(PNG) - 1}/{len(PNG)}"),
    reply(gzip.compress(PNG)[:-30], Content_Encoding="gzip", chunked=True),
    reply(gzip.compress(MKV)[:-30], Content_Encoding="gzip", chunked=True),
    reply(gzip.compress(b""), Content_Encoding="gzip"),
    reply(b"\x1f\x8bnonsense", Content_Encoding="gzip"),
]


@pytest.mark.parametrize("cut", CUTS, ids=itertools.count())
async def test_fetch_cut_then_whole(
    host: Host, downloader: Downloader, tmp_path: Path, cut: Answer
) -> None:
    """A body cut at any place, in any framing, is fetched again from its start."""
    url = host.url("/a", cut, reply(PNG))
    (path,) = await fetched(downloader, result_of(url), tmp_path)
    assert path.read_bytes() == PNG
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("cut", CUTS, ids=itertools.count())
async def test_fetch_always_cut(
    host: Host, downloader: Downloader, tmp_path: Path, cut: Answer
) -> None:
    """A body that never comes whole ends in "incomplete", and leaves no file."""
    url = host.url("/a", cut)
    error = await failing(downloader, result_of(url), tmp_path)
    assert error.reason == "incomplete"
    assert host.count("/a") == ATTEMPTS
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html><title>Sign in</title>",
        b'{"code": 200, "msg": "success"}',
        b"\x00\x01\x02\x03",
    ],
)
@pytest.mark.parametrize("content_type", ["image/png", "text/html"])
async def test_fetch_no_picture(
    host: Host,
    downloader: Downloader,
    tmp_path: Path,
    body: bytes,
    content_type: str,
) -> None:
    """A page under HTTP 200 is no picture, whatever its content type says."""
    url = host.url("/a", reply(body, Content_Type=content_type))
    error = await failing(downloader, result_of(url), tmp_path)
    assert error.reason == "not a picture"
    assert host.count("/a") == ATTEMPTS


async def test_fetch_breaking_connections(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """Resets, hang-ups and garbage are tried again."""
    url = host.url("/a", resets, raw(b"garbage\r\n\r\n"), reply(PNG))
    (path,) = await fetched(downloader, result_of(url), tmp_path)
    assert path.read_bytes() == PNG


@pytest.mark.parametrize(
    "answer",
    [
        resets,
        raw(b""),
        raw(b"SSH-2.0-OpenSSH\r\n"),
        raw(b"HTTP/1.1 200 X\r\nX: " + b"x" * 20_000 + b"\r\n\r\n"),
        raw(b"HTTP/1.1 200 X\r\nContent-Length: many\r\n\r\n"),
        raw(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n0\r\n\r\n"),
        reply(b"busy", 500),
        reply(b"busy", 429),
        reply(b"busy", 408),
    ],
    ids=itertools.count(),
)
async def test_fetch_never_answered(
    host: Host, downloader: Downloader, tmp_path: Path, answer: Answer
) -> None:
    """What is trouble of the moment is "transport" when it lasts."""
    error = await failing(downloader, result_of(host.url("/a", answer)), tmp_path)
    assert error.reason == "transport"
    assert host.count("/a") >= ATTEMPTS  # aiohttp repeats a GET once by itself


async def test_fetch_bad_chunk_in_the_middle(host: Host, tmp_path: Path) -> None:
    """A body whose chunks become nonsense half-way is tried again, and hangs nobody."""

    async def nonsense(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(b"64\r\n" + PNG[:100] + b"\r\n")
        await writer.drain()
        await anyio.sleep(0.02)
        writer.write(b"zz\r\n" + b"\xff" * 50)
        await writer.drain()

    url = host.url("/a", nonsense, reply(PNG), nonsense)
    async with downloading(read_timeout=0.3) as downloader:
        (path,) = await fetched(downloader, result_of(url), tmp_path)
        assert path.read_bytes() == PNG
        error = await failing(downloader, result_of(url), tmp_path / "b")
    assert error.reason in ("incomplete", "transport")


async def test_fetch_silent_host(host: Host, tmp_path: Path) -> None:
    """A host that stops sending is given up after `read_timeout`."""
    url = host.url("/a", silence, stalls(PNG, 500), reply(PNG))
    async with downloading(read_timeout=0.3) as downloader:
        (path,) = await fetched(downloader, result_of(url), tmp_path)
        assert path.read_bytes() == PNG
        error = await failing(
            downloader, result_of(host.url("/b", stalls(PNG, 500))), tmp_path
        )
    assert error.reason == "transport"
    assert "silent" in str(error)


async def test_fetch_closed_port(downloader: Downloader, tmp_path: Path) -> None:
    """A refused connection is "transport"; address and task are named."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    url = f"http://127.0.0.1:{port}/a?sig={SECRET}"
    error = await failing(downloader, result_of(url), tmp_path)
    assert (error.reason, error.url) == ("transport", f"http://127.0.0.1:{port}/a")
    assert "task_1a" in str(error)


# --------------------------------------------------------------------- too large


async def too_much_then_silence(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 X\r\n\r\n" + b"\0" * (LIMIT + 1))
    await silence(writer)


LIMIT = 50_000
TOO_LARGE = [
    too_much_then_silence,
    reply(png(60_000)),
    reply(b"", announce=LIMIT + 1),
    reply(png(60_000), chunked=True),
    reply(png(60_000), delimited=False),
    endless(b"HTTP/1.1 200 X\r\n\r\n\x89PNG\r\n\x1a\n"),
    endless(b"HTTP/1.1 200 X\r\nContent-Type: text/html\r\n\r\n<html>"),
    reply(gzip.compress(b"\0" * 20_000_000), Content_Encoding="gzip"),
    reply(
        gzip.compress(gzip.compress(b"\0" * 50_000_000)),
        Content_Encoding="gzip",
        chunked=True,
    ),
]


@pytest.mark.parametrize("answer", TOO_LARGE, ids=itertools.count())
async def test_fetch_too_large(
    host: Host, downloader: Downloader, tmp_path: Path, answer: Answer
) -> None:
    """Announced, counted or unpacked: more than the cap stops at once, untried."""
    error = await failing(
        downloader,
        result_of(host.url("/a", answer)),
        tmp_path,
        max_size_bytes=LIMIT if answer is not TOO_LARGE[-1] else 20_000,
    )
    assert (error.reason, host.count("/a")) == ("too large", 1)
    assert str(error.url).endswith("/a")


async def test_fetch_bomb_memory_and_disk(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bomb of 1 to 1000 writes no more than the cap, in pieces of bounded size."""
    pieces: list[int] = []
    monkeypatch.setattr(
        _partfile.PartFile,
        "_append",
        _noting_sizes(_partfile.PartFile._append, pieces),
    )
    bomb = gzip.compress(b"\0" * 50_000_000)
    url = host.url("/a", reply(bomb, Content_Encoding="gzip"))
    async with downloading() as downloader:
        error = await failing(
            downloader, result_of(url), tmp_path, max_size_bytes=4_000_000
        )
    assert error.reason == "too large"
    assert max(pieces) <= 1024 * 1024
    assert sum(pieces) <= 4_000_000 + 1024 * 1024


def _noting_sizes(real: Callable[..., None], sizes: list[int]) -> Callable[..., None]:
    def append(self: object, file: object, piece: bytes) -> None:
        sizes.append(len(piece))
        real(self, file, piece)

    return append


async def test_fetch_exactly_the_limit(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """A file of exactly the largest size is allowed, one byte more is not."""
    result = result_of(host.url("/a", reply(PNG)))
    await fetched(downloader, result, tmp_path, max_size_bytes=len(PNG))
    error = await failing(
        downloader, result, tmp_path / "b", max_size_bytes=len(PNG) - 1
    )
    assert error.reason == "too large"


# ------------------------------------------------------------- whom to connect to


@define
class Names(AbstractResolver):
    """Says what it is told: each lookup of a name takes the next list of addresses."""

    port: int
    book: dict[str, list[list[str]]]
    lookups: int = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.lookups += 1
        answers = self.book[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=self.port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "addresses",
    [
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["10.0.0.1", "169.254.169.254", "fe80::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::"],
        ["127.0.0.1"],
        ["::1", "127.0.0.1"],
    ],
    ids=str,
)
async def test_fetch_name_of_private_address(
    host: Host, tmp_path: Path, addresses: list[str]
) -> None:
    """A name is refused for what it resolves to, before anything is connected."""
    names = Names(host.port, {"files.example": [addresses]})
    async with downloading(
        allow_loopback=False,
        connector=lambda: public_connector(allow_loopback=False, resolver=names),
    ) as downloader:
        url = f"https://files.example/a?sig={SECRET}"
        error = await failing(downloader, result_of(url), tmp_path)
    assert (error.reason, names.lookups, host.connections) == ("address", 1, 0)


async def test_fetch_name_with_one_good_address(host: Host, tmp_path: Path) -> None:
    """Among several addresses of a name, only those that may be reached are."""
    names = Names(host.port, {"files.localhost": [["10.0.0.1", "127.0.0.1"]]})
    async with downloading(
        connector=lambda: public_connector(allow_loopback=True, resolver=names)
    ) as downloader:
        host.url("/a", reply(PNG))
        url = f"http://files.localhost:{host.port}/a"
        assert await fetched(downloader, result_of(url), tmp_path)


async def test_fetch_rebinding(host: Host, tmp_path: Path) -> None:
    """A name that resolves elsewhere the second time is judged a second time."""
    names = Names(host.port, {"files.localhost": [["127.0.0.1"], ["10.0.0.1"]]})
    connector = public_connector(allow_loopback=True, resolver=names)
    host.url("/a", reply(PNG))
    async with downloading(connector=lambda: connector) as downloader:
        result = result_of(f"http://files.localhost:{host.port}/a?sig={SECRET}")
        await fetched(downloader, result, tmp_path)
        connector.clear_dns_cache()
        error = await failing(downloader, result, tmp_path)
    assert (error.reason, names.lookups, host.connections) == ("address", 2, 1)


@pytest.mark.parametrize(
    "literal",
    ["10.0.0.1", "169.254.169.254", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"],
)
async def test_connector_judges_literals(host: Host, literal: str) -> None:
    """The connector alone refuses literal addresses; no check before it is needed."""
    connector = public_connector(allow_loopback=False)
    async with aiohttp.ClientSession(connector=connector) as session:
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await session.get(f"http://{literal}:{host.port}/a")
    assert isinstance(caught.value.os_error, AddressRefusedError)
    assert host.connections == 0


async def test_connector_judges_redirects(host: Host) -> None:
    """The connector sees the target of a redirect that aiohttp itself follows."""
    host.url("/a", moved("http://10.0.0.1/b"))
    connector = public_connector(allow_loopback=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await session.get(host.url("/a"))
    assert isinstance(caught.value.os_error, AddressRefusedError)


@pytest.mark.parametrize("name", ["0x7f.0.0.1", "0177.0.0.1", "127.1"])
async def test_connector_judges_odd_spellings(host: Host, name: str) -> None:
    """Old spellings of loopback, which the system understands, bring nobody there."""
    connector = public_connector(allow_loopback=False)
    async with aiohttp.ClientSession(connector=connector) as session:
        with pytest.raises((aiohttp.ClientConnectorError, aiohttp.InvalidURL)):
            await session.get(f"http://{name}:{host.port}/a")
    assert host.connections == 0


BAD_URLS = [
    f"http://files.example/a?sig={SECRET}",
    f"http://8.8.8.8/a?sig={SECRET}",
    f"https://10.0.0.1/a?sig={SECRET}",
    f"https://169.254.169.254/a?sig={SECRET}",
    f"https://[::ffff:127.0.0.1]/a?sig={SECRET}",
    f"https://me:{SECRET}@files.example/a",
    f"file:///etc/passwd?sig={SECRET}",
    f"data:image/png;base64,{SECRET}",
    f"ftp://files.example/{SECRET[:0]}?sig={SECRET}",
    f"{SECRET}",
    "",
]


@pytest.mark.parametrize("url", BAD_URLS)
async def test_fetch_bad_url(downloader: Downloader, tmp_path: Path, url: str) -> None:
    """What is not https to a public host is refused before connecting."""
    error = await failing(downloader, result_of(url), tmp_path / "out")
    assert error.reason == "address"
    assert not (tmp_path / "out").exists()


async def test_fetch_loopback_not_allowed(host: Host, tmp_path: Path) -> None:
    """Loopback is out of reach unless it was allowed."""
    url = host.url("/a", reply(PNG))
    async with downloading(allow_loopback=False) as downloader:
        for wanted in (url, url.replace("http:", "https:")):
            error = await failing(downloader, result_of(wanted), tmp_path)
            assert error.reason == "address"
    assert host.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_fetch_redirect(
    host: Host, downloader: Downloader, tmp_path: Path, status: int
) -> None:
    """A redirect to a host that may be reached is followed."""
    url = host.url("/a", moved(f"/b?sig={SECRET}", status))
    host.url("/b", reply(PNG))
    assert await fetched(downloader, result_of(url), tmp_path)


@pytest.mark.parametrize("url", BAD_URLS)
async def test_fetch_redirect_to_bad_url(
    host: Host, downloader: Downloader, tmp_path: Path, url: str
) -> None:
    """Each hop is judged like the first URL; nothing of the target leaks."""
    if url in ("", SECRET):
        url = f"//me@files.example/?{SECRET}"
    start = host.url("/a", moved("/b"))
    host.url("/b", moved(url))
    error = await failing(downloader, result_of(start), tmp_path)
    assert error.reason == "address"
    assert str(error.url).endswith(":" + str(host.port) + "/a")


async def test_fetch_redirect_count(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """Five redirects are followed, a sixth is not."""
    for number in range(6):
        host.url(f"/{number}", moved(f"/{number + 1}"))
    host.url("/6", reply(PNG))
    assert await fetched(downloader, result_of(host.url("/1")), tmp_path)
    error = await failing(downloader, result_of(host.url("/0")), tmp_path)
    assert (error.reason, host.count("/0")) == ("refused", 1)


async def test_fetch_redirect_without_target(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """A redirect that names no target is refused."""
    url = host.url("/a", reply(status=302))
    error = await failing(downloader, result_of(url), tmp_path)
    assert (error.reason, error.http_status) == ("refused", 302)


# --------------------------------------------------------------------------- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1 and its key, in one file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"),
            *("-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")),
        ],
        check=True,
        capture_output=True,
        timeout=20,
    )
    joined = folder / "both.pem"
    joined.write_text(
        (folder / "key.pem").read_text() + (folder / "cert.pem").read_text()
    )
    return joined


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_fetch_downgrade(
    host: Host, tmp_path: Path, certificate: Path, server_tls: ssl.SSLContext
) -> None:
    """From https nothing leads to http, not even to a loopback that is allowed."""
    trust = ssl.create_default_context(cafile=str(certificate))
    plain = host.url("/b", reply(PNG))
    async with (
        hosting(server_tls) as secure,
        downloading(
            connector=lambda: public_connector(allow_loopback=True, tls=trust)
        ) as downloader,
    ):
        whole = secure.url("/whole", moved("/there"))
        secure.url("/there", reply(PNG))
        assert await fetched(downloader, result_of(whole), tmp_path)
        down = secure.url("/down", moved(plain))
        error = await failing(downloader, result_of(down), tmp_path)
    assert (error.reason, host.connections) == ("address", 0)


async def test_fetch_untrusted_certificate(
    downloader: Downloader, tmp_path: Path, server_tls: ssl.SSLContext
) -> None:
    """An untrusted certificate is an error at once, with no second try."""
    # In debug mode asyncio reports the server's side of the failure to the test runner.
    asyncio.get_running_loop().set_debug(False)
    async with hosting(server_tls) as secure:
        secure.url("/a", reply(PNG))
        error = await failing(downloader, result_of(secure.url("/a")), tmp_path)
        assert secure.asked == []
    assert error.reason == "transport"
    assert "certificate" in str(error)


async def test_fetch_tls_to_plain_port(host: Host, tmp_path: Path) -> None:
    """https to a port that speaks plain http fails, and is never asked in plain."""
    url = host.url("/a", reply(PNG)).replace("http:", "https:")
    async with downloading(connect_timeout=0.1) as downloader:
        error = await failing(downloader, result_of(url), tmp_path)
    assert (error.reason, host.asked) == ("transport", [])


async def test_fetch_through_proxy(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `trust_env` the environment's proxy is used, and gets no credentials."""
    for name in ("no_proxy", "NO_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{host.port}")
    host.scripts["files.example:443"] = [reply(b"", 502)]
    url = f"https://files.example/a?sig={SECRET}"
    async with downloading(allow_loopback=False, trust_env=True) as downloader:
        error = await failing(downloader, result_of(url), tmp_path)
        assert error.reason == "transport"
        literal = await failing(downloader, result_of("https://10.0.0.1/a"), tmp_path)
        assert literal.reason == "address"
    assert {asked.target for asked in host.asked} == {"files.example:443"}
    assert not any("authorization" in str(asked.headers) for asked in host.asked)


async def test_fetch_ignores_proxy_by_default(
    host: Host, downloader: Downloader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `trust_env` the environment's proxy is not asked."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert await fetched(downloader, result_of(host.url("/a", reply(PNG))), tmp_path)


# ----------------------------------------------------------------- expired URLs


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_fetch_expired_then_fresh(
    host: Host, downloader: Downloader, tmp_path: Path, status: int
) -> None:
    """An expired URL is asked for anew, once, and the file comes from the fresh one."""
    old = host.url("/old", reply(status=status))
    fresh = result_of(host.url("/fresh", reply(PNG)))
    asked: list[str] = []

    async def refresh(task_id: str) -> TaskRecord:
        asked.append(task_id)
        return fresh.record

    (path,) = await fetched(downloader, result_of(old), tmp_path, refresh=refresh)
    assert (path.read_bytes(), asked) == (PNG, ["task_1a"])


async def test_fetch_expired_for_good(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """When the fresh URL has expired too it is "expired", after one refresh."""
    old = host.url("/old", reply(status=403))
    fresh = result_of(host.url("/fresh", reply(status=404)))
    asked: list[str] = []

    async def refresh(task_id: str) -> TaskRecord:
        asked.append(task_id)
        return fresh.record

    error = await failing(downloader, result_of(old), tmp_path, refresh=refresh)
    assert (error.reason, error.http_status) == ("expired", 404)
    assert (len(asked), host.count("/old"), host.count("/fresh")) == (1, 1, 1)


async def test_fetch_expired_same_position(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """The second file takes the second fresh URL, and later ones theirs unasked."""
    gone = reply(status=410)
    old = [host.url("/1", reply(PNG)), host.url("/2", gone), host.url("/3", gone)]
    fresh = result_of(
        host.url("/f1", reply(GIF)),
        host.url("/f2", reply(JPEG)),
        host.url("/f3", reply(WEBP)),
    )

    async def refresh(task_id: str) -> TaskRecord:
        return fresh.record

    paths = await fetched(downloader, result_of(*old), tmp_path, refresh=refresh)
    assert [path.suffix for path in paths] == [".png", ".jpg", ".webp"]
    assert (host.count("/3"), host.count("/f1")) == (0, 0)


async def test_fetch_expired_without_fresh_url(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """A record that has no URL at the position any more leaves it "expired"."""
    url = host.url("/old", reply(status=404))

    async def refresh(task_id: str) -> TaskRecord:
        return evolve(result_of(url).record, result_urls=())

    error = await failing(downloader, result_of(url), tmp_path, refresh=refresh)
    assert (error.reason, host.count("/old")) == ("expired", 1)


async def test_fetch_expired_and_refresh_fails(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """A refresh that fails is the cause of an "expired" that keeps the task id."""
    url = host.url("/old", reply(status=404))

    async def refresh(task_id: str) -> TaskRecord:
        raise NotFoundError(http_status=404)

    error = await failing(downloader, result_of(url), tmp_path, refresh=refresh)
    assert (error.reason, error.http_status) == ("expired", 404)
    assert isinstance(error.__cause__, NotFoundError)


@pytest.mark.parametrize(
    "passing",
    [
        ConnectionLostError("the connection broke"),
        ConnectError("no connection"),
        RequestTimeoutError("no answer"),
        ProtocolError("no JSON"),
        SaturatedError(http_status=429, retry_after=7.0),
        ServiceError(http_status=502),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_fetch_expired_and_refresh_fails_at_first(
    host: Host, tmp_path: Path, passing: LiangxinError
) -> None:
    """What is made and paid for is not given up for one broken query."""
    old = host.url("/old", reply(status=404))
    fresh = result_of(host.url("/fresh", reply(PNG)))
    trouble = [passing, passing]
    slept: list[float] = []

    async def refresh(task_id: str) -> TaskRecord:
        if trouble:
            raise trouble.pop()
        return fresh.record

    async def sleep(delay: float) -> None:
        slept.append(delay)

    async with downloading(sleep=sleep, rand=lambda: 1.0) as downloader:
        (path,) = await fetched(downloader, result_of(old), tmp_path, refresh=refresh)
    assert path.read_bytes() == PNG
    asked_to_wait = isinstance(passing, SaturatedError)
    assert slept == ([7.0, 7.0] if asked_to_wait else [0.5, 1.0])


@pytest.mark.parametrize(
    ("error", "times"),
    [
        (ConnectionLostError("the connection broke"), ATTEMPTS),
        (SaturatedError(http_status=429, retry_after=86_400.0), ATTEMPTS),
        (ConnectError("a certificate of others", permanent=True), 1),
        (AuthenticationError(http_status=401), 1),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_fetch_expired_and_refresh_fails_for_good(
    host: Host, tmp_path: Path, error: LiangxinError, times: int
) -> None:
    """A refresh is tried a few times at most, and no wait is longer than ours."""
    url = host.url("/old", reply(status=404))
    asked: list[str] = []
    slept: list[float] = []

    async def refresh(task_id: str) -> TaskRecord:
        asked.append(task_id)
        raise error

    async def sleep(delay: float) -> None:
        slept.append(delay)

    async with downloading(sleep=sleep) as downloader:
        told = await failing(downloader, result_of(url), tmp_path, refresh=refresh)
    assert (told.reason, told.__cause__) == ("expired", error)
    assert (len(asked), host.count("/old")) == (times, 1)
    assert max(slept, default=0.0) <= 30.0


async def test_fetch_expired_and_session_closed(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """A session that closes under the refresh says so itself."""
    url = host.url("/old", reply(status=404))

    async def refresh(task_id: str) -> TaskRecord:
        raise SessionClosedError("closed")

    with pytest.raises(SessionClosedError):
        await fetched(downloader, result_of(url), tmp_path, refresh=refresh)


@pytest.mark.parametrize("status", [400, 401, 402, 405, 418, 451, 304])
async def test_fetch_refused(
    host: Host, downloader: Downloader, tmp_path: Path, status: int
) -> None:
    """Other refusals are final: one request, no refresh."""
    url = host.url("/a", reply(status=status))
    error = await failing(downloader, result_of(url), tmp_path)
    assert (error.reason, error.http_status) == ("refused", status)
    assert host.count("/a") == 1


# ------------------------------------------------------------------ waits, events


async def test_fetch_waits_between_tries(host: Host, tmp_path: Path) -> None:
    """The waits double, and the dice take a share of each."""
    slept: list[float] = []

    async def sleep(delay: float) -> None:
        slept.append(delay)

    async with downloading(sleep=sleep, rand=lambda: 0.5) as downloader:
        url = host.url("/a", reply(status=503))
        error = await failing(downloader, result_of(url), tmp_path)
    assert error.http_status == 503
    assert slept == [0.25, 0.5]


async def test_fetch_events(host: Host, tmp_path: Path) -> None:
    """Each file tells its start and how it ended; no event shows a signature."""
    told: list[Any] = []
    async with downloading(teller=Teller(told.append)) as downloader:
        urls = [
            host.url("/a", reply(status=500), reply(PNG)),
            host.url("/b", reply(status=400)),
        ]
        await failing(downloader, result_of(*urls), tmp_path)
    assert [type(event) for event in told] == [
        DownloadStarted,
        DownloadRetried,
        DownloadComplete,
        DownloadStarted,
        DownloadFailed,
    ]
    assert [event.position for event in told] == [0, 0, 0, 1, 1]
    assert (told[1].attempt, told[1].error.http_status) == (1, 500)
    assert (told[2].path, told[2].size_bytes) == (tmp_path / "task_1a_1.png", len(PNG))
    assert [event.files for event in (told[0], told[2], told[3])] == [2, 2, 2]
    assert told[2].took == told[2].at - told[0].at
    assert told[4].took == told[4].at - told[3].at
    assert SECRET not in repr(told)


@pytest.mark.parametrize("how", ["cancelled", "out of time", "closed"])
async def test_fetch_that_is_cut_short_tells_its_end(
    host: Host, tmp_path: Path, how: str
) -> None:
    """What began ends, as the table of `_events` says, and once."""
    told: list[Any] = []
    begun = anyio.Event()

    def hear(event: Any) -> None:
        told.append(event)
        begun.set()

    result = result_of(host.url("/a", stalls(PNG, 100)))
    async with downloading(teller=Teller(hear)) as downloader:
        timeout = 0.05 if how == "out of time" else None
        job = asyncio.create_task(
            fetched(downloader, result, tmp_path, timeout=timeout)
        )
        await begun.wait()
        if how == "cancelled":
            job.cancel()
        elif how == "closed":
            await downloader.aclose()
        await asyncio.wait((job,))
    started, ended = told
    kind = DownloadCancelled if how == "cancelled" else DownloadFailed
    assert (type(started), type(ended)) == (DownloadStarted, kind)
    assert ended.position == 0
    assert ended.took == ended.at - started.at
    error = None if job.cancelled() else job.exception()
    assert getattr(ended, "error", None) is error


async def test_fetch_second_of_three_fails(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """What was whole before the failure stays, and the error names it."""
    urls = [
        host.url("/1", reply(PNG)),
        host.url("/2", reply(PNG, cut=9)),
        host.url("/3", reply(PNG)),
    ]
    error = await failing(downloader, result_of(*urls), tmp_path)
    assert "file 2 of 3" in str(error)
    assert "task_1a_1.png" in error.__notes__[0]
    assert names(tmp_path) == ["task_1a_1.png"]


# ------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("path", "task_id"),
    [
        ("/../../x.png", "t1"),
        ("/CON", "t1"),
        ("/" + "x" * 300 + ".exe", "t1"),
        ("/%00", "t1"),
        ("/%F0%9F%A6%8A", "t1"),
        ("/a", "../../t1"),
        ("/a", "/etc/t1"),
        ("/a", "CON"),
        ("/a", "t" * 10_000),
        ("/a", "t\0\r\n"),
        ("/a", ".."),
        ("/a", ""),
    ],
)
async def test_fetch_name_attacks(
    host: Host, downloader: Downloader, tmp_path: Path, path: str, task_id: str
) -> None:
    """Neither URL nor task id chooses a path: the file lands inside the folder."""
    plain = host.url(path, reply(PNG, Content_Disposition='filename="../x"'))
    to = tmp_path / "in"
    (saved,) = await fetched(downloader, result_of(plain, task_id=task_id), to)
    assert saved.parent == to
    assert (names(tmp_path), names(to)) == (["in"], [saved.name])
    if task_id == "t1":
        assert saved.name == "t1.png"


async def test_fetch_again_replaces(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """Under its default name a task has one file, however often it is fetched."""
    (tmp_path / "task_1a.png").write_text("old")
    result = result_of(host.url("/a", reply(PNG)))
    for _ in range(2):
        await fetched(downloader, result, tmp_path)
    assert names(tmp_path) == ["task_1a.png"]
    assert (tmp_path / "task_1a.png").read_bytes() == PNG


async def test_fetch_stem_never_clobbers(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """With a name of the user, taken ones stay and ours counts on."""
    (tmp_path / "кафе.png").write_text("mine")
    (tmp_path / "кафе-3.png").symlink_to(tmp_path / "nowhere")
    result = result_of(host.url("/a", reply(PNG)))
    names = [
        (await fetched(downloader, result, tmp_path, stem="кафе"))[0].name
        for _ in range(2)
    ]
    assert names == ["кафе-2.png", "кафе-4.png"]
    assert (tmp_path / "кафе.png").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()
    assert leftovers(tmp_path) == []


async def test_fetch_stem_overwrite(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """With `overwrite` the user's name is replaced."""
    (tmp_path / "mine.png").write_text("old")
    result = result_of(host.url("/a", reply(PNG)))
    (path,) = await fetched(downloader, result, tmp_path, stem="mine", overwrite=True)
    assert (path.name, path.read_bytes()) == ("mine.png", PNG)


@pytest.mark.parametrize("links", [True, False])
async def test_fetch_stem_race(
    host: Host,
    downloader: Downloader,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    links: bool,
) -> None:
    """Twenty fetches to one name at once make twenty files, with hard links or not."""
    if not links:
        monkeypatch.setattr(os, "link", _no_links)
    result = result_of(host.url("/a", reply(PNG)))
    saved: list[Path] = []

    async def one() -> None:
        saved.extend(await fetched(downloader, result, tmp_path, stem="same"))

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(one)
    assert len(set(saved)) == len(names(tmp_path)) == 20
    assert all(path.read_bytes() == PNG for path in saved)


def _no_links(*args: object, **options: object) -> None:
    raise PermissionError(1, "Operation not permitted")


# ---------------------------------------------------------------------- the disk


async def test_fetch_disk_full(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """A file system that takes no more is "disk", with its error as the cause."""
    resource = pytest.importorskip("resource")
    result = result_of(host.url("/a", reply(png(3_000_000))))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, before[1]))
    try:
        error = await failing(downloader, result, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (error.reason, host.count("/a")) == ("disk", 1)
    assert isinstance(error.__cause__, OSError)
    assert names(tmp_path) == []


@pytest.mark.parametrize("call", ["fsync", "replace"])
async def test_fetch_disk_fails_late(
    host: Host,
    downloader: Downloader,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
) -> None:
    """No space at the very end leaves nothing behind either."""

    def full(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, full)
    result = result_of(host.url("/a", reply(PNG)))
    error = await failing(downloader, result, tmp_path)
    assert error.reason == "disk"
    assert "No space left" in str(error)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "is_fatal"), [(errno.EINVAL, False), (errno.EIO, True)]
)
async def test_fetch_folder_sync(
    host: Host,
    downloader: Downloader,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    is_fatal: bool,
) -> None:
    """A file system that cannot sync folders is fine; one that fails to is not."""
    fsync = os.fsync
    calls = itertools.count()

    def failing_second(descriptor: int) -> None:
        if next(calls) % 2:  # the first of each pair is the file
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", failing_second)
    result = result_of(host.url("/a", reply(PNG)))
    if is_fatal:
        error = await failing(downloader, result, tmp_path)
        assert error.reason == "disk"
    else:
        assert await fetched(downloader, result, tmp_path)
    assert (tmp_path / "task_1a.png").read_bytes() == PNG  # whole in either case


async def test_fetch_cannot_remove_temporary_file(
    host: Host,
    downloader: Downloader,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A temporary file that cannot be removed is logged; the error stays the first."""

    def stuck(*args: object, **options: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "unlink", stuck)
    result = result_of(host.url("/a", reply(b"<html>")))
    with pytest.raises(DownloadError) as caught:
        await fetched(downloader, result, tmp_path)
    assert caught.value.reason == "not a picture"
    assert "could not remove" in caplog.text


@pytest.mark.parametrize("where", ["file", "file/below", "nul\0byte", "x" * 300])
async def test_fetch_impossible_folder(
    host: Host, downloader: Downloader, tmp_path: Path, where: str
) -> None:
    """A folder that cannot be is "disk"."""
    (tmp_path / "file").write_text("a file")
    result = result_of(host.url("/a", reply(PNG)))
    with pytest.raises(DownloadError) as caught:
        await fetched(downloader, result, tmp_path / where)
    assert caught.value.reason == "disk"
    assert (tmp_path / "file").read_text() == "a file"


async def test_fetch_syncs_file_then_name_then_folder(
    host: Host, downloader: Downloader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes are durable before the name is there, the name before we return."""
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor: int) -> None:
        is_folder = Path(f"/proc/self/fd/{descriptor}").is_dir()
        steps.append("fsync folder" if is_folder else "fsync file")
        fsync(descriptor)

    def noted_replace(*args: Any, **options: Any) -> None:
        steps.append("rename")
        replace(*args, **options)

    if not sys.platform.startswith("linux"):
        pytest.skip("tells folders from files through /proc")
    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    await fetched(downloader, result_of(host.url("/a", reply(PNG))), tmp_path)
    assert steps == ["fsync file", "rename", "fsync folder"]


# -------------------------------------------------------------- ends from outside


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what the other end or a thread is about to do; at most ten seconds."""
    for _ in range(2000):
        if holds():
            return
        await anyio.sleep(0.005)
    raise AssertionError("it did not come to pass")


@pytest.mark.parametrize("native", [True, False])
async def test_fetch_cancelled_midway(
    host: Host, downloader: Downloader, tmp_path: Path, native: bool
) -> None:
    """Cancelled with half a file on the disk: nothing of it stays."""
    body = png(3_000_000)
    result = result_of(host.url("/a", stalls(body, 2_500_000)))
    work = fetched(downloader, result, tmp_path)
    if native:
        task = asyncio.ensure_future(work)
        await until(lambda: leftovers(tmp_path) != [])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: work)
            await until(lambda: leftovers(tmp_path) != [])
            group.cancel_scope.cancel()
    await until(lambda: names(tmp_path) == [])


async def test_fetch_cancelled_anywhere(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """Cancelled after any number of steps of the loop: whole, or absent."""
    result = result_of(host.url("/a", reply(PNG)))
    folders = [tmp_path / str(steps) for steps in range(0, 120, 3)]
    for steps, to in zip(range(0, 120, 3), folders, strict=True):
        task = asyncio.ensure_future(fetched(downloader, result, to))
        for _ in range(steps):
            await asyncio.sleep(0.0002 if steps % 2 else 0)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            assert task.result() == [to / "task_1a.png"]
    await anyio.sleep(0.05)  # a thread may still have been about to make its file
    await until(lambda: not any(leftovers(to) for to in folders))
    saved = [to / name for to in folders for name in names(to)]
    assert {path.name for path in saved} <= {"task_1a.png"}
    assert all(path.read_bytes() == PNG for path in saved)


async def test_fetch_cancelled_while_a_thread_writes(
    host: Host, downloader: Downloader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that is stuck in a write cleans up itself when the write ends."""
    stuck, go_on = anyio.Event(), threading.Event()
    loop, real = asyncio.get_running_loop(), _partfile.PartFile._append

    def slow(self: Any, file: Any, piece: bytes) -> None:
        loop.call_soon_threadsafe(stuck.set)
        go_on.wait(5)
        real(self, file, piece)

    monkeypatch.setattr(_partfile.PartFile, "_append", slow)
    result = result_of(host.url("/a", reply(PNG)))
    task = asyncio.ensure_future(fetched(downloader, result, tmp_path))
    await stuck.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert leftovers(tmp_path)  # the thread still has it
    go_on.set()
    await until(lambda: names(tmp_path) == [])


def test_part_file_after_abandon(tmp_path: Path) -> None:
    """A step that a thread begins after the file was given up does nothing."""
    place = _partfile.Place(folder=tmp_path, stem="a", replace=True)
    part = _partfile.PartFile(place, 10_000, None)
    part.abandon()
    with pytest.raises(_partfile.FailedTryError):
        part.write([PNG])
    with pytest.raises(_partfile.FailedTryError):
        part.settle("", delimited=True)
    assert names(tmp_path) == []


def test_claim_by_reservation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without hard links a taken name is noticed, also when it is a dead symlink."""
    monkeypatch.setattr(os, "link", _no_links)
    ours, taken, dead = (tmp_path / name for name in ("ours", "taken", "dead"))
    ours.write_bytes(PNG)
    taken.write_text("mine")
    dead.symlink_to(tmp_path / "nowhere")
    assert not _partfile._claim(ours, taken)
    assert not _partfile._claim(ours, dead)
    assert _partfile._claim(ours, tmp_path / "free")
    assert names(tmp_path) == ["dead", "free", "taken"]


def test_sync_folder_on_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where folders cannot be opened there is nothing to sync, and no error."""
    monkeypatch.delattr(os, "O_DIRECTORY")
    _partfile.sync_folder(tmp_path / "absent")


async def test_fetch_timeout(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """The time limit of a call ends it, names itself, and what was saved before."""
    urls = [host.url("/a", reply(PNG)), host.url("/b", stalls(PNG, 100))]
    error = await failing(downloader, result_of(*urls), tmp_path, timeout=1.0)
    assert error.reason == "transport"
    assert "time limit of 1.0 s" in str(error)
    assert "task_1a_1.png" in error.__notes__[0]
    assert str(error.url).endswith("/b")


async def test_aclose_ends_fetches(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """Closing ends what is under way with SessionClosedError, and cleans up."""
    result = result_of(host.url("/a", stalls(png(3_000_000), 2_500_000)))
    task = asyncio.ensure_future(fetched(downloader, result, tmp_path))
    await until(lambda: leftovers(tmp_path) != [])
    await downloader.aclose()
    assert leftovers(tmp_path) == []
    with pytest.raises(SessionClosedError) as caught:
        await task
    assert caught.value.task_id == "task_1a"
    await downloader.aclose()


async def test_aclose_then_fetch_opens_anew(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """A closed downloader that is used again works again."""
    result = result_of(host.url("/a", reply(PNG)))
    await fetched(downloader, result, tmp_path)
    await downloader.aclose()
    assert await fetched(downloader, result, tmp_path)


def test_fetch_in_a_second_loop(tmp_path: Path) -> None:
    """One downloader serves one asyncio.run after another, without a warning."""
    downloader = Downloader(allow_loopback=True, sleep=no_sleep)

    async def run() -> None:
        async with hosting() as host:
            result = result_of(host.url("/a", reply(PNG)))
            assert await fetched(downloader, result, tmp_path)

    asyncio.run(run())
    asyncio.run(run())
    asyncio.run(downloader.aclose())


async def test_fetch_in_two_live_loops(
    host: Host, downloader: Downloader, tmp_path: Path
) -> None:
    """Two loops at once are a clear error and disturb nobody."""
    result = result_of(host.url("/a", reply(PNG)))
    await fetched(downloader, result, tmp_path)

    def elsewhere() -> None:
        asyncio.run(fetched(downloader, result, tmp_path))

    with pytest.raises(ConfigurationError):
        await anyio.to_thread.run_sync(elsewhere)
    assert await fetched(downloader, result, tmp_path)


async def test_fetch_leaves_nothing_running(host: Host, tmp_path: Path) -> None:
    """After closing, no task and no connection of the downloader is left."""
    before = asyncio.all_tasks()
    async with downloading() as downloader:
        await fetched(downloader, result_of(host.url("/a", reply(PNG))), tmp_path)
        await failing(
            downloader,
            result_of(host.url("/b", TOO_LARGE[5])),
            tmp_path,
            max_size_bytes=LIMIT,
        )
    await until(lambda: not asyncio.all_tasks() - before and not host.tasks)


async def test_fetch_keeps_the_loop_free(
    host: Host, downloader: Downloader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a disk is slow, the loop goes on."""
    fsync = os.fsync

    def slow(descriptor: int) -> None:
        time.sleep(0.2)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    result = result_of(host.url("/a", reply(PNG)))
    task = asyncio.ensure_future(fetched(downloader, result, tmp_path))
    turns = 0
    while not task.done():
        await asyncio.sleep(0.005)
        turns += 1
    assert await task
    assert turns > 10


async def test_fetch_files_at_once(host: Host, tmp_path: Path) -> None:
    """However many calls there are, only so many files are fetched at a time."""
    result = result_of(host.url("/a", silence))
    async with downloading() as downloader, anyio.create_task_group() as group:
        for number in range(_webfile._FILES_AT_ONCE + 10):
            group.start_soon(fetched, downloader, result, tmp_path / str(number))
        await until(lambda: host.connections >= _webfile._FILES_AT_ONCE)
        await anyio.sleep(0.05)
        assert host.connections == _webfile._FILES_AT_ONCE
        group.cancel_scope.cancel()
