"""Faults of the connection: resets, silences, cuts, and bytes that are not HTTP.

An answer that is lost leaves the create accepted, which is what makes it worth a test:
the client cannot know. `accept` in the scenario turns that round.
"""

from __future__ import annotations

import asyncio
import socket
import struct

import anyio
from aiohttp import web

from liangxin_async.emulator._kinds import (
    HTTP_ROUTES,
    JSON_ROUTES,
    Book,
    Exchange,
    Kind,
)

BOOK = Book()

_NO_LINGER = struct.pack("ii", 1, 0)  # close() then sends RST instead of FIN

BOOK.add(
    Kind(
        "reset_on_accept", "reset right after the connection was accepted", ("connect",)
    )
)
BOOK.add(Kind("close_on_accept", "orderly end right after accepting", ("connect",)))


class Gone(web.StreamResponse):
    """Stands for an answer that was already sent, or never will be."""

    async def prepare(self, _: web.BaseRequest) -> None:
        """Tell aiohttp that the client is gone, so that it lets the connection go."""
        raise ConnectionResetError("the fault plan has ended this connection")


def reset(transport: asyncio.Transport | None) -> None:
    """End a connection with RST, dropping what was not sent yet."""
    if transport is None or transport.is_closing():
        return
    # On a copy of the descriptor: uvloop's own socket object cannot set options.
    with transport.get_extra_info("socket").dup() as copy:
        copy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()


def _send(scene: Exchange, *parts: bytes) -> web.StreamResponse:
    """Write bytes as they are and end the connection in order."""
    transport = scene.request.transport
    if transport is not None:
        transport.write(b"".join(parts))
        transport.close()
    return Gone()


async def _pause(scene: Exchange, seconds: float | None) -> bool:
    """Wait; return whether the emulator is closing. None waits without end."""
    with anyio.move_on_after(seconds):
        await scene.closing.wait()
    return scene.closing.is_set()


def _length(body: bytes) -> str:
    return str(len(body))


@BOOK.plays(*HTTP_ROUTES, early=True, accept=False)
async def reset_before_body(scene: Exchange) -> web.StreamResponse:
    """reset after the request's headers, before its body was read"""
    reset(scene.request.transport)
    return Gone()


@BOOK.plays(*HTTP_ROUTES)
async def reset_after_body(scene: Exchange) -> web.StreamResponse:
    """reset after the whole request was read"""
    reset(scene.request.transport)
    return Gone()


@BOOK.plays(*HTTP_ROUTES)
async def close_silently(scene: Exchange) -> web.StreamResponse:
    """orderly end of the connection without an answer"""
    return _send(scene)


@BOOK.plays(*HTTP_ROUTES)
async def hang(scene: Exchange) -> web.StreamResponse:
    """never answers; the connection stays open"""
    await _pause(scene, None)
    return _send(scene)


@BOOK.plays(*HTTP_ROUTES, seconds=1.0)
async def delay(scene: Exchange) -> web.StreamResponse:
    """honest answer, `seconds` late"""
    if await _pause(scene, scene.params["seconds"]):
        return _send(scene)
    return scene.answer.response()


@BOOK.plays(*HTTP_ROUTES, seconds=1.0)
async def slow(scene: Exchange) -> web.StreamResponse:
    """honest answer, one byte every `seconds` (slow loris)"""
    body, transport = scene.answer.body, scene.request.transport
    for byte in scene.answer.head(Content_Length=_length(body)) + body:
        if transport is None or transport.is_closing():
            break
        transport.write(bytes([byte]))
        if await _pause(scene, scene.params["seconds"]):
            break
    return _send(scene)


@BOOK.plays(*HTTP_ROUTES, keep=0.5)
async def cut_length(scene: Exchange) -> web.StreamResponse:
    """Content-Length is right, the body ends after the share `keep` of it"""
    body = scene.answer.body
    head = scene.answer.head(Content_Length=_length(body))
    return _send(scene, head, body[: int(len(body) * scene.params["keep"])])


