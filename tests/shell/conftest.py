"""Shell tests run in virtual time: a loop that never sleeps and knows deadlocks."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

import pytest


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting for a timeout it moves the loop's clock there."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("deadlock: every task waits and no timer is set")
            self.loop.virtual_now += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps from timer to timer."""

    virtual_now: float = 1000.0

    def __init__(self) -> None:
        selector = _JumpingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.virtual_now


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": VirtualLoop}
