"""A run into a store, killed around the way of a picture into it, and run again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from liangxin_async.bulk import RowState
from liangxin_async.emulator import Emulator, Fixed, Scenario
from tests.bulk.crash_tools import Instant, by_state, children, rows_in
from tests.bulk.store_tools import moto_running, use_store

pytestmark = pytest.mark.anyio

# The first and the last put of a run are of the manifest.
INSTANTS: list[Instant] = [
    ("after put", 1),
    ("after rename", 1),
    ("before put", 2),
    ("after put", 2),
    ("after saved", 1),
    ("before put", 3),
]


def pictures(folder: Path) -> list[Path]:
    """What local pictures there are."""
    return list(folder.glob("*.png"))


async def test_killed_around_the_put_and_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each instant: one create, one download, one put, and all of it saved."""
    scenario = Scenario(duration=Fixed(0.05), longest_side=32)
    with moto_running() as moto:
        use_store(monkeypatch, moto.url)
        moto.make_bucket("shop")
        async with (
            asyncio.timeout(60),
            Emulator(scenario=scenario) as emulator,
            children(tmp_path / "reports") as child,
        ):
            for number, instant in enumerate(INSTANTS):
                prompt, work = f"cat {number}", tmp_path / f"{number}"
                url = f"s3://shop/{number}"
                before = emulator.ledger.requests["file"]
                first = await child.run(
                    emulator, work, [prompt], die_at=instant, store=url
                )
                assert first.killed, instant
                await child.run(emulator, work, [prompt], store=url)
                rows = await rows_in(work)
                assert by_state(rows, RowState.SAVED) == {prompt}, instant
                assert emulator.ledger.accepted_by_prompt[prompt] == 1, instant
                assert emulator.ledger.requests["file"] - before == 1, instant
                (file,) = rows[prompt].files
                name = f"{number}/{file.name}"
                assert moto.names("shop")[name] == file.size_bytes, instant
                assert moto.versions("shop", name) == 1, instant
                assert not pictures(work), instant
