"""Callbacks over real sockets: both faces, both dialects, forgeries and lost creates."""

from __future__ import annotations

import asyncio
import gzip
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import uvicorn
from aiohttp import web

from liangxin_async import (
    EVOLINK,
    LIANGXIN,
    Polling,
    Session,
    SubmitUnknownError,
    ZImage,
    ZImageTurbo,
)
from liangxin_async.webhook import MaskTokens, Receiver
from tests.conftest import CANARY

from .service import Service

pytestmark = pytest.mark.anyio

# Whatever ends sooner has ended by its callback, also once the usual pace is known.
PATIENT = Polling(first=30.0, floor=30.0)
REQUESTS: dict[Any, Any] = {LIANGXIN: ZImage("a cat"), EVOLINK: ZImageTurbo("a cat")}


@asynccontextmanager
async def by_aiohttp(
    receiver: Receiver, listener: socket.socket
) -> AsyncIterator[None]:
    """The receiver among the routes of an `aiohttp.web` application."""
    app = web.Application()
    app.add_routes(receiver.routes())
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def by_uvicorn(
    receiver: Receiver, listener: socket.socket
) -> AsyncIterator[None]:
    """The receiver as an ASGI application, served by a real server."""
    config = uvicorn.Config(
        receiver.asgi, log_config=None, ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:  # noqa: ASYNC110 - it has no event for that
            await asyncio.sleep(0.001)
        yield
    finally:
        server.should_exit = True
        await serving


FACES: dict[str, Any] = {"aiohttp": by_aiohttp, "uvicorn": by_uvicorn}


@asynccontextmanager
async def received(
    face: str, service: Service, dialect: Any = LIANGXIN, **settings: Any
) -> AsyncIterator[Session]:
    """Give a session on `service` whose callbacks are received by `face`."""
    options = settings.pop("receiver", {})
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        session = Session(
            CANARY,
            base_url=service.url,
            dialect=dialect,
            callback_url=f"http://127.0.0.1:{listener.getsockname()[1]}/liangxin",
            **{"polling": PATIENT, **settings},
        )
        receiver = Receiver(session, **options)
        async with session, FACES[face](receiver, listener):
            yield session


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what must come, however slow the machine is."""
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - it watches what has no event
            await asyncio.sleep(0.005)


both = pytest.mark.parametrize("face", FACES)


@both
@pytest.mark.parametrize("dialect", REQUESTS, ids=repr)
async def test_callback_ends_a_task_with_one_query(face: str, dialect: Any) -> None:
    """Polling alone would have asked after half a minute."""
    async with Service().open() as service, received(face, service, dialect) as session:
        result = await session.generate(REQUESTS[dialect], timeout=10)
        assert service.queries == {result.task_id: 1}
        assert session.stats.callback_hits == 1
        await until(lambda: service.statuses == {200: 1})


@both
async def test_many_tasks_end_by_their_callbacks(face: str) -> None:
    """Each with one query, in one connection or another, none mixed up."""
    async with Service().open() as service, received(face, service) as session:
        requests = [ZImage(f"picture {number}") for number in range(100)]
        async with asyncio.timeout(20):
            async for outcome in session.map(requests):
                asked = service.tasks[outcome.unwrap().task_id].request
                assert asked["input"]["prompt"] == outcome.request.prompt
        assert sum(service.queries.values()) == 100
        assert session.stats.callback_hits == 100
        assert session.stats.callback_forgeries == 0


@both
async def test_forged_callbacks_change_nothing(face: str) -> None:
    """Right path with an invented result, another's id, a wrong path, a replay."""
    invented = {"state": "success", "resultJson": '{"resultUrls":["https://evil/x"]}'}
    async with (
        Service(duration=3600, calls_back=False).open() as service,
        received(face, service) as session,
    ):
        first, second = [await session.submit(ZImage(f"{n}")) for n in range(2)]
        one, two = first.task_id, second.task_id
        forged = service.payload(one, **invented)
        assert await service.deliver(one, forged) == 200
        assert await service.deliver(two, forged) == 200
        unknown = service.payload(one, taskId="task_of_nobody", **invented)
        assert await service.deliver(one, unknown) == 200
        url = service.tasks[one].callback
        assert url is not None
        for wrong in (
            url[:-1] + ("A" if url[-1] != "A" else "B"),
            url + "x",
            url[:-44],
        ):
            assert await service.deliver(one, forged, url=wrong) == 404
        # The invented end, two ids on foreign paths, and the wrong paths, of which
        # aiohttp's own router has turned away the one without a token.
        forgeries = 5 if face == "aiohttp" else 6
        await until(lambda: session.stats.callback_forgeries == forgeries)
        assert not first.done
        assert not second.done
        assert service.queries == {one: 1}  # which the invented end has caused
        for task in service.tasks.values():
            task.ends = 0.0
        genuine = service.payload(one)
        for task_id in (one, two):
            assert await service.deliver(task_id, service.payload(task_id)) == 200
        results = [await first.wait(5), await second.wait(5)]
        for _ in range(20):
            assert await service.deliver(one, genuine) == 200
            assert await service.deliver(one, forged) == 200
        assert [r.urls for r in results] == [
            (service.file_of(task_id),) for task_id in (one, two)
        ]
        assert service.queries == {one: 2, two: 1}
        assert session.stats.callback_forgeries == forgeries


@both
@pytest.mark.parametrize("dialect", REQUESTS, ids=repr)
async def test_lost_create_is_rescued_by_its_callback(face: str, dialect: Any) -> None:
    """The connection broke after the service had accepted it: paid once, and found."""
    async with (
        Service(loses=2, duration=0.1).open() as service,
        received(face, service, dialect) as session,
    ):
        with pytest.raises(SubmitUnknownError) as caught:
            await session.submit(REQUESTS[dialect])
        assert caught.value.rescue is not None
        handle = await caught.value.rescue(10)
        assert (await handle.wait(5)).task_id == next(iter(service.tasks))
        result = await session.generate(REQUESTS[dialect], rescue_timeout=10)
        assert list(service.tasks) == [handle.task_id, result.task_id]
        assert session.stats.accepted == 2


@both
async def test_callbacks_of_another_replica_are_taken_and_lose_nothing(
    face: str,
) -> None:
    """Behind one URL the wrong process is met: it answers 200, the right one polls."""
    async with (
        Service().open() as service,
        received(face, service) as session,
        Session(
            CANARY,
            base_url=service.url,
            callback_url=f"{session._settings.paths._head}",
            polling=Polling(first=0.2),
        ) as other,
    ):
        Receiver(other)
        result = await other.generate(ZImage("a cat"), timeout=10)
        assert service.queries == {result.task_id: 1}
        assert other.stats.callback_misses == 1
        await until(lambda: service.statuses == {200: 1})
        assert session.stats == type(session.stats)()


@both
async def test_strange_deliveries_over_sockets(face: str) -> None:
    """Compressed, huge, announced too long, cut, slow, wrong method: each has its answer."""
    async with (
        Service(calls_back=False, duration=60).open() as service,
        received(
            face, service, receiver={"max_size_bytes": 5000, "read_timeout": 0.2}
        ) as session,
    ):
        task_id = (await session.submit(ZImage("a cat"))).task_id
        url = service.tasks[task_id].callback
        assert url is not None

        async def slow() -> AsyncIterator[bytes]:
            yield b"{"
            await asyncio.sleep(5)

        async def endless() -> AsyncIterator[bytes]:
            for _ in range(200):
                yield b" " * 1000

        async def delivered(body: Any, encoding: str = "") -> int:
            headers = {"Content-Encoding": encoding} if encoding else {}
            return await service.deliver(task_id, body, headers=headers)

        bomb = gzip.compress(bytes(1 << 22))
        assert len(bomb) < 5000
        assert await delivered(bomb, "gzip") == 413
        assert await delivered(b" " * 5001) == 413
        assert await delivered(b"not gzip", "gzip") == 400
        assert await delivered(b"{}", "br") in (400, 415)
        assert await delivered(b"{") == 400
        async with aiohttp.ClientSession() as http:
            assert (await http.post(url, data=slow())).status == 408
            assert (await http.post(url, data=endless())).status == 413
            for method in ("GET", "HEAD", "PUT"):
                reply = await http.request(method, url)
                assert (reply.status, reply.headers["Allow"]) == (405, "POST")
        assert service.queries == {}
        genuine = gzip.compress(b'{"data": {"taskId": "%s"}}' % task_id.encode())
        assert await delivered(genuine, "gzip") == 200
        await until(lambda: service.queries == {task_id: 1})


@both
async def test_callback_paths_stay_out_of_masked_access_logs(
    face: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The access loggers of both servers, with the filter on them."""
    mask = MaskTokens()
    loggers = [logging.getLogger(name) for name in ("aiohttp.access", "uvicorn.access")]
    for logger in loggers:
        logger.addFilter(mask)
        # A server without access log, which another test had, leaves it switched off.
        monkeypatch.setattr(logger, "propagate", True)
    caplog.set_level(logging.INFO)
    try:
        async with (
            Service().open() as service,
            received(face, service) as session,
        ):
            await session.generate(ZImage("a cat"), timeout=10)
            (task,) = service.tasks.values()
            await until(lambda: "POST /liangxin/" in caplog.text)
    finally:
        for logger in loggers:
            logger.removeFilter(mask)
    assert task.callback is not None
    token = task.callback.rpartition("/")[2]
    lines = [record.getMessage() for record in caplog.records]
    assert any("POST /liangxin/[callback]" in line for line in lines)
    for record in caplog.records:
        assert token not in repr(record.__dict__)
