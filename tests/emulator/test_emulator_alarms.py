"""Calls at instants of a clock that does what it likes."""

from __future__ import annotations

import pytest

from liangxin_async.emulator._alarms import Alarms
from tests.emulator.caller import Clock, until

pytestmark = pytest.mark.anyio


async def test_alarms_ring_in_order_and_once() -> None:
    """Whatever the clock does, each rings once its instant is shown, in order."""
    clock, rung = Clock(0.0), list[str]()
    alarms = Alarms(clock, is_loop_clock=False)
    for instant, name in ((3, "c"), (1, "a"), (2, "b"), (9, "z")):
        alarms.at(instant, lambda name=name: rung.append(name))
    alarms.at(2, lambda: rung.append("never")).cancel()
    clock.now = 5
    await until(lambda: len(rung) == 3)
    assert rung == ["a", "b", "c"]
    assert alarms.next_at == 9
    alarms.stop()
    assert alarms.next_at is None
    assert alarms._timer is None


async def test_alarm_may_drop_another_that_is_due() -> None:
    """One that is cancelled in the same moment does not ring."""
    clock, rung = Clock(0.0), list[str]()
    alarms = Alarms(clock, is_loop_clock=False)
    alarms.at(1, lambda: second.cancel())
    second = alarms.at(1, lambda: rung.append("second"))
    alarms.at(2, lambda: rung.append("third"))
    clock.now = 2
    await until(lambda: rung)
    assert rung == ["third"]
