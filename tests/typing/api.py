"""What a user's type checker sees. Checked by `mypy --strict`, never run.

Each function is a piece of a user's program; `assert_type` states what it gets.
"""

from __future__ import annotations

import logging
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    MutableMapping,
)
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, assert_type

import aiohttp
from aiohttp import web

from liangxin_async import (
    LIANGXIN,
    ApiError,
    Batch,
    CallbackTaken,
    Credits,
    DownloadComplete,
    Event,
    Generic,
    InvalidRequestError,
    LiangxinError,
    Observer,
    Outcome,
    PollComplete,
    Polling,
    Problem,
    ProtocolError,
    Request,
    Result,
    SaturatedError,
    ServiceError,
    Session,
    SessionClosedError,
    Stats,
    SubmitAccepted,
    SubmitQueued,
    SubmitTimeoutError,
    SubmitUnknownError,
    TaskError,
    TaskFailedError,
    TaskHandle,
    TaskRecord,
    TaskSettled,
    TaskState,
    TaskTimeoutError,
    Timeouts,
    ZImage,
)
from liangxin_async.otel import OpenTelemetryObserver
from liangxin_async.testing import EmulatorThread, Fails, FakeSession, Hangs, Makes
from liangxin_async.webhook import MaskTokens, Receiver

Message = MutableMapping[str, Any]
ASGI = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]


def make_sessions(http: aiohttp.ClientSession) -> None:
    """Every setting has its type, and nothing but the key is positional."""
    assert_type(Session("key"), Session)
    Session(
        api_key="key",
        base_url="https://api.example",
        dialect=LIANGXIN,
        callback_url="https://me.example/cb",
        max_in_flight=8,
        polling=Polling(first=2.0, max_rate=None, patience=None, workers=4),
        timeouts=Timeouts(create=90.0),
        observer=watch,
        http=http,
        trust_env=True,
        auth_header="X-Api-Key",
        auth_scheme="",
    )
    Session("key", "https://api.example")  # type: ignore[call-arg]  # keyword only
    Session(api_key=b"key")  # type: ignore[arg-type]  # text only
    Session(observer=lambda event, more: None)  # type: ignore[arg-type]  # one event


async def live(session: Session) -> None:
    """A session is opened and closed by hand or by `async with`."""
    assert_type(await session.open(), None)
    assert_type(await session.aclose(), None)
    async with session as same:
        assert_type(same, Session)
    assert_type(await session.credits(), Credits)
    assert_type(session.stats, Stats)
    assert_type(session.stats.in_flight, int)
    assert_type(session.pending, tuple[TaskHandle, ...])
    assert_type(await session.drain(timeout=5), tuple[TaskHandle, ...])


async def generate(session: Session) -> None:
    """One picture, in one call or in two."""
    request = ZImage("a cafe terrace in Paris", seed=7, callback_url=None)
    result = await session.generate(request, timeout=120, priority=1, fair_key=4711)
    assert_type(result, Result)
    assert_type(result.task_id, str)
    assert_type(result.model, str | None)
    assert_type(result.urls, tuple[str, ...])
    assert_type(result.record, TaskRecord)
    assert_type(result.expires_at, datetime | None)
    assert_type(await session.download(result, "out/"), list[Path])
    assert_type(
        await session.download(result, Path("out"), stem="cafe", overwrite=True),
        list[Path],
    )
    await session.submit(request, fair_key="user 4711")
    await session.submit(request, fair_key=["4711"])  # type: ignore[arg-type]  # plain
    await session.generate("a cafe")  # type: ignore[arg-type]  # a request, not text
    result.urls = ()  # type: ignore[misc]  # frozen


async def follow(session: Session) -> None:
    """A handle can be awaited, waited for, and watched."""
    handle = await session.submit(Generic("new", input={"prompt": "p"}), timeout=None)
    assert_type(handle, TaskHandle)
    assert_type(session.attach("task_1", model="z-image"), TaskHandle)
    assert_type(handle.task_id, str)
    assert_type(handle.request, Request | None)
    assert_type(handle.record, TaskRecord | None)
    assert_type(handle.done, bool)
    assert_type(await handle, Result)
    assert_type(await handle.wait(timeout=1.5), Result)
    assert_type(handle.updates(), AsyncIterator[TaskRecord])
    assert_type(handle.updates(every=3), AsyncIterator[TaskRecord])
    async for record in handle.updates():
        assert_type(record, TaskRecord)
    session.attach(17)  # type: ignore[arg-type]  # ids are text


async def ask(session: Session) -> None:
    """A record is plain typed data; what nobody described is `Any`."""
    record = await session.record("task_1")
    assert_type(record, TaskRecord)
    assert_type(record.state, TaskState)
    assert_type(record.state.is_terminal, bool)
    assert_type(record.raw_state, str)
    assert_type(record.progress, int | None)
    assert_type(record.result_urls, tuple[str, ...])
    assert_type(record.fail_code, str | None)
    assert_type(record.fail_message, str | None)
    assert_type(record.cost_time, float | None)
    assert_type(record.created_at, datetime | None)
    assert_type(record.completed_at, datetime | None)
    assert_type(record.usage, dict[str, Any])
    assert_type(record.raw, dict[str, Any])


def finite() -> Iterator[ZImage]:
    """A user's generator of one kind of request."""
    yield ZImage("one")


async def endless() -> AsyncIterator[Request]:
    """A user's asynchronous generator of mixed requests."""
    while True:
        yield Generic("m", input={})


