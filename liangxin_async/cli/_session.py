"""The session of a command: its settings, and how signals end it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from attrs import define, field

from liangxin_async._config import resolve_base_url
from liangxin_async._session import Session
from liangxin_async.cli._errors import StoppedError, UsageError
from liangxin_async.cli._out import Out
from liangxin_async.cli._watch import Watch
from liangxin_async.dialects import Dialect

_INSISTING = 0.05  # seconds between two cancellations
_LEAVING = 1.0  # seconds for creates under way, where the second signal says "at once"


def new_session(
    dialect: Dialect,
    base_url: str | None,
    watch: Watch,
    max_in_flight: int | None = None,
) -> Session:
    """Return a session for the service, with the key and the address that are set.

    Raises:
        UsageError: one of them is not set.
        ConfigurationError: one of them cannot be used.
    """
    missing, cure = [], []
    if not os.environ.get(dialect.key_variable, "").strip():
        missing.append("no API key")
        cure.append(dialect.key_variable)
    if not _has_address(dialect, base_url):
        missing.append("no base URL")
        cure.append(f"{dialect.base_url_variable} (or --base-url)")
    if missing:
        raise UsageError(
            f"{' and '.join(missing)}: set {' and '.join(cure)}; "
            "`liangxin demo` needs no key and no URL"
        )
    return Session(
        base_url=base_url,
        dialect=dialect,
        observer=watch,
        max_in_flight=max_in_flight,
    )


def _has_address(dialect: Dialect, base_url: str | None) -> bool:
    address = base_url or os.environ.get(dialect.base_url_variable, "").strip()
    return bool(address or dialect.default_base_url)


def address_for(dialect: Dialect, base_url: str | None) -> str | None:
    """Return where `new_session` would go, or None where no address is set.

    Raises:
        ConfigurationError: the address cannot be used.
    """
    if not _has_address(dialect, base_url):
        return None
    return resolve_base_url(
        base_url, dialect.base_url_variable, dialect.default_base_url
    )


Finish = Callable[[signal.Signals], None]


def run(
    work: Callable[[], Coroutine[Any, Any, None]],
    watch: Watch,
    out: Out,
    finish: Finish | None = None,
) -> None:
    """Run `work` to its end, or until SIGINT or SIGTERM.

    Args:
        work: what is done.
        watch: knows what is unfinished.
        out: where to say that a signal was heard.
        finish: is called for the first signal and lets `work` come to an end of its
            own; the second one cancels it then, and insists after a second. None
            cancels it at the first one, and insists at the second.

    Raises:
        StoppedError: a signal cancelled it; has what `watch` knows to be unfinished.
        LiangxinError, CommandError, StdoutError: from `work`.
    """
    try:
        asyncio.run(_until_stopped(work, watch, out, finish))
    except KeyboardInterrupt:  # where a loop takes no signals: Windows, other threads
        raise _stopped(signal.SIGINT, watch) from None


async def _until_stopped(
    work: Callable[[], Coroutine[Any, Any, None]],
    watch: Watch,
    out: Out,
    finish: Finish | None,
) -> None:
    task = asyncio.current_task()
    assert task is not None, "asyncio.run has a task"
    stopper = _Stopper(task, watch, out, finish)
    with _signals_to(stopper):
        try:
            await work()
        except asyncio.CancelledError:
            if not stopper.signals:
                raise
            raise _stopped(stopper.signals[0], watch) from None


@define(eq=False)
class _Stopper:
    """What signals do: let the work finish, where it can; cancel it; insist."""

    _task: asyncio.Task[Any]
    _watch: Watch
    _out: Out
    _finish: Finish | None
    signals: list[signal.Signals] = field(factory=list)

    def __call__(self, number: signal.Signals) -> None:
        """Take in a signal. Runs in the loop."""
        self.signals.append(number)
        step = len(self.signals)
        if self._finish is not None:
            if step == 1:
                self._finish(number)
                return
            step -= 1
        if step > 1:
            self._insist()
            return
        at_once = self._finish is not None
        if self._watch.under_way:
            self._out.note(
                "leaving; what was sent a moment ago has a second to be answered"
                if at_once
                else "stopping once the service has answered; Ctrl-C again: at once"
            )
        self._task.cancel()
        if at_once:
            asyncio.get_running_loop().call_later(_LEAVING, self._insist)

    def _insist(self) -> None:
        """Cancel one wait after the other, those of an orderly end too."""
        if not self._task.done():
            self._task.cancel()
            asyncio.get_running_loop().call_later(_INSISTING, self._insist)


def _stopped(number: signal.Signals, watch: Watch) -> StoppedError:
    return StoppedError(number, task_ids=tuple(watch.open), doubts=watch.doubts)


@contextmanager
def _signals_to(stop: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Have `stop` called in the loop for each SIGINT and SIGTERM, where that works."""
    loop = asyncio.get_running_loop()
    before: dict[signal.Signals, Any] = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        handler = signal.getsignal(number)
        if handler is signal.SIG_IGN:  # a shell's background job ignores Ctrl-C
            continue
        try:
            loop.add_signal_handler(number, stop, number)
        except (NotImplementedError, RuntimeError, ValueError):
            break
        before[number] = handler
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
