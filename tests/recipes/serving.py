"""Serve the recipe's application on a loopback socket, as its own last line would."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import uvicorn
from aiohttp import ClientSession, web

from liangxin_async.emulator import Emulator, Scenario

from .conftest import Recipe


def new_socket() -> socket.socket:
    """Return a listening socket on a free port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


@asynccontextmanager
async def serve(
    recipe: Recipe, listener: socket.socket | None = None
) -> AsyncIterator[ClientSession]:
    """Give a client of the served application; leaving stops it as Ctrl-C would."""
    listener = listener or new_socket()
    port = listener.getsockname()[1]
    served = _uvicorn if recipe.name != "aiohttp" else _aiohttp
    client = ClientSession(f"http://127.0.0.1:{port}")
    async with client, served(recipe, listener):
        yield client


@asynccontextmanager
async def _uvicorn(recipe: Recipe, listener: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(
        recipe.served, log_config=None, http="h11", ws="none", **recipe.settings
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    try:
        with anyio.fail_after(10):
            while not server.started:
                assert not serving.done(), "it did not start"
                await anyio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        with anyio.fail_after(20):
            await serving


@asynccontextmanager
async def _aiohttp(recipe: Recipe, listener: socket.socket) -> AsyncIterator[None]:
    runner = web.AppRunner(recipe.served, **recipe.settings)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield
    finally:
        with anyio.fail_after(20):
            await runner.cleanup()


async def get(client: ClientSession, path: str, **options: Any) -> tuple[int, Any]:
    """Return status and JSON of an answer."""
    async with client.get(path, **options) as answer:
        return answer.status, await answer.json()


async def until(happened: Callable[[], Any]) -> None:
    """Wait until `happened()` is true, ten seconds at most."""
    with anyio.fail_after(10):
        while not happened():  # noqa: ASYNC110 - it is in somebody else's program
            await anyio.sleep(0.01)


def calling(listener: socket.socket, **play: Any) -> Scenario:
    """Return a scenario that calls back here for the recipes' public address."""
    here = f"http://127.0.0.1:{listener.getsockname()[1]}"
    return Scenario(callbacks={"hosts": {"art.example.com": here}}, **play)


def finish(emulator: Emulator) -> None:
    """Let every task end now."""
    for task in emulator.tasks:
        emulator.tasks.finish(task, emulator.world.clock())
