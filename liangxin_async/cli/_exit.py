"""Exit codes: the one table, and which error ends in which of them."""

from __future__ import annotations

from enum import IntEnum

from liangxin_async._errors import (
    ApiError,
    AuthenticationError,
    ConfigurationError,
    DownloadError,
    InsufficientQuotaError,
    InvalidRequestError,
    JournalError,
    LiangxinError,
    ProtocolError,
    SaturatedError,
    ServiceError,
    StoreError,
    SubmitUnknownError,
    TaskError,
    TaskTimeoutError,
    TransportError,
)
from liangxin_async.cli._errors import (
    CommandError,
    StoppedError,
    UsageError,
    WriteError,
)


class Exit(IntEnum):
    """What the command returns."""

    DONE = 0
    OTHER = 1
    USAGE = 2
    REFUSED = 3
    ACCOUNT = 4
    FAILED = 5
    TIMEOUT = 6
    UNKNOWN = 7
    CONNECTION = 8
    JOURNAL = 9
    INTERRUPTED = 130  # 128 + SIGINT, as shells count
    PIPE = 141  # 128 + SIGPIPE
    TERMINATED = 143  # 128 + SIGTERM


MEANINGS: dict[Exit, str] = {
    Exit.DONE: "done",
    Exit.OTHER: "something this table does not foresee; please report it",
    Exit.USAGE: "wrong usage, setting, request, line or store; nothing was sent for it",
    Exit.REFUSED: "the service refused; nothing was made or charged",
    Exit.ACCOUNT: "the key is not accepted, or the account is empty",
    Exit.FAILED: "a task or a request of a set failed, or a file could not be saved",
    Exit.TIMEOUT: "time over: still running (its id is printed), or no place was free",
    Exit.UNKNOWN: "sent, and whether it was accepted is unknown; may be charged",
    Exit.CONNECTION: "no connection, or no usable answer (the service is down)",
    Exit.JOURNAL: "the journal of a run cannot be used or written",
    Exit.INTERRUPTED: "Ctrl-C; ids in flight are printed, or in the journal",
    Exit.PIPE: "whoever read the output has gone",
    Exit.TERMINATED: "SIGTERM; ids in flight are printed, or in the journal",
}

# The first row that fits counts, so classes stand before their bases.
_BY_ERROR: tuple[tuple[type[Exception], Exit], ...] = (
    (UsageError, Exit.USAGE),
    (InvalidRequestError, Exit.USAGE),
    (ConfigurationError, Exit.USAGE),
    (AuthenticationError, Exit.ACCOUNT),
    (InsufficientQuotaError, Exit.ACCOUNT),
    (SaturatedError, Exit.TIMEOUT),
    (ServiceError, Exit.CONNECTION),
    (ApiError, Exit.REFUSED),
    (TaskTimeoutError, Exit.TIMEOUT),
    (TaskError, Exit.FAILED),
    (DownloadError, Exit.FAILED),
    (StoreError, Exit.FAILED),
    (WriteError, Exit.FAILED),
    (SubmitUnknownError, Exit.UNKNOWN),
    (JournalError, Exit.JOURNAL),
    (TransportError, Exit.CONNECTION),
    (ProtocolError, Exit.CONNECTION),
)


def exit_code(error: LiangxinError | CommandError) -> int:
    """Return the code that tells of `error`."""
    if isinstance(error, StoppedError):
        return 128 + error.signal
    for kind, code in _BY_ERROR:
        if isinstance(error, kind):
            return code
    return Exit.OTHER


def table() -> str:
    """Return the table for `--help`."""
    rows = (f"  {code:>3}  {meaning}" for code, meaning in MEANINGS.items())
    return "\n".join(("exit codes:", *rows))
