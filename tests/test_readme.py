"""The README is true: its Python blocks run, and its commands are those of the gate."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from liangxin_async.emulator import Fixed, Scenario
from liangxin_async.testing import EmulatorThread

from .readme import BLOCKS, README, RECIPES, ROOT


@pytest.fixture(scope="module")
def service() -> Iterator[EmulatorThread]:
    """An emulator in a thread of its own, so that the blocks can be processes."""
    with EmulatorThread(Scenario(duration=Fixed(0.1))) as emulator:
        yield emulator


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_readme_block_runs(block: str, service: EmulatorThread, tmp_path: Path) -> None:
    """Each Python block is a program that ends well against the emulator."""
    with socket.create_server(("127.0.0.1", 0)) as unused:  # tests run side by side
        block = block.replace("port = 8000\n", f"port = {unused.getsockname()[1]}\n")
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
    # asyncio's debug mode complains of slow steps: on a busy machine, any step is one.
    slow = ("Executing <Task", "Executing <Handle", "Executing <TimerHandle")
    assert [ln for ln in done.stderr.splitlines() if not ln.startswith(slow)] == []
    if "await session.download" in block:
        assert list(tmp_path.rglob("*.png"))


def test_readme_recipes_are_all_tested() -> None:
    """Every block is a program or a recipe, and every recipe is started by a test."""
    assert README.count("```python\n") == len(BLOCKS) + len(RECIPES)
    sources = (ROOT / "tests" / "recipes").glob("*.py")
    tests = "".join(path.read_text(encoding="utf-8") for path in sources)
    assert [name for name in RECIPES if f'"{name}"' not in tests] == []


def test_readme_has_a_runnable_example_early() -> None:
    """A complete example, which needs no key, ends before line 35."""
    first = README.index("```python")
    end = README.index("```", first + 3)
    assert README[:end].count("\n") < 35
    assert "asyncio.run(main())" in README[first:end]
    assert "Session(service.api_key, base_url=service.base_url)" in README[first:end]


def test_readme_links_lead_to_headings() -> None:
    """Each link within the page has its heading, and the table at the top names all."""
    prose = re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#{2,} (.+)$", prose, re.MULTILINE)
    anchors = [
        re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings
    ]
    assert len(set(anchors)) == len(anchors)  # a second one would be called "...-1"
    assert set(re.findall(r"\]\(#([^)]*)\)", prose)) <= set(anchors)
    contents = prose[: prose.index("\n## ")]
    linked = re.findall(r"\]\(#([^)]*)\)", contents)
    assert sorted(linked) == sorted(set(anchors) - {"license"})


@pytest.mark.parametrize("name", ["demo-command", "test-command"])
def test_readme_command_is_one_line_that_sets_itself_up(name: str) -> None:
    """What the gate executes is there, once, and needs neither PATH nor activation."""
    match = re.search(rf"<!-- {name} -->\n```sh\n(.*)\n```", README)
    assert match is not None
    assert match[1].startswith("python3 -m venv .venv && .venv/bin/python -m pip ")
    assert "\n" not in match[1]
    assert (ROOT / ".ci" / "run").read_text().count(f"readme_command {name}") == 1
