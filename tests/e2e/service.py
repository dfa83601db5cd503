"""Short ways to an emulator and a session on it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from liangxin_async import Polling, Session
from liangxin_async.emulator import Emulator, Fault, Fixed, Scenario
from tests.conftest import CANARY

QUICK = Polling(first=0.05, floor=0.02)


@asynccontextmanager
async def emulated(
    *faults: Fault, scenario: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[tuple[Session, Emulator]]:
    """Give a session on an emulator that plays `faults`."""
    play = {"duration": Fixed(0.1), **(scenario or {})}
    emulator = Emulator(scenario=Scenario(faults=faults, **play), api_key=CANARY)
    async with emulator:
        settings = {"polling": QUICK, **settings}
        async with Session(CANARY, base_url=emulator.base_url, **settings) as session:
            yield session, emulator


def create_fault(kind: str, **options: Any) -> Fault:
    """The first create meets `kind`."""
    return Fault(route="create", kind=kind, nth=1, **options)


def answer(status: int, body: object, route: str = "create") -> Fault:
    """The first call of `route` is answered with exactly this JSON."""
    params = {"status": status, "body": json.dumps(body)}
    return Fault(route=route, kind="answer", nth=1, params=params)
