"""The promises as a user meets them: defaults, real sockets, many tasks."""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest
from PIL import Image

from liangxin_async import (
    BadRequestError,
    ConfigurationError,
    Flux2Pro,
    Generic,
    LiangxinError,
    NanoBananaPro,
    Polling,
    Session,
    Timeouts,
    ZImage,
)
from liangxin_async.emulator import (
    Emulator,
    Fault,
    Fixed,
    InFlight,
    RandomRefusal,
    Scenario,
    SlidingWindow,
)
from tests.conftest import CANARY

from .service import answer, create_fault, emulated

pytestmark = pytest.mark.anyio


async def test_500_requests_at_7_at_a_time_with_the_default_settings() -> None:
    """500 pictures, 500 accepted creates, none lost, none twice."""
    scenario = Scenario(duration=Fixed(0.05), capacity=(InFlight(7),))
    prompts = [f"picture {index}" for index in range(500)]
    urls: list[str] = []
    async with (
        Emulator(scenario=scenario, api_key=CANARY) as emulator,
        Session(CANARY, base_url=emulator.base_url) as session,
    ):
        with anyio.fail_after(110):
            async for outcome in session.map(ZImage(prompt) for prompt in prompts):
                urls.extend(outcome.unwrap().urls)
        stats = session.stats
    assert len(set(urls)) == 500
    assert emulator.ledger.accepted_total == 500
    assert dict(emulator.ledger.accepted_by_prompt) == dict.fromkeys(prompts, 1)
    assert emulator.ledger.peak() <= 7
    assert (stats.accepted, stats.settled, stats.failed) == (500, 500, 0)


@pytest.mark.parametrize(
    "rule",
    [SlidingWindow(10, 0.5), RandomRefusal(0.3), InFlight(1)],
    ids=["window", "random", "one"],
)
async def test_every_kind_of_capacity_loses_and_doubles_nothing(rule: Any) -> None:
    """Whatever the cause of the 429s: every request is accepted exactly once."""
    scenario = {"duration": 0.02, "capacity": (rule,)}
    async with emulated(scenario=scenario) as (session, emulator):
        requests = [ZImage(f"p{index}") for index in range(40)]
        outcomes = [outcome async for outcome in session.map(requests)]
    assert all(outcome.error is None for outcome in outcomes)
    assert set(emulator.ledger.accepted_by_prompt.values()) == {1}
    assert emulator.ledger.accepted_total == 40


async def test_saturated_model_leaves_another_at_full_speed() -> None:
    """One model at one task at a time; the other one is done long before it."""
    scenario = {"duration": 0.1, "capacity": (InFlight(1, model="z-image"),)}
    async with emulated(scenario=scenario) as (session, _):
        left = {"z-image": 20, "flux-2-pro": 100}
        seen: list[int] = []

        async def make(request: Any) -> None:
            await session.generate(request)
            left[request.model] -= 1
            if request.model == "flux-2-pro" and not left["flux-2-pro"]:
                seen.append(left["z-image"])

        async with anyio.create_task_group() as group:
            for index in range(20):
                group.start_soon(make, ZImage(f"slow {index}"))
            for index in range(100):
                group.start_soon(make, Flux2Pro(f"fast {index}"))
    assert seen[0] >= 10


async def test_pictures_arrive_whole_and_the_key_stays_at_home(tmp_path: Path) -> None:
    """Downloaded files are pictures; no file request carried a credential."""
    async with emulated() as (session, emulator):
        png = await session.generate(ZImage("a cafe"))
        jpg = await session.generate(ZImage("a cafe", output_format="jpg"))
        paths = await session.download(png, tmp_path)
        paths += await session.download(jpg, tmp_path / "deep" / "er", stem="cafe")
    for path in paths:
        Image.open(io.BytesIO(path.read_bytes())).load()
    assert [path.suffix for path in paths] == [".png", ".jpg"]
    assert paths[1].name == "cafe.jpg"
    assert not emulator.ledger.leaks


