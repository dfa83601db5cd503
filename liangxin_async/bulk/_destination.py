"""Where the finished files of a run go, as the run sees it; and the usual place.

A run works in a local folder whatever its destination: the journal, the downloads under
way and the manifest need a disk. A destination says what happens to a file when it is
whole, how it is recognised later, and how an item tells where it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from anyio import to_thread
from attrs import evolve, frozen

from liangxin_async._errors import ConfigurationError
from liangxin_async.bulk._files import are_there, facts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from liangxin_async.bulk._item import Item
    from liangxin_async.bulk._row import File, Row

MARK = "destination.txt"  # in the work folder of a run whose files go elsewhere


class Destination(Protocol):
    """What a run demands of the place where its files go.

    Every method may raise a `LiangxinError`, which ends the run: what was begun comes
    home as far as the folder, and a later run goes on from there.
    """

    @property
    def folder(self) -> Path:
        """Where the run works: journal, downloads, manifest. Local."""
        ...

    @property
    def at_once(self) -> int:
        """How many saved requests of earlier runs are looked for at the same time."""
        ...

    async def open(self, journal: Path | None) -> None:
        """Make the folder, and find out that files can be kept.

        Called before anything is paid for. Cancelling is safe.

        Args:
            journal: the file that the run will open, or make; None where the user
                brought a journal.
        """
        ...

    async def keep(
        self, row: Row, paths: Sequence[Path], *, earlier: bool
    ) -> tuple[File, ...]:
        """Bring whole files of `row`, which are below the folder, where they belong.

        Returns their facts, in the same order, when they are there for certain. May be
        called again for the same files after a crash; `earlier` says that it might be.

        Raises:
            OSError: one cannot be read.
        """
        ...

    async def settled(self, files: Sequence[File]) -> None:
        """The journal has `files` as saved: what was kept for its sake may go."""
        ...

    async def are_there(self, files: Sequence[File]) -> bool:
        """Whether every file that an earlier run saved is there still, by its size."""
        ...

    def located(self, item: Item) -> Item:
        """Return a saved item with where its files are."""
        ...

    async def publish(self, path: Path) -> str:
        """Bring a file about the run, such as the manifest, next to the others, in
        place of the one before; return where it is, in words."""
        ...


@frozen
class Folder:
    """The usual destination: files stay in the folder that they were loaded into."""

    folder: Path
    at_once: int = 1

    async def open(self, journal: Path | None) -> None:
        """Make the folder; refuse one that belongs to another destination."""
        await to_thread.run_sync(make_folder, self.folder)
        if (store := await to_thread.run_sync(marked, self.folder)) is not None:
            raise ConfigurationError(
                f"folder: {str(self.folder)!r} is the work folder of a run whose files "
                f"go to {store}; give that as the destination, or another folder"
            )

    async def keep(
        self, row: Row, paths: Sequence[Path], *, earlier: bool
    ) -> tuple[File, ...]:
        """Return the facts of the files, which are in place."""
        return await to_thread.run_sync(facts_of, self.folder, paths)

    async def settled(self, files: Sequence[File]) -> None:
        """Nothing has to go."""

    async def are_there(self, files: Sequence[File]) -> bool:
        """See `Destination`."""
        return await to_thread.run_sync(are_there, self.folder, files)

    def located(self, item: Item) -> Item:
        """See `Destination`."""
        paths = tuple(self.folder / file.name for file in item.row.files)
        return evolve(item, paths=paths)

    async def publish(self, path: Path) -> str:
        """Return the path, which is in place."""
        return str(path)


def make_folder(folder: Path) -> None:
    """Make a folder with its parents where missing; ConfigurationError if it cannot."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise ConfigurationError(
            f"folder: {str(folder)!r} cannot be made: {exc.strerror}"
        ) from None


def marked(folder: Path) -> str | None:
    """Return the destination whose work folder this is; None for any other folder."""
    try:
        return (folder / MARK).read_text("utf-8").strip()
    except FileNotFoundError:
        return None
