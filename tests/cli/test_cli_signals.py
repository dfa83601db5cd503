"""What signals do to a command's work, without a service."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from liangxin_async.cli import _session
from liangxin_async.cli._errors import StoppedError
from liangxin_async.cli._out import Out
from liangxin_async.cli._watch import Watch


async def stubborn(waits: int, on_wait: list[int]) -> None:
    """Go from one wait to the next, as closing does, however often it is cancelled."""
    for number in range(waits):
        on_wait.append(number)
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            if number == waits - 1:
                raise


def send(*numbers: int) -> None:
    """Have the running loop get signals, one after the other."""
    loop = asyncio.get_running_loop()
    for place, number in enumerate(numbers):
        loop.call_later(0.01 * place, os.kill, os.getpid(), number)


def test_second_signal_insists_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one only lets the work finish; after the second no further one is
    needed, whatever the work waits for."""
    monkeypatch.setattr(_session, "_LEAVING", 0.05)
    heard: list[int] = []
    waits: list[int] = []

    async def work() -> None:
        send(signal.SIGTERM, signal.SIGINT)
        await stubborn(4, waits)

    with pytest.raises(StoppedError) as stopped:
        _session.run(work, Watch(), Out(), heard.append)
    assert heard == [signal.SIGTERM]
    assert stopped.value.signal is signal.SIGTERM
    assert waits == [0, 1, 2, 3]


def test_second_signal_lets_an_orderly_end_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that ends in time is cancelled once, so that its journal closes."""
    monkeypatch.setattr(_session, "_LEAVING", 3600.0)
    closed: list[bool] = []

    async def work() -> None:
        send(signal.SIGINT, signal.SIGINT)
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.02)
            closed.append(True)

    with pytest.raises(StoppedError):
        _session.run(work, Watch(), Out(), lambda _: None)
    assert closed == [True]


def test_first_signal_cancels_work_that_cannot_finish() -> None:
    """And the second one insists: as `generate` has it."""
    waits: list[int] = []

    async def work() -> None:
        send(signal.SIGINT, signal.SIGINT)
        await stubborn(3, waits)

    with pytest.raises(StoppedError):
        _session.run(work, Watch(), Out())
    assert waits == [0, 1, 2]
