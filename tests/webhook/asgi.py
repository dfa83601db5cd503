"""A minimal ASGI caller: what a server does for one request, without a server."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import anyio
from attrs import define, field

App = Callable[..., Awaitable[None]]


@define
class Delivery:
    """One request to an ASGI application.

    `chunks` come one by one; None in their place never comes, `...` is the sender's
    going away.
    """

    path: str
    chunks: list[Any] = field(factory=list)
    method: str = "POST"
    headers: dict[str, str] = field(factory=dict)
    read: int = 0

    async def to(self, app: App) -> tuple[int, dict[str, str]]:
        """Deliver; return status and headers."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "method": self.method,
            "path": self.path,
            "root_path": "",
            "query_string": b"",
            "headers": [(n.encode(), v.encode()) for n, v in self.headers.items()],
        }
        sent: list[MutableMapping[str, Any]] = []

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        await app(scope, self._receive, send)
        start, body = sent
        assert (start["type"], body["type"]) == (
            "http.response.start",
            "http.response.body",
        )
        assert not body.get("more_body")
        headers = {n.decode(): v.decode() for n, v in start["headers"]}
        return start["status"], headers

    async def _receive(self) -> dict[str, Any]:
        index, self.read = self.read, self.read + 1
        chunk = self.chunks[index] if index < len(self.chunks) else b""
        if chunk is None:
            await anyio.sleep_forever()
        if chunk is ...:
            return {"type": "http.disconnect"}
        more = index + 1 < len(self.chunks)
        return {"type": "http.request", "body": chunk, "more_body": more}


async def status_of(app: App, path: str, body: Any = b"", **how: Any) -> int:
    """Deliver `body` (bytes, or JSON to be written) in one piece."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return (await Delivery(path, [raw], **how).to(app))[0]
