"""How a batch is watched: on a terminal, in a log, by a program."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from liangxin_async.cli import _batch_work
from liangxin_async.emulator import Emulator
from tests.cli.batch_tools import told, write_lines
from tests.cli.conftest import Run
from tests.cli.terminal import BLOCK_RICH, on_a_terminal, plain

Use = Callable[..., AbstractContextManager[Emulator]]

# A service with few places, of which one request in thirty fails.
BUSY = {
    "duration": 0.3,
    "capacity": [{"kind": "in_flight", "limit": 6}],
    "failures": [{"match": "cat 3", "message": "no cats"}],
}
ASK_OFTEN = """
from functools import partial
from liangxin_async import Polling
from liangxin_async.cli import _session
often = Polling(first=0.05, floor=0.02)
_session.Session = partial(_session.Session, polling=often)
"""
WATCHED = (
    r"\d+ of 30 done",
    r"in flight [1-9]",
    r"waiting [1-9]\d*",
    r"failed 1\b",
    r"refused \(429\) [1-9]",
    r"about [\d.]+ s left",
    r"[1-9]\d* a minute",
    r"[1-9]\d* files, [\d.]+ kB",
    r"model +saved +in flight +limit +refused",
    r"z-image +[1-9]\d* +[1-9]\d* +[1-9]\d* +[1-9]",
)


def test_batch_on_a_terminal_shows_how_it_stands(use: Use, here: Path) -> None:
    """Drawn in place while it runs, with every figure; the last picture stays, and
    notes stand above it."""
    name = write_lines(here, 30)
    with use(**BUSY):
        argv = ("batch", name, "-o", "out", "--no-gallery")
        shown, out = on_a_terminal(*argv, before=ASK_OFTEN, code=5)
    assert "\x1b[" in shown
    seen = plain(shown)
    for words in WATCHED:
        assert re.search(words, seen), words
    assert re.search(r"failed: line 4 \(k3\): task '[^']+' failed: no cats", seen)
    last = seen[seen.rindex("of 30 done") - 3 :]
    assert last.startswith("30 of 30 done")
    assert re.search(r"z-image +29 +0 +\d+ +\d+", last)
    assert "left" not in last
    assert out.startswith("29 requests saved in out")


@pytest.mark.parametrize("columns", [40, 200])
def test_batch_on_a_terminal_of_any_width(use: Use, here: Path, columns: int) -> None:
    """Nothing that is drawn is wider than the screen."""
    with use(**BUSY):
        argv = ("batch", write_lines(here, 3), "-o", "out", "--no-gallery")
        shown, _ = on_a_terminal(*argv, before=ASK_OFTEN, columns=columns)
    drawn = [plain(line) for line in re.split(r"[\r\n]+", shown)]
    assert any("3 of 3 done" in line for line in drawn)
    assert max(map(len, drawn)) <= columns


def test_batch_on_a_terminal_without_rich_writes_lines(use: Use, here: Path) -> None:
    """The same figures as in a log, and nothing is moved."""
    with use(**BUSY):
        argv = ("batch", write_lines(here, 3), "-o", "out", "--no-gallery")
        shown, out = on_a_terminal(*argv, before=BLOCK_RICH + ASK_OFTEN)
    assert "\x1b" not in shown
    assert re.search(r"^batch: \d of 3 done; ", shown, re.MULTILINE)
    assert out.startswith("3 requests saved in out")


def test_batch_without_a_terminal_writes_lines(
    run: Run, use: Use, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line now and then on stderr, with what there is to know."""
    monkeypatch.setattr(_batch_work, "_LINES", 0.2)
    with use(**BUSY):
        done = run("batch", write_lines(here, 30), "-o", "out", "--no-gallery")
    lines = [line for line in done.err.splitlines() if line.startswith("batch: ")]
    assert len(lines) >= 2
    for words in (
        *("of 30 done; ", "in flight", "waiting", "refused (429)", "a minute", " left"),
        *("kB", "limits: z-image "),
    ):
        assert any(words in line for line in lines), words


def test_batch_json_tells_how_it_stands(
    run: Run, use: Use, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events with the same figures, as numbers."""
    monkeypatch.setattr(_batch_work, "_EVENTS", 0.1)
    with use(**BUSY):
        name = write_lines(here, 30)
        done = run("batch", name, "-o", "out", "--no-gallery", "--json")
    events = told(done.out, "progress")
    assert len(events) >= 2
    middle = next(event for event in events if event["done"])
    assert middle["total"] == 30
    assert middle["done"] + middle["in_flight"] + middle["waiting"] == 30
    assert middle["limits"]["z-image"] >= 1
    assert middle["per_minute"] > 0
    assert middle["seconds_left"] is not None
    assert any(event["refused"] for event in events)
    (summary,) = told(done.out, "summary")
    assert (summary["saved"], summary["failed"], summary["files"]) == (29, 1, 29)
    assert summary["bytes"] > 0
