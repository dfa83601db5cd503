"""EvoLink end to end: the same calls as for LiangXin, over real sockets."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from liangxin_async import (
    EVOLINK,
    LIANGXIN,
    AuthenticationError,
    ConfigurationError,
    Generic,
    InsufficientQuotaError,
    InvalidRequestError,
    NotFoundError,
    Outcome,
    Session,
    TaskFailedError,
    TaskState,
    ZImage,
    ZImageTurbo,
)
from liangxin_async.dialects import Dialect
from liangxin_async.emulator import Failure, Fault, InFlight
from liangxin_async.models import NanoBanana2Lite

from .service import emulated

pytestmark = pytest.mark.anyio

CAT = ZImageTurbo("a cute cat", size="1024x768", seed=12345)


async def test_evolink_from_request_to_file(tmp_path: Path) -> None:
    """One call makes the picture, another saves it; the URL's end is known."""
    async with emulated(dialect=EVOLINK) as (session, emulator):
        result = await session.generate(CAT)
        paths = await session.download(result, tmp_path)
    assert [path.read_bytes()[:4] for path in paths] == [b"\x89PNG"]
    assert result.task_id.startswith("task-unified-")
    assert result.model == "z-image-turbo"
    assert result.record.state is TaskState.SUCCESS
    assert result.record.raw_state == "completed"
    assert result.record.usage
    created = result.record.created_at
    assert created is not None
    assert result.expires_at == created + timedelta(hours=24)
    assert emulator.ledger.accepted_total == 1


async def test_evolink_create_answer_is_the_first_record() -> None:
    """The task object of the create is there before any query."""
    async with emulated(dialect=EVOLINK) as (session, _):
        handle = await session.submit(CAT)
        assert handle.record is not None
        assert handle.record.raw_state == "pending"
        seen = [record.state async for record in handle.updates()]
    assert seen[0] is TaskState.WAITING
    assert seen[-1] is TaskState.SUCCESS


async def test_evolink_many_under_a_cap() -> None:
    """The gate finds EvoLink's capacity as it finds LiangXin's."""
    scenario = {"duration": 0.05, "capacity": (InFlight(5),)}
    prompts = [f"picture {index}" for index in range(100)]
    async with emulated(dialect=EVOLINK, scenario=scenario) as (session, emulator):
        requests = (ZImageTurbo(prompt) for prompt in prompts)
        outcomes = [outcome async for outcome in session.map(requests)]
    assert all(outcome.error is None for outcome in outcomes)
    assert dict(emulator.ledger.accepted_by_prompt) == dict.fromkeys(prompts, 1)
    assert emulator.ledger.peak() <= 5


async def test_evolink_failed_task_names_its_code() -> None:
    """The business name and the message come through as text."""
    failure = Failure(code="content_policy_violation", message="line one\nline two")
    async with emulated(dialect=EVOLINK, scenario={"failures": (failure,)}) as (
        session,
        _,
    ):
        with pytest.raises(TaskFailedError) as caught:
            await session.generate(CAT)
    assert caught.value.fail_code == "content_policy_violation"
    assert caught.value.fail_message == "line one\nline two"
    assert "\n" not in str(caught.value)


async def test_evolink_empty_balance_ends_a_batch() -> None:
    """402 is the dead account here; what was accepted comes home first."""
    scenario = {"balance": 3, "capacity": (InFlight(1),)}
    async with emulated(dialect=EVOLINK, scenario=scenario) as (session, emulator):
        came: list[Outcome] = []

        async def take_all() -> None:
            async for outcome in session.map(ZImageTurbo(f"{n}") for n in range(50)):
                came.append(outcome)

        with pytest.raises(InsufficientQuotaError) as caught:
            await take_all()
    assert caught.value.http_status == 402
    assert sum(outcome.result is not None for outcome in came) == 3
    assert emulator.ledger.accepted_total == 3


async def test_evolink_credits_follow_the_account() -> None:
    """`credits` tells the key's budget and the account's."""
    async with emulated(dialect=EVOLINK, scenario={"balance": 3}) as (session, _):
        before = await session.credits()
        await session.generate(CAT)
        after = await session.credits()
    assert before.user is not None
    assert after.user is not None
    assert before.user.remaining is not None
    assert after.user.remaining is not None
    assert after.user.remaining < before.user.remaining
    assert before.token is not None


async def test_evolink_wrong_key_is_told_by_every_call() -> None:
    """401 is a bad key, for creates, queries and credits alike."""
    async with emulated(dialect=EVOLINK) as (session, emulator):
        emulator.revoke_key()
        with pytest.raises(AuthenticationError):
            await session.submit(CAT)
        with pytest.raises(AuthenticationError):
            await session.record("task-unified-1757165031-uyujaw3d")
        with pytest.raises(AuthenticationError):
            await session.credits()


@pytest.mark.parametrize(
    "task_id", ["task-unified-1-nobody", "task_1", "../v1/credits", "..", "a b?c#d/é"]
)
async def test_evolink_unknown_id_is_not_found(task_id: str) -> None:
    """Whatever an id looks like, it stays an id; 400 and 404 both mean "unknown"."""
    async with emulated(dialect=EVOLINK) as (session, emulator):
        with pytest.raises(NotFoundError):
            await session.record(task_id)
    assert emulator.ledger.requests["other"] == 0
    assert emulator.ledger.requests["query"] == 1


