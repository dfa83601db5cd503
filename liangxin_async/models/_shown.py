"""How a value appears in messages and in `repr`: short, and without secrets.

A prompt may be a page and a reference image 10 MB of base64; neither belongs into a
log line. Queries of URLs may be signatures, and what stands before an `@` a password,
so both are cut. The path of a callback URL is a secret by itself.
"""

from __future__ import annotations

import re
import reprlib
from urllib.parse import urlsplit

_TEXT = 80  # characters of one string
_WHOLE = 240  # characters of a whole message part, for containers of strings

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)(?:[^/?#@]*@)?([^?#]*)(.?)", re.DOTALL)


class _Short(reprlib.Repr):
    """`reprlib` with our limits, strings cut at the end and URLs without query."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxdict = self.maxlist = self.maxtuple = 6
        self.maxlong = self.maxother = _TEXT

    def repr1(self, x: object, level: int) -> str:
        # Dispatch of reprlib goes by type name, which subclasses of str would miss.
        return _short_text(x) if isinstance(x, str) else super().repr1(x, level)


_SHORT = _Short()


def shown(value: object, limit: int = _WHOLE) -> str:
    """Return a `repr` of `value` on one line, at most `limit` characters long."""
    try:
        text = _SHORT.repr(value)
    except ValueError:
        # CPython refuses to write integers of more than some thousand digits.
        text = f"<a {type(value).__name__} too long to show>"
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def shown_callback(value: object) -> str:
    """Return how a callback URL may be shown: never with its path."""
    if not isinstance(value, str):
        return shown(value)
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError:
        host = None
    if not host:
        return f"<text of {len(value)} characters>"
    host = f"[{host}]" if ":" in host else host
    return shown(f"{parts.scheme}://{host}/…")


def member(path: str, key: object) -> str:
    """Return the dotted path of `key` below `path`, which is empty at the top."""
    if isinstance(key, str) and key.isprintable() and len(key) <= _TEXT:
        return f"{path}.{key}" if path else key
    return f"{path}[{shown(key)}]"


def _short_text(text: str) -> str:
    # No URL that is worth showing has its `?` later than this.
    start = str.__str__(text[: _TEXT * 4])
    url = _URL.match(start)
    if url is not None:
        scheme, rest, more = url.groups()
        start = f"{scheme}{rest}{'?…' if more == '?' else ''}"
    cut = len(start) > _TEXT or (url is None and len(text) > _TEXT)
    return f"{start[:_TEXT]!r}…" if cut else repr(start)
