"""What the tests of the command share: services in threads, and a way to run it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest
from attrs import frozen

from liangxin_async import Polling, Session
from liangxin_async.cli import _session, main
from liangxin_async.emulator import Emulator, Scenario

ROOT = Path(__file__).parents[2]
QUICK = Polling(first=0.05, floor=0.02)
CANARY = "canary-key-3f9a1c77"  # the key of every service here; must never be shown


@frozen
class Done:
    """How one run of the command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@contextmanager
def serving(scenario: Scenario | None = None) -> Iterator[Emulator]:
    """An emulator in a thread of its own, for commands that run their own loop."""
    ready, stop = threading.Event(), threading.Event()
    emulators: list[Emulator] = []

    async def serve() -> None:
        async with Emulator(scenario, api_key=CANARY) as emulator:
            emulators.append(emulator)
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield emulators[0]
    finally:
        stop.set()
        thread.join(10)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty current folder, and no settings in the environment."""
    for service in ("LIANGXIN", "EVOLINK"):
        monkeypatch.delenv(f"{service}_API_KEY", raising=False)
        monkeypatch.delenv(f"{service}_BASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(
    here: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Runs the command in this process and gives back what it printed.

    It asks about tasks as often as suits a service that makes pictures in no time.
    """
    monkeypatch.setattr(_session, "Session", partial(Session, polling=QUICK))

    def run_command(*argv: str) -> Done:
        capfd.readouterr()
        code = main(argv)
        printed = capfd.readouterr()
        assert CANARY not in printed.out + printed.err
        assert "Traceback" not in printed.err
        return Done(int(code), printed.out, printed.err)

    return run_command


@pytest.fixture
def use(
    monkeypatch: pytest.MonkeyPatch, here: Path
) -> Callable[..., AbstractContextManager[Emulator]]:
    """Serves a scenario and points the environment at it."""

    @contextmanager
    def use_service(*services: str, **scenario: object) -> Iterator[Emulator]:
        services = services or ("LIANGXIN",)
        with serving(Scenario.from_dict({"duration": 0.05, **scenario})) as emulator:
            for service in services:
                monkeypatch.setenv(f"{service}_BASE_URL", emulator.base_url)
                monkeypatch.setenv(f"{service}_API_KEY", CANARY)
            yield emulator

    return use_service


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(here: Path) -> Iterator[Start]:
    """Starts `python -m liangxin_async`, warnings being errors; ends it at the end."""
    started: list[subprocess.Popen[str]] = []

    def start_command(*argv: str, **settings: object) -> subprocess.Popen[str]:
        options: dict[str, object] = {
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "text": True,
            "env": {**os.environ, "PYTHONPATH": str(ROOT)},
            **settings,
        }
        command = [sys.executable, "-W", "error", "-m", "liangxin_async"]
        process: subprocess.Popen[str] = subprocess.Popen([*command, *argv], **options)  # type: ignore[call-overload]
        started.append(process)
        return process

    yield start_command
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
