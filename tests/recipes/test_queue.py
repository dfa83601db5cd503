"""The recipe of a queue behind a handler: FastAPI, uvicorn, SQLite, real sockets."""

from __future__ import annotations

import sqlite3
from typing import Any

import anyio
import pytest
from aiohttp import ClientSession

from liangxin_async._gate import Ticket
from liangxin_async.emulator import Emulator, Failure, Fault, Fixed, InFlight, Scenario

from .conftest import Start
from .serving import finish, get, serve, until

pytestmark = pytest.mark.anyio

ME = {"X-Caller": "me"}


async def order(
    client: ClientSession, prompt: str, caller: str = "me"
) -> tuple[int, Any]:
    """Order a picture; return the status and the job, or the whole answer."""
    params = {"prompt": prompt}
    async with client.post("/jobs", params=params, headers={"X-Caller": caller}) as got:
        answer = await got.json()
        return got.status, answer.get("job", answer)


async def look(client: ClientSession, job: str) -> Any:
    """Return what is said of a job of mine."""
    status, answer = await get(client, f"/jobs/{job}", headers=ME)
    assert status == 200
    return answer


async def ended(client: ClientSession, job: str) -> Any:
    """Return what is said of a job once it is over."""
    with anyio.fail_after(10):
        while True:
            answer = await look(client, job)
            if answer["state"] not in ("sending", "accepted"):
                return answer
            await anyio.sleep(0.02)


async def test_queue_answers_at_once_and_tells_progress(
    start: Start, emulator: Emulator
) -> None:
    """202 comes before the create; then the state, the progress, and the URL."""
    await emulator.play(
        Scenario.from_dict({"preset": "market", "duration": 60, "visible_after": 0})
    )
    recipe = start("queue")
    async with serve(recipe) as client:
        status, job = await order(client, "a fox")
        assert (status, emulator.ledger.accepted_total) == (202, 0)
        seen: list[Any] = []
        with anyio.fail_after(10):
            while not seen or seen[-1]["progress"] is None:
                seen.append(await look(client, job))
                await anyio.sleep(0.02)
        assert seen[0]["state"] in ("sending", "accepted")
        assert seen[-1]["state"] == "accepted"
        finish(emulator)
        answer = await ended(client, job)
        assert answer["state"] == "success"
        assert answer["said"].startswith("http")
        others, _ = await get(client, f"/jobs/{job}", headers={"X-Caller": "you"})
        assert others == 404
    assert emulator.ledger.accepted_by_prompt == {"a fox": 1}


async def test_queue_survives_a_restart(start: Start, emulator: Emulator) -> None:
    """What was accepted is followed, what waited is sent, and nothing is sent twice."""
    await emulator.play(Scenario(duration=Fixed(60), capacity=(InFlight(2),)))
    recipe = start("queue")
    async with serve(recipe) as client:
        jobs = [(await order(client, f"picture {n}"))[1] for n in range(5)]
        await until(lambda: recipe.session.stats.accepted == 2)
    rows = sqlite3.connect("jobs.db")
    states = [state for (state,) in rows.execute("SELECT state FROM job")]
    rows.close()
    assert sorted(states) == ["accepted"] * 2 + ["queued"] * 3
    await emulator.play(Scenario(duration=Fixed(0.05)))
    finish(emulator)
    async with serve(start("queue")) as client:
        for job in jobs:
            assert (await ended(client, job))["state"] == "success"
    assert set(emulator.ledger.accepted_by_prompt.values()) == {1}
    assert len(emulator.ledger.accepted_by_prompt) == 5


async def test_queue_after_a_crash_sends_nothing_that_may_have_been_paid_for(
    start: Start, emulator: Emulator
) -> None:
    """A job that was being sent when the program died is unknown, and stays so."""
    start("queue").db.close()  # makes the table
    rows = sqlite3.connect("jobs.db", isolation_level=None)
    rows.execute("INSERT INTO job VALUES ('j', 'me', 'a fox', NULL, 'sending', NULL)")
    rows.close()
    async with serve(start("queue")) as client:
        assert (await look(client, "j"))["state"] == "unknown"
    assert emulator.ledger.posts == 0


async def test_queue_tells_errors_in_words(start: Start, emulator: Emulator) -> None:
    """A bad prompt at once; a failed task, a lost create and a dead key in the job."""
    lost = Fault(route="create", kind="reset_after_body", nth=2)
    failing = Failure(match="forbidden", message="upstream said: secret sauce")
    await emulator.play(
        Scenario(duration=Fixed(0.05), failures=(failing,), faults=(lost,))
    )
    recipe = start("queue")
    async with serve(recipe) as client:
        assert (await order(client, ""))[0] == 422
        answer = await ended(client, (await order(client, "forbidden things"))[1])
        assert answer["state"] == "fail"
        assert "secret" not in answer["said"]
        answer = await ended(client, (await order(client, "a lost fox"))[1])
        assert answer["state"] == "unknown"
        emulator.revoke_key()
        answer = await ended(client, (await order(client, "a fox"))[1])
        assert answer["state"] == "fail"
        assert "key" not in answer["said"]
        recipe.set(most=0)
        assert (await order(client, "one too many"))[0] == 503


async def test_queue_lets_callers_take_turns(
    start: Start, emulator: Emulator, granted: list[Ticket]
) -> None:
    """One caller's dozen jobs do not hold up another's first."""
    room = InFlight(3)
    await emulator.play(Scenario(duration=Fixed(60), capacity=(room,)))
    recipe = start("queue")
    async with serve(recipe) as client:
        for number in range(12):
            await order(client, f"mine {number}")
        await until(lambda: recipe.session.stats.accepted == 3)
        before = set(granted)
        _, theirs = await order(client, "theirs", caller="you")
        await emulator.play(Scenario(duration=Fixed(0.02), capacity=(room,)))
        finish(emulator)
        await until(lambda: theirs not in recipe.jobs)
        new = [ticket.key for ticket in granted if ticket not in before]
        assert "you" in new[:2]
        assert recipe.jobs
    assert set(emulator.ledger.accepted_by_prompt.values()) == {1}
