"""One try at one file of a stranger's host, and what can go wrong with it.

Result URLs come from the service and lead to hosts that nobody vouches for. No
credential goes there: the aiohttp session has no key, no cookies and no ~/.netrc.
Redirects are followed by hand, and each hop is judged by `_addresses`.

Every foreign exception ends in `WebClient.attempt`, which returns what it means: the
originals hold signed URLs in their `args`, text or context.

Durations are float seconds, sizes bytes.
"""

from __future__ import annotations

import zlib
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import aiohttp
import anyio
from aiohttp.http import HttpProcessingError
from anyio import to_thread
from attrs import define, field, frozen

from liangxin_async._addresses import (
    Link,
    LinkRefusedError,
    parse_link,
)
from liangxin_async._connector import AddressRefusedError, environment_proxy
from liangxin_async._partfile import (
    FailedTryError,
    PartFile,
    Place,
    inflater_for,
    too_large,
)
from liangxin_async._version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")

_REDIRECTS = 5
_FILES_AT_ONCE = 16  # of all calls together: bounds memory, sockets, descriptors
_THREADS = 4  # a limiter of our own, so that a slow disk starves nobody else's threads
_BATCH = 1024 * 1024  # bytes gathered before a thread writes them

_EXPIRED = frozenset((403, 404, 410))
_MOVED = frozenset((301, 302, 303, 307, 308))
_LATER = frozenset((408, 425, 429))


@frozen
class SavedFile:
    """A file that stands whole under its name.

    Attributes:
        path: where.
        size_bytes: how large.
    """

    path: Path
    size_bytes: int


