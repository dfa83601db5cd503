"""A lock between processes that dies with its holder.

It is the system's lock on an open file, so that no crash leaves it behind. The file
stays when the lock goes: to remove it would let two processes lock two files of one
name. Its text is the holder's process id, and only informs.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from liangxin_async._errors import JournalError

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    _LOCKED_BYTE = 1 << 30  # far behind the text: what is locked cannot be read

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError as exc:  # its word for "somebody has it"
            raise BlockingIOError from exc
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Lock:
    """A lock that is held until `release`, or until the process is gone.

    A child made by `fork` shares it, and holds it as long as it lives.
    """

    def __init__(self, path: Path, journal: Path) -> None:
        """Take the lock.

        Args:
            path: the lock file; made where missing.
            journal: what it protects; named in errors.

        Raises:
            JournalError: another process has it ("locked"), or the file cannot be had
                ("disk").
        """
        try:
            self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as exc:
            raise _no_lock(journal, path, exc) from exc
        try:
            _lock(self._descriptor)
            self._write(str(os.getpid()).encode())
        except BlockingIOError:
            holder = os.read(self._descriptor, 20).decode("ascii", "replace")
            os.close(self._descriptor)
            raise _held(journal, holder) from None
        except OSError as exc:
            os.close(self._descriptor)
            raise _no_lock(journal, path, exc) from exc

    def _write(self, text: bytes) -> None:
        assert self._descriptor is not None, "the lock is held"
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, text)

    def release(self) -> None:
        """Let go. May be called twice."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _held(journal: Path, holder: str) -> JournalError:
    who = f"process {holder}" if holder.isdigit() else "another process"
    return JournalError(
        f"{who} is running on {journal}; let it end, or stop it, and try again",
        path=str(journal),
        reason="locked",
    )


def _no_lock(journal: Path, path: Path, exc: OSError) -> JournalError:
    return JournalError(
        f"{journal} cannot be locked: {path}: {exc.strerror or exc}",
        path=str(journal),
        reason="disk",
    )
