"""Result files: every file of a result, saved whole or not at all.

This module settles how often a file is tried, when its URL is asked for anew, and how
calls end: with paths, with one of our errors, or cancelled. One try is `_webfile`'s,
the file on the disk is `_partfile`'s.

No query of a signed URL leaves here: errors and events show scheme, host and path, and
no foreign network error is chained to ours.

Durations are float seconds, sizes bytes. A `Downloader` belongs to one event loop at a
time and takes up a new one when its old one is closed.
"""

from __future__ import annotations

import asyncio
import logging
import random
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from attrs import define, field, frozen

from liangxin_async._addresses import mask_url
from liangxin_async._connector import public_connector
from liangxin_async._core.backoff import Backoff, may_pass, next_delay
from liangxin_async._errors import (
    ConfigurationError,
    DownloadError,
    LiangxinError,
    SessionClosedError,
    shorten,
)
from liangxin_async._events import (
    DownloadCancelled,
    DownloadComplete,
    DownloadFailed,
    DownloadRetried,
    DownloadStarted,
)
from liangxin_async._media import largest, numbered, safe_stem
from liangxin_async._partfile import FailedTryError, Place
from liangxin_async._telling import Teller
from liangxin_async._webfile import SavedFile, WebClient, open_client
from liangxin_async.models import kind_of

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable

    import aiohttp

    from liangxin_async._events import Event
    from liangxin_async._records import Result, TaskRecord

_log = logging.getLogger(__name__)

ATTEMPTS = 3  # per file, and per refresh; one more after a refresh
_RETRY = Backoff(0.5, 4.0)
_TOLD_CAP = 30.0  # seconds; the longest wait that a service can ask for
_CLOSE_WAIT = 5.0  # seconds that `aclose` gives calls under way to clean up


@define(eq=False)
class _Job:
    """One call of `fetch`."""

    task_id: str
    urls: list[str] = field(repr=False)
    folder: Path
    stem: str
    replace: bool
    limit: Callable[[str], int]
    refresh: Callable[[str], Awaitable[TaskRecord]]
    saved: list[Path] = field(factory=list)
    started: float | None = None  # when the file under way began, if one is

    def place(self, position: int) -> Place:
        stem = numbered(self.stem, position, len(self.urls))
        return Place(folder=self.folder, stem=stem, replace=self.replace)

    def error(self, position: int, failure: FailedTryError) -> DownloadError:
        which = f"file {position + 1} of {len(self.urls)}"
        url = mask_url(self.urls[position])
        task = shorten(self.task_id, 80)
        return DownloadError(
            f"{which} of task {task} was not saved: {failure.words} ({url})",
            url=url,
            task_id=self.task_id,
            reason=failure.reason,
            http_status=failure.status,
        )


def _limit_for(result: Result, given: int | None) -> Callable[[str], int]:
    """Return how large a file of `result` may be, by its content type."""
    kind = kind_of(result.model)
    return lambda said: largest(kind, said) if given is None else given


@frozen(eq=False)
class _Call:
    """A `fetch` under way, as `aclose` sees it."""

    scope: anyio.CancelScope
    ended: anyio.Event = field(factory=anyio.Event)


@define(eq=False)
class _Opened:
    """What belongs to one event loop."""

    loop: asyncio.AbstractEventLoop
    client: WebClient
    calls: set[_Call] = field(factory=set)
    closing: bool = False


