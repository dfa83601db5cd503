"""The tasks of an emulator, and how many of them are under way.

No timer runs per task: its state follows from its age. Work in flight is counted with
a heap of end times, so that a create costs O(log n) however many tasks there are.
Instants are seconds on the emulator's clock.

Invariants: a task is in `_ending` and counted in `_running` until its end has passed
and somebody asks; `_peak` never falls.
"""

from __future__ import annotations

import heapq
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from liangxin_async.emulator._scenario import Failure

# Shares of a task's duration at which it leaves the state. The service gives none.
_WAITING_UNTIL: Final = 0.05
_QUEUING_UNTIL: Final = 0.2


@define(eq=False, kw_only=True)
class Task:
    """One accepted create.

    Attributes:
        task_id: the id as it was given out.
        model: the model value.
        prompt: the prompt.
        key: canonical JSON of model and input: two equal requests have one key.
        param: the whole request as compact JSON text.
        extension: file name ending that fits the output format: png or jpg.
        created: instant of acceptance.
        duration: seconds until it ends.
        failure: why it will fail, or None where it will succeed.
        endings_told: how often recordInfo has answered with a terminal state.
        version: which result URL is given out now; it grows when one expires.
        dead_version: this URL and all before it answer with `dead_status`.
    """

    task_id: str
    model: str
    prompt: str
    key: str
    param: str
    extension: str
    created: float
    duration: float
    failure: Failure | None = None
    endings_told: int = 0
    version: int = 1
    dead_version: int = 0
    dead_status: int = 404

    @property
    def request(self) -> dict[str, Any]:
        """The create as it came: model, input, and callBackUrl where there was one."""
        request: dict[str, Any] = json.loads(self.param)
        return request

    @property
    def callback_url(self) -> str | None:
        """Where the caller wants to be called back, or None."""
        url: str | None = self.request.get("callBackUrl")
        return url

    @property
    def path(self) -> str:
        """Path of the result file that is given out now."""
        return f"/files/{self.task_id}/{self.version}/0.{self.extension}"

    def state(self, now: float) -> str:
        """Return the documented word for where the task stands."""
        age = now - self.created
        if age >= self.duration:
            return "success" if self.failure is None else "fail"
        if age < self.duration * _WAITING_UNTIL:
            return "waiting"
        return "queuing" if age < self.duration * _QUEUING_UNTIL else "generating"

    def expire(self, status: int) -> None:
        """Let the URL given out now, and those before it, answer with `status`."""
        self.dead_version = self.version
        self.dead_status = status

    def refresh(self) -> None:
        """Give out a new URL if the present one has expired."""
        if self.version <= self.dead_version:
            self.version = self.dead_version + 1


@define
class TaskStore:
    """All tasks by id, in the order of their acceptance."""

    _by_id: dict[str, Task] = field(factory=dict)
    _ending: list[tuple[float, str]] = field(factory=list)
    _running: Counter[str] = field(factory=Counter)
    _running_total: int = 0
    _peak: Counter[str] = field(factory=Counter)
    _peak_total: int = 0
    _aliases: dict[str, Task] = field(factory=dict)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Task]:
        return iter(self._by_id.values())

    def add(self, task: Task) -> None:
        """Take a task in, and count it as in flight."""
        self._settle(task.created)
        self._by_id[task.task_id] = task
        heapq.heappush(self._ending, (task.created + task.duration, task.model))
        self._running[task.model] += 1
        self._running_total += 1
        model = task.model
        self._peak[model] = max(self._peak[model], self._running[model])
        self._peak_total = max(self._peak_total, self._running_total)

    def get(self, task_id: str) -> Task | None:
        """Return the task with this id, or with this other name, or None."""
        return self._by_id.get(task_id) or self._aliases.get(task_id)

    def alias(self, name: str, task: Task) -> None:
        """Let a task be found under another name too."""
        self._aliases[name] = task

    def before(self, task: Task) -> Task | None:
        """Return the first task of all unless it is `task` itself; else None."""
        first = next(iter(self._by_id.values()), None)
        return None if first is task else first

    def in_flight(self, model: str | None, now: float) -> int:
        """Return how many tasks of `model`, or of all models, have not ended."""
        self._settle(now)
        return self._running_total if model is None else self._running[model]

    def peak(self, model: str | None = None) -> int:
        """Return the most tasks of `model`, or of all, that were ever in flight."""
        return self._peak_total if model is None else self._peak[model]

    def peaks(self) -> dict[str, int]:
        """Return the peak of every model."""
        return dict(self._peak)

    def _settle(self, now: float) -> None:
        while self._ending and self._ending[0][0] <= now:
            _, model = heapq.heappop(self._ending)
            self._running[model] -= 1
            self._running_total -= 1
