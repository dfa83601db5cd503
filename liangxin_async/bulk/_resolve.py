"""`resolve`: what is in doubt becomes accepted, by an id that a person has found.

A create whose answer was lost may have made a task all the same, which the service's
own console shows. Only the service can say that an id is one, and most say what the
task was asked for: so it is asked before anything is written, because an accepted row
is not in doubt again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from liangxin_async._arguments import check_task_id
from liangxin_async._core.rescue import contradicts
from liangxin_async._errors import JournalError
from liangxin_async.bulk._door import destination_of
from liangxin_async.bulk._row import RowState
from liangxin_async.bulk._service import demand_service, service_of
from liangxin_async.bulk._sqlite import open_journal
from liangxin_async.bulk._work import JOURNAL

if TYPE_CHECKING:
    from pathlib import Path

    from liangxin_async._records import TaskRecord
    from liangxin_async._session import Session
    from liangxin_async.bulk._object_store import ObjectStore
    from liangxin_async.bulk._row import Row
    from liangxin_async.bulk._sqlite import SqliteJournal


async def resolve(
    folder: str | os.PathLike[str] | ObjectStore,
    task_ids: Mapping[str, str],
    *,
    session: Session,
) -> tuple[Row, ...]:
    """Write down which tasks were made by creates that are in doubt.

    The next run into the folder waits for them, and makes nothing for their keys. All
    is looked at before the first is written. Cancelling is safe.

    Args:
        folder: as in `run`.
        task_ids: the id that the service's console shows, by the key of its request.
        session: asks the service once about each id.

    Returns:
        The rows, accepted now, in the order of `task_ids`.

    Raises:
        JournalError: as in `open_journal`; "missing" where no run was; "conflict" for a
            key that is not in doubt, for an id that another key has, and for a task
            whose record echoes another request than the key's.
        InvalidRequestError: something is no task id.
        ConfigurationError: the open tasks of the folder are another service's.
        NotFoundError: the service does not know an id.
        LiangxinError: the service could not be asked.
    """
    for task_id in task_ids.values():
        check_task_id(task_id)
    place = destination_of(folder).folder
    path = place / JOURNAL
    if not path.is_file():
        raise JournalError(
            f"there is no journal at {path}", path=str(path), reason="missing"
        )
    journal = await open_journal(path)
    try:
        doubts = await _demand_doubts(journal, task_ids, path)
        await demand_service(journal, service_of(session), place)
        for key, task_id in task_ids.items():
            _demand_task_of(doubts[key], await session.record(task_id), path)
        for key, task_id in task_ids.items():
            await journal.accepted(key, task_id, time.time())
        rows = await journal.find(list(task_ids))
    finally:
        await journal.aclose()
    return tuple(rows[key] for key in task_ids)


async def _demand_doubts(
    journal: SqliteJournal, task_ids: Mapping[str, str], path: Path
) -> Mapping[str, Row]:
    rows = await journal.find(list(task_ids))
    for key in task_ids:
        row = rows.get(key)
        if row is None or row.state is not RowState.IN_DOUBT:
            stands = "not in this journal" if row is None else row.state.value
            raise JournalError(
                f"{path}: {key!r} is {stands}; only what is in doubt takes a task id",
                path=str(path),
                reason="conflict",
            )
    if len(set(task_ids.values())) < len(task_ids):
        raise JournalError(
            f"{path}: one task id is given for several keys",
            path=str(path),
            reason="conflict",
        )
    return rows


def _demand_task_of(row: Row, record: TaskRecord, path: Path) -> None:
    if contradicts(record.param, row.model, row.request.get("input", {})):
        raise JournalError(
            f"{path}: task {record.task_id} was made for another request than "
            f"{row.key!r}: its record echoes another model or input. Nothing was "
            "written down; are two ids swapped?",
            path=str(path),
            reason="conflict",
        )
