"""The pytest plugin: fixtures that load the library when a test first uses one.

The wheel holds this file as `liangxin_async_pytest`, beside the package: pytest loads
every installed plugin in every run, and importing anything below `liangxin_async` would
import all of it, aiohttp included, into test runs that have no use for it. That is also
why the imports are inside the functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from liangxin_async import Session
    from liangxin_async.emulator import Scenario
    from liangxin_async.testing import EmulatorThread, FakeSession
    from liangxin_async.testing._service import Script

MARKER = "liangxin_scenario"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known: markers may be strict."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(scenario=None, **fields): what liangxin_emulator plays: another "
        "scenario, or changes to that of the fixture liangxin_scenario",
    )


@pytest.fixture
def liangxin_scenario() -> Scenario:
    """What the emulator plays: every task takes 0.05 s. Override it for other plays."""
    from liangxin_async.testing._fixtures import SCENARIO

    return SCENARIO


@pytest.fixture
def liangxin_settings() -> dict[str, Any]:
    """More arguments for liangxin_session and liangxin_fake. Override it."""
    return {}


@pytest.fixture
def liangxin_script() -> Script | None:
    """What liangxin_fake plays, see FakeSession; None: all succeeds. Override it."""
    return None


@pytest.fixture
def liangxin_emulator(
    request: pytest.FixtureRequest, liangxin_scenario: Scenario
) -> Iterator[EmulatorThread]:
    """A local service for this test alone, with base_url, api_key, ledger and play."""
    from liangxin_async.emulator import ScenarioError
    from liangxin_async.testing import EmulatorThread
    from liangxin_async.testing._fixtures import scenario_of

    marker = request.node.get_closest_marker(MARKER)
    scenario = liangxin_scenario
    if marker is not None:
        wrong = ""
        try:
            scenario = scenario_of(scenario, marker.args, marker.kwargs)
        except ScenarioError as error:
            wrong = f"@pytest.mark.{MARKER}: {error}"
        if wrong:  # outside of the handler: else its error is shown as well
            pytest.fail(wrong, pytrace=False)
    with EmulatorThread(scenario) as service:
        yield service


@pytest.fixture
def liangxin_session(
    liangxin_emulator: EmulatorThread, liangxin_settings: dict[str, Any]
) -> Iterator[Session]:
    """A session on the emulator. It opens itself in the test and is closed after it."""
    from liangxin_async.testing._fixtures import close_after_test, session_on

    session = session_on(liangxin_emulator, liangxin_settings)
    yield session
    close_after_test(session)


@pytest.fixture
def liangxin_fake(
    liangxin_script: Script | None, liangxin_settings: dict[str, Any]
) -> Iterator[FakeSession]:
    """A session without network that plays liangxin_script, closed after the test."""
    from liangxin_async.testing._fixtures import close_after_test, fake_session

    session = fake_session(liangxin_script, liangxin_settings)
    yield session
    close_after_test(session)
