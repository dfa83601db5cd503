"""Callbacks as they should be: when, to whom, how often, and what the books say."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import warnings
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from liangxin_async.emulator import (
    Callbacks,
    Emulator,
    Failure,
    Fault,
    Scenario,
    ScenarioError,
)
from liangxin_async.emulator import _courier as courier
from tests.emulator.caller import Caller, Clock, Play, until
from tests.emulator.receiver import ask, done, only, receiving

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(20)]

DIALECTS = ("liangxin", "evolink")


# What is sent, and when


@pytest.mark.parametrize("fails", [False, True], ids=["success", "fail"])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_callback_is_what_a_query_says(
    play: Play, dialect: str, fails: bool
) -> None:
    """At the end one POST brings what the query answers, as JSON."""
    failures = [Failure(code="422", message="no")] if fails else []
    caller = await play(Scenario(duration=2, failures=failures))
    async with receiving() as receiver:
        task_id = await receiver.expected_by(caller, dialect)
        caller.clock.now += 2
        await done(caller.emulator)
        query = caller.evo_query if dialect == "evolink" else caller.query
        told = (await query(task_id)).json
    (post,) = receiver.posts
    assert (post.method, post.path) == ("POST", "/0")
    assert post.headers["Content-Type"] == "application/json"
    assert post.json == told
    delivery = only(caller)
    assert (delivery.outcome, delivery.statuses) == ("delivered", [200])
    assert delivery.attempts[0].at == caller.clock.now


async def test_callback_waits_for_the_end(play: Play) -> None:
    """Nothing is sent for waiting, queuing or generating."""
    caller = await play(Scenario(duration=100))
    alarms = caller.emulator.world.alarms
    async with receiving() as receiver:
        await receiver.expected_by(caller)
        for age in (0, 10, 30, 99.9):
            caller.clock.now = 1000 + age
            assert alarms.next_at == 1100
            assert only(caller).outcome == "waiting"
        assert receiver.posts == []
        caller.clock.now = 1100
        await done(caller.emulator)
        assert len(receiver.posts) == 1
    assert alarms.next_at is None


async def test_callback_waits_for_the_bill(play: Play) -> None:
    """With a delay, queries show the end before the callback comes."""
    caller = await play(Scenario(duration=1, callbacks={"delay": 3}))
    async with receiving() as receiver:
        task_id = await receiver.expected_by(caller, "evolink")
        caller.clock.now += 1
        assert (await caller.evo_record(task_id))["status"] == "completed"
        assert (receiver.posts, caller.emulator.world.alarms.next_at) == ([], 1004)
        caller.clock.now += 3
        await done(caller.emulator)
    assert len(receiver.posts) == 1


async def test_callback_of_lost_create_comes(play: Play) -> None:
    """A create whose answer is lost was accepted, and calls back."""
    lost = [
        Fault(route="create", kind=kind, nth=n)
        for n, kind in enumerate(("reset_after_body", "html_502", "cut_length"), 1)
    ]
    caller = await play(Scenario(duration=1, faults=lost))
    async with receiving() as receiver:
        with pytest.raises(aiohttp.ClientOSError):
            await receiver.asked_by(caller)
        assert (await receiver.asked_by(caller)).status == 502
        with pytest.raises(aiohttp.ClientPayloadError):
            await receiver.asked_by(caller)
        caller.clock.now += 1
        await done(caller.emulator)
    told = {post.json["data"]["taskId"] for post in receiver.posts}
    assert told == {task.task_id for task in caller.emulator.tasks}
    assert len(told) == 3


async def test_callback_needs_an_accepted_create(play: Play) -> None:
    """A refused create, one that a fault refuses, and one without URL: none."""
    fault = Fault(route="create", kind="html_500", nth=1)
    caller = await play(Scenario(duration=0, balance=1, faults=[fault]))
    async with receiving() as receiver:
        assert (await receiver.asked_by(caller)).status == 500
        assert (await caller.create()).status == 200
        assert (await receiver.asked_by(caller)).status == 403
        await done(caller.emulator)
        assert receiver.posts == []
    assert caller.emulator.ledger.callbacks == {}


async def test_callback_in_vain_is_told_once_for_each_reason(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    """Refused as a target, or not taken: one line each, without the path."""
    caller = await play(Scenario(duration=0, callbacks={"waits": []}))
    with socket.create_server(("127.0.0.1", 0)) as unused:
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}"
    for _ in range(2):
        for url in ("https://bot.example.com/secret", f"{closed}/secret"):
            await ask(caller, url)
    await done(caller.emulator)
    told = [record.getMessage() for record in caplog.records]
    told = [line for line in told if line.startswith("callback to ")]
    assert len(told) == 2
    assert "https://bot.example.com not sent: that is no address of" in told[0]
    assert f"{closed} given up; the last answer: no connection" in told[1]
    assert "secret" not in "".join(told)


async def test_callback_follows_an_end_that_came_early(play: Play) -> None:
    """A task that a fault ends at once calls back at once."""
    fault = Fault(route="create", kind="created_ended")
    caller = await play(Scenario(duration=60, faults=[fault]))
    async with receiving() as receiver:
        await receiver.expected_by(caller, "evolink")
        await done(caller.emulator)
    assert receiver.posts[0].json["status"] == "completed"


async def test_callback_names_the_id_that_was_told(play: Play) -> None:
    """A create answered with another id calls back under it."""
    fault = Fault(route="create", kind="task_id", params={"value": "other"})
    caller = await play(Scenario(duration=0, faults=[fault]))
    async with receiving() as receiver:
        assert await receiver.expected_by(caller) == "other"
        await done(caller.emulator)
    assert receiver.posts[0].json["data"]["taskId"] == "other"


async def test_callback_delays_no_answer(play: Play) -> None:
    """While a receiver sits on a callback, creates and queries are answered."""
    caller = await play(Scenario(duration=0))
    async with receiving() as receiver:
        receiver.before_answer = asyncio.Event().wait  # type: ignore[assignment]
        task_id = await receiver.expected_by(caller)
        await until(lambda: receiver.posts)
        assert (await caller.query(task_id)).status == 200
        await caller.made()
        await caller.emulator.aclose()
    assert only_waiting(caller)


def only_waiting(caller: Caller) -> bool:
    """Whether the first task's callback was cut off by the end."""
    first = next(iter(caller.emulator.tasks))
    return [d.outcome for d in first.deliveries] == ["waiting"]


