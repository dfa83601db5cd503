"""What the service may do to a run: refuse, lose, fail, expire; and what is left."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from liangxin_async import (
    AuthenticationError,
    InsufficientQuotaError,
    SessionClosedError,
    SubmitUnknownError,
    TaskFailedError,
    TaskLostError,
    TaskTimeoutError,
    Timeouts,
    ZImage,
    bulk,
)
from liangxin_async.bulk import Item, RowState
from liangxin_async.emulator import (
    Failure,
    Fault,
    Fixed,
    InFlight,
    Refusal,
    Scenario,
)
from tests.bulk.crash_tools import (
    by_state,
    check_files,
    check_rowed,
    rows_in,
)
from tests.bulk.runs import (
    ENDLESS,
    SMALL,
    end_tasks,
    leave_accepted,
    make,
    numbered,
    pairs,
)
from tests.e2e.conftest import nothing_left
from tests.e2e.service import create_fault, emulated

pytestmark = pytest.mark.anyio
__all__ = ["nothing_left"]  # a fixture, used by every test here


# ------------------------------------------------------------------------- the account


async def test_empty_balance_brings_in_what_is_paid_for_and_goes_on_later(
    tmp_path: Path,
) -> None:
    """What is paid for is saved, the rest is not sent; with money it is made."""
    prompts = numbered(60)
    scenario = {"balance": 20, "capacity": (InFlight(8),), **SMALL}
    async with emulated(scenario=scenario) as (session, emulator):
        first = await make(session, tmp_path, pairs(*prompts))
        assert isinstance(first.error, InsufficientQuotaError)
        assert emulator.ledger.accepted_total == 20
        saved = first.in_state(RowState.SAVED)
        assert saved == set(emulator.ledger.accepted_by_prompt)
        rows = await rows_in(tmp_path)
        check_rowed(rows, emulator.ledger.received_by_prompt)
        assert by_state(rows, RowState.SAVED) == saved
        assert by_state(rows, RowState.NOT_SENT) == set(rows) - saved
        refused = emulator.ledger.refused["no_balance"]
        assert 1 <= refused <= 8  # those that were under way, and none after them

        emulator.set_balance(None)
        second = await make(session, tmp_path, pairs(*prompts))
        assert second.error is None
        assert second.states == dict.fromkeys(prompts, RowState.SAVED)
        assert {i.row.key for i in second.items if i.earlier} == saved
        assert emulator.ledger.accepted_by_prompt == dict.fromkeys(prompts, 1)
        check_files(tmp_path, await rows_in(tmp_path))


async def test_dead_key_leaves_accepted_rows_for_a_new_one(tmp_path: Path) -> None:
    """A key revoked in the middle ends the run; with a new key all of it comes home."""
    prompts = numbered(40)
    scenario = {"revoke_after": 15, "capacity": (InFlight(6),), **SMALL}
    async with emulated(scenario=scenario) as (session, emulator):
        first = await make(session, tmp_path, pairs(*prompts))
        assert isinstance(first.error, AuthenticationError)
        rows = await rows_in(tmp_path)
        check_rowed(rows, emulator.ledger.received_by_prompt)
        paid = by_state(rows, RowState.SAVED) | by_state(rows, RowState.ACCEPTED)
        assert paid == set(emulator.ledger.accepted_by_prompt)
        assert len(paid) == 15
        assert by_state(rows, RowState.NOT_SENT) == set(rows) - paid

        await emulator.play(Scenario(duration=Fixed(0.05), longest_side=32))
        second = await make(session, tmp_path, pairs(*prompts))
        assert second.error is None
        assert second.states == dict.fromkeys(prompts, RowState.SAVED)
        assert emulator.ledger.accepted_by_prompt == dict.fromkeys(prompts, 1)


@pytest.mark.parametrize("earlier", [True, False])
async def test_dead_key_ends_a_run_that_creates_nothing(
    tmp_path: Path, earlier: bool
) -> None:
    """Tasks of an earlier run that cannot be asked about, and those of this one when
    nothing is left to create: the account's error, and every row stays accepted."""
    prompts = numbered(3)
    revoked = Fault(route="query", kind="refusal", params={"status": 401})
    async with emulated(scenario=ENDLESS) as (session, emulator):
        if earlier:
            await leave_accepted(session, emulator, tmp_path, *prompts)
            await session.aclose()
            await session.open()
        await emulator.play(evolve(emulator.world.scenario, faults=(revoked,)))
        told = await make(session, tmp_path, pairs(*prompts), collect=earlier)
        assert isinstance(told.error, AuthenticationError)
        assert told.states == dict.fromkeys(prompts, RowState.ACCEPTED)
        assert isinstance(told.items[0].error, TaskLostError)
        assert by_state(await rows_in(tmp_path), RowState.ACCEPTED) == set(prompts)
        assert emulator.ledger.posts == 3


