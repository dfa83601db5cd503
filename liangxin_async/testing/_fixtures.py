"""What the fixtures of the pytest plugin do, once a test uses one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from attrs import evolve, fields_dict

from liangxin_async._config import Polling
from liangxin_async._errors import ConfigurationError
from liangxin_async._session import Session
from liangxin_async.emulator import Fixed, Scenario, ScenarioError
from liangxin_async.testing._session import FakeSession

if TYPE_CHECKING:
    from collections.abc import Mapping

    from liangxin_async.testing._service import Script
    from liangxin_async.testing._thread import EmulatorThread

SCENARIO = Scenario(duration=Fixed(0.05))
QUICK = Polling(first=0.02, floor=0.01, ceiling=0.5)
_PATIENCE = 10.0  # seconds to close a session in another thread's loop


def scenario_of(
    scenario: Scenario, given: tuple[Any, ...], changes: Mapping[str, Any]
) -> Scenario:
    """Return what the marker makes of the fixture's scenario.

    Args:
        scenario: that of the fixture.
        given: the marker's arguments: nothing, or another scenario.
        changes: the marker's keywords: fields that are different.

    Raises:
        ScenarioError: the marker says something else.
    """
    match given:
        case ():
            base = scenario
        case (Scenario() as base,):
            pass
        case _:
            raise ScenarioError(f"takes one Scenario and fields of it, got {given!r}")
    known = fields_dict(Scenario)
    for name in changes:
        if name not in known:
            raise ScenarioError(f"unknown field {name!r}; known: {', '.join(known)}")
    return evolve(base, **changes)


def fake_session(script: Script | None, settings: Mapping[str, Any]) -> FakeSession:
    """Return a session without network that plays the script."""
    _refuse_script(settings)
    return FakeSession(script, **settings)


def _refuse_script(settings: Mapping[str, Any]) -> None:
    if "script" in settings:
        raise ConfigurationError(
            "liangxin_settings: a script is for liangxin_fake alone; override the "
            "fixture liangxin_script"
        )


def session_on(service: EmulatorThread, settings: Mapping[str, Any]) -> Session:
    """Return a session on the emulator; it opens itself in the loop of the test."""
    _refuse_script(settings)
    usual = {"base_url": service.base_url, "polling": QUICK}
    return Session(service.api_key, **{**usual, **settings})


def close_after_test(session: Session) -> None:
    """Close a session from outside of its loop, wherever that stands.

    A test's loop may be over (anyio's plugin, `asyncio.run`: then the session closed
    itself with it), idle (pytest-asyncio, or anyio's with other async fixtures), or
    running in another thread.
    """
    runtime = session._runtime
    if runtime is None or runtime.is_gone:
        return
    loop = runtime.loop
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:  # called inside a loop, which nothing here may block
        loop.call_soon_threadsafe(runtime.stop_nowait)
        return
    if loop.is_running():
        closing = asyncio.run_coroutine_threadsafe(session.aclose(), loop)
        closing.result(_PATIENCE)
    else:
        loop.run_until_complete(session.aclose())
