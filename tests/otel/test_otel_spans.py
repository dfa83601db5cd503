"""One span per task, from submit to file, with its phases below it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from liangxin_async import (
    CallbackTaken,
    ConfigurationError,
    DownloadCancelled,
    DownloadComplete,
    DownloadError,
    DownloadFailed,
    DownloadRetried,
    DownloadStarted,
    LiangxinError,
    Result,
    SubmitAccepted,
    SubmitFailed,
    SubmitQueued,
    SubmitStarted,
    SubmitUnknownError,
    TaskSettled,
    ZImage,
)
from liangxin_async.otel import OpenTelemetryObserver, _spans
from liangxin_async.otel._names import Bounded
from tests.otel.reading import Telemetry
from tests.shell.fakes import BAD_KEY, SATURATED, FakeService, session_on

pytestmark = pytest.mark.anyio

PROMPT = "a prompt that nobody else may read"
SECRETS = (PROMPT, "canary-key-of-tests", "host.example")


def begun(task_id: str, position: int = 0, files: int = 1) -> DownloadStarted:
    return DownloadStarted(at=0.0, task_id=task_id, position=position, files=files)


def saved(task_id: str, position: int = 0, files: int = 1) -> DownloadComplete:
    return DownloadComplete(
        at=0.0,
        task_id=task_id,
        position=position,
        files=files,
        path=Path("x.png"),
        size_bytes=1000,
        took=0.5,
    )


def failed(task_id: str) -> DownloadFailed:
    error = DownloadError("gone", reason="expired", http_status=404)
    return DownloadFailed(at=0.0, task_id=task_id, position=0, error=error, took=0.1)


def is_below(span: ReadableSpan, parent: ReadableSpan) -> bool:
    return span.parent is not None and span.parent.span_id == parent.context.span_id


async def one_picture(telemetry: Telemetry, **options: Any) -> Result:
    observer = telemetry.observer(**options)
    async with session_on(FakeService(duration=3), observer=observer) as session:
        return await session.generate(ZImage(PROMPT))


async def test_span_of_a_task_and_its_phases(telemetry: Telemetry) -> None:
    """Queueing, creating and generating follow each other below the task's span."""
    await one_picture(telemetry, attributes={"server.address": "api.example"})
    task = telemetry.task()
    assert task.name == "generate_content z-image"
    assert task.kind is SpanKind.CLIENT
    assert task.status.status_code is StatusCode.UNSET
    assert task.parent is None
    facts = dict(task.attributes or {})
    polls = facts.pop("liangxin.polls")
    assert isinstance(polls, int)
    assert polls >= 1
    assert facts == {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": "liangxin",
        "gen_ai.request.model": "z-image",
        "gen_ai.output.type": "image",
        "gen_ai.response.id": "task_0",
        "liangxin.task.id": "task_0",
        "liangxin.attempts": 1,
        "liangxin.detached": False,
        "server.address": "api.example",
    }
    phases = telemetry.named("liangxin.")
    assert [span.name for span in phases] == [
        "liangxin.queueing",
        "liangxin.creating",
        "liangxin.generating",
    ]
    assert all(is_below(phase, task) for phase in phases)
    states = [dict(event.attributes or {}) for event in phases[2].events]
    assert [state["liangxin.task.state"] for state in states] == [
        "generating",
        "success",
    ]


async def test_span_is_below_the_callers(telemetry: Telemetry) -> None:
    """Whoever submits, attaches or iterates is the parent; the poller is nobody's."""
    service = FakeService()
    service.ends["elsewhere"] = 0.0
    tracer = telemetry.tracers.get_tracer("the user's")
    session = session_on(service, observer=telemetry.observer())
    with tracer.start_as_current_span("one"):
        await session.generate(ZImage("a"))
    with tracer.start_as_current_span("two"):
        await session.attach("elsewhere").wait()
    with tracer.start_as_current_span("three"):
        async for outcome in session.map([ZImage("b")]):
            outcome.unwrap()
    await session.aclose()
    users = [telemetry.named(name)[0] for name in ("one", "two", "three")]
    tasks = telemetry.named("generate_content")
    assert len(tasks) == 3
    assert all(is_below(task, user) for task, user in zip(tasks, users, strict=True))
    assert (tasks[1].attributes or {})["liangxin.attached"] is True


