"""Callbacks that go wrong: too late, too early, too often, forged, or unreadable."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
from typing import Any

import pytest

from liangxin_async.emulator import Failure, Fault, Scenario
from liangxin_async.emulator._faults import KINDS
from tests.emulator.caller import Caller, Play, until
from tests.emulator.receiver import Post, Receiver, done, only, receiving
from tests.emulator.seeing import see

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(20)]

# The kinds that only callbacks have; each is tested below.
CALLBACK_KINDS = {
    *("unsent", "late", "early", "repeated", "slow_body", "signature"),
    *("callback_first", "another_task", "malformed", "padded", "gzip_body", "invented"),
}


def callback_fault(kind: str, **params: Any) -> Fault:
    """Every callback meets `kind`."""
    return Fault(route="callback", kind=kind, params=params)


async def called_back(
    caller: Caller, receiver: Receiver, dialect: str = "liangxin"
) -> list[Post]:
    """Create a task and let it end; return what its callback brought."""
    already = len(receiver.posts)
    await receiver.expected_by(caller, dialect)
    caller.clock.now += 1
    await done(caller.emulator)
    return receiver.posts[already:]


def test_callback_kinds_are_those() -> None:
    """No kind of this route alone is without a test here."""
    own = {n for n, k in KINDS.items() if k.routes == ("callback",)}
    assert own | {"callback_first"} == CALLBACK_KINDS


async def test_callback_never_comes(play: Play) -> None:
    """An unsent one has its outcome as soon as the create is accepted."""
    caller = await play(Scenario(duration=1, faults=[callback_fault("unsent")]))
    async with receiving() as receiver:
        assert await called_back(caller, receiver) == []
    ledger = caller.emulator.ledger
    assert ledger.callbacks == {"expected": 1, "unsent": 1}
    assert (ledger.faults, ledger.callback_attempts) == ({"unsent": 1}, 0)


async def test_callback_comes_late(play: Play) -> None:
    """It is due after the billing's delay and its own lateness."""
    settings = {"delay": 2}
    faults = [callback_fault("late", seconds=7.0)]
    caller = await play(Scenario(duration=1, callbacks=settings, faults=faults))
    async with receiving() as receiver:
        await receiver.expected_by(caller)
        assert caller.emulator.world.alarms.next_at == caller.clock.now + 10
        caller.clock.now += 10
        await done(caller.emulator)
    assert len(receiver.posts) == 1


@pytest.mark.parametrize("lead", [2.0, 60.0])
async def test_callback_comes_before_the_end(play: Play, lead: float) -> None:
    """It tells the end while a query shows the task under way, at once at most."""
    faults = [callback_fault("early", seconds=lead)]
    caller = await play(Scenario(duration=10, faults=faults))
    async with receiving() as receiver:
        task_id = await receiver.expected_by(caller)
        caller.clock.now += 8
        await done(caller.emulator)
        record = await caller.record(task_id)
    told = receiver.posts[0].json["data"]
    assert (told["state"], record["state"]) == ("success", "generating")
    assert json.loads(told["resultJson"])["resultUrls"]


@pytest.mark.parametrize("dialect", ["liangxin", "evolink"])
async def test_callback_overtakes_the_create(play: Play, dialect: str) -> None:
    """The create's answer waits until the callback was taken, and names its task."""
    fault = Fault(route="create", kind="callback_first")
    caller = await play(Scenario(duration=60, faults=[fault]))
    async with receiving() as receiver:
        held = asyncio.Event()
        receiver.before_answer = held.wait  # type: ignore[assignment]  # True is ignored
        create = asyncio.create_task(receiver.expected_by(caller, dialect))
        await until(lambda: receiver.posts)
        assert not create.done()
        held.set()
        task_id = await create
        told = receiver.posts[0].json
        assert task_id == (told["id"] if dialect == "evolink" else told_id(told))
    query = caller.evo_query if dialect == "evolink" else caller.query
    record = (await query(task_id)).json
    assert "success" in str(record) or record["status"] == "completed"


def told_id(body: dict[str, Any]) -> str:
    """Return the id that a LiangXin callback names."""
    told: str = body["data"]["taskId"]
    return told