@define(kw_only=True, eq=False)
class Downloader:
    """Saves the files of results. Owns its HTTP client, which holds no credentials.

    Args:
        allow_loopback: whether loopback addresses, and plain http to them, are
            allowed. For an API that is on loopback itself.
        trust_env: whether to use the proxies of the environment. The proxy resolves
            names then, so only literal addresses are checked here; the proxy itself
            may be anywhere. ~/.netrc is never read.
        connect_timeout: seconds to get a connection, name and TLS included.
        read_timeout: seconds without a byte before a try counts as broken.
        teller: hands the events to whoever listens.
        connector: makes the connector that reaches result hosts; None for public
            addresses only.
        sleep, rand: the clock and the dice of the waits between tries.
    """

    _allow_loopback: bool
    _trust_env: bool = False
    _connect_timeout: float = 10.0
    _read_timeout: float = 30.0
    _teller: Teller = field(factory=Teller)
    _connector: Callable[[], aiohttp.BaseConnector] | None = None
    _sleep: Callable[[float], Awaitable[object]] = anyio.sleep
    _rand: Callable[[], float] = random.random
    _opened: _Opened | None = field(init=False, default=None)

    async def fetch(
        self,
        result: Result,
        to: str | os.PathLike[str],
        *,
        refresh: Callable[[str], Awaitable[TaskRecord]],
        stem: str | None = None,
        overwrite: bool = False,
        max_size_bytes: int | None = None,
        timeout: float | None = None,
    ) -> list[Path]:
        """Save every file of `result` in a folder, one after the other.

        Names are `<stem>.<extension>`, or `<stem>-<n>.<extension>` with n from 1 for
        more than one file; the extension is that of the bytes. Nothing in a name
        comes from a URL. Cancelling is safe: files already whole stay, and nothing
        partial does.

        Args:
            result: what to save.
            to: folder; made with its parents where missing.
            refresh: asks once for the task's record again, for fresh URLs. Called
                after HTTP 403, 404 or 410: once for each file, and up to three times
                where its answer was lost or the service busy.
            stem: name without extension; None for the task id, where a file of that
                name is replaced. Characters that are unsafe in names are changed.
            overwrite: with a `stem`: whether a taken name is replaced. Otherwise ours
                becomes `<name>-2` and so on.
            max_size_bytes: largest file; None for 64 MiB, and 1 GiB for videos (by
                the model, or where nobody knows that, by the server's word).
            timeout: seconds for the whole call; None for no limit but the silence
                that `read_timeout` bounds.

        Returns:
            The paths, in the order of `result.urls`.

        Raises:
            DownloadError: a file could not be had; its notes name those saved before.
            SessionClosedError: `aclose` was called meanwhile.
        """
        name = result.task_id if stem is None else stem
        job = _Job(
            task_id=result.task_id,
            urls=list(result.urls),
            folder=Path(to),
            stem=safe_stem(name, unicode_letters=stem is not None),
            replace=stem is None or overwrite,
            limit=_limit_for(result, max_size_bytes),
            refresh=refresh,
        )
        opened = self._open()
        try:
            with anyio.move_on_after(timeout) as scope:
                call = _Call(scope)
                opened.calls.add(call)
                try:
                    return await self._fetch_all(opened.client, job)
                finally:
                    opened.calls.discard(call)
                    call.ended.set()
            raise self._cut_short(opened, job, timeout)
        except BaseException as exc:
            self._tell_broken(job, exc)
            raise

    def _cut_short(
        self, opened: _Opened, job: _Job, timeout: float | None
    ) -> LiangxinError:
        task = shorten(job.task_id, 80)
        error: LiangxinError
        if opened.closing:
            error = SessionClosedError(
                f"closed while files of task {task} were fetched", task_id=job.task_id
            )
        else:
            error = DownloadError(
                f"the files of task {task} were not all saved within the time limit "
                f"of {timeout} s",
                url=mask_url(job.urls[len(job.saved)]),
                task_id=job.task_id,
            )
        _note_saved(error, job)
        return error

    def _open(self) -> _Opened:
        loop = asyncio.get_running_loop()
        opened = self._opened
        if opened is not None and opened.loop is not loop:
            if not opened.loop.is_closed():
                raise ConfigurationError(
                    "files are being fetched in another event loop; give each loop a "
                    "session of its own"
                )
            opened.client.detach()
            opened = None
        if opened is None:
            opened = self._opened = _Opened(loop, self._new_client())
        return opened

    def _new_client(self) -> WebClient:
        make = self._connector or (
            lambda: public_connector(allow_loopback=self._allow_loopback)
        )
        return open_client(
            allow_loopback=self._allow_loopback,
            trust_env=self._trust_env,
            connector=make(),
            connect_timeout=self._connect_timeout,
            read_timeout=self._read_timeout,
        )

    async def aclose(self) -> None:
        """End the calls under way with `SessionClosedError` and free what is open.

        Bounded, and may be called twice. A later `fetch` opens anew.
        """
        opened, self._opened = self._opened, None
        if opened is None:
            return
        if opened.loop is not asyncio.get_running_loop():
            opened.client.detach()
            return
        opened.closing = True
        calls = tuple(opened.calls)
        for call in calls:
            call.scope.cancel()
        with anyio.move_on_after(_CLOSE_WAIT, shield=True):
            for call in calls:
                await call.ended.wait()
        with anyio.move_on_after(_CLOSE_WAIT, shield=True):
            await opened.client.aclose()

    # ----------------------------------------------------------- file by file

    async def _fetch_all(self, client: WebClient, job: _Job) -> list[Path]:
        for position in range(len(job.urls)):
            job.started = anyio.current_time()
            self._tell(DownloadStarted, job, at=job.started, files=len(job.urls))
            try:
                saved = await self._fetch_one(client, job, position)
            except DownloadError as error:
                _note_saved(error, job)
                raise
            job.saved.append(saved.path)
            self._tell_complete(job, saved, job.started)
            job.started = None
        return job.saved

    async def _fetch_one(
        self, client: WebClient, job: _Job, position: int
    ) -> SavedFile:
        """Try until the file is there, or until another try makes no sense."""
        attempt, is_fresh = 1, False
        while True:
            outcome = await client.attempt(
                job.urls[position], job.place(position), limit=job.limit
            )
            if isinstance(outcome, SavedFile):
                return outcome
            error = job.error(position, outcome)
            if outcome.reason == "expired" and not is_fresh:
                is_fresh = True
                await self._refresh(job, position, error)
                continue
            if not outcome.again or attempt >= ATTEMPTS:
                raise error from outcome.cause
            await self._pause(job, position, attempt, error)
            attempt += 1

    async def _refresh(self, job: _Job, position: int, expired: DownloadError) -> None:
        """Replace the URLs by fresh ones, or raise `expired`."""
        attempt = 1
        while True:
            try:
                record = await job.refresh(job.task_id)
                break
            except SessionClosedError:
                raise
            except LiangxinError as exc:
                if attempt >= ATTEMPTS or not may_pass(exc):
                    raise expired from exc
                told = getattr(exc, "retry_after", None) or 0.0
            await self._pause(job, position, attempt, expired, at_least=told)
            attempt += 1
        if position >= len(record.result_urls):
            raise expired
        # Later files take theirs from here as well; the number of files stays.
        job.urls[: len(record.result_urls)] = record.result_urls[: len(job.urls)]

    async def _pause(
        self,
        job: _Job,
        position: int,
        attempt: int,
        error: DownloadError,
        *,
        at_least: float = 0.0,
    ) -> None:
        jittered = next_delay(attempt, _RETRY, rand=self._rand())
        delay = max(jittered, min(at_least, _TOLD_CAP))
        _log.debug(
            "file %d of task %r did not come, attempt %d (%s); again after %.2f s",
            position + 1,
            job.task_id,
            attempt,
            error.reason,
            delay,
        )
        self._tell(DownloadRetried, job, attempt=attempt, error=error, delay=delay)
        await self._sleep(delay)

    # ------------------------------------------------------------------- telling

    def _tell_complete(self, job: _Job, saved: SavedFile, started: float) -> None:
        now = anyio.current_time()
        _log.debug(
            "file %d of task %r is saved: %d bytes in %.2f s",
            len(job.saved),
            job.task_id,
            saved.size_bytes,
            now - started,
        )
        self._tell(
            DownloadComplete,
            job,
            at=now,
            position=len(job.saved) - 1,
            files=len(job.urls),
            path=saved.path,
            size_bytes=saved.size_bytes,
            took=now - started,
        )

    def _tell_broken(self, job: _Job, exc: BaseException) -> None:
        """The call ended with `exc`: tell of the file that was under way, if any."""
        if job.started is None:
            return
        _log.debug(
            "file %d of task %r is not saved: %s",
            len(job.saved) + 1,
            job.task_id,
            exc.reason if isinstance(exc, DownloadError) else type(exc).__name__,
        )
        now = anyio.current_time()
        facts: dict[str, object] = {"at": now, "took": now - job.started}
        if isinstance(exc, LiangxinError):
            self._tell(DownloadFailed, job, error=exc, **facts)
        else:
            self._tell(DownloadCancelled, job, **facts)

    def _tell(self, kind: Callable[..., Event], job: _Job, **facts: object) -> None:
        if self._teller.listening:
            usual = {"at": anyio.current_time(), "position": len(job.saved)}
            self._teller.tell(kind(task_id=job.task_id, **{**usual, **facts}))


def _note_saved(error: LiangxinError, job: _Job) -> None:
    """Say in the notes of `error` which files are there all the same."""
    if job.saved:
        error.add_note(f"saved before: {', '.join(map(str, job.saved))}")
