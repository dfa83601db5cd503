"""An object store as destination: `s3://bucket/prefix`.

A file is loaded into the work folder whole, put into the store, verified there, and
only when the journal has it as saved does the local copy go. So that a crash between
two of these steps finds the copy, and what is in the store already is recognised by it:

    crash after            the next run finds           and does
    --------------------   --------------------------   ----------------------------
    the download           a whole local copy           puts it
    the put                copy and object, the same    writes the row
    the row                a row that says saved        looks for the object
                           (and perhaps a copy)         (and removes the copy)

Verified means: the store's tag is the MD5 of what was sent, or, where tags are
something else (encryption by own keys, other services), the size is right and the tag
is that of this put. Each request is signed over the SHA-256 of its body besides.

When the store has failed once, for as long as obstore tries, no more is put in this
run: what is under way is loaded into the work folder, before its URLs expire.
"""

from __future__ import annotations

import hashlib
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread
from attrs import evolve

from liangxin_async._config import check_duration
from liangxin_async._errors import ConfigurationError, StoreError
from liangxin_async.bulk._bucket import PART, Bucket
from liangxin_async.bulk._destination import MARK, make_folder, marked
from liangxin_async.bulk._extra import load
from liangxin_async.bulk._files import facts_of
from liangxin_async.bulk._manifest import NAME as MANIFEST
from liangxin_async.bulk._store_name import content_type, parse_store_name
from liangxin_async.bulk.gallery._views import Views

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from liangxin_async.bulk._item import Item
    from liangxin_async.bulk._row import File, Row

_PATIENCE = 180.0  # seconds; obstore's own