async def test_callback_first_without_a_callback_changes_nothing(play: Play) -> None:
    """A create that names no callback, or is refused, is answered as always."""
    fault = Fault(route="create", kind="callback_first")
    caller = await play(Scenario(balance=1, faults=[fault]))
    assert (await caller.create()).status == 200
    assert (await caller.create()).status == 403


async def test_callback_is_repeated_word_for_word(play: Play) -> None:
    """A replay hours later has the same body and the same old signature."""
    settings = {"webhook_key": "hook"}
    faults = [callback_fault("repeated", times=3, seconds=3600.0)]
    caller = await play(Scenario(duration=1, callbacks=settings, faults=faults))
    async with receiving(500) as receiver:
        await receiver.expected_by(caller)
        delivery = only(caller)
        for number, step in enumerate((1, 1, 3600, 3600), 1):
            caller.clock.now += step
            await until(lambda n=number: len(delivery.attempts) == n)
        await done(caller.emulator)
    assert {post.body for post in receiver.posts} == {receiver.posts[0].body}
    stamps = {post.headers["X-Webhook-Timestamp"] for post in receiver.posts}
    assert len(stamps) == 1
    assert (delivery.outcome, delivery.statuses) == ("delivered", [500, 200, 200, 200])


async def test_callback_body_comes_slowly(play: Play) -> None:
    """The head is there, the body comes in pieces on the emulator's clock."""
    faults = [callback_fault("slow_body", parts=3, seconds=4.0)]
    caller = await play(Scenario(duration=1, faults=faults))
    async with receiving() as receiver:
        heads: list[bool] = []

        async def note() -> None:
            heads.append(True)

        receiver.before_body = note
        await receiver.expected_by(caller)
        caller.clock.now += 1
        await until(lambda: heads)
        assert receiver.posts == []
        alarms = caller.emulator.world.alarms
        for due in (caller.clock.now + 4, caller.clock.now + 8):
            await until(lambda due=due: alarms.next_at == due)
            assert receiver.posts == []
            caller.clock.now = due
        await done(caller.emulator)
    (post,) = receiver.posts
    assert post.json["data"]["state"] == "success"
    assert int(post.headers["Content-Length"]) == len(post.body)


def signed(key: str, task_id: str, timestamp: str) -> str:
    """Sign as the family's page says."""
    text = f"{task_id}.{timestamp}".encode()
    mac = hmac.new(key.encode(), text, hashlib.sha256)
    return base64.b64encode(mac.digest()).decode()


@pytest.mark.parametrize(
    ("form", "is_right", "age"),
    [(None, True, 0), ("wrong", False, 0), ("old", True, 900)],
)
async def test_callback_is_signed(
    play: Play, form: str | None, is_right: bool, age: int
) -> None:
    """With a key, id and time are signed; a fault spoils either."""
    faults = [callback_fault("signature", form=form, seconds=900.0)] if form else []
    settings = {"webhook_key": "hook"}
    caller = await play(Scenario(duration=1, callbacks=settings, faults=faults))
    async with receiving() as receiver:
        (post,) = await called_back(caller, receiver)
    stamp = post.headers["X-Webhook-Timestamp"]
    assert caller.emulator.world.wall(caller.clock.now) // 1000 - int(stamp) == age
    right = signed("hook", told_id(post.json), stamp)
    assert (post.headers["X-Webhook-Signature"] == right) is is_right
    assert "hook" not in repr(caller.emulator.world.scenario)


@pytest.mark.parametrize("dialect", ["liangxin", "evolink"])
async def test_callback_may_be_unsigned(play: Play, dialect: str) -> None:
    """A fault leaves the signature out; EvoLink never has one."""
    missing = dialect == "liangxin"
    faults = [callback_fault("signature", form="missing")] if missing else []
    settings = {"webhook_key": "hook"}
    caller = await play(Scenario(duration=1, callbacks=settings, faults=faults))
    async with receiving() as receiver:
        (post,) = await called_back(caller, receiver, dialect)
    assert not any(name.startswith("X-Webhook") for name in post.headers)


