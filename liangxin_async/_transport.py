"""HTTP through aiohttp: the one place where its exceptions are known.

It settles three things that the rest relies on. (1) For every failed exchange it is
known whether a byte of the request may have left: the body is a payload that notes
the moment in which aiohttp starts to write, which is also when the buffered headers
go. (2) Every foreign exception ends here, replaced by one of ours that holds no
header, URL query or key. (3) Nothing is followed, coerced or read without a cap.

Creates use connections of their own, each for one request: a stale keep-alive
connection that breaks under a POST leaves an outcome that nobody can decide.

`Transport` owns the sessions it makes, and closes them; a session that the user
brought is used as it is and left open.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import payload
from aiohttp.http import HttpProcessingError
from attrs import define, field, frozen
from yarl import URL

from liangxin_async._connector import environment_proxy
from liangxin_async._errors import (
    ConfigurationError,
    ConnectError,
    ConnectionLostError,
    ProtocolError,
    RequestTimeoutError,
    TransportError,
    shorten,
)
from liangxin_async._version import __version__
from liangxin_async.dialects import HEADERS_READ, WireReply, WireRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.abc import AbstractStreamWriter

    from liangxin_async._config import Timeouts
    from liangxin_async._secret import ApiKey

# Bytes, decoded. A record is a few kB, but it echoes the request with inline images.
MAX_BODY = 16 * 1024 * 1024
_WRITE_SIZE = 64 * 1024  # bytes; inline images must not be copied in one piece
_USER_AGENT = f"liangxin-async/{__version__}"


@define
class Departure:
    """Whether a create has begun to leave, shared by its sender and its caller.

    Invariant: once `left` is true `recalled` stays false, and the reverse. Both are
    set in one step of the loop, so the caller's cancellation and the first byte
    cannot both win.
    """

    left: bool = False
    recalled: bool = False

    def recall(self) -> bool:
        """Forbid the departure; return whether that was still possible."""
        self.recalled = not self.left
        return self.recalled


class RecalledError(Exception):
    """The caller took the create back before its first byte."""


class _WatchedBody(payload.Payload):
    """A body that notes when its first byte, and the headers before it, are written.

    aiohttp buffers the headers and flushes them with the first write of the body.
    """

    _value: bytes
    _autoclose = True  # bytes hold nothing that would have to be closed

    def __init__(self, body: bytes, departure: Departure) -> None:
        super().__init__(body, content_type="application/json")
        self._departure = departure

    @property
    def size(self) -> int:
        return len(self._value)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self._value.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        await self.write_with_length(writer, None)

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        if self._departure.recalled:
            raise RecalledError
        self._departure.left = True
        for start in range(0, len(self._value), _WRITE_SIZE):
            await writer.write(self._value[start : start + _WRITE_SIZE])


@frozen
class _Limits:
    """How long one exchange may take.

    Attributes:
        whole: seconds for all of it.
        parts: what aiohttp watches over beside.
    """

    whole: float
    parts: aiohttp.ClientTimeout


@define
class Transport:
    """Exchanges with one API origin."""

    _base: str
    _key: ApiKey = field(repr=False)
    _timeouts: Timeouts
    _auth_header: str
    _auth_scheme: str
    _trust_env: bool
    _brought: aiohttp.ClientSession | None
    _connections: int
    _queries: aiohttp.ClientSession | None = None
    _creates: aiohttp.ClientSession | None = None
    _create_limits: _Limits = field(init=False)
    _query_limits: _Limits = field(init=False)

    def __attrs_post_init__(self) -> None:
        # `total` is None: aiohttp's own does not hold while it waits, after an early
        # answer, for the rest of a body to leave. Nor `sock_read` for queries: its two
        # timers cost as much as reading the answer's JSON, and `whole` does as well.
        given, parts = self._timeouts, aiohttp.ClientTimeout
        self._create_limits = _Limits(
            given.connect + given.create,
            parts(total=None, connect=given.connect, sock_read=given.create),
        )
        self._query_limits = _Limits(
            given.query, parts(total=None, connect=given.connect)
        )

    def open_nowait(self) -> None:
        """Make the client sessions. Must be called inside the running loop."""
        if self._brought is not None:
            self._queries = self._creates = self._brought
            return
        self._queries = self._new_session(
            aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=15.0)
        )
        self._creates = self._new_session(
            aiohttp.TCPConnector(limit=0, force_close=True)
        )

    def _new_session(self, connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
        proxy = environment_proxy(URL(self._base)) if self._trust_env else None
        return aiohttp.ClientSession(
            connector=connector,
            proxy=proxy,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
        )

    async def create(self, request: WireRequest, departure: Departure) -> WireReply:
        """Send a paid call once. `departure.left` tells whether it may have arrived.

        Raises:
            TransportError: no whole answer.
            ProtocolError: an answer over the cap, or that HTTP cannot read.
            RecalledError: `departure` was recalled in time.
        """
        assert request.body is not None, "a create has a body"
        body = _WatchedBody(request.body, departure)
        try:
            return await self._exchange(
                self._creates, request, body, self._create_limits
            )
        except TransportError:
            if departure.recalled:
                raise RecalledError from None
            raise
        except ConfigurationError as exc:
            if departure.left:  # then it is no matter of configuration any more
                raise ConnectionLostError(str(exc)) from None
            raise

    async def query(self, request: WireRequest) -> WireReply:
        """Send a call that costs nothing and may be repeated.

        Raises:
            TransportError: no whole answer.
            ProtocolError: an answer over the cap, or that HTTP cannot read.
        """
        return await self._exchange(self._queries, request, None, self._query_limits)

    async def _exchange(
        self,
        session: aiohttp.ClientSession | None,
        request: WireRequest,
        body: payload.Payload | None,
        limits: _Limits,
    ) -> WireReply:
        assert session is not None, "open_nowait comes first"
        if session.closed:  # only a brought one can be, while we are open
            raise ConfigurationError("http: the aiohttp.ClientSession given is closed")
        try:
            # Not an anyio scope, which costs three times as much: a tenth of a query.
            async with asyncio.timeout(limits.whole):
                return await self._send(session, request, body, limits.parts)
        except TransportError:
            raise
        except (aiohttp.ClientError, HttpProcessingError, OSError) as exc:
            error = map_error(exc, self._key.mask)
        except (ValueError, RuntimeError) as exc:  # as for a brought session with auth=
            text = self._key.mask(shorten(str(exc)))
            error = ConfigurationError(f"aiohttp refuses the request: {text}")
        # Outside of `except`, so that nothing is chained: a ClientResponseError holds
        # the request's headers, and its traceback holds them again.
        raise error

    async def _send(
        self,
        session: aiohttp.ClientSession,
        request: WireRequest,
        body: payload.Payload | None,
        limits: aiohttp.ClientTimeout,
    ) -> WireReply:
        async with session.request(
            request.method,
            URL(self._base + request.target, encoded=True),
            data=body,
            headers=self._headers(),
            allow_redirects=False,
            raise_for_status=False,
            timeout=limits,
        ) as response:
            content = await _read_capped(response)
            return WireReply(
                response.status,
                self._read_headers(response),
                self._key.mask_bytes(content),
            )

    def _read_headers(self, response: aiohttp.ClientResponse) -> dict[str, str]:
        told = response.headers
        return {
            name: self._key.mask(told[name]) for name in HEADERS_READ if name in told
        }

    def _headers(self) -> dict[str, str]:
        """The one place where the key is revealed; kept in no variable of ours."""
        return {
            self._auth_header: f"{self._auth_scheme} {self._key.reveal()}".lstrip(),
            "Accept": "application/json",
            "User-Agent": _USER_AGENT,
        }

    async def aclose(self) -> None:
        """Close what was made here. Bounded, and safe to call twice."""
        mine = () if self._brought is not None else (self._queries, self._creates)
        self._queries = self._creates = None
        for session in mine:
            if session is not None:
                await session.close()


async def _read_capped(response: aiohttp.ClientResponse) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while chunk := await response.content.readany():
        size += len(chunk)
        if size > MAX_BODY:
            response.close()
            raise ProtocolError(
                f"an answer of more than {MAX_BODY} bytes (HTTP {response.status})",
                http_status=response.status,
                body=chunks[0][:400].decode("utf-8", "replace") if chunks else "",
            )
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


# TLS that does not fit, or an address that is none: asking again changes nothing.
_NEVER_BY_WAITING = (
    aiohttp.ClientSSLError,
    aiohttp.ServerFingerprintMismatch,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)


def map_error(exc: BaseException, mask: Callable[[str], str]) -> Exception:
    """Return our error for what aiohttp or the system raised.

    The text keeps the class name, errno and host: enough to find the cause, and
    nothing that could hold a header or a query.
    """
    what = _in_words(exc, mask)
    if isinstance(exc, aiohttp.ConnectionTimeoutError):
        return ConnectError(f"no connection in time: {what}")
    if isinstance(exc, _NEVER_BY_WAITING):
        return ConnectError(f"no connection: {what}", permanent=True)
    if isinstance(exc, (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError)):
        return ConnectError(f"no connection: {what}")
    if isinstance(exc, TimeoutError):
        return RequestTimeoutError(f"no whole answer in time: {what}")
    if isinstance(exc, (aiohttp.ClientResponseError, HttpProcessingError)):
        return ProtocolError(f"an answer that is not HTTP: {what}")
    return ConnectionLostError(f"the connection broke: {what}")


def _in_words(exc: BaseException, mask: Callable[[str], str]) -> str:
    name = type(exc).__name__
    if isinstance(exc, aiohttp.ClientConnectorError):
        cause = exc.os_error.strerror or str(exc.os_error)
        return mask(f"{name} to {exc.host}:{exc.port} ({cause})")
    if isinstance(exc, ssl.SSLError):
        return f"{name} ({exc.reason})"
    if isinstance(exc, OSError) and exc.strerror:
        return f"{name} ({exc.strerror})"
    return name
