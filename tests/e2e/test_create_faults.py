"""What a create may meet on the wire, and what it costs: the table of the policy."""

from __future__ import annotations

import anyio
import pytest

from liangxin_async import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConnectError,
    InsufficientQuotaError,
    NanoBananaPro,
    NotFoundError,
    PayloadTooLargeError,
    PermissionDeniedError,
    Session,
    SubmitUnknownError,
    Timeouts,
    UnprocessableError,
    ZImage,
)
from liangxin_async.emulator import Fault
from tests.conftest import CANARY

from .service import answer, create_fault, emulated

pytestmark = pytest.mark.anyio

CAT = ZImage("a cat")

DOUBT = [
    create_fault("reset_before_body"),
    create_fault("reset_after_body"),
    create_fault("close_silently"),
    create_fault("hang"),
    create_fault("slow", params={"seconds": 0.2}),
    create_fault("cut_length"),
    create_fault("cut_chunked"),
    create_fault("cut_close"),
    create_fault("garbage"),
    create_fault("huge_header"),
    create_fault("many_headers"),
    create_fault("html_500"),
    create_fault("html_501"),
    create_fault("html_502"),
    create_fault("html_503"),
    create_fault("html_504"),
    create_fault("html_520"),
    create_fault("login_page"),
    create_fault("utf16"),
    create_fault("invalid_utf8"),
    create_fault("deep_nesting", params={"levels": 100_000}),
    create_fault("gzip_bomb", params={"size_bytes": 1 << 28}),
    create_fault("bad_gzip"),
    create_fault("task_id_empty"),
    create_fault("task_id_null"),
    create_fault("task_id_missing"),
    answer(500, {"code": 500, "msg": "upstream error", "data": None}),
    answer(408, {"code": 408, "msg": "no result", "data": None}),
    answer(200, {"code": 500, "msg": "upstream error", "data": None}),
]


@pytest.mark.parametrize(
    "fault", DOUBT, ids=lambda fault: f"{fault.kind}-{fault.params}"
)
async def test_create_with_an_undecidable_answer_is_posted_once(fault: Fault) -> None:
    """Exactly one POST reaches the service, and the caller learns of the doubt."""
    timeouts = Timeouts(create=1.0, connect=1.0)
    async with emulated(fault, timeouts=timeouts) as (session, emulator):
        with pytest.raises(SubmitUnknownError) as caught:
            await session.generate(CAT)
        assert emulator.ledger.posts == 1
        assert caught.value.charged == "unknown"
        assert caught.value.__cause__ is not None
        assert session.stats.in_flight == 0
        # Nothing is damaged: the next one works.
        assert (await session.generate(ZImage("a dog"), timeout=20)).urls


async def test_create_on_a_connection_reset_at_accept_is_in_doubt() -> None:
    """The bytes had been handed to the system: nobody can know."""
    fault = Fault(route="connect", kind="reset_on_accept", nth=1)
    async with emulated(fault) as (session, emulator):
        with pytest.raises(SubmitUnknownError):
            await session.generate(CAT)
        assert emulator.ledger.connections == 1


FINE = [
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
    "task_id_number",
    "task_id_long",
    "task_id_path",
    "delay",
    "close_after",
]


@pytest.mark.parametrize("kind", FINE)
async def test_create_with_an_odd_but_good_answer_is_accepted(kind: str) -> None:
    """What can be read is taken, and the picture is made."""
    async with emulated(create_fault(kind)) as (session, emulator):
        result = await session.generate(CAT, timeout=30)
        assert result.urls
        assert emulator.ledger.accepted_total == emulator.ledger.posts == 1


AGAIN = [
    create_fault("model_not_found"),
    create_fault("system_cpu_overloaded"),
    create_fault("code_455"),
    create_fault("empty_body", params={"status": 429}),
    answer(200, {"code": 429, "msg": "later", "data": {"retryAfter": 0.1}}),
    answer(429, {"error": {"message": "load is saturated", "type": "new_api_error"}}),
    answer(429, {"code": "busy", "message": "later", "data": None}),
    answer(503, {"error": {"message": "当前分组上游负载已饱和", "code": ""}}),
]


@pytest.mark.parametrize(
    "fault", AGAIN, ids=lambda fault: f"{fault.kind}-{fault.params}"
)
async def test_create_that_was_clearly_refused_is_posted_again(fault: Fault) -> None:
    """A clear refusal costs a second POST and nothing else."""
    async with emulated(fault) as (session, emulator):
        assert (await session.generate(CAT, timeout=60)).urls
        assert emulator.ledger.posts == 2
        assert emulator.ledger.accepted_total == 1


def gateway(message: str, code: str = "") -> dict[str, object]:
    return {"error": {"message": message, "type": "new_api_error", "code": code}}


