"""One bulk run under measurement, in a process of its own."""

from __future__ import annotations

import asyncio
import gc
import json
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import frozen

from benchmarks._bulk_journals import Commits, MemoryJournal
from benchmarks._child import WARM_UP, begin, books, read_argument, resident_bytes
from liangxin_async import Session, ZImage, bulk
from liangxin_async.bulk import Item, Journal, RowState


@frozen(kw_only=True)
class Spec:
    """One measurement.

    Attributes:
        url: base URL of the server.
        lines: how many requests, at least 1.
        journal: "sqlite" or "memory".
        median: seconds that a task takes.
    """

    url: str
    lines: int
    journal: str
    median: float


@frozen
class _Found:
    wall: float
    cpu: float
    commits: int


def main() -> None:
    """Measure the run that the process was asked for, and print the figures."""
    spec = Spec(**read_argument())
    commits = Commits()
    commits.count()
    run_once(spec, WARM_UP, commits)
    found = run_once(spec, spec.lines, commits)
    seen = books(spec.url)
    if seen["posts"] != spec.lines:
        raise RuntimeError(f"{seen['posts']} creates for {spec.lines} lines")
    figures = {
        "wall": found.wall,
        "cpu": found.cpu,
        "commits": found.commits,
        "peak_rss": resident_bytes("VmHWM"),
        "gets": seen["gets"],
        "server_cpu": seen["server_cpu"],
        "peak_open": seen["peak_open"],
    }
    print(json.dumps(figures))


def run_once(spec: Spec, lines: int, commits: Commits) -> _Found:
    """Return what a run of `lines` cost: seconds, and commits."""
    begin(spec.url, median=spec.median)
    journal = MemoryJournal() if spec.journal == "memory" else None
    with TemporaryDirectory() as folder:
        gc.collect()
        before = commits.made
        cpu, wall = time.process_time(), time.perf_counter()
        asyncio.run(make(spec.url, lines, Path(folder), journal))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return _Found(wall, cpu, commits.made - before)


async def make(url: str, lines: int, folder: Path, journal: Journal | None) -> None:
    """Make a run from its first line to its last file."""
    saved = 0
    async with (
        Session("benchmark-key", base_url=url) as session,
        bulk.run(_requests(lines), folder, session=session, journal=journal) as run,
    ):
        async for item in run:
            if not isinstance(item, Item) or item.row.state is not RowState.SAVED:
                raise RuntimeError(f"not saved: {item}")
            saved += 1
    if saved != lines:
        raise RuntimeError(f"{saved} saved of {lines}")


def _requests(lines: int) -> Iterator[tuple[str, ZImage]]:
    for number in range(lines):
        prompt = f"picture {number}: " + "a cafe terrace in Paris at dusk, " * 6
        yield f"line-{number:07}", ZImage(prompt, seed=number)


if __name__ == "__main__":
    main()
