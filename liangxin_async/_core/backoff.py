"""How long to wait after a failure, and which create may be sent again.

Pure: random numbers come in as `rand` in [0, 1). The table is `reliability.md`,
section 4: createTask has no idempotency key, so a create is repeated only when it is
certain that the service did not take it.

    what happened to a create                         verdict
    -----------------------------------------------   -----------------------------
    no byte of it left this machine                   AGAIN, a bounded number of times
    the same, and waiting cannot help (TLS)           REFUSED
    429 and its other forms                           WAIT, until the caller's deadline
    503 in the gateway's own JSON, 455, 550           AGAIN, a bounded number of times
    any other refusal (4xx, 433, 451, 505, redirect)  REFUSED
    its journal would not take it                     REFUSED
    anything else after the first byte left           UNKNOWN
"""

from __future__ import annotations

from enum import Enum

from attrs import frozen

from liangxin_async._errors import (
    ApiError,
    ConfigurationError,
    ConnectError,
    InvalidRequestError,
    JournalError,
    LiangxinError,
    ProtocolError,
    SaturatedError,
    ServiceError,
    TransportError,
)


@frozen
class Backoff:
    """A rule for growing delays, in seconds.

    Attributes:
        base: largest delay after the first failure.
        cap: largest delay of all.
    """

    base: float
    cap: float


RETRY = Backoff(0.5, 15.0)  # a create that never left, or that a gateway sent back
POLL_FAILURE = Backoff(0.5, 30.0)  # a query that brought nothing usable
MAX_ATTEMPTS = 6  # of one submit, for causes other than saturation


def next_delay(attempt: int, policy: Backoff, *, rand: float) -> float:
    """Return seconds to wait after failed try `attempt` (1-based): full jitter."""
    growth = 2.0 ** min(attempt - 1, 30)  # unbounded, it overflows near attempt 1024
    return rand * min(policy.cap, policy.base * growth)


class Verdict(Enum):
    """What is to be done about a create that brought no task id."""

    AGAIN = "again"  # send it again after a delay, a bounded number of times
    WAIT = "wait"  # saturated: send it again until the deadline
    REFUSED = "refused"  # raise the error: nothing was made, nothing charged
    UNKNOWN = "unknown"  # raise SubmitUnknownError: never sent again by us


def judge_create(error: LiangxinError, *, left: bool) -> Verdict:
    """Return what a failed create means.

    Args:
        error: what came instead of a task id.
        left: whether any byte of the request may have left this machine.
    """
    if isinstance(error, (ConfigurationError, InvalidRequestError, JournalError)):
        return Verdict.REFUSED
    if not left:
        permanent = isinstance(error, ConnectError) and error.permanent
        return Verdict.REFUSED if permanent else Verdict.AGAIN
    if isinstance(error, SaturatedError):
        return Verdict.WAIT
    if isinstance(error, ServiceError):
        return Verdict.AGAIN if error.refused else Verdict.UNKNOWN
    if isinstance(error, ApiError):
        return Verdict.REFUSED
    return Verdict.UNKNOWN


def may_pass(error: LiangxinError) -> bool:
    """Whether the same query may be answered well a moment later."""
    if isinstance(error, ConnectError):
        return not error.permanent
    return isinstance(
        error, (TransportError, ProtocolError, SaturatedError, ServiceError)
    )
