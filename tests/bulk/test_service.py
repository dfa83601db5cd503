"""A folder whose open tasks are another service's: told before anything is sent."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from liangxin_async import ConfigurationError, Session, bulk
from liangxin_async.bulk import RowState, open_journal, read_journal
from liangxin_async.emulator import Emulator
from tests.bulk.crash_tools import rows_in
from tests.bulk.journal_tools import request_row
from tests.bulk.runs import ENDLESS, SMALL, leave_accepted, make, pairs
from tests.e2e.conftest import nothing_left
from tests.e2e.service import CANARY, QUICK, emulated

pytestmark = pytest.mark.anyio
__all__ = ["nothing_left"]  # a fixture, used by every test here


def elsewhere(emulator: Emulator) -> Session:
    """A session on the same service at another address."""
    url = f"{emulator.base_url}/other"
    return Session(CANARY, base_url=url, polling=QUICK)


@pytest.mark.parametrize("collect", [True, False])
async def test_run_into_a_folder_of_another_address_asks_and_makes_nothing(
    tmp_path: Path, collect: bool
) -> None:
    """The error names both; rows and service are as they were."""
    async with emulated(scenario=ENDLESS) as (session, emulator):
        await leave_accepted(session, emulator, tmp_path, "a", "b")
        before, asked = await rows_in(tmp_path), emulator.ledger.requests.copy()
        async with elsewhere(emulator) as other:
            told = await make(other, tmp_path, pairs("a", "c"), collect=collect)
        assert isinstance(told.error, ConfigurationError)
        words = str(told.error)
        assert f"2 open tasks of liangxin at {emulator.base_url}, " in words
        assert f"would go to liangxin at {emulator.base_url}/other," in words
        assert "use another folder" in words
        assert not told.items
        # The first session is open, and goes on asking about its own tasks.
        assert {*(emulator.ledger.requests - asked)} <= {"query"}
        assert await rows_in(tmp_path) == before


async def test_row_in_doubt_ties_a_folder_to_its_service(tmp_path: Path) -> None:
    """Only that service can say what became of it."""
    async with await open_journal(tmp_path / "journal.sqlite") as journal:
        await journal.belongs_to("liangxin at https://a.example")
        await journal.sending(request_row("a"), 1.0)
    async with emulated() as (session, _):
        told = await make(session, tmp_path, pairs("b"))
    assert "1 open task of liangxin at https://a.example, " in str(told.error)


async def test_folder_with_nothing_open_follows_the_run(tmp_path: Path) -> None:
    """What is saved needs no service any more."""
    path = tmp_path / "journal.sqlite"
    async with await open_journal(path) as journal:
        await journal.belongs_to("liangxin at https://a.example")
    async with emulated(scenario=SMALL) as (session, emulator):
        told = await make(session, tmp_path, pairs("a"))
        url = emulator.base_url
    assert told.states == {"a": RowState.SAVED}
    async with await read_journal(path) as reader:
        assert await reader.service() == f"liangxin at {url}"
    assert CANARY.encode() not in path.read_bytes()


async def test_journal_of_before_opens_and_goes_on(tmp_path: Path) -> None:
    """Nobody can tell whose its tasks are: they are asked for, as ever; and as long as
    some are open it is not said that they are this service's."""
    path = tmp_path / "journal.sqlite"
    async with emulated(scenario=ENDLESS) as (session, emulator):
        await leave_accepted(session, emulator, tmp_path, "a")
        with closing(sqlite3.connect(path)) as db:
            db.execute("DROP TABLE notes")
        async with await read_journal(path) as reader:
            assert await reader.service() is None
        async with asyncio.timeout(10), bulk.run((), tmp_path, session=session) as run:
            polls = session.stats.polls
            waiting = asyncio.ensure_future(anext(run, None))
            while session.stats.polls == polls:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        assert await waiting is None
    async with await read_journal(path) as reader:
        assert await reader.service() is None


class Plain:
    """A journal that offers what a run demands, and no more."""

    def __init__(self, inner: bulk.SqliteJournal) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> object:
        if name in ("service", "belongs_to"):
            raise AttributeError(name)
        return getattr(self._inner, name)


async def test_journal_that_knows_no_service_is_asked_for_none(tmp_path: Path) -> None:
    """The two methods are an offer: a store of the user's own goes on without them."""
    async with (
        await open_journal(tmp_path / "journal.sqlite") as inner,
        emulated(scenario=SMALL) as (session, _),
    ):
        plain = Plain(inner)
        told = await make(session, tmp_path, pairs("a"), journal=plain)
        assert told.states == {"a": RowState.SAVED}
        assert await inner.service() is None
