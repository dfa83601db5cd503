"""The receiver as a raw ASGI application (ASGI 3.0), for whatever framework mounts it.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import frozen

from liangxin_async.webhook._body import BadBodyError
from liangxin_async.webhook._call import Call

if TYPE_CHECKING:
    from liangxin_async.webhook._call import Handler

_DIGITS = 20  # of a length; `int` refuses texts of thousands

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@frozen(repr=False, eq=False)
class AsgiApp:
    """An ASGI 3.0 application. An object, because uvicorn takes a bound method for one
    of the old two-step kind."""

    _answer: Handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the kinds that ASGI has."""
        if scope["type"] == "http":
            await _serve_http(scope, receive, send, self._answer)
        elif scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})


async def _serve_http(
    scope: Scope, receive: Receive, send: Send, answer: Handler
) -> None:
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1")
        for name, value in scope["headers"]
    }
    length = headers.get("content-length", "")[:_DIGITS]  # longer is too long anyway
    answered = await answer(
        Call(
            method=scope["method"].upper(),
            token=scope["path"].rpartition("/")[2],
            encoding=headers.get("content-encoding", "").strip().lower(),
            length=int(length) if length.isascii() and length.isdigit() else None,
            headers=headers,
            chunks=_chunks(receive),
        )
    )
    told = [(b"content-length", b"0")]
    for name, value in answered.headers.items():
        told.append((name.lower().encode(), value.encode()))
    start = {"type": "http.response.start", "status": answered.status, "headers": told}
    with suppress(OSError):  # the sender has gone, and the server says so (ASGI 2.4)
        await send(start)
        await send({"type": "http.response.body", "body": b""})


async def _chunks(receive: Receive) -> AsyncGenerator[bytes, None]:
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise BadBodyError  # the sender has gone
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


async def _live(receive: Receive, send: Send) -> None:
    """Served alone, without an application around it: there is nothing to begin."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
