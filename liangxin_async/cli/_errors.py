"""The command's own errors: beside the library's, and reported like them."""

from __future__ import annotations

from collections.abc import Sequence
from signal import Signals

from liangxin_async._errors import Charged, ConfigurationError, LiangxinError


class UsageError(ConfigurationError):
    """The command line or a file named on it cannot be used. Nothing was sent.

    Attributes:
        advice: more lines for people, below the message; may be empty.
    """

    advice: tuple[str, ...]

    def __init__(self, message: str, *, advice: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.advice = tuple(advice)


class StoppedError(LiangxinError):
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
        self.charged: Charged = "unknown" if doubts else "yes" if task_ids else "no"
