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
            BrokenPipeError: whoever read it has gone.
        """
        _write(sys.stdout, clean(text))

    def data(self, value: Mapping[str, Any]) -> None:
        """Print a result for machines: one JSON object on one line, in ASCII.

        Raises:
            BrokenPipeError: whoever read it has gone.
        """
        _write(sys.stdout, json.dumps(value))

    def note(self, text: str) -> None:
        """Tell something that is no result. A stderr nobody reads stops no paid run."""
        if self.above is not None:
            self.above(clean(text))
            return
        with suppress(OSError):
            _write(sys.stderr, clean(text))


def _write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "utf-8"
    fitting = text.encode(encoding, "backslashreplace").decode(encoding)
    stream.write(f"{fitting}\n")
    stream.flush()