async def test_expired_url_is_refreshed_once_through_the_record(tmp_path: Path) -> None:
    """403, 404 and 410 ask recordInfo for a fresh URL."""
    async with emulated(Fault(route="file", kind="expired", nth=1)) as pair:
        session, emulator = pair
        result = await session.generate(ZImage("a"))
        queries = sum(emulator.ledger.queries.values())
        (path,) = await session.download(result, tmp_path)
        assert path.exists()
        assert sum(emulator.ledger.queries.values()) == queries + 1


async def test_own_client_session_is_used_and_left_open() -> None:
    """A brought aiohttp.ClientSession serves the API calls and is not closed."""
    async with aiohttp.ClientSession() as http:
        async with emulated(http=http) as (session, _):
            assert (await session.generate(ZImage("a"))).urls
        assert not http.closed
    closed = Session(CANARY, base_url="http://127.0.0.1:9", http=http)
    with pytest.raises(ConfigurationError, match="http"):
        await closed.generate(ZImage("a"))


async def test_header_and_scheme_of_the_key_may_be_others() -> None:
    """Neither is stated by LiangXin, so both can be set."""
    async with emulated(auth_header="X-Api-Key", auth_scheme="") as (session, _):
        with pytest.raises(LiangxinError, match="API key"):
            await session.generate(ZImage("a"))
    async with emulated(auth_scheme="bearer") as (session, _):
        assert (await session.generate(ZImage("a"))).urls


async def test_unknown_model_passes_untouched() -> None:
    """A model value from the future reaches the service with its own fields."""
    async with emulated(scenario={"models": ("model-of-tomorrow",)}) as pair:
        session, emulator = pair
        fields = {"prompt": "a", "size": {"w": 1}, "list": [1, None]}
        await session.generate(Generic("model-of-tomorrow", input=fields))
        (task,) = emulator.tasks
        assert task.request == {"model": "model-of-tomorrow", "input": fields}


async def test_result_and_record_survive_pickling() -> None:
    """What comes out can be stored or sent to another process."""
    async with emulated() as (session, _):
        result = await session.generate(ZImage("a"))
    assert pickle.loads(pickle.dumps(result)) == result
    assert copy.deepcopy(result.record) == result.record
    assert result.record.completed_at is not None
    assert result.record.cost_time is not None


# ------------------------------------------------------------------------- the key


def texts_of(error: BaseException) -> Iterator[str]:
    """Everything that an error tracker could show of an error and its chain."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        exc = todo.pop()
        if exc is None or id(exc) in seen:
            continue
        seen.add(id(exc))
        todo += [exc.__cause__, exc.__context__]
        yield from (str(exc), repr(exc), repr(exc.args), repr(vars(exc)))
        yield "".join(traceback.format_exception(exc))
        for frame, _ in traceback.walk_tb(exc.__traceback__):
            source = frame.f_code.co_filename
            if "liangxin_async" in source and "emulator" not in source:
                yield repr(frame.f_locals)


ECHO = {"error": {"message": f"the key {CANARY} is not valid", "code": CANARY}}


@pytest.mark.parametrize(
    "fault",
    [
        create_fault("reset_after_body"),
        create_fault("hang"),
        create_fault("garbage"),
        create_fault("cut_length"),
        create_fault("bad_gzip"),
        create_fault("huge_header"),
        create_fault("login_page"),
        create_fault("redirect", params={"location": f"https://x.example/?k={CANARY}"}),
        answer(401, ECHO),
        answer(400, {"code": 400, "msg": f"bad header {CANARY}", "data": None}),
        answer(500, ECHO),
        answer(200, {"code": 200, "data": {"nothing": CANARY}}),
    ],
    ids=lambda fault: f"{fault.kind}-{len(str(fault.params))}",
)
async def test_key_is_in_no_error_and_no_log(
    fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in text, repr, args, attributes, chain, our frames' locals, or logs."""
    caplog.set_level(logging.DEBUG)
    timeouts = Timeouts(create=0.5, connect=0.5)
    async with emulated(fault, timeouts=timeouts) as (session, _):
        with pytest.raises(LiangxinError) as caught:
            await session.generate(ZImage("a"))
        for text in texts_of(caught.value):
            assert CANARY not in text
        assert CANARY not in repr(session)
        assert CANARY.encode() not in pickle.dumps(caught.value)
    assert CANARY not in caplog.text


