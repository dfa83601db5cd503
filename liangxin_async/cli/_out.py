"""Where the command prints: results on stdout, everything else on stderr.

Text of the service is shown without its control characters, which could steer the
terminal. Characters that the stream cannot carry are written as escapes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TextIO

from attrs import define

from liangxin_async.cli._errors import StdoutError

# C0 but for tab and line feed, DEL, C1, and what turns the direction of writing.
_UNSHOWN = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (
        *(code for code in range(32) if code not in (9, 10)),
        *range(0x7F, 0xA0),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
    )
}


def clean(text: str) -> str:
    """Return `text` with its control characters written as escapes."""
    return text.translate(_UNSHOWN)


@define
class Out:
    """The two streams of one run.

    Attributes:
        as_json: whether stdout carries JSON objects only, one to a line.
        above: prints a note above a live display while there is one; None otherwise.
    """

    as_json: bool = False
    above: Callable[[str], None] | None = None

    def line(self, text: str = "") -> None:
        """Print a result for people.

        Raises:
            StdoutError: it cannot be written.
        """
        self._result(clean(text))

    def data(self, value: Mapping[str, Any]) -> None:
        """Print a result for machines: one JSON object on one line, in ASCII.

        Raises:
            StdoutError: it cannot be written.
        """
        self._result(json.dumps(value))

    def flush(self) -> None:
        """Print what others have left in the buffer of stdout.

        Raises:
            StdoutError: it cannot be written.
        """
        try:
            if sys.stdout is not None:
                sys.stdout.flush()
        except OSError as exc:
            raise StdoutError(exc) from None

    def _result(self, text: str) -> None:
        try:
            _write(sys.stdout, text)
        except OSError as exc:
            raise StdoutError(exc) from None

    def note(self, text: str) -> None:
        """Tell something that is no result. A stderr nobody reads stops no paid run."""
        if self.above is not None:
            self.above(clean(text))
            return
        with suppress(OSError):
            _write(sys.stderr, clean(text))


def is_terminal(stream: TextIO | None) -> bool:
    """Whether `stream` is a terminal; None is a stream that was closed at the start."""
    return stream is not None and stream.isatty()


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:
        return
    encoding = stream.encoding or "utf-8"
    fitting = text.encode(encoding, "backslashreplace").decode(encoding)
    stream.write(f"{fitting}\n")
    stream.flush()
