"""`batch --resolve`: what a person found in the service's console."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from liangxin_async.cli._batch_resolve import pairs_of
from liangxin_async.cli._errors import UsageError
from liangxin_async.emulator import Emulator
from tests.cli.batch_tools import most_paid, states_in, told, write_lines
from tests.cli.conftest import Run

Use = Callable[..., AbstractContextManager[Emulator]]
LOST = {"route": "create", "kind": "cut_length", "nth": 1}


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_batch_resolve_takes_a_doubt_home(
    run: Run, use: Use, here: Path, more: tuple[str, ...]
) -> None:
    """The closing words say how, and the next run saves it without paying again."""
    line = ("batch", write_lines(here, 1), "-o", "out", "--no-gallery")
    with use(faults=[LOST]) as emulator:
        first = run(*line)
        (task,) = emulator.tasks
        given = ("--resolve", f"k0={task.task_id}")
        done = run("batch", "-o", "out", *given, *more)
        assert states_in(here / "out") == {"accepted": 1}
        assert run(*line).code == 0
        assert most_paid(emulator) == 1
    assert first.code == 7
    assert "liangxin batch -o out --resolve KEY=TASK_ID" in first.err
    assert done.code == 0
    if more:
        (event,) = told(done.out, "resolved")
        assert (event["key"], event["task_id"]) == ("k0", task.task_id)
    else:
        assert done.out.startswith(f"line 1 (k0) is task {task.task_id}: ")
        assert "liangxin batch -o out --collect" in done.err
    assert states_in(here / "out") == {"saved": 1}


def test_batch_resolve_of_what_is_not_in_doubt(run: Run, use: Use, here: Path) -> None:
    """The journal's own code, and nothing is asked."""
    with use() as emulator:
        line = ("batch", write_lines(here, 1), "-o", "out", "--no-gallery")
        assert run(*line).code == 0
        asked = emulator.ledger.requests.copy()
        done = run("batch", "-o", "out", "--resolve", "k0=t", "--resolve", "k7=t2")
        assert emulator.ledger.requests == asked
    assert done.code == 9
    assert "'k0' is saved; only what is in doubt takes a task id" in done.err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["-o", "o", "--resolve", "k"], "not of the form KEY=TASK_ID"),
        (["-o", "o", "--resolve", "k="], "not of the form KEY=TASK_ID"),
        (["f.txt", "-o", "o", "--resolve", "k=t"], "no FILE"),
        (["-o", "o", "--collect", "--resolve", "k=t"], "does nothing else"),
        (["--resolve", "k=t"], "-o DIR is missing"),
    ],
)
def test_batch_resolve_line_that_cannot_be_meant(
    run: Run, here: Path, line: list[str], words: str
) -> None:
    """One sentence and 2."""
    done = run("batch", *line)
    assert done.code == 2
    assert words in done.err
    assert not list(here.iterdir())


def test_pairs_of_keys_with_any_sign() -> None:
    """The last `=` counts: an id holds none. A key comes once."""
    assert pairs_of(["a=b=t1", "c = t2 "]) == {"a=b": "t1", "c ": "t2"}
    with pytest.raises(UsageError, match="given twice"):
        pairs_of(["a=t1", "a=t2"])
