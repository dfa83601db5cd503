"""No usable answer: nothing arrived, or nothing that this API says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from liangxin_async._errors._base import Charged, LiangxinError, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable

    from liangxin_async._handle import TaskHandle


class TransportError(LiangxinError):
    """No usable answer arrived. Raised for queries and for creates that never left.

    A create whose answer was lost raises `SubmitUnknownError` instead, with one of
    these as its `__cause__`.
    """


class ConnectError(TransportError):
    """No connection could be made, so nothing was sent.

    Name not found, refused, unreachable, TLS failure, no free connection in time.

    Attributes:
        permanent: whether trying again cannot help, as with a certificate that does
            not fit.
    """

    permanent: bool

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


class RequestTimeoutError(TransportError, TimeoutError):
    """The service took the request and gave no whole answer in time."""


class ConnectionLostError(TransportError):
    """The connection broke before the answer was whole."""


class ProtocolError(LiangxinError):
    """An answer arrived that is not this API's: no JSON, or a shape nobody described.

    Attributes:
        http_status: status of the answer, or None.
        body: the start of the answer as text, at most 300 characters, masked.
        problems: paths in the answer that did not fit; may be empty.
    """

    http_status: int | None
    body: str
    problems: tuple[str, ...]

    def __init__(
        self,
        message: str,
        *,
        http_status: int | None = None,
        body: str = "",
        problems: Iterable[str] = (),
    ) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.body = shorten(body)
        self.problems = tuple(problems)


class Rescue(Protocol):
    """Waits for the callback that names the task of a lost create."""

    async def __call__(self, timeout: float) -> TaskHandle:
        """See `SubmitUnknownError`."""
        ...


class SubmitUnknownError(LiangxinError):
    """A create left this machine and its outcome cannot be known. It was sent once.

    The task may exist and may have been charged. It was not, and will not be, sent
    again: submitting the request again is your decision and may pay twice.
    `__cause__` is what happened to the answer.

    Where the session receives callbacks (`liangxin_async.webhook`), the task may still
    name itself: `handle = await error.rescue(timeout=300)` waits for that, and raises
    this error again when nothing came in time or the session was closed. It raises the
    refusal where the create, still under way, was refused in the end. Any number may
    wait, and cancelling is safe. A callback that comes while nobody waits is taken all
    the same: its task appears in `session.pending`, and `rescue` gives it at once.

    Attributes:
        model: the model asked for.
        reason: what happened, in a few words.
        http_status: status of the answer, where one arrived.
        request_id: the service's id for the call, where it gave one.
        task_id: an id that the answer named but that could not be trusted, or None.
        rescue: waits `timeout` seconds for the task's handle; None without callbacks,
            and in a copy or a pickled error.
    """

    charged: Charged = "unknown"
    model: str | None
    reason: str
    http_status: int | None
    request_id: str | None
    task_id: str | None
    rescue: Rescue | None

    def __init__(
        self,
        message: str,
        *,
        model: str | None = None,
        reason: str = "",
        http_status: int | None = None,
        request_id: str | None = None,
        task_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.rescue = None
        self.model = model
        self.reason = reason
        self.http_status = http_status
        self.request_id = request_id
        self.task_id = task_id

    def __reduce__(self) -> tuple[Any, ...]:
        rebuild, (cls, args, facts) = super().__reduce__()
        return rebuild, (cls, args, {**facts, "rescue": None})
