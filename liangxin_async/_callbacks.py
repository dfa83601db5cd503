"""Which create a callback is about, and what it may cause. Nothing of it is believed.

Each create of a session with a receiver has a path of its own. `Callbacks` knows the
request keys of the creates and tasks that are open here:

    a key is    a callback on it
    ---------   ------------------------------------------------------------------------
    unknown     nothing: another process's, from before a restart, or long over. Only a
                task that was attached, and so has no key, is looked at once named.
    under way   its task id is kept; looked at as soon as the create was answered
    accepted    the poller looks now; another id than the known one is a forgery
    in doubt    the id is asked about, and becomes the create's task if it fits

Invariants:
- A callback causes one entry in no table: they grow with creates only.
- A key is forgotten when its create is refused or its task settled; of keys in doubt
  the last `_DOUBTS` are kept.
- The queries that the callbacks of one key cause are at most `LOOKS`.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
from attrs import define, evolve, field

from liangxin_async._config import check_duration
from liangxin_async._core.backoff import MAX_ATTEMPTS, POLL_FAILURE, next_delay
from liangxin_async._core.rescue import contradicts
from liangxin_async._core.tokens import (
    NOISE_BYTES,
    TOKEN_LENGTH,
    key_of,
    make_token,
    read_token,
)
from liangxin_async._core.trust import LOOKS
from liangxin_async._errors import LiangxinError, SubmitUnknownError, fresh
from liangxin_async._events import CallbackTaken
from liangxin_async._handle import TaskHandle
from liangxin_async._waiting import wake

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from typing import Any, TypeAlias

    from liangxin_async._poller import Poller
    from liangxin_async._records import TaskRecord
    from liangxin_async._secret import ApiKey
    from liangxin_async._telling import Teller
    from liangxin_async.dialects import CallbackNote, WireReply
    from liangxin_async.models import Request

    # Takes over the task of a record that was just asked for, and tells everybody.
    Welcome: TypeAlias = Callable[[TaskRecord], Awaitable[None]]

_log = logging.getLogger(__name__)

_PURPOSE = "liangxin_async: paths of callbacks, 1"
_DOUBTS = 128  # creates in doubt whose request is kept for a callback
ANY_TOKEN = "A" * TOKEN_LENGTH  # stands for one where only the length counts
_TOKEN = re.compile(  # alone, or at the end of a path, which may be percent-encoded
    rb"(?:(?<![\w-])|(?<=%2[Ff]))[\w-]{44}(?![\w-])"
)
_MASK = b"[callback]"


@define(eq=False, repr=False)
class CallbackPaths:
    """The paths below a session's callback URL. The same for every process that has
    the same API key, so that each recognises the others' paths.

    Attributes:
        path: the URL's own path, without a slash at its end; may be empty.
        is_received: whether somebody receives callbacks for this session.
    """

    path: str
    _head: str
    _tail: str
    _secret: bytes
    is_received: bool = False

    @classmethod
    def below(cls, url: str, key: ApiKey) -> CallbackPaths:
        """Return the paths below `url`; its query, if any, stays behind them."""
        address, mark, query = url.partition("#")[0].partition("?")
        head = address.rstrip("/")
        path = urlsplit(head).path
        return cls(path, f"{head}/", f"{mark}{query}", key.derive(_PURPOSE))

    def url(self, token: str) -> str:
        """Return the callback URL with `token` at the end of its path."""
        return f"{self._head}{token}{self._tail}"

    def new_token(self) -> str:
        """Return a token that nobody had before."""
        return make_token(self._secret, secrets.token_bytes(NOISE_BYTES))

    def read(self, token: str) -> str | None:
        """Return the request key in a token of this account's, else None."""
        return read_token(self._secret, token)

    def mask(self, body: bytes) -> bytes:
        """Return `body` without the tokens of this account's that it repeats."""
        return _TOKEN.sub(lambda found: self._masked(found[0]), body)

    def _masked(self, token: bytes) -> bytes:
        return token if self.read(token.decode()) is None else _MASK


