"""`Session`: the library's front. It opens, lends its parts, and closes.

A session is a description (key, address, settings) that can be made anywhere, and a
`Runtime` that exists while it is open in some event loop.

    state    entered by                                a call that needs it
    ------   ---------------------------------------   --------------------------------
    new      making it; its loop having gone           opens it in the running loop
    open     `open()`, `async with`, a first call      uses it
    closed   `aclose()`, leaving `async with`          SessionClosedError; `open()` and
                                                       `async with` open it again
"""

from __future__ import annotations

import asyncio
import os
import warnings
from typing import TYPE_CHECKING, Any

import anyio

from liangxin_async._arguments import check_fair_key, check_priority, check_task_id
from liangxin_async._batch import Batch, Manner
from liangxin_async._config import check_duration
from liangxin_async._errors import (
    ConfigurationError,
    SessionClosedError,
    SubmitUnknownError,
)
from liangxin_async._handle import TaskHandle
from liangxin_async._records import Stats
from liangxin_async._settings import check_settings
from liangxin_async.dialects import LIANGXIN, TellsCredits

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable, Sequence
    from pathlib import Path
    from typing import Self, Unpack

    import aiohttp

    from liangxin_async._config import Polling, Timeouts
    from liangxin_async._download import Downloader
    from liangxin_async._events import Observer
    from liangxin_async._records import Credits, Result, TaskRecord
    from liangxin_async._runtime import Runtime
    from liangxin_async._transport import Transport
    from liangxin_async.dialects import Dialect
    from liangxin_async.models import Request