class ObjectStore:
    """Where the files of `run` go: a bucket of S3, or of a service that speaks S3.

    Needs the extra `s3`. Credentials, region and address come from the environment, as
    obstore reads it: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
    `AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT_URL` and others, a web identity, or
    the machine's own role; no file below `~/.aws`. What they allow must include
    GetObject, PutObject and ListBucket (without the last, "not there" is "denied").

    May be used by one run after another, in any event loop.
    """

    at_once = 16  # questions about saved files that wait for their answers

    def __init__(
        self,
        url: str,
        *,
        work: str | os.PathLike[str] | None = None,
        thumbnails: bool = False,
        patience: float = _PATIENCE,
    ) -> None:
        """Read the settings. Nothing is sent.

        Args:
            url: "s3://bucket" or "s3://bucket/prefix".
            work: local folder for journal, manifest and what is under way; made if
                missing. It belongs to this destination, and the same call goes on only
                with it. None for a name made of bucket and prefix, in the current
                folder.
            thumbnails: also make and store a thumbnail of each picture, for a gallery
                (extra `gallery`); they stay in the work folder too.
            patience: seconds that trouble with the store is waited out for each
                request, before it ends the run.

        Raises:
            ConfigurationError: a setting that cannot work, or an extra is missing.
        """
        check_duration("patience", patience)
        self._name = parse_store_name(url)
        self._bucket = Bucket(self._name, float(patience))
        self._folder = Path(self._name.work if work is None else work)
        self._thumbnails = thumbnails
        if thumbnails:
            load("PIL.Image")
        self._drawing = threading.Lock()  # thumbnails are made one at a time
        self._broken: StoreError | None = None

    def __str__(self) -> str:
        return str(self._name)

    def __repr__(self) -> str:
        return f"<ObjectStore {self._name}>"

    @property
    def folder(self) -> Path:
        """The work folder."""
        return self._folder

    # ------------------------------------------------------------------- beginning

    async def open(self, journal: Path | None) -> None:
        """Make the work folder, and try whether the store takes files.

        Args:
            journal: the file that the run will open, or make; None where the user
                brought a journal.

        Raises:
            ConfigurationError: the folder belongs to another run, or the store holds a
                run whose work folder is another one.
            StoreError: no such bucket, not allowed, or not reached.
        """
        await to_thread.run_sync(make_folder, self._folder)
        self._broken = None
        owner = await to_thread.run_sync(marked, self._folder)
        if owner is None:
            await self._claim(journal)
        elif owner != str(self):
            raise ConfigurationError(
                f"work: {str(self._folder)!r} is the work folder of a run whose files "
                f"go to {owner}; give another folder"
            )
        else:
            await self._try()

    async def _claim(self, journal: Path | None) -> None:
        """Begin the first run in this work folder."""
        if journal is not None and await to_thread.run_sync(journal.exists):
            raise ConfigurationError(
                f"work: {str(self._folder)!r} holds a run whose files are in that "
                "folder itself; give another folder"
            )
        if await self._bucket.head(MANIFEST, quick=True) is not None:
            url = self._name.url_of(MANIFEST)
            raise ConfigurationError(
                f"{self} holds a run already, and its journal is not in "
                f"{str(self._folder)!r}: all of it would be paid for again. Give its "
                f"work folder, or another prefix; or delete {url}"
            )
        mark = self._folder / MARK
        await to_thread.run_sync(mark.write_text, f"{self}\n", "utf-8")
        try:
            await self._try()
        except BaseException:
            mark.unlink(missing_ok=True)
            raise

    async def _try(self) -> None:
        """Put the manifest as the last run left it: whoever may do that may go on."""
        manifest = self._folder / MANIFEST
        known = await to_thread.run_sync(manifest.is_file)
        kind = content_type(MANIFEST)
        await self._bucket.put(
            MANIFEST, manifest if known else b"", kind=kind, quick=True
        )

    # --------------------------------------------------------------------- keeping

    async def keep(
        self, row: Row, paths: Sequence[Path], *, earlier: bool
    ) -> tuple[File, ...]:
        """Put files into the store, and verify them there.

        Raises:
            StoreError: they are not there; they stay in the work folder.
            OSError: one cannot be read.
        """
        files = await to_thread.run_sync(facts_of, self._folder, paths)
        if self._broken is not None:
            raise self._waiting(row, self._broken)
        with self._watched():
            for file in files:
                await self._bring(file, row.task_id, earlier=earlier)
        return files

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Note that the store has failed."""
        try:
            yield
        except StoreError as error:
            self._broken = error
            raise

    def _waiting(self, row: Row, broken: StoreError) -> StoreError:
        return StoreError(
            f"the files of {row.stem} stay in {self._folder}: the store failed before",
            url=self._name.url_of(row.stem),
            reason=broken.reason,
            http_status=broken.http_status,
            task_id=row.task_id,
        )

    async def _bring(self, file: File, task_id: str | None, *, earlier: bool) -> None:
        path = self._folder / file.name
        tag = await to_thread.run_sync(_tag_of, path)
        if not (earlier and await self._has(file, tag, task_id)):
            await self._put(path, file, tag, task_id)
        if not self._thumbnails:
            return
        thumb = await to_thread.run_sync(self._thumbnail, file)
        if thumb is not None:
            picture = self._folder / thumb
            kind = content_type(thumb)
            await self._bucket.put(thumb, picture, kind=kind, task_id=task_id)

    async def _has(self, file: File, tag: str, task_id: str | None) -> bool:
        found = await self._bucket.head(file.name, task_id=task_id)
        if found is None:
            return False
        return (found.size_bytes, found.tag) == (file.size_bytes, tag)

    async def _put(self, path: Path, file: File, tag: str, task_id: str | None) -> None:
        kind = content_type(file.name)
        put = await self._bucket.put(file.name, path, kind=kind, task_id=task_id)
        if put.tag == tag:
            return
        found = await self._bucket.head(file.name, task_id=task_id)
        size = None if found is None else found.size_bytes
        if found is None or size != file.size_bytes or found.tag != put.tag:
            url = self._name.url_of(file.name)
            raise StoreError(
                f"{url}: what is there is not what was put ({size} bytes, and not "
                f"{file.size_bytes})",
                url=url,
                reason="changed",
                task_id=task_id,
            )

    def _thumbnail(self, file: File) -> str | None:
        with self._drawing:
            return Views(self._folder).of(file).thumb

    async def settled(self, files: Sequence[File]) -> None:
        """Remove the local copies."""
        await to_thread.run_sync(_remove, self._folder, files)

    # ----------------------------------------------------------------- recognising

    async def are_there(self, files: Sequence[File]) -> bool:
        """Whether the store has every file, in its size.

        Raises:
            StoreError: nobody knows.
        """
        with self._watched():
            for file in files:
                found = await self._bucket.head(file.name)
                if found is None or found.size_bytes != file.size_bytes:
                    return False
        await self.settled(files)  # copies that a crash left
        return True

    def located(self, item: Item) -> Item:
        """Return the item with the URLs of its objects."""
        objects = tuple(self._name.url_of(file.name) for file in item.row.files)
        return evolve(item, objects=objects)

    async def publish(self, path: Path) -> str:
        """Put a file of the work folder into the store; return its URL there.

        Raises:
            StoreError: it is not there.
        """
        name = path.relative_to(self._folder).as_posix()
        if self._broken is not None:
            raise StoreError(
                f"{name} stays in {self._folder}: the store failed before",
                url=self._name.url_of(name),
                reason=self._broken.reason,
            )
        with self._watched():
            await self._bucket.put(name, path, kind=content_type(name))
        return self._name.url_of(name)


def _tag_of(path: Path) -> str:
    """Return the ETag that S3 gives the file: its MD5, or that of its parts' MD5s."""
    parts: list[bytes] = []
    with path.open("rb") as file:
        while block := file.read(PART):
            parts.append(hashlib.md5(block, usedforsecurity=False).digest())
    if len(parts) == 1:
        return parts[0].hex()
    whole = hashlib.md5(b"".join(parts), usedforsecurity=False).hexdigest()
    return f"{whole}-{len(parts)}" if parts else whole


def _remove(folder: Path, files: Sequence[File]) -> None:
    for file in files:
        with suppress(OSError):  # costs room only, and the next run tries again
            (folder / file.name).unlink(missing_ok=True)
