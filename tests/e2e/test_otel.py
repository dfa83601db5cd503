"""The OpenTelemetry observer over real sockets, with a real download."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from liangxin_async import LiangxinError, ZImage
from tests.conftest import CANARY
from tests.e2e.service import create_fault, emulated
from tests.otel.reading import Telemetry
from tests.otel.test_otel_spans import is_below

pytestmark = pytest.mark.anyio

PROMPT = "a prompt that nobody else may read"


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    telemetry = Telemetry()
    yield telemetry
    telemetry.close()


async def test_otel_from_submit_to_file(telemetry: Telemetry, tmp_path: Path) -> None:
    """One span holds all of it, the file too; no key, prompt or URL is in any."""
    user = telemetry.tracers.get_tracer("the user's")
    scenario = {"pictures": 2}
    observer = telemetry.observer()
    async with emulated(scenario=scenario, observer=observer) as (session, emulator):
        with user.start_as_current_span("handler"):
            result = await session.generate(ZImage(PROMPT))
            paths = await session.download(result, tmp_path)
        (task,) = telemetry.named("generate_content")
        for secret in (PROMPT, CANARY, emulator.base_url, "/files/"):
            assert secret not in telemetry.everything()
    (handler,) = telemetry.named("handler")
    assert is_below(task, handler)
    phases = telemetry.named("liangxin.")
    assert [phase.name.removeprefix("liangxin.") for phase in phases] == [
        *("queueing", "creating", "generating", "downloading", "downloading")
    ]
    assert all(is_below(phase, task) for phase in phases)
    times = [time for span in phases for time in (span.start_time, span.end_time)]
    assert times == sorted(times, key=lambda time: time or 0)
    assert task.start_time is not None
    assert task.start_time <= (times[0] or 0)
    assert (times[-1] or 0) <= (task.end_time or 0)
    (size,) = telemetry.points("liangxin.client.download.size")
    assert (size.count, size.sum) == (2, sum(path.stat().st_size for path in paths))


async def test_otel_of_a_lost_answer(telemetry: Telemetry) -> None:
    """A create in doubt is an error that says so."""
    fault = create_fault("reset_after_body")
    async with emulated(fault, observer=telemetry.observer()) as (session, _):
        with pytest.raises(LiangxinError):
            await session.generate(ZImage(PROMPT))
    assert (telemetry.task().attributes or {})["error.type"] == "SubmitUnknownError"
    creates = telemetry.sums("liangxin.client.creates", "liangxin.outcome")
    assert creates == {("failed",): 1}