class Session:
    """A client of one account: submits, follows and downloads image tasks.

    It may be made before any event loop runs; it opens on first use, in the loop that
    runs then. Any number of asyncio tasks may share it. Close it with `aclose()` or
    `async with`, in whatever asyncio task.

    Args:
        api_key: the key; None takes LIANGXIN_API_KEY from the environment, or
            EVOLINK_API_KEY for that dialect. It is sent to `base_url` only.
        base_url: `https://host[:port][/prefix]` of the API; None takes
            LIANGXIN_BASE_URL or EVOLINK_BASE_URL, then the address that the service
            documents (EvoLink does, LiangXin does not). Plain http is for this machine
            only.
        dialect: the service's wire, `LIANGXIN` or `EVOLINK`.
        callback_url: public HTTPS URL below which the service calls back; every create
            that names no URL itself gets an unguessable path of its own under it, which
            `liangxin_async.webhook.Receiver` recognises. EvoLink takes 2048 characters
            at most, path included, and no internal address. With a `base_url` on this
            machine it may be on this machine too, over plain http.
        max_in_flight: most tasks in flight over all models, at least 1; None leaves
            it to what the service accepts.
        polling: when and how often tasks are asked about.
        timeouts: limits of single exchanges.
        observer: called with every event, see `Event`; several in a list.
        http: an `aiohttp.ClientSession` of your own for the API calls. It is never
            closed here. Creates then use its connections too, so that one which went
            stale can end in `SubmitUnknownError`; pass a connector with
            `force_close=True` to rule that out. Downloads never use it.
        trust_env: take proxies from the environment. Never ~/.netrc: the API key is
            the only credential.
        auth_header: header that carries the key.
        auth_scheme: word before the key; "" sends the key alone. Neither is stated by
            LiangXin; these are what its API family takes.

    Raises:
        ConfigurationError: no key, no base URL, or a setting that cannot work.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        dialect: Dialect = LIANGXIN,
        callback_url: str | None = None,
        max_in_flight: int | None = None,
        polling: Polling | None = None,
        timeouts: Timeouts | None = None,
        observer: Observer | Sequence[Observer] | None = None,
        http: aiohttp.ClientSession | None = None,
        trust_env: bool = False,
        auth_header: str = "Authorization",
        auth_scheme: str = "Bearer",
    ) -> None:
        self._runtime: Runtime | None = None
        self._closed = False
        self._name = "refused"  # shown where its settings are
        try:
            self._settings = check_settings(
                api_key=api_key,
                base_url=base_url,
                dialect=dialect,
                callback_url=callback_url,
                max_in_flight=max_in_flight,
                polling=polling,
                timeouts=timeouts,
                observer=observer,
                http=http,
                trust_env=trust_env,
                auth_header=auth_header,
                auth_scheme=auth_scheme,
            )
        finally:
            del api_key  # so that no traceback through here shows it
        self._dialect = dialect
        self._name = f"{dialect.name} {self._settings.base_url}"

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open" if self._is_open() else "new"
        return f"<Session {self._name} {state}>"

    # ------------------------------------------------------------------- life cycle

    async def open(self) -> None:
        """Open the session in the running event loop; nothing happens if it is open.

        Also opens a closed session again. No request is sent.

        Raises:
            ConfigurationError: it is open in another loop that still exists, or was
                opened before this process was forked.
        """
        self._closed = False
        if self._runtime is not None and self._runtime.is_closing:
            await self._runtime.aclose()
        self._open_runtime()

    async def aclose(self) -> None:
        """Close: nothing of the session runs afterwards. May be called repeatedly.

        Creates under way get `Timeouts.close` seconds to tell their task ids. Whoever
        waits for a task gets `SessionClosedError` with its id; the tasks themselves go
        on at the service. Cancelling is safe: closing goes on.
        """
        self._closed = True
        if self._runtime is not None:
            await self._runtime.aclose()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __del__(self, _warn: Any = warnings.warn) -> None:
        runtime = getattr(self, "_runtime", None)
        if runtime is None or runtime.is_gone:
            return
        _warn(f"unclosed {self!r}", ResourceWarning, source=self)
        runtime.loop.call_soon_threadsafe(runtime.stop_nowait)

    def _is_open(self) -> bool:
        return self._runtime is not None and not self._runtime.is_gone

    def _use(self) -> Runtime:
        """Return the runtime of the running loop, opening it on first use."""
        if self._closed:
            raise SessionClosedError(
                "the session is closed; `await session.open()` opens it again"
            )
        return self._open_runtime()

    def _open_runtime(self) -> Runtime:
        runtime = self._runtime
        if runtime is not None and not runtime.is_gone:
            runtime.check_usable_here()
            return runtime
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise ConfigurationError(
                "no asyncio event loop is running here; call this from async code "
                "(asyncio only: with trio it does not work)"
            ) from None
        self._runtime = self._settings.start_runtime(
            self._make_transport(), self._make_downloader()
        )
        return self._runtime

    def _make_transport(self) -> Transport:
        return self._settings.make_transport()

    def _make_downloader(self) -> Downloader:
        return self._settings.make_downloader()

    # ------------------------------------------------------------------- submitting

    async def submit(
        self,
        request: Request,
        *,
        timeout: float | None = None,
        priority: int = 0,
        fair_key: str | int | None = None,
        rescue_timeout: float | None = None,
    ) -> TaskHandle:
        """Have a task made, and return its handle once the service accepted it.

        Waits for a permit of the gate, then sends one createTask. A 429 is waited out
        with no permit held; a create that never left, or that the gateway sent back,
        is sent again a few times. Nothing else is ever sent twice.

        Args:
            request: what to make.
            timeout: seconds for all of it, the queueing included; None waits as long
                as the service is saturated.
            priority: higher goes first among the session's waiting creates of a model.
                Where 100 in a row have passed a lower one, that one goes next.
            fair_key: whose it is, say a user's id. Within a priority the keys take
                turns, so that 40 requests of one do not hold up another's first. None
                is one key too. Never sent, logged or told to the observer.
            rescue_timeout: seconds, beyond `timeout`, to wait for the callback where
                the create's answer was lost; None does not wait. See
                `SubmitUnknownError.rescue`; without callbacks nothing is waited for.

        Raises:
            InvalidRequestError: not a request, or one for another service.
            SubmitTimeoutError: no place in time; nothing was accepted.
            SubmitUnknownError: sent, outcome unknown; never sent again by itself.
            AuthenticationError, InsufficientQuotaError: the account; stop submitting.
            ApiError: the service refused this request.
            ConnectError: no connection, after several tries; nothing was sent.
            SessionClosedError: the session is or was closed.

        Cancelling is safe: before the first byte left, nothing is sent; after it the
        create is finished in the background, and an accepted task appears in
        `pending`, at the observer and in the log.
        """
        check_duration("timeout", timeout)
        check_duration("rescue_timeout", rescue_timeout)
        self._settings.check_request(request)
        check_priority(priority)
        check_fair_key(fair_key)
        try:
            return await self._use().submitter.submit(
                request, timeout=timeout, priority=priority, fair_key=fair_key
            )
        except SubmitUnknownError as error:
            if rescue_timeout is None or error.rescue is None:
                raise
            return await error.rescue(rescue_timeout)

    async def generate(
        self,
        request: Request,
        *,
        timeout: float | None = None,
        priority: int = 0,
        fair_key: str | int | None = None,
        rescue_timeout: float | None = None,
    ) -> Result:
        """Submit `request` and wait for its result.

        Args:
            request: what to make.
            timeout: seconds for queueing, creating and generating together; None sets
                no limit of the call's own.
            priority, fair_key, rescue_timeout: as in `submit`.

        Raises:
            LiangxinError: as `submit` and `TaskHandle.wait`. A `TaskTimeoutError` has
                the task id: the task goes on and can be attached to.

        Cancelling is safe, as in `submit`; a task that was accepted goes on.
        """
        began = anyio.current_time()
        handle = await self.submit(
            request,
            timeout=timeout,
            priority=priority,
            fair_key=fair_key,
            rescue_timeout=rescue_timeout,
        )
        if timeout is None:
            return await handle.wait()
        left = timeout - (anyio.current_time() - began)
        return await handle.wait(max(0.0, left))

    def map(
        self,
        requests: Iterable[Request] | AsyncIterable[Request],
        *,
        ordered: bool = False,
        timeout: float | None = None,
        priority: int = -1,
        fair_key: str | int | None = None,
    ) -> Batch:
        """Generate every request of an iterable, at the pace the service allows.

        Args:
            requests: a sync or async iterable, finite or not. It is pulled in the
                event loop, and only as fast as outcomes are taken.
            ordered: yield outcomes in input order instead of as they come.
            timeout: seconds for each request, queueing included, as in `generate`.
            priority: below single calls by default, so that these pass a batch.
            fair_key: as in `submit`; but None gives each batch a key of its own.

        Returns:
            A `Batch`: iterate it with `async for`; use it with `async with` too where
            the loop may be left early.

        Raises:
            While iterating: AuthenticationError or InsufficientQuotaError when the
            account is dead, after what is in flight has come home; whatever
            `requests` itself raises, likewise. Everything else is one failed outcome.
        """
        check_duration("timeout", timeout)
        return self._batch(
            requests,
            ordered=ordered,
            timeout=timeout,
            priority=check_priority(priority),
            fair_key=check_fair_key(fair_key),
        )

    def _batch(
        self,
        requests: Iterable[Request] | AsyncIterable[Request],
        **manner: Unpack[Manner],
    ) -> Batch:
        """As `map`, of what has been checked; see `Manner`."""
        check = self._settings.check_request
        return Batch(requests, use=self._use, check=check, **manner)

    # -------------------------------------------------------------------- following

    def attach(self, task_id: str, *, model: str | None = None) -> TaskHandle:
        """Follow a task that was made earlier or elsewhere.

        Does not wait and sends nothing by itself; the poller asks about it at once.
        An id that the session follows already gives the handle that exists.

        Args:
            task_id: the id as the service gave it.
            model: its model, where you know it.

        Raises:
            InvalidRequestError: not a task id.
            ConfigurationError: no event loop is running here.
            SessionClosedError: the session is closed.
        """
        check_task_id(task_id)
        runtime = self._use()
        handle = runtime.poller.find(task_id)
        if handle is None:
            handle = TaskHandle(task_id, model=model, loop=runtime.loop)
            runtime.poller.follow(handle, permit=None, soon=True)
        return handle

    async def record(self, task_id: str) -> TaskRecord:
        """Ask once how a task is doing; no waiting, no retries.

        Raises:
            NotFoundError: the service does not know the id, or not yet.
            LiangxinError: any other refusal, or no usable answer.

        Cancelling is safe.
        """
        return await self._use().query(check_task_id(task_id))

    async def credits(self) -> Credits:
        """Ask once what the account can still pay for; no retries.

        Raises:
            ConfigurationError: the service documents no such call (LiangXin).
            LiangxinError: any refusal, or no usable answer.

        Cancelling is safe.
        """
        dialect = self._dialect
        if not isinstance(dialect, TellsCredits):
            raise ConfigurationError(
                f"{dialect.name} documents no way to ask for the account's credits"
            )
        reply = await self._use().ask(dialect.write_credits())
        return dialect.read_credits(reply)

    async def download(
        self,
        result: Result,
        to: str | os.PathLike[str],
        *,
        stem: str | None = None,
        overwrite: bool = False,
        max_size_bytes: int | None = None,
        timeout: float | None = None,
    ) -> list[Path]:
        """Save the files of a result, each whole or not at all.

        Args:
            result: what `generate` or a handle gave.
            to: folder; made if missing.
            stem: file name without extension; None takes the task id. Never taken
                from the URL. The extension follows the file's own content.
            overwrite: whether a file named by `stem` may be replaced; otherwise the
                next free number is added. Files named by task id are replaced.
            max_size_bytes: per file; None is 64 MiB, and 1 GiB for videos: by the
                model, or where nobody knows it, by the server's content type.
            timeout: seconds for all files; None sets no limit beyond
                `Timeouts.download_idle`.

        Returns:
            The paths, in the order of `result.urls`.

        Raises:
            DownloadError: with the reason. Files already whole stay.

        Cancelling is safe and leaves no partial file.
        """
        check_duration("timeout", timeout)
        runtime = self._use()
        return await runtime.downloader.fetch(
            result,
            to,
            refresh=runtime.query,
            stem=stem,
            overwrite=overwrite,
            max_size_bytes=max_size_bytes,
            timeout=timeout,
        )

    async def drain(self, timeout: float | None = None) -> tuple[TaskHandle, ...]:
        """Wait until nothing is in flight: creates under way and open tasks.

        Args:
            timeout: seconds to wait, from 0; None waits for all.

        Returns:
            The handles still open when the time was over; empty when all is done.

        Cancelling is safe.
        """
        check_duration("timeout", timeout)
        runtime = self._runtime
        if runtime is None or runtime.is_gone:
            return ()
        return await runtime.drain(timeout)

    async def _creates_told(self) -> None:
        """Wait for the creates under way, `Timeouts.close` seconds at most."""
        runtime = self._runtime
        if runtime is not None and not runtime.is_gone:
            with anyio.move_on_after(self._settings.timeouts.close):
                await runtime.submitter.idle()

    @property
    def pending(self) -> tuple[TaskHandle, ...]:
        """Handles of the tasks that are not over, oldest first. Store their ids and
        attach to them later, in whatever process."""
        return self._runtime.poller.pending if self._runtime is not None else ()

    @property
    def stats(self) -> Stats:
        """A snapshot of the session's counts; all zero before it is opened."""
        return Stats() if self._runtime is None else self._runtime.stats()
