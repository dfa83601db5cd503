"""Connections to public addresses only, and the proxy that the environment names.

The address is judged in the connector's socket factory. That runs after name
resolution and for each candidate address, so that a name that resolves to another
address the second time (rebinding) finds no gap. A pooled connection was checked when
it was made. What is public is `_addresses`' matter.
"""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from liangxin_async._addresses import names_loopback, refusal

if TYPE_CHECKING:
    import ssl

    from aiohttp import AddrInfoType, SocketFactoryType
    from aiohttp.abc import AbstractResolver


class AddressRefusedError(OSError):
    """Raised by the socket factory in place of making a socket."""


def public_socket_factory(*, allow_loopback: bool) -> SocketFactoryType:
    """Return what makes sockets for public addresses and refuses all others."""

    def make(info: AddrInfoType) -> socket.socket:
        family, kind, proto, _, target = info
        if refusal(str(target[0]), allow_loopback=allow_loopback) is not None:
            # One text for all: aiohappyeyeballs keeps the class of the errors of
            # several addresses only where they read alike.
            raise AddressRefusedError(errno.EACCES, "the address is not public")
        return socket.socket(family, kind, proto)

    return make


def public_connector(
    *,
    allow_loopback: bool,
    resolver: AbstractResolver | None = None,
    tls: ssl.SSLContext | None = None,
) -> aiohttp.TCPConnector:
    """Return a connector that reaches public addresses only.

    One connection for each request: nothing of it outlives the request, or its loop.

    Args:
        allow_loopback: whether loopback may be reached too.
        resolver: who resolves names; None for the system.
        tls: whom to trust; None for the system.
    """
    return aiohttp.TCPConnector(
        socket_factory=public_socket_factory(allow_loopback=allow_loopback),
        resolver=resolver,
        ssl=True if tls is None else tls,
        force_close=True,
        limit=0,
    )


def environment_proxy(url: URL) -> URL | None:
    """Return the proxy that the environment names for `url`, or None.

    Blocks where the system keeps such settings in a service. Loopback is never asked
    of a proxy. Read by hand because aiohttp's `trust_env` also sends what it finds in
    ~/.netrc, and no host gets a credential that its caller did not choose.
    """
    host = url.host or ""
    if names_loopback(host) or proxy_bypass(host):
        return None
    proxy = getproxies().get(url.scheme)
    return None if not proxy else URL(proxy if "://" in proxy else f"http://{proxy}")
