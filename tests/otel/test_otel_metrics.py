"""What is counted and measured, in the conventions' units."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from liangxin_async import ConnectionLostError, LiangxinError, ZImage
from tests.otel.reading import Telemetry
from tests.otel.test_otel_spans import begun, failed, saved
from tests.shell.fakes import BAD_KEY, SATURATED, FakeService, session_on

pytestmark = pytest.mark.anyio

MODEL = "gen_ai.request.model"
BEGAN = 1_700_000_000_000  # the service's clock, ms


async def test_metrics_of_one_picture(telemetry: Telemetry) -> None:
    """One create, one task, the queries it took, and how long each part was."""
    service = FakeService(duration=8)
    async with session_on(service, observer=telemetry.observer()) as session:
        handle = await session.submit(ZImage("a"))
        # First: older SDKs tell a gauge once for each time it was set.
        (limit,) = telemetry.points("liangxin.client.task_limit")
        assert limit.value >= 1
        assert telemetry.sums("liangxin.client.active_tasks", MODEL) == {
            ("z-image",): 1
        }
        await handle
        stats = session.stats
    assert telemetry.sums(
        "liangxin.client.creates", MODEL, "liangxin.outcome", "error.type"
    ) == {("z-image", "accepted", None): 1}
    assert telemetry.sums("liangxin.client.active_tasks", MODEL) == {("z-image",): 0}
    assert telemetry.sums("liangxin.client.queued_submits") == {(): 0}
    assert telemetry.sums("liangxin.client.polls") == {(): stats.polls}
    (operation,) = telemetry.points("gen_ai.client.operation.duration")
    (task,) = telemetry.points("liangxin.client.task.duration")
    assert 8 <= task.sum < operation.sum < 11
    assert operation.attributes == {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": "liangxin",
        "gen_ai.request.model": "z-image",
    }
    assert operation.explicit_bounds[-1] == 3600


async def test_metrics_of_what_went_wrong(telemetry: Telemetry) -> None:
    """Refused, lost, given up and failed each count as themselves."""
    answers = iter([SATURATED, ConnectionLostError("reset"), BAD_KEY])
    service = FakeService(on_create=lambda body: next(answers, None), connecting=0.2)
    async with session_on(service, observer=telemetry.observer()) as session:
        for _ in range(2):
            with pytest.raises(LiangxinError):
                await session.submit(ZImage("a"))
        with anyio.move_on_after(0.1):
            await session.submit(ZImage("a"))
        lost = session.attach("unknown")
        with pytest.raises(LiangxinError):
            await lost.wait()
    assert telemetry.sums(
        "liangxin.client.creates", "liangxin.outcome", "error.type"
    ) == {
        ("refused", "SaturatedError"): 1,
        ("failed", "SubmitUnknownError"): 1,
        ("failed", "AuthenticationError"): 1,
        ("cancelled", None): 1,
    }
    assert telemetry.sums("liangxin.client.saturated", MODEL) == {("z-image",): 1}
    assert telemetry.sums("liangxin.client.queued_submits") == {(): 0}
    assert telemetry.sums("liangxin.client.active_tasks") == {(): 0}
    polls = telemetry.sums("liangxin.client.polls", "error.type")
    assert polls == {("NotFoundError",): session.stats.polls}
    ended = telemetry.sums("gen_ai.client.operation.duration", "error.type")
    assert ended == {("SubmitUnknownError",): 1, ("AuthenticationError",): 1}


async def test_metrics_count_the_queue(telemetry: Telemetry) -> None:
    """What waits for a permit shows, and how long it waited."""
    service = FakeService(duration=4)
    observer = telemetry.observer()
    async with (
        session_on(service, observer=observer, max_in_flight=1) as session,
        anyio.create_task_group() as group,
    ):
        for index in range(3):
            group.start_soon(session.generate, ZImage(f"p{index}"))
        await anyio.sleep(1)
        assert telemetry.sums("liangxin.client.queued_submits") == {(): 2}
        with anyio.move_on_after(1):
            await session.submit(ZImage("gone before its turn"))
        assert telemetry.sums("liangxin.client.queued_submits") == {(): 2}
    (waited,) = telemetry.points("liangxin.client.queue.duration")
    assert (waited.count, waited.min) == (3, 0)
    assert waited.max >= 8


@pytest.mark.parametrize("told", [True, False])
async def test_metrics_of_the_lag(telemetry: Telemetry, told: bool) -> None:
    """It is measured where the service tells its own times, whatever its clock says."""
    service = FakeService(duration=6)

    def on_query(task_id: str) -> Any:
        times = {"createTime": BEGAN, "completeTime": BEGAN + 6000} if told else {}
        return service.record(task_id, **times)

    service.on_query = on_query
    async with session_on(service, observer=telemetry.observer()) as session:
        await session.generate(ZImage("a"))
    points = telemetry.points("liangxin.client.poll.lag")
    (task,) = telemetry.points("liangxin.client.task.duration")
    assert len(points) == told
    if told:
        assert points[0].sum == pytest.approx(task.sum - 6)


def test_metrics_of_downloads(telemetry: Telemetry) -> None:
    """Bytes and seconds of what was saved; seconds of what was not."""
    observer = telemetry.observer()
    for event in (begun("t"), saved("t"), begun("t"), failed("t")):
        observer(event)
    (size,) = telemetry.points("liangxin.client.download.size")
    assert (size.count, size.sum) == (1, 1000)
    took = telemetry.sums(
        "liangxin.client.download.duration", "error.type", "http.response.status_code"
    )
    assert took == {(None, None): 1, ("DownloadError", 404): 1}
