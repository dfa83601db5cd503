"""The pytest plugin: fixtures for every kind of test, and nothing loaded before use."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from liangxin_async import ConfigurationError, Session
from tests.test_readme import README

pytest_plugins = ["pytester"]

OPTIONS = (
    *("-W", "error", "--strict-markers", "-p", "no:cacheprovider"),
    *("-p", "no:hypothesispytest"),  # it takes seconds, and is not what is tested
)
HEAD = """
import asyncio, gc
import pytest
from liangxin_async import Session, TaskFailedError, ZImage
from liangxin_async.emulator import Failure, Fixed, InFlight, Scenario

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""


def run(pytester: pytest.Pytester, tests: str, *options: str) -> pytest.RunResult:
    """Run tests as a user would: strict markers, and every warning an error."""
    pytester.makepyfile(HEAD + tests)
    return pytester.runpytest_inprocess(*OPTIONS, *options)


def test_plugin_is_registered() -> None:
    """Installing the library installs the plugin."""
    (point,) = entry_points(group="pytest11", name="liangxin_async")
    assert point.value == "liangxin_async_pytest"


def test_plugin_loads_nothing() -> None:
    """A test run that has no use for the library does not import it, nor aiohttp."""
    code = (
        "import sys, pytest; before = set(sys.modules)\n"
        "import liangxin_async_pytest\n"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "['liangxin_async_pytest']"


def test_plugin_in_tests_of_anyio(pytester: pytest.Pytester) -> None:
    """The session opens in the test's loop, and neither warns nor leaks."""
    result = run(
        pytester,
        """
kept = []

@pytest.mark.anyio
async def test_one(liangxin_session, liangxin_emulator):
    kept.append(liangxin_session)
    assert isinstance(liangxin_session, Session)
    assert (await liangxin_session.generate(ZImage("a cat"), timeout=20)).urls
    assert liangxin_emulator.ledger.accepted_total == 1

@pytest.fixture
async def app(anyio_backend, liangxin_session):
    await liangxin_session.open()  # in a loop that outlives the test
    yield liangxin_session
    assert (await liangxin_session.generate(ZImage("after the test"))).urls

@pytest.mark.anyio
async def test_two(app, liangxin_session):
    kept.append(liangxin_session)
    handle = await app.submit(ZImage("left open"))

def test_all_are_closed():
    gc.collect()
    assert len(kept) == 2
    assert all(session._runtime.is_gone for session in kept)
""",
    )
    result.assert_outcomes(passed=3)


def test_plugin_in_tests_without_a_loop(pytester: pytest.Pytester) -> None:
    """A test that runs loops itself, or none."""
    result = run(
        pytester,
        """
def test_runs(liangxin_session):
    for _ in range(2):
        assert asyncio.run(liangxin_session.generate(ZImage("a"), timeout=20)).urls

def test_never_opens(liangxin_session, liangxin_fake):
    assert liangxin_session.stats.accepted == 0

def test_fake(liangxin_fake):
    assert asyncio.run(liangxin_fake.generate(ZImage("a"))).urls
    assert liangxin_fake.requests == (ZImage("a"),)
""",
    )
    result.assert_outcomes(passed=3)


def test_plugin_with_a_loop_that_stays(pytester: pytest.Pytester) -> None:
    """As pytest-asyncio does: the loop is idle, and not over, when the session goes."""
    pytester.makeconftest(
        """
import asyncio, inspect
import pytest

@pytest.fixture(autouse=True)
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    assert not asyncio.all_tasks(loop), "the session is closed before its loop"
    loop.close()

@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        names = pyfuncitem._fixtureinfo.argnames
        arguments = {name: pyfuncitem.funcargs[name] for name in names}
        pyfuncitem.funcargs["loop"].run_until_complete(pyfuncitem.obj(**arguments))
        return True
"""
    )
    result = run(
        pytester,
        """
async def test_one(liangxin_session, liangxin_fake):
    assert (await liangxin_session.generate(ZImage("a"), timeout=20)).urls
    assert (await liangxin_fake.generate(ZImage("a"))).urls
""",
    )
    result.assert_outcomes(passed=1)


def test_plugin_with_a_loop_in_another_thread(pytester: pytest.Pytester) -> None:
    """The session is closed where it lives."""
    result = run(
        pytester,
        """
import threading

@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    assert not asyncio.all_tasks(loop)
    loop.close()

def test_one(loop, liangxin_fake):
    made = liangxin_fake.generate(ZImage("a"))
    assert asyncio.run_coroutine_threadsafe(made, loop).result(10).urls
""",
    )
    result.assert_outcomes(passed=1)


def test_plugin_as_the_readme_shows_it(pytester: pytest.Pytester) -> None:
    """The tests in the README pass."""
    found = re.search(
        r"<!-- pytest-example -->\n```python\n(.*?)^```", README, re.M | re.S
    )
    assert found is not None
    pytester.makeconftest(
        "import pytest\nanyio_backend = pytest.fixture(lambda: 'asyncio')"
    )
    pytester.makepyfile(found[1])
    pytester.runpytest_inprocess(*OPTIONS).assert_outcomes(passed=3)


def test_plugin_takes_a_scenario(pytester: pytest.Pytester) -> None:
    """From the marker, changed or whole, or from the fixture that a user overrides."""
    result = run(
        pytester,
        """
pytestmark = pytest.mark.anyio

@pytest.mark.liangxin_scenario(failures=[Failure(code="433")])
async def test_changed(liangxin_session):
    with pytest.raises(TaskFailedError) as caught:
        await liangxin_session.generate(ZImage("a"))
    assert caught.value.fail_code == "433"

@pytest.mark.liangxin_scenario(Scenario(pictures=3, duration=Fixed(0.0)))
async def test_another(liangxin_session):
    assert len((await liangxin_session.generate(ZImage("a"))).urls) == 3

class TestOverridden:
    @pytest.fixture
    def liangxin_scenario(self):
        return Scenario(pictures=2, duration=Fixed(0.0))

    @pytest.fixture
    def liangxin_settings(self):
        return {"max_in_flight": 1}

    async def test_fixture(self, liangxin_session):
        assert len((await liangxin_session.generate(ZImage("a"))).urls) == 2
        assert liangxin_session._settings.max_in_flight == 1

    @pytest.mark.liangxin_scenario(capacity=[{"kind": "in_flight", "limit": 1}])
    async def test_both(self, liangxin_emulator, liangxin_session):
        assert len((await liangxin_session.generate(ZImage("a"))).urls) == 2
        assert liangxin_emulator.snapshot()["in_flight_peak_total"] == 1
""",
    )
    result.assert_outcomes(passed=4)


def test_plugin_can_be_switched_off(pytester: pytest.Pytester) -> None:
    """By the name of its entry point."""
    tests = "def test_one(liangxin_emulator): pass\n"
    result = run(pytester, tests, "-p", "no:liangxin_async")
    result.assert_outcomes(errors=1)


def test_plugin_explains_itself(pytester: pytest.Pytester) -> None:
    """`pytest --fixtures` and `--markers` show what there is."""
    result = run(pytester, "", "--fixtures")
    result.stdout.fnmatch_lines(["liangxin_emulator*", "*A local service for this*"])
    result = run(pytester, "", "--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.liangxin_scenario(*"])


