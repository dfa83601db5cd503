"""The README is true: its Python blocks run, and its commands are those of the gate."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from liangxin_async.emulator import Emulator, Fixed, Scenario

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def service() -> Iterator[Emulator]:
    """An emulator in a thread of its own, so that the blocks can be processes."""
    ready = threading.Event()
    running: list[tuple[Emulator, asyncio.Event, asyncio.AbstractEventLoop]] = []

    async def play() -> None:
        async with Emulator(scenario=Scenario(duration=Fixed(0.1))) as emulator:
            stop = asyncio.Event()
            running.append((emulator, stop, asyncio.get_running_loop()))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(play(),))
    thread.start()
    assert ready.wait(10)
    emulator, stop, loop = running[0]
    try:
        yield emulator
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_readme_block_runs(block: str, service: Emulator, tmp_path: Path) -> None:
    """Each Python block is a program that ends well against the emulator."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block],
        cwd=tmp_path,
        env={
            **os.environ,
            "LIANGXIN_API_KEY": service.api_key,
            "LIANGXIN_BASE_URL": service.base_url,
            "EVOLINK_API_KEY": service.api_key,
            "EVOLINK_BASE_URL": service.base_url,
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    if "download" in block:
        assert list(tmp_path.rglob("*.png"))


def test_readme_has_a_runnable_example_early() -> None:
    """A complete example ends before line 35."""
    first = README.index("```python")
    end = README.index("```", first + 3)
    assert README[:end].count("\n") < 35
    assert "asyncio.run(main())" in README[first:end]


@pytest.mark.parametrize("name", ["demo-command", "test-command"])
def test_readme_command_is_one_line_that_sets_itself_up(name: str) -> None:
    """What the gate executes is there, once, and needs neither PATH nor activation."""
    match = re.search(rf"<!-- {name} -->\n```sh\n(.*)\n```", README)
    assert match is not None
    assert match[1].startswith("python3 -m venv .venv && .venv/bin/python -m pip ")
    assert "\n" not in match[1]
    assert (ROOT / ".ci" / "run").read_text().count(f"readme_command {name}") == 1