async def test_key_is_in_no_record_event_or_pickle() -> None:
    """A service that echoes it in a good answer does not spread it either."""
    body = {"code": 200, "data": {"taskId": "t", "state": "fail", "failMsg": CANARY}}
    events: list[Any] = []
    fault = Fault(
        route="query",
        kind="answer",
        params={"status": 200, "body": json.dumps(body)},
    )
    async with emulated(fault, observer=events.append) as (session, _):
        record = await session.record("t")
        assert CANARY not in repr(record.raw) + repr(record)
        assert "[api key]" in str(record.fail_message)
        assert CANARY.encode() not in pickle.dumps(record)
    assert CANARY not in repr(events)


async def test_long_inline_images_are_sent_and_read_back() -> None:
    """A record that echoes megabytes of inline images is still read."""
    picture = "data:image/png;base64," + "A" * 3_000_000
    request = NanoBananaPro("a cat", reference_images=[picture])
    polling = Polling(first=0.2)
    async with emulated(polling=polling) as (session, _):
        result = await session.generate(request, timeout=60)
        assert result.record.param["input"]["reference_images"] == [picture]


async def test_key_echoed_in_a_header_is_masked() -> None:
    """Request ids and redirect targets are foreign text too."""
    for status, headers in (
        (400, {"X-Request-Id": f"id-{CANARY}"}),
        (302, {"Location": f"https://{CANARY}.example/"}),
    ):
        params = {"status": status, "body": "{}", "headers": headers}
        async with emulated(create_fault("answer", params=params)) as (session, _):
            with pytest.raises(LiangxinError) as caught:
                await session.generate(ZImage("a"))
            for text in texts_of(caught.value):
                assert CANARY not in text


async def test_trust_env_takes_no_credentials_from_netrc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A netrc entry for the host changes nothing."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with emulated(trust_env=True) as (session, _):
        assert (await session.generate(ZImage("a"))).urls


@pytest.mark.filterwarnings("ignore:BasicAuth is deprecated")
@pytest.mark.filterwarnings("ignore:The .auth. parameter is deprecated")
async def test_own_client_session_that_contradicts_the_key_is_explained() -> None:
    """`auth=` beside our header: one clear error, nothing sent, no key shown."""
    auth = aiohttp.BasicAuth("me", "other")
    async with (
        aiohttp.ClientSession(auth=auth) as http,
        emulated(http=http) as (session, emulator),
    ):
        for call in (session.submit(ZImage("a")), session.record("x")):
            with pytest.raises(ConfigurationError) as caught:
                await call
            for text in texts_of(caught.value):
                assert CANARY not in text
        assert emulator.ledger.posts == 0


async def test_own_client_session_that_raises_for_status_changes_nothing() -> None:
    """A refusal stays a refusal, whatever the session's own habit is."""
    fault = answer(400, {"code": 400, "msg": "no", "data": None})
    async with (
        aiohttp.ClientSession(raise_for_status=True) as http,
        emulated(fault, http=http) as (session, _),
    ):
        with pytest.raises(BadRequestError):
            await session.generate(ZImage("a"))


async def test_own_client_session_closed_in_the_middle_is_explained() -> None:
    """The next call says what happened."""
    async with aiohttp.ClientSession() as http, emulated(http=http) as (session, _):
        await session.generate(ZImage("a"))
        await http.close()
        with pytest.raises(ConfigurationError, match="http"):
            await session.record("x")
        with pytest.raises(ConfigurationError, match="http"):
            await session.submit(ZImage("b"))


def test_key_of_a_refused_session_is_in_no_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A bad key, or a bad address beside a good key."""
    monkeypatch.delenv("LIANGXIN_BASE_URL", raising=False)
    for key, url in ((CANARY + "\u201d", "http://127.0.0.1:9"), (CANARY, "ftp://x")):
        with pytest.raises(ConfigurationError) as caught:
            Session(key, base_url=url)
        for text in list(texts_of(caught.value)):
            assert CANARY not in text.replace(f"Session({key!r}", "")
