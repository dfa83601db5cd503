"""Cancelling a submit at any moment, on real sockets: nothing leaks, nothing doubles."""

from __future__ import annotations

import asyncio

import anyio
import pytest

from liangxin_async import ZImage
from liangxin_async.emulator import Fault

from .service import emulated

pytestmark = pytest.mark.anyio


async def test_submit_cancelled_after_any_number_of_loop_turns() -> None:
    """For every k: cancelled at its k-th turn, one POST or none, and no permit lost."""
    fate = {"nothing sent": 0, "task behind": 0, "done": 0}
    async with emulated(scenario={"duration": 0.01}) as (session, emulator):
        for turns in range(80):
            posts, accepted = emulator.ledger.posts, session.stats.accepted
            task = asyncio.create_task(session.submit(ZImage(f"p{turns}")))
            for _ in range(turns // 4):
                await asyncio.sleep(0)
            if turns % 4:
                await asyncio.sleep(0.0005 * (turns % 4))
            task.cancel()
            await asyncio.wait((task,))
            await session.drain()
            assert session.stats.in_flight == session.stats.waiting == 0
            assert session.stats.accepted - accepted <= 1
            made = session.stats.accepted - accepted
            assert emulator.ledger.posts - posts == made
            assert emulator.ledger.accepted_by_prompt[f"p{turns}"] == made
            key = "done" if not task.cancelled() else "task behind"
            fate[key if made else "nothing sent"] += 1
    assert fate["nothing sent"]
    assert fate["task behind"] + fate["done"]


async def test_submit_cancelled_again_and_again_leaves_the_gate_whole() -> None:
    """Hundreds of callers that give up: later ones still get their pictures."""
    scenario = {"duration": 0.05}
    delay = Fault(route="create", kind="delay", params={"seconds": 0.02})
    async with emulated(delay, scenario=scenario) as (session, emulator):
        for _ in range(10):
            async with anyio.create_task_group() as group:
                for index in range(20):
                    group.start_soon(session.submit, ZImage(f"p{index}"))
                await anyio.sleep(0.015)
                group.cancel_scope.cancel()
        assert (await session.generate(ZImage("last"), timeout=30)).urls
        await session.drain()
        assert session.stats.in_flight == 0
        assert session.stats.accepted == emulator.ledger.accepted_total


async def test_generate_cancelled_while_generating_loses_no_picture() -> None:
    """The wait is cancelled, the picture is not: its handle is pending."""
    async with emulated(scenario={"duration": 0.5}) as (session, emulator):
        with anyio.move_on_after(0.2) as scope:
            await session.generate(ZImage("a"))
        assert scope.cancelled_caught
        (handle,) = session.pending
        assert (await handle.wait(20)).urls
        assert emulator.ledger.posts == 1