def business(code: object, message: str) -> dict[str, object]:
    return {"code": code, "msg": message, "data": None}


TERMINAL: list[tuple[int, dict[str, object], type[ApiError]]] = [
    (400, business(400, "input.prompt is required"), BadRequestError),
    (401, gateway("invalid token"), AuthenticationError),
    (402, business(402, "no credits"), InsufficientQuotaError),
    (403, gateway("not enough", "insufficient_user_quota"), InsufficientQuotaError),
    (403, {"code": "quota_not_enough", "message": "no"}, InsufficientQuotaError),
    (403, gateway("group not allowed", "access_denied"), PermissionDeniedError),
    (404, gateway("no such path"), NotFoundError),
    (405, {"success": False, "message": "not allowed"}, BadRequestError),
    (413, business(413, "too large"), PayloadTooLargeError),
    (422, business(422, "refused"), UnprocessableError),
    (433, business(433, "cap reached"), InsufficientQuotaError),
    (429, gateway("load is saturated", "insufficient_quota"), InsufficientQuotaError),
    (429, gateway("your balance is not enough"), InsufficientQuotaError),
    (200, business(402, "no credits"), InsufficientQuotaError),
    (200, business(400, "bad field"), BadRequestError),
]


@pytest.mark.parametrize(("status", "body", "error"), TERMINAL)
async def test_create_refused_for_good_is_posted_once(
    status: int, body: dict[str, object], error: type[ApiError]
) -> None:
    """Typed, at once, and free of charge."""
    async with emulated(answer(status, body)) as (session, emulator):
        with pytest.raises(error) as caught:
            await session.generate(CAT)
        assert emulator.ledger.posts == 1
        assert (caught.value.charged, caught.value.http_status) == ("no", status)
        assert caught.value.message


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_create_redirected_is_not_followed(status: int) -> None:
    """Neither key nor prompt goes to the other address, nor is there a second POST."""
    async with emulated() as (_, other):
        params = {"status": status, "location": other.base_url + "/x?secret=1"}
        async with emulated(create_fault("redirect", params=params)) as (
            session,
            first,
        ):
            with pytest.raises(ConfigurationError, match="base_url") as caught:
                await session.generate(CAT)
            assert "secret" not in str(caught.value)
            assert first.ledger.posts == 1
        assert sum(other.ledger.requests.values()) == 0


async def test_create_told_a_task_id_twice_reports_doubt_and_mixes_nothing() -> None:
    """The second create with the id of the first is unknown; the first one is fine."""
    fault = Fault(route="create", kind="task_id_duplicate", nth=2)
    async with emulated(fault) as (session, emulator):
        first = await session.submit(CAT)
        with pytest.raises(SubmitUnknownError) as caught:
            await session.submit(ZImage("a dog"))
        assert caught.value.task_id == first.task_id
        record = (await first).record
        assert "a cat" in str(record.param)
        assert emulator.ledger.posts == 2


async def test_create_with_the_service_away_is_sent_when_it_is_back() -> None:
    """A refused connection is certain not to have sent anything: tried again."""
    async with emulated() as (session, emulator):
        emulator.pause_listening()

        async def come_back() -> None:
            await anyio.sleep(0.3)
            await emulator.resume_listening()

        async with anyio.create_task_group() as group:
            group.start_soon(come_back)
            assert (await session.generate(CAT, timeout=60)).urls
        assert emulator.ledger.posts == 1


async def test_create_with_a_stale_connection_about_is_not_disturbed() -> None:
    """Queries leave connections behind; creates do not ride on them."""
    async with emulated(Fault(route="query", kind="close_after", every=1)) as pair:
        session, emulator = pair
        for index in range(5):
            assert (await session.generate(ZImage(f"p{index}"), timeout=20)).urls
        assert emulator.ledger.posts == 5


async def test_create_of_several_megabytes_arrives_without_a_warning() -> None:
    """Inline images make long bodies; they are written in pieces."""
    picture = "data:image/png;base64," + "A" * 3_000_000
    request = NanoBananaPro("a cat", reference_images=[picture])
    async with emulated() as (session, emulator):
        assert (await session.generate(request, timeout=30)).urls
        assert emulator.ledger.posts == 1


async def test_create_with_tls_that_does_not_fit_fails_at_once() -> None:
    """https to a plain port: a clear error, one try, nothing sent in clear."""
    async with emulated() as (_, emulator):
        url = emulator.base_url.replace("http://", "https://")
        async with Session(CANARY, base_url=url) as session:
            with pytest.raises(ConnectError, match="no connection") as caught:
                await session.generate(CAT)
        assert caught.value.charged == "no"
        assert emulator.ledger.posts == 0
        assert emulator.ledger.connections <= 2
