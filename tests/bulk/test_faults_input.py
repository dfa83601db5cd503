"""What a program may do to a run: its input, its loop, its end; and what is chosen."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from liangxin_async import ZImage, bulk
from liangxin_async.bulk import BadLine, Item, RowState
from liangxin_async.emulator import Emulator, Failure, Fixed, InFlight, Scenario
from tests.bulk.crash_tools import by_state, check_files, check_rowed, rows_in
from tests.bulk.runs import (
    ENDLESS,
    SMALL,
    end_tasks,
    leave_accepted,
    make,
    numbered,
    pairs,
    until,
)
from tests.e2e.conftest import nothing_left
from tests.e2e.service import emulated

pytestmark = pytest.mark.anyio
__all__ = ["nothing_left"]  # a fixture, used by every test here

# What may wait: items and ends, results for savers, outcomes, creates, and two look-ups.
MOST_PULLED = 64 + 64 + 8 + 256 + 64 + 64 + 2 * 256 + 256
FEW = {"capacity": (InFlight(8),), "duration": 0.03, **SMALL}


async def check_finished(folder: Path, emulator: Emulator, prompts: list[str]) -> None:
    """Every request was paid for once and is saved."""
    rows = await rows_in(folder)
    assert by_state(rows, RowState.SAVED) == set(prompts)
    assert emulator.ledger.accepted_by_prompt == dict.fromkeys(prompts, 1)
    check_files(folder, rows)


# ------------------------------------------------------------------------ what is told


async def test_item_has_the_row_that_the_journal_holds(tmp_path: Path) -> None:
    """Every field of it: saved, failed, refused, in this run and in the next."""
    scenario = {"failures": (Failure(match="bad"),), **SMALL}
    async with emulated(scenario=scenario) as (session, _):
        for _ in range(2):
            told = await make(session, tmp_path, pairs("good", "bad"))
            rows = await rows_in(tmp_path)
            assert {item.row.key: item.row for item in told.items} == rows


async def test_item_of_a_row_made_again_has_nothing_of_its_old_end(
    tmp_path: Path,
) -> None:
    """A picture that is there now has no error, however it failed before."""
    scenario = {"failures": (Failure(match="bad"),), **SMALL}
    async with emulated(scenario=scenario) as (session, emulator):
        await make(session, tmp_path, pairs("bad"))
        await emulator.play(Scenario(duration=Fixed(0.02), longest_side=32))
        told = await make(session, tmp_path, pairs("bad"), retry_failed=True)
        row = told.item("bad").row
        assert (row.state, row.error, row.error_type) == (RowState.SAVED, None, None)


async def test_finished_run_costs_nothing_when_it_is_made_again(
    tmp_path: Path,
) -> None:
    """Each request is told once more, and neither service nor files are touched."""
    prompts = numbered(20)
    async with emulated(scenario=FEW) as (session, emulator):
        first = await make(session, tmp_path, pairs(*prompts))
        before = dict(emulator.ledger.requests)
        second = await make(session, tmp_path, pairs(*prompts))
        assert second.states == first.states == dict.fromkeys(prompts, RowState.SAVED)
        assert all(item.earlier and item.paths for item in second.items)
        assert emulator.ledger.requests == before


async def test_outstanding_row_is_told_once_though_it_ends_before_its_line_is_read(
    tmp_path: Path,
) -> None:
    """Accepted in an earlier run, over at once in this one, and then found in the
    input: one item, also where failed ones are to be made again."""
    prompts = [*numbered(8), "bad"]
    scenario = {"failures": (Failure(match="bad"),), **ENDLESS}
    async with emulated(scenario=scenario) as (session, emulator):
        await leave_accepted(session, emulator, tmp_path, *prompts)
        assert by_state(await rows_in(tmp_path), RowState.ACCEPTED) == set(prompts)
        end_tasks(emulator)

        async def late() -> AsyncIterator[Any]:
            await until(lambda: emulator.ledger.requests["file"] == 8)
            for pair in pairs(*prompts):
                yield pair

        second = await make(session, tmp_path, late(), retry_failed=True)
        saved = dict.fromkeys(numbered(8), RowState.SAVED)
        assert second.states == {**saved, "bad": RowState.FAILED}
        assert emulator.ledger.posts == 9


# ---------------------------------------------------------------------- what is chosen


async def test_collect_creates_nothing(tmp_path: Path) -> None:
    """Yesterday's accepted tasks come home; what was never sent stays so."""
    async with emulated(scenario=ENDLESS) as (session, emulator):
        prompts = numbered(4)
        await leave_accepted(session, emulator, tmp_path, *prompts)
        end_tasks(emulator)
        assert by_state(await rows_in(tmp_path), RowState.ACCEPTED) == set(prompts)
        told = await make(session, tmp_path, pairs(*prompts, "new"), collect=True)
        assert told.states == dict.fromkeys(prompts, RowState.SAVED)
        assert emulator.ledger.posts == 4
        await check_finished(tmp_path, emulator, prompts)


