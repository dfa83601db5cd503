"""Where files go: `-o` read as a folder, or as a folder and a name."""

from __future__ import annotations

import os
from pathlib import Path

from attrs import frozen

from liangxin_async.cli._errors import UsageError

# Of `-o cat.png` only "cat" is kept: the extension follows the content.
_MEDIA = frozenset(
    (
        *(".avif", ".bmp", ".gif", ".heic", ".jpeg", ".jpg", ".png", ".tif", ".tiff"),
        *(".webp", ".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".webm"),
    )
)


@frozen
class Place:
    """Where the files of a task go.

    Attributes:
        folder: it exists and can be written to.
        stem: name without extension; None for the task id.
        wanted: the whole name that was asked for, or None.
    """

    folder: Path
    stem: str | None = None
    wanted: str | None = None


def choose_place(given: str) -> Place:
    """Return what `-o` means, and make the folder: before anything is paid for.

    Raises:
        UsageError: it cannot be a folder, or not one that can be written to.
    """
    if "://" in given:
        raise UsageError("-o: only `liangxin batch` saves into an object store")
    path = Path(given)
    named = path.suffix.lower() in _MEDIA and not given.endswith(("/", os.sep))
    if named and not path.is_dir():
        return Place(ready(path.parent), path.stem, path.name)
    return Place(ready(path))


def ready(folder: Path) -> Path:
    """Make `folder` if it is missing, and return it.

    Raises:
        UsageError: it is no folder, or none that can be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UsageError(
            f"-o: {str(folder)!r} is no folder; give a folder, or a file name that "
            "ends like a picture or a video"
        ) from None
    except (OSError, ValueError) as exc:
        words = getattr(exc, "strerror", None) or "not a path"
        raise UsageError(f"-o: cannot make {str(folder)!r}: {words}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"-o: cannot write to {str(folder)!r}")
    return folder
