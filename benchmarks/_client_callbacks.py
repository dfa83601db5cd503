"""A session that receives callbacks in the same process, and one that does not."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from attrs import evolve

from benchmarks._child import Spec, main
from liangxin_async import Polling, Session, ZImage
from liangxin_async.webhook import Receiver


@asynccontextmanager
async def receiving(url: str, polling: Polling) -> AsyncIterator[Session]:
    """Give a session on `url`, with its receiver in an `aiohttp.web` application."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        place = f"http://127.0.0.1:{listener.getsockname()[1]}/liangxin"
        session = Session(
            "benchmark-key", base_url=url, polling=polling, callback_url=place
        )
        app = web.Application()
        app.add_routes(Receiver(session).routes())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.SockSite(runner, listener).start()
            async with session:
                yield session
        finally:
            await runner.cleanup()


def _polling(spec: Spec) -> Polling:
    return evolve(Polling(), first=Polling().first * spec.pace)


async def _make(session: Session, count: int) -> None:
    requests = (ZImage(f"picture {number}") for number in range(count))
    async for outcome in session.map(requests):
        outcome.unwrap()


async def called_back(spec: Spec) -> None:
    """The default settings, and callbacks."""
    async with receiving(spec.url, _polling(spec)) as session:
        await _make(session, spec.tasks)


async def polled(spec: Spec) -> None:
    """The default settings, and nothing else."""
    async with Session(
        "benchmark-key", base_url=spec.url, polling=_polling(spec)
    ) as session:
        await _make(session, spec.tasks)


if __name__ == "__main__":
    main({"callbacks": called_back, "polling": polled})