async def test_limit_counts_the_creates_of_each_run(tmp_path: Path) -> None:
    """Three at a time, in the order of the input, until nothing is left."""
    prompts = numbered(7)
    async with emulated(scenario=FEW) as (session, emulator):
        for expected in (3, 6, 7, 7):
            told = await make(session, tmp_path, pairs(*prompts), limit=3)
            assert told.error is None
            saved = by_state(await rows_in(tmp_path), RowState.SAVED)
            assert saved == set(prompts[:expected])
        assert emulator.ledger.posts == 7


async def test_lazy_input_is_pulled_no_further_than_the_limit_needs(
    tmp_path: Path,
) -> None:
    """20,000 requests and a limit of 50: a bounded look ahead, in little memory."""
    pulled = 0

    def requests() -> Iterator[ZImage]:
        nonlocal pulled
        for number in range(20_000):
            pulled += 1
            yield ZImage(f"p{number} " + "x" * 1000)

    async with emulated(scenario=FEW) as (session, emulator):
        await make(session, tmp_path / "warm up", pairs("a"))
        tracemalloc.start()
        told = await make(session, tmp_path, requests(), limit=50)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert len(told.in_state(RowState.SAVED)) == 50
    assert emulator.ledger.accepted_total == 51
    assert pulled <= 512
    assert peak < 10_000_000  # bytes; all of them would be 30 MB and more


async def test_pulling_waits_for_whoever_takes_the_items(tmp_path: Path) -> None:
    """An input without end, and a consumer that takes ten and then thinks."""
    pulled = 0

    def requests() -> Iterator[ZImage]:
        nonlocal pulled
        while True:
            pulled += 1
            yield ZImage(f"p{pulled}")

    async with emulated(scenario={"duration": 0.0, **SMALL}) as (session, emulator):
        async with bulk.run(requests(), tmp_path, session=session) as run:
            for _ in range(10):
                await anext(run)
            before, quiet = (-1, -1), 0
            while quiet < 5:
                await asyncio.sleep(0.05)
                assert pulled < MOST_PULLED
                posts = emulator.ledger.posts
                quiet = quiet + 1 if (pulled, posts) == before else 0
                before = (pulled, posts)
        assert posts <= len(await rows_in(tmp_path))


# --------------------------------------------------------------------------- the input


async def test_duplicate_keys_are_told_and_made_once(tmp_path: Path) -> None:
    """The second request of a key is a bad line; equal ones without keys are two."""
    requests: list[Any] = [*pairs("a", "b", "a"), ZImage("same"), ZImage("same")]
    async with emulated(scenario=FEW) as (session, emulator):
        for _ in range(2):
            told = await make(session, tmp_path, requests)
            assert len(told.in_state(RowState.SAVED)) == 4
            (bad,) = told.bad
            assert bad.line == 3
            assert bad.problems[0].field == "key"
        assert emulator.ledger.accepted_by_prompt == {"a": 1, "b": 1, "same": 2}


async def test_one_entry_given_twice_is_made_once(tmp_path: Path) -> None:
    """Entries come through as they are; the journal does not let them pay twice."""
    entry = bulk.Entry(key="a", line=1, request=ZImage("a"), stem="a")
    other = bulk.Entry(key="b", line=2, request=ZImage("b"), stem="b")
    async with emulated(scenario=FEW) as (session, emulator):
        told = await make(session, tmp_path, [entry, entry, other])
        assert emulator.ledger.accepted_by_prompt["a"] == 1
        assert told.error is None
        assert told.in_state(RowState.SAVED) == {"a", "b"}


async def test_keys_with_one_name_for_their_files_get_two(tmp_path: Path) -> None:
    """Though the first of them is long over when the other one is sent."""
    prompts = numbered(150)
    requests = [("One Key", ZImage("p")), *pairs(*prompts), ("one-key", ZImage("p"))]
    async with emulated(scenario={**FEW, "duration": 0.0}) as (session, _):
        told = await make(session, tmp_path, requests)
        assert told.error is None
        assert told.in_state(RowState.SAVED) == {"One Key", "one-key", *prompts}
        check_files(tmp_path, await rows_in(tmp_path))