# Retries


@pytest.mark.parametrize(
    ("dialect", "settings", "waits"),
    [
        ("evolink", {}, [1, 2, 4]),
        ("liangxin", {}, [1, 1, 1]),
        ("liangxin", {"waits": [0.5, 30]}, [0.5, 30]),
        ("evolink", {"waits": []}, []),
    ],
)
async def test_callback_is_retried_on_schedule(
    play: Play, dialect: str, settings: dict[str, Any], waits: list[float]
) -> None:
    """Whatever is no 2xx is sent again, the same, after the stated waits."""
    caller = await play(Scenario(duration=0, callbacks=settings))
    clock, alarms = caller.clock, caller.emulator.world.alarms
    async with receiving(500, 404, 302, 199 + 300, 500) as receiver:
        await receiver.expected_by(caller, dialect)
        for number, wait in enumerate(waits, 1):
            await until(lambda n=number: len(only(caller).attempts) == n)
            assert alarms.next_at == clock.now + wait
            clock.now += wait
        await done(caller.emulator)
    delivery = only(caller)
    assert (delivery.outcome, len(delivery.attempts)) == ("given_up", len(waits) + 1)
    assert delivery.statuses == [500, 404, 302, 499][: len(waits) + 1]
    instants = [attempt.at for attempt in delivery.attempts]
    assert [b - a for a, b in pairwise(instants)] == waits
    assert len({post.body for post in receiver.posts}) == 1
    ledger = caller.emulator.ledger
    assert ledger.callbacks == {"expected": 1, "given_up": 1}
    assert ledger.callback_attempts == len(waits) + 1


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_callback_answered_with_2xx_is_delivered(play: Play, status: int) -> None:
    """Any 2xx ends it."""
    caller = await play(Scenario(duration=0))
    async with receiving(status) as receiver:
        await receiver.expected_by(caller)
        await done(caller.emulator)
    assert only(caller).statuses == [status]
    assert caller.emulator.ledger.callback_answers == {str(status): 1}


async def test_callback_without_answer_runs_into_its_limit(play: Play) -> None:
    """After EvoLink's 10 seconds an attempt has failed, and the next one works."""
    caller = await play(Scenario(duration=0))
    clock, alarms = caller.clock, caller.emulator.world.alarms
    async with receiving() as receiver:
        receiver.before_answer = asyncio.Event().wait  # type: ignore[assignment]
        await receiver.expected_by(caller, "evolink")
        await until(lambda: receiver.posts)
        assert alarms.next_at == clock.now + 10
        clock.now += 10
        await until(lambda: only(caller).attempts)
        receiver.before_answer = None
        clock.now += 1
        await done(caller.emulator)
    assert [attempt.word for attempt in only(caller).attempts] == ["timeout", "200"]
    assert only(caller).outcome == "delivered"


