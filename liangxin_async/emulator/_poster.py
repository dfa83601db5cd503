"""One POST of a callback over real HTTP, to loopback and nowhere else.

The connector makes no socket but to a loopback address, whatever a URL or a name led
to. Redirects are not followed, and no proxy is asked. Certificates are not checked:
nobody vouches for a loopback address. Instants and limits are the emulator's clock's.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import aiohttp
import anyio
from attrs import define, frozen

from liangxin_async.emulator._callbacks import is_loopback_host
from liangxin_async.emulator._delivery import Attempt

if TYPE_CHECKING:
    from liangxin_async.emulator._alarms import Alarms
    from liangxin_async.emulator._callbacks import Manner


@frozen
class Letter:
    """A callback in writing; every attempt sends the same."""

    body: bytes
    headers: dict[str, str]


@define(eq=False)
class Poster:
    """Sends letters; opens its session with the first one."""

    alarms: Alarms
    _http: aiohttp.ClientSession | None = None

    async def post(
        self, url: str, letter: Letter, manner: Manner, limit: float
    ) -> Attempt:
        """Send a letter once, and return what came back within `limit` seconds."""
        began, problem = self.alarms.clock(), "timeout"
        headers = {"Content-Length": str(len(letter.body)), **letter.headers}
        scope = anyio.CancelScope()
        alarm = self.alarms.at(began + limit, scope.cancel)
        try:
            with scope:
                async with self._session().post(
                    url,
                    data=self._body(letter.body, manner),
                    headers=headers,
                    allow_redirects=False,
                    ssl=False,
                ) as response:
                    return Attempt(at=began, status=response.status)
        except aiohttp.ClientConnectorError:
            problem = "no connection"
        except (aiohttp.ClientError, OSError):
            problem = "connection lost"
        finally:
            alarm.cancel()
        return Attempt(at=began, problem=problem)

    async def aclose(self) -> None:
        """Close the session, if there is one."""
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    def _body(self, body: bytes, manner: Manner) -> bytes | AsyncIterator[bytes]:
        return body if manner.parts <= 1 else self._in_parts(body, manner)

    async def _in_parts(self, body: bytes, manner: Manner) -> AsyncIterator[bytes]:
        size = -(-len(body) // manner.parts)
        for start in range(0, len(body), size):
            if start:
                await self.alarms.sleep(manner.pause)
            yield body[start : start + size]

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            # A connection for each attempt: one that is kept could be stale, and then
            # the emulator, not the receiver, would be what failed.
            connector = aiohttp.TCPConnector(
                force_close=True, limit=0, socket_factory=loopback_socket
            )
            self._http = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=None),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "liangxin-emulator"},
                skip_auto_headers=["Content-Type"],
            )
        return self._http


def loopback_socket(address: Any) -> socket.socket:
    """Return a socket for an address, which must be loopback.

    Raises:
        OSError: it is not.
    """
    family, kind, protocol, _, name = address
    if not is_loopback_host(str(name[0])):
        raise OSError(errno.EACCES, "callbacks go to loopback addresses only")
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    return made