async def test_second_file_of_a_request_is_not_the_file_of_another(
    tmp_path: Path,
) -> None:
    """The number of a file and the number of a name do not meet."""
    first, second = ("One Key", ZImage("p")), ("one-key", ZImage("p"))
    third = ("ONE KEY", ZImage("p 2"))
    scenario = {"pictures": 2, **SMALL}
    async with emulated(scenario=scenario) as (session, emulator):
        await make(session, tmp_path, [first])
        await emulator.play(Scenario(duration=Fixed(0.02), longest_side=32))
        await make(session, tmp_path, [first, second, third])
        rows = await rows_in(tmp_path)
        assert [len(row.files) for row in rows.values()] == [2, 1, 1]
        names = [file.name for row in rows.values() for file in row.files]
        assert len(set(names)) == 4
        check_files(tmp_path, rows)


@pytest.mark.parametrize("is_async", [True, False])
async def test_input_that_raises_half_way_ends_the_run_with_its_error(
    tmp_path: Path, is_async: bool
) -> None:
    """What came before it is made; the error comes when all of that is home."""
    prompts = numbered(30)

    def requests() -> Iterator[Any]:
        yield from pairs(*prompts)
        raise ZeroDivisionError("the input broke")

    async def stream() -> AsyncIterator[Any]:
        for pair in requests():
            yield pair

    async with emulated(scenario=FEW) as (session, emulator):
        told = await make(session, tmp_path, stream() if is_async else requests())
        assert isinstance(told.error, ZeroDivisionError)
        assert told.in_state(RowState.SAVED) == set(prompts)
        await check_finished(tmp_path, emulator, prompts)


# ------------------------------------------------------------------------- leaving early


async def test_loop_that_is_left_early_goes_on_in_the_next_run(tmp_path: Path) -> None:
    """Whatever was under way is in the journal, and nothing runs on in secret."""
    prompts = numbered(40)
    async with emulated(scenario=FEW) as (session, emulator):
        async with bulk.run(pairs(*prompts), tmp_path, session=session) as run:
            async for item in run:
                assert isinstance(item, Item)
                if item.row.key == "p7":
                    break
        rows, posts = await rows_in(tmp_path), emulator.ledger.posts
        check_rowed(rows, emulator.ledger.received_by_prompt)
        assert not by_state(rows, RowState.IN_DOUBT)
        await asyncio.sleep(0.2)
        assert emulator.ledger.posts == posts < 40
        told = await make(session, tmp_path, pairs(*prompts))
        assert told.states == dict.fromkeys(prompts, RowState.SAVED)
        await check_finished(tmp_path, emulator, prompts)


async def test_finish_nowait_brings_home_what_was_begun(tmp_path: Path) -> None:
    """The first Ctrl-C: no further create, everything accepted is saved, no error."""
    prompts = numbered(60)
    async with emulated(scenario=FEW) as (session, emulator):
        run = bulk.run(pairs(*prompts), tmp_path, session=session)
        told: dict[str, RowState] = {}
        async for item in run:
            assert isinstance(item, Item)
            told[item.row.key] = item.row.state
            if len(told) == 10:
                run.finish_nowait()
        paid = set(emulator.ledger.accepted_by_prompt)
        assert told == dict.fromkeys(paid, RowState.SAVED)
        assert 10 <= len(paid) < 60
        await make(session, tmp_path, pairs(*prompts))
        await check_finished(tmp_path, emulator, prompts)


async def test_run_that_is_dropped_ends(tmp_path: Path) -> None:
    """A loop left without `async with`: a warning, an end in the background, and a
    folder that is free; the rest comes with the next run."""
    prompts = numbered(40)
    async with emulated(scenario=FEW) as (session, emulator):

        async def look_at_one() -> None:
            async for _ in bulk.run(pairs(*prompts), tmp_path, session=session):
                return

        with pytest.warns(ResourceWarning, match="dropped before its end"):
            await look_at_one()
        everything = asyncio.all_tasks()
        await asyncio.wait([t for t in everything if "bulk" in t.get_name()])
        paid = emulator.ledger.accepted_total
        rows = await rows_in(tmp_path)
        assert not by_state(rows, RowState.IN_DOUBT)
        assert len([row for row in rows.values() if row.task_id]) == paid < 40
        await make(session, tmp_path, pairs(*prompts))
        await check_finished(tmp_path, emulator, prompts)


async def test_aclose_from_elsewhere_ends_whoever_waits(tmp_path: Path) -> None:
    """A consumer in another task gets the end, not a wait for ever; so does a later
    one."""
    async with emulated(scenario=ENDLESS) as (session, emulator):
        run = bulk.run(pairs("a"), tmp_path, session=session)
        waiting = asyncio.ensure_future(anext(run, None))
        await until(lambda: emulator.ledger.accepted_total == 1)
        await run.aclose()
        await run.aclose()
        async with asyncio.timeout(30):
            assert await waiting is None
            assert await anext(run, None) is None


