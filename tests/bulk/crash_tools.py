"""Children to kill, and what must hold of a folder whatever happened in it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

from liangxin_async import bulk
from liangxin_async.bulk import Row, RowState
from liangxin_async.emulator import Emulator

Instant: TypeAlias = tuple[str, int]  # its name, and the how manyeth of that name
ROOT = Path(__file__).resolve().parents[2]


class Children:
    """Runs orders of `crash_child`, one at a time, each in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._process = process
        self._report = folder / "report.jsonl"

    async def run(
        self,
        emulator: Emulator,
        folder: Path,
        prompts: Sequence[str],
        *,
        die_at: Instant | None = None,
        kill_after: float | None = None,
        store: str | None = None,
        **choices: Any,
    ) -> Ended:
        """Make one run to its end, or until it is killed.

        Args:
            emulator: the service.
            folder: where the pictures go.
            prompts: the requests; each prompt is its key too.
            die_at: the instant at which the process kills itself.
            kill_after: seconds after which it is killed from outside.
            store: URL of the store that takes the pictures; None for the folder.
            choices: as `bulk.run` takes them.
        """
        order = {
            "base_url": emulator.base_url,
            "api_key": emulator.api_key,
            "folder": str(folder),
            "store": store,
            "report": str(self._report),
            "prompts": list(prompts),
            "die_at": die_at,
            "choices": choices,
        }
        self._report.unlink(missing_ok=True)
        assert self._process.stdin is not None, "a pipe was asked for"
        self._process.stdin.write((json.dumps(order) + "\n").encode())
        child = (await self._answer())["pid"]
        ending = asyncio.ensure_future(self._answer())
        if kill_after is not None:
            await asyncio.wait((ending,), timeout=kill_after)
            if not ending.done():
                os.kill(child, signal.SIGKILL)  # a zombie at worst: nobody waited yet
        status = (await ending)["status"]
        return Ended(status, self._report)

    async def _answer(self) -> dict[str, int]:
        assert self._process.stdout is not None, "a pipe was asked for"
        line = await asyncio.wait_for(self._process.stdout.readline(), 60)
        answer: dict[str, int] = json.loads(line)
        return answer


class Ended:
    """What a run said, and how its process ended."""

    def __init__(self, status: int, report: Path) -> None:
        written = report.read_text() if report.exists() else ""
        lines = [json.loads(line) for line in written.splitlines()]
        self.killed = status == signal.SIGKILL
        self.instants: list[Instant] = [
            (name, number)
            for line in lines
            if "instant" in line
            for name, number in (line["instant"],)
        ]
        self.items: list[tuple[str, str]] = [
            (line["key"], line["state"]) for line in lines if "key" in line
        ]
        self.end: str | None = next((e["end"] for e in lines if "end" in e), None)
        assert self.killed or (status, self.end) == (0, "over"), (status, lines[-3:])


@asynccontextmanager
async def children(folder: Path) -> AsyncIterator[Children]:
    """Give a process that makes runs; `folder` is for its reports."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bulk.crash_child"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Children(process, folder)
    finally:
        assert process.stdin is not None, "a pipe was asked for"
        assert process.stdout is not None, "a pipe was asked for"
        process.stdin.close()
        await process.stdout.read()  # to its end, so that the pipe closes as well
        await process.wait()


async def rows_in(folder: Path) -> dict[str, Row]:
    """Every row of the folder's journal by its key; none where there is no journal."""
    path = folder / "journal.sqlite"
    if not path.exists():
        return {}
    async with await bulk.read_journal(path) as journal:
        return {row.key: row async for row in journal.rows()}


def by_state(rows: Mapping[str, Row], state: RowState) -> set[str]:
    """Keys of the rows in one state."""
    return {key for key, row in rows.items() if row.state is state}


def check_files(folder: Path, rows: Mapping[str, Row], *, killed: bool = False) -> None:
    """Every saved file is there as its row has it, and no other picture is.

    Args:
        folder: the output folder.
        rows: all of its rows.
        killed: whether a process was killed there, which may leave a hidden part.
    """
    named = [file for row in rows.values() for file in row.files]
    for file in named:
        data = (folder / file.name).read_bytes()
        assert len(data) == file.size_bytes, file
        assert hashlib.sha256(data).hexdigest() == file.sha256, file
    there = {path.name for path in folder.iterdir()}
    pictures = {name for name in there if name.endswith((".png", ".jpg", ".mp4"))}
    assert pictures == {file.name for file in named}
    assert killed or not [name for name in there if name.endswith(".part")]


def check_rowed(rows: Mapping[str, Row], received: Counter[str]) -> None:
    """No create arrived without its row."""
    assert set(received) <= set(rows), "a create without its row"
    for key, times in received.items():
        assert times <= rows[key].creates, f"{key!r} was sent more often than written"


async def check_over(
    folder: Path, prompts: Sequence[str], accepted: Counter[str], told: Ended
) -> dict[str, Row]:
    """A run that came to its end after crashes: the books agree. Returns its rows.

    Args:
        folder: the output folder.
        prompts: what was asked for.
        accepted: how often each was paid for, by the emulator's books.
        told: the run that came to its end, with nothing made again by request.
    """
    rows = await rows_in(folder)
    assert set(rows) == set(prompts)
    over = {RowState.SAVED, RowState.FAILED, RowState.IN_DOUBT}
    left = {key: row for key, row in rows.items() if row.state not in over}
    assert not left, (left, [item for item in told.items if item[0] in left])
    in_doubt = by_state(rows, RowState.IN_DOUBT)
    assert max(accepted.values(), default=0) <= 1, "somebody paid twice"
    unpaid = set(prompts) - set(accepted)
    assert unpaid <= in_doubt, "a request is missing"
    done = len(by_state(rows, RowState.SAVED)) + len(by_state(rows, RowState.FAILED))
    assert accepted.total() == done + len(in_doubt - unpaid)
    assert sorted(key for key, _ in told.items) == sorted(prompts), "each is told once"
    assert dict(told.items) == {key: row.state.value for key, row in rows.items()}
    check_files(folder, rows, killed=True)
    return rows


def counts_of(counter: Counter[str], prompts: Sequence[str]) -> Counter[str]:
    """The part of an emulator's count that is about `prompts`."""
    return Counter({p: counter[p] for p in prompts if counter[p]})
