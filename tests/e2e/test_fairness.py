"""People beside a bulk run, and users beside each other, on real sockets."""

from __future__ import annotations

import random

import anyio
import pytest

from liangxin_async import Event, TaskSettled, ZImage
from liangxin_async._gate import Ticket
from liangxin_async.emulator import InFlight

from .service import emulated

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("max_in_flight", [None, 5])
async def test_interactive_waits_for_one_free_permit_at_most(
    max_in_flight: int | None, granted: list[Ticket]
) -> None:
    """With 500 items under way at 7 at a time, 15 people each get the next permit."""
    dice = random.Random(5)
    scenario = {"duration": 0.05, "capacity": (InFlight(7),)}
    late: list[int] = []
    async with emulated(scenario=scenario, max_in_flight=max_in_flight) as pair:
        session, emulator = pair
        run = session.map(ZImage(f"bulk {index}") for index in range(500))

        async def people() -> None:
            for index in range(15):
                await anyio.sleep(dice.uniform(0.0, 0.05))
                before = len(granted)
                result = await session.generate(ZImage(f"person {index}"))
                assert result.urls
                after = (ticket.priority for ticket in granted[before:])
                late.append(list(after).index(0))
            run.finish_nowait()

        with anyio.fail_after(60):
            async with anyio.create_task_group() as group, run:
                home = await anext(run)
                group.start_soon(people)
                outcomes = [home] + [outcome async for outcome in run]
    assert late == [0] * 15
    assert len(outcomes) > 15
    assert emulator.ledger.peak() <= 7
    assert set(emulator.ledger.accepted_by_prompt.values()) == {1}


async def test_forty_requests_do_not_hold_up_another_user(
    granted: list[Ticket],
) -> None:
    """The other's first is second at the latest among the new grants."""
    settled: list[TaskSettled] = []
    under_way = anyio.Event()

    def watch(event: Event) -> None:
        if isinstance(event, TaskSettled):
            settled.append(event)
            if len(settled) == 5:
                under_way.set()

    scenario = {"duration": 0.05, "capacity": (InFlight(3),)}
    async with (
        emulated(scenario=scenario, observer=watch) as (session, emulator),
        anyio.create_task_group() as group,
    ):

        async def want(user: int, prompt: str) -> None:
            await session.generate(ZImage(prompt), fair_key=user)

        for index in range(40):
            group.start_soon(want, 1, f"first user {index}")
        await under_way.wait()
        before, known = len(granted), set(granted)
        await want(2, "second user")
        new = [ticket.key for ticket in granted[before:] if ticket not in known]
        assert 2 in new[:2]
        assert len(settled) < 30
    assert set(emulator.ledger.accepted_by_prompt.values()) == {1}
