"""What a dialect is: how requests are written and replies are read, without I/O.

A dialect turns a typed request into a `WireRequest` and a `WireReply` into a value or
one of our errors. It knows no socket, clock or session. A third service is one more
module with one more object of this shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from liangxin_async._records import Credits, TaskRecord
    from liangxin_async.models import FieldInfo, Request


@frozen
class WireRequest:
    """One HTTP request to the API, without host and credentials.

    Attributes:
        method: "GET" or "POST".
        target: path and query below the base URL, already percent-encoded.
        body: JSON in UTF-8, or None.
    """

    method: str
    target: str
    body: bytes | None = field(default=None, repr=False)


HEADERS_READ = ("Location", "Retry-After", "X-Oneapi-Request-Id", "X-Request-Id")


@frozen
class WireReply:
    """One whole HTTP answer.

    Attributes:
        status: HTTP status.
        headers: those of `HEADERS_READ` that came, spelled as there.
        body: decoded body, within the transport's size cap.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def excerpt(self) -> str:
        """The start of the body as text, whatever its bytes are."""
        return self.body[:4096].decode("utf-8", "replace")


def _not_over(record: TaskRecord | None) -> TaskRecord | None:
    return None if record is not None and record.state.is_terminal else record


@frozen
class Accepted:
    """The answer to an accepted create.

    Attributes:
        task_id: the new task.
        record: its first status, where the create answer holds one. None also for a
            status that would end the task: only the answer to a query does that.
    """

    task_id: str
    record: TaskRecord | None = field(default=None, converter=_not_over)


LONGEST_ID = 512  # characters of a task id in a callback; those known have 50


@frozen
class CallbackNote:
    """All that is read of a callback. It is a hint: only a query settles a task.

    Attributes:
        task_id: the task that it names.
        is_over: whether the task may be over; False where the callback itself says
            that it goes on.
    """

    task_id: str
    is_over: bool = True


class Dialect(Protocol):
    """The wire of one service."""

    @property
    def name(self) -> str:
        """Name of the service; requests made for another one are refused."""
        ...

    @property
    def default_base_url(self) -> str | None:
        """Base URL that the service documents, or None where none is stated."""
        ...

    @property
    def key_variable(self) -> str:
        """Environment variable for the API key. One for each service, so that no key
        goes to another service than its own."""
        ...

    @property
    def base_url_variable(self) -> str:
        """Environment variable for the base URL."""
        ...

    @property
    def callback_field(self) -> FieldInfo:
        """What a callback URL may be; it is checked before anything is sent."""
        ...

    def write_create(self, request: Request, callback_url: str | None) -> WireRequest:
        """Return the paid call for `request`; its own callback URL wins.

        Raises:
            InvalidRequestError: the request cannot be said in this dialect.
        """
        ...

    def read_create(self, reply: WireReply) -> Accepted:
        """Return the accepted task.

        Raises:
            ApiError: refused, or a fault; `_core.backoff` tells which may be repeated.
            ProtocolError: an answer that is not this API's, or without a task id.
            ConfigurationError: a redirect: the base URL is not the API's.
        """
        ...

    def write_query(self, task_id: str) -> WireRequest:
        """Return the call that asks about `task_id`."""
        ...

    def read_query(self, reply: WireReply, task_id: str) -> TaskRecord:
        """Return the record of `task_id`.

        What an answer of success (2xx) means depends on its body alone: one that is
        repeated is not read again, and one whose body was kept may be read later.

        Raises:
            NotFoundError: the service does not know the id (or not yet).
            ApiError: refused, or a fault.
            ProtocolError: an answer that is not this API's, or about another task.
            ConfigurationError: a redirect: the base URL is not the API's.
        """
        ...

    def read_callback(self, body: bytes) -> CallbackNote | None:
        """Return what the body of a callback names; None for one that is unreadable,
        names no task, or more than one. Never raises."""
        ...

    def expires_at(self, record: TaskRecord) -> datetime | None:
        """Return when the result URLs of `record` stop working, if documented."""
        ...


@runtime_checkable
class TellsCredits(Protocol):
    """A dialect whose service says what an account can still pay for."""

    def write_credits(self) -> WireRequest:
        """Return the call that asks."""
        ...

    def read_credits(self, reply: WireReply) -> Credits:
        """Return what was told.

        Raises:
            ApiError: refused, or a fault.
            ProtocolError: an answer that is not this API's.
            ConfigurationError: a redirect: the base URL is not the API's.
        """
        ...
