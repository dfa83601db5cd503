"""What became of one callback: the record that the books keep with its task."""

from __future__ import annotations

from typing import Any

from attrs import asdict, define, field, frozen


@frozen(kw_only=True)
class Attempt:
    """One POST of a callback.

    Attributes:
        at: instant at which it began, on the emulator's clock.
        status: HTTP status of the answer, or None where none came.
        problem: "" with a status, else "timeout", "no connection" or "connection
            lost".
    """

    at: float
    status: int | None = None
    problem: str = ""

    @property
    def is_delivered(self) -> bool:
        """Whether the receiver took it: any 2xx."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def word(self) -> str:
        """The status as text, or the problem: what the books count by."""
        return self.problem if self.status is None else str(self.status)


@define(eq=False, kw_only=True)
class Delivery:
    """One callback, with all its attempts.

    Attributes:
        task_id: the task that it is about; what it says may differ, by a fault.
        url: where it was to go.
        outcome: "waiting" until its end, then "delivered", "given_up" (the retries are
            used up), "refused" (the target is not on loopback) or "unsent" (by a
            fault).
        attempts: the attempts so far, in order.
    """

    task_id: str
    url: str
    outcome: str = "waiting"
    attempts: list[Attempt] = field(factory=list)

    @property
    def statuses(self) -> list[int | None]:
        """The status of each attempt, None where no answer came."""
        return [attempt.status for attempt in self.attempts]

    def as_dict(self) -> dict[str, Any]:
        """Return the record as plain values."""
        return asdict(self)