@define(eq=False, repr=False)
class Expected:
    """The callback that is to come for one submit, while that or its task is open."""

    _home: Callbacks
    key: str
    request: Request
    task_id: str | None = None  # once known for certain
    named: str | None = None  # what a callback named before it was known
    looks: int = 0  # queries that callbacks have caused before it was known
    welcome: Welcome | None = None  # set while the create is in doubt
    outcome: TaskHandle | LiangxinError | None = None
    is_closed: bool = False  # whether the session ended without an outcome
    waiters: list[asyncio.Future[None]] = field(factory=list)

    def begin(self) -> None:
        """A create is about to leave: from now on a callback may come."""
        self._home.keep(self)

    def refused(self, error: LiangxinError | None) -> None:
        """The create was not taken, or not sent. `error` says so to whoever waits for
        a rescue; None where the submit goes on with another create."""
        self._home.forget(self)
        if error is not None:
            self.end(error)

    def known(self, handle: TaskHandle) -> None:
        """The create's task is known, and the poller follows it."""
        self.task_id, self.welcome = handle.task_id, None
        handle.when_settled(lambda _: self._home.forget(self))
        self._home.known(self)

    def doubted(self, welcome: Welcome) -> None:
        """Nobody knows whether the create was taken: a callback may tell."""
        self.welcome = welcome
        self._home.doubted(self)

    def rescue(self, error: SubmitUnknownError) -> LostCreate:
        """Return what `error` offers to wait with."""
        return LostCreate(self._home.loop, self, error)

    def end(self, outcome: TaskHandle | LiangxinError | None) -> None:
        """Tell whoever waits for a rescue how it ended; None is the session's end."""
        self.outcome, self.welcome = outcome, None
        self.is_closed = outcome is None
        waiters, self.waiters = self.waiters, []
        wake(waiters)


