"""A batch whose service cannot be reached: how it ends, and what it says."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from liangxin_async import _submit
from liangxin_async._core.backoff import Backoff
from tests.cli.batch_tools import states_in, told, write_lines
from tests.cli.conftest import CANARY, Run

COUNT = 2000


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch, here: Path) -> str:
    """An input, and an address where nobody listens; creates do not wait long."""
    monkeypatch.setattr(_submit, "RETRY", Backoff(0.001, 0.001))
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    monkeypatch.setenv("LIANGXIN_BASE_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("LIANGXIN_API_KEY", CANARY)
    return write_lines(here, COUNT)


def test_batch_without_a_connection_stops_and_says_how_to_go_on(
    run: Run, unreachable: str, here: Path
) -> None:
    """Code 8, and most of the file is not even begun."""
    done = run("batch", unreachable, "-o", "out", "--max-in-flight", "4")
    assert done.code == 8
    assert "8 requests in a row found no connection" in done.err
    assert "to go on, without making anything twice: liangxin batch" in done.err
    assert "creates accepted  0 in this run" in done.out
    states = states_in(here / "out")
    assert 8 <= states["not sent"] == states.total() < 30


def test_batch_does_not_call_done_what_was_never_sent(
    run: Run, unreachable: str
) -> None:
    """Not in the figures for machines, and not in the rate."""
    done = run("batch", unreachable, "-o", "o", "--max-in-flight", "4", "--json")
    (summary,) = told(done.out, "summary")
    assert (summary["done"], summary["per_minute"]) == (0, 0)
    assert summary["not_sent"] >= 8
    assert summary["exit_code"] == done.code == 8
    assert summary["error"]["charged"] == "no"