async def test_session_closed_during_a_run_leaves_a_whole_journal(
    tmp_path: Path,
) -> None:
    """The run ends with that error; another session takes it up, and nobody pays
    twice."""
    prompts = numbered(30)
    scenario = {"capacity": (InFlight(5),), **SMALL}
    async with emulated(scenario=scenario) as (session, emulator):
        items: list[Item] = []
        run = bulk.run(pairs(*prompts), tmp_path, session=session)

        async def close_after_eight() -> None:
            async for item in run:
                assert isinstance(item, Item)
                items.append(item)
                if len(items) == 8:
                    await session.aclose()

        with pytest.raises(SessionClosedError):
            await close_after_eight()
        rows = await rows_in(tmp_path)
        check_rowed(rows, emulator.ledger.received_by_prompt)
        assert not by_state(rows, RowState.IN_DOUBT)  # they were given time to be told
        await session.open()
        second = await make(session, tmp_path, pairs(*prompts))
        assert second.states == dict.fromkeys(prompts, RowState.SAVED)
        assert emulator.ledger.accepted_by_prompt == dict.fromkeys(prompts, 1)


# ----------------------------------------------------------------------- one request


@pytest.mark.parametrize("paid", [True, False])
async def test_lost_answer_stays_in_doubt_until_made_again_on_request(
    tmp_path: Path, paid: bool
) -> None:
    """Told with its error, told again, left alone; sent again only with leave."""
    fault = create_fault("reset_after_body", match="lost", accept=paid)
    async with emulated(fault, scenario=SMALL) as (session, emulator):
        requests = pairs("plain", "lost")
        first = await make(session, tmp_path, requests)
        assert first.error is None
        item = first.item("lost")
        assert isinstance(item.error, SubmitUnknownError)
        assert (item.row.state, item.row.task_id) == (RowState.IN_DOUBT, None)
        row = (await rows_in(tmp_path))["lost"]
        assert (row.state, row.creates) == (RowState.IN_DOUBT, 1)
        assert row.error_type == "SubmitUnknownError"

        second = await make(session, tmp_path, requests)
        assert second.states == first.states
        assert second.item("lost").earlier
        assert second.item("lost").row.error == row.error
        collected = await make(session, tmp_path, requests, collect=True)
        assert "lost" not in collected.in_state(RowState.SAVED)
        assert emulator.ledger.received_by_prompt["lost"] == 1

        third = await make(session, tmp_path, requests, resubmit_unknown=True)
        assert third.states == dict.fromkeys(("plain", "lost"), RowState.SAVED)
        row = (await rows_in(tmp_path))["lost"]
        assert (row.creates, row.error) == (2, None)
        await make(session, tmp_path, requests, resubmit_unknown=True)
        expected = {"plain": 1, "lost": 2 if paid else 1}
        assert emulator.ledger.accepted_by_prompt == expected


