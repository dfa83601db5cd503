"""Who waits for whom: people pass a bulk run, and users take turns."""

from __future__ import annotations

import random
from typing import Any

import anyio
import pytest

from liangxin_async import ConfigurationError, Flux2Pro, Session, ZImage
from liangxin_async._gate import Ticket

from .fakes import SATURATED, FakeService, reply, session_on

pytestmark = pytest.mark.anyio


def prompts(service: FakeService) -> list[str]:
    return [body["input"]["prompt"] for body in service.bodies]


async def bulk(session: Session, count: int, done: anyio.Event, **how: Any) -> None:
    requests = (ZImage(f"bulk {index}") for index in range(count))
    async for outcome in session.map(requests, **how):
        outcome.unwrap()
    done.set()


def at_random(dice: random.Random) -> Any:
    """A service that refuses a third of the creates, whatever its load."""
    return lambda body: SATURATED if dice.random() < 0.33 else None


SERVICES = {
    "cap": lambda: FakeService(cap=7),
    "cap of one": lambda: FakeService(cap=1, duration=1.0),
    "slow answers": lambda: FakeService(cap=7, latency=0.9),
    "refuses at random": lambda: FakeService(on_create=at_random(random.Random(3))),
    "varying durations": lambda: FakeService(
        cap=7, duration=lambda dice: dice.uniform(1.0, 9.0)
    ),
}


@pytest.mark.parametrize("max_in_flight", [None, 5])
@pytest.mark.parametrize("kind", SERVICES)
async def test_interactive_gets_the_first_permit_during_a_bulk_run(
    kind: str, max_in_flight: int | None, granted: list[Ticket]
) -> None:
    """500 items under way, people come at any time: the next free permit is theirs."""
    dice = random.Random(11)
    done = anyio.Event()
    late: list[int] = []

    async def person(session: Session, index: int) -> None:
        before = len(granted)
        handle = await session.submit(ZImage(f"person {index}"))
        mine = [ticket for ticket in granted[before:] if ticket.priority == 0]
        late.append(granted.index(mine[0], before) - before)
        await handle

    service = SERVICES[kind]()
    async with (
        session_on(service, max_in_flight=max_in_flight) as session,
        anyio.create_task_group() as group,
    ):
        group.start_soon(bulk, session, 500, done)
        for index in range(40):
            await anyio.sleep(dice.uniform(0.0, 3.0))
            if done.is_set():
                break
            await person(session, index)
    assert late == [0] * len(late)
    assert len(late) > 10
    assert sum(name.startswith("bulk") for name in prompts(service)) >= 500


async def test_second_user_goes_second_at_the_latest(granted: list[Ticket]) -> None:
    """40 requests of one, then one of another: at most one new grant comes before."""
    service = FakeService(cap=3)
    async with session_on(service) as session, anyio.create_task_group() as group:

        async def want(user: int, prompt: str) -> None:
            await session.generate(ZImage(prompt), fair_key=user)

        for index in range(40):
            group.start_soon(want, 1, f"first user {index}")
        await anyio.sleep(5.0)
        before = len(granted)
        known = set(granted)
        group.start_soon(want, 2, "second user")
        await anyio.sleep(30.0)
        new = [ticket.key for ticket in granted[before:] if ticket not in known]
        assert 2 in new[:2]
    assert set(service.accepted.values()) == {1}


async def test_each_user_s_requests_stay_in_order() -> None:
    """Turns change who is served, never the order of one user's own."""
    service = FakeService(cap=2, duration=0.5)
    async with (
        session_on(service, max_in_flight=2) as session,
        anyio.create_task_group() as group,
    ):

        async def want(user: str, prompt: str) -> None:
            await session.submit(ZImage(prompt), fair_key=user)

        for user, count in [("a", 9), ("b", 3), ("c", 1)]:
            for index in range(count):
                group.start_soon(want, user, f"{user}{index}")
    accepted = list(service.accepted)
    for user in "abc":
        own = [prompt for prompt in accepted if prompt.startswith(user)]
        assert own == sorted(own)
    assert sorted(accepted[2:5]) == ["a2", "b0", "c0"]
    assert sorted(accepted[5:9]) == ["a3", "a4", "b1", "b2"]


async def test_keys_mean_nothing_across_priorities() -> None:
    """A user who waits in a bulk run waits no longer for his own single call."""
    service = FakeService(cap=1, duration=1.0)
    done = anyio.Event()
    async with (
        session_on(service, max_in_flight=1) as session,
        anyio.create_task_group() as group,
    ):
        group.start_soon(lambda: bulk(session, 10, done, fair_key="a"))
        await anyio.sleep(2.5)
        begun = len(service.bodies)
        await session.generate(ZImage("single"), fair_key="a")
        assert prompts(service)[begun] == "single"


