"""The session of a command: its settings, and how signals end it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from liangxin_async._session import Session
from liangxin_async.cli._errors import StoppedError, UsageError
from liangxin_async.cli._out import Out
from liangxin_async.cli._watch import Watch
from liangxin_async.dialects import Dialect


def new_session(dialect: Dialect, base_url: str | None, watch: Watch) -> Session:
    """Return a session for the service, with the key and the address that are set.

    Raises:
        UsageError: one of them is not set.
        ConfigurationError: one of them cannot be used.
    """
    missing, cure = [], []
    if not os.environ.get(dialect.key_variable, "").strip():
        missing.append("no API key")
        cure.append(dialect.key_variable)
    address = base_url or os.environ.get(dialect.base_url_variable, "").strip()
    if not (address or dialect.default_base_url):
        missing.append("no base URL")
        cure.append(f"{dialect.base_url_variable} (or --base-url)")
    if missing:
        raise UsageError(
            f"{' and '.join(missing)}: set {' and '.join(cure)}; "
            "`liangxin demo` needs neither"
        )
    return Session(base_url=base_url, dialect=dialect, observer=watch)


def run(work: Callable[[], Coroutine[Any, Any, None]], watch: Watch, out: Out) -> None:
    """Run `work` to its end, or until SIGINT or SIGTERM.

    Raises:
        StoppedError: a signal ended it; has what `watch` knows to be unfinished.
        LiangxinError, CommandError, StdoutError: from `work`.
    """
    try:
        asyncio.run(_until_stopped(work, watch, out))
    except KeyboardInterrupt:  # where a loop takes no signals: Windows, other threads
        raise _stopped(signal.SIGINT, watch) from None


async def _until_stopped(
    work: Callable[[], Coroutine[Any, Any, None]], watch: Watch, out: Out
) -> None:
    task = asyncio.current_task()
    assert task is not None, "asyncio.run has a task"
    stops: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        if not stops and watch.under_way:
            out.note("stopping once the service has answered; Ctrl-C again: at once")
        stops.append(number)
        task.cancel()

    with _signals_to(stop):
        try:
            await work()
        except asyncio.CancelledError:
            if not stops:
                raise
            raise _stopped(stops[0], watch) from None


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
