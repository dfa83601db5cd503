"""What a batch asks for: a file or standard input, read line by line and counted.

A file is read where it is needed, in the loop. Whatever may keep its reader waiting, a
pipe or a terminal, is read in a thread of its own.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import threading
from argparse import Namespace
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from attrs import define, field, frozen

from liangxin_async.bulk import BadLine, Entry, form_of, read_lines
from liangxin_async.cli._errors import UsageError

if TYPE_CHECKING:
    from liangxin_async.bulk._input import Form

T = TypeVar("T")

STDIN = "-"
_AHEAD = 64  # items that the thread may be ahead


@define(eq=False)
class Intake:
    """The lines of one input, each counted when it is taken.

    Attributes:
        name: the input as it was given.
        entries: requests taken so far.
        bad_lines: bad lines among what was taken.
        size: bytes; None for what need not have an end.
        is_over: whether the input was read to its end.
    """

    name: str
    _lines: Iterator[Entry | BadLine]
    _file: BinaryIO
    size: int | None
    _strict: bool = False
    entries: int = 0
    bad_lines: int = 0
    is_over: bool = False
    _position: int = 0

    def items(self) -> Iterator[Entry | BadLine]:
        """Yield what the lines ask for; when strict, up to the first bad line.

        Raises:
            UsageError: the input cannot be read any further.
        """
        try:
            for item in self._lines:
                is_bad = isinstance(item, BadLine)
                self.bad_lines += is_bad
                self.entries += not is_bad
                if self.size:
                    self._position = self._file.tell()
                yield item
                if self._strict and is_bad:
                    return
        except OSError as exc:
            raise _unreadable(self.name, exc) from None
        self.is_over = True

    def requests(self) -> Iterable[Entry | BadLine] | AsyncIterable[Entry | BadLine]:
        """Return the items for a run: where they may be waited for, asynchronous."""
        return self.items() if self.size is not None else in_thread(self.items())

    @property
    def total(self) -> int | None:
        """How many requests there are in all: a guess until `is_over`, or None."""
        if self.is_over:
            return self.entries
        if not self.size or not self._position:
            return None
        return round(self.entries * max(1.0, self.size / self._position))


@contextmanager
def opened(args: Namespace, provider: str) -> Iterator[Intake]:
    """Open the input that a line names, and look at what it asks for every line.

    Args:
        args: the parsed line.
        provider: the service of the run.

    Raises:
        UsageError: it cannot be opened, or its form is not known.
        ConfigurationError, InvalidRequestError: the settings cannot be right.
    """
    if args.file == STDIN:
        _form(STDIN, args.form)
    file = _open(args.file)  # first: what is wrong with its name explains the rest
    try:
        form = _form(args.file, args.form)
        if form == "text" and args.model is None:
            raise UsageError("lines of text name no model: give one by --model")
        settings = settings_of(args.settings)
        about = os.fstat(file.fileno())
        lines = read_lines(
            file,
            form=form,
            model=args.model,
            settings=settings,
            repeat=args.repeat,
            provider=provider,
        )
        size = about.st_size if stat.S_ISREG(about.st_mode) else None
        yield Intake(args.file, lines, file, size, args.strict and not args.check)
    finally:
        # Not the buffer: it has a lock, which a thread that waits for a silent pipe
        # never gives back.
        file.raw.close()


def settings_of(given: Iterable[str]) -> dict[str, str]:
    """Return `--set name=value` as fields.

    Raises:
        UsageError: one is no pair, or a name comes twice.
    """
    fields: dict[str, str] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise UsageError(f"--set: {text!r} is not of the form field=value")
        if name in fields:
            raise UsageError(f"--set: the field {name!r} is given twice")
        fields[name] = value
    return fields


def _form(name: str, given: Form | None) -> Form:
    form = given or (None if name == STDIN else form_of(name))
    if form is not None:
        return form
    if name == STDIN:
        raise UsageError("of standard input no name tells the form: give it by --form")
    raise UsageError(
        f"the name {name!r} does not tell its form: give it by --form",
        advice=("names that do: .jsonl and .ndjson, .csv, .txt",),
    )


def _open(name: str) -> BufferedReader:
    try:
        if name != STDIN:
            return Path(name).open("rb")
        if sys.stdin is None:
            raise UsageError("standard input is closed")
        # Not the interpreter's own, whose lock the end of the process wants to have.
        return open(sys.stdin.fileno(), "rb", closefd=False)
    except (OSError, ValueError) as exc:
        raise _unreadable(name, exc) from None


def _unreadable(name: str, exc: OSError | ValueError) -> UsageError:
    words = getattr(exc, "strerror", None) or "not a path"
    what = "standard input" if name == STDIN else repr(name)
    return UsageError(f"cannot read {what}: {words}")


# --------------------------------------------------------------------------- waiting


@frozen
class _End:
    error: BaseException | None = None


@define(eq=False)
class _Feed:
    """Between the thread that takes items and the loop that wants them."""

    loop: asyncio.AbstractEventLoop
    queue: asyncio.Queue[object] = field(factory=asyncio.Queue)
    places: threading.Semaphore = field(factory=lambda: threading.Semaphore(_AHEAD))
    gone: threading.Event = field(factory=threading.Event)

    def take_all(self, items: Iterator[object]) -> None:
        """Send one item after the other, and then the end. Runs in the thread."""
        end = _End()
        try:
            for item in items:
                self.places.acquire()
                if self.gone.is_set():
                    return
                self._send(item)
        except BaseException as exc:  # noqa: BLE001 - raised where the items are taken
            end = _End(exc)
        self._send(end)

    def _send(self, item: object) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self.loop.call_soon_threadsafe(self.queue.put_nowait, item)


async def in_thread(items: Iterator[T]) -> AsyncGenerator[T, None]:
    """Yield what `items` gives, in its order, taken in a thread of its own.

    The thread is at most 64 items ahead. It does not keep the process: a pipe that
    says nothing more can be left. What `items` raises is raised here.
    """
    feed = _Feed(asyncio.get_running_loop())
    threading.Thread(
        target=feed.take_all, args=(items,), name="liangxin input", daemon=True
    ).start()
    try:
        while not isinstance(item := await feed.queue.get(), _End):
            feed.places.release()
            yield item  # type: ignore[misc]  # what was sent is T or the end
    finally:
        feed.gone.set()
        feed.places.release()
    if item.error is not None:
        raise item.error