@pytest.mark.parametrize("key", [None, "same"])
async def test_two_batches_take_turns_unless_they_share_a_key(key: str | None) -> None:
    """Without a key each has its own; with one key the older goes first."""
    service = FakeService(duration=0.2)
    async with (
        session_on(service, max_in_flight=1) as session,
        anyio.create_task_group() as group,
    ):

        async def run(name: str) -> None:
            requests = [ZImage(f"{name}{index}") for index in range(20)]
            async for _ in session.map(requests, fair_key=key):
                pass

        group.start_soon(run, "a")
        await anyio.sleep(0.1)
        group.start_soon(run, "b")
    served = "".join(prompt[0] for prompt in prompts(service))
    if key is None:
        assert served in ("a" + "ab" * 19 + "b", "ab" * 20, "aab" + "ab" * 18 + "b")
    else:
        assert served == "a" * 20 + "b" * 20


async def test_cancelled_requests_cost_their_user_nothing() -> None:
    """39 of 40 called off: the last one is next in turn, not forty rounds later."""
    service = FakeService(duration=1.0)
    async with (
        session_on(service, max_in_flight=1) as session,
        anyio.create_task_group() as group,
    ):

        async def want(user: str, prompt: str) -> None:
            await session.submit(ZImage(prompt), fair_key=user)

        await want("z", "first")
        async with anyio.create_task_group() as called_off:
            for index in range(39):
                called_off.start_soon(want, "a", f"off {index}")
            await anyio.wait_all_tasks_blocked()
            for index in range(5):
                group.start_soon(want, "b", f"b{index}")
            await anyio.wait_all_tasks_blocked()
            called_off.cancel_scope.cancel()
        group.start_soon(want, "a", "last")
    assert prompts(service)[:4] == ["first", "b0", "last", "b1"]


async def test_refused_user_keeps_his_place() -> None:
    """A 429 pauses the model; afterwards the same request goes, before the others."""
    refused: set[str] = set()

    def once(body: dict[str, Any]) -> Any:
        prompt = body["input"]["prompt"]
        if prompt in refused:
            return None
        refused.add(prompt)
        return SATURATED

    service = FakeService(duration=0.1, on_create=once)
    async with (
        session_on(service, max_in_flight=1) as session,
        anyio.create_task_group() as group,
    ):

        async def want(user: str, prompt: str) -> None:
            await session.submit(ZImage(prompt), fair_key=user)

        for name in ("a0", "a1", "b0", "c0"):
            group.start_soon(want, name[0], name)
    served = list(dict.fromkeys(prompts(service)))
    assert served == ["a0", "b0", "c0", "a1"]
    assert prompts(service) == [name for name in served for _ in range(2)]


async def test_shared_places_are_shared_between_users_not_models() -> None:
    """With `max_in_flight`, two models are not two shares."""
    service = FakeService(duration=1.0)
    async with (
        session_on(service, max_in_flight=2) as session,
        anyio.create_task_group() as group,
    ):

        async def want(user: str, request: Any) -> None:
            await session.submit(request, fair_key=user)

        for index in range(20):
            group.start_soon(want, "a", ZImage(f"a{index}"))
            group.start_soon(want, "a", Flux2Pro(f"a{index}"))
            group.start_soon(want, "b", ZImage(f"b{index}"))
    served = [prompt[0] for prompt in prompts(service)][4:30]
    assert 12 <= served.count("b") <= 14


@pytest.mark.parametrize("key", [True, 1.5, b"x", ["u"], ("u", 1), object()])
async def test_fair_key_of_another_kind_is_refused_at_once(key: Any) -> None:
    """An object that is new each time would be a key of its own each time."""
    service = FakeService()
    session = session_on(service)
    for call in (session.submit, session.generate):
        with pytest.raises(ConfigurationError, match="fair_key: got"):
            await call(ZImage("a"), fair_key=key)
    with pytest.raises(ConfigurationError, match="fair_key: got"):
        session.map([ZImage("a")], fair_key=key)
    assert not service.opened


async def test_fair_key_goes_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    """Not to the service, the observer, the log, an error or a `repr`."""
    name = "a-person-4711"
    events: list[Any] = []
    answers = [SATURATED, reply({"code": 400, "msg": "no", "data": None}), None]
    service = FakeService(on_create=lambda body: answers.pop(0) if answers else None)
    shown: list[str] = []
    async with session_on(service, observer=events.append) as session:
        with pytest.raises(Exception, match="no") as caught:
            await session.generate(ZImage("a"), fair_key=name)
        handle = await session.submit(ZImage("b"), fair_key=name)
        batch = session.map([ZImage("c")], fair_key=name)
        shown += [repr(each) for each in (session, handle, batch, batch._work)]
        shown += [repr(await anext(batch)), repr(caught.value), str(caught.value)]
        shown += [repr(session._runtime), repr(session.stats)]
    with pytest.raises(ConfigurationError) as wrong:
        await session_on(service).submit(ZImage("a"), fair_key=[name])
    everything = [*map(repr, events), *map(repr, service.bodies), *shown, caplog.text]
    assert not [text for text in everything if name in text]
    assert name not in str(wrong.value)
