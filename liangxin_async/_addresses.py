"""Which URLs and addresses a download may touch.

Result URLs come from the service, so they could point into the user's own network.
Two checks, both on every hop of a redirect:

1. `parse_link` judges the text: scheme, credentials, literal address. Pure.
2. `_connector.public_connector` judges the address that is about to be connected to,
   by `refusal`.

Public means the tables below and not `ipaddress.is_global`, which passes multicast,
fec0::/10 and 64:ff9b::/96 up to Python 3.13 and 2002::/16 up to 3.12. The tables are
IANA's special-purpose registries; for IPv6 all but 2000::/3 is out from the start.

Through a proxy the connector sees the address of the proxy, and the proxy resolves
the name: then only check 1 holds, which knows literal addresses and no names.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from attrs import field, frozen
from yarl import URL

_NOT_PUBLIC_4 = tuple(
    (IPv4Network(net), what)
    for net, what in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "a cloud's own host service"),  # public by number only
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)

_UNICAST_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    (IPv6Network(net), what)
    for net, what in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::/96", "IPv4-compatible"),
        ("64:ff9b::/96", "NAT64"),  # the IPv4 address inside may be anything
        ("64:ff9b:1::/48", "local NAT64"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
        ("2001::/23", "protocol assignments"),  # Teredo and ORCHID among them
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),  # the IPv4 address inside may be anything
        ("3fff::/20", "documentation"),
    )
)


def refusal(address: str, *, allow_loopback: bool) -> str | None:
    """Return why `address` may not be connected to, or None where it may.

    Args:
        address: an IPv4 or IPv6 address as text, with or without a zone.
        allow_loopback: whether 127.0.0.0/8 and ::1 are welcome. Their IPv4-mapped
            forms stay out: nobody writes them without something to hide.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return "not an IP address"
    if isinstance(parsed, IPv4Address):
        return None if _is_welcome(parsed, allow_loopback) else _refusal_4(parsed)
    if parsed.scope_id is not None:
        return "it has a zone, so it is local"
    if parsed.ipv4_mapped is not None:
        inside = _refusal_4(parsed.ipv4_mapped)
        return None if inside is None else f"IPv4-mapped, {inside}"
    return None if _is_welcome(parsed, allow_loopback) else _refusal_6(parsed)


def _is_welcome(address: IPv4Address | IPv6Address, allow_loopback: bool) -> bool:
    return allow_loopback and address.is_loopback


def _refusal_4(address: IPv4Address) -> str | None:
    return next((what for net, what in _NOT_PUBLIC_4 if address in net), None)


def _refusal_6(address: IPv6Address) -> str | None:
    for net, what in _NOT_PUBLIC_6:
        if address in net:
            return what
    return None if address in _UNICAST_6 else "not in the global unicast range"


# ----------------------------------------------------------------------- links


class LinkRefusedError(ValueError):
    """A URL that may not be asked for. The text says why and shows no query."""


@frozen(repr=False)
class Link:
    """A URL that passed `parse_link`. Shows itself without its query.

    The query of a signed URL is a credential: it is in `url` alone, and `url` is for
    the HTTP client alone.
    """

    url: URL = field(repr=False)

    def __str__(self) -> str:
        return _masked(self.url)

    def __repr__(self) -> str:
        return f"<Link {self}>"

    @property
    def is_loopback(self) -> bool:
        """Whether the host is `localhost` or a loopback address."""
        return names_loopback(self.url.host or "")

    def follow(self, location: str, *, allow_loopback: bool) -> Link:
        """Return the link that a redirect from here to `location` leads to.

        Raises:
            LinkRefusedError: not allowed, or from https down to http.
        """
        try:
            target = self.url.join(_read(location))
        except ValueError:
            raise LinkRefusedError("redirected to an unreadable URL") from None
        if self.url.scheme == "https" and target.scheme == "http":
            raise LinkRefusedError(f"redirected from https to http: {_masked(target)}")
        return _judge(target, allow_loopback=allow_loopback)


def parse_link(text: str, *, allow_loopback: bool) -> Link:
    """Return the link that `text` spells, unchanged where it is a proper URL.

    Raises:
        LinkRefusedError: not https (plain http is for loopback, where allowed), user
            name in it, no host, or a literal address that is not public.
    """
    try:
        url = _read(text)
    except ValueError:
        raise LinkRefusedError("not a readable URL") from None
    return _judge(url, allow_loopback=allow_loopback)


def mask_url(text: str) -> str:
    """Return scheme, host and path of a URL: enough to find it, no credential."""
    try:
        return _masked(_read(text))
    except ValueError:
        return "an unreadable URL"


def _masked(url: URL) -> str:
    if not url.host:
        return f"{url.scheme}:…"  # the rest of a data: URL is its content
    port = "" if url.explicit_port is None else f":{url.explicit_port}"
    host = f"[{url.host}]" if ":" in url.host else url.host
    path = url.raw_path
    shown = path if len(path) <= 200 else f"{path[:200]}…"
    return f"{url.scheme}://{host}{port}{shown}"


def _read(text: str) -> URL:
    # A signature covers the URL as it is spelled, so nothing is re-quoted unless it
    # could not be sent as it is.
    proper = text.isascii() and text.isprintable() and " " not in text
    try:
        url = URL(text, encoded=proper)
        _ = url.host, url.explicit_port  # parsed lazily: a bad one raises only here
    except LookupError:  # what yarl 1.25 raises for "https://x[]@"
        raise ValueError("unreadable") from None
    return url


def _judge(url: URL, *, allow_loopback: bool) -> Link:
    host = url.host or ""
    if url.scheme not in ("https", "http"):
        raise LinkRefusedError(f"the scheme is {url.scheme or 'missing'}, not https")
    if not host:
        raise LinkRefusedError("the URL names no host")
    if "@" in url.raw_authority:
        raise LinkRefusedError(f"a user name stands in the URL: {_masked(url)}")
    if url.scheme == "http" and not (allow_loopback and names_loopback(host)):
        raise LinkRefusedError(f"plain http: {_masked(url)}")
    if _is_literal(host):
        why = refusal(host, allow_loopback=allow_loopback)
        if why is not None:
            raise LinkRefusedError(f"the address is not public ({why}): {_masked(url)}")
    return Link(url)


def _is_literal(host: str) -> bool:
    # Also the old spellings of an IPv4 address (127.1, 2130706433), which `refusal`
    # then turns away as no address. Hexadecimal ones go on to the socket factory.
    return ":" in host or host.replace(".", "").isdigit()


def names_loopback(host: str) -> bool:
    """Whether a host is this machine by its spelling alone."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