@pytest.mark.parametrize("pause", [0.0, 0.001, 0.002, 0.005])
async def test_run_closed_while_it_opens_lets_the_next_one_in(
    tmp_path: Path, pause: float
) -> None:
    """When `aclose` returns the folder is free, however soon it came."""
    async with emulated(scenario={**SMALL, "duration": 0.0}) as (session, _):
        await make(session, tmp_path, pairs(*numbered(50)))
        for _ in range(3):
            async with bulk.run(pairs("a"), tmp_path, session=session) as run:
                waiting = asyncio.ensure_future(anext(run, None))
                await asyncio.sleep(pause)
            waiting.cancel()
            told = await make(session, tmp_path, pairs("a"))
            assert told.error is None
            assert told.states == {"a": RowState.SAVED}


async def test_consumer_cancelled_at_any_moment_loses_and_pays_nothing_twice(
    tmp_path: Path,
) -> None:
    """Cancelled at random moments, as a web server does, until the run is over."""
    prompts, random = numbered(100), Random(5)
    scenario = {**FEW, "failures": (Failure(match="p13"),)}
    cancelled = 0

    async def consume(session: Any) -> None:
        async with bulk.run(pairs(*prompts), tmp_path, session=session) as run:
            async for _ in run:
                pass

    async with emulated(scenario=scenario) as (session, emulator):
        for _ in range(100):
            consumer = asyncio.ensure_future(consume(session))
            pause = random.choice([0.0, 0.001, 0.005, 0.02, 0.05])
            await asyncio.wait((consumer,), timeout=pause if cancelled < 25 else None)
            if consumer.done():
                break
            consumer.cancel()
            with pytest.raises(asyncio.CancelledError):
                await consumer
            cancelled += 1
            rows = await rows_in(tmp_path)
            check_rowed(rows, emulator.ledger.received_by_prompt)
            assert not by_state(rows, RowState.IN_DOUBT)
        consumer.result()
        assert cancelled > 5
        rows = await rows_in(tmp_path)
        assert by_state(rows, RowState.FAILED) == {"p13"}
        assert len(by_state(rows, RowState.SAVED)) == 99
        assert emulator.ledger.accepted_by_prompt == dict.fromkeys(prompts, 1)
        check_files(tmp_path, rows)


async def test_anext_that_is_cancelled_loses_no_item(tmp_path: Path) -> None:
    """A time limit around each item: all of them come all the same."""
    prompts, seen = numbered(20), set()
    async with (
        emulated(scenario=FEW) as (session, _),
        bulk.run(pairs(*prompts), tmp_path, session=session) as run,
    ):
        while True:
            try:
                async with asyncio.timeout(0.003):
                    item = await anext(run, None)
            except TimeoutError:
                continue
            if item is None:
                break
            assert isinstance(item, Item)
            seen.add(item.row.key)
    assert seen == set(prompts)


# ------------------------------------------------------------------------------ two runs


async def test_two_runs_at_once_share_a_session(tmp_path: Path) -> None:
    """Each folder gets its own, and the one that is over first does not wait."""
    loop = asyncio.get_running_loop()
    ended: dict[str, float] = {}

    async with emulated(scenario=FEW) as (session, emulator):

        async def go(name: str, count: int) -> None:
            prompts = [f"{name}{number}" for number in range(count)]
            told = await make(session, tmp_path / name, pairs(*prompts))
            ended[name] = loop.time()
            assert told.states == dict.fromkeys(prompts, RowState.SAVED)
            check_files(tmp_path / name, await rows_in(tmp_path / name))

        async with asyncio.TaskGroup() as group:
            group.create_task(go("a", 10))
            group.create_task(go("b", 120))
        assert emulator.ledger.accepted_total == 130
        assert set(emulator.ledger.accepted_by_prompt.values()) == {1}
        assert ended["a"] < ended["b"]


async def test_bad_lines_come_through_and_stop_nothing(tmp_path: Path) -> None:
    """Among good ones: told with their position, and nothing is sent for them."""
    requests: list[Any] = [ZImage("a"), "no request", ("", ZImage("b")), ZImage("c")]
    async with emulated(scenario=FEW) as (session, emulator):
        told = await make(session, tmp_path, requests)
        assert [bad.line for bad in told.bad] == [2, 3]
        assert all(isinstance(bad, BadLine) for bad in told.bad)
        assert set(emulator.ledger.accepted_by_prompt) == {"a", "c"}
        assert len(told.in_state(RowState.SAVED)) == 2
