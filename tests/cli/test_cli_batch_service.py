"""A folder whose open tasks were made at another service, or at another address."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from liangxin_async.emulator import Emulator
from tests.cli.batch_tools import rows_in, told, write_lines
from tests.cli.conftest import Run

Use = Callable[..., AbstractContextManager[Emulator]]


@pytest.fixture
def before(run: Run, use: Use, here: Path) -> str:
    """Leave an accepted row in `out`; return the address that it was made at."""
    line = ("batch", write_lines(here, 1), "-o", "out", "--no-gallery")
    with use(duration=600) as emulator:
        assert run(*line, "--timeout", "0.5").code == 6
        return emulator.base_url


@pytest.mark.parametrize("file", [(), ("p.jsonl",)])
def test_batch_into_a_folder_of_another_address(
    run: Run, use: Use, here: Path, before: str, file: tuple[str, ...]
) -> None:
    """`--collect` as little as a run asks anything, or writes anything down."""
    rows = rows_in(here / "out")
    with use() as emulator:
        done = run("batch", *file, "-o", "out", *(() if file else ("--collect",)))
        assert not emulator.ledger.requests
    assert done.code == 2
    assert f"1 open task of liangxin at {before}" in done.err
    assert rows_in(here / "out") == rows


def test_batch_check_of_a_folder_of_another_address(
    run: Run, use: Use, here: Path, before: str
) -> None:
    """It says so beside the counts, and asks nobody."""
    line = ("batch", "p.jsonl", "-o", "out", "--check")
    with use() as emulator:
        done, as_json = run(*line), run(*line, "--json")
        fits = run(*line, "--base-url", before)
        assert not emulator.ledger.requests
    assert (done.code, as_json.code) == (2, 2)
    assert "next run into out: 1 to be fetched" in done.out
    assert (
        f"the next run would end at once: 'out' holds 1 open task of liangxin at {before}, "
        in done.err
    )
    (event,) = told(as_json.out, "checked")
    assert before in event["conflict"]
    assert (fits.code, fits.err) == (0, "")


def test_batch_check_of_a_folder_without_an_address(
    run: Run, here: Path, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no address is set, nobody can tell where the next run would go."""
    monkeypatch.delenv("LIANGXIN_BASE_URL")
    line = ("batch", "p.jsonl", "-o", "out", "--check")
    done, as_json = run(*line), run(*line, "--json")
    assert (done.code, done.err) == (0, "")
    (event,) = told(as_json.out, "checked")
    assert event["conflict"] is None
    wrong = run(*line, "--base-url", "ftp://host.example")
    assert wrong.code == 2
    assert "base_url: got 'ftp://host.example'" in wrong.err


def test_batch_check_of_a_callback_to_this_machine(run: Run, here: Path) -> None:
    """A service elsewhere cannot call it; one on this machine can."""
    (here / "p.jsonl").write_text('{"prompt": "x", "callback_url": "http://[::1]:1/x"}')
    line = ("batch", "p.jsonl", "--model", "z-image", "--check")
    for where in ([], ["--base-url", "https://host.example"]):
        done = run(*line, *where)
        assert done.code == 2
        assert "line 1: callBackUrl: got 'http://[::1]/…'; " in done.err
    assert run(*line, "--base-url", "http://127.0.0.1:9").code == 0
