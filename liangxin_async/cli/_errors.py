"""The command's own errors: reported like the library's, and no part of its tree."""

from __future__ import annotations

from collections.abc import Sequence
from signal import Signals

from liangxin_async._errors import Charged, StoreError


class CommandError(Exception):
    """Base of what ends the command and is told in words.

    Attributes:
        charged: whether money was spent: "no", "yes" or "unknown".
    """

    charged: Charged = "no"


class UsageError(CommandError):
    """The command line or a file named on it cannot be used. Nothing was sent.

    Attributes:
        advice: more lines for people, below the message; may be empty.
    """

    advice: tuple[str, ...]

    def __init__(self, message: str, *, advice: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.advice = tuple(advice)


class NotReadyError(UsageError):
    """An object store cannot be used, and nothing was begun.

    Attributes:
        reason: as in `StoreError`.
        http_status: as in `StoreError`.
    """

    reason: str
    http_status: int | None

    def __init__(self, error: StoreError) -> None:
        super().__init__(str(error))
        self.reason = error.reason
        self.http_status = error.http_status


class WriteError(CommandError):
    """A folder of the user's takes no files. What was paid for stays known."""


class StoppedError(CommandError):
    """A signal ended the command.

    Attributes:
        signal: which one.
        task_ids: accepted tasks that were not brought home, oldest first.
        doubts: creates that were sent and whose outcome is not known.
    """

    signal: Signals
    task_ids: tuple[str, ...]
    doubts: int

    def __init__(
        self, signal: Signals, *, task_ids: Sequence[str] = (), doubts: int = 0
    ) -> None:
        super().__init__(f"stopped by {signal.name}")
        self.signal = signal
        self.task_ids = tuple(task_ids)
        self.doubts = doubts
        self.charged = "unknown" if doubts else "yes" if task_ids else "no"


class StdoutError(Exception):
    """A result cannot be printed. Told on stderr, as stdout cannot carry it.

    Attributes:
        is_pipe: whether whoever read stdout has gone.
    """

    is_pipe: bool

    def __init__(self, cause: OSError) -> None:
        super().__init__(f"cannot write to stdout: {cause.strerror or cause}")
        self.is_pipe = isinstance(cause, BrokenPipeError)
