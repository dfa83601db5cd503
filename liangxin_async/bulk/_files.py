"""Files of a run: hashing what was saved, and recognising it later. Blocking."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from liangxin_async._media import HEAD, is_whole, recognise
from liangxin_async.bulk._row import File

_BLOCK = 1024 * 1024  # bytes


def facts_of(folder: Path, paths: Iterable[Path]) -> tuple[File, ...]:
    """Return the facts of saved files, in the same order.

    Raises:
        OSError: one cannot be read.
    """
    return tuple(_facts_of(folder, path) for path in paths)


def _facts_of(folder: Path, path: Path) -> File:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    name = path.relative_to(folder).as_posix()
    return File(name=name, size_bytes=size, sha256=digest.hexdigest())


def are_there(folder: Path, files: Sequence[File]) -> bool:
    """Whether every file is there with its size. Content is not read: a run of
    thousands would take minutes to begin."""
    try:
        return all(
            (folder / file.name).stat().st_size == file.size_bytes for file in files
        )
    except OSError:
        return False


def find_whole(folder: Path, stem: str) -> Path | None:
    """Return the one whole picture or video that is called `stem`, or None.

    For files that were given their name just before a crash, so that no row tells.
    """
    found = []
    for path in folder.glob(f"{_literal(stem)}.*"):
        extension = path.suffix.removeprefix(".")
        with path.open("rb") as file:
            if recognise(file.read(HEAD), "") == extension and is_whole(
                extension, file
            ):
                found.append(path)
    return found[0] if len(found) == 1 else None


def _literal(stem: str) -> str:
    return "".join(f"[{char}]" if char in "[]*?" else char for char in stem)
