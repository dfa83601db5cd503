"""A disk that takes no more: a clear stop, nothing lost, and a clean way on."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager

import pytest

from liangxin_async import JournalError
from liangxin_async.bulk import _mounts
from liangxin_async.bulk._row import RowState, Sample
from liangxin_async.bulk._sqlite import open_journal, read_journal
from tests.bulk.journal_tools import (
    FOREVER,
    all_rows,
    commits_in,
    error_of,
    opened,
    request_row,
    row_in,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.sqlite"


def no_more_pages(store):
    """From now on SQLite refuses to let the file grow: "database or disk is full"."""
    (pages,) = store.db.execute("PRAGMA page_count").fetchone()
    store.db.execute(f"PRAGMA max_page_count = {pages}")


def read_only(store):
    store.db.execute("PRAGMA query_only = ON")


async def write_until_it_fails(journal, prefix="k"):
    """Rows one after another; returns the keys that were acknowledged, and the error."""
    written = []
    for number in range(100_000):
        key = f"{prefix}{number:05}"
        try:
            await journal.sending(request_row(key), 1.0)
        except JournalError as exc:
            return written, exc
        written.append(key)
    raise AssertionError("the disk never filled")


async def test_disk_full_ends_the_journal_and_loses_nothing(path):
    """The true reason is told, everything after fails, what was granted is there."""
    async with opened(path) as journal:
        await journal.sending(request_row("paid"), 1.0)
        await journal._writer.write(no_more_pages)
        written, error = await write_until_it_fails(journal)
        assert error.reason == "disk"
        assert "disk is full" in str(error)
        assert "rollback" not in str(error).lower()
        task = await error_of(journal.accepted("paid", "precious", 2.0))
        assert (task.reason, task.task_id, task.charged) == ("disk", "precious", "yes")
        assert "precious" in str(task)
        for call in (
            journal.sending(request_row("new"), 1.0),
            journal.saved("paid", [], 1.0),
            journal.settle(),
            journal.counts(),
            journal.find(["paid"]),
        ):
            assert (await error_of(call)).reason == "disk"
        with pytest.raises(JournalError, match="disk is full"):
            journal.sample_nowait(
                Sample(at=1.0, in_flight=1, limit=1, refused=0, done=0)
            )
    async with opened(path) as journal:
        assert [row.key for row in await all_rows(journal)] == ["paid", *written]
        await journal.accepted("paid", "precious", 2.0)  # it goes on


async def test_disk_full_fails_all_that_shared_the_transaction(path):
    """Of calls that waited together each one is told, and none of them was written."""
    async with opened(path) as journal:
        await journal._writer.write(no_more_pages)
        calls = [journal.sending(request_row(f"k{n:04}"), 1.0) for n in range(500)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        failed = [isinstance(result, JournalError) for result in results]
        assert any(failed)
        assert len({id(r) for r in results if r is not None}) == sum(failed)  # one each
    async with opened(path) as journal:
        kept = [row.key for row in await all_rows(journal)]
    assert kept == [f"k{n:04}" for n, lost in enumerate(failed) if not lost]


async def test_disk_that_is_read_only(path):
    """Permission lost in the middle of a run is a failure of the disk."""
    async with opened(path) as journal:
        await journal._writer.write(read_only)
        error = await error_of(journal.sending(request_row("k"), 1.0))
        assert error.reason == "disk"
        assert "readonly" in str(error)


async def test_disk_fails_for_what_nobody_awaits(path):
    """A posted write that was lost is told by closing, if by nothing else."""
    journal = await open_journal(path, delay=FOREVER)
    await journal.sending(request_row("k"), 1.0)
    await journal._writer.write(read_only)
    journal.sent_back_nowait("k")
    assert (await error_of(journal.aclose())).reason == "disk"
    async with opened(path) as journal:
        assert (await row_in(journal, "k")).state is RowState.IN_DOUBT


async def test_disk_fails_while_its_caller_is_gone(path, caplog):
    """A write that fails after its caller gave up is in the log at least."""
    async with opened(path) as journal:
        await journal._writer.write(read_only)
        task = asyncio.create_task(journal.sending(request_row("k"), 1.0))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await error_of(journal.counts())).reason == "disk"
    assert "nobody waits for any more failed" in caplog.text


async def test_an_error_of_our_own_in_a_step_hangs_nobody(path):
    """A mistake in the writer ends the journal like a failure of the disk."""
    async with opened(path) as journal:
        error = await error_of(journal._writer.write(lambda store: 1 // 0))
        assert isinstance(error.__cause__, ZeroDivisionError)
        assert (await error_of(journal.counts())).reason == "disk"


async def test_open_where_no_folder_can_be(tmp_path):
    """A file where the folder should be is a plain error, and stays."""
    (tmp_path / "out").write_text("a file")
    error = await error_of(open_journal(tmp_path / "out" / "journal.sqlite"))
    assert error.reason == "disk"
    assert (tmp_path / "out").read_text() == "a file"


async def test_open_with_a_folder_for_a_lock_file(path):
    """A lock that cannot be had keeps the run out."""
    path.with_name("journal.sqlite.lock").mkdir()
    error = await error_of(open_journal(path))
    assert (error.reason, path.exists()) == ("disk", False)
    assert "lock" in str(error)


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="nothing is closed to root"
)
async def test_open_of_an_unreadable_file(path):
    """Permission denied is said, and not taken for an empty journal."""
    async with opened(path):
        pass
    path.chmod(0)
    try:
        assert (await error_of(open_journal(path))).reason == "disk"
    finally:
        path.chmod(0o600)


@contextmanager
def small_disk(folder, kilobytes):
    """A file system of a few hundred kilobytes in memory, where root may mount one."""
    mount = shutil.which("mount")
    allowed = mount is not None and sys.platform == "linux" and os.geteuid() == 0
    size = f"size={kilobytes}k"
    command = [mount, "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
    if (
        not allowed
        or subprocess.run(command, capture_output=True, check=False).returncode
    ):
        pytest.skip("needs the right to mount")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


async def test_a_disk_that_is_really_full(tmp_path):
    """Rows granted before are all there; with more room the same journal goes on."""
    folder = tmp_path / "small"
    folder.mkdir()
    path = folder / "journal.sqlite"
    with small_disk(folder, 800):
        async with opened(path) as journal:
            written, error = await write_until_it_fails(journal)
        assert error.reason == "disk"
        assert len(written) > 20
        async with await read_journal(path) as reader:
            kept = [row.key for row in await all_rows(reader)]
        assert kept == written
        room = ["mount", "-o", "remount,size=8m", str(folder)]
        subprocess.run(room, check=True)  # noqa: ASYNC221 - nothing else runs
        async with opened(path) as journal:
            await journal.accepted(written[0], "t", 2.0)
            await journal.sending(request_row("more"), 1.0)
            kept = [row.key for row in await all_rows(journal)]
        assert kept == [*written, "more"]


async def test_create_on_a_disk_that_is_full(tmp_path):
    """No half journal is left where there was no room for a whole one."""
    folder = tmp_path / "small"
    folder.mkdir()
    with small_disk(folder, 64):
        (folder / "filler").write_bytes(bytes(44 * 1024))
        error = await error_of(open_journal(folder / "journal.sqlite"))
        assert error.reason == "disk"
        (folder / "filler").unlink()
        assert not (folder / "journal.sqlite").exists()


async def test_network_file_systems_are_refused(path, tmp_path, monkeypatch):
    """Neither a run nor a reader begins there; nothing is made, and advice is given."""
    table = tmp_path / "mountinfo"
    table.write_text(f"1 0 0:1 / {tmp_path}/far rw - nfs4 server:/far rw\n")
    monkeypatch.setattr(_mounts, "_MOUNTS", table)
    far = tmp_path / "far" / "out" / "journal.sqlite"
    for open_it in (open_journal, read_journal):
        error = await error_of(open_it(far))
        assert error.reason == "network"
        assert "nfs4" in str(error)
        assert "local disk" in str(error)
    assert not (tmp_path / "far").exists()
    async with opened(path) as journal:
        await journal.sending(request_row("k"), 1.0)
        assert commits_in(path) > 0


async def test_without_a_table_of_mounts_nothing_is_refused(path, monkeypatch):
    """Where the system does not tell what is mounted, the journal just opens."""
    monkeypatch.setattr(_mounts, "_MOUNTS", path / "missing")
    async with opened(path) as journal:
        assert await journal.counts() == {}