async def test_span_counts_the_attempts(telemetry: Telemetry) -> None:
    """A refusal is a failed phase of its own, and no failure of the task."""
    answers = iter([SATURATED, SATURATED])
    service = FakeService(on_create=lambda body: next(answers, None))
    async with session_on(service, observer=telemetry.observer()) as session:
        await session.generate(ZImage("a"))
    creating = telemetry.named("liangxin.creating")
    assert [span.status.is_ok for span in creating] == [False, False, True]
    refused = dict(creating[0].attributes or {})
    assert refused["error.type"] == "SaturatedError"
    assert refused["http.response.status_code"] == 429
    assert telemetry.names()["liangxin.queueing"] == 3
    assert (telemetry.task().attributes or {})["liangxin.attempts"] == 3
    assert telemetry.task().status.status_code is StatusCode.UNSET


async def refused_key(session: Any) -> None:
    await session.submit(ZImage(PROMPT))


async def out_of_time(session: Any) -> None:
    await session.submit(ZImage(PROMPT), timeout=0)


async def failed_task(session: Any) -> None:
    await session.generate(ZImage(PROMPT))


@pytest.mark.parametrize(
    ("call", "service", "error"),
    [
        (
            refused_key,
            FakeService(on_create=lambda body: BAD_KEY),
            "AuthenticationError",
        ),
        (out_of_time, FakeService(), "SubmitTimeoutError"),
        (failed_task, FakeService(), "TaskFailedError"),
    ],
)
async def test_span_of_what_went_wrong(
    telemetry: Telemetry, call: Any, service: FakeService, error: str
) -> None:
    """The class of the error and the service's code; never its words."""
    if call is failed_task:
        facts = {"state": "fail", "failCode": "433", "failMsg": f"bad: {PROMPT}"}
        service.on_query = lambda task_id: service.record(task_id, **facts)
    async with session_on(service, observer=telemetry.observer()) as session:
        with pytest.raises(LiangxinError) as caught:
            await call(session)
    assert type(caught.value).__name__ == error
    task = telemetry.task()
    facts = dict(task.attributes or {})
    assert facts["error.type"] == error
    assert task.status.status_code is StatusCode.ERROR
    assert task.status.description is None
    assert ("liangxin.fail_code" in facts) is (call is failed_task)
    assert PROMPT not in telemetry.everything()


async def test_span_of_a_cancelled_submit(telemetry: Telemetry) -> None:
    """Cancelled is no error."""
    service = FakeService(connecting=5)
    async with session_on(service, observer=telemetry.observer()) as session:
        with anyio.move_on_after(1):
            await session.submit(ZImage("a"))
    assert (telemetry.task().attributes or {})["liangxin.cancelled"] is True
    assert telemetry.task().status.status_code is StatusCode.UNSET


async def test_span_of_a_task_that_two_sessions_follow(telemetry: Telemetry) -> None:
    """They may share an observer: it is one task, and one span."""
    observer, service = telemetry.observer(), FakeService()
    service.ends["elsewhere"] = anyio.current_time() + 3
    async with (
        session_on(service, observer=observer) as one,
        session_on(service, observer=observer) as two,
    ):
        handles = [one.attach("elsewhere"), two.attach("elsewhere")]
        await asyncio.gather(*(handle.wait() for handle in handles))
    assert telemetry.names()["generate_content"] == 1
    assert len(telemetry.spans()) == telemetry.processor.begun
    assert telemetry.sums("liangxin.client.active_tasks") == {(): 0}


# ------------------------------------------------------------------------- secrets