async def many(session: Session) -> None:
    """A batch takes any iterable of requests and yields outcomes."""
    batch = session.map([ZImage("one"), ZImage("two")])
    assert_type(batch, Batch)
    session.map(finite(), ordered=True, timeout=60, priority=-2, fair_key=None)
    session.map(endless())
    session.map(["text"])  # type: ignore[list-item]  # requests only
    async for outcome in batch:
        assert_type(outcome, Outcome)
    async with session.map(endless()) as entered:
        assert_type(entered, Batch)
        async for outcome in entered:
            assert_type(outcome.index, int)
            assert_type(outcome.request, Request)
            assert_type(outcome.task_id, str | None)
            assert_type(outcome.result, Result | None)
            assert_type(outcome.error, LiangxinError | None)
            assert_type(outcome.unwrap(), Result)


async def rescue(session: Session) -> None:
    """Errors carry their facts as typed attributes."""
    try:
        await session.generate(ZImage("p"))
    except InvalidRequestError as exc:
        assert_type(exc.problems, tuple[Problem, ...])
        assert_type(exc.problems[0].field, str)
    except SubmitTimeoutError as exc:
        assert_type(exc.retry_after, float | None)
    except SaturatedError as exc:
        assert_type(exc.retry_after, float | None)
        assert_type(exc.message, str)
    except ServiceError as exc:
        assert_type(exc.refused, bool)
    except ApiError as exc:
        assert_type(exc.http_status, int | None)
        assert_type(exc.code, str | None)
        assert_type(exc.request_id, str | None)
    except SubmitUnknownError as exc:
        assert_type(exc.task_id, str | None)
        assert_type(exc.reason, str)
        if exc.rescue is not None:
            assert_type(await exc.rescue(timeout=5), TaskHandle)
            await exc.rescue()  # type: ignore[call-arg]  # for a bounded time only
    except TaskFailedError as exc:
        assert_type(exc.fail_code, str | None)
        assert_type(exc.record, TaskRecord | None)
    except TaskTimeoutError as exc:
        assert_type(session.attach(exc.task_id), TaskHandle)
    except TaskError as exc:
        assert_type(exc.task_id, str)
    except ProtocolError as exc:
        assert_type(exc.problems, tuple[str, ...])
    except SessionClosedError as exc:
        assert_type(exc.task_id, str | None)
    except LiangxinError as exc:
        assert_type(exc.charged, Literal["no", "yes", "unknown"])


def fakes(purse: Credits) -> None:
    """A fake is a session; what its script holds is checked by type."""
    session: Session = FakeSession()
    FakeSession(Makes(after=0.5, progress=[10, 60]), observer=[watch, watch])
    FakeSession([Fails(code="433"), Hangs(), SaturatedError()], credits=purse)
    FakeSession(lambda request: Makes(pictures=len(request.model)))
    FakeSession("fails")  # type: ignore[arg-type]  # answers, not names
    Makes(after="1")  # type: ignore[arg-type]  # seconds
    assert_type(FakeSession().requests, tuple[Request, ...])
    Session(observer=OpenTelemetryObserver(attributes={"server.address": "a"}))
    with EmulatorThread() as service:
        assert_type(service.base_url, str)
        assert_type(service.ledger.accepted_total, int)
    assert_type(session.stats, Stats)


def watch(event: Event) -> None:
    """An observer is any callable that takes one event; events are told apart."""
    if isinstance(event, SubmitAccepted):
        assert_type(event.task_id, str)
        assert_type(event.at, float)
    elif isinstance(event, PollComplete):
        assert_type(event.record, TaskRecord)
    elif isinstance(event, TaskSettled):
        assert_type(event.error, LiangxinError | None)
    elif isinstance(event, SubmitQueued):
        assert_type(event.request, Request)
        assert_type(event.submit_id, int)
    elif isinstance(event, DownloadComplete):
        assert_type(event.path, Path)
        assert_type(event.size_bytes, int)
    elif isinstance(event, CallbackTaken):
        assert_type(event.task_id, str)


def receive(session: Session, app: web.Application) -> None:
    """A receiver has a face for aiohttp and one for everything else."""
    receiver = Receiver(session, signature_key=None, max_age=60, at_once=8)
    assert_type(receiver.routes(), list[web.RouteDef])
    app.add_routes(receiver.routes("/inner"))
    applications: list[ASGI] = [receiver.asgi]
    assert applications
    assert_type(session.stats.callback_hits, int)
    logging.getLogger("aiohttp.access").addFilter(MaskTokens())
    Receiver(session, "key")  # type: ignore[call-arg]  # keyword only


async def wait_for_lost_creates(session: Session) -> None:
    """The wait for a callback may be part of the call."""
    handle = await session.submit(ZImage("p"), rescue_timeout=60)
    assert_type(handle, TaskHandle)
    assert_type(await session.generate(ZImage("p"), rescue_timeout=60.0), Result)


def observers() -> Observer:
    """A plain function is an `Observer`."""
    return watch


def requests() -> None:
    """Requests take their fields by keyword, checked by type, and are frozen."""
    request = ZImage("p", seed=1, image_size="square_hd")
    assert_type(request.prompt, str)
    assert_type(request.seed, int | None)
    assert_type(request.fields(), dict[str, Any])
    ZImage("p", 1)  # type: ignore[call-arg,arg-type]  # only the prompt is positional
    ZImage("p", seed="1")  # type: ignore[arg-type]  # a number
    ZImage("p", sead=1)  # type: ignore[call-arg]  # no such field
    request.seed = 2  # type: ignore[misc]  # frozen
