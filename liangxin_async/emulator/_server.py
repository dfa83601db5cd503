"""The emulator itself: one listening socket, its connections, and their end.

aiohttp's low-level server does the HTTP; a connection class of our own counts and, for
the faults of the `connect` route, ends connections before a byte is read. Invariant: a
closed emulator has no task, no socket and no timer left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self, cast

from aiohttp import web
from aiohttp.web import RequestHandler

from liangxin_async.emulator._alarms import Alarms
from liangxin_async.emulator._control import Control, snapshot
from liangxin_async.emulator._delivery import Delivery
from liangxin_async.emulator._dialect import Denial
from liangxin_async.emulator._dialects import DIALECTS, FOR_UNKNOWN_PATHS
from liangxin_async.emulator._endpoints import Endpoints, Handler
from liangxin_async.emulator._faults import Call, Fault
from liangxin_async.emulator._files import PREFIX, Files
from liangxin_async.emulator._kinds_wire import reset
from liangxin_async.emulator._ledger import Ledger
from liangxin_async.emulator._scenario import Scenario
from liangxin_async.emulator._tasks import TaskStore
from liangxin_async.emulator._world import World

DEFAULT_KEY: Final = "emulator-key-not-a-secret"
_BACKLOG: Final = 4096  # a benchmark may open thousands of connections at once
_LONGEST_LINE: Final = 65_536  # bytes; a task id of 10 kB comes back in a URL
_GRACE: Final = 0.2  # seconds for handlers to notice the end
_ANY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # to compare


class _Connection(RequestHandler):
    """A connection that is counted, and that the fault plan may end at once."""

    def __init__(self, emulator: Emulator, server: web.Server) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # aiohttp's own way to switch it off
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
        )
        self._emulator = emulator

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # Not a matter for isinstance: uvloop's transports are no subclasses.
        self._emulator._connected(self, cast("asyncio.Transport", transport))

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._emulator._disconnected(self)


class Emulator:
    """A local service that speaks every dialect over real HTTP, on one port.

    Use it with `async with`, or with `start` and `aclose`. It is reachable from this
    machine only, unless another host is given. Its books and tasks can be read after
    it has ended; started again, it begins with empty ones.

    Args:
        scenario: what to play; None is a service that works.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        api_key: the one key that is valid.
        clock: seconds, monotonic, for everything about tasks, capacity and callbacks;
            None is the event loop's clock. Pauses of faults and `closed` windows are in
            real time.
    """

    def __init__(
        self,
        scenario: Scenario | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str = DEFAULT_KEY,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._scenario = scenario or Scenario()
        self._host, self._port = host, port
        self._bound_port = port
        self._clock = clock
        self._key = api_key
        self._world: World | None = None
        self._files: Files | None = None
        self._web: web.Server | None = None
        self._listener: asyncio.Server | None = None
        self._windows: asyncio.Task[None] | None = None
        self._routes: dict[tuple[str, str], tuple[str, Handler]] = {}
        self._open: dict[_Connection, asyncio.Transport] = {}

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End."""
        await self.aclose()

    # What there is to see

    @property
    def world(self) -> World:
        """The state behind the emulator.

        Raises:
            RuntimeError: it was never started.
        """
        if self._world is None:
            raise RuntimeError("the emulator was not started")
        return self._world

    @property
    def base_url(self) -> str:
        """Scheme, host and port, such as "http://127.0.0.1:8000"."""
        return self.world.base_url

    @property
    def api_key(self) -> str:
        """The one key that is valid, or that was until it was revoked."""
        return self._key

    @property
    def ledger(self) -> Ledger:
        """What was seen and done."""
        return self.world.ledger

    @property
    def tasks(self) -> TaskStore:
        """The accepted tasks; iterate over them, or `get` one by its id."""
        return self.world.tasks

    def snapshot(self, *, tasks: bool = True) -> dict[str, Any]:
        """Return the books as plain values, as `GET /emulator/ledger` gives them."""
        return snapshot(self.world, tasks=tasks)

    # Life cycle

    async def start(self) -> None:
        """Listen, and begin the scenario.

        Raises:
            OSError: the address cannot be listened on.
            RuntimeError: it is running already.
        """
        if self._web is not None:
            raise RuntimeError("the emulator is running already")
        clock = self._clock or asyncio.get_running_loop().time
        world = World(
            api_key=self._key,
            clock=clock,
            alarms=Alarms(clock, is_loop_clock=self._clock is None),
            closing=asyncio.Event(),
        )
        self._web = web.Server(self._handle, handler_cancellation=True)
        self._all_gone = asyncio.Event()
        self._all_gone.set()
        try:
            await self._listen(self._port)
        except OSError:
            self._web = None
            raise
        host = _ANY_ADDRESS.get(self._host, self._host)
        shown = f"[{host}]" if ":" in host else host
        world.base_url = f"http://{shown}:{self._bound_port}"
        self._world, self._files = world, Files(world)
        control = Control(world, self.play)
        self._routes = dict(control.routes())
        for dialect in DIALECTS.values():
            self._routes |= Endpoints(world, dialect).routes()
        await self.play(self._scenario)

    async def _listen(self, port: int) -> None:
        server = self._web
        assert server is not None, "only a running emulator listens"
        self._listener = await asyncio.get_running_loop().create_server(
            lambda: _Connection(self, server), self._host, port, backlog=_BACKLOG
        )
        self._bound_port = self._listener.sockets[0].getsockname()[1]

    async def aclose(self) -> None:
        """End every connection and every callback, done or not; then return.

        May be called twice, and before `start`.
        """
        server, self._web = self._web, None
        if server is None:
            return
        self.world.closing.set()
        await self._stop_accepting()
        self.pause_listening()
        try:
            await self._stop_windows()
            await self.world.courier.aclose()
        finally:
            await self._end_connections(server)

    async def _stop_accepting(self) -> None:
        """Accept no more, and let those in who were accepted in this very step.

        asyncio loses the socket of one whose listener closes before its next step.
        """
        loop = asyncio.get_running_loop()
        with suppress(NotImplementedError):  # Windows: its loop accepts in another way
            for listening in () if self._listener is None else self._listener.sockets:
                loop.remove_reader(listening.fileno())
        await asyncio.sleep(0)

    async def _end_connections(self, server: web.Server) -> None:
        server.pre_shutdown()
        # Those who wait for the end write their last bytes, and those who were just let
        # in get to `_connected`.
        await asyncio.sleep(0)
        for transport in list(self._open.values()):
            transport.abort()
        await server.shutdown(_GRACE)
        await self._all_gone.wait()

    # Things to do to a client while it runs

    async def play(self, scenario: Scenario) -> None:
        """Begin another scenario now; tasks and books stay.

        Counts of faults and capacity rules begin anew, and so does the account: the
        balance is the scenario's, and a revoked key is valid again.
        """
        await self._stop_windows()
        await self.resume_listening()
        self._scenario = scenario
        self.world.play(scenario)
        if scenario.closed:
            self._windows = asyncio.create_task(self._keep_windows(scenario.closed))
            await asyncio.sleep(0)  # a window from 0 on is closed when this returns

    async def deliver(
        self, task_id: str, fault: Fault | None = None, *, to: str | None = None
    ) -> Delivery:
        """Send a task's callback now, without retries, whatever was sent before.

        It tells the task's end, also where that is still to come. Cancelling this does
        not take back what is under way.

        Args:
            task_id: the task.
            fault: how it goes wrong; a fault of the route "callback" whose `nth`,
                `match` and so on do not matter. None for an honest one.
            to: where to send it; None is where the create asked for.

        Returns:
            How it went: its `outcome`, and the `statuses` that came back.

        Raises:
            LookupError: there is no such task.
            ValueError: no URL is known, or the fault cannot strike this callback.
            RuntimeError: the emulator does not run.
        """
        if self._web is None:
            raise RuntimeError("the emulator does not run")
        task = self.tasks.get(task_id)
        if task is None:
            raise LookupError(f"no task {task_id!r}")
        url = to or task.callback_url
        if url is None:
            raise ValueError(f"{task_id} names no callback; say where `to` send it")
        return await self.world.courier.deliver(task, url, fault)

    async def callbacks_done(self) -> None:
        """Return when no callback is on its way: each has its outcome.

        Those of tasks that have not ended yet are waited for, too, and so are retries.
        A clock of your own must have been moved on for that, or be moved meanwhile.
        """
        await self.world.courier.wait_idle()

    def pause_listening(self) -> None:
        """Refuse new connections from now on; those that are open stay."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()

    async def resume_listening(self) -> None:
        """Take connections again, at the same port; nothing if it never stopped.

        Raises:
            OSError: somebody else has taken the port.
        """
        if self._listener is None and self._web is not None:
            await self._listen(self._bound_port)

    def revoke_key(self, new_key: str | None = None) -> None:
        """Let the key be wrong from now on, on every route.

        Args:
            new_key: the key that is valid instead; None for none.
        """
        self.world.revoked = new_key is None
        if new_key is not None:
            self._key = self.world.api_key = new_key

    def set_balance(self, creates: int | None) -> None:
        """Let the account pay for `creates` more, or for any number (None)."""
        self.world.balance = creates

    async def _keep_windows(self, windows: tuple[tuple[float, float], ...]) -> None:
        began = asyncio.get_running_loop().time()
        for start, end in windows:
            await self._sleep_until(began + start)
            self.pause_listening()
            await self._sleep_until(began + end)
            await self.resume_listening()

    async def _sleep_until(self, instant: float) -> None:
        wait = instant - asyncio.get_running_loop().time()
        if wait > 0:
            await asyncio.sleep(wait)

    async def _stop_windows(self) -> None:
        windows, self._windows = self._windows, None
        if windows is None:
            return
        windows.cancel()
        with suppress(asyncio.CancelledError):
            await windows

    # Connections and requests

    def _connected(self, connection: _Connection, transport: asyncio.Transport) -> None:
        world = self.world
        self._open[connection] = transport
        self._all_gone.clear()
        world.ledger.connected()
        if not world.plan.has("connect"):
            return
        fault = world.plan.pick("connect", Call(now=world.clock()))
        if fault is None:
            return
        world.ledger.faults[fault.kind] += 1
        if fault.kind == "reset_on_accept":
            reset(transport)
        else:
            transport.close()

    def _disconnected(self, connection: _Connection) -> None:
        if self._open.pop(connection, None) is not None:
            self.world.ledger.disconnected()
        if not self._open:
            self._all_gone.set()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        requests = self.ledger.requests
        method, path = request.method, request.path
        # Raw, because a segment may hold an escaped slash.
        folder = request.raw_path.partition("?")[0].rpartition("/")[0]
        route = self._routes.get((method, path))
        route = route or self._routes.get((method, f"{folder}/*"))
        if route is not None:
            name, handler = route
            requests[name] += 1
            return await handler(request)
        if path.startswith(PREFIX) and method in ("GET", "HEAD") and self._files:
            requests["file"] += 1
            return await self._files.get(request)
        requests["other"] += 1
        denial = Denial(reason="no_route", message=f"Invalid URL ({method} {path})")
        return FOR_UNKNOWN_PATHS.deny(denial, self.world.scenario).response()