async def test_callback_to_nobody_is_given_up(play: Play) -> None:
    """A closed port, and one that hangs up, are problems in the books."""
    caller = await play(Scenario(duration=0, callbacks={"waits": [0]}))

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with receiving() as receiver:
        pass
    await ask(caller, receiver.url)
    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        await ask(caller, f"http://127.0.0.1:{port}/")
        await done(caller.emulator)
    answers = caller.emulator.ledger.callback_answers
    assert answers == {"no connection": 2, "connection lost": 2}
    assert caller.emulator.ledger.callbacks == {"expected": 2, "given_up": 2}


async def test_callbacks_in_a_burst_are_all_delivered(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More ends than may be told at once wait for their turn."""
    monkeypatch.setattr(courier, "AT_ONCE", 3)
    caller = await play(Scenario(duration=1))
    async with receiving() as receiver:
        peak = now = 0

        async def hold() -> None:
            nonlocal peak, now
            now += 1
            peak = max(peak, now)
            await asyncio.sleep(0)
            now -= 1

        receiver.before_answer = hold
        for _ in range(12):
            await receiver.expected_by(caller)
        caller.clock.now += 1
        await done(caller.emulator)
    assert len({post.path for post in receiver.posts}) == 12
    assert peak <= 3
    assert caller.emulator.ledger.callbacks == {"expected": 12, "delivered": 12}


# By hand


async def test_deliver_sends_now_and_says_how_it_went(play: Play) -> None:
    """It tells the end that is to come, once, and books it."""
    caller = await play(Scenario(duration=60))
    async with receiving(204, 503) as receiver:
        task_id = await receiver.expected_by(caller)
        first = await caller.emulator.deliver(task_id)
        second = await caller.emulator.deliver(task_id, to=receiver.url + "/wrong")
        assert receiver.posts[0].json["data"]["state"] == "success"
        assert [post.path for post in receiver.posts] == ["/0", "/wrong"]
        assert (await caller.record(task_id))["state"] == "waiting"
    assert (first.outcome, first.statuses) == ("delivered", [204])
    assert (second.outcome, second.statuses) == ("given_up", [503])
    assert caller.emulator.world.alarms.next_at == 1060  # the honest one is to come
    outcomes = caller.emulator.ledger.callbacks
    assert outcomes == {"expected": 3, "delivered": 1, "given_up": 1}


async def test_deliver_by_hand_may_be_wrong_or_refused(play: Play) -> None:
    """A fault changes it, and the safety rule holds here, too."""
    caller = await play(Scenario(duration=60))
    async with receiving() as receiver:
        task_id = await caller.made()
        forged = Fault(route="callback", kind="invented", params={"urls": ["x"]})
        await caller.emulator.deliver(task_id, forged, to=receiver.url)
    told = receiver.posts[0].json["data"]
    assert (told["state"], told["resultJson"]) == ("success", '{"resultUrls":["x"]}')
    assert caller.emulator.ledger.faults == {"invented": 1}
    refused = await caller.emulator.deliver(task_id, to="https://example.com/")
    assert (refused.outcome, refused.attempts) == ("refused", [])


async def test_deliver_by_hand_of_nonsense_raises(play: Play) -> None:
    """No such task, no URL, no such fault here, and an emulator that has ended."""
    caller = await play(Scenario(failures=[Failure()]))
    emulator, url = caller.emulator, "http://127.0.0.1:1/"
    task_id = await caller.made()
    with pytest.raises(LookupError, match="no task 'x'"):
        await emulator.deliver("x")
    with pytest.raises(ValueError, match="names no callback"):
        await emulator.deliver(task_id)
    for route, kind, words in (
        ("query", "state", "not of query"),
        ("callback", "bare", "in evolink only"),
        ("callback", "urls_empty", "does not fit the end"),
    ):
        with pytest.raises(ValueError, match=words):
            await emulator.deliver(task_id, Fault(route=route, kind=kind), to=url)
    await emulator.aclose()
    with pytest.raises(RuntimeError, match="does not run"):
        await emulator.deliver(task_id, to=url)


# Books, settings and the end


async def test_snapshot_tells_of_callbacks(play: Play) -> None:
    """Counts and attempts are plain values, on the page and in Python."""
    caller = await play(Scenario(duration=0, callbacks={"waits": [0]}))
    async with receiving(500) as receiver:
        task_id = await receiver.expected_by(caller)
        await done(caller.emulator)
        url = f"{receiver.url}/0"
    page = (await caller.send("GET", "/emulator/ledger")).json
    assert page["callbacks"] == {"expected": 1, "delivered": 1}
    assert page["callback_answers"] == {"500": 1, "200": 1}
    assert (page["callback_attempts"], page["callback_targets_refused"]) == (2, {})
    attempt = {"at": 1000.0, "status": 500, "problem": ""}
    told = {"task_id": task_id, "url": url, "outcome": "delivered"}
    told["attempts"] = [attempt, {**attempt, "status": 200}]
    assert page["tasks"][task_id]["callbacks"] == [told]


def test_settings_come_from_json() -> None:
    """Everything about callbacks can stand in a scenario file."""
    text = """{
      "callbacks": {"delay": 0.5, "limit": 3, "waits": [1, 2], "urls": "documented",
                    "hosts": {"Bot.example.com": "http://127.0.0.1:8080"},
                    "webhook_key": "hook"},
      "faults": [{"route": "callback", "kind": "repeated", "params": {"times": 3}}]}"""
    scenario = Scenario.from_dict(json.loads(text))
    assert scenario.callbacks.waits == (1.0, 2.0)
    assert scenario.callbacks.hosts == {"bot.example.com": ("http://127.0.0.1:8080",)}
    assert scenario.callbacks.limit == 3
    assert Scenario().callbacks == Callbacks()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"delay": -1}, "callbacks: delay must be a number from 0"),
        ({"limit": 0}, "callbacks: limit must be"),
        ({"waits": 3}, "waits must be null or a list"),
        ({"waits": [1, "2"]}, "waits must be"),
        ({"waits": [True]}, "waits must be"),
        ({"waits": [float("inf")]}, "waits must be"),
        ({"waits": [0] * 101}, "waits must be"),
        ({"urls": "none"}, "urls must be one of loopback, documented, any"),
        ({"hosts": []}, "hosts must map names"),
        ({"hosts": {"a.example": []}}, "hosts: a.example: must be an address"),
        ({"hosts": {"a.example": "http://b.example"}}, "of loopback"),
        ({"hosts": {"a.example": "http://127.0.0.1/path"}}, "must be like"),
        ({"webhook_key": 5}, "webhook_key must be text"),
        ({"retries": 3}, "unknown key 'retries'"),
    ],
)
def test_settings_that_cannot_be_are_named(
    settings: dict[str, Any], words: str
) -> None:
    """A slip is one sentence that names the place."""
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_dict({"callbacks": settings})
    assert words in str(caught.value)


async def test_callbacks_end_with_the_emulator(play: Play) -> None:
    """Those under way, queueing, waiting for a retry and to come leave nothing."""
    before = asyncio.all_tasks()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        caller = await play(Scenario(duration=1))
        async with receiving(500) as receiver:
            await receiver.expected_by(caller)
            caller.clock.now += 1
            await until(lambda: only(caller).attempts)  # a retry is to come
            receiver.before_answer = asyncio.Event().wait  # type: ignore[assignment]
            await receiver.expected_by(caller)
            caller.clock.now += 1
            await until(lambda: len(receiver.posts) >= 2)  # under way
            await receiver.expected_by(caller)  # its task has not ended
            waiter = asyncio.create_task(caller.emulator.callbacks_done())
            by_hand = asyncio.create_task(
                caller.emulator.deliver(next(iter(caller.emulator.tasks)).task_id)
            )
            await until(lambda: len(receiver.posts) >= 4)
            assert [t for t in asyncio.all_tasks() if "Courier" in repr(t)]
            await caller.emulator.aclose()
            assert not [t for t in asyncio.all_tasks() if "Courier" in repr(t)]
            await waiter
            assert (await by_hand).outcome == "waiting"
        await caller.http.close()
        gc.collect()
        await asyncio.sleep(0)
        gc.collect()
    await until(lambda: asyncio.all_tasks() == before)  # the receiver's, too
    assert caller.emulator.world.alarms.next_at is None
    assert [str(w.message) for w in caught] == []


async def test_callbacks_done_without_any_returns_at_once(play: Play) -> None:
    """There is nothing to wait for, before and after a task without callback."""
    caller = await play()
    await done(caller.emulator)
    await caller.made()
    await done(caller.emulator)


async def test_callbacks_run_on_the_loops_own_clock() -> None:
    """Without a clock of one's own, real seconds count, and retries come."""
    callbacks = {"waits": [0.01, 0.01], "delay": 0.01}
    scenario = Scenario(duration=0.01, callbacks=callbacks)
    async with (
        receiving(500, 503) as receiver,
        Emulator(scenario) as emulator,
        aiohttp.ClientSession() as http,
    ):
        caller = Caller(emulator, Clock(), http)
        await receiver.expected_by(caller)
        await done(emulator)
        began = next(iter(emulator.tasks)).created
        instants = [attempt.at - began for attempt in only(caller).attempts]
    assert only(caller).statuses == [500, 503, 200]
    assert [round(i, 6) >= n * 0.01 for n, i in enumerate(instants, 2)] == [True] * 3
