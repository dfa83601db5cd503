"""How a batch is ended from outside: signals, kill -9, pipes; and how it goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from liangxin_async.cli import _session
from liangxin_async.emulator import Emulator
from tests.cli.batch_tools import (
    lines_of_json,
    most_paid,
    play,
    rows_in,
    states_in,
    told,
    write_lines,
)
from tests.cli.conftest import CANARY, Run, Start

Use = Callable[..., AbstractContextManager[Emulator]]
LONG = 30  # seconds, far above what any of this takes


def until(process: subprocess.Popen[str], event: str, count: int = 1) -> dict[str, Any]:
    """Read stdout until an event came `count` times; return the last one."""
    assert process.stdout is not None
    for line in process.stdout:
        found: dict[str, Any] = json.loads(line)
        count -= found["event"] == event
        if not count:
            return found
    raise AssertionError(f"no {event!r} in time")


def until_accepted(emulator: Emulator, count: int, process: Any) -> None:
    """Wait until the service has taken so many creates."""
    while emulator.ledger.accepted_total < count:
        assert process.poll() is None


def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What the process printed until its end."""
    out, err = process.communicate(timeout=LONG)
    assert "Traceback" not in err
    assert "Warning" not in err
    assert CANARY not in out + err
    return out, err


@contextmanager
def signalled(when: Callable[[], Any], *numbers: int) -> Iterator[None]:
    """Send signals to this process, from a thread, as soon as `when` says so.

    Two that wait at the same time are delivered in the order of their numbers.
    """
    over = threading.Event()

    def send() -> None:
        while not when():
            if over.wait(0.005):
                return
        for number in numbers:
            os.kill(os.getpid(), number)
            over.wait(0.05)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_batch_first_signal_brings_home_what_is_paid_for(
    run: Run, use: Use, here: Path, number: int, code: int
) -> None:
    """Nothing new is sent, all that was accepted is saved, and the rest comes later."""
    name = write_lines(here, 20)
    limit = [{"kind": "in_flight", "limit": 4}]
    with use(duration=0.5, capacity=limit) as emulator:
        with signalled(lambda: emulator.ledger.accepted_total >= 4, number):
            done = run("batch", name, "-o", "out")
        paid = emulator.ledger.accepted_total
        assert states_in(here / "out")["saved"] == paid < 20
        play(emulator)
        assert run("batch", name, "-o", "out", "--no-gallery").code == 0
        assert (emulator.ledger.accepted_total, most_paid(emulator)) == (20, 1)
    assert done.code == code
    assert "stopping: nothing new is sent; " in done.err
    again = "to go on, without making anything twice: liangxin batch p.jsonl"
    assert again in done.err
    assert "to fetch" not in done.err
    assert f"{paid} requests saved in out" in done.out


def test_batch_second_signal_leaves_at_once(run: Run, use: Use, here: Path) -> None:
    """The journal knows every task that was paid for; --collect fetches them."""
    name = write_lines(here, 6)
    twice = (signal.SIGINT, signal.SIGTERM)
    with use(duration=60) as emulator:
        with signalled(lambda: emulator.ledger.accepted_total >= 3, *twice):
            done = run("batch", name, "-o", "out", "--max-in-flight", "3")
        assert emulator.ledger.posts == 3
        known = {row.task_id for row in rows_in(here / "out").values()}
        assert known == {task.task_id for task in emulator.tasks}
        late = run("batch", "--collect", "-o", "out", "--timeout", "0.3")
        assert emulator.ledger.posts == 3
    assert (done.code, late.code) == (130, 6)
    assert "to be fetched     3, accepted and not saved yet" in done.out
    assert "make nothing new: liangxin batch -o out --collect" in done.err
    assert states_in(here / "out") == {"accepted": 3}


