"""What an emulator has seen and done, counted: the truth that a client is held to.

Counters only grow. A create is *received* when its body was read and understood,
*accepted* when a task was made (and would be charged), whatever became of the answer.
`requests` is counted when the head of a request has arrived, before any fault, so it
also counts creates whose answer was never sent.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from attrs import asdict, define, field, frozen

if TYPE_CHECKING:
    from liangxin_async.emulator._tasks import Task, TaskStore

_LEAKS_KEPT = 1000


@frozen
class Leak:
    """A credential that arrived where none belongs.

    Attributes:
        path: path of the request.
        header: name of the header that carried it, or "query" for the URL.
    """

    path: str
    header: str


@define
class Ledger:
    """The books of one emulator.

    Attributes:
        tasks: the tasks themselves, for what is in flight.
        connections: connections accepted since the start.
        connections_now, connections_peak: open at this moment, and at most.
        requests: requests whose head arrived, by route: "create", "query", "credits",
            "file", "control" and "other".
        received: creates received, by request key.
        received_by_prompt: the same by prompt.
        accepted: creates accepted, by request key.
        accepted_by_prompt: the same by prompt.
        accepted_total: all of them: what the account pays for.
        refused: creates refused, by reason: "auth", "invalid", "too_large",
            "unknown_model" (EvoLink only), "saturated", "no_balance".
        accepted_by_dialect: creates accepted, by name of the dialect.
        queries: queries, by task id as asked.
        queries_refused: queries refused, by reason.
        files: requests for result files, by task id.
        faults: faults that struck, by kind.
        callbacks: callbacks "expected", those sent by hand too, and of these, by
            outcome, "delivered", "given_up", "refused" (not to loopback) and "unsent"
            (by a fault); the rest is on its way. Each is in `Task.deliveries`.
        callback_answers: attempts to deliver one that are over, by what came back: a
            status such as "200", or "timeout", "no connection", "connection lost".
        callback_targets_refused: callbacks refused, by scheme and host.
        leaks: credentials seen on requests for files, the first thousand.
    """

    tasks: TaskStore
    connections: int = 0
    connections_now: int = 0
    connections_peak: int = 0
    requests: Counter[str] = field(factory=Counter)
    received: Counter[str] = field(factory=Counter)
    received_by_prompt: Counter[str] = field(factory=Counter)
    accepted: Counter[str] = field(factory=Counter)
    accepted_by_prompt: Counter[str] = field(factory=Counter)
    accepted_total: int = 0
    accepted_by_dialect: Counter[str] = field(factory=Counter)
    refused: Counter[str] = field(factory=Counter)
    queries: Counter[str] = field(factory=Counter)
    queries_refused: Counter[str] = field(factory=Counter)
    files: Counter[str] = field(factory=Counter)
    faults: Counter[str] = field(factory=Counter)
    callbacks: Counter[str] = field(factory=Counter)
    callback_answers: Counter[str] = field(factory=Counter)
    callback_targets_refused: Counter[str] = field(factory=Counter)
    leaks: deque[Leak] = field(factory=lambda: deque(maxlen=_LEAKS_KEPT))

    @property
    def posts(self) -> int:
        """How many creates arrived, whatever became of them."""
        return self.requests["create"]

    @property
    def callback_attempts(self) -> int:
        """How many attempts to deliver a callback are over."""
        return self.callback_answers.total()

    def peak(self, model: str | None = None) -> int:
        """Return the most tasks of `model`, or of all, that were in flight at once."""
        return self.tasks.peak(model)

    def connected(self) -> None:
        """Count a connection."""
        self.connections += 1
        self.connections_now += 1
        self.connections_peak = max(self.connections_peak, self.connections_now)

    def disconnected(self) -> None:
        """Count the end of a connection."""
        self.connections_now -= 1

    def take(self, task: Task) -> None:
        """Count an accepted create."""
        self.accepted_total += 1
        self.accepted[task.key] += 1
        self.accepted_by_prompt[task.prompt] += 1
        self.accepted_by_dialect[task.dialect] += 1

    def leaked(self, path: str, header: str) -> None:
        """Note a credential in the wrong place."""
        if len(self.leaks) < _LEAKS_KEPT:
            self.leaks.append(Leak(path, header))

    def snapshot(self, now: float) -> dict[str, Any]:
        """Return the books as plain values that JSON can hold, without the tasks."""
        models = self.tasks.peaks()
        counts = {name: dict(getattr(self, name)) for name in _COUNTERS}
        return {
            "connections": self.connections,
            "connections_now": self.connections_now,
            "connections_peak": self.connections_peak,
            "posts": self.posts,
            "accepted_total": self.accepted_total,
            "callback_attempts": self.callback_attempts,
            **counts,
            "leaks": [asdict(leak) for leak in self.leaks],
            "in_flight": {m: self.tasks.in_flight(m, now) for m in models},
            "in_flight_total": self.tasks.in_flight(None, now),
            "in_flight_peak": models,
            "in_flight_peak_total": self.tasks.peak(),
        }


_COUNTERS = (
    "requests",
    "received",
    "received_by_prompt",
    "accepted",
    "accepted_by_prompt",
    "accepted_by_dialect",
    "refused",
    "queries",
    "queries_refused",
    "files",
    "faults",
    "callbacks",
    "callback_answers",
    "callback_targets_refused",
)
