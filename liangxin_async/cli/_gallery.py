"""`gallery`: the page and the contact sheet of a folder, made from its journal."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TypedDict, TypeVar

from anyio import from_thread, to_thread

from liangxin_async.bulk import JournalReader, Row, read_journal
from liangxin_async.bulk._destination import marked
from liangxin_async.bulk._work import JOURNAL
from liangxin_async.bulk.gallery import write_contact_sheet, write_gallery
from liangxin_async.cli._errors import UsageError, WriteError
from liangxin_async.cli._exit import Exit
from liangxin_async.cli._out import Out
from liangxin_async.cli._session import run
from liangxin_async.cli._watch import Watch

T = TypeVar("T")


class _Ways(TypedDict):
    title: str | None
    elsewhere: bool


_AT_ONCE = 500  # rows that the thread asks for


def gallery(args: Namespace, out: Out) -> int:
    """Make both again, also while a run is going on.

    Raises:
        JournalError: there is no journal, or none that can be read.
        ConfigurationError: Jinja2 or Pillow is missing.
        WriteError: the folder takes no files.
        UsageError: it is no folder.
    """
    if "://" in args.folder:
        raise UsageError("the page is made in the local work folder: name that")
    made: list[Path | None] = []

    async def work() -> None:
        made.extend(await make_gallery(Path(args.folder)))

    run(work, Watch(), out)
    page, sheet = made
    if out.as_json:
        sheet_name = None if sheet is None else str(sheet)
        out.data({"page": str(page), "contact_sheet": sheet_name})
        return Exit.DONE
    for path in filter(None, (page, sheet)):
        out.line(str(path))
    return Exit.DONE


async def make_gallery(folder: Path) -> tuple[Path, Path | None]:
    """Make page and contact sheet; return where they are.

    For the work folder of an object store they are made in it, for the place where the
    pictures are. The sheet is None where there is no picture. Cancelling leaves a
    thread behind, which ends soon by itself.

    Raises:
        As `gallery` says.
    """
    async with await read_journal(folder / JOURNAL) as journal:
        samples = await journal.samples()
        try:
            store = marked(folder)
            ways: _Ways = {"title": store, "elsewhere": store is not None}
            page = await _in_thread(
                lambda rows: write_gallery(folder, rows, samples, **ways), journal
            )
            sheet = await _in_thread(
                lambda rows: write_contact_sheet(folder, rows, **ways), journal
            )
        except OSError as exc:
            raise WriteError(f"{folder}: {exc.strerror or exc}") from None
    return page, sheet


async def _in_thread(make: Callable[[Iterator[Row]], T], journal: JournalReader) -> T:
    rows = journal.rows()
    return await to_thread.run_sync(
        lambda: make(_in_turn(rows)), abandon_on_cancel=True
    )


def _in_turn(rows: AsyncIterator[Row]) -> Iterator[Row]:
    """Yield the rows in a thread of the loop's, some of them at once."""
    while some := from_thread.run(_some, rows):
        yield from some


async def _some(rows: AsyncIterator[Row]) -> list[Row]:
    found: list[Row] = []
    async for row in rows:
        found.append(row)
        if len(found) >= _AT_ONCE:
            break
    return found