def test_batch_second_signal_waits_for_a_create_under_way(
    run: Run, use: Use, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task id of a create that has left is written down before the end."""
    monkeypatch.setattr(_session, "_LEAVING", LONG)
    slow = {"route": "create", "kind": "delay", "params": {"seconds": 0.5}}
    twice = (signal.SIGINT, signal.SIGTERM)
    with use(duration=60, faults=[slow]) as emulator:
        with signalled(lambda: emulator.ledger.posts, *twice):
            done = run("batch", write_lines(here, 1), "-o", "out", "--json")
        (task,) = emulator.tasks
    assert rows_in(here / "out")["k0"].task_id == task.task_id
    assert done.err.splitlines()[-1].startswith("leaving; ")
    (summary,) = told(done.out, "summary")
    assert (summary["signal"], summary["exit_code"]) == ("SIGINT", 130)
    assert summary["states"]["accepted"] == 1
    assert any("--collect" in line for line in summary["next"])


def test_batch_second_signal_leaves_a_create_that_hangs(
    start: Start, use: Use, here: Path
) -> None:
    """It is left in doubt, and the session's grace periods are not waited for."""
    with use(faults=[{"route": "create", "kind": "hang"}]) as emulator:
        process = start("batch", write_lines(here, 1), "-o", "out", "--json")
        while not emulator.ledger.posts:
            assert process.poll() is None
        assert process.stderr is not None
        for words in ("stopping: nothing", "leaving; "):
            process.send_signal(signal.SIGINT)
            while not process.stderr.readline().startswith(words):
                assert process.poll() is None
        process.wait(LONG)
        assert process.stdout is not None
        (summary,) = told(process.stdout.read(), "summary")
    assert process.returncode == summary["exit_code"] == 130
    assert summary["states"]["in doubt"] == 1


def test_batch_killed_goes_on_and_pays_for_nothing_twice(
    start: Start, run: Run, use: Use, here: Path
) -> None:
    """After kill -9 every request is saved or named as in doubt, none made twice."""
    name = write_lines(here, 30)
    with use(duration=0.2) as emulator:
        process = start("batch", name, "-o", "out", "--json")
        until(process, "item", 3)
        process.kill()
        process.wait(LONG)
        done = run("batch", name, "-o", "out", "--no-gallery", "--json")
        assert most_paid(emulator) == 1
        assert emulator.ledger.posts <= 30
    states = states_in(here / "out")
    assert states["saved"] + states["in doubt"] == 30
    assert done.code == (7 if states["in doubt"] else 0)
    assert len(told(done.out, "in_doubt")) == states["in doubt"]
    (began,) = told(done.out, "started")
    assert began["earlier"]["saved"] >= 3


def test_batch_slow_pipe_blocks_nothing(start: Start, use: Use, here: Path) -> None:
    """A line is made and saved while the pipe is silent, and the next one later."""
    with use():
        process = start(
            *("batch", "-", "--form", "jsonl", "-o", "out", "--json"),
            stdin=subprocess.PIPE,
        )
        assert process.stdin is not None
        for number in range(2):
            process.stdin.write(lines_of_json(1, first=number))
            process.stdin.flush()
            item = until(process, "item")
            assert (item["key"], item["state"]) == (f"k{number}", "saved")
        process.stdin.close()
        process.stdin = None
        ended(process)
    assert process.returncode == 0
    assert (here / "out/index.html").exists()


def test_batch_silent_pipe_keeps_nobody(start: Start, use: Use, here: Path) -> None:
    """Ctrl-C ends a run that waits for its input, whatever the pipe does."""
    with use():
        process = start(
            *("batch", "-", "--form", "jsonl", "-o", "out", "--json"),
            stdin=subprocess.PIPE,
        )
        assert process.stdin is not None
        process.stdin.write(lines_of_json(1))
        process.stdin.flush()
        until(process, "item")
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        last = process.stdout.read().splitlines()[-1]
        process.wait(LONG)
    assert process.returncode == json.loads(last)["exit_code"] == 130


def test_batch_reader_that_goes_away(
    start: Start, run: Run, use: Use, here: Path
) -> None:
    """A closed pipe gives 141, and nothing that was paid for is lost."""
    name = write_lines(here, 5)
    with use(duration=0.5) as emulator:
        process = start("batch", name, "-o", "out", "--json")
        assert process.stdout is not None
        process.stdout.readline()
        until_accepted(emulator, 1, process)
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate(timeout=LONG)
        assert process.returncode == 141
        assert "to go on: liangxin batch p.jsonl -o out --json" in err
        assert run("batch", name, "-o", "out", "--no-gallery").code == 0
        assert (emulator.ledger.accepted_total, most_paid(emulator)) == (5, 1)


def _takes_little() -> None:
    """Let no file of this process grow beyond 300 kB, as on a disk that is full."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
def test_batch_disk_that_is_full(start: Start, run: Run, use: Use, here: Path) -> None:
    """A journal that takes no more ends it with 9; later it goes on, paying once."""
    name = write_lines(here, 200)
    with use(duration=0.1) as emulator:
        process = start("batch", name, "-o", "out", preexec_fn=_takes_little)
        _, err = ended(process)
        paid = emulator.ledger.accepted_total
        assert 0 < paid < 200
        later = run("batch", name, "-o", "out", "--no-gallery")
        assert most_paid(emulator) == 1
        states = states_in(here / "out")
    assert process.returncode == 9
    assert err.count("  liangxin wait task_") <= states["in doubt"]
    assert "to go on, without making anything twice: liangxin batch" in err
    assert states["saved"] + states["in doubt"] == 200
    assert later.code == (7 if states["in doubt"] else 0)
