"""When creates are refused: every rule, alone and together, in stopped time."""

from __future__ import annotations

from typing import Any

import pytest

from liangxin_async.emulator import (
    InFlight,
    RandomRefusal,
    Refusal,
    Scenario,
    Schedule,
    Sine,
    SlidingWindow,
    TokenBucket,
)
from tests.emulator.caller import Caller, Play

pytestmark = pytest.mark.anyio
SATURATED = "Current group upstream load is saturated, please try again later"


async def accepted(caller: Caller, tries: int, model: str = "z-image") -> int:
    """Return how many of some creates were accepted."""
    replies = [await caller.create(model=model) for _ in range(tries)]
    return sum(r.status == 200 and r.json["code"] == 200 for r in replies)


async def test_in_flight_limit_counts_tasks_that_run(play: Play) -> None:
    """The limit is on tasks that have not ended; ended ones make room."""
    caller = await play(Scenario(duration=10, capacity=[InFlight(3)]))
    assert await accepted(caller, 5) == 3
    caller.clock.now += 9.9
    assert await accepted(caller, 1) == 0
    caller.clock.now += 0.1
    assert await accepted(caller, 5) == 3
    assert caller.emulator.ledger.refused == {"saturated": 5}
    assert caller.emulator.ledger.peak() == 3


async def test_in_flight_limit_of_one_model_spares_others(play: Play) -> None:
    """A rule for a model neither counts nor refuses another one."""
    rules = [InFlight(1, model="z-image"), InFlight(4)]
    caller = await play(Scenario(duration=10, capacity=rules))
    assert await accepted(caller, 3) == 1
    assert await accepted(caller, 9, model="seedream-v4-5") == 3
    assert caller.emulator.ledger.peak("seedream-v4-5") == 3


async def test_token_bucket_refills_with_time(play: Play) -> None:
    """Bursts up to the burst size, then the average rate."""
    bucket = TokenBucket(10, 10, burst=4)
    caller = await play(Scenario(duration=0, capacity=[bucket]))
    assert await accepted(caller, 9) == 4
    caller.clock.now += 2.5
    assert await accepted(caller, 9) == 2
    caller.clock.now += 1000
    assert await accepted(caller, 9) == 4


async def test_sliding_window_frees_one_by_one(play: Play) -> None:
    """Within any window at most so many are accepted."""
    caller = await play(Scenario(duration=0, capacity=[SlidingWindow(2, 10)]))
    assert await accepted(caller, 1) == 1
    caller.clock.now += 6
    assert await accepted(caller, 3) == 1
    caller.clock.now += 4
    assert await accepted(caller, 3) == 1
    caller.clock.now += 6
    assert await accepted(caller, 3) == 1


async def test_schedule_with_outage_recovers(play: Play) -> None:
    """Caps change at their times; a cap of 0 refuses everything."""
    rule = Schedule([(10, 0), (20, 2)])
    caller = await play(Scenario(duration=1, capacity=[rule]))
    counts = []
    for _ in range(3):
        counts.append(await accepted(caller, 5))
        caller.clock.now += 10
    assert counts == [5, 0, 2]


async def test_sine_swings_about_its_mean(play: Play) -> None:
    """The cap follows a sine over the period."""
    caller = await play(Scenario(duration=1, capacity=[Sine(5, 4, 40)]))
    counts = []
    for _ in range(4):
        counts.append(await accepted(caller, 12))
        caller.clock.now += 10
    assert counts == [5, 9, 5, 1]


async def test_random_refusal_is_seeded(play: Play) -> None:
    """About the share asked for is refused, the same ones for a seed."""
    scenario = Scenario(seed=3, duration=0, capacity=[RandomRefusal(0.4)])

    async def pattern() -> list[int]:
        caller = await play(scenario)
        return [(await caller.create()).status for _ in range(60)]

    first = await pattern()
    assert first == await pattern()
    assert 12 <= first.count(429) <= 36


