"""A made-up service behind a real session: no socket, no JSON, no key.

It stands where the session's transport, dialect and web client would. What a request
may say is still checked by the real dialect, and a file is still written by the real
code, so that names, types and errors are those of the real thing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeAlias

import anyio
import anyio.lowlevel
from attrs import define, field, frozen

from liangxin_async._download import Downloader
from liangxin_async._errors import (
    ConfigurationError,
    ConnectError,
    LiangxinError,
    NotFoundError,
    TaskError,
    fresh,
)
from liangxin_async._partfile import FailedTryError, PartFile
from liangxin_async._records import Credits, TaskRecord, TaskState
from liangxin_async._transport import RecalledError
from liangxin_async._webfile import SavedFile, WebClient
from liangxin_async.dialects import Accepted, WireReply, WireRequest
from liangxin_async.testing._answers import Answer, Fails, Hangs, Makes

if TYPE_CHECKING:
    from datetime import datetime

    from liangxin_async._partfile import Place
    from liangxin_async._telling import Teller
    from liangxin_async._transport import Departure
    from liangxin_async.dialects import CallbackNote, Dialect
    from liangxin_async.models import FieldInfo, Request

Script: TypeAlias = Answer | Iterable[Answer] | Callable[["Request"], Answer]

FILES = "https://files.fake.invalid"  # a name that no resolver knows (RFC 2606)


@frozen
class _Create(WireRequest):
    """A paid call that still knows what was asked for."""

    request: Request = field(kw_only=True)


@define(eq=False)
class _Task:
    """A task that was accepted."""

    task_id: str
    request: Request | None
    answer: Makes | Fails | Hangs
    since: float | None  # when it was accepted, monotonic; None for long ago
    shown: int = 0  # queries that were answered


def _answering(script: Script | None) -> Callable[[Request], Answer]:
    if script is None:
        return lambda request: Makes()
    if isinstance(script, (Makes, Fails, Hangs, LiangxinError)):
        only = _checked(script)
        return lambda request: only
    if callable(script):
        ask = script
        return lambda request: _checked(ask(request))
    if not isinstance(script, Iterable):
        raise _wrong("script", script, "such answers in an iterable, a callable, None")
    answers: Iterator[Answer] = iter(script)
    return lambda request: _checked(next(answers, Makes()))


def _checked(answer: object) -> Answer:
    """Return `answer` if it is one."""
    if isinstance(answer, TaskError) or not isinstance(
        answer, (Makes, Fails, Hangs, LiangxinError)
    ):
        raise _wrong("answer", answer, "an error that a create may meet")
    return answer


def _wrong(what: str, given: object, more: str) -> ConfigurationError:
    return ConfigurationError(
        f"{what}: got {type(given).__name__}; allowed: Makes, Fails, Hangs, {more}"
    )


@define(eq=False)
class FakeService:
    """Takes creates, answers queries, holds files. Also the session's transport."""

    _script: Callable[[Request], Answer] = field(converter=_answering)
    credits: Credits | None = None
    requests: list[Request] = field(factory=list)
    tasks: dict[str, _Task] = field(factory=dict)

    def open_nowait(self) -> None:
        """Nothing has to be opened."""

    async def aclose(self) -> None:
        """Nothing has to be closed."""

    async def create(self, request: _Create, departure: Departure) -> WireReply:
        """Play the next answer of the script to a create."""
        await anyio.lowlevel.checkpoint()
        if departure.recalled:
            raise RecalledError
        answer = self._script(request.request)
        if isinstance(answer, ConnectError):
            raise fresh(answer)
        departure.left = True
        self.requests.append(request.request)
        if isinstance(answer, LiangxinError):
            raise fresh(answer)
        task_id = f"task_fake_{len(self.tasks) + 1}"
        self.add(task_id, answer, request.request)
        return WireReply(200, {}, task_id.encode())

    def add(
        self, task_id: str, answer: Makes | Fails | Hangs, request: Request | None
    ) -> None:
        """Hold a task; without a request it was made elsewhere, long ago."""
        since = None if request is None else asyncio.get_running_loop().time()
        self.tasks[task_id] = _Task(task_id, request, answer, since)

    async def query(self, request: WireRequest) -> WireReply:
        """Answer a query with the task's state and progress; `read` understands it."""
        await anyio.lowlevel.checkpoint()
        task = self.tasks.get(request.target)
        if task is None:
            return WireReply(404, {}, b"")
        state, progress = _look_at(task)
        shown = "" if progress is None else str(progress)
        return WireReply(200, {}, f"{state.value} {shown}".encode())

    def read(self, reply: WireReply, task_id: str) -> TaskRecord:
        """Return the record that an answer of `query` stands for."""
        if reply.status == 404:
            raise NotFoundError(http_status=404, message=f"no task {task_id!r}")
        word, _, shown = reply.body.decode().partition(" ")
        progress = int(shown) if shown else None
        return _record(self.tasks[task_id], TaskState(word), progress)

    def content(self, url: str) -> bytes | None:
        """Return the file at `url`, or None where there is none any more."""
        task = self.tasks.get(url.removeprefix(f"{FILES}/").rpartition("/")[0])
        answer = None if task is None else task.answer
        return answer.content if isinstance(answer, Makes) else None


