"""`run`: the call that begins a bulk run."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from liangxin_async._arguments import check_count, check_priority
from liangxin_async._config import check_duration
from liangxin_async.bulk._decide import Choices
from liangxin_async.bulk._destination import Folder
from liangxin_async.bulk._given import Given, entries_of
from liangxin_async.bulk._object_store import ObjectStore
from liangxin_async.bulk._run import BulkRun
from liangxin_async.bulk._store_name import is_remote
from liangxin_async.bulk._work import Work

if TYPE_CHECKING:
    from liangxin_async._session import Session
    from liangxin_async.bulk._destination import Destination
    from liangxin_async.bulk._journal import Journal

_LOOKED_UP = 256  # entries looked up in the journal at once, of a source that is quick


def run(
    requests: Iterable[Given] | AsyncIterable[Given],
    folder: str | os.PathLike[str] | ObjectStore,
    *,
    session: Session,
    journal: Journal | None = None,
    limit: int | None = None,
    resubmit_unknown: bool = False,
    retry_failed: bool = False,
    collect: bool = False,
    timeout: float | None = None,
    priority: int = -1,
) -> BulkRun:
    """Make every request once, and save its files into a folder or an object store.

    Args:
        requests: requests, pairs of a key and a request, or what `read_lines` yields;
            sync or async, finite or not. Taken only as fast as items are. A request
            without a key is known by its content: the same one again in a later run is
            the same one, and twice in one input means two pictures.
        folder: made if missing; also holds the journal and `manifest.jsonl`. Or an
            `ObjectStore`, or just its URL ("s3://bucket/prefix"): then files and
            manifest go there, and the journal stays in its local work folder.
        session: makes, follows and downloads; stays open.
        journal: where to write down what happens; it stays open. None opens
            `journal.sqlite` in the folder (of an object store, in its work folder),
            which lets no second run in.
        limit: most requests that this run has made, from 1; None for all.
        resubmit_unknown: make again what is in doubt. That may pay twice.
        retry_failed: make again what failed. That is a new charge.
        collect: make nothing; only bring home what earlier runs paid for.
        timeout: seconds for each request, as in `Session.map`. A task that is not over
            by then stays accepted, and a later run waits for it again.
        priority: as in `Session.submit`; below single calls by default.

    Returns:
        A `BulkRun`: iterate it with `async for`, and use `async with` where the loop
        may be left early. It yields one `Item` for each request, and one for each that
        earlier runs left outstanding, as they come; and a `BadLine` for what is no
        request.

    Raises:
        ConfigurationError: a setting that cannot work; and while iterating, before
            anything is sent, that the open tasks of the folder are another service's.
        While iterating, after what was begun has come home: JournalError (the journal
        is locked, foreign, damaged, or cannot be written), AuthenticationError or
        InsufficientQuotaError (the account is dead), ConnectError (several requests
        in a row found no connection), DownloadError with the reason "disk", StoreError
        (the object store cannot be used or takes no more), and whatever `requests`
        itself raises.
    """
    check_duration("timeout", timeout)
    is_async = isinstance(requests, AsyncIterable)
    work = Work(
        entries=entries_of(requests, check=session._settings.check_request),
        destination=destination_of(folder),
        session=session,
        brought=journal,
        choices=Choices(resubmit_unknown=resubmit_unknown, retry_failed=retry_failed),
        at_once=1 if is_async else _LOOKED_UP,
        limit=check_count("limit", limit),
        collect=collect,
        timeout=timeout,
        priority=check_priority(priority),
    )
    return BulkRun(work)


def destination_of(given: str | os.PathLike[str] | ObjectStore) -> Destination:
    """Return where a run works that is given this folder."""
    if isinstance(given, ObjectStore):
        return given
    if isinstance(given, str) and is_remote(given):
        return ObjectStore(given)
    return Folder(Path(given))
