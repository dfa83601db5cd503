"""What every test gets: one backend, and a watch over the canary keys.

`CANARY` is the API key of tests that talk to a service. It must never be seen in a log
line, in an error that ends a test, or in a file that a test leaves behind.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from liangxin_async._gate import Gate, Ticket

CANARY = "sk-canary-4f1d-never-to-be-seen"

_seen: list[str] = []


class _Watch(logging.Handler):
    """Looks at every log record of the whole run, DEBUG included."""

    def emit(self, record: logging.LogRecord) -> None:
        text = logging.Formatter().format(record) + repr(record.args)
        if CANARY in text:
            _seen.append(f"{record.name}: {record.getMessage()[:80]!r}")


def pytest_configure(config: pytest.Config) -> None:
    """Start the watch before the first test."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts background jobs like this, and our children would inherit it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    logging.getLogger().addHandler(_Watch(logging.DEBUG))
    logging.getLogger("liangxin_async").setLevel(logging.DEBUG)


@pytest.fixture
def anyio_backend() -> str:
    """The library lives on aiohttp, and therefore on asyncio."""
    return "asyncio"


@pytest.fixture(autouse=True)
def no_canary(request: pytest.FixtureRequest) -> Iterator[None]:
    """After every test: the key was not logged and is in no file it wrote."""
    writes = "tmp_path" in request.fixturenames
    folder: Path | None = request.getfixturevalue("tmp_path") if writes else None
    yield
    for path in folder.rglob("*") if folder is not None else ():
        if path.is_file() and CANARY.encode() in path.read_bytes():
            _seen.append(path.name)
    found, _seen[:] = _seen[:], []
    assert not found, f"the API key was seen in {found}"


@pytest.fixture
def granted(monkeypatch: pytest.MonkeyPatch) -> list[Ticket]:
    """Every permit that a gate gives, in the step in which it does."""
    seen: list[Ticket] = []
    grant = Gate._grant

    def note(gate: Gate, ticket: Ticket, now: float) -> None:
        seen.append(ticket)
        grant(gate, ticket, now)

    monkeypatch.setattr(Gate, "_grant", note)
    return seen
