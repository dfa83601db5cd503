"""The recipes for FastAPI with uvicorn and for aiohttp.web, over real sockets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiohttp import ClientSession

from liangxin_async.emulator import Emulator, Failure, Fixed, InFlight, Scenario

from .conftest import Recipe, Start
from .serving import calling, finish, get, new_socket, serve, until


def stored() -> list[str]:
    """The ids that the last stop wrote down."""
    ids: list[str] = json.loads(Path("open-tasks.json").read_text())
    return ids


def noted_ends(recipe: Recipe) -> list[str]:
    """Return a list that gets the name of whatever ends a `generate` of the recipe."""
    generate, ends = recipe.session.generate, []

    async def noted(*args: Any, **options: Any) -> Any:
        try:
            return await generate(*args, **options)
        except BaseException as exc:
            ends.append(type(exc).__name__)
            raise

    recipe.session.generate = noted
    return ends


async def leave_once(client: ClientSession, happened: Callable[[], Any]) -> None:
    """Ask for a picture, and hang up once something has happened."""
    with anyio.CancelScope() as scope:

        async def leave() -> None:
            await until(happened)
            scope.cancel()

        async with anyio.create_task_group() as group:
            group.start_soon(leave)
            await get(client, "/picture", params={"prompt": "a fox"})
    assert scope.cancelled_caught


pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("name", ["fastapi", "aiohttp"]),
]


async def test_service_answers_when_it_is_called_back(
    name: str, start: Start, emulator: Emulator
) -> None:
    """The receiver is mounted where the creates say: polling alone would take hours."""
    listener, recipe = new_socket(), start(name, first=9999.0)
    await emulator.play(calling(listener, duration=Fixed(0.1)))
    async with serve(recipe, listener) as client:
        status, body = await get(client, "/picture", params={"prompt": "a fox"})
        assert (status, len(body["urls"])) == (200, 1)
        assert recipe.session.stats.callback_hits == 1
        status, record = await get(client, f"/picture/{body['task_id']}")
        assert (status, record) == (200, {"state": "success", "urls": body["urls"]})
        missing, _ = await get(client, "/picture/task_of_nobody")
        assert missing == 404
        await emulator.callbacks_done()
    assert emulator.ledger.callback_answers == {"200": 1}
    assert emulator.ledger.accepted_by_prompt == {"a fox": 1}


async def test_service_outlives_its_client_and_its_own_restart(
    name: str, start: Start, emulator: Emulator
) -> None:
    """A client that goes away ends its wait at once, and not the picture: that is
    stored at the stop, followed by the next start, and never made again."""
    await emulator.play(Scenario(duration=Fixed(60)))
    recipe = start(name)
    recipe.set(grace=0)
    ends = noted_ends(recipe)
    async with serve(recipe) as client:
        await leave_once(client, lambda: recipe.session.pending)
        await until(lambda: ends)
        assert ends == ["CancelledError"]
        assert len(recipe.session.pending) == 1
    [task] = emulator.tasks
    assert stored() == [task.task_id]
    again = start(name)
    async with serve(again) as client:
        [handle] = again.session.pending
        finish(emulator)
        result = await handle.wait(timeout=10)
        _, record = await get(client, f"/picture/{task.task_id}")
        assert record == {"state": "success", "urls": list(result.urls)}
    assert stored() == []
    assert emulator.ledger.accepted_by_prompt == {"a fox": 1}


async def test_service_names_a_late_picture(
    name: str, start: Start, emulator: Emulator
) -> None:
    """What is not over in time is 202 with an id, to be asked for later."""
    await emulator.play(Scenario(duration=Fixed(60)))
    recipe = start(name)
    recipe.set(wait=1.0)
    async with serve(recipe) as client:
        status, body = await get(client, "/picture", params={"prompt": "a fox"})
        assert status == 202
        assert body["task_id"] in body["error"]
        finish(emulator)
        _, record = await get(client, f"/picture/{body['task_id']}")
        assert record["state"] == "success"


async def test_service_ends_after_its_handlers(
    name: str, start: Start, emulator: Emulator
) -> None:
    """A stop while a client waits: it gets its picture, and nothing is left open."""
    await emulator.play(Scenario(duration=Fixed(60)))
    recipe = start(name)
    answers: list[tuple[int, Any]] = []

    async def ask(client: ClientSession) -> None:
        answers.append(await get(client, "/picture", params={"prompt": "a fox"}))

    async with anyio.create_task_group() as group, serve(recipe) as client:
        group.start_soon(ask, client)
        await until(lambda: recipe.session.pending)
        finish(emulator)
    assert [status for status, _ in answers] == [200]
    assert stored() == []


async def test_service_tells_errors_by_status(
    name: str,
    start: Start,
    emulator: Emulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Bad prompt, failed task, saturation and a dead key: each its own status, and of
    our account no word."""
    failing = Failure(match="forbidden", message="upstream said: secret sauce")
    await emulator.play(Scenario(duration=Fixed(0.1), failures=(failing,)))
    recipe = start(name)
    async with serve(recipe) as client:

        async def told(prompt: str) -> tuple[int, str]:
            status, body = await get(client, "/picture", params={"prompt": prompt})
            return status, body["error"]

        assert (await told(""))[0] == 422
        status, words = await told("forbidden things")
        assert (status, "secret" in words) == (422, False)
        await emulator.play(Scenario(capacity=(InFlight(0),)))
        recipe.set(wait=0.5)
        assert (await told("a fox"))[0] == 503
        emulator.revoke_key()
        recipe.set(wait=60)
        status, words = await told("a fox")
        assert (status, "key" in words) == (502, False)
    assert "AuthenticationError" in caplog.text
    assert emulator.ledger.accepted_by_prompt == {"forbidden things": 1}
