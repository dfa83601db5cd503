"""A store of our own with habits that moto lacks: it fails, lies, or tags otherwise.

It knows PUT and HEAD of whole objects, and asks for no signature.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from attrs import define, field

from tests.bulk.store_tools import SECRET


@define(eq=False)
class OddStore:
    """What it holds, and how it behaves from now on.

    Attributes:
        objects: bytes by path.
        puts: how often each path was put, also in vain.
        fails: says with what HTTP status a put of a path fails; None where it does not.
        tag: makes the tag of an object.
        cut: bytes that it loses of every picture, without a word.
        holds: puts of pictures wait until it is set.
        came: is released by each put that waits.
        deaf: whether questions about pictures fail.
    """

    url: str = ""
    objects: dict[str, bytes] = field(factory=dict)
    puts: dict[str, int] = field(factory=dict)
    fails: Callable[[str], int | None] = lambda path: None
    tag: Callable[[bytes], str] = lambda data: hashlib.md5(data).hexdigest()
    cut: int = 0
    holds: asyncio.Event | None = None
    came: asyncio.Semaphore = field(factory=lambda: asyncio.Semaphore(0))
    deaf: bool = False
    _runner: web.AppRunner | None = None

    async def stop(self) -> None:
        """Break down. May be called twice."""
        assert self._runner is not None, "it was started"
        await self._runner.cleanup()

    async def put(self, request: web.Request) -> web.Response:
        """Take an object."""
        path = request.path
        data = await request.read()
        self.puts[path] = self.puts.get(path, 0) + 1
        if self.holds is not None and path.endswith(".png"):
            self.came.release()
            await self.holds.wait()
        status = self.fails(path)
        if status is not None:
            text = f"<Error><Code>OddFailure</Code><Message>{SECRET}</Message></Error>"
            return web.Response(status=status, text=text, content_type="text/xml")
        if path.endswith(".png"):
            data = data[: len(data) - self.cut]
        self.objects[path] = data
        return web.Response(headers={"ETag": f'"{self.tag(data)}"'})

    async def head(self, request: web.Request) -> web.Response:
        """Tell of an object."""
        data = self.objects.get(request.path)
        if self.deaf and request.path.endswith(".png"):
            return web.Response(status=403)
        if data is None:
            return web.Response(status=404)
        headers = {
            "ETag": f'"{self.tag(data)}"',
            "Content-Length": str(len(data)),
            "Last-Modified": "Sat, 01 Aug 2026 00:00:00 GMT",
        }
        return web.Response(headers=headers)

    def pictures(self) -> dict[str, bytes]:
        """The pictures in it."""
        return {p: data for p, data in self.objects.items() if p.endswith(".png")}


@asynccontextmanager
async def odd_store() -> AsyncIterator[OddStore]:
    """Give such a store, in the loop of the test."""
    store = OddStore()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_put("/{path:.*}", store.put)
    app.router.add_head("/{path:.*}", store.head)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    store._runner = runner
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        store.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield store
    finally:
        await store.stop()