async def test_span_of_a_rescued_task(telemetry: Telemetry) -> None:
    """A create in doubt ends its span; the task that a callback found gets another."""
    observer = telemetry.observer(wait_for_download=0)
    told: dict[str, Any] = {"at": 0.0, "model": "z-image"}
    create: dict[str, Any] = {**told, "submit_id": 1, "attempt": 1}
    error = SubmitUnknownError("lost", model="z-image", reason="cut")
    observer(SubmitQueued(**told, submit_id=1, request=ZImage("a")))
    observer(SubmitStarted(**create, queued=0.0, in_flight=1, limit=4))
    observer(SubmitFailed(**create, error=error, detached=False, queued=False))
    observer(SubmitAccepted(**create, task_id="t", detached=True))
    observer(CallbackTaken(at=0.0, task_id="t"))
    observer(TaskSettled(**told, task_id="t", age=1.0, polls=1, error=None))
    lost, rescued = telemetry.named("generate_content")
    assert lost.status.status_code is StatusCode.ERROR
    assert rescued.status.status_code is StatusCode.UNSET
    assert dict(rescued.attributes or {})["liangxin.rescued"] is True
    (generating,) = telemetry.named("liangxin.generating")
    assert [event.name for event in generating.events] == ["liangxin.callback"]
    outcomes = telemetry.sums("liangxin.client.creates", "liangxin.outcome")
    assert outcomes == {("failed",): 1, ("rescued",): 1}
    assert telemetry.sums("liangxin.client.callbacks", "none") == {(None,): 1}
    # Nobody knows when it was accepted: its age would be that of the rescue.
    ended = telemetry.sums("gen_ai.client.operation.duration", "error.type")
    assert ended == {("SubmitUnknownError",): 1}
    assert telemetry.points("liangxin.client.task.duration") == []


async def test_no_prompt_no_key_no_url(telemetry: Telemetry) -> None:
    """Nothing of them is in any span or metric, though the service echoes it all."""
    service = FakeService()
    echo = json.dumps({"input": {"prompt": PROMPT}})
    service.on_query = lambda task_id: service.record(task_id, param=echo)
    async with session_on(service, observer=telemetry.observer()) as session:
        await session.generate(ZImage(PROMPT))
    text = telemetry.everything()
    assert "task_0" in text
    assert not [secret for secret in SECRETS if secret in text]


async def test_prompt_is_recorded_where_asked(telemetry: Telemetry) -> None:
    """In the attribute that the conventions have for it, on the task's span only."""
    await one_picture(telemetry, record_prompts=True)
    (message,) = json.loads(
        str((telemetry.task().attributes or {})["gen_ai.input.messages"])
    )
    assert message["role"] == "user"
    assert message["parts"] == [{"type": "text", "content": PROMPT}]
    assert telemetry.everything().count(PROMPT) == 1


# ----------------------------------------------------------------------- downloads


async def test_span_goes_on_to_the_file(telemetry: Telemetry) -> None:
    """A download that begins soon belongs to the task, which ends with its last file."""
    observer = telemetry.observer()
    async with session_on(FakeService(), observer=observer) as session:
        result = await session.generate(ZImage("a"))
        await anyio.sleep(4)
        assert telemetry.named("generate_content") == []
        for event in (begun("task_0", 0, 2), saved("task_0", 0, 2)):
            observer(event)
        assert telemetry.named("generate_content") == []
        retried = failed(result.task_id).error
        observer(begun("task_0", 1, 2))
        assert isinstance(retried, DownloadError)
        observer(
            DownloadRetried(
                at=0.0, task_id="task_0", position=1, attempt=1, error=retried, delay=0
            )
        )
        observer(saved("task_0", 1, 2))
        task = telemetry.task()
        await anyio.sleep(60)
    files = telemetry.named("liangxin.downloading")
    assert all(is_below(span, task) for span in files)
    assert [len(span.events) for span in files] == [0, 1]
    assert [dict(span.attributes or {})["liangxin.size_bytes"] for span in files] == [
        1000,
        1000,
    ]
    assert task.end_time is not None
    assert all(span.end_time and span.end_time <= task.end_time for span in files)


async def test_span_without_a_download_ends_with_its_result(
    telemetry: Telemetry,
) -> None:
    """It is ended later, at the instant at which the result was seen."""
    async with session_on(FakeService(), observer=telemetry.observer()) as session:
        await session.generate(ZImage("a"))
        seen = time.time_ns()
        await anyio.sleep(4.9)
        assert telemetry.named("generate_content") == []
        await anyio.sleep(0.2)
        end = telemetry.task().end_time
        assert end is not None
        assert end <= seen


async def test_span_ends_with_its_session(telemetry: Telemetry) -> None:
    """Closing waits for no download, and leaves no timer behind."""
    before = time.time_ns()
    await one_picture(telemetry, wait_for_download=3600.0)
    assert before < (telemetry.task().end_time or 0)
    left = [
        handle
        for handle in asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
        if not handle.cancelled()
    ]
    assert left == []


