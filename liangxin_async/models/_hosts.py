"""Whether the host of a URL is an internal one, by its spelling alone.

For callback URLs, which have to be public. Names are not resolved: the service sees
another network than this machine. A name without a dot is nobody's in public, and some
endings are internal by definition (RFC 6761, RFC 6762, RFC 8375, ICANN's `.internal`).
"""

from __future__ import annotations

import re
import unicodedata
from ipaddress import IPv4Address
from typing import Final
from urllib.parse import unquote

from liangxin_async._addresses import refusal

_INTERNAL: Final = (".localhost", ".local", ".internal", ".home.arpa")
# One part of an address as inet_aton reads it: hexadecimal, octal or decimal.
_PART: Final = re.compile(r"0x([0-9a-f]*)|0([0-7]*)|([1-9][0-9]*)")


def is_internal(host: str) -> bool:
    """Whether `host` names this machine, or spells an address that is not public.

    Args:
        host: a name or an address in any spelling that some resolver takes: IPv6 with
            or without brackets, IPv4 also as 2130706433, 0x7f.1, 0177.0.0.1 or 127.1.
    """
    name = _folded(host)
    bare = name.removeprefix("[").removesuffix("]")
    address = bare if ":" in bare else _ipv4(bare)
    if address is not None:
        return refusal(address, allow_loopback=False) is not None
    return "." not in name or name.endswith(_INTERNAL)


def _folded(host: str) -> str:
    """Return the host as lenient programs read it: unquoted, folded, without root."""
    # Full-width digits and the ideographic full stop count as 0 to 9 and a dot.
    plain = unicodedata.normalize("NFKC", unquote(host)).replace("。", ".")
    return plain.lower().removesuffix(".")


def _ipv4(text: str) -> str | None:
    """Return the address that inet_aton reads in `text`, dotted; None for a name."""
    parts = text.split(".")
    numbers = [_number(part) for part in parts]
    *heads, last = numbers
    if len(parts) > 4 or last is None or last >= 256 ** (5 - len(parts)):
        return None
    value = last
    for place, head in enumerate(heads):
        if head is None or head > 255:
            return None
        value |= head << 8 * (3 - place)
    return str(IPv4Address(value))


def _number(part: str) -> int | None:
    match = _PART.fullmatch(part)
    if match is None:
        return None
    sixteen, eight, ten = match.groups()
    if ten is None:
        return int(sixteen or "0", 16) if eight is None else int(eight or "0", 8)
    # Ten digits hold every 32-bit number; CPython reads no more than some thousand.
    return int(ten) if len(ten) <= 10 else None