async def test_callback_signature_covers_the_id_that_is_told(play: Play) -> None:
    """A wrong id in snake case is signed as it stands there."""
    settings = {"webhook_key": "hook"}
    family = {"snake_names": True, "message_for_msg": True}
    faults = [callback_fault("wrong_task_id")]
    scenario = Scenario(duration=1, callbacks=settings, family=family, faults=faults)
    caller = await play(scenario)
    async with receiving() as receiver:
        await receiver.asked_by(caller)
        caller.clock.now += 1
        await done(caller.emulator)
    (post,) = receiver.posts
    assert post.json["message"] == "success"
    foreign = post.json["data"]["task_id"]
    assert foreign == "task_of_somebody_else_1"
    stamp = post.headers["X-Webhook-Timestamp"]
    assert post.headers["X-Webhook-Signature"] == signed("hook", foreign, stamp)


@pytest.mark.parametrize("dialect", ["liangxin", "evolink"])
async def test_callback_of_another_task_comes(play: Play, dialect: str) -> None:
    """The second task's path gets what is true of the first task."""
    faults = [Fault(route="callback", kind="another_task", nth=2)]
    caller = await play(Scenario(duration=1, faults=faults))
    async with receiving() as receiver:
        (first,) = await called_back(caller, receiver, dialect)
        (second,) = await called_back(caller, receiver, dialect)
    assert second.path != first.path
    assert second.json == first.json


@pytest.mark.parametrize("dialect", ["liangxin", "evolink"])
async def test_callback_invents_a_result(play: Play, dialect: str) -> None:
    """A task that has failed is told to have succeeded, elsewhere."""
    urls = ["https://elsewhere.example/x.png"]
    faults = [callback_fault("invented", urls=urls)]
    caller = await play(Scenario(duration=1, failures=[Failure()], faults=faults))
    async with receiving() as receiver:
        (post,) = await called_back(caller, receiver, dialect)
    told = post.json
    if dialect == "evolink":
        assert (told["status"], told["results"]) == ("completed", urls)
    else:
        data = told["data"]
        assert (data["state"], data["failCode"]) == ("success", "")
        assert json.loads(data["resultJson"]) == {"resultUrls": urls}


async def test_callback_body_is_cut(play: Play) -> None:
    """The first half of the JSON comes with an honest length."""
    seen = await see(play, "callback", "malformed")
    assert seen.struck.body == seen.honest.body[: len(seen.honest.body) // 2]
    assert seen.struck.header("Content-Length") == str(len(seen.struck.body))


async def test_callback_body_is_huge(play: Play) -> None:
    """Spaces fill the JSON up, and nothing else changes."""
    seen = await see(play, "callback", "padded", size_bytes=500_000)
    assert len(seen.struck.body) == 500_000
    assert seen.struck.body.rstrip() == seen.honest.body


async def test_callback_body_is_compressed(play: Play) -> None:
    """It is one gzip member, and a header says so."""
    seen = await see(play, "callback", "gzip_body")
    assert seen.struck.header("Content-Encoding") == "gzip"
    assert gzip.decompress(seen.struck.body) == seen.honest.body


async def test_callback_fault_counts_accepted_creates(play: Play) -> None:
    """`nth`, `match` and `each` go by the creates, in their order."""
    faults = [
        Fault(route="callback", kind="unsent", match="cat", nth=1, each=True),
        Fault(route="callback", kind="state", nth=3, params={"value": "paused"}),
    ]
    caller = await play(Scenario(duration=1, faults=faults))
    async with receiving() as receiver:
        await caller.create("cat, and nobody to tell")
        for prompt in ("cat", "dog", "cat", "black cat"):
            await receiver.expected_by(caller, prompt=prompt)
        caller.clock.now += 1
        await done(caller.emulator)
    states = {
        json.loads(post.json["data"]["param"])["input"]["prompt"]: post.json["data"][
            "state"
        ]
        for post in receiver.posts
    }
    assert states == {"dog": "success", "cat": "paused"}


async def test_callback_fault_about_a_result_waits_for_one(play: Play) -> None:
    """A kind that changes a result counts the tasks that have one."""
    faults = [Fault(route="callback", kind="urls_empty", nth=1)]
    failures = [Failure(match="bad")]
    caller = await play(Scenario(duration=1, failures=failures, faults=faults))
    async with receiving() as receiver:
        for prompt in ("bad", "good"):
            await receiver.expected_by(caller, prompt=prompt)
        caller.clock.now += 1
        await done(caller.emulator)
    told = {post.json["data"]["resultJson"] for post in receiver.posts}
    assert told == {"", '{"resultUrls":[]}'}
