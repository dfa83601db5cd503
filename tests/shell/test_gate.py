"""The gate: places are granted in order, counted at once, and never lost."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import anyio
import pytest

from liangxin_async import SessionClosedError
from liangxin_async._core.limit import START
from liangxin_async._gate import Gate, Permit, Ticket

pytestmark = pytest.mark.anyio


def make_gate(max_in_flight: int | None = None) -> Gate:
    return Gate(asyncio.get_running_loop(), max_in_flight)


async def acquire(
    gate: Gate, model: str = "m", priority: int = 0, key: str | None = None
) -> Permit:
    return await gate.acquire(model, ticket=gate.ticket(priority, key))


async def test_gate_at_birth_lets_a_small_burst_go() -> None:
    """The first creates go at once, the next waits for an answer."""
    gate = make_gate()
    permits = [await acquire(gate) for _ in range(int(START))]
    assert gate.in_flight == len(permits)
    with anyio.move_on_after(60) as scope:
        await acquire(gate)
    assert scope.cancelled_caught
    assert gate.waiting == 0


async def test_gate_accept_opens_further_places() -> None:
    """Acceptances raise the limit, so later creates need no release."""
    gate = make_gate()
    for _ in range(200):
        permit = await acquire(gate)
        permit.accept()
    assert gate.in_flight == 200
    assert gate.limits()["m"] >= 200


async def test_gate_refusal_takes_the_permit_back_and_pauses() -> None:
    """After a refusal no permit is held, and one create asks again after a pause."""
    gate = make_gate()
    before = gate.now()
    (await acquire(gate)).refuse()
    assert gate.in_flight == 0
    await acquire(gate)
    assert gate.now() > before


async def test_gate_retry_after_is_obeyed_for_its_model_only() -> None:
    """The lane that was told to wait waits; another one does not."""
    gate = make_gate()
    (await acquire(gate, "slow")).refuse(retry_after=30.0)
    start = gate.now()
    await acquire(gate, "fast")
    assert gate.now() == start
    await acquire(gate, "slow")
    assert gate.now() == pytest.approx(start + 30.0)


async def test_gate_max_in_flight_caps_the_sum_over_models() -> None:
    """The cap holds over all lanes, and a release serves whichever lane waits."""
    gate = make_gate(max_in_flight=2)
    first = await acquire(gate, "a")
    await acquire(gate, "b")
    order: list[str] = []

    async def want(model: str) -> None:
        await acquire(gate, model)
        order.append(model)

    async with anyio.create_task_group() as group:
        group.start_soon(want, "c")
        await anyio.wait_all_tasks_blocked()
        assert (gate.in_flight, gate.waiting) == (2, 1)
        first.accept()
        await anyio.wait_all_tasks_blocked()
        assert not order
        first.release()
    assert order == ["c"]


async def test_gate_priority_goes_first_then_the_older_ticket() -> None:
    """Waiters are served by priority, and in order of arrival within it."""
    gate = make_gate(max_in_flight=1)
    held = await acquire(gate)
    order: list[int] = []

    async def want(name: int, priority: int) -> None:
        permit = await acquire(gate, priority=priority)
        order.append(name)
        permit.forget()

    async with anyio.create_task_group() as group:
        for name, priority in enumerate([0, -1, 0, 5, -1]):
            group.start_soon(want, name, priority)
            await anyio.wait_all_tasks_blocked()
        held.forget()
    assert order == [3, 0, 2, 1, 4]


async def test_gate_kept_ticket_keeps_the_place_in_line() -> None:
    """A refused create comes before those that arrived after it."""
    gate = make_gate(max_in_flight=1)
    order: list[str] = []

    async def want(name: str, ticket: Ticket) -> None:
        permit = await gate.acquire("m", ticket=ticket)
        order.append(name)
        permit.forget()

    early = gate.ticket(0)
    refused = await gate.acquire("m", ticket=early)
    async with anyio.create_task_group() as group:
        group.start_soon(want, "late", gate.ticket(0))
        await anyio.wait_all_tasks_blocked()
        refused.refuse()  # a pause begins, so that nobody goes yet
        group.start_soon(want, "early", early)
        await anyio.wait_all_tasks_blocked()
    assert order == ["early", "late"]


@pytest.mark.parametrize("end", ["refuse", "forget", "release"])
async def test_permit_ends_only_once(end: str) -> None:
    """Whatever is called after the end changes no count."""
    gate = make_gate()
    permit = await acquire(gate)
    getattr(permit, end)()
    for call in (permit.accept, permit.refuse, permit.forget, permit.release):
        call()
    assert gate.in_flight == 0


async def test_gate_cancelled_in_the_tick_of_the_grant_hands_the_place_on() -> None:
    """A place granted to a waiter who was just cancelled goes to the next one."""
    gate = make_gate(max_in_flight=1)
    held = await acquire(gate)
    served: list[str] = []

    async def want(name: str) -> None:
        await acquire(gate)
        served.append(name)

    first = asyncio.create_task(want("first"))
    second = asyncio.create_task(want("second"))
    await anyio.wait_all_tasks_blocked()
    held.forget()  # grants to `first`
    first.cancel()  # in the very same step
    await asyncio.wait((first, second))
    assert served == ["second"]
    assert gate.in_flight == 1


async def test_gate_cancelled_in_the_tick_before_the_grant_takes_no_turn() -> None:
    """Gone before the place came free: it goes to the next of the same key."""
    gate = make_gate(max_in_flight=1)
    held = await acquire(gate)
    served: list[str] = []

    async def want(name: str) -> None:
        permit = await acquire(gate, key=name[0])
        served.append(name)
        permit.forget()

    tasks = [asyncio.create_task(want(name)) for name in ("a0", "a1", "b0", "a2")]
    await anyio.wait_all_tasks_blocked()
    tasks[0].cancel()
    held.forget()  # in the very same step, before the cancelled one has had his
    await asyncio.wait(tasks)
    assert served == ["a1", "b0", "a2"]
    assert (gate.in_flight, gate.waiting) == (0, 0)
    assert not gate._order._lines
    assert not any(lane.queue._levels for lane in gate._lanes.values())


async def test_gate_keys_take_turns_over_the_models_under_a_cap() -> None:
    """Of places in common, each key gets its own, whatever model it wants."""
    gate = make_gate(max_in_flight=1)
    held = await acquire(gate, key="z")
    order: list[str] = []

    async def want(name: str) -> None:
        permit = await acquire(gate, model=name[1], key=name[0])
        order.append(name)
        permit.forget()

    async with anyio.create_task_group() as group:
        for name in ("ax", "ay", "ax", "ay", "bx", "bx"):
            group.start_soon(want, name)
        await anyio.wait_all_tasks_blocked()
        held.forget()
    assert order == ["ax", "bx", "ay", "bx", "ax", "ay"]


async def test_gate_close_ends_every_wait_and_every_timer() -> None:
    """Waiters get the closing error, later ones too, and no timer is left."""
    gate = make_gate()
    (await acquire(gate)).refuse(retry_after=100)
    seen: list[BaseException] = []

    async def want() -> None:
        try:
            await acquire(gate)
        except SessionClosedError as exc:
            seen.append(exc)

    async with anyio.create_task_group() as group:
        group.start_soon(want)
        group.start_soon(want)
        await anyio.wait_all_tasks_blocked()
        gate.close(SessionClosedError("over"))
    assert [str(exc) for exc in seen] == ["over", "over"]
    with pytest.raises(SessionClosedError):
        await acquire(gate)
    assert not [t for t in asyncio.get_running_loop()._scheduled if not t.cancelled()]


async def test_gate_many_abandoned_waiters_leave_no_trace() -> None:
    """A queue whose waiters gave up does not grow."""
    gate = make_gate(max_in_flight=1)
    await acquire(gate)
    for _ in range(1000):
        with anyio.move_on_after(0.001):
            await acquire(gate)
    assert gate.waiting == 0
    assert not gate._lanes["m"].queue._levels


@pytest.mark.parametrize("seed", range(20))
async def test_gate_under_a_random_schedule_keeps_its_invariants(seed: int) -> None:
    """Starts, cancellations, refusals and ends in any order lose no place."""
    dice = random.Random(seed)
    gate = make_gate(max_in_flight=dice.choice([None, 1, 3, 10]))
    ended: list[str] = []

    async def live(index: int) -> None:
        try:
            model = dice.choice("ab")
            ticket = gate.ticket(dice.randint(-1, 1), dice.choice([None, "a", 7]))
            permit = await gate.acquire(model, ticket=ticket)
            try:
                await anyio.sleep(dice.random())
                while dice.random() < 0.3:
                    permit.refuse(dice.choice([None, 0.5]))
                    permit = await gate.acquire(model, ticket=ticket)
                permit.accept()
                await anyio.sleep(dice.random() * 3)
            finally:
                permit.release()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        ended.append("done")

    def check() -> None:
        lanes: Any = gate._lanes.values()
        for lane in lanes:
            assert 0 <= lane.limiter.under_way <= lane.limiter.in_flight
            assert lane.limiter.limit >= 1
        assert gate.in_flight == sum(lane.limiter.in_flight for lane in lanes)
        if gate._max_in_flight is not None:
            assert gate.in_flight <= gate._max_in_flight

    tasks = [asyncio.create_task(live(index)) for index in range(60)]
    while pending := [task for task in tasks if not task.done()]:
        if dice.random() < 0.3:
            dice.choice(pending).cancel()
        await anyio.sleep(dice.random() * 0.2)
        check()
    assert len(ended) + sum(task.cancelled() for task in tasks) >= 60
    assert all(task.cancelled() or task.exception() is None for task in tasks)
    assert (gate.in_flight, gate.waiting) == (0, 0)
    assert not gate._order._lines
    assert not any(lane.queue._levels for lane in gate._lanes.values())
