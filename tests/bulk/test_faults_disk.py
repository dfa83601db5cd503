"""A disk that takes no more, and folders that others take away or hold."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from liangxin_async import ConfigurationError, DownloadError, JournalError, bulk
from liangxin_async._partfile import new_part, open_part
from liangxin_async.bulk import RowState
from liangxin_async.emulator import Emulator, InFlight
from tests.bulk.crash_tools import ROOT, by_state, check_files, check_rowed, rows_in
from tests.bulk.runs import SMALL, Told, make, numbered, pairs, until
from tests.e2e.conftest import nothing_left
from tests.e2e.service import emulated

pytestmark = pytest.mark.anyio
__all__ = ["nothing_left"]  # a fixture, used by every test here

FEW = {"capacity": (InFlight(8),), "duration": 0.03, **SMALL}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 megabytes. Needs root on Linux."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root may mount")
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this root may not mount")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def leave_bytes(disk: Path, count: int) -> Path:
    """Fill `disk` but for about `count` bytes; return the file that does it."""
    ballast = disk / "ballast"
    free = shutil.disk_usage(disk).free
    ballast.write_bytes(bytes(max(0, free - count)))
    return ballast


def no_more_pages(store: Any) -> None:
    """From now on SQLite says "database or disk is full" where the file would grow."""
    (pages,) = store.db.execute("PRAGMA page_count").fetchone()
    store.db.execute(f"PRAGMA max_page_count = {pages}")


async def check_stopped(folder: Path, told: Told, emulator: Emulator) -> None:
    """It stopped for the disk: no create without its row, no paid task unheard of."""
    assert isinstance(told.error, JournalError)
    assert told.error.reason == "disk"
    rows, ledger = await rows_in(folder), emulator.ledger
    check_rowed(rows, ledger.received_by_prompt)
    in_doubt = by_state(rows, RowState.IN_DOUBT)
    known = {row.task_id for row in rows.values()} | set(told.unwritten)
    assert {task.task_id for task in emulator.tasks} <= known
    assert ledger.accepted_by_prompt.keys() & in_doubt == {
        task.prompt for task in emulator.tasks if task.task_id in told.unwritten
    }


async def check_resumed(
    folder: Path, told: Told, emulator: Emulator, prompts: list[str]
) -> None:
    """The next run brought all of it home, but for what is in doubt."""
    assert told.error is None
    rows = await rows_in(folder)
    assert told.states == {key: row.state for key, row in rows.items()}
    in_doubt = by_state(rows, RowState.IN_DOUBT)
    assert by_state(rows, RowState.SAVED) == set(prompts) - in_doubt
    assert max(emulator.ledger.accepted_by_prompt.values()) == 1
    check_files(folder, rows)


async def test_disk_full_at_the_journal_stops_creates_at_once(tmp_path: Path) -> None:
    """Nothing is sent without its row; the same call goes on when there is room."""
    prompts = numbered(120)
    async with emulated(scenario=FEW) as (session, emulator):
        journal = await bulk.open_journal(tmp_path / "journal.sqlite")

        async def requests() -> AsyncIterator[Any]:
            for number, pair in enumerate(pairs(*prompts)):
                if number == 20:
                    await journal._writer.write(no_more_pages)
                yield pair

        first = await make(session, tmp_path, requests(), journal=journal)
        await journal.aclose()
        await check_stopped(tmp_path, first, emulator)
        assert 0 < emulator.ledger.accepted_total < 100
        second = await make(session, tmp_path, pairs(*prompts))
        await check_resumed(tmp_path, second, emulator, prompts)


@pytest.mark.parametrize("room", [0, 20_000, 60_000, 120_000])
async def test_disk_full_under_journal_and_pictures(
    small_disk: Path, room: int
) -> None:
    """Whichever of the two meets the end first: a clear stop, and all of it comes home
    once there is room."""
    prompts = numbered(60)
    out = small_disk / "out"
    async with emulated(scenario={**FEW, "longest_side": 64}) as (session, emulator):
        await make(session, out, pairs(*prompts), limit=3)
        ballast = leave_bytes(small_disk, room)
        first = await make(session, out, pairs(*prompts))
        assert isinstance(first.error, JournalError | DownloadError)
        assert first.error.reason == "disk"
        assert emulator.ledger.accepted_total < len(prompts)
        ballast.unlink()
        rows = await rows_in(out)
        check_rowed(rows, emulator.ledger.received_by_prompt)
        second = await make(session, out, pairs(*prompts))
        await check_resumed(out, second, emulator, prompts)


async def test_disk_full_at_the_pictures_keeps_what_was_paid_for(
    small_disk: Path, tmp_path: Path
) -> None:
    """The journal has room: the rows stay succeeded, and are saved without paying."""
    prompts = numbered(60)
    async with emulated(scenario=FEW) as (session, emulator):
        ballast = leave_bytes(small_disk, 20_000)
        journal = await bulk.open_journal(tmp_path / "journal.sqlite")
        first = await make(session, small_disk, pairs(*prompts), journal=journal)
        assert isinstance(first.error, DownloadError)
        assert first.error.reason == "disk"
        paid = set(emulator.ledger.accepted_by_prompt)
        assert (
            first.in_state(RowState.SAVED) | first.in_state(RowState.SUCCEEDED) == paid
        )
        assert first.in_state(RowState.SUCCEEDED)
        assert len(paid) < len(prompts)
        posts = emulator.ledger.posts
        ballast.unlink()
        second = await make(
            session, small_disk, pairs(*prompts), journal=journal, collect=True
        )
        assert second.error is None
        assert second.in_state(RowState.SAVED) == first.in_state(RowState.SUCCEEDED)
        assert emulator.ledger.posts == posts
        await journal.aclose()
        check_files(small_disk, await rows_in(tmp_path))


async def test_manifest_that_cannot_be_written_is_an_error_of_ours(
    tmp_path: Path,
) -> None:
    """Everything is saved, and the run says what it could not do."""
    (tmp_path / "manifest.jsonl").mkdir()
    async with emulated(scenario=SMALL) as (session, _):
        told = await make(session, tmp_path, pairs("a", "b"))
        assert told.states == dict.fromkeys("ab", RowState.SAVED)
        assert isinstance(told.error, DownloadError | JournalError)
        assert told.error.reason == "disk"


def remove(folder: Path) -> None:
    """Remove a folder in which savers make and remove files meanwhile."""
    for _ in range(100):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
    raise AssertionError("it could not be removed")


@pytest.mark.parametrize("seconds", [0.05, 0.4])
async def test_folder_removed_during_the_run_sends_nothing_more(
    tmp_path: Path, seconds: float
) -> None:
    """A journal without a name is no journal: what it takes would be paid for again."""
    prompts, out = numbered(40), tmp_path / "out"
    scenario = {**FEW, "duration": seconds}
    async with emulated(scenario=scenario) as (session, emulator):
        posts: list[int] = []

        async def requests() -> AsyncIterator[Any]:
            for number, pair in enumerate(pairs(*prompts)):
                if number == 20:
                    await until(lambda: emulator.ledger.accepted_total >= 8)
                    remove(out)
                    posts.append(emulator.ledger.accepted_total)
                yield pair

        told = await make(session, out, requests())
        assert isinstance(told.error, JournalError | DownloadError)
        assert told.error.reason == "disk"
        assert emulator.ledger.accepted_total <= posts[0] + 8  # were under way


async def test_parts_of_a_killed_run_are_swept_and_no_others(tmp_path: Path) -> None:
    """What nobody writes any more goes when the next run has the folder; a download
    that somebody else has under way, and files of other names, stay."""
    left = [tmp_path / f".liangxin-{number:024x}.part" for number in range(3)]
    foreign = [tmp_path / name for name in (".liangxin-mine.part", ".other.part")]
    for path in (*left, *foreign):
        path.write_bytes(b"half")
    under_way = new_part(tmp_path)
    async with emulated(scenario=SMALL) as (session, _):
        with open_part(under_way):
            holder = await bulk.open_journal(tmp_path / "journal.sqlite")
            told = await make(session, tmp_path, pairs("a"))
            assert isinstance(told.error, JournalError)
            assert all(path.exists() for path in left), "the folder is another run's"
            await holder.aclose()
            told = await make(session, tmp_path, pairs("a"))
            assert told.states == {"a": RowState.SAVED}
            assert not any(path.exists() for path in left)
            assert all(path.exists() for path in (under_way, *foreign))
        await make(session, tmp_path, pairs("a"))
        assert not under_way.exists()


async def test_journal_held_by_another_process_is_left_alone(tmp_path: Path) -> None:
    """The error names the process; nothing is sent, and later the run goes on."""
    holder = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bulk.journal_writer"),
        *(str(tmp_path / "journal.sqlite"), "hold"),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None, "a pipe was asked for"
    assert holder.stdin is not None, "a pipe was asked for"
    await holder.stdout.readline()  # it is open
    async with emulated(scenario=SMALL) as (session, emulator):
        told = await make(session, tmp_path, pairs("a"))
        holder.stdin.close()
        await holder.stdout.read()  # to its end, so that the pipe closes as well
        await holder.wait()
        assert isinstance(told.error, JournalError)
        assert told.error.reason == "locked"
        assert str(holder.pid) in str(told.error)
        assert emulator.ledger.posts == 0
        told = await make(session, tmp_path, pairs("a"))
        assert told.states == {"a": RowState.SAVED}


async def test_second_run_of_one_process_on_one_folder_is_kept_out(
    tmp_path: Path,
) -> None:
    """The first one goes on undisturbed."""
    async with emulated(scenario=SMALL) as (session, emulator):
        async with bulk.run(pairs("a", "b"), tmp_path, session=session) as run:
            await anext(run)
            told = await make(session, tmp_path, pairs("c"))
            assert isinstance(told.error, JournalError)
            assert told.error.reason == "locked"
            await anext(run)
        assert set(emulator.ledger.received_by_prompt) == {"a", "b"}


async def test_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """A file stands in its place: said before anything is sent."""
    (tmp_path / "out").write_text("a file")
    async with emulated(scenario=SMALL) as (session, emulator):
        told = await make(session, tmp_path / "out", pairs("a"))
        assert isinstance(told.error, ConfigurationError)
        assert emulator.ledger.posts == 0


async def test_damaged_journal_is_never_read_as_nothing_sent(tmp_path: Path) -> None:
    """A run on it sends nothing."""
    async with emulated(scenario=SMALL) as (session, emulator):
        await make(session, tmp_path, pairs("a"))
        path = tmp_path / "journal.sqlite"
        path.write_bytes(path.read_bytes()[:5000])
        told = await make(session, tmp_path, pairs("a"))
        assert isinstance(told.error, JournalError)
        assert told.error.reason == "damaged"
        assert emulator.ledger.posts == 1
