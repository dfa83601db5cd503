"""What a killed process leaves behind: all that was acknowledged, and no lock."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from liangxin_async.bulk._row import RowState
from tests.bulk.journal_tools import all_rows, error_of, opened

ROUNDS = 12
SEED = 20_260_102
ROOT = Path(__file__).parents[2]
ORDER = [state.value for state in RowState if state is not RowState.FAILED]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")


@contextmanager
def writer(path, *how):
    """A writing process, which is killed at the end of the block at the latest."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bulk.journal_writer", str(path), *how],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def acknowledged(lines, states):
    """Add to `states` what the lines say; a torn last line says nothing."""
    for line in lines:
        state, _, key = line.partition(" / ")
        if line.endswith("\n") and state != "open":
            states[key.strip()] = state


def test_killed_writers_lose_nothing_that_was_acknowledged(tmp_path):
    """Round after round on one journal: each row stands where it was said, or a step on.

    The kill comes after a random number of acknowledgements, with sixteen at work.
    """
    path = tmp_path / "journal.sqlite"
    chance = random.Random(SEED)
    said = {}
    with writer(path) as process:
        for number in range(ROUNDS):
            process.stdin.write(f"r{number}\n")
            process.stdin.flush()
            pid = process.stdout.readline().split(" / ")[1]
            wanted = chance.randrange(1, 300)
            acknowledged((process.stdout.readline() for _ in range(wanted)), said)
            os.kill(int(pid), signal.SIGKILL)
            rest = iter(process.stdout.readline, f"ended / {signal.SIGKILL:d}\n")
            acknowledged(rest, said)  # what it had said before it died
            asyncio.run(_compare(path, said))
    assert len(said) > ROUNDS


async def _compare(path, said):
    async with opened(path) as journal:
        stands = {row.key: row for row in await all_rows(journal)}
    for key, state in said.items():
        row = stands[key]
        ahead = ORDER.index(row.state.value) - ORDER.index(state)
        assert ahead in (0, 1), (key, state, row.state)
        if row.state is not RowState.IN_DOUBT:
            assert row.task_id == f"task-{key}"
    in_doubt = [key for key in stands if key not in said]
    assert all(stands[key].state is RowState.IN_DOUBT for key in in_doubt)


def test_a_second_process_is_kept_out_until_the_first_is_killed(tmp_path):
    """The error names the holder; its lock dies with it, however it dies."""
    path = tmp_path / "journal.sqlite"

    async def use():
        async with opened(path) as journal:
            return await journal.counts()

    with writer(path, "hold") as process:
        pid = process.stdout.readline().split(" / ")[1].strip()
        error = asyncio.run(error_of(use()))
        assert (error.reason, error.charged) == ("locked", "no")
        assert f"process {pid}" in str(error)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
        assert asyncio.run(use()) == {}


def test_a_second_run_in_this_process_is_kept_out(tmp_path):
    """The lock is between runs, not only between processes."""
    path = tmp_path / "journal.sqlite"
    link = tmp_path / "link.sqlite"
    link.symlink_to(path)

    async def use():
        async with opened(path):
            for name in (path, link):
                async with asyncio.timeout(30):
                    error = await error_of(opened(name).__aenter__())
                assert error.reason == "locked"
        async with opened(link):
            assert (await error_of(opened(path).__aenter__())).reason == "locked"

    asyncio.run(use())
