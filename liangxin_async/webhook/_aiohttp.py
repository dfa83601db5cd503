"""The receiver as routes of an `aiohttp.web` application."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from aiohttp import web
from aiohttp.http import HttpProcessingError

from liangxin_async.webhook._body import BadBodyError
from liangxin_async.webhook._call import Call

if TYPE_CHECKING:
    from liangxin_async.webhook._call import Handler


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

    return [web.post(f"{path.rstrip('/')}/{{token}}", handle)]


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
