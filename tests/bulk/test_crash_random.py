"""Killed at random moments, again and again, until it is finished."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from liangxin_async.bulk import RowState
from liangxin_async.emulator import (
    Emulator,
    Failure,
    Fault,
    InFlight,
    RandomRefusal,
    Scenario,
    Uniform,
)
from tests.bulk.crash_tools import (
    Children,
    by_state,
    check_over,
    check_rowed,
    children,
    counts_of,
    rows_in,
)

pytestmark = pytest.mark.anyio

FULL = "LIANGXIN_ALL_KILLS"  # environment variable: any text for the long version
KILLS, LINES, PLACES = (100, 500, 2) if os.environ.get(FULL) else (10, 120, 8)
SEED = 20_260_704


def scenario(seed: int) -> Scenario:
    """Short tasks, few places, and some of every trouble."""
    return Scenario(
        seed=seed,
        duration=Uniform(0.02, 0.12),
        capacity=(InFlight(PLACES), RandomRefusal(0.03)),
        failures=(Failure(share=0.05),),
        faults=(
            Fault(route="create", kind="reset_after_body", share=0.01),
            Fault(route="file", kind="cut_length", nth=1, each=True, share=0.05),
            Fault(route="query", kind="close_silently", share=0.02),
        ),
        longest_side=64,
    )


class Killer:
    """Makes runs, and kills their processes until there were enough kills."""

    def __init__(self, emulator: Emulator, child: Children, random: Random) -> None:
        self.emulator = emulator
        self.child = child
        self.random = random
        self.kills = 0
        self.in_doubt = 0

    async def finish(self, folder: Path, prompts: list[str]) -> None:
        """Bring one run to its end, however often it takes."""
        ledger = self.emulator.ledger
        while True:
            # From the first step of the process, and mostly in the thick of it.
            delay = self.random.uniform(0.0, 0.4) if self.kills < KILLS else None
            ended = await self.child.run(
                self.emulator, folder, prompts, kill_after=delay
            )
            rows = await rows_in(folder)
            check_rowed(rows, counts_of(ledger.received_by_prompt, prompts))
            if not ended.killed:
                break
            self.kills += 1
        paid = counts_of(ledger.accepted_by_prompt, prompts)
        rows = await check_over(folder, prompts, paid, ended)
        self.in_doubt += len(by_state(rows, RowState.IN_DOUBT))


@pytest.mark.timeout(600)
async def test_killed_at_random_moments_nobody_pays_twice(tmp_path: Path) -> None:
    """A run of 120 lines and 10 kills; with LIANGXIN_ALL_KILLS set in the environment
    500 lines and 100 kills (about two minutes). Should a run be finished before that,
    another one takes the rest of the kills."""
    print(f"seed {SEED}, {LINES} lines, {KILLS} kills")
    async with (
        Emulator(scenario(SEED)) as emulator,
        children(tmp_path / "child") as child,
    ):
        killer = Killer(emulator, child, Random(SEED))
        runs = 0
        while killer.kills < KILLS:
            runs += 1
            prompts = [f"{runs}: picture {number}" for number in range(LINES)]
            await killer.finish(tmp_path / str(runs), prompts)
        ledger = emulator.ledger
        assert ledger.accepted_total <= runs * LINES
        assert max(ledger.accepted_by_prompt.values()) == 1
    print(
        f"{killer.kills} kills, {runs} runs, {killer.in_doubt} rows in doubt, "
        f"{ledger.accepted_total} paid, refused {dict(ledger.refused)}, "
        f"faults {dict(ledger.faults)}"
    )
    assert killer.kills == KILLS
    assert ledger.refused["saturated"]
