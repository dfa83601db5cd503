"""A small receiver of callbacks: it keeps what comes, and answers as it is told."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
from aiohttp import web
from attrs import define, field, frozen

from liangxin_async.emulator import Delivery, Emulator
from tests.emulator.caller import Caller, Reply, Wire


@frozen
class Post:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def wire(self) -> Wire:
        """The same, in the shape of an answer with status 200."""
        lines = [f"{name}: {value}" for name, value in self.headers.items()]
        head = "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""])
        return Wire(head.encode() + self.body, "eof")


Hook = Callable[[], Awaitable[None]]


@define
class Receiver:
    """A server on loopback; `statuses` are its first answers, then come 200s."""

    url: str = ""
    statuses: list[int] = field(factory=list)
    posts: list[Post] = field(factory=list)
    before_answer: Hook | None = None
    before_body: Hook | None = None

    async def take(self, request: web.BaseRequest) -> web.StreamResponse:
        """Keep a request and answer it."""
        if self.before_body is not None:
            await self.before_body()
        body = await request.read()
        path, headers = request.path_qs, dict(request.headers)
        self.posts.append(Post(request.method, path, headers, body))
        if self.before_answer is not None:
            await self.before_answer()
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, headers={"Location": self.url})

    async def expected_by(
        self, caller: Caller, dialect: str = "liangxin", prompt: str = "struck"
    ) -> str:
        """Create a task that is to call back; return its id."""
        reply = await self.asked_by(caller, dialect, prompt)
        assert reply.status == 200, reply
        told: str = (
            reply.json["id"] if dialect == "evolink" else reply.json["data"]["taskId"]
        )
        return told

    async def asked_by(
        self, caller: Caller, dialect: str = "liangxin", prompt: str = "struck"
    ) -> Reply:
        """Send a create that names this receiver; each has a path of its own."""
        url = f"{self.url}/{caller.emulator.ledger.posts}"
        return await ask(caller, url, dialect, prompt)


async def ask(
    caller: Caller, url: Any, dialect: str = "liangxin", prompt: str = "struck"
) -> Reply:
    """Send a create that names a URL to call back."""
    if dialect == "evolink":
        return await caller.evo_create(prompt, callback_url=url)
    body = {"model": "z-image", "callBackUrl": url, "input": {"prompt": prompt}}
    return await caller.send("POST", "/api/v1/jobs/createTask", json=body)


async def done(emulator: Emulator) -> None:
    """Wait until no callback is on its way any more."""
    with anyio.fail_after(5):
        await emulator.callbacks_done()


def only(caller: Caller) -> Delivery:
    """Return the one delivery of the one task."""
    (task,) = caller.emulator.tasks
    (delivery,) = task.deliveries
    return delivery


@asynccontextmanager
async def receiving(
    *statuses: int, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """Give a receiver that answers `statuses` first."""
    receiver = Receiver(statuses=list(statuses))
    server = web.Server(receiver.take, auto_decompress=False, handler_cancellation=True)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, 0, ssl_context=tls)
        await site.start()
        port = runner.addresses[0][1]
        shown = f"[{host}]" if ":" in host else host
        receiver.url = f"{'https' if tls else 'http'}://{shown}:{port}"
        yield receiver
    finally:
        await runner.cleanup()
