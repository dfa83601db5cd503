"""Services of the API family: the LiangXin dialect takes each as it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from liangxin_async import (
    AuthenticationError,
    BadRequestError,
    EmptyResultError,
    Generic,
    InsufficientQuotaError,
    NotFoundError,
    Polling,
    TaskFailedError,
    TaskLostError,
    TaskState,
    ZImage,
)
from liangxin_async.emulator import Failure, Fault, Scenario

from .service import emulated

pytestmark = pytest.mark.anyio

# Each habit that the emulator knows, alone.
HABITS: dict[str, dict[str, Any]] = {
    "message for msg": {"message_for_msg": True},
    "refusals in 200": {"refusals_in_200": True},
    "bare ids": {"bare_ids": True},
    "snake case": {"snake_names": True},
    "result_urls": {"result_name": "result_urls"},
    "integer failCode": {"fail_code_number": True},
    "progress": {"progress": True},
    "seconds": {"times": "seconds"},
    "text times": {"times": "text"},
    "no times": {"times": "absent"},
}


@pytest.mark.parametrize("family", HABITS.values(), ids=HABITS)
async def test_family_habit_changes_nothing_for_the_caller(
    family: dict[str, Any], tmp_path: Path
) -> None:
    """Whatever the spelling: a file, a failure with its code, a refusal with its words."""
    failure = Failure(match="bad luck", code="400", message="refused by the upstream")
    scenario = {"family": family, "failures": (failure,)}
    async with emulated(scenario=scenario) as (session, _):
        result = await session.generate(ZImage("a cat"))
        assert await session.download(result, tmp_path)
        with pytest.raises(TaskFailedError) as failed:
            await session.generate(ZImage("bad luck"))
        with pytest.raises(BadRequestError, match="unsupported model"):
            await session.submit(Generic("no-such-model", {"prompt": "a"}))
        with pytest.raises(NotFoundError):
            await session.record("nobody-knows-this-one")
    assert (failed.value.fail_code, failed.value.fail_message) == (
        "400",
        "refused by the upstream",
    )
    if family.get("times") not in ("absent",):
        created, ended = result.record.created_at, result.record.completed_at
        assert created is not None
        assert ended is not None
        assert 2020 < created.year < 2100
        assert created <= ended
    if family.get("bare_ids"):
        assert re.fullmatch("[0-9a-f]{32}", result.task_id)


async def test_family_as_its_best_known_service_is_documented() -> None:
    """20 creates in a window and no queue, codes in 200, late records: nothing lost."""
    # The documented window is 10 s; a twentieth of it keeps the test short.
    scenario = Scenario.from_dict(
        {
            "preset": "market",
            "duration": 0.05,
            "capacity": [{"kind": "sliding_window", "calls": 20, "seconds": 0.5}],
        }
    )
    playing = {
        name: getattr(scenario, name)
        for name in ("family", "capacity", "visible_after", "unknown_task")
    }
    async with emulated(scenario=playing) as (session, emulator):
        prompts = [f"picture {index}" for index in range(60)]
        outcomes = [outcome async for outcome in session.map(map(ZImage, prompts))]
    assert all(outcome.error is None for outcome in outcomes)
    assert dict(emulator.ledger.accepted_by_prompt) == dict.fromkeys(prompts, 1)
    assert session.stats.saturated > 0
    assert emulator.ledger.queries_refused["not_found"] > 0


@pytest.mark.parametrize(
    "unknown", ["code_422", "http_404", "task_not_exist", "bad_request"]
)
async def test_family_record_that_shows_up_late(unknown: str) -> None:
    """In each spelling of "not found": hidden while the record may still come."""
    late = Fault(route="query", kind="not_found", nth=(1, 6))
    async with emulated(late, scenario={"unknown_task": unknown}) as (
        session,
        emulator,
    ):
        handle = await session.submit(ZImage("a cat"))
        with pytest.raises(NotFoundError):
            await session.record(handle.task_id)
        assert (await handle).urls
    assert emulator.ledger.faults["not_found"] == 6


async def test_family_record_that_never_shows_up() -> None:
    """After the grace it is one typed error that keeps the id."""
    scenario = {"visible_after": 1e6}
    polling = Polling(first=0.02, floor=0.02, grace=0.2)
    async with emulated(scenario=scenario, polling=polling) as (session, _):
        handle = await session.submit(ZImage("a cat"))
        with pytest.raises(TaskLostError) as caught:
            await handle
    assert caught.value.task_id == handle.task_id
    assert caught.value.charged == "yes"


@pytest.mark.parametrize("code", [501, 408])
async def test_family_code_that_says_the_task_failed(code: int) -> None:
    """No state, no record: the envelope's code is the end of the task, at once."""
    failure = Failure(message="generation failed")
    scenario = {"family": {"failure_in_code": code}, "failures": (failure,)}
    async with emulated(scenario=scenario) as (session, emulator):
        with pytest.raises(TaskFailedError) as caught:
            await session.generate(ZImage("a cat"))
    error = caught.value
    assert error.fail_code == str(code)
    assert error.record is not None
    assert error.record.state is TaskState.FAIL
    assert emulator.ledger.accepted_total == 1


