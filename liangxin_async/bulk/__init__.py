"""Image sets: many requests, through crashes, into a folder.

    from liangxin_async import Session, bulk

    async with Session() as session, bulk.run(requests, "out/", session=session) as run:
        async for item in run:
            print(item.row.key, item.row.state.value, *item.paths)

A journal in the folder holds a row before each create and the task id right after. The
same call again goes on where the last one ended: what was accepted is awaited and not
made again, what is saved is recognised, and what is in doubt is left alone. For the
folder there may be an `ObjectStore`, or just its URL, "s3://bucket/prefix".
"""

from liangxin_async.bulk._door import run
from liangxin_async.bulk._entry import BadLine, Entry, Tally, check
from liangxin_async.bulk._input import form_of, read_lines
from liangxin_async.bulk._item import Item
from liangxin_async.bulk._journal import Journal, KnowsService
from liangxin_async.bulk._object_store import ObjectStore
from liangxin_async.bulk._resolve import resolve
from liangxin_async.bulk._row import File, Row, RowState, Sample
from liangxin_async.bulk._run import BulkRun
from liangxin_async.bulk._sqlite import (
    JournalReader,
    SqliteJournal,
    open_journal,
    read_journal,
)

__all__ = [
    "BadLine",
    "BulkRun",
    "Entry",
    "File",
    "Item",
    "Journal",
    "JournalReader",
    "KnowsService",
    "ObjectStore",
    "Row",
    "RowState",
    "Sample",
    "SqliteJournal",
    "Tally",
    "check",
    "form_of",
    "open_journal",
    "read_journal",
    "read_lines",
    "resolve",
    "run",
]
