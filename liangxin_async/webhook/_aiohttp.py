"""The receiver as routes of an `aiohttp.web` application."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.http import HttpProcessingError
from yarl import URL

from liangxin_async.webhook._body import BadBodyError
from liangxin_async.webhook._call import Call

if TYPE_CHECKING:
    from liangxin_async.webhook._call import Handler

_PLAIN = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@-]*")


def make_routes(path: str, answer: Handler) -> list[web.RouteDef]:
    """Return the routes below `path`; other methods than POST aiohttp refuses."""

    async def handle(request: web.Request) -> web.Response:
        answered = await answer(
            Call(
                method=request.method,
                token=request.match_info["token"],
                encoding=_encoding(request),
                length=request.content_length,
                headers=request.headers,
                chunks=_chunks(request),
            )
        )
        response = web.Response(status=answered.status, headers=answered.headers)
        if "Connection" in answered.headers:
            response.force_close()
        return response

    return [web.post(f"{_pattern(path.rstrip('/'))}/{{token}}", handle)]


def _pattern(path: str) -> str:
    """Return the pattern for a path, however it is spelled.

    aiohttp matches decoded paths, and writes the fixed parts of a pattern encoded: so
    a part that is not the same in both must not be a fixed one (3.14).
    """
    parts = URL.build(path=path, encoded=True).path_safe.split("/") if path else [""]
    return "/".join(
        part if _PLAIN.fullmatch(part) else f"{{part{number}:{_literal(part)}}}"
        for number, part in enumerate(parts)
    )


def _literal(part: str) -> str:
    # As numbers, because braces would count for aiohttp.
    return "".join(f"\\U{ord(char):08x}" for char in part)


def _encoding(request: web.Request) -> str:
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    # aiohttp decompresses these by itself, piece by piece as they are read.
    return "" if encoding in ("gzip", "deflate") else encoding


_BROKEN = (
    web.RequestPayloadError,
    web.PayloadAccessError,
    HttpProcessingError,
    OSError,
)


async def _chunks(request: web.Request) -> AsyncGenerator[bytes, None]:
    try:
        async for chunk in request.content.iter_any():
            yield chunk
    except _BROKEN as exc:
        raise BadBodyError from exc
