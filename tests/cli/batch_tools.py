"""What the tests of `batch` share: inputs, what a journal holds, and events."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

from liangxin_async.bulk import Row, read_journal
from liangxin_async.emulator import Emulator


def lines_of_json(count: int, *, first: int = 0, model: str = "z-image") -> str:
    """JSONL of `count` requests with keys and prompts of their own."""
    numbers = range(first, first + count)
    return "".join(
        json.dumps({"key": f"k{n}", "model": model, "input": {"prompt": f"cat {n}"}})
        + "\n"
        for n in numbers
    )


def write_lines(here: Path, count: int, *bad: str, name: str = "p.jsonl") -> str:
    """Write such a file, with more lines behind them; return its name."""
    (here / name).write_text(lines_of_json(count) + "".join(f"{b}\n" for b in bad))
    return name


def rows_in(folder: Path) -> dict[str, Row]:
    """The rows of a folder's journal, by key."""

    async def read() -> dict[str, Row]:
        async with await read_journal(folder / "journal.sqlite") as journal:
            return {row.key: row async for row in journal.rows()}

    return asyncio.run(read())


def states_in(folder: Path) -> Counter[str]:
    """How many rows are in each state."""
    return Counter(row.state.value for row in rows_in(folder).values())


def events(printed: str) -> list[dict[str, Any]]:
    """Every line of stdout, each of which must be JSON."""
    return [json.loads(line) for line in printed.splitlines()]


def told(printed: str, event: str) -> list[dict[str, Any]]:
    """The events of one sort."""
    return [found for found in events(printed) if found["event"] == event]


def play(emulator: Emulator, **scenario: object) -> None:
    """Let the service behave in another way from now on; tasks and books stay."""
    body = json.dumps({"duration": 0.05, **scenario}).encode()
    url = f"{emulator.base_url}/emulator/scenario"
    with urllib.request.urlopen(urllib.request.Request(url, body)) as answer:
        assert json.load(answer) == {"ok": True}


def most_paid(emulator: Emulator) -> int:
    """How often the prompt that was paid for most often was paid for."""
    return max(emulator.ledger.accepted_by_prompt.values())