async def test_failed_task_is_made_again_only_on_request(tmp_path: Path) -> None:
    """It is told as failed in every run, and once asked for it is paid for again."""
    scenario = {"failures": (Failure(match="bad"),), **SMALL}
    async with emulated(scenario=scenario) as (session, emulator):
        requests = pairs("good", "bad")
        first = await make(session, tmp_path, requests)
        assert isinstance(first.item("bad").error, TaskFailedError)
        assert first.states == {"good": RowState.SAVED, "bad": RowState.FAILED}
        second = await make(session, tmp_path, requests, resubmit_unknown=True)
        assert second.states == first.states
        assert second.item("bad").earlier
        assert second.item("bad").row.error == first.item("bad").row.error
        assert emulator.ledger.accepted_total == 2

        await emulator.play(Scenario(duration=Fixed(0.05), longest_side=32))
        third = await make(session, tmp_path, requests, retry_failed=True)
        assert third.in_state(RowState.SAVED) == {"good", "bad"}
        row = (await rows_in(tmp_path))["bad"]
        assert (row.state, row.creates, row.error) == (RowState.SAVED, 2, None)
        assert emulator.ledger.accepted_by_prompt == {"good": 1, "bad": 2}


async def test_refused_request_fails_alone(tmp_path: Path) -> None:
    """A request that the service will not have is over; the others go on."""
    refusal = Fault(
        route="create", kind="refusal", match="banned", params={"status": 422}
    )
    async with emulated(refusal, scenario=SMALL) as (session, emulator):
        told = await make(session, tmp_path, pairs("a", "banned", "b"))
        assert told.error is None
        saved = dict.fromkeys("ab", RowState.SAVED)
        assert told.states == {**saved, "banned": RowState.FAILED}
        again = await make(session, tmp_path, pairs("a", "banned", "b"))
        assert again.states == told.states
        assert emulator.ledger.received_by_prompt["banned"] == 1


async def test_task_that_takes_longer_than_the_timeout_is_awaited_again(
    tmp_path: Path,
) -> None:
    """It stays accepted, and a run that may only collect brings it home."""
    async with emulated(scenario=ENDLESS) as (session, emulator):
        first = await make(session, tmp_path, pairs("slow"), timeout=1.0)
        assert isinstance(first.item("slow").error, TaskTimeoutError)
        assert first.states == {"slow": RowState.ACCEPTED}
        end_tasks(emulator)
        second = await make(session, tmp_path, [], collect=True)
        assert second.states == {"slow": RowState.SAVED}
        assert emulator.ledger.posts == 1


async def test_no_place_in_time_is_not_sent_and_made_later(tmp_path: Path) -> None:
    """A request whose time ran out in the queue was not paid for; nor is it lost."""
    full = InFlight(0, refusal=Refusal(retry_after="60"))
    async with emulated(scenario={"capacity": (full,), **SMALL}) as (s, emulator):
        first = await make(s, tmp_path, pairs("a", "b"), timeout=1.0)
        assert first.states == dict.fromkeys("ab", RowState.NOT_SENT)
        rows = await rows_in(tmp_path)
        assert not by_state(rows, RowState.IN_DOUBT)
        await s.aclose()  # and forgets how long it was told to wait
        await s.open()
        await emulator.play(Scenario(duration=Fixed(0.05), longest_side=32))
        second = await make(s, tmp_path, pairs("a", "b"))
        assert second.states == dict.fromkeys("ab", RowState.SAVED)


async def test_doubt_without_a_place_stays_a_doubt(tmp_path: Path) -> None:
    """Leave to make it again, and no place for it: it may still have been paid for."""
    fault = create_fault("reset_after_body", match="lost")
    limit = {"max_in_flight": 1}
    async with emulated(fault, scenario=ENDLESS, **limit) as (session, emulator):
        await make(session, tmp_path, pairs("lost"))
        await session.submit(ZImage("takes the only place"))
        told = await make(
            session, tmp_path, pairs("lost"), resubmit_unknown=True, timeout=0.2
        )
        assert emulator.ledger.received_by_prompt["lost"] == 1
        row = (await rows_in(tmp_path))["lost"]
        assert row.state is RowState.IN_DOUBT
        assert told.states == {"lost": RowState.IN_DOUBT}