async def test_span_that_waits_for_no_download(telemetry: Telemetry) -> None:
    """With 0 a task is over when it is over."""
    observer = telemetry.observer(wait_for_download=0)
    async with session_on(FakeService(), observer=observer) as session:
        await session.generate(ZImage("a"))
        assert telemetry.task()


@pytest.mark.parametrize("end", ["saved", "failed", "cancelled"])
async def test_late_download_is_linked_to_its_task(
    telemetry: Telemetry, end: str
) -> None:
    """It has a span of its own below the caller's, however it ends."""
    observer = telemetry.observer(wait_for_download=0)
    ends: dict[str, Any] = {
        "saved": saved("task_0"),
        "failed": failed("task_0"),
        "cancelled": DownloadCancelled(at=0, task_id="task_0", position=0, took=1),
    }
    async with session_on(FakeService(), observer=observer) as session:
        await session.generate(ZImage("a"))
    with telemetry.tracers.get_tracer("the user's").start_as_current_span("request"):
        observer(begun("task_0"))
        observer(ends[end])
        observer(begun("task_of_yesterday"))
        observer(saved("task_of_yesterday"))
    (request,) = telemetry.named("request")
    first, second = telemetry.named("liangxin.downloading")
    assert is_below(first, request)
    assert is_below(second, request)
    assert [link.context.span_id for link in first.links] == [
        telemetry.task().context.span_id
    ]
    assert not second.links
    assert first.status.is_ok is (end != "failed")


async def test_two_downloads_of_one_task_at_once(telemetry: Telemetry) -> None:
    """Each ends its own span; the task ends with the last."""
    observer = telemetry.observer()
    async with session_on(FakeService(), observer=observer) as session:
        await session.generate(ZImage("a"))
        for event in (begun("task_0"), begun("task_0"), saved("task_0")):
            observer(event)
        assert telemetry.named("generate_content") == []
        observer(failed("task_0"))
        assert telemetry.task().status.status_code is StatusCode.UNSET
    assert telemetry.names()["liangxin.downloading"] == 2


# -------------------------------------------------------------------------- memory


async def test_nothing_is_kept_of_what_is_over(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After any end, the observer holds no span and no timer; contexts are bounded."""
    monkeypatch.setattr(_spans, "_REMEMBERED", 50)
    observer = telemetry.observer()
    answers = iter([SATURATED, BAD_KEY])
    service = FakeService(on_create=lambda body: next(answers, None))
    async with session_on(service, observer=observer) as session:
        await asyncio.gather(
            *(session.generate(ZImage(f"p{index}")) for index in range(80)),
            return_exceptions=True,
        )
        with anyio.move_on_after(0.001):
            await session.submit(ZImage("a"))
        session.attach("unknown")
    spans, metrics = observer._spans, observer._metrics
    for held in (spans._submits, spans._tasks, spans._finished, spans._fetched):
        assert not held
    assert not metrics._queued_at
    assert not metrics._begun
    assert len(spans._past) == 50
    assert telemetry.names()["generate_content z-image"] == 81
    assert len(telemetry.spans()) == telemetry.processor.begun


async def test_too_many_open_spans_end_the_oldest(telemetry: Telemetry) -> None:
    """A session whose loop was torn away tells no end; memory stays bounded."""
    ended: list[int] = []
    held: Bounded[str, int] = Bounded(2, ended.append)
    for number in range(5):
        held[str(number)] = number
    assert ended == [0, 1, 2]
    assert list(held) == ["3", "4"]


# --------------------------------------------------------------------------- setup


@pytest.mark.parametrize("wrong", [-1, float("nan"), "5"])
def test_wait_for_download_is_a_duration(wrong: Any) -> None:
    """A wrong one is refused when the observer is made."""
    with pytest.raises(ConfigurationError, match="wait_for_download"):
        Telemetry().observer(wait_for_download=wrong)


async def test_without_an_sdk_nothing_happens() -> None:
    """The API alone records nothing, and the session works."""
    observer = OpenTelemetryObserver()
    async with session_on(FakeService(), observer=observer) as session:
        assert (await session.generate(ZImage("a"))).urls


def test_missing_package_is_named() -> None:
    """The error says which extra brings it."""
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "import liangxin_async\n"
        "try: import liangxin_async.otel\n"
        "except ImportError as exc: print(exc)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "pip install 'liangxin-async[otel]'" in done.stdout