def _look_at(task: _Task) -> tuple[TaskState, int | None]:
    """Return state and progress as the next query shows them."""
    step, progress = task.shown, task.answer.progress
    task.shown += 1
    if step < len(progress):
        return TaskState.GENERATING, progress[step]
    if isinstance(task.answer, Hangs) or not _is_over(task, task.answer.after):
        return TaskState.GENERATING, progress[-1] if progress else None
    if isinstance(task.answer, Fails):
        return TaskState.FAIL, None
    return TaskState.SUCCESS, 100 if progress else None


def _is_over(task: _Task, after: float) -> bool:
    now = asyncio.get_running_loop().time()
    return task.since is None or now >= task.since + after


def _record(task: _Task, state: TaskState, progress: int | None) -> TaskRecord:
    answer, request = task.answer, task.request
    failed = isinstance(answer, Fails) and state is TaskState.FAIL
    pictures = answer.pictures if isinstance(answer, Makes) else 0
    urls = [f"{FILES}/{task.task_id}/{number + 1}.png" for number in range(pictures)]
    return TaskRecord(
        task_id=task.task_id,
        model=None if request is None else request.model,
        state=state,
        raw_state=state.value,
        progress=progress,
        param=None if request is None else {"input": request.fields()},
        result_urls=tuple(urls) if state is TaskState.SUCCESS else (),
        fail_code=answer.code if failed and isinstance(answer, Fails) else None,
        fail_message=answer.message if failed and isinstance(answer, Fails) else None,
    )


@frozen(eq=False)
class FakeDialect:
    """The real dialect's rules for requests, and the service's word for answers."""

    _real: Dialect
    _service: FakeService

    @property
    def name(self) -> str:
        """That of the real one."""
        return self._real.name

    @property
    def default_base_url(self) -> str | None:
        """None: there is no address."""
        return None

    @property
    def key_variable(self) -> str:
        """That of the real one."""
        return self._real.key_variable

    @property
    def base_url_variable(self) -> str:
        """That of the real one."""
        return self._real.base_url_variable

    @property
    def callback_field(self) -> FieldInfo:
        """That of the real one."""
        return self._real.callback_field

    def write_create(self, request: Request, callback_url: str | None) -> WireRequest:
        """Have the real dialect check the request, and keep it."""
        wire = self._real.write_create(request, callback_url)
        return _Create(wire.method, wire.target, wire.body, request=request)

    def read_create(self, reply: WireReply) -> Accepted:
        """Return the task that the service accepted."""
        return Accepted(reply.body.decode())

    def write_query(self, task_id: str) -> WireRequest:
        """Name the task."""
        return WireRequest("GET", task_id)

    def read_query(self, reply: WireReply, task_id: str) -> TaskRecord:
        """Return what the service says of the task."""
        return self._service.read(reply, task_id)

    def read_callback(self, body: bytes) -> CallbackNote | None:
        """Return what the real dialect reads in it."""
        return self._real.read_callback(body)

    def expires_at(self, record: TaskRecord) -> datetime | None:
        """Return what the real dialect makes of the record."""
        return self._real.expires_at(record)


@frozen(eq=False)
class FakeDialectWithCredits(FakeDialect):
    """Likewise, for a service that tells credits."""

    def write_credits(self) -> WireRequest:
        """Ask."""
        return WireRequest("GET", "credits")

    def read_credits(self, reply: WireReply) -> Credits:
        """Return the credits that the test set, or none told."""
        return self._service.credits or Credits(token=None, user=None)


@frozen(eq=False)
class _FakeWeb:
    """Where files come from."""

    _service: FakeService

    async def attempt(
        self, url: str, place: Place, *, limit: Callable[[str], int]
    ) -> SavedFile | FailedTryError:
        """Save the file in this very step: it is small, and threads know no virtual
        time."""
        await anyio.lowlevel.checkpoint()
        content = self._service.content(url)
        if content is None:
            return FailedTryError("expired", "HTTP 404", status=404)
        part = PartFile(place, limit(""), None)
        try:
            part.write([content])
            return SavedFile(part.settle("", delimited=True), part.size_bytes)
        except FailedTryError as failure:
            return failure
        except OSError as exc:
            return FailedTryError(
                "disk", f"the disk refused: {exc.strerror}", cause=exc
            )
        finally:
            part.abandon()

    async def aclose(self) -> None:
        """Nothing has to be closed."""

    def detach(self) -> None:
        """Nothing belongs to a loop."""


class FakeDownloader(Downloader):
    """The real downloader with the service's files instead of the web."""

    def __init__(self, service: FakeService, teller: Teller) -> None:
        super().__init__(allow_loopback=False, teller=teller)
        self._service = service

    def _new_client(self) -> WebClient:
        web: object = _FakeWeb(self._service)
        return web  # type: ignore[return-value]  # it has what a Downloader uses
