"""One delivery and its answer, the same for every kind of web application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

# Of a refused delivery the rest of the body is not read.
CLOSE: Final[Mapping[str, str]] = {"Connection": "close"}


@frozen(kw_only=True)
class Call:
    """One delivery.

    Attributes:
        method: HTTP method, upper case.
        token: the last part of the path, which proves where the delivery comes from.
        encoding: `Content-Encoding`, lower case; "" without one, or where the web
            server has undone it.
        length: `Content-Length`, or None.
        headers: all headers; names in any case.
        chunks: the body as it comes.
    """

    method: str
    token: str = field(repr=False)
    encoding: str
    length: int | None
    headers: Mapping[str, str] = field(repr=False)
    chunks: AsyncGenerator[bytes, None] = field(repr=False)


@frozen
class Answer:
    """A status and headers; there is never a body."""

    status: int
    headers: Mapping[str, str] = field(factory=dict)


if TYPE_CHECKING:
    Handler: TypeAlias = Callable[[Call], Awaitable[Answer]]