def test_plugin_scripts_the_fake_by_a_fixture_of_its_own(
    pytester: pytest.Pytester,
) -> None:
    """`liangxin_script` is for the fake; among the settings a script is refused."""
    result = run(
        pytester,
        """
from liangxin_async import ConfigurationError
from liangxin_async.testing import Fails

@pytest.fixture
def liangxin_script():
    return Fails()

def test_fake(liangxin_fake, liangxin_session):
    with pytest.raises(TaskFailedError):
        asyncio.run(liangxin_fake.generate(ZImage("a")))

class TestSettings:
    @pytest.fixture
    def liangxin_settings(self):
        return {"script": Fails()}

    @pytest.mark.parametrize("name", ["liangxin_fake", "liangxin_session"])
    def test_script(self, request, name):
        with pytest.raises(ConfigurationError, match="the fixture liangxin_script"):
            request.getfixturevalue(name)
""",
    )
    result.assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("given", "told"),
    [("nonsense=1", "unknown field 'nonsense'; known: seed,"), ("7", "one Scenario")],
)
def test_plugin_marker_with_nonsense(
    pytester: pytest.Pytester, given: str, told: str
) -> None:
    """One line that names the marker, and no traceback of ours."""
    result = run(
        pytester,
        f"""
@pytest.mark.liangxin_scenario({given})
def test_it(liangxin_emulator):
    pass
""",
    )
    result.assert_outcomes(errors=1)
    output = result.stdout.str()
    assert "@pytest.mark.liangxin_scenario: " in output
    assert told in output
    assert "_fixtures.py" not in output


def test_session_without_an_asyncio_loop_names_trio(
    liangxin_session: Session,
) -> None:
    """As in a test that anyio's plugin runs on trio, where that is installed."""
    with pytest.raises(ConfigurationError, match=r"asyncio only: with trio"):
        liangxin_session.attach("a")
