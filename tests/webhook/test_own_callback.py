"""A callback URL that a request names itself, on this machine: whose service may call."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from aiohttp import web

from liangxin_async import (
    EVOLINK,
    LIANGXIN,
    Generic,
    InvalidRequestError,
    Session,
    ZImage,
    ZImageTurbo,
)
from liangxin_async.emulator import Emulator, Fixed, Scenario
from liangxin_async.models import Request
from liangxin_async.testing import FakeSession

pytestmark = pytest.mark.anyio

HERE = "http://127.0.0.1:8000/canary"


@pytest.mark.parametrize(
    ("dialect", "request_", "name"),
    [
        (LIANGXIN, ZImage("a cat", callback_url=HERE), "callBackUrl"),
        (LIANGXIN, Generic("m", {}, callback_url=HERE), "callBackUrl"),
        (EVOLINK, Generic("m", {}, callback_url=HERE), "callback_url"),
        (EVOLINK, ZImageTurbo("a cat", callback_url=HERE), "callback_url"),
    ],
)
async def test_own_callback_here_is_not_for_a_service_elsewhere(
    dialect: Any, request_: Request, name: str
) -> None:
    """It could not call: refused by name and without the path, and nothing is sent."""
    async with FakeSession(dialect=dialect) as session:
        with pytest.raises(InvalidRequestError) as caught:
            await session.submit(request_)
        (outcome,) = [outcome async for outcome in session.map([request_])]
        assert str(outcome.error) == str(caught.value)
        assert session.requests == ()
    (problem,) = caught.value.problems
    assert (problem.field, problem.given) == (name, "'http://127.0.0.1/…'")


@pytest.mark.parametrize("dialect", [LIANGXIN, EVOLINK], ids=repr)
async def test_own_callback_here_is_called_by_a_service_here(dialect: Any) -> None:
    """The emulator reports the end to it, as it does below a session's own URL."""
    heard: list[str] = []

    async def ended(request: web.Request) -> web.Response:
        heard.append(json.dumps(await request.json()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/own", ended)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await runner.setup()
        await web.SockSite(runner, listener).start()
        own = f"http://127.0.0.1:{listener.getsockname()[1]}/own"
        kind = ZImage if dialect is LIANGXIN else ZImageTurbo
        async with (
            Emulator(Scenario(duration=Fixed(0.05))) as service,
            Session(
                service.api_key, base_url=service.base_url, dialect=dialect
            ) as session,
        ):
            result = await session.generate(kind("a cat", callback_url=own), timeout=10)
            await service.callbacks_done()
        await runner.cleanup()
    assert len(heard) == 1
    assert result.task_id in heard[0]
