"""End-to-end tests: real sockets on loopback, against the emulator."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest


@pytest.fixture(autouse=True)
async def nothing_left(anyio_backend: object) -> AsyncIterator[None]:
    """After every test of the loop: no task of ours, and no socket left to the GC."""
    gc.freeze()  # only what the test itself makes is looked through afterwards
    yield
    await asyncio.sleep(0)
    gc.collect()
    gc.unfreeze()
    running = (repr(task.get_coro()) for task in asyncio.all_tasks())
    left = [coroutine for coroutine in running if "TestRunner" not in coroutine]
    assert not left, f"still running: {left}"
