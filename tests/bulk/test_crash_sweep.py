"""Killed at every numbered instant of the paid path, and run again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from liangxin_async.bulk import RowState
from liangxin_async.emulator import Emulator, Failure, Fault, Fixed, Scenario
from tests.bulk.crash_tools import (
    Children,
    Instant,
    by_state,
    check_files,
    check_over,
    check_rowed,
    children,
    counts_of,
    rows_in,
)

pytestmark = pytest.mark.anyio

SCENARIO = Scenario(
    duration=Fixed(0.05),
    longest_side=64,
    failures=(Failure(match="rejected"),),
    faults=(
        Fault(route="create", kind="refusal", match="refused", nth=1, each=True),
        Fault(route="create", kind="reset_after_body", match="lost", each=True, nth=1),
    ),
)
KINDS = ("plain", "refused once", "rejected", "lost answer")


class Sweep:
    """One emulator, and prompts of their own for each instant."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator = emulator
        self.folder = folder
        self.killed: set[Instant] = set()
        self.doubts: Counter[str] = Counter()

    async def clean(self, child: Children) -> list[Instant]:
        """Let one run go through; return the instants that there are."""
        prompts = [f"clean: {kind}" for kind in KINDS]
        folder = self.folder / "clean"
        ended = await child.run(self.emulator, folder, prompts)
        rows = await check_over(folder, prompts, self.accepted(prompts), ended)
        assert by_state(rows, RowState.IN_DOUBT) == {"clean: lost answer"}
        assert by_state(rows, RowState.FAILED) == {"clean: rejected"}
        return ended.instants

    def accepted(self, prompts: list[str]) -> Counter[str]:
        return counts_of(self.emulator.ledger.accepted_by_prompt, prompts)

    async def kill_at(self, instants: Iterator[Instant], child: Children) -> None:
        """Take one instant after the other, until there are no more."""
        for instant in instants:
            name = " ".join(map(str, instant))
            prompts = [f"{name}: {kind}" for kind in KINDS]
            folder = self.folder / name
            ended = await child.run(self.emulator, folder, prompts, die_at=instant)
            if ended.killed:
                assert ended.instants[-1] == instant
                self.killed.add(instant)
            received = counts_of(self.emulator.ledger.received_by_prompt, prompts)
            check_rowed(await rows_in(folder), received)
            try:
                await self.resume(folder, prompts, child)
            except AssertionError as exc:
                exc.add_note(f"killed at {instant}; rows: {await rows_in(folder)}")
                raise

    async def resume(self, folder: Path, prompts: list[str], child: Children) -> None:
        """Run it again as a user would, and then with leave to pay again."""
        ended = await child.run(self.emulator, folder, prompts)
        paid = self.accepted(prompts)
        rows = await check_over(folder, prompts, paid, ended)
        in_doubt = by_state(rows, RowState.IN_DOUBT)
        for key in in_doubt:
            self.doubts["paid" if paid[key] else "not paid"] += 1
        await child.run(self.emulator, folder, prompts, resubmit_unknown=True)
        rows = await rows_in(folder)
        assert by_state(rows, RowState.FAILED) == {p for p in prompts if "rej" in p}
        lost = by_state(rows, RowState.IN_DOUBT)
        # Its answer is lost once: now, if the crash came before the first create.
        assert lost <= {p for p in prompts if "lost" in p and not paid[p]}
        assert len(by_state(rows, RowState.SAVED)) == len(KINDS) - 1 - len(lost)
        again = self.accepted(prompts)
        assert {key for key in again if again[key] > paid[key]} <= in_doubt
        assert max(again.values()) <= 2
        check_files(folder, rows, killed=True)


@pytest.mark.timeout(400)  # half a minute, where nothing else runs
async def test_killed_at_every_instant_nobody_pays_twice(tmp_path: Path) -> None:
    """At each instant of a run of four: nothing paid twice, nothing missing, and every
    doubt is named. Made again on request, everything is there."""
    async with (
        Emulator(SCENARIO) as emulator,
        children(tmp_path / "one") as one,
        children(tmp_path / "two") as two,
    ):
        sweep = Sweep(emulator, tmp_path / "out")
        instants = await sweep.clean(one)
        assert len(instants) >= 45
        rest = iter(instants)
        async with asyncio.TaskGroup() as group:
            group.create_task(sweep.kill_at(rest, one))
            group.create_task(sweep.kill_at(rest, two))
    print(f"{len(sweep.killed)} of {len(instants)} instants, doubts {sweep.doubts}")
    # Which request comes home last is a matter of time, and so is a wait or two.
    missed = set(instants) - sweep.killed
    assert len(missed) <= 2, missed
    assert {name for name, _ in sweep.killed} == {name for name, _ in instants}, missed
    assert sweep.doubts["paid"]
    assert sweep.doubts["not paid"]