async def test_evolink_task_is_attached_to_by_id() -> None:
    """An id stored by one session is waited for by another."""
    async with emulated(dialect=EVOLINK) as (session, emulator):
        handle = await session.submit(CAT)
        async with Session(
            emulator.api_key, base_url=emulator.base_url, dialect=EVOLINK
        ) as other:
            result = await other.attach(handle.task_id).wait(timeout=30)
    assert result.task_id == handle.task_id


@pytest.mark.parametrize("times", [4, 8])
async def test_evolink_record_that_shows_up_late(times: int) -> None:
    """The task object of the create is no answer to a query: the grace holds."""
    late = Fault(route="query", kind="not_found", nth=(1, times))
    async with emulated(late, dialect=EVOLINK) as (session, emulator):
        handle = await session.submit(CAT)
        assert handle.record is not None
        assert (await handle).urls
    assert emulator.ledger.faults["not_found"] == times  # of one seen, 3 are the end


def test_session_refuses_the_address_of_the_other_service() -> None:
    """EvoLink's address in a session that speaks LiangXin would get the wrong key."""
    with pytest.raises(ConfigurationError, match="dialect=EVOLINK"):
        Session("a-key", base_url="https://api.evolink.ai")


def test_session_takes_no_name_for_a_dialect() -> None:
    """A name is a likely slip, and gets one clear sentence."""
    name: Any = "evolink"
    with pytest.raises(ConfigurationError, match="allowed: LIANGXIN, EVOLINK"):
        Session("a-key", dialect=name)


@pytest.mark.parametrize(
    ("dialect", "request_"), [(LIANGXIN, CAT), (EVOLINK, ZImage("a cat"))]
)
async def test_model_of_the_other_service_is_refused_before_sending(
    dialect: Dialect, request_: Any
) -> None:
    """A model of another provider is found before anything is sent."""
    async with emulated(dialect=dialect) as (session, emulator):
        with pytest.raises(InvalidRequestError, match="a model of"):
            await session.submit(request_)
    assert emulator.ledger.requests.total() == 0


@pytest.mark.parametrize(
    "request_",
    [
        Generic("gpt-image-2", {"prompt": "a", "model": "another"}),
        Generic("gpt-image-2", {"prompt": "a", "callback_url": "https://x.example"}),
        Generic("a-film", {"prompt": "a"}, kind="video"),
        Generic(
            "gpt-image-2",
            {"prompt": "a"},
            callback_url=f"https://x.example/{'a' * 2048}",
        ),
    ],
)
async def test_evolink_generic_that_cannot_be_said_is_refused(request_: Any) -> None:
    """Parameters stand beside `model` there, and callbacks have rules."""
    async with emulated(dialect=EVOLINK) as (session, emulator):
        with pytest.raises(InvalidRequestError):
            await session.submit(request_)
        outcomes = [outcome async for outcome in session.map([request_, CAT])]
    errors = [type(outcome.error) for outcome in outcomes if outcome.error is not None]
    assert errors == [InvalidRequestError]
    assert emulator.ledger.accepted_total == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x",
        "https://localhost/x",
        "https://[::1]/",
        "http://x.example",
    ],
)
def test_evolink_session_callback_has_the_same_rules(url: str) -> None:
    """A callback that EvoLink would refuse is refused when the session is made."""
    with pytest.raises(ConfigurationError, match="callback_url"):
        Session("a-key", dialect=EVOLINK, callback_url=url)


def test_evolink_has_an_address_and_a_key_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The documented address is the default; LiangXin's key never goes there."""
    for name in ("EVOLINK_API_KEY", "EVOLINK_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LIANGXIN_API_KEY", "key-of-another-service")
    monkeypatch.setenv("LIANGXIN_BASE_URL", "https://liangxin.example")
    with pytest.raises(ConfigurationError, match="EVOLINK_API_KEY"):
        Session(dialect=EVOLINK)
    monkeypatch.setenv("EVOLINK_API_KEY", "its-own")
    assert "https://api.evolink.ai" in repr(Session(dialect=EVOLINK))
    monkeypatch.setenv("EVOLINK_BASE_URL", "https://beta-api.evolink.ai")
    assert "https://beta-api.evolink.ai" in repr(Session(dialect=EVOLINK))


async def test_liangxin_documents_no_credits() -> None:
    """No endpoint is documented, so none is asked."""
    async with emulated() as (session, emulator):
        with pytest.raises(ConfigurationError, match="credits"):
            await session.credits()
    assert emulator.ledger.requests.total() == 0


async def test_both_services_side_by_side() -> None:
    """Two sessions, one loop: neither meets the other's tasks."""
    async with emulated() as (one, emulator):
        other = Session(emulator.api_key, base_url=emulator.base_url, dialect=EVOLINK)
        async with other, anyio.create_task_group() as group:
            for index in range(10):
                group.start_soon(one.generate, ZImage(f"a {index}"))
                group.start_soon(other.generate, NanoBanana2Lite(f"b {index}"))
    assert one.stats.settled == other.stats.settled == 10
    assert set(emulator.ledger.accepted_by_prompt.values()) == {1}
