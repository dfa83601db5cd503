"""For the tests of programs that use this library: fakes, and fixtures for pytest.

`FakeSession` needs no socket. It is a real `Session` (gate, poller, handles, `map`,
observers, files: all of it) with a made-up service in place of the network, so that it
cannot drift away from what it stands for; a `TaskHandle` of it is a real one, too. What
the service does to each create is a script of `Makes`, `Fails`, `Hangs` and errors:

    session = FakeSession([Makes(after=0.2), Fails(code="433"), AuthenticationError()])

`EmulatorThread` is the emulator in a thread of its own, over real sockets, for tests
that are not async, and for programs in other processes.

Installing the library also installs a pytest plugin, which loads nothing before a test
uses one of its fixtures:

- `liangxin_emulator`: an `EmulatorThread` for this test alone, with `base_url`,
  `api_key`, `ledger` and `play`.
- `liangxin_session`: a `Session` on it that asks quickly. It works in anyio's tests,
  in pytest-asyncio's and in others, because it is no async fixture: it opens itself in
  the loop of the test, and is closed after it.
- `liangxin_fake`: a `FakeSession`, closed in the same way.
- `liangxin_scenario`: what the emulator plays; override it, or change some of it for a
  test or a module with `@pytest.mark.liangxin_scenario(capacity=[InFlight(2)])`.
- `liangxin_settings`: more arguments for both sessions, a dict; override it.

`pytest -p no:liangxin_async` switches the plugin off.
"""

from liangxin_async.testing._answers import PICTURE, Answer, Fails, Hangs, Makes
from liangxin_async.testing._session import FakeSession
from liangxin_async.testing._thread import EmulatorThread

__all__ = [
    "PICTURE",
    "Answer",
    "EmulatorThread",
    "Fails",
    "FakeSession",
    "Hangs",
    "Makes",
]

for _kind in (EmulatorThread, FakeSession, Fails, Hangs, Makes):
    _kind.__module__ = __name__
del _kind
