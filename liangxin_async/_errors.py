"""Every error of the library, in one tree.

    LiangxinError
    ├── InvalidRequestError      ours, before anything is sent    (ValueError)
    ├── ConfigurationError       key, base URL, use across loops  (ValueError)
    ├── SessionClosedError       the session is closed            (RuntimeError)
    │
    │   Did no usable answer arrive?
    ├── TransportError
    │   ├── ConnectError         no connection: nothing was sent
    │   ├── RequestTimeoutError  no answer in time                (TimeoutError)
    │   └── ConnectionLostError  the connection broke under way
    ├── ProtocolError            an answer that is not this API's
    ├── SubmitUnknownError       a create that may have been accepted
    │
    │   Did the service refuse?
    ├── ApiError
    │   ├── BadRequestError          400
    │   ├── AuthenticationError      401
    │   ├── InsufficientQuotaError   402, 403, 433, or by name under any status
    │   ├── PermissionDeniedError    403, 505
    │   ├── NotFoundError            404 and the family's other spellings of it
    │   ├── PayloadTooLargeError     413
    │   ├── UnprocessableError       422, 451
    │   ├── SaturatedError           429: refused for now
    │   │   └── SubmitTimeoutError   no place before the deadline (TimeoutError)
    │   └── ServiceError             5xx
    │
    │   Did an accepted task end badly?
    ├── TaskError
    │   ├── TaskFailedError      state `fail`
    │   ├── TaskTimeoutError     still running when we stopped waiting (TimeoutError)
    │   ├── TaskLostError        the service does not know the id
    │   └── EmptyResultError     `success` without a usable URL
    └── DownloadError            a result file could not be had whole

Each says in `charged` whether money was spent on what the failed call asked for:
"no", "yes" or "unknown". All survive `pickle` and `copy`; none holds the API key.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from liangxin_async._records import TaskRecord

Charged: TypeAlias = Literal["no", "yes", "unknown"]

_SHOWN = 300  # characters of foreign text in a message; a page or 1 MB helps nobody


def shorten(text: str, limit: int = _SHOWN) -> str:
    """Return `text` on one line, cut to `limit` characters with the cut marked."""
    line = " ".join(text[: limit * 4].split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


class LiangxinError(Exception):
    """Base of all errors of this library.

    Attributes:
        charged: whether the call that failed cost money: "no", "yes" or "unknown".
    """

    charged: Charged = "no"

    def __init__(self, message: str) -> None:
        super().__init__(message)

    def __reduce__(self) -> tuple[Callable[..., LiangxinError], tuple[Any, ...]]:
        # The default calls cls(*args), which keyword-only facts do not survive.
        return _rebuild, (type(self), self.args, dict(self.__dict__))


def _rebuild(
    cls: type[LiangxinError], args: tuple[Any, ...], facts: dict[str, Any]
) -> LiangxinError:
    error = cls.__new__(cls, *args)
    Exception.__init__(error, *args)
    error.__dict__.update(facts)
    return error


def fresh(error: LiangxinError) -> LiangxinError:
    """Return `error` as a new object with the same cause, to be raised once more.

    One object raised to many waiters would gather all their tracebacks.
    """
    again = copy(error)
    again.__cause__ = error.__cause__
    return again


# --------------------------------------------------------------------- misuse


@frozen
class Problem:
    """One thing wrong with a request.

    Attributes:
        field: dotted path of the field as the service names it, or the argument.
        given: `repr` of what was given, shortened.
        allowed: what would be accepted, in words.
    """

    field: str
    given: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.field}: got {self.given}; allowed: {self.allowed}"


class InvalidRequestError(LiangxinError, ValueError):
    """A request that cannot be right. Found before anything was sent or paid.

    Attributes:
        problems: everything that is wrong, in the order of the fields; never empty.
    """

    problems: tuple[Problem, ...]

    def __init__(self, message: str, *, problems: Iterable[Problem]) -> None:
        super().__init__(message)
        self.problems = tuple(problems)

    @classmethod
    def of(cls, what: str, problems: Iterable[Problem]) -> InvalidRequestError:
        """Return one error for `what` that lists every problem on its own line."""
        found = tuple(problems)
        lines = "".join(f"\n  {problem}" for problem in found)
        return cls(f"{what} is not valid:{lines}", problems=found)


class ConfigurationError(LiangxinError, ValueError):
    """The library was set up or used in a way that cannot work.

    No key, no base URL, plain http to another machine, a session used from a second
    running loop or after a fork. The message says what to change.
    """


class SessionClosedError(LiangxinError, RuntimeError):
    """The session is closed, or was closed while this call waited.

    Attributes:
        task_id: the task that was being waited for, or None. It goes on at the
            service: `session.attach(task_id)` waits for it again.
    """

    task_id: str | None

    def __init__(self, message: str, *, task_id: str | None = None) -> None:
        super().__init__(message)
        self.task_id = task_id
        self.charged = "no" if task_id is None else "yes"


# ----------------------------------------------------------- no usable answer


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


class SubmitUnknownError(LiangxinError):
    """A create left this machine and its outcome cannot be known. It was sent once.

    The task may exist and may have been charged. It was not, and will not be, sent
    again: submitting the request again is your decision and may pay twice.
    `__cause__` is what happened to the answer.

    Attributes:
        model: the model asked for.
        reason: what happened, in a few words.
        http_status: status of the answer, where one arrived.
        request_id: the service's id for the call, where it gave one.
        task_id: an id that the answer named but that could not be trusted, or None.
    """

    charged: Charged = "unknown"
    model: str | None
    reason: str
    http_status: int | None
    request_id: str | None
    task_id: str | None

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
        self.model = model
        self.reason = reason
        self.http_status = http_status
        self.request_id = request_id
        self.task_id = task_id


# -------------------------------------------------------- the service refused


class ApiError(LiangxinError):
    """The service answered and refused.

    Attributes:
        http_status: HTTP status of the answer; None where no answer was involved.
        code: the service's own code, as text (`"433"`, `"quota_not_enough"`), or None.
        message: the service's own words, shortened; may be empty.
        request_id: the service's id for the call, or None.
    """

    http_status: int | None
    code: str | None
    message: str
    request_id: str | None

    title: ClassVar[str] = "the service refused the request"

    def __init__(
        self,
        text: str | None = None,
        *,
        http_status: int | None = None,
        code: str | None = None,
        message: str = "",
        request_id: str | None = None,
    ) -> None:
        self.http_status = http_status
        self.code = code
        self.message = shorten(message)
        self.request_id = request_id
        super().__init__(text if text is not None else self._describe())

    def _describe(self) -> str:
        facts = [
            None if self.http_status is None else f"HTTP {self.http_status}",
            None if self.code is None else f"code {self.code}",
            None if self.request_id is None else f"request id {self.request_id}",
        ]
        shown = ", ".join(fact for fact in facts if fact)
        words = f": {self.message}" if self.message else ""
        return f"{self.title}{words}" + (f" ({shown})" if shown else "")


class BadRequestError(ApiError):
    """400 and the like: the request is wrong, or its price is not configured there."""

    title: ClassVar[str] = "the service calls the request invalid"


class AuthenticationError(ApiError):
    """401: the key is missing, wrong, expired or used up. Ends a run at once."""

    title: ClassVar[str] = "the service does not accept the API key"


class InsufficientQuotaError(ApiError):
    """No balance, quota or credit left. Ends a run at once; never retried.

    402, 403 or 433, or any status whose code or type names a quota.
    """

    title: ClassVar[str] = "the account has no balance or quota left"


class PermissionDeniedError(ApiError):
    """403: this key may not do this (address, group, model, banned user)."""

    title: ClassVar[str] = "the service denies access"


class NotFoundError(ApiError):
    """404, or one of the ways in which the API family says "no such task"."""

    title: ClassVar[str] = "the service does not know this"


class PayloadTooLargeError(ApiError):
    """413: the body is too large; inline images are the likely cause."""

    title: ClassVar[str] = "the request body is too large"


class UnprocessableError(ApiError):
    """422: the upstream model refused the request."""

    title: ClassVar[str] = "the upstream model refused the request"


class SaturatedError(ApiError):
    """429: refused for now, so no task exists and nothing was charged.

    Attributes:
        retry_after: seconds the service asked to wait, or None where it did not say.
    """

    retry_after: float | None

    title: ClassVar[str] = "the service is saturated"

    def __init__(
        self,
        text: str | None = None,
        *,
        http_status: int | None = None,
        code: str | None = None,
        message: str = "",
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(
            text,
            http_status=http_status,
            code=code,
            message=message,
            request_id=request_id,
        )
        self.retry_after = retry_after


class SubmitTimeoutError(SaturatedError, TimeoutError):
    """No place for the create was found before the caller's deadline.

    Nothing was accepted and nothing charged. `__cause__` is the last refusal, if one
    was met; without one the request waited behind others of this session.
    """

    title: ClassVar[str] = "no place was free before the deadline"


class ServiceError(ApiError):
    """5xx or a code that means a fault on the other side.

    Attributes:
        refused: whether the service itself said that it did not take the request
            (its own 503, maintenance 455). Only such a create is sent again.
    """

    refused: bool

    title: ClassVar[str] = "the service failed"

    def __init__(
        self,
        text: str | None = None,
        *,
        http_status: int | None = None,
        code: str | None = None,
        message: str = "",
        request_id: str | None = None,
        refused: bool = False,
    ) -> None:
        super().__init__(
            text,
            http_status=http_status,
            code=code,
            message=message,
            request_id=request_id,
        )
        self.refused = refused


# ------------------------------------------------- an accepted task ended badly


class TaskError(LiangxinError):
    """An accepted task did not end in a result.

    Attributes:
        task_id: the task. `session.attach(task_id)` or `session.record(task_id)`
            look at it again, also from another process.
        record: the last status that was seen, or None.
    """

    charged: Charged = "yes"
    task_id: str
    record: TaskRecord | None

    def __init__(
        self, message: str, *, task_id: str, record: TaskRecord | None = None
    ) -> None:
        super().__init__(message)
        self.task_id = task_id
        self.record = record


class TaskFailedError(TaskError):
    """The service reports that the task failed.

    `charged` is "unknown": no source states whether failed tasks are paid back.

    Attributes:
        fail_code: the service's code, as text, or None.
        fail_message: the service's words, or None.
    """

    charged: Charged = "unknown"
    fail_code: str | None
    fail_message: str | None

    def __init__(
        self,
        message: str,
        *,
        task_id: str,
        record: TaskRecord | None = None,
        fail_code: str | None = None,
        fail_message: str | None = None,
    ) -> None:
        super().__init__(message, task_id=task_id, record=record)
        self.fail_code = fail_code
        self.fail_message = fail_message


class TaskTimeoutError(TaskError, TimeoutError):
    """We stopped waiting; the task itself goes on. Attach to wait again."""


class TaskLostError(TaskError):
    """The service says that it does not know an id which it should know."""


class EmptyResultError(TaskError):
    """The task succeeded and its record names no usable result URL."""


class DownloadError(LiangxinError):
    """A result file could not be had whole. Nothing partial is left behind.

    Attributes:
        url: the result URL without its query, or None.
        task_id: the task that the file belongs to, or None.
        reason: "expired", "refused", "too large", "incomplete", "not a picture",
            "address", "disk" or "transport".
        http_status: status of the answer, or None.
    """

    charged: Charged = "yes"
    url: str | None
    task_id: str | None
    reason: str
    http_status: int | None

    def __init__(
        self,
        message: str,
        *,
        url: str | None = None,
        task_id: str | None = None,
        reason: str = "transport",
        http_status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.url = url
        self.task_id = task_id
        self.reason = reason
        self.http_status = http_status