@define(eq=False, repr=False)
class Callbacks:
    """See the module. Lives in one event loop."""

    loop: asyncio.AbstractEventLoop
    _paths: CallbackPaths
    _poller: Poller
    _teller: Teller
    _ask: Callable[[str], Awaitable[TaskRecord]]
    _spawn: Callable[[Callable[[], Coroutine[Any, Any, None]]], object]
    _rand: Callable[[], float] = random.random
    _expected: dict[str, Expected] = field(factory=dict)
    _in_doubt: OrderedDict[str, Expected] = field(factory=OrderedDict)

    # ------------------------------------------------------------------- creates

    def expect(self, request: Request) -> tuple[str, Expected | None]:
        """Return a new callback URL, and what is to be told about the create with it;
        None where nobody receives callbacks, so that nothing need be kept."""
        token = self._paths.new_token()
        kept = Expected(self, key_of(token), request)
        return self._paths.url(token), kept if self._paths.is_received else None

    def masked(self, reply: WireReply) -> WireReply:
        """Return the answer to a create, whose words may repeat the callback URL."""
        return evolve(reply, body=self._paths.mask(reply.body))

    def keep(self, expected: Expected) -> None:
        """Hear the callbacks of a create."""
        self._expected[expected.key] = expected

    def forget(self, expected: Expected) -> None:
        """Its callbacks are nobody's any more."""
        self._expected.pop(expected.key, None)
        self._in_doubt.pop(expected.key, None)

    def known(self, expected: Expected) -> None:
        """See `Expected.known`."""
        self._in_doubt.pop(expected.key, None)
        if expected.named is not None:
            self._hint(expected, expected.named)

    def doubted(self, expected: Expected) -> None:
        """See `Expected.doubted`."""
        self._in_doubt[expected.key] = expected
        if len(self._in_doubt) > _DOUBTS:
            oldest = next(iter(self._in_doubt.values()))
            self.forget(oldest)
            oldest.end(None)
        if expected.named is not None:
            self._look(expected, expected.named)

    def close(self) -> None:
        """End every wait for a rescue."""
        for expected in tuple(self._expected.values()):
            self.forget(expected)
            if expected.outcome is None:
                expected.end(None)

    # ----------------------------------------------------------------- callbacks

    def forged(self) -> None:
        """Something came that the service would not send."""
        self._poller.trust.forgeries += 1

    def take(self, key: str, note: CallbackNote) -> None:
        """A callback came on the path of request `key`. Never raises."""
        expected = self._expected.get(key)
        if not note.is_over:
            return
        if expected is None:
            self._take_unknown(note.task_id)
        elif expected.task_id is not None:
            self._hint(expected, note.task_id)
        elif expected.named is None:
            expected.named = note.task_id
            self._look(expected, note.task_id)
        elif expected.named != note.task_id:
            self.forged()

    def _take_unknown(self, task_id: str) -> None:
        watch = self._poller.watch_of(task_id)
        if watch is not None and watch.is_expected:
            self.forged()  # ours, and it has another path
        elif self._poller.hint(task_id):
            self._tell(task_id)

    def _hint(self, expected: Expected, task_id: str) -> None:
        if task_id != expected.task_id:
            self.forged()
        elif self._poller.hint(task_id):
            self._tell(task_id)

    def _tell(self, task_id: str) -> None:
        if self._teller.listening:
            self._teller.tell(CallbackTaken(at=self.loop.time(), task_id=task_id))

    # -------------------------------------------------------------------- rescue

    def _look(self, expected: Expected, task_id: str) -> None:
        """A callback named the task of a create: see to it if that is in doubt."""
        if expected.welcome is not None and expected.looks < LOOKS:
            expected.looks += 1
            self._spawn(lambda: self._confirm(expected, task_id))

    async def _confirm(self, expected: Expected, task_id: str) -> None:
        """Take over the task that a callback named, if it is that of the create."""
        record = await self._asked(task_id)
        request, welcome = expected.request, expected.welcome
        if record is not None and welcome is not None:
            is_ours = self._poller.knows(task_id)
            if not is_ours and not contradicts(
                record.param, request.model, request.fields()
            ):
                await welcome(record)
                return
            self.forged()
        expected.named = None  # the next callback may name it again, or another one

    async def _asked(self, task_id: str) -> TaskRecord | None:
        """Ask about the task that a callback named; None when no try was answered."""
        for attempt in range(MAX_ATTEMPTS):
            if attempt:
                delay = next_delay(attempt, POLL_FAILURE, rand=self._rand())
                await anyio.sleep(delay)
            try:
                return await self._ask(task_id)
            except LiangxinError as exc:
                _log.debug(
                    "a task that a callback named cannot be asked about: %s", exc
                )
        return None


@define(eq=False, repr=False)
class LostCreate:
    """What `SubmitUnknownError.rescue` is: waits for what a callback says."""

    _loop: asyncio.AbstractEventLoop
    _expected: Expected
    _error: SubmitUnknownError

    def __repr__(self) -> str:
        expected = self._expected  # whose request has a prompt, and its path a secret
        if isinstance(expected.outcome, TaskHandle):
            known = f"it made task {expected.outcome.task_id}"
        elif expected.outcome is not None:
            known = f"ended by {type(expected.outcome).__name__}"
        else:
            known = "over" if expected.is_closed else "in doubt"
        return f"<rescue of a create for {expected.request.model}: {known}>"

    async def __call__(self, timeout: float) -> TaskHandle:
        """See `SubmitUnknownError`."""
        check_duration("timeout", timeout)
        expected = self._expected
        with anyio.move_on_after(timeout):
            while expected.outcome is None and not expected.is_closed:
                if asyncio.get_running_loop() is not self._loop:
                    break
                waiter: asyncio.Future[None] = self._loop.create_future()
                expected.waiters.append(waiter)
                try:
                    await waiter
                finally:
                    if waiter in expected.waiters:
                        expected.waiters.remove(waiter)
        if isinstance(expected.outcome, TaskHandle):
            return expected.outcome
        if expected.outcome is not None:
            raise fresh(expected.outcome)
        again = fresh(self._error)
        assert isinstance(again, SubmitUnknownError), "a copy has the class of its like"
        again.rescue = self
        raise again
