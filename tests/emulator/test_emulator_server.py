"""Life cycle, books, control pages, and what is left behind: nothing."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import time
import warnings
from contextlib import suppress
from typing import Any

import aiohttp
import anyio
import pytest

from liangxin_async.emulator import Emulator, Fault, Leak, Scenario, serve
from liangxin_async.emulator._tasks import Task, TaskStore
from tests.emulator.caller import CREATE, Caller, Play, until

pytestmark = pytest.mark.anyio


async def test_emulator_starts_fast_on_loopback() -> None:
    """It listens within 50 ms, on 127.0.0.1 and a free port."""
    began = time.perf_counter()
    async with Emulator() as emulator:
        assert time.perf_counter() - began < 0.05
        assert emulator.base_url.startswith("http://127.0.0.1:")
        assert not emulator.base_url.endswith(":0")


async def test_emulator_may_be_closed_early_and_twice() -> None:
    """Closing before the start, and again after the end, does nothing."""
    emulator = Emulator()
    await emulator.aclose()
    with pytest.raises(RuntimeError, match="not started"):
        _ = emulator.base_url
    await emulator.start()
    with pytest.raises(RuntimeError, match="already"):
        await emulator.start()
    await emulator.aclose()
    await emulator.aclose()
    assert emulator.ledger.accepted_total == 0


async def test_emulator_on_a_taken_port_says_so() -> None:
    """The port's error comes out, and the emulator can be started later."""
    async with Emulator() as first:
        port = int(first.base_url.rsplit(":", 1)[1])
        second = Emulator(port=port)
        with pytest.raises(OSError, match="address"):
            await second.start()
    await second.start()
    assert second.base_url == first.base_url
    await second.aclose()


async def hold(caller: Caller, data: bytes) -> asyncio.StreamWriter:
    """Send bytes on a connection that stays open and is never read."""
    host, port = caller.emulator.base_url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    return writer


async def test_aclose_ends_unanswered_calls_at_once(play: Play) -> None:
    """Hung, slow, endless, half-sent and idle connections end in a moment."""
    faults = [
        Fault(route="create", kind="hang", match="hang"),
        Fault(route="create", kind="slow", match="slow", params={"seconds": 9.0}),
        Fault(route="create", kind="delay", match="delay", params={"seconds": 9.0}),
        Fault(route="file", kind="endless"),
    ]
    before = asyncio.all_tasks()
    caller = await play(Scenario(duration=0, faults=faults))
    url = (await caller.url(await caller.made())).removeprefix(caller.emulator.base_url)
    calls = [caller.create_bytes(word) for word in ("hang", "slow", "delay")]
    calls += [caller.get_bytes(url), caller.create_bytes()[:-5], b"", b"POST"]
    writers = [await hold(caller, data) for data in calls]
    ledger = caller.emulator.ledger
    await until(lambda: ledger.posts == 5 and ledger.files)
    began = time.perf_counter()
    await caller.emulator.aclose()
    assert time.perf_counter() - began < 0.5
    assert asyncio.all_tasks() == before
    assert caller.emulator.ledger.connections_now == 0
    for writer in writers:
        writer.transport.abort()


