"""Whether a write-ahead log lost commits in its middle.

SQLite takes a log up to its first frame that does not fit its checksum, and leaves the
rest unread. That is right for the torn end which a power cut leaves, and wrong for a
bit that flipped further up: every commit behind it would be forgotten in silence. The
two can be told apart, because each commit is synced before the next one begins: behind
a torn place there is one unfinished commit at most.

Not told apart from a torn end: damage within the very last commit.
Source of the format: the SQLite documentation, "WAL-mode File Format".
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

_HEADER = struct.Struct(">IIII8sII")  # magic, version, page, sequence, salts, sums
_FRAME = struct.Struct(">II8sII")  # page number, pages after a commit or 0, salts, sums
_MAGIC = 0x377F0682  # and its last bit: words of the checksum are big-endian
_MASK = 0xFFFFFFFF

_Sums = tuple[int, int]


@frozen
class _Frame:
    ours: bool  # of the log's present round, not left over from an earlier one
    fits: bool  # and so do all before it
    commits: bool


def count_commits(path: Path) -> int:
    """Return how many commits of its present round can be read from the log.

    Args:
        path: the log; need not exist. Nobody may be writing it.

    Raises:
        ValueError: commits behind a damaged place would be lost.
        OSError: the log cannot be read.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return 0
    with file:
        return _count(file)


def _count(file: BinaryIO) -> int:
    commits, broken, ended = 0, False, False
    for frame in _frames(file):
        if frame.fits and not broken:
            commits += frame.commits
            continue
        broken = True
        if ended and frame.ours:
            raise ValueError("damaged in its middle")
        ended = ended or (frame.ours and frame.commits)
    return commits


def _frames(file: BinaryIO) -> Iterator[_Frame]:
    head = file.read(_HEADER.size)
    if len(head) < _HEADER.size:
        return
    magic, _, page, _, salts, *sums = _HEADER.unpack(head)
    order = ">" if magic & 1 else "<"
    running = _sums(head[:-8], (0, 0), order)
    if magic & ~1 != _MAGIC or running != tuple(sums):
        raise ValueError("its head is damaged")
    fits = True
    while len(data := file.read(_FRAME.size + page)) == _FRAME.size + page:
        _, pages, salt, *sums = _FRAME.unpack_from(data)
        if fits:
            running = _sums(data[:8] + data[_FRAME.size :], running, order)
        fits = fits and salt == salts and running == tuple(sums)
        yield _Frame(ours=salt == salts, fits=fits, commits=pages > 0)


def _sums(data: bytes, before: _Sums, order: str) -> _Sums:
    """Carry the checksum on over `data`."""
    first, second = before
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & _MASK
        second = (second + odd + first) & _MASK
    return first, second
