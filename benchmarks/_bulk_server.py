"""The lean server with result files: a small picture, the same one for every task."""

from __future__ import annotations

import asyncio
import struct
import zlib

from aiohttp import web
from attrs import define

from benchmarks._server import Service, serve

_FOREIGN = b"https://files.example/"
_SIDE = 16  # pixels


@define
class _WithFiles(Service):
    """As the lean service; its result URLs lead here."""

    async def handle(self, request: web.BaseRequest) -> web.Response:
        if request.path.startswith("/files/"):
            return web.Response(body=_PICTURE, content_type="image/png")
        reply = await super().handle(request)
        if request.path == "/api/v1/jobs/recordInfo" and isinstance(reply.body, bytes):
            here = f"http://{request.host}/files/".encode()
            reply.body = reply.body.replace(_FOREIGN, here)
        return reply


def _picture() -> bytes:
    """Return a grey PNG."""
    rows = b"".join(b"\0" + b"\x80" * _SIDE for _ in range(_SIDE))
    head = struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", _sum(kind, data))
        for kind, data in chunks
    )


def _sum(kind: bytes, data: bytes) -> int:
    return zlib.crc32(kind + data)


_PICTURE = _picture()

if __name__ == "__main__":
    asyncio.run(serve(_WithFiles()))
