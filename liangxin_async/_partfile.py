"""A file on the disk that is whole or absent.

Bytes go to a temporary file in the folder where the result shall stand. `settle`
checks length, type and end mark, makes the bytes durable, and only then gives the
file its name, in one step. Everything here blocks, and runs in threads.

A process that is killed leaves its temporary files; `sweep_parts` removes them. It
knows them from those that somebody is writing because these are held: by a lock that
dies with its process, or, on Windows, by being open.

Sizes are decoded bytes. Knows no HTTP but the names of its content codings.
"""

from __future__ import annotations

import errno
import itertools
import logging
import os
import re
import secrets
import sys
import threading
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from attrs import define, field, frozen

from liangxin_async._errors import shorten
from liangxin_async._media import HEAD, is_whole, recognise

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_log = logging.getLogger(__name__)

_STEP = 1024 * 1024  # bytes that decoding may make at once
_PART = re.compile(r"\.liangxin-[0-9a-f]{24}\.part")
_GZIP_OR_ZLIB = 47  # zlib's window bits for "whichever of the two it is"


if sys.platform == "win32":

    def _hold(descriptor: int) -> None:
        """Nobody can remove a file that is open."""

    def _remove_unheld(path: Path) -> None:
        path.unlink()

else:
    import fcntl

    def _hold(descriptor: int) -> None:
        with suppress(OSError):  # no locks on this file system: none are swept either
            fcntl.flock(descriptor, fcntl.LOCK_SH)

    def _remove_unheld(path: Path) -> None:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(path, flags)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
        finally:
            os.close(descriptor)


def new_part(folder: Path) -> Path:
    """Return a name for a temporary file in `folder`."""
    return folder / f".liangxin-{secrets.token_hex(12)}.part"


def open_part(path: Path) -> BinaryIO:
    """Make the temporary file, and hold it as long as it is open."""
    while True:
        file = path.open("x+b")
        _hold(file.fileno())
        if path.exists():
            return file
        file.close()  # swept away in the moment before it was held


def sweep_parts(folder: Path) -> int:
    """Remove the temporary files of processes that are gone; return how many."""
    removed = 0
    for path in folder.glob(".liangxin-*.part"):
        if _PART.fullmatch(path.name):
            with suppress(OSError):  # somebody holds it, or was quicker
                _remove_unheld(path)
                removed += 1
    return removed


class FailedTryError(Exception):
    """Why one try brought no file. Never reaches the user.

    Attributes:
        reason: as in `DownloadError`.
        words: the same for people; holds no URL query.
        again: whether the same URL is worth another try.
        status: HTTP status, where it is the reason.
        cause: the OSError of a file system. Errors of the network are not kept here,
            for what their `args` hold.
    """

    def __init__(
        self,
        reason: str,
        words: str,
        *,
        again: bool = False,
        status: int | None = None,
        cause: Exception | None = None,
    ) -> None:
        super().__init__(words)
        self.reason = reason
        self.words = words
        self.again = again
        self.status = status
        self.cause = cause


def too_large(limit: int) -> FailedTryError:
    """Return the failure of a file of more than `limit` bytes."""
    return FailedTryError("too large", f"more than {limit} bytes")


@frozen(kw_only=True)
class Place:
    """Where a file shall go: `<folder>/<stem>.<extension>`.

    Attributes:
        folder: made with its parents where missing.
        stem: a safe name without extension.
        replace: whether a file of that name is replaced. Otherwise it stays, and ours
            gets "-2", "-3" and so on.
    """

    folder: Path
    stem: str
    replace: bool

    def publish(self, temporary: Path, extension: str) -> Path:
        """Give the file its name in one step, and return it."""
        path = self.folder / f"{self.stem}.{extension}"
        if self.replace:
            return temporary.replace(path)
        for number in itertools.count(2):
            if _claim(temporary, path):
                break
            path = self.folder / f"{self.stem}-{number}.{extension}"
        return path


def _claim(temporary: Path, path: Path) -> bool:
    """Put the file at `path` unless something is there; say which. Free of races."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        return False
    except OSError:
        # No hard links on this file system, or an error that comes again here. The
        # name is reserved by an empty file, which is then replaced in one step.
        try:
            path.open("xb").close()
        except FileExistsError:
            return False
        temporary.replace(path)
    return True


def sync_folder(folder: Path) -> None:
    """Make a new name in `folder` survive a power cut, where the system can."""
    flag = getattr(os, "O_DIRECTORY", None)
    if flag is None:  # Windows opens no folders
        return
    descriptor = os.open(folder, os.O_RDONLY | flag)
    try:
        os.fsync(descriptor)
    except OSError as exc:
        if exc.errno not in (errno.EINVAL, errno.ENOTSUP):  # not for folders, here
            raise
    finally:
        os.close(descriptor)


class Inflater:
    """Undoes gzip and deflate in bounded steps, and knows whether the end was seen."""

    def __init__(self) -> None:
        self._engine = zlib.decompressobj(_GZIP_OR_ZLIB)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what `chunk` decodes to, in pieces of bounded size."""
        while chunk:
            if self._engine.eof:  # gzip may be several members in a row
                self._engine = zlib.decompressobj(_GZIP_OR_ZLIB)
            yield self._engine.decompress(chunk, _STEP)
            chunk = self._engine.unconsumed_tail or self._engine.unused_data

    def finish(self) -> bytes:
        """Return what was held back.

        Raises:
            zlib.error: the stream is not at its end.
        """
        rest = self._engine.flush()  # small: no input is left to make it grow
        if not self._engine.eof:
            raise zlib.error("cut off")
        return rest