@BOOK.plays(*HTTP_ROUTES, keep=0.5)
async def cut_chunked(scene: Exchange) -> web.StreamResponse:
    """chunked body without its last chunk, ended after the share `keep`"""
    body = scene.answer.body
    part = body[: int(len(body) * scene.params["keep"])]
    head = scene.answer.head(Transfer_Encoding="chunked")
    return _send(scene, head, b"%x\r\n%b\r\n" % (len(part), part) if part else b"")


@BOOK.plays(*HTTP_ROUTES, keep=0.5)
async def cut_close(scene: Exchange) -> web.StreamResponse:
    """body without length or chunks, ended after the share `keep`"""
    body = scene.answer.body
    head = scene.answer.head(Connection="close")
    return _send(scene, head, body[: int(len(body) * scene.params["keep"])])


@BOOK.plays(*HTTP_ROUTES, extra="HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
async def extra_bytes(scene: Exchange) -> web.StreamResponse:
    """honest answer, then `extra` on the same connection (a second answer)"""
    body, extra = scene.answer.body, scene.params["extra"].encode()
    return _send(scene, scene.answer.head(Content_Length=_length(body)), body, extra)


@BOOK.plays(*HTTP_ROUTES)
async def early_hints(scene: Exchange) -> web.StreamResponse:
    """an informational answer (103) before the honest one"""
    body = scene.answer.body
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n"
    return _send(scene, hints, scene.answer.head(Content_Length=_length(body)), body)


@BOOK.plays(*HTTP_ROUTES)
async def close_after(scene: Exchange) -> web.StreamResponse:
    """honest answer that looks reusable, then the connection ends (stale keep-alive)"""
    body = scene.answer.body
    return _send(scene, scene.answer.head(Content_Length=_length(body)), body)


@BOOK.plays(*HTTP_ROUTES, text="SSH-2.0-OpenSSH_9.6\r\n")
async def garbage(scene: Exchange) -> web.StreamResponse:
    """`text` instead of HTTP"""
    return _send(scene, scene.params["text"].encode())


@BOOK.plays(*HTTP_ROUTES, size_bytes=20_000)
async def huge_header(scene: Exchange) -> web.StreamResponse:
    """honest answer with one header line of `size_bytes`"""
    body = scene.answer.body
    fill = "x" * scene.params["size_bytes"]
    head = scene.answer.head(Content_Length=_length(body), X_Fill=fill)
    return _send(scene, head, body)


@BOOK.plays(*HTTP_ROUTES, count=10_000)
async def many_headers(scene: Exchange) -> web.StreamResponse:
    """honest answer with `count` more headers"""
    body = scene.answer.body
    fill = {f"X-Fill-{n}": "x" for n in range(scene.params["count"])}
    head = scene.answer.head(Content_Length=_length(body), **fill)
    return _send(scene, head, body)


@BOOK.plays(*JSON_ROUTES)
async def no_content_type(scene: Exchange) -> web.StreamResponse:
    """honest answer without a Content-Type"""
    scene.answer.content_type = None
    body = scene.answer.body
    head = scene.answer.head(Content_Length=_length(body), Connection="close")
    return _send(scene, head, body)


@BOOK.plays("file", size_bytes=100_000_000)
async def oversized(scene: Exchange) -> web.StreamResponse:
    """the picture, followed by zeros up to `size_bytes`, with an honest length"""
    body, size = scene.answer.body, scene.params["size_bytes"]
    size = max(size, len(body))
    return await _stream(scene, body, size, {"Content-Length": str(size)})


@BOOK.plays("file")
async def endless(scene: Exchange) -> web.StreamResponse:
    """the picture, followed by zeros without end"""
    return await _stream(scene, scene.answer.body, None, {})


async def _stream(
    scene: Exchange, body: bytes, size: int | None, headers: dict[str, str]
) -> web.StreamResponse:
    """Send `body` and then zeros up to `size`, waiting whenever the client lags."""
    kind = scene.answer.content_type or "application/octet-stream"
    response = web.StreamResponse(headers={"Content-Type": kind, **headers})
    await response.prepare(scene.request)
    await response.write(body)
    sent, zeros = len(body), bytes(65536)
    while (size is None or sent < size) and not scene.closing.is_set():
        part = zeros if size is None else zeros[: size - sent]
        await response.write(part)
        sent += len(part)
    return response