# ------------------------------------------------------------------------- the files


async def test_urls_that_expired_between_runs_are_refreshed(tmp_path: Path) -> None:
    """A run without pictures, and a day later: fresh URLs, and no new create."""
    prompts = numbered(5)
    down = Fault(route="file", kind="answer", params={"status": 404})
    async with emulated(down, scenario=SMALL) as (session, emulator):
        first = await make(session, tmp_path, pairs(*prompts))
        assert first.error is None
        assert first.states == dict.fromkeys(prompts, RowState.SUCCEEDED)
        assert {item.error.reason for item in first.items} == {"expired"}  # type: ignore[union-attr]
        gone = Fault(route="file", kind="expired", each=True, nth=1)
        await emulator.play(Scenario(faults=(gone,), longest_side=32))
        second = await make(session, tmp_path, pairs(*prompts))
        assert second.states == dict.fromkeys(prompts, RowState.SAVED)
        assert emulator.ledger.faults["expired"] >= 1
        assert emulator.ledger.posts == 5
        check_files(tmp_path, await rows_in(tmp_path))


async def test_files_deleted_between_runs_are_fetched_again(tmp_path: Path) -> None:
    """One gone, one cut: both are fetched, the rest is left alone, nothing is paid."""
    prompts = numbered(4)
    async with emulated(scenario=SMALL) as (session, emulator):
        first = await make(session, tmp_path, pairs(*prompts))
        first.item("p1").paths[0].unlink()
        first.item("p2").paths[0].write_bytes(b"cut")
        fetched = emulator.ledger.requests["file"]
        second = await make(session, tmp_path, pairs(*prompts))
        assert second.states == dict.fromkeys(prompts, RowState.SAVED)
        assert {i.row.key for i in second.items if i.earlier} == {"p0", "p3"}
        assert emulator.ledger.requests["file"] == fetched + 2
        assert emulator.ledger.posts == 4
        check_files(tmp_path, await rows_in(tmp_path))


async def test_file_that_does_not_come_whole_leaves_its_row_for_the_next_run(
    tmp_path: Path,
) -> None:
    """Cut three times: told with the error, no partial file; later it is saved."""
    cut = Fault(route="file", kind="cut_length", nth=(1, 3))
    async with emulated(cut, scenario=SMALL) as (session, emulator):
        first = await make(session, tmp_path, pairs("a"))
        assert first.states == {"a": RowState.SUCCEEDED}
        assert first.item("a").error.reason == "incomplete"  # type: ignore[union-attr]
        check_files(tmp_path, await rows_in(tmp_path))
        second = await make(session, tmp_path, pairs("a"))
        assert second.states == {"a": RowState.SAVED}
        assert emulator.ledger.posts == 1


# ------------------------------------------------------------------------- the end


async def test_create_that_outlives_the_closing_is_in_doubt(tmp_path: Path) -> None:
    """Left early, with an answer that comes too late: the row says so."""
    late = create_fault("delay", params={"seconds": 1.0})
    quick = Timeouts(close=0.1)
    async with emulated(late, scenario=SMALL, timeouts=quick) as (session, emulator):
        async with bulk.run(pairs("late", "b"), tmp_path, session=session) as run:
            item = await anext(run)
        assert isinstance(item, Item)
        rows = await rows_in(tmp_path)
        (doubt,) = by_state(rows, RowState.IN_DOUBT)
        assert doubt != item.row.key
        assert len(run.unwritten) == 0  # not accepted yet, as far as anybody knows
        await session.drain(5)
        told = await make(session, tmp_path, pairs("late", "b"))
        assert told.states[doubt] is RowState.IN_DOUBT
        assert emulator.ledger.accepted_by_prompt == {"late": 1, "b": 1}