def inflater_for(coding: str) -> Inflater | None:
    """Return what undoes a Content-Encoding, or None where nothing is to be undone.

    Raises:
        FailedTryError: a coding that the standard library cannot undo.
    """
    name = coding.strip().lower()
    if name in ("", "identity"):
        return None
    if name in ("gzip", "x-gzip", "deflate"):
        return Inflater()
    words = f"Content-Encoding {shorten(name, 40)!r}, which was not asked for"
    raise FailedTryError("refused", words)


@define(eq=False)
class PartFile:
    """A file under a temporary name, until `settle` gives it its own.

    `write` and `settle` run in threads, one at a time; `abandon` runs in the loop and
    never waits. A thread cannot be cancelled with its caller, so: after `abandon`, and
    at the latest when the step under way ends, the temporary name is gone, and no
    later step does anything. Whoever holds the lock last removes the file.
    """

    _place: Place
    _limit: int
    _inflater: Inflater | None
    size_bytes: int = field(init=False, default=0)
    _file: BinaryIO | None = field(init=False, default=None)
    _path: Path = field(init=False)
    _lock: threading.Lock = field(init=False, factory=threading.Lock)
    _abandoned: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        self._path = new_part(self._place.folder)

    @contextmanager
    def _step(self) -> Iterator[None]:
        try:
            with self._lock:
                if self._abandoned:
                    raise FailedTryError(
                        "disk", "given up"
                    )  # nobody is left to hear it
                yield
        finally:
            # Asked after the lock is free: `abandon` sets this and then tries the lock,
            # so one of the two always sees the other.
            if self._abandoned:
                with self._lock:
                    self._remove()

    def abandon(self) -> None:
        """Remove the temporary file. A file that `settle` gave its name stays."""
        self._abandoned = True
        if self._lock.acquire(blocking=False):
            try:
                self._remove()
            finally:
                self._lock.release()

    def _remove(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        with suppress(OSError):  # closing flushes what is no longer wanted
            file.close()
        try:
            self._path.unlink(missing_ok=True)
        except OSError as exc:
            _log.warning("could not remove %s: %s", self._path, exc.strerror)

    def write(self, chunks: Iterable[bytes]) -> None:
        """Append what arrived. Makes folder and file at the first call.

        Raises:
            FailedTryError: larger than allowed.
            OSError: the file system refused.
            zlib.error: not what its Content-Encoding says.
        """
        with self._step():
            if self._file is None:
                self._place.folder.mkdir(parents=True, exist_ok=True)
                self._file = open_part(self._path)
            for chunk in chunks:
                for piece in self._decoded(chunk):
                    self._append(self._file, piece)

    def _decoded(self, chunk: bytes) -> Iterable[bytes]:
        return (chunk,) if self._inflater is None else self._inflater.feed(chunk)

    def _append(self, file: BinaryIO, piece: bytes) -> None:
        self.size_bytes += len(piece)
        if self.size_bytes > self._limit:
            raise too_large(self._limit)
        file.write(piece)

    def settle(self, content_type: str, *, delimited: bool) -> Path:
        """Check the file, make it durable, give it its name and return that.

        Args:
            content_type: what the server calls it; "" for nothing.
            delimited: whether HTTP itself tells a cut body from a whole one.

        Raises:
            FailedTryError: empty, cut off or no media.
            OSError: the file system refused.
            zlib.error: cut off in its Content-Encoding.
        """
        with self._step():
            if self._file is not None and self._inflater is not None:
                self._append(self._file, self._inflater.finish())
            if self._file is None or self.size_bytes == 0:
                raise FailedTryError("incomplete", "an empty body", again=True)
            extension = _checked(self._file, content_type, delimited)
            self._file.flush()
            os.fsync(self._file.fileno())
            if sys.platform == "win32":  # it renames nothing that is open
                self._file.close()
            path = self._place.publish(self._path, extension)
            self._file.close()  # held until here, so that nobody sweeps it away
            sync_folder(self._place.folder)
            return path


def _checked(file: BinaryIO, content_type: str, delimited: bool) -> str:
    """Return the extension of a file that is whole, or raise FailedTryError."""
    file.seek(0)
    extension = recognise(file.read(HEAD), content_type)
    if extension is None:
        raise FailedTryError("not a picture", "the bytes are no picture", again=True)
    whole = is_whole(extension, file)
    if whole is False:
        raise FailedTryError(
            "incomplete", f"the {extension} data has no end", again=True
        )
    if whole is None and not delimited:
        words = f"neither HTTP nor the {extension} data tells where the body ends"
        raise FailedTryError("incomplete", words, again=True)
    return extension
