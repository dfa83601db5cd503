"""Task ids that a person found, for what is in doubt."""

from __future__ import annotations

from pathlib import Path

import pytest

from liangxin_async import (
    EVOLINK,
    ConfigurationError,
    InvalidRequestError,
    JournalError,
    NotFoundError,
    ZImageTurbo,
    bulk,
)
from liangxin_async.bulk import RowState
from liangxin_async.emulator import Fault
from tests.bulk.crash_tools import by_state, rows_in
from tests.bulk.runs import SMALL, make, pairs
from tests.e2e.conftest import nothing_left
from tests.e2e.service import create_fault, emulated

pytestmark = pytest.mark.anyio
__all__ = ["nothing_left"]  # a fixture, used by every test here

# The service has taken the create; its answer never comes.
LOST = create_fault("cut_length")


async def test_resolve_brings_home_what_was_in_doubt(tmp_path: Path) -> None:
    """Accepted at once, saved by the next run, and paid for once."""
    async with emulated(LOST, scenario=SMALL) as (session, emulator):
        first = await make(session, tmp_path, pairs("a"))
        assert first.states == {"a": RowState.IN_DOUBT}
        (task,) = emulator.tasks
        ids = {"a": task.task_id}
        (row,) = await bulk.resolve(tmp_path, ids, session=session)
        assert (row.key, row.state) == ("a", RowState.ACCEPTED)
        assert row.task_id == task.task_id
        again = await make(session, tmp_path, pairs("a"))
        assert again.states == {"a": RowState.SAVED}
        assert emulator.ledger.accepted_by_prompt == {"a": 1}


async def test_resolve_writes_nothing_where_something_is_wrong(tmp_path: Path) -> None:
    """An id that the service does not know, a key that is not in doubt, no id at all:
    every row stays as it is."""
    async with emulated(LOST, scenario=SMALL) as (session, emulator):
        await make(session, tmp_path, pairs("a"))
        await make(session, tmp_path, pairs("b"))
        ids = {task.request["input"]["prompt"]: task.task_id for task in emulator.tasks}
        wrong: list[tuple[dict[str, str], type[Exception]]] = [
            ({"a": "task_of_nobody"}, NotFoundError),
            ({"a": ids["a"], "b": ids["b"]}, JournalError),
            ({"a": ids["a"], "c": "t"}, JournalError),
            ({"a": ids["b"]}, JournalError),
            ({"a": " "}, InvalidRequestError),
        ]
        for given, kind in wrong:
            with pytest.raises(kind):
                await bulk.resolve(tmp_path, given, session=session)
        rows = await rows_in(tmp_path)
        assert by_state(rows, RowState.IN_DOUBT) == {"a"}
        with pytest.raises(JournalError) as caught:
            await bulk.resolve(tmp_path / "no", {"a": "t"}, session=session)
        assert caught.value.reason == "missing"
        assert not (tmp_path / "no").exists()


async def test_resolve_believes_no_swapped_ids(tmp_path: Path) -> None:
    """The service echoes what a task was asked for; one wrong pair stops all of them."""
    both = Fault(route="create", kind="cut_length")
    async with emulated(both, scenario=SMALL) as (session, emulator):
        await make(session, tmp_path, pairs("a", "b"))
        a, b = sorted(emulator.tasks, key=lambda task: task.request["input"]["prompt"])
        for given in ({"a": b.task_id, "b": a.task_id}, {"a": b.task_id}):
            with pytest.raises(JournalError) as caught:
                await bulk.resolve(tmp_path, given, session=session)
            assert caught.value.reason == "conflict"
            assert f"task {b.task_id} was made for another request than 'a'" in str(
                caught.value
            )
        rows = await rows_in(tmp_path)
        assert by_state(rows, RowState.IN_DOUBT) == {"a", "b"}
        ids = {"a": a.task_id, "b": b.task_id}
        for row in await bulk.resolve(tmp_path, ids, session=session):
            assert (row.state, row.task_id) == (RowState.ACCEPTED, ids[row.key])


async def test_resolve_believes_a_service_without_echo(tmp_path: Path) -> None:
    """EvoLink says nothing about the request: what the console showed has to do."""
    async with emulated(LOST, scenario=SMALL, dialect=EVOLINK) as (session, emulator):
        await make(session, tmp_path, [("a", ZImageTurbo("a"))])
        (task,) = emulator.tasks
        ids = {"a": task.task_id}
        assert (await session.record(task.task_id)).param is None
        (row,) = await bulk.resolve(tmp_path, ids, session=session)
        assert row.state is RowState.ACCEPTED


async def test_resolve_asks_no_other_service(tmp_path: Path) -> None:
    """An id of the one is none of the other."""
    async with emulated(LOST, scenario=SMALL) as (session, _):
        await make(session, tmp_path, pairs("a"))
    async with emulated() as (other, emulator):
        with pytest.raises(ConfigurationError, match="open task of liangxin"):
            await bulk.resolve(tmp_path, {"a": "t"}, session=other)
        assert not emulator.ledger.requests
