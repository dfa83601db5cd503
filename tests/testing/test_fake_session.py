"""A `FakeSession` does what a session does, on a service that follows a script."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import anyio
import pytest

from liangxin_async import (
    EVOLINK,
    AuthenticationError,
    ConfigurationError,
    ConnectError,
    ConnectionLostError,
    CreditCount,
    Credits,
    DownloadError,
    EmptyResultError,
    Generic,
    InvalidRequestError,
    LiangxinError,
    NotFoundError,
    Polling,
    SaturatedError,
    Session,
    SubmitUnknownError,
    TaskFailedError,
    TaskHandle,
    TaskState,
    TaskTimeoutError,
    ZImage,
    ZImageTurbo,
)
from liangxin_async._media import recognise
from liangxin_async.testing import PICTURE, Fails, FakeSession, Hangs, Makes
from tests.shell.conftest import VirtualLoop
from tests.shell.fakes import BAD_KEY, FakeService, session_on

pytestmark = pytest.mark.anyio

CAT = ZImage("a cat")


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": VirtualLoop}


# ------------------------------------------------------------ as the real one, or not


def public(kind: type) -> dict[str, Any]:
    return {
        name: value for name, value in inspect.getmembers(kind) if name[0] != "_"
    } | {"__init__": kind.__init__}


def test_fake_session_has_every_member_of_a_session() -> None:
    """Each with the same signature, so that a test cannot call what does not exist."""
    real, fake = public(Session), public(FakeSession)
    assert issubclass(FakeSession, Session)
    assert set(fake) - set(real) == {"requests", "add_task"}
    for name, member in real.items():
        if inspect.isfunction(member) and name != "__init__":
            assert inspect.signature(fake[name]) == inspect.signature(member), name
        elif isinstance(member, property):
            assert isinstance(fake[name], property), name


@pytest.mark.parametrize(
    "setting",
    sorted(
        set(inspect.signature(Session).parameters)
        - {"api_key", "base_url", "dialect", "polling"}
    ),
)
async def test_fake_session_takes_every_setting_of_a_session(setting: str) -> None:
    """All but key and address, with the same defaults."""
    default = inspect.signature(Session).parameters[setting].default
    async with FakeSession(**{setting: default}) as session:
        assert (await session.generate(CAT)).urls


@pytest.mark.parametrize(
    ("answer", "on_create", "facts"),
    [
        (Makes(), None, {}),
        (Makes(pictures=0), None, {"resultJson": '{"resultUrls":[]}'}),
        (Fails(code="433"), None, {"state": "fail", "failCode": "433"}),
        (AuthenticationError(http_status=401), BAD_KEY, {}),
        (ConnectionLostError("reset"), ConnectionLostError("reset"), {}),
    ],
)
async def test_fake_session_tells_what_a_session_tells(
    answer: Any, on_create: Any, facts: dict[str, Any]
) -> None:
    """The same events and the same error as with the wire underneath."""
    service = FakeService(duration=0.0, on_create=lambda body: on_create)
    if facts:
        service.on_query = lambda task_id: service.record(task_id, **facts)
    told: list[list[str]] = []
    polling = Polling(first=0.0)
    for make in (
        lambda hear: FakeSession(answer, observer=hear, polling=polling),
        lambda hear: session_on(service, observer=hear, polling=polling),
    ):
        kinds: list[str] = []

        def hear(event: Any, kinds: list[str] = kinds) -> None:
            kinds.append(type(event).__name__)

        async with make(hear) as session:
            try:
                await session.generate(CAT)
            except LiangxinError as exc:
                kinds.append(f"raised {type(exc).__name__}, charged {exc.charged}")
        told.append(kinds)
    assert told[0] == told[1]
    assert len(told[0]) >= 4


# -------------------------------------------------------------------------- scripts


async def test_fake_session_succeeds_at_once_without_a_script() -> None:
    """No time passes, and what was asked for is on record."""
    start = anyio.current_time()
    async with FakeSession() as session:
        result = await session.generate(CAT)
        handle = await session.submit(ZImage("a dog"))
        assert isinstance(handle, TaskHandle)
        assert (await handle).task_id == handle.task_id
    assert anyio.current_time() - start < 0.02
    assert result.model == "z-image"
    assert result.record.param == {"input": CAT.fields()}
    assert session.requests == (CAT, ZImage("a dog"))
    assert (session.stats.accepted, session.stats.settled) == (2, 2)


async def test_fake_session_follows_its_script_in_order() -> None:
    """And succeeds when it is over."""
    async with FakeSession([Fails(code="433", message="no"), Makes()]) as session:
        with pytest.raises(TaskFailedError) as caught:
            await session.generate(CAT)
        assert (caught.value.fail_code, caught.value.fail_message) == ("433", "no")
        for _ in range(3):
            assert (await session.generate(CAT)).urls


async def test_fake_session_asks_a_callable() -> None:
    """What becomes of a request may depend on it."""

    def decide(request: Any) -> Any:
        return Fails() if "bad" in request.prompt else Makes(pictures=2)

    async with FakeSession(decide) as session:
        requests = [ZImage("good"), ZImage("bad"), ZImage("fine")]
        outcomes = [outcome async for outcome in session.map(requests, ordered=True)]
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    assert len(outcomes[0].unwrap().urls) == 2


@pytest.mark.parametrize("script", [Fails(), AuthenticationError()])
async def test_fake_session_repeats_one_answer(script: Any) -> None:
    """One answer is for all creates; an error is raised anew each time."""
    async with FakeSession(script) as session:
        errors = []
        for _ in range(2):
            with pytest.raises(LiangxinError) as caught:
                await session.generate(CAT)
            errors.append(caught.value)
    assert errors[0] is not errors[1]
    assert type(errors[0]) is type(errors[1])


async def test_fake_session_delays_hangs_and_shows_progress() -> None:
    """Times pass as they do; progress is shown query by query."""
    script = [Makes(after=30.0), Hangs(), Makes(progress=(10, 60))]
    async with FakeSession(script) as session:
        start = anyio.current_time()
        await session.generate(CAT)
        assert 30 <= anyio.current_time() - start < 30.1
        with pytest.raises(TaskTimeoutError):
            await session.generate(CAT, timeout=5)
        handle = await session.submit(CAT)
        seen = [(record.state, record.progress) async for record in handle.updates()]
        assert seen == [
            (TaskState.GENERATING, 10),
            (TaskState.GENERATING, 60),
            (TaskState.SUCCESS, 100),
        ]
        assert [handle.task_id for handle in session.pending] == ["task_fake_2"]


@pytest.mark.parametrize(
    ("error", "creates", "raised"),
    [
        (SaturatedError(http_status=429), 2, None),
        (ConnectError("no connection"), 1, None),
        (ConnectionLostError("reset"), 1, SubmitUnknownError),
        (SubmitUnknownError("lost"), 1, SubmitUnknownError),
        (AuthenticationError(), 1, AuthenticationError),
    ],
)
async def test_fake_session_meets_errors_as_a_session_does(
    error: LiangxinError, creates: int, raised: type[LiangxinError] | None
) -> None:
    """Waited out, tried again, in doubt or final: the real policy decides."""
    async with FakeSession([error]) as session:
        if raised is None:
            assert (await session.generate(CAT)).urls
        else:
            with pytest.raises(raised):
                await session.generate(CAT)
    assert len(session.requests) == creates


# ---------------------------------------------------------------------- other calls


async def test_fake_session_saves_real_files(tmp_path: Path) -> None:
    """Whole pictures, under the names that the real one would give."""
    script = [Makes(pictures=2), Makes(content=None), Makes(content=b"no picture")]
    async with FakeSession(script) as session:
        result = await session.generate(CAT)
        paths = await session.download(result, tmp_path, stem="cat")
        again = await session.download(result, tmp_path, stem="cat")
        for reason in ("expired", "not a picture"):
            with pytest.raises(DownloadError) as caught:
                await session.download(
                    await session.generate(CAT), tmp_path, stem="none"
                )
            assert caught.value.reason == reason
    assert [path.name for path in paths] == ["cat_1.png", "cat_2.png"]
    assert [path.name for path in again] == ["cat_1-2.png", "cat_2-2.png"]
    assert {path.read_bytes() for path in (*paths, *again)} == {PICTURE}
    assert leftovers(tmp_path) == 4
    assert recognise(PICTURE, "") == "png"


def leftovers(folder: Path) -> int:
    return len(list(folder.iterdir()))


async def test_fake_session_knows_tasks_made_elsewhere() -> None:
    """For code that attaches to stored ids; unknown ones are unknown."""
    async with FakeSession() as session:
        session.add_task("stored")
        session.add_task("bad", Fails(code="501", after=60))
        assert (await session.attach("stored")).urls
        record = await session.record("bad")
        assert (record.state, record.fail_code) == (TaskState.FAIL, "501")
        with pytest.raises(NotFoundError):
            await session.record("unknown")
        with pytest.raises(InvalidRequestError):
            session.add_task("")
        with pytest.raises(ConfigurationError, match="answer: got NotFoundError"):
            session.add_task("t", NotFoundError())  # type: ignore[arg-type]


async def test_fake_session_has_the_rules_of_its_dialect() -> None:
    """A request that the real one refuses is refused here too."""
    purse = Credits(token=CreditCount(remaining=3.0), user=None)
    async with FakeSession(dialect=EVOLINK, credits=purse) as session:
        assert (await session.generate(ZImageTurbo("a cat"))).model == "z-image-turbo"
        assert await session.credits() == purse
        with pytest.raises(InvalidRequestError):
            await session.submit(CAT)
    async with FakeSession() as session:
        with pytest.raises(ConfigurationError):
            await session.credits()
    async with FakeSession(Makes(pictures=0)) as session:
        with pytest.raises(EmptyResultError):
            await session.generate(Generic("new", {}))


def wrong_scripts() -> list[Any]:
    return [
        7,
        object(),
        [7],
        lambda request: "picture",
        TaskFailedError("", task_id="t"),
    ]


@pytest.mark.parametrize(
    "script", wrong_scripts(), ids=lambda script: str(type(script))
)
async def test_fake_session_refuses_a_wrong_script(script: Any) -> None:
    """It says what a script may hold, when it is made or when the answer is due."""
    with pytest.raises(
        (ConfigurationError, LiangxinError), match="Makes, Fails, Hangs"
    ):
        async with FakeSession(script) as session:
            await session.generate(CAT)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Makes(after=-1),
        lambda: Makes(after=None),  # type: ignore[arg-type]
        lambda: Fails(after=float("nan")),
        lambda: Makes(pictures=-1),
        lambda: Makes(pictures=True),
    ],
)
def test_answers_are_checked(wrong: Any) -> None:
    """A wrong value is named."""
    with pytest.raises(ConfigurationError, match=r"after|pictures"):
        wrong()