async def test_family_text_result_is_no_picture_and_is_kept() -> None:
    """A success without a URL is an error that holds the answer as it came."""
    async with emulated(scenario={"family": {"text_results": True}}) as (session, _):
        with pytest.raises(EmptyResultError) as caught:
            await session.generate(ZImage("a cat"))
    assert caught.value.record is not None
    assert "resultObject" in caught.value.record.raw["resultJson"]
    assert caught.value.charged == "yes"


async def test_family_dead_account_inside_200_ends_a_batch() -> None:
    """401 and 402 inside HTTP 200 stop a run like the statuses themselves."""
    family = {"refusals_in_200": True, "message_for_msg": True}
    for setting, kind in (
        ({"balance": 0}, InsufficientQuotaError),
        ({"revoke_after": 0}, AuthenticationError),
    ):
        async with emulated(scenario={"family": family, **setting}) as (session, emul):
            with pytest.raises(kind):
                await session.submit(ZImage("a cat"))
            batch = session.map(ZImage(str(number)) for number in range(20))
            with pytest.raises(kind):
                await anext(aiter(batch))
            await batch.aclose()
        assert emul.ledger.accepted_total == 0


async def test_video_comes_as_its_content_type_says(tmp_path: Path) -> None:
    """A video is recognised and saved as one; no picture check stands in its way."""
    async with emulated() as (session, _):
        request = Generic("kling-v3-pro", {"prompt": "a cat walks"})
        result = await session.generate(request)
        paths = await session.download(result, tmp_path, max_size_bytes=1_000_000)
    assert [path.suffix for path in paths] == [".mp4"]
    assert paths[0].read_bytes()[4:8] == b"ftyp"


async def test_several_files_of_one_task(tmp_path: Path) -> None:
    """Every URL of a result is a file, in order."""
    async with emulated(scenario={"pictures": 3}) as (session, _):
        result = await session.generate(ZImage("a cat"))
        paths = await session.download(result, tmp_path, stem="cat")
    assert len(result.urls) == 3
    assert len({path.read_bytes() for path in paths}) == 3
    assert all(path.name.startswith("cat") for path in paths)


# --------------------------------------------------------------- of a future version


async def test_future_model_passes_through(tmp_path: Path) -> None:
    """A model value that nobody described is sent as it is, and works."""
    async with emulated(scenario={"models": ("z-image-9",)}) as (session, emulator):
        fields = {"prompt": "a cat", "mood": {"level": 3, "tags": ["calm", None]}}
        result = await session.generate(Generic("z-image-9", fields))
        assert await session.download(result, tmp_path)
    assert next(iter(emulator.tasks)).request == {"model": "z-image-9", "input": fields}


async def test_future_field_of_a_known_model_passes_through() -> None:
    """`Generic` sends a field that the model's class does not know yet."""
    async with emulated() as (session, emulator):
        fields = {"prompt": "a cat", "sharpness": 0.5}
        await session.generate(Generic("z-image", fields))
    assert next(iter(emulator.tasks)).request == {"model": "z-image", "input": fields}


async def test_future_state_is_waited_through_and_shown() -> None:
    """A state that no source names is not the end; its word is visible."""
    paused = Fault(
        route="query", kind="state", nth=(1, 3), params={"value": "upscaling"}
    )
    async with emulated(paused, scenario={"duration": 0.01}) as (session, _):
        handle = await session.submit(ZImage("a cat"))
        seen = [(r.state, r.raw_state) async for r in handle.updates()]
    assert (TaskState.UNKNOWN, "upscaling") in seen
    assert seen[-1][0] is TaskState.SUCCESS
