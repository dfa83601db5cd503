"""A plain caller of the emulator: aiohttp and raw sockets, nothing of our client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import anyio
from attrs import define

from liangxin_async.emulator import Emulator

CREATE = "/api/v1/jobs/createTask"
QUERY = "/api/v1/jobs/recordInfo"
EVO_CREATE = "/v1/images/generations"
EVO_QUERY = "/v1/tasks/"
EVO_CREDITS = "/v1/credits"


@define
class Clock:
    """Seconds that pass when a test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        """Return the present instant."""
        return self.now


@define
class Reply:
    """An answer as aiohttp's client sees it."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@define
class Wire:
    """What a raw socket saw until its end."""

    data: bytes
    ended: str  # "eof", "reset" or "open" (nothing more came)

    @property
    def head(self) -> str:
        """Status line and headers."""
        return self.data.partition(b"\r\n\r\n")[0].decode("latin-1")

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.head.split(" ", 2)[1])

    @property
    def body(self) -> bytes:
        """Everything after the headers, as it came."""
        return self.data.partition(b"\r\n\r\n")[2]

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """Return a header, or None."""
        for line in self.head.split("\r\n")[1:]:
            key, _, value = line.partition(": ")
            if key.lower() == name.lower():
                return value
        return None


@define
class Caller:
    """An emulator, and the ways to call it."""

    emulator: Emulator
    clock: Clock
    http: aiohttp.ClientSession

    async def send(self, method: str, path: str, **options: Any) -> Reply:
        """Call with the right key."""
        headers = {"Authorization": f"Bearer {self.emulator.api_key}"}
        headers |= options.pop("headers", {})
        url = path if path.startswith("http") else self.emulator.base_url + path
        async with self.http.request(
            method, url, headers=headers, allow_redirects=False, **options
        ) as response:
            body = await response.read()
            return Reply(response.status, dict(response.headers), body)

    async def create(
        self, prompt: str = "p", model: str = "z-image", **fields: Any
    ) -> Reply:
        """Send a create."""
        body = {"model": model, "input": {"prompt": prompt, **fields}}
        return await self.send("POST", CREATE, json=body)

    async def made(self, prompt: str = "p", **fields: Any) -> str:
        """Create a task that must be accepted; return its id."""
        reply = await self.create(prompt, **fields)
        assert reply.status == 200, reply
        assert reply.json["code"] == 200, reply
        task_id: str = reply.json["data"]["taskId"]
        return task_id

    async def query(self, task_id: str) -> Reply:
        """Ask about a task."""
        return await self.send("GET", QUERY, params={"taskId": task_id})

    async def record(self, task_id: str) -> dict[str, Any]:
        """Return the data of a record that must be there."""
        reply = await self.query(task_id)
        assert reply.json["code"] == 200, reply
        data: dict[str, Any] = reply.json["data"]
        return data

    async def url(self, task_id: str) -> str:
        """Return the result URL of a task that has succeeded."""
        record = await self.record(task_id)
        url: str = json.loads(record["resultJson"])["resultUrls"][0]
        return url

    async def file(self, url: str) -> Reply:
        """Fetch a result file as a careful client does: without the key."""
        async with self.http.get(url, allow_redirects=False) as response:
            body = await response.read()
            return Reply(response.status, dict(response.headers), body)

    async def raw(self, data: bytes, *, wait: float = 2.0) -> Wire:
        """Send bytes on a connection of their own; read until it ends."""
        host, port = self.emulator.base_url.removeprefix("http://").split(":")
        received, ended = bytearray(), "open"
        writer = None
        with anyio.move_on_after(wait):
            try:
                reader, writer = await asyncio.open_connection(host, int(port))
                writer.write(data)
                while part := await reader.read(65536):
                    received += part
                ended = "eof"
            except ConnectionResetError:
                ended = "reset"
        if writer is not None:
            writer.transport.abort()
            await asyncio.sleep(0)
        return Wire(bytes(received), ended)

    # EvoLink

    async def evo_create(
        self, prompt: str = "p", model: str = "z-image-turbo", **fields: Any
    ) -> Reply:
        """Send a create in EvoLink's dialect."""
        body = {"model": model, "prompt": prompt, **fields}
        return await self.send("POST", EVO_CREATE, json=body)

    async def evo_made(self, prompt: str = "p", **fields: Any) -> str:
        """Create an EvoLink task that must be accepted; return its id."""
        reply = await self.evo_create(prompt, **fields)
        assert reply.status == 200, reply
        task_id: str = reply.json["id"]
        return task_id

    async def evo_query(self, task_id: str) -> Reply:
        """Ask about an EvoLink task."""
        return await self.send("GET", EVO_QUERY + task_id)

    async def evo_record(self, task_id: str) -> dict[str, Any]:
        """Return an EvoLink task object that must be there."""
        reply = await self.evo_query(task_id)
        assert reply.status == 200, reply
        data: dict[str, Any] = reply.json
        return data

    # Bytes

    def create_bytes(self, prompt: str = "p", dialect: str = "liangxin") -> bytes:
        """Return a create as raw bytes that ask for the connection to be closed."""
        if dialect == "evolink":
            path, data = EVO_CREATE, {"model": "z-image-turbo", "prompt": prompt}
        else:
            path, data = CREATE, {"model": "z-image", "input": {"prompt": prompt}}
        body = json.dumps(data).encode()
        return self._head("POST", path, len(body)) + body

    def query_bytes(self, task_id: str, dialect: str = "liangxin") -> bytes:
        """Return a query as raw bytes that ask for the connection to be closed."""
        if dialect == "evolink":
            return self.get_bytes(EVO_QUERY + task_id)
        return self.get_bytes(f"{QUERY}?taskId={task_id}")

    def get_bytes(self, path: str) -> bytes:
        """Return a GET as raw bytes that ask for the connection to be closed."""
        return self._head("GET", path, 0)

    def _head(self, method: str, path: str, length: int) -> bytes:
        return (
            f"{method} {path} HTTP/1.1\r\nHost: emulator\r\nConnection: close\r\n"
            f"Authorization: Bearer {self.emulator.api_key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        ).encode()


async def until(is_so: Callable[[], object], *, seconds: float = 2) -> None:
    """Wait for something that a socket will bring about; fail after `seconds`."""
    with anyio.fail_after(seconds):
        while not is_so():  # noqa: ASYNC110  # nobody sets an event for it
            await anyio.sleep(0.001)


Play = Callable[..., Awaitable[Caller]]
