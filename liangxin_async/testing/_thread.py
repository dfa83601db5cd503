"""`EmulatorThread`: the emulator in a thread and an event loop of its own."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from liangxin_async.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType
    from typing import Self

    from liangxin_async.emulator import Ledger, Scenario

_PATIENCE = 10.0  # seconds for a step of the emulator's; one takes milliseconds


class EmulatorThread:
    """A local service that runs beside whatever the test does, async or not.

        with EmulatorThread(Scenario(duration=0.1)) as service:
            subprocess.run([...], env={"LIANGXIN_BASE_URL": service.base_url, ...})

    Its books may be read from any thread; numbers of one instant are those of
    `snapshot()`, and of `ledger` once the requests of the test are over.

    Args:
        scenario: what to play; None is a service that works.
        settings: other arguments of `Emulator`, such as `api_key`.
    """

    def __init__(self, scenario: Scenario | None = None, **settings: Any) -> None:
        self._emulator = Emulator(scenario, **settings)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End."""
        self.close()

    def start(self) -> None:
        """Listen; returns when it does.

        Raises:
            OSError: the address cannot be listened on.
            RuntimeError: it is running already.
        """
        if self._thread is not None:
            raise RuntimeError("the emulator is running already")
        started: Future[None] = Future()
        thread = threading.Thread(
            target=lambda: asyncio.run(self._run(started)),
            name="liangxin_async emulator",
            daemon=True,  # a test run that is torn down must not wait for it
        )
        thread.start()
        try:
            started.result()
        except BaseException:
            thread.join(_PATIENCE)
            raise
        self._thread = thread

    async def _run(self, started: Future[None]) -> None:
        try:
            await self._emulator.start()
        except BaseException as exc:  # noqa: BLE001 - raised to whoever starts it
            started.set_exception(exc)
            return
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        started.set_result(None)
        try:
            await self._stop.wait()
        finally:
            await self._emulator.aclose()

    def close(self) -> None:
        """End, and wait for the end. May be called twice, and before `start`."""
        thread, self._thread = self._thread, None
        if thread is None or self._loop is None or self._stop is None:
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        thread.join(_PATIENCE)
        if thread.is_alive():
            raise RuntimeError(f"the emulator did not end within {_PATIENCE:g} s")

    @property
    def base_url(self) -> str:
        """Scheme, host and port, such as "http://127.0.0.1:8000"."""
        return self._emulator.base_url

    @property
    def api_key(self) -> str:
        """The one key that is valid."""
        return self._emulator.api_key

    @property
    def ledger(self) -> Ledger:
        """What was seen and done: `ledger.accepted_total` is what was paid for."""
        return self._emulator.ledger

    def snapshot(self, *, tasks: bool = True) -> dict[str, Any]:
        """Return the books of one instant as plain values, with every task."""
        books: dict[str, Any] = self._inside(
            lambda emulator: emulator.snapshot(tasks=tasks)
        )
        return books

    def play(self, scenario: Scenario) -> None:
        """Begin another scenario now; tasks and books stay."""
        self._wait(lambda emulator: emulator.play(scenario))

    def revoke_key(self, new_key: str | None = None) -> None:
        """Let the key be wrong from now on; `new_key`, if any, is valid instead."""
        self._inside(lambda emulator: emulator.revoke_key(new_key))

    def set_balance(self, creates: int | None) -> None:
        """Let the account pay for `creates` more, or for any number (None)."""
        self._inside(lambda emulator: emulator.set_balance(creates))

    def _inside(self, call: Callable[[Emulator], Any]) -> Any:
        async def there(emulator: Emulator) -> Any:
            return call(emulator)

        return self._wait(there)

    def _wait(self, call: Callable[[Emulator], Awaitable[Any]]) -> Any:
        """Run `call` in the emulator's loop, and wait for it."""
        if self._thread is None or self._loop is None:
            raise RuntimeError("the emulator is not running")

        async def there() -> Any:
            return await call(self._emulator)

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result(_PATIENCE)
