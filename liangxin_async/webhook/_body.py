"""Reading a body that may be endless, a bomb, or nonsense: into a bounded text."""

from __future__ import annotations

import zlib
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

_GZIP_OR_ZLIB: Final = 47  # zlib's window bits for "either, by its header"
_COMPRESSED: Final = ("gzip", "x-gzip", "deflate")


class TooLargeError(Exception):
    """More than may be kept, before or after decompressing."""


class BadBodyError(Exception):
    """The body broke off, or is not compressed as it says."""


def is_readable(encoding: str) -> bool:
    """Whether a body of this `Content-Encoding` can be read; "" is a plain one."""
    return encoding in ("", "identity", *_COMPRESSED)


async def read_body(
    chunks: AsyncGenerator[bytes, None], encoding: str, max_size: int
) -> bytes:
    """Return the body, decompressed; memory is bounded by `max_size` and a chunk.

    Raises:
        TooLargeError: longer than `max_size` bytes.
        BadBodyError: it cannot be decompressed. `chunks` may raise it too.
    """
    inflate = zlib.decompressobj(_GZIP_OR_ZLIB) if encoding in _COMPRESSED else None
    parts, size, came = [], 0, 0
    async with aclosing(chunks):
        async for chunk in chunks:
            came += len(chunk)
            if inflate is not None:
                chunk = _inflated(inflate, chunk, max_size + 1 - size)
            parts.append(chunk)
            size += len(chunk)
            if max(size, came) > max_size:
                raise TooLargeError
    return b"".join(parts)


def _inflated(inflate: zlib._Decompress, chunk: bytes, most: int) -> bytes:
    try:
        return inflate.decompress(chunk, most)
    except zlib.error as exc:
        raise BadBodyError from exc