async def test_aclose_leaves_no_warning() -> None:
    """After a busy life and garbage collection nothing complains."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(3):
            fault = Fault(route="create", kind="hang")
            async with (
                Emulator(Scenario(faults=[fault])) as emulator,
                aiohttp.ClientSession() as http,
            ):
                call = asyncio.create_task(http.post(emulator.base_url + CREATE))
                await until(lambda: emulator.ledger.posts)
                await emulator.aclose()
                with pytest.raises(aiohttp.ClientError):
                    await call
        await asyncio.sleep(0)
        gc.collect()
    assert [str(w.message) for w in caught] == []


async def test_listening_can_pause_and_resume(play: Play) -> None:
    """Between the two, new connections are refused; the port stays the same."""
    caller = await play()
    url = caller.emulator.base_url
    caller.emulator.pause_listening()
    with pytest.raises(aiohttp.ClientConnectorError):
        await caller.create()
    await caller.emulator.resume_listening()
    await caller.emulator.resume_listening()
    assert (await caller.create()).status == 200
    assert caller.emulator.base_url == url


async def test_closed_window_refuses_connections(play: Play) -> None:
    """A scenario can begin with its port shut, and opens it in time."""
    caller = await play(Scenario(closed=[(0, 0.05)]))
    with pytest.raises(aiohttp.ClientConnectorError):
        await caller.create()
    with anyio.fail_after(2):
        while True:
            await asyncio.sleep(0.01)
            try:
                reply = await caller.create()
            except aiohttp.ClientConnectorError:
                continue
            break
    assert reply.status == 200


async def test_closing_within_a_window_is_quiet(play: Play) -> None:
    """An emulator can end, or play something else, while its port is shut."""
    caller = await play(Scenario(closed=[(0, 60)]))
    await caller.emulator.play(Scenario())
    assert (await caller.create()).status == 200
    await caller.emulator.play(Scenario(closed=[(0, 60)]))
    await caller.emulator.aclose()


async def test_ledger_counts_what_happened(play: Play) -> None:
    """Received, accepted and refused are kept per request and per prompt."""
    fault = Fault(route="create", kind="reset_after_body", match="lost")
    caller = await play(Scenario(duration=9, balance=3, faults=[fault]))
    ids = [await caller.made("one"), await caller.made("one", seed=2)]
    await caller.raw(caller.create_bytes("lost"))
    await caller.create("poor")
    await caller.create("")
    await caller.send("POST", CREATE, data=b"{")
    await caller.query(ids[0])
    await caller.query(ids[0])
    ledger = caller.emulator.ledger
    key = '{"input":{"prompt":"one"},"model":"z-image"}'
    assert ledger.posts == 6
    assert ledger.received_by_prompt == {"one": 2, "lost": 1, "poor": 1, "": 1}
    assert ledger.accepted_by_prompt == {"one": 2, "lost": 1}
    assert (ledger.received[key], ledger.accepted[key]) == (1, 1)
    assert ledger.accepted_total == 3
    assert ledger.refused == {"no_balance": 1, "invalid": 2}
    assert ledger.queries == {ids[0]: 2}
    assert ledger.faults == {"reset_after_body": 1}
    assert (ledger.peak(), ledger.peak("z-image"), ledger.peak("x")) == (3, 3, 0)


async def test_ledger_notes_leaked_keys(play: Play) -> None:
    """A key on a file request is noted, in whatever place it came."""
    caller = await play(Scenario(duration=0))
    url = await caller.url(await caller.made())
    key = caller.emulator.api_key
    await caller.file(url)
    assert list(caller.emulator.ledger.leaks) == []
    for headers in ({"Authorization": "Bearer other"}, {"X-Strange": f"v={key}"}):
        async with caller.http.get(url, headers=headers) as reply:
            assert reply.status == 200
    await caller.file(f"{url}?key={key}")
    path = url.removeprefix(caller.emulator.base_url)
    assert list(caller.emulator.ledger.leaks) == [
        Leak(path, "Authorization"),
        Leak(path, "X-Strange"),
        Leak(path, "query"),
    ]


async def test_ledger_counts_connections(play: Play) -> None:
    """Open, peak and total connections follow the sockets."""
    caller = await play()
    writers = [await hold(caller, b"") for _ in range(3)]
    ledger = caller.emulator.ledger
    await until(lambda: ledger.connections_now == 3)
    for writer in writers:
        writer.transport.abort()
    await until(lambda: not ledger.connections_now)
    assert (ledger.connections, ledger.connections_peak) == (3, 3)


async def test_ledger_page_is_the_snapshot(play: Play) -> None:
    """Other languages get the same books as JSON, without a key."""
    caller = await play(Scenario(duration=0))
    task_id = await caller.made("p", seed=3)
    await caller.query(task_id)
    address = f"{caller.emulator.base_url}/emulator/ledger"
    page = (await caller.file(address)).json
    own = caller.emulator.snapshot()
    for books in (page, own):
        books["requests"].pop("control", None)
    assert page == json.loads(json.dumps(own))
    assert page["accepted_total"] == 1
    task = page["tasks"][task_id]
    assert task["request"]["input"] == {"prompt": "p", "seed": 3}
    assert (task["state"], task["queries"]) == ("success", 1)
    assert (task["dialect"], task["model"]) == ("liangxin", "z-image")
    assert [(await caller.file(url)).status for url in task["urls"]] == [200]
    assert "tasks" not in (await caller.file(f"{address}?tasks=no")).json


async def test_scenario_page_begins_another_scenario(play: Play) -> None:
    """A posted scenario is played; a bad one is named and changes nothing."""
    caller = await play()
    url = "/emulator/scenario"
    reply = await caller.send("POST", url, json={"balance": 0})
    assert (reply.status, reply.json) == (200, {"ok": True})
    assert (await caller.create()).status == 403
    for data, words in (
        (b'{"balance": -1}', "balance must be"),
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"3", "must be an object"),
    ):
        reply = await caller.send("POST", url, data=data)
        assert reply.status == 400
        assert words in reply.json["error"]
    assert (await caller.create()).status == 403


async def test_index_page_says_it_is_emulated(play: Play) -> None:
    """People who look find the routes, the models and the fault kinds."""
    caller = await play(Scenario(models=["extra-model"]))
    text = (await caller.file(f"{caller.emulator.base_url}/emulator/")).body.decode()
    for words in ("not", "createTask", "nano-banana-pro", "extra-model", "gzip_bomb"):
        assert words in text


async def test_door_says_what_it_is(play: Play) -> None:
    """Who opens the printed address in a browser is told where to go on."""
    caller = await play()
    url = caller.emulator.base_url
    told = (await caller.file(f"{url}/")).json
    assert "stand-in" in told["emulator"]
    assert "POST /api/v1/jobs/createTask" in told["paths"]
    assert "POST /v1/images/generations" in told["paths"]
    assert told["more"] == f"{url}/emulator/"
    assert (await caller.send("POST", "/", data=b"{}")).status == 404
    assert caller.emulator.ledger.requests == {"control": 1, "other": 1}


async def test_play_begins_counts_anew(play: Play) -> None:
    """A new scenario has fresh counts and account; tasks and books stay."""
    scenario = Scenario(
        revoke_after=1, faults=[Fault(route="create", kind="html_500", nth=1)]
    )
    caller = await play(scenario)
    for _ in range(2):
        assert (await caller.create()).status == 500
        task_id = await caller.made()
        assert (await caller.create()).status == 401
        await caller.emulator.play(scenario)
    assert (await caller.query(task_id)).status == 200
    assert caller.emulator.ledger.accepted_total == 2


async def test_serve_announces_and_runs_until_cancelled() -> None:
    """`serve` tells its address, answers, and closes its port when cancelled."""
    seen: list[Emulator] = []
    running = asyncio.create_task(serve(Scenario(), "127.0.0.1", 0, "k-1", seen.append))
    await until(lambda: seen)
    url = f"{seen[0].base_url}/emulator/"
    async with aiohttp.ClientSession() as http:
        async with http.get(url) as reply:
            assert reply.status == 200
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get(url)
    assert seen[0].api_key == "k-1"


@pytest.mark.parametrize("steps", range(8))
async def test_closing_ends_a_connection_that_was_just_accepted(steps: int) -> None:
    """However far the loop is with it: no socket is left to whoever ends the loop."""
    emulator = Emulator()
    await emulator.start()
    address = ("127.0.0.1", int(emulator.base_url.rpartition(":")[2]))
    with socket.create_connection(address) as client:
        for _ in range(steps):
            await asyncio.sleep(0)
        await emulator.aclose()
        client.setblocking(False)
        with suppress(ConnectionResetError):
            assert client.recv(1) == b""
    assert emulator.ledger.connections_now == 0


async def test_many_calls_at_once_are_all_answered(play: Play) -> None:
    """300 creates at once: 300 tasks, each once."""
    caller = await play()
    replies = await asyncio.gather(*(caller.create(str(n)) for n in range(300)))
    assert {r.status for r in replies} == {200}
    assert len({r.json["data"]["taskId"] for r in replies}) == 300
    assert set(caller.emulator.ledger.accepted_by_prompt.values()) == {1}


def task(number: int, model: str = "m", duration: float = 1.0) -> Task:
    """Return a task accepted at the instant `number / 1024`."""
    settings: dict[str, Any] = {"prompt": "p", "key": "k", "param": "{}"}
    return Task(
        task_id=f"t{number}",
        model=model,
        created=number / 1024,
        duration=duration,
        **settings,
    )


def test_store_holds_many_tasks_cheaply() -> None:
    """100,000 tasks go in, are counted and found, in well under 3 s of CPU."""
    store, began = TaskStore(), time.process_time()
    for number in range(100_000):
        store.add(task(number))
    assert store.in_flight(None, 99_999 / 1024) == 1024
    assert store.peak() == 1024
    assert len(store) == 100_000
    assert store.get("t99999") is not None
    assert time.process_time() - began < 3


def test_store_counts_by_model_and_end() -> None:
    """A task counts until the instant of its end, for its own model."""
    store = TaskStore()
    store.add(task(0, "a", 2.0))
    store.add(task(1, "b", 1.0))
    assert [store.in_flight(m, 0.5) for m in (None, "a", "b", "c")] == [2, 1, 1, 0]
    assert [store.in_flight(m, 1.001) for m in (None, "a", "b")] == [1, 1, 0]
    assert store.in_flight(None, 2.0) == 0
    assert (store.peak(), store.peaks()) == (2, {"a": 1, "b": 1})
