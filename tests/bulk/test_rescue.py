"""Lost creates of a bulk run whose tasks call back: paid once, and brought home."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from liangxin_async import SubmitUnknownError, bulk
from liangxin_async.bulk import RowState
from tests.bulk.crash_tools import rows_in
from tests.webhook.service import Service
from tests.webhook.test_end_to_end import received

from .runs import make, numbered, pairs

pytestmark = pytest.mark.anyio


def all_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_lost_creates_become_accepted_by_their_callbacks(tmp_path: Path) -> None:
    """In doubt, then accepted, then over; each request is paid once and told once."""
    async with (
        Service(loses=3, duration=0.2).open() as service,
        received("aiohttp", service) as session,
    ):
        told = await make(session, tmp_path, pairs(*numbered(10)))
        assert told.error is None
        assert set(told.states) == set(numbered(10))
        assert len(service.tasks) == 10
        assert session.stats.accepted == 10
        rows = await rows_in(tmp_path)
        for key, row in rows.items():
            assert row.state is RowState.SAVED
            assert row.creates == 1
            asked = service.tasks[row.task_id].request
            assert asked["input"]["prompt"] == key


async def test_journal_keeps_no_path_of_a_callback(tmp_path: Path) -> None:
    """The service's record repeats the request with its secret; no file of ours does."""
    async with (
        Service(duration=0.05).open() as service,
        received("aiohttp", service) as session,
    ):
        told = await make(session, tmp_path, pairs("a", "b"))
        assert told.in_state(RowState.SAVED) == {"a", "b"}
        paths = [task.request["callBackUrl"] for task in service.tasks.values()]
        (record,) = [await session.record(told.items[0].row.task_id)]
        assert record.param["callBackUrl"] in paths
        rows = await rows_in(tmp_path)
        assert {row.record["state"] for row in rows.values()} == {"success"}
    written = all_bytes(tmp_path)
    assert b'"a"' in written
    for path in paths:
        assert path.rsplit("/", 1)[1].encode() not in written


async def test_lost_create_without_a_callback_stays_in_doubt(tmp_path: Path) -> None:
    """The run waits a bounded time for it, and no longer when an end is asked for."""
    async with (
        Service(loses=1, duration=0.05, calls_back=False).open() as service,
        received("aiohttp", service) as session,
    ):
        run = bulk.run(pairs("a"), tmp_path, session=session)
        begun = time.monotonic()
        async with run:
            asyncio.get_running_loop().call_later(0.5, run.finish_nowait)
            items = [item async for item in run]
        assert time.monotonic() - begun < 20
        (item,) = items
        assert isinstance(item, bulk.Item)
        assert isinstance(item.error, SubmitUnknownError)
        assert item.row.state is RowState.IN_DOUBT
        assert (await rows_in(tmp_path))["a"].state is RowState.IN_DOUBT


async def test_run_ends_its_hope_when_all_else_is_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last callbacks get some time, and then the doubt is told."""
    monkeypatch.setattr("liangxin_async.bulk._work._LAST_HOPE", 0.2)
    async with (
        Service(loses=1, duration=0.05, calls_back=False).open() as service,
        received("aiohttp", service) as session,
    ):
        told = await make(session, tmp_path, pairs("a"))
        assert told.states == {"a": RowState.IN_DOUBT}
