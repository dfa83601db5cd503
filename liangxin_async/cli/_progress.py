"""Progress on stderr: a live display on a terminal with rich, else plain lines.

Both are driven by timers of the running loop, so that no thread reads what the loop is
changing. `rich` is imported only where it is used: the command works without it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from attrs import define, field

from liangxin_async.cli._out import Out, clean, is_terminal

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

_FRAME = 0.1  # seconds between two frames; smooth, and cheap beside a generation
_LINE = 0.25  # seconds between two looks for a changed line


def has_rich(stream: TextIO | None) -> bool:
    """Whether `stream` is a terminal that rich can draw on, and rich is there."""
    if stream is None or not stream.isatty():
        return False
    if os.environ.get("TERM", "") in ("dumb", "unknown"):
        return False
    if (stream.encoding or "").lower().replace("-", "") != "utf8":
        return False  # rich draws with characters that others lack
    try:
        import rich  # noqa: F401
    except ImportError:
        return False
    return True


@contextmanager
def progress(
    out: Out,
    *,
    line: Callable[[], str],
    every: float,
    picture: Callable[[], RenderableType],
    keep: bool = True,
    tell: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Show progress while the body runs. Needs a running loop.

    Args:
        out: where notes go; they appear above a live display.
        line: says in one line where things are; told when it has changed;
            "" tells nothing.
        every: seconds between two such lines at least.
        picture: draws it; only called where rich is there.
        keep: whether the last picture stays on the screen.
        tell: tells a line, where nothing is to be drawn; must not raise. None makes
            lines notes.
    """
    mixed = out.as_json and is_terminal(sys.stdout)  # objects would break the drawing
    drawn = tell is None and not mixed and has_rich(sys.stderr)
    shown: _Screen | _Lines = (
        _Screen(out, picture, keep) if drawn else _Lines(tell or out.note, line, every)
    )
    shown.start()
    try:
        yield
    finally:
        shown.stop()


@define(eq=False)
class _Lines:
    """Tells `line` when it has changed."""

    _tell: Callable[[str], None]
    _line: Callable[[], str]
    _every: float
    _told: str = ""
    _told_at: float = float("-inf")
    _timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._look()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_LINE, self._look)
        line, now = self._line(), loop.time()
        if line not in ("", self._told) and now - self._told_at >= self._every:
            self._tell(line)
            self._told, self._told_at = line, now


@define(eq=False)
class _Screen:
    """Draws `picture` in place, and once more when it ends."""

    _out: Out
    _picture: Callable[[], RenderableType]
    _keep: bool
    _console: Console = field(init=False)
    _live: Live = field(init=False)
    _timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(stderr=True, highlight=False, soft_wrap=False)
        self._live = Live(
            self._picture(),
            console=self._console,
            auto_refresh=False,
            transient=not self._keep,
            redirect_stdout=False,  # results belong to stdout, whatever is drawn
            redirect_stderr=False,
        )
        self._live.start()
        self._out.above = self._above
        self._frame()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._out.above = None
        self._live.update(self._picture())
        self._live.stop()

    def _frame(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_FRAME, self._frame)
        self._live.update(self._picture(), refresh=True)

    def _above(self, text: str) -> None:
        self._console.print(clean(text), markup=False, soft_wrap=True)
