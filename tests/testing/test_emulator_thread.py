"""The emulator beside a test that has no loop of its own."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import urllib.request

import pytest

from liangxin_async import AuthenticationError, InsufficientQuotaError, Session, ZImage
from liangxin_async.emulator import Fixed, Scenario
from liangxin_async.testing import EmulatorThread
from tests.conftest import CANARY
from tests.e2e.service import QUICK


async def generate(service: EmulatorThread) -> None:
    async with Session(
        service.api_key, base_url=service.base_url, polling=QUICK
    ) as session:
        await session.generate(ZImage("a"))


def test_emulator_thread_serves_and_ends() -> None:
    """Its books can be read during and after; its thread and port are gone then."""
    with EmulatorThread(Scenario(duration=Fixed(0.0)), api_key=CANARY) as service:
        asyncio.run(generate(service))
        with urllib.request.urlopen(f"{service.base_url}/emulator/ledger") as answer:
            assert json.load(answer)["accepted_total"] == 1
        assert service.snapshot()["accepted_total"] == 1
        assert "tasks" not in service.snapshot(tasks=False)
    assert service.ledger.accepted_total == 1
    assert "liangxin_async emulator" not in {t.name for t in threading.enumerate()}
    host, port = service.base_url.removeprefix("http://").split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=1).close()


def test_emulator_thread_can_be_troubled() -> None:
    """Scenario, key and balance change while it runs."""
    with EmulatorThread() as service:
        service.play(Scenario(duration=Fixed(0.0)))
        asyncio.run(generate(service))
        service.set_balance(0)
        with pytest.raises(InsufficientQuotaError):
            asyncio.run(generate(service))
        service.revoke_key()
        with pytest.raises(AuthenticationError):
            asyncio.run(generate(service))


def test_emulator_thread_says_why_it_cannot_start() -> None:
    """A taken port is an OSError for whoever starts it, and no thread stays."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        service = EmulatorThread(port=taken.getsockname()[1])
        with pytest.raises(OSError, match="in use"):
            service.start()
    assert "liangxin_async emulator" not in {t.name for t in threading.enumerate()}


def test_emulator_thread_life_cycle() -> None:
    """Closing twice, or before the start, is fine; starting twice is not."""
    service = EmulatorThread()
    service.close()
    with pytest.raises(RuntimeError, match="not running"):
        service.snapshot()
    with service, pytest.raises(RuntimeError, match="running already"):
        service.start()
    service.close()
    with service:
        assert service.ledger.accepted_total == 0