@define(eq=False)
class WebClient:
    """Fetches files from hosts that get no credentials. Belongs to one event loop.

    Args:
        direct: session that reaches public addresses only.
        proxied: session for what goes through a proxy of the environment; None where
            the environment is not asked.
        allow_loopback: whether loopback, and plain http to it, is allowed.
        read_timeout: seconds without a byte before a try counts as broken.
    """

    _direct: aiohttp.ClientSession
    _proxied: aiohttp.ClientSession | None
    _allow_loopback: bool
    _read_timeout: float
    _places: anyio.Semaphore = field(
        init=False, factory=lambda: anyio.Semaphore(_FILES_AT_ONCE)
    )
    _threads: anyio.CapacityLimiter = field(
        init=False, factory=lambda: anyio.CapacityLimiter(_THREADS)
    )

    async def attempt(
        self, url: str, place: Place, *, limit: Callable[[str], int]
    ) -> SavedFile | FailedTryError:
        """Fetch `url` once and save it at `place`; return what came of it.

        Cancelling leaves nothing partial behind.

        Args:
            url: as the service spells it.
            place: where the file shall go.
            limit: gives the largest file, in decoded bytes, for a content type.
        """
        try:
            link = parse_link(url, allow_loopback=self._allow_loopback)
            async with self._places:
                return await self._exchange(link, place, limit)
        except FailedTryError as failure:
            return failure
        except (
            aiohttp.ClientError,
            HttpProcessingError,
            OSError,
            ValueError,
            zlib.error,
        ) as exc:
            return _failure_of(exc)

    async def _exchange(
        self, link: Link, place: Place, limit_of: Callable[[str], int]
    ) -> SavedFile:
        for _ in range(_REDIRECTS + 1):
            session, proxy = self._direct, None
            if self._proxied is not None:
                proxy = await to_thread.run_sync(environment_proxy, link.url)
                session = session if proxy is None else self._proxied
            async with session.get(
                link.url, allow_redirects=False, proxy=proxy
            ) as response:
                location = response.headers.get("Location")
                if response.status not in _MOVED or location is None:
                    _check_status(response.status)
                    return await self._receive(response, place, limit_of)
                link = link.follow(location, allow_loopback=self._allow_loopback)
        raise FailedTryError("refused", f"more than {_REDIRECTS} redirects")

    async def _receive(
        self,
        response: aiohttp.ClientResponse,
        place: Place,
        limit_of: Callable[[str], int],
    ) -> SavedFile:
        announced, headers = response.content_length, response.headers
        kind = headers.get("Content-Type", "")
        limit = limit_of(kind)
        if announced is not None and announced > limit:
            raise too_large(limit)
        chunked = "chunked" in headers.get("Transfer-Encoding", "").lower()
        inflater = inflater_for(headers.get("Content-Encoding", ""))
        # Each chunk of a compressed body may grow a thousandfold: none is gathered.
        batch = _BATCH if inflater is None else 1
        part = PartFile(place, limit, inflater)
        settle = partial(
            part.settle,
            kind,
            delimited=chunked or announced is not None,
        )
        try:
            await self._pour(response.content, part, batch=batch, limit=limit)
            return SavedFile(await self._on_disk(settle), part.size_bytes)
        finally:
            part.abandon()

    async def _pour(
        self, content: aiohttp.StreamReader, part: PartFile, *, batch: int, limit: int
    ) -> None:
        """Write a body to `part`, `batch` bytes or more at once, `limit` in all."""
        gathered: list[bytes] = []
        total = held = 0
        while chunk := await self._next(content):
            total += len(chunk)
            held += len(chunk)
            if total > limit:
                raise too_large(limit)
            gathered.append(chunk)
            if held >= batch:
                await self._on_disk(partial(part.write, gathered))
                gathered, held = [], 0
        if gathered:
            await self._on_disk(partial(part.write, gathered))

    async def _next(self, content: aiohttp.StreamReader) -> bytes:
        """Return what came next, b"" at the end."""
        # Beside `sock_read`: behind a malformed chunk in mid-body, aiohttp 3.14.5 with
        # its C parser stops that timer, closes the connection and wakes no reader.
        with anyio.fail_after(self._read_timeout):
            return await content.readany()

    async def _on_disk(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread; an error of the file system becomes ours."""
        try:
            return await to_thread.run_sync(work, limiter=self._threads)
        except (OSError, ValueError) as exc:  # ValueError: a NUL in the folder's name
            why = getattr(exc, "strerror", None) or str(exc)
            raise FailedTryError("disk", f"the disk refused: {why}", cause=exc) from exc

    async def aclose(self) -> None:
        """Free what is open."""
        for session in self._sessions():
            await session.close()

    def detach(self) -> None:
        """Let go of sessions whose loop is gone: none complains, none touches it."""
        for session in self._sessions():
            session.detach()

    def _sessions(self) -> list[aiohttp.ClientSession]:
        return [self._direct] + ([] if self._proxied is None else [self._proxied])


def open_client(
    *,
    allow_loopback: bool,
    trust_env: bool,
    connector: aiohttp.BaseConnector,
    connect_timeout: float,
    read_timeout: float,
) -> WebClient:
    """Return a client for the running loop.

    Args:
        allow_loopback: whether loopback, and plain http to it, is allowed.
        trust_env: whether to use the proxies of the environment.
        connector: reaches the hosts of files; the client closes it.
        connect_timeout: seconds to get a connection, name and TLS included.
        read_timeout: seconds without a byte before a try counts as broken.
    """
    limits = aiohttp.ClientTimeout(
        total=None,
        connect=connect_timeout,
        sock_connect=connect_timeout,
        sock_read=read_timeout,
    )
    direct = _new_session(connector, limits)
    proxied = None
    if trust_env:  # the environment's proxy may well stand at a private address
        proxied = _new_session(aiohttp.TCPConnector(force_close=True, limit=0), limits)
    return WebClient(direct, proxied, allow_loopback, read_timeout)


def _new_session(
    connector: aiohttp.BaseConnector, limits: aiohttp.ClientTimeout
) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,  # True would send what ~/.netrc holds for the host
        auto_decompress=False,  # a thread does it, in bounded steps
        headers={
            "Accept": "image/*, video/*;q=0.9, */*;q=0.5",
            "Accept-Encoding": "identity",
            "User-Agent": f"liangxin-async/{__version__}",
        },
        timeout=limits,
    )


def _failure_of(exc: Exception) -> FailedTryError:
    """Map what aiohttp or the system raised, keeping nothing that came in its text."""
    if isinstance(exc, LinkRefusedError):  # ours: its text is already masked
        return FailedTryError("address", str(exc))
    name = type(exc).__name__
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        return FailedTryError(
            "transport", f"the host's certificate is not trusted ({name})"
        )
    if isinstance(exc, aiohttp.ClientConnectorError):
        if isinstance(exc.os_error, AddressRefusedError):
            return FailedTryError("address", "the host's address is not public")
        return FailedTryError("transport", f"no connection ({name})", again=True)
    if isinstance(exc, aiohttp.ConnectionTimeoutError):
        return FailedTryError(
            "transport", f"no connection in time ({name})", again=True
        )
    if isinstance(exc, TimeoutError):
        return FailedTryError("transport", f"the host fell silent ({name})", again=True)
    if isinstance(exc, (aiohttp.ClientPayloadError, HttpProcessingError, zlib.error)):
        return FailedTryError("incomplete", f"the body broke off ({name})", again=True)
    return FailedTryError("transport", f"the exchange broke ({name})", again=True)


def _check_status(status: int) -> None:
    """Raise FailedTryError unless a file may follow this status."""
    if status in _EXPIRED:
        raise FailedTryError("expired", f"HTTP {status}", status=status)
    if status in _LATER or status >= 500:
        raise FailedTryError("transport", f"HTTP {status}", again=True, status=status)
    if status == 206:
        words = "HTTP 206, a part that nobody asked for"
        raise FailedTryError("incomplete", words, again=True, status=status)
    if not 200 <= status < 300:
        raise FailedTryError("refused", f"HTTP {status}", status=status)
