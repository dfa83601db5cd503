"""A run with every trouble and a kill: each tile of its page is right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from liangxin_async.bulk import Row, RowState
from liangxin_async.cli._gallery import make_gallery
from liangxin_async.emulator import (
    Emulator,
    Failure,
    Fault,
    InFlight,
    RandomRefusal,
    Scenario,
    Uniform,
)
from liangxin_async.emulator._tasks import Task
from tests.bulk.crash_tools import (
    by_state,
    check_files,
    check_over,
    check_rowed,
    children,
    counts_of,
    rows_in,
)
from tests.bulk.gallery_rows import items_of

pytestmark = pytest.mark.anyio

PROMPTS = [
    f'{number}: a {"rejected" if number % 25 == 3 else "quiet"} <b>cat</b> & "{number}"'
    for number in range(300)
]
SCENARIO = Scenario(
    seed=11,
    duration=Uniform(0.02, 0.2),
    capacity=(InFlight(40), RandomRefusal(0.05)),
    failures=(Failure(match="rejected", code="E7", message="not <this> one"),),
    faults=(
        Fault(route="create", kind="reset_after_body", nth=(40, 41)),
        Fault(route="create", kind="reset_after_body", nth=240, accept=False),
        Fault(route="file", kind="cut_chunked", each=True, nth=1, share=0.2),
        Fault(route="file", kind="expired", each=True, nth=2, share=0.2),
        Fault(route="query", kind="close_silently", share=0.03),
    ),
    longest_side=32,
)


async def check_tile(
    item: dict[str, Any], row: Row, tasks: list[Task], folder: Path, service: Service
) -> None:
    """What a tile says is what was asked for, what became of it, and what was paid."""
    number = PROMPTS.index(row.key)
    assert (item["prompt"], item["seed"]) == (row.key, str(number))
    assert item["state"] == row.state.value
    if row.state is RowState.IN_DOUBT:
        assert len(tasks) <= 1
        assert "task" not in item
        assert "files" not in item
        return
    (task,) = tasks
    assert (item["task"], task.seed) == (task.task_id, number)
    if row.state is RowState.FAILED:
        assert task.failure is not None
        assert "not <this> one" in item["error"]
        assert "E7" in item["error"]
        assert (item["type"], "files" in item) == ("TaskFailedError", False)
        return
    assert task.failure is None
    assert "error" not in item
    (shown,), (kept,) = item["files"], row.files
    assert (shown["name"], shown["size"]) == (kept.name, kept.size_bytes)
    assert "problem" not in shown
    picture = (folder / kept.name).read_bytes()
    assert picture == await service.get(task.paths[0]), "the picture of another task"


class Service:
    """Gives the true bytes of a result file."""

    def __init__(self, base_url: str, http: aiohttp.ClientSession) -> None:
        self._base_url = base_url
        self._http = http

    async def get(self, path: str) -> bytes:
        async with self._http.get(self._base_url + path) as reply:
            assert reply.status == 200
            return await reply.read()


async def check_page(folder: Path, rows: dict[str, Row], emulator: Emulator) -> None:
    """Page, manifest, journal and the service's books say the same of every request."""
    page, sheet = await make_gallery(folder)
    assert sheet is not None
    tiles = {item["key"]: item for item in items_of(page.read_text("utf-8"))}
    manifest = (folder / "manifest.jsonl").read_text("utf-8").splitlines()
    listed = {line["key"]: line for line in map(json.loads, manifest)}
    assert list(tiles) == list(listed) == list(rows)
    tasks: dict[str, list[Task]] = {prompt: [] for prompt in PROMPTS}
    for task in emulator.tasks:
        tasks[task.prompt].append(task)
    async with aiohttp.ClientSession() as http:
        service = Service(emulator.base_url, http)
        for key, row in rows.items():
            await check_tile(tiles[key], row, tasks[key], folder, service)
            line = listed[key]
            assert (line["state"], line["task_id"]) == (row.state.value, row.task_id)
            assert line["request"]["input"]["prompt"] == key
            assert [file["sha256"] for file in line["files"]] == [
                file.sha256 for file in row.files
            ]


async def test_page_of_a_run_with_every_trouble_is_right_in_every_tile(
    tmp_path: Path,
) -> None:
    """300 pictures with 429s, failures, cut and expired downloads, lost answers,
    dropped queries, and one SIGKILL; then made again where it was in doubt."""
    out, rejected = tmp_path / "out", {p for p in PROMPTS if "rejected" in p}
    async with Emulator(SCENARIO) as emulator, children(tmp_path / "child") as child:
        ledger = emulator.ledger
        killed = await child.run(emulator, out, PROMPTS, die_at=("after saved", 120))
        assert killed.killed
        ended = await child.run(emulator, out, PROMPTS)
        check_rowed(await rows_in(out), ledger.received_by_prompt)
        paid = counts_of(ledger.accepted_by_prompt, PROMPTS)
        rows = await check_over(out, PROMPTS, paid, ended)
        assert by_state(rows, RowState.FAILED) == rejected - by_state(
            rows, RowState.IN_DOUBT
        )
        assert len(by_state(rows, RowState.IN_DOUBT)) >= 2
        assert ledger.refused["saturated"]
        assert ledger.faults["cut_chunked"]
        assert ledger.faults["expired"]
        await emulator.play(Scenario(failures=SCENARIO.failures, longest_side=32))
        await check_page(out, rows, emulator)

        await child.run(emulator, out, PROMPTS, resubmit_unknown=True)
        rows = await rows_in(out)
        assert by_state(rows, RowState.FAILED) == rejected
        assert by_state(rows, RowState.SAVED) == set(PROMPTS) - rejected
        (out / "contact-sheet.jpg").unlink()
        check_files(out, rows, killed=True)
        posts = ledger.posts
        await child.run(emulator, out, PROMPTS, resubmit_unknown=True)
        assert ledger.posts == posts, "a finished run costs nothing"
