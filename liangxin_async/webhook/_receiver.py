"""`Receiver`: takes callbacks for one session, and answers them within milliseconds.

A callback is a hint. Its path must carry a token of this account's, its body must name
a task; then the session is told in one step, and whatever follows is the session's. No
word of the body reaches anybody. What is answered, in this order:

    status   when
    ------   -------------------------------------------------------------------------
    405      not POST
    404      no token of this account's: nothing is looked up or read, only counted
    415      compressed in another way than gzip or deflate
    413      longer than `max_size_bytes`, also once decompressed
    503      `at_once` bodies are being read already
    408      the body is not there in `read_timeout` seconds
    403      a signature is asked for, and it is missing, wrong or too old
    400      not JSON, or it names no task: the next delivery may arrive whole
    200      anything else: taken, repeated, late, early, another replica's, or of no
             use; telling these apart would help only who forges
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import anyio

from liangxin_async._config import check_duration, check_positive
from liangxin_async._errors import ConfigurationError
from liangxin_async.webhook._aiohttp import make_routes
from liangxin_async.webhook._asgi import AsgiApp
from liangxin_async.webhook._body import (
    BadBodyError,
    TooLargeError,
    is_readable,
    read_body,
)
from liangxin_async.webhook._call import CLOSE, Answer
from liangxin_async.webhook._signature import MAX_AGE, check_key, check_signature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from liangxin_async._session import Session
    from liangxin_async.dialects import CallbackNote
    from liangxin_async.webhook._call import Call

_log = logging.getLogger(__name__)

MAX_SIZE = 1024 * 1024  # bytes. Real ones have some kB, more where images are inline
READ_TIMEOUT = 10.0  # seconds; EvoLink gives up a delivery after as many
AT_ONCE = 64  # bodies; with MAX_SIZE each they are 64 MiB
RETRY_AFTER = "1"  # seconds; what EvoLink does by itself


class Receiver:
    """Receives the callbacks of a session, in whatever web application.

    Make it before the first submit: creates that are sent without one are not kept for
    a rescue. The session may be opened later, closed and opened again. Application and
    session belong into one event loop; from another thread hints still arrive, each in
    a step of its own, and from a loop that blocks they come late.

    Any number of processes may stand behind one callback URL if they use the same API
    key: each recognises the others' paths, answers 200, and leaves the task to the
    process that made it, whose polling does not depend on callbacks.

    Args:
        session: a session with a `callback_url`.
        signature_key: webhook key, for services that sign (`check_signature`): what is
            not signed with it is refused. None asks for no signature.
        max_age: seconds by which a signature's timestamp may differ from the clock;
            None accepts any.
        max_size_bytes: longest body that is read, compressed or not, at least 1.
        read_timeout: seconds for a whole body, above 0.
        at_once: bodies that are read at the same time, at least 1.

    Raises:
        ConfigurationError: the session has no `callback_url`, or a value above cannot
            be.
    """

    def __init__(
        self,
        session: Session,
        *,
        signature_key: str | None = None,
        max_age: float | None = MAX_AGE,
        max_size_bytes: int = MAX_SIZE,
        read_timeout: float = READ_TIMEOUT,
        at_once: int = AT_ONCE,
    ) -> None:
        paths = session._settings.paths
        if paths is None:
            raise ConfigurationError(
                "the session has no callback_url, so that nothing would come; make it "
                "with Session(callback_url='https://...')"
            )
        if signature_key is not None:
            check_key(signature_key)
        check_duration("max_age", max_age)
        check_positive("max_size_bytes", max_size_bytes, whole=True)
        check_positive("read_timeout", read_timeout)
        check_positive("at_once", at_once, whole=True)
        self._session = session
        self._paths = paths
        self._signature_key = signature_key
        self._max_age = max_age
        self._max_size = max_size_bytes
        self._read_timeout = read_timeout
        self._at_once = at_once
        self._reading = 0
        paths.is_received = True

    def __repr__(self) -> str:
        return f"<Receiver of {self._session!r}>"

    def routes(self, path: str | None = None) -> list[web.RouteDef]:
        """Return the routes for an `aiohttp.web` application: `app.add_routes(...)`.

        Args:
            path: the path under which callbacks arrive here, where a proxy has changed
                it; None is that of the callback URL.
        """
        return make_routes(self._paths.path if path is None else path, self._answer)

    @property
    def asgi(self) -> AsgiApp:
        """An ASGI application: `app.mount("/liangxin", receiver.asgi)` in FastAPI and
        Starlette, at the path of the callback URL.

        It takes the token from the end of the path, wherever it is mounted.
        """
        return AsgiApp(self._answer)

    # ------------------------------------------------------------------- one callback

    async def _answer(self, call: Call) -> Answer:
        """Return what to answer. Never raises but when it is cancelled."""
        try:
            return await self._judge(call)
        except Exception:  # noqa: BLE001 - it must not reach the user's application
            _log.exception("a callback broke its receiver")
            return Answer(500)

    async def _judge(self, call: Call) -> Answer:
        if call.method != "POST":
            return Answer(405, {"Allow": "POST"})
        key = self._paths.read(call.token)
        if key is None:
            self._tell("", None)
            return Answer(404, CLOSE)
        if not is_readable(call.encoding):
            return Answer(415, {**CLOSE, "Accept-Encoding": "gzip, deflate"})
        if call.length is not None and call.length > self._max_size:
            return Answer(413, CLOSE)
        if self._reading >= self._at_once:
            return Answer(503, {**CLOSE, "Retry-After": RETRY_AFTER})
        self._reading += 1
        try:
            with anyio.fail_after(self._read_timeout):
                body = await read_body(call.chunks, call.encoding, self._max_size)
        except TimeoutError:
            return Answer(408, CLOSE)
        except TooLargeError:
            return Answer(413, CLOSE)
        except BadBodyError:
            return Answer(400, CLOSE)
        finally:
            self._reading -= 1
        return self._take(key, call.headers, body)

    def _take(self, key: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if self._signature_key is not None and not check_signature(
            headers,
            body,
            key=self._signature_key,
            now=time.time(),
            max_age=self._max_age,
        ):
            self._tell(key, None)
            return Answer(403)
        note = self._session._dialect.read_callback(body)
        if note is None:
            return Answer(400)
        self._tell(key, note)
        return Answer(200)

    def _tell(self, key: str, note: CallbackNote | None) -> None:
        """Tell the session what came; None for what cannot be genuine."""
        runtime = self._session._runtime
        if runtime is not None:
            runtime.called_back(key, note)
