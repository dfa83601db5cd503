"""What a query may meet on the wire: repeated, isolated, and never a lost task."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from liangxin_async import (
    EmptyResultError,
    NotFoundError,
    ProtocolError,
    TaskFailedError,
    TaskLostError,
    Timeouts,
    ZImage,
)
from liangxin_async.emulator import Failure, Fault
from liangxin_async.emulator._liangxin_forms import NOT_FOUND

from .service import emulated

pytestmark = pytest.mark.anyio

CAT = ZImage("a cat")

REPEATED = [
    "reset_before_body",
    "reset_after_body",
    "close_silently",
    "hang",
    "cut_length",
    "cut_chunked",
    "cut_close",
    "garbage",
    "huge_header",
    "many_headers",
    "html_500",
    "html_502",
    "html_503",
    "html_504",
    "login_page",
    "utf16",
    "invalid_utf8",
    "deep_nesting",
    "gzip_bomb",
    "bad_gzip",
    "empty_body",
    "code_in_200",
    "redirect",
    "wrong_task_id",
    "not_found",
    "data_null",
    "state_missing",
]


NEEDED: dict[str, dict[str, Any]] = {
    "code_in_200": {"code": 500},
    "gzip_bomb": {"size_bytes": 1 << 28},
    "redirect": {"location": "/elsewhere"},
}


@pytest.mark.parametrize("kind", REPEATED)
async def test_query_with_a_useless_answer_is_repeated(kind: str) -> None:
    """The first two queries fail in this way; the picture comes all the same."""
    fault = Fault(route="query", kind=kind, nth=(1, 2), params=NEEDED.get(kind, {}))
    timeouts = Timeouts(query=0.5)
    async with emulated(fault, timeouts=timeouts) as (session, emulator):
        assert (await session.generate(CAT, timeout=60)).urls
        assert emulator.ledger.faults[kind] == 2
        assert emulator.ledger.posts == 1


READ = [
    "bom",
    "wrong_content_type",
    "no_content_type",
    "nan",
    "duplicate_keys",
    "lone_surrogate",
    "huge_integer",
    "gzip_members",
    "early_hints",
    "extra_bytes",
    "message_for_msg",
    "snake_names",
    "progress",
    "result_double",
    "result_list",
    "result_object",
    "state_upper",
    "state_other_words",
    "state_backwards",
    "times_seconds",
    "times_text",
    "urls_single",
    "urls_snake",
    "urls_repeated",
]


@pytest.mark.parametrize("kind", READ)
async def test_query_with_an_odd_answer_is_read(kind: str) -> None:
    """Every line of the tolerance list, in every answer: the result is there."""
    async with emulated(Fault(route="query", kind=kind)) as (session, emulator):
        result = await session.generate(CAT, timeout=30)
        assert all(url.startswith(emulator.base_url) for url in result.urls)
        assert result.record.task_id == result.task_id


EMPTY = [
    "result_malformed",
    "result_empty",
    "result_null",
    "result_missing",
    "urls_empty",
]


@pytest.mark.parametrize("kind", EMPTY)
async def test_query_with_success_but_no_url_is_an_error_with_the_record(
    kind: str,
) -> None:
    """Never a silent empty result: the raw answer is kept."""
    async with emulated(Fault(route="query", kind=kind)) as (session, _):
        with pytest.raises(EmptyResultError) as caught:
            await session.generate(CAT, timeout=30)
        assert caught.value.record is not None
        assert caught.value.record.raw
        assert caught.value.charged == "yes"


@pytest.mark.parametrize(
    "kind",
    ["fail_code_number", "fail_code_missing", "fail_message_null", "fail_message_long"],
)
async def test_failed_task_tells_what_the_service_said(kind: str) -> None:
    """Codes as text, a megabyte of words cut in the message."""
    failing = {"failures": (Failure(code="400", message="refused"),)}
    fault = Fault(route="query", kind=kind)
    async with emulated(fault, scenario=failing) as (session, _):
        with pytest.raises(TaskFailedError) as caught:
            await session.generate(CAT, timeout=30)
        assert caught.value.fail_code in ("400", None)
        assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("form", sorted(NOT_FOUND))
async def test_unknown_task_is_one_error_in_every_form(form: str) -> None:
    """All ways in which the family says so give NotFoundError."""
    async with emulated(scenario={"unknown_task": form}) as (session, _):
        with pytest.raises(NotFoundError):
            await session.record("nobody")


async def test_record_that_is_no_json_says_that_the_address_is_wrong() -> None:
    """A login page in the place of the API names base_url."""
    async with emulated(Fault(route="query", kind="login_page")) as (session, _):
        handle = await session.submit(CAT)
        with pytest.raises(ProtocolError, match="base_url"):
            await session.record(handle.task_id)


async def test_revoked_key_in_the_middle_keeps_every_id() -> None:
    """In-flight tasks end in errors that name them."""
    async with emulated(scenario={"duration": 5.0}) as (session, emulator):
        handles = [await session.submit(ZImage(f"p{index}")) for index in range(3)]
        emulator.revoke_key()
        for handle in handles:
            with pytest.raises(TaskLostError) as caught:
                await handle.wait(30)
            assert caught.value.task_id == handle.task_id


async def test_500_open_tasks_with_one_bad_each_way_disturb_nobody() -> None:
    """Answers about some tasks are page, reset, 500, wrong id or unknown state."""
    kinds = ["login_page", "reset_after_body", "html_500", "wrong_task_id", "state"]
    faults = [
        Fault(route="query", kind=kind, match=f"bad {kind}", params=params)
        for kind in kinds
        for params in ([{"value": "resting"}] if kind == "state" else [{}])
    ]
    async with emulated(*faults, scenario={"duration": 1.0}) as (session, emulator):
        bad: list[Any] = []
        good: list[Any] = []
        async with anyio.create_task_group() as group:

            async def submit(prompt: str, into: list[Any]) -> None:
                into.append(await session.submit(ZImage(prompt)))

            for kind in kinds:
                group.start_soon(submit, f"bad {kind}", bad)
            for index in range(495):
                group.start_soon(submit, f"good {index}", good)
        with anyio.fail_after(60):
            for handle in good:
                await handle
        assert not any(handle.done for handle in bad)
        assert emulator.ledger.posts == 500