async def test_refusal_by_one_rule_costs_the_others_nothing(play: Play) -> None:
    """A create refused by one rule does not use up another rule's window."""
    rules = [SlidingWindow(3, 100), InFlight(1)]
    caller = await play(Scenario(duration=1, capacity=rules))
    total = 0
    for _ in range(5):
        total += await accepted(caller, 4)
        caller.clock.now += 2
    assert total == 3


FORMS: list[tuple[Any, int, Any]] = [
    ("B", 429, {"error": {"message": SATURATED, "type": "new_api_error", "code": ""}}),
    ("A", 429, {"code": 429, "msg": SATURATED, "data": None}),
    ("A200", 200, {"code": 429, "msg": SATURATED, "data": None}),
    (
        "C",
        429,
        {"code": "too_many_requests", "message": SATURATED, "data": None},
    ),
    (
        "quota",
        429,
        {
            "error": {
                "message": SATURATED,
                "type": "new_api_error",
                "code": "insufficient_user_quota",
            }
        },
    ),
    (
        Refusal(form="A", data_retry_after=17),
        429,
        {"code": 429, "msg": SATURATED, "data": {"retryAfter": 17}},
    ),
]


@pytest.mark.parametrize(("refusal", "status", "body"), FORMS)
async def test_refusal_comes_in_chosen_form(
    play: Play, refusal: Any, status: int, body: Any
) -> None:
    """Each form of "slow down" arrives as chosen."""
    caller = await play(Scenario(capacity=[InFlight(0, refusal=refusal)]))
    reply = await caller.create()
    assert (reply.status, reply.json) == (status, body)


async def test_refusal_with_empty_body_and_header(play: Play) -> None:
    """The address limiter's 429 has no body; a proxy may add Retry-After."""
    refusal = {"form": "empty", "retry_after": "-5"}
    caller = await play(Scenario(capacity=[InFlight(0, refusal=refusal)]))
    reply = await caller.create()
    assert (reply.status, reply.body) == (429, b"")
    assert reply.headers["Retry-After"] == "-5"
    assert "application/json" not in reply.headers.get("Content-Type", "")


async def test_balance_runs_out(play: Play) -> None:
    """After so many accepted creates the account is empty, until it is filled."""
    caller = await play(Scenario(balance=2))
    assert await accepted(caller, 2) == 2
    reply = await caller.create()
    assert reply.status == 403
    assert reply.json["error"]["code"] == "insufficient_user_quota"
    caller.emulator.set_balance(1)
    assert await accepted(caller, 3) == 1
    caller.emulator.set_balance(None)
    assert await accepted(caller, 3) == 3
    assert caller.emulator.ledger.refused == {"no_balance": 3}


async def test_refused_create_is_not_paid(play: Play) -> None:
    """A saturated or invalid create leaves the balance as it is."""
    caller = await play(Scenario(duration=1, balance=2, capacity=[InFlight(1)]))
    assert await accepted(caller, 3) == 1
    assert (await caller.create(seed="x")).status == 400
    caller.clock.now += 1
    assert await accepted(caller, 1) == 1


async def test_key_is_revoked_after_creates(play: Play) -> None:
    """The key turns invalid on every route in the middle of a run."""
    caller = await play(Scenario(revoke_after=2))
    task_id = await caller.made()
    assert (await caller.query(task_id)).status == 200
    await caller.made()
    assert (await caller.create()).status == 401
    assert (await caller.query(task_id)).status == 401


async def test_key_is_revoked_by_hand(play: Play) -> None:
    """`revoke_key` works at once, and can put another key in place."""
    caller = await play()
    caller.emulator.revoke_key()
    assert (await caller.create()).status == 401
    caller.emulator.revoke_key("a-new-key")
    assert caller.emulator.api_key == "a-new-key"
    assert (await caller.create()).status == 200
    old = {"Authorization": "Bearer emulator-key-not-a-secret"}
    reply = await caller.send("GET", "/api/v1/jobs/recordInfo", headers=old)
    assert reply.status == 401
