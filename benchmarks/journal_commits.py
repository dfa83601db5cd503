"""What the journal of a bulk run makes durable in a second, by how many wait at once.

Callers that wait at the same moment share a commit, and a commit costs a sync of the
disk; so that the figures for one caller are the disk's, and those for many are ours.
What the disk does alone is measured in the same breath, since shared disks have moods.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from attrs import frozen

from benchmarks._report import Options, Report, Row, Spread, progress
from liangxin_async.bulk._row import File
from liangxin_async.bulk._row import Row as JournalRow
from liangxin_async.bulk._sqlite import SqliteJournal, open_journal

QUESTION = "how many journal entries a second are safe from a power cut?"

SETUP = (
    "A journal in a fresh folder of the system's temporary directory.",
    "Each caller takes one request after another through its four entries: sending, "
    "accepted, succeeded, saved; all are awaited but succeeded, which goes with saved.",
    "Prompts have 200 characters, records 700; no entry waits for company.",
    "'CPU us/entry' is process_time: the callers' loop and the writing thread.",
    "'fsync/s' is a plain file in the same folder, 200 bytes and one sync at a time, "
    "right before.",
    "'bytes/request' is the closed file's size.",
)

_ENTRIES = 4  # per request
_SYNCS = 100
_PROMPT = "a cafe terrace in Paris at dusk, " * 6
_RECORD = {"task_id": "t" * 32, "raw": "x" * 650}


@frozen
class _Found:
    rate: float
    cpu: float
    syncs: float
    size_bytes: float


def run(options: Options) -> Report:
    """Measure every number of callers; `sizes` are those numbers."""
    sizes = options.choose_sizes(full=(1, 16, 64, 256), quick=(1, 64))
    repeats = options.choose_repeats(full=7, quick=2)
    found: dict[int, list[_Found]] = {size: [] for size in sizes}
    for number in range(repeats):
        for size in sizes:
            progress(
                f"journal_commits: {size} waiting, repeat {number + 1} of {repeats}"
            )
            found[size].append(_measure(size))
    return Report(
        name="journal_commits",
        question=QUESTION,
        setup=(*SETUP, f"{repeats} repeats, the sizes in turn."),
        labels=("waiting at once",),
        rows=tuple(_row(size, found[size]) for size in sizes),
    )


def _row(size: int, found: list[_Found]) -> Row:
    figures = {
        "entries/s": Spread.of(one.rate for one in found),
        "fsync/s": Spread.of(one.syncs for one in found),
        "entries/fsync": Spread.of(one.rate / one.syncs for one in found),
        "CPU us/entry": Spread.of(one.cpu * 1e6 for one in found),
        "bytes/request": Spread.of(one.size_bytes for one in found),
    }
    return Row((str(size),), figures)


def _measure(callers: int) -> _Found:
    # Enough that every caller takes part, and that one measurement takes seconds.
    requests = min(4000, 100 * callers)
    with TemporaryDirectory() as folder:
        syncs = _syncs_per_second(Path(folder) / "plain")
        path = Path(folder) / "journal.sqlite"
        wall, cpu = asyncio.run(_fill(path, callers, requests))
        size = path.stat().st_size
    entries = requests * _ENTRIES
    return _Found(entries / wall, cpu / entries, syncs, size / requests)


def _syncs_per_second(path: Path) -> float:
    with path.open("wb", buffering=0) as file:
        began = time.perf_counter()
        for _ in range(_SYNCS):
            file.write(b"x" * 200)
            os.fsync(file.fileno())
        return _SYNCS / (time.perf_counter() - began)


async def _fill(path: Path, callers: int, requests: int) -> tuple[float, float]:
    """Return the seconds of wall time and of CPU that the entries took."""
    journal = await open_journal(path, delay=0.0)
    try:
        numbers = iter(range(requests))
        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(_caller(journal, numbers) for _ in range(callers)))
        return time.perf_counter() - wall, time.process_time() - cpu
    finally:
        await journal.aclose()


async def _caller(journal: SqliteJournal, numbers: Iterator[int]) -> None:
    for number in numbers:
        key = f"line-{number:07}"
        request = {"model": "z-image", "input": {"prompt": _PROMPT, "seed": number}}
        stem = f"{number:07}-a-cafe-terrace-in-paris"
        row = JournalRow(
            key=key, line=number, model="z-image", request=request, stem=stem
        )
        await journal.sending(row, time.time())
        await journal.accepted(key, f"{number:032}", time.time())
        journal.succeeded_nowait(key, _RECORD, time.time())
        file = File(name=f"{stem}.png", size_bytes=1_234_567, sha256="0" * 64)
        await journal.saved(key, [file], time.time())
