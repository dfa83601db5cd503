"""Spans and metrics are read back from OpenTelemetry's own SDK, in virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.otel.reading import Telemetry
from tests.shell.conftest import VirtualLoop


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": VirtualLoop}


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    """An SDK of the test's own; the program's global one is never touched."""
    telemetry = Telemetry()
    yield telemetry
    telemetry.close()
