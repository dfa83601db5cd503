"""Emulators that stand still in time, for the tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from liangxin_async.emulator import Emulator, Scenario
from tests.emulator.caller import Caller, Clock, Play


@pytest.fixture
async def play() -> AsyncIterator[Play]:
    """Start emulators that stand still in time, and end them."""
    callers: list[Caller] = []

    async def start(scenario: Scenario | None = None, **settings: Any) -> Caller:
        clock = Clock()
        emulator = Emulator(scenario, clock=clock, **settings)
        await emulator.start()
        timeout = aiohttp.ClientTimeout(total=5)
        caller = Caller(emulator, clock, aiohttp.ClientSession(timeout=timeout))
        callers.append(caller)
        return caller

    yield start
    for caller in callers:
        await caller.http.close()
        await caller.emulator.aclose()
