"""From a file, a pipe or an iterable to numbered lines.

Read one by one, and none longer than `LONGEST`: a file without line breaks, or a pipe
that never ends, is not kept in memory. Lines end with LF or CRLF and with nothing else:
a prompt may hold U+2028 and its kin. A byte order mark is dropped.

Bytes that are not UTF-8 stay in the text as lone surrogates, so that one bad line does
not hide where a CSV row ends; `text_problems` finds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeAlias

from attrs import frozen

from liangxin_async._errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from typing import TextIO

Source: TypeAlias = "BinaryIO | TextIO | Iterable[str] | Iterable[bytes]"

# Ours: a reference image of 10 MB (the largest that a source speaks of) as base64.
LONGEST: Final = 16 * 1024 * 1024  # bytes, or characters where the source gives text
THE_LINE: Final = "the line"  # as the field of a problem with the line as a whole
TOO_LONG: Final = Problem(
    THE_LINE, f"more than {LONGEST} bytes", "a shorter one; images may be given as URLs"
)


@frozen
class Line:
    """One line of an input.

    Attributes:
        number: from 1.
        text: with the line break it had, if any; None for one that is too long.
    """

    number: int
    text: str | None


def lines_of(source: Source) -> Iterator[Line]:
    """Yield the lines of `source`, each when it is asked for.

    Args:
        source: a binary file (what is not UTF-8 is then one bad line), a text file
            (which decodes as it was opened to, and raises what that raises), or any
            iterable of lines, with or without line breaks.

    Raises:
        ConfigurationError: the source yields something that is no line.
    """
    for number, piece in enumerate(_pieces(source), 1):
        text = _decoded(piece)
        if number == 1 and text is not None:
            text = text.removeprefix("\ufeff")
        yield Line(number, text)


def text_problems(text: str) -> Iterator[Problem]:
    """Yield what keeps `text` from being a line of text at all."""
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        given = f"a byte that is no UTF-8, after {exc.start} characters"
        yield Problem(THE_LINE, given, "text in UTF-8")
    if "\0" in text:
        given = f"a NUL character, after {text.index(chr(0))} others"
        yield Problem(THE_LINE, given, "text in UTF-8 (UTF-16 looks like this)")


def _pieces(source: Any) -> Iterator[Any]:
    """Yield lines as they come; None for one that is too long."""
    readline = getattr(source, "readline", None)
    if readline is None:
        for piece in source:
            is_long = isinstance(piece, str | bytes) and len(piece) > LONGEST
            yield None if is_long else piece
        return
    while piece := readline(LONGEST + 1):
        if len(piece) <= LONGEST or _ends(piece):
            yield piece
            continue
        while piece and not _ends(piece):
            piece = readline(LONGEST + 1)
        yield None


def _ends(piece: str | bytes) -> bool:
    return piece[-1:] in ("\n", b"\n")


def _decoded(piece: object) -> str | None:
    match piece:
        case None | str():
            return piece
        case bytes():
            return piece.decode("utf-8", "surrogateescape")
    raise ConfigurationError(f"an input yields lines of text, not {type(piece)!r}")
