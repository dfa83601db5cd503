"""An answer before it is sent: what an honest service says, and what a fault changes.

Neutral between dialects. JSON goes out as ASCII with escapes, so that a lone surrogate
of a prompt cannot break the emulator's own answer.
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web
from attrs import define, evolve, field

JSON = "application/json"
HTML = "text/html; charset=utf-8"


def compact(value: Any) -> str:
    """Return `value` as JSON without spaces."""
    return json.dumps(value, separators=(",", ":"))


@define
class Answer:
    """One HTTP answer.

    Attributes:
        status: HTTP status.
        payload: the JSON value of the body, or None where `content` is the body.
        content: the body's bytes; ignored while there is a payload.
        content_type: value of Content-Type, or None to send none.
        headers: further headers.
    """

    status: int = 200
    payload: dict[str, Any] | None = None
    content: bytes = b""
    content_type: str | None = JSON
    headers: dict[str, str] = field(factory=dict)

    @property
    def body(self) -> bytes:
        """The bytes to send."""
        if self.payload is None:
            return self.content
        return compact(self.payload).encode()

    def with_body(self, body: bytes, content_type: str | None = JSON) -> Answer:
        """Return a copy whose body is these bytes."""
        return evolve(self, payload=None, content=body, content_type=content_type)

    def response(self) -> web.Response:
        """Return the aiohttp response that sends this, with its length."""
        headers = dict(self.headers)
        if self.content_type is not None:
            headers["Content-Type"] = self.content_type
        return web.Response(status=self.status, body=self.body, headers=headers)

    def head(self, **extra: str) -> bytes:
        """Return status line and headers as bytes, without any length but `extra`.

        An underscore in a name of `extra` is a hyphen on the wire.
        """
        lines = [f"HTTP/1.1 {self.status} Emulated"]
        headers = dict(self.headers)
        if self.content_type is not None:
            headers["Content-Type"] = self.content_type
        headers |= {name.replace("_", "-"): value for name, value in extra.items()}
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


def html(status: int, title: str) -> Answer:
    """Return a page such as a proxy in front of the service answers with."""
    page = (
        f"<html><head><title>{title}</title></head>"
        f"<body><center><h1>{title}</h1></center><hr>nginx</body></html>\r\n"
    )
    return Answer(status=status, content=page.encode(), content_type=HTML)
