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

    from liangxin_async.emulator._delivery import Delivery
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
        key: canonical JSON of what was asked: two equal requests have one key.
        param: the whole request as compact JSON text.
        created: instant of acceptance.
        duration: seconds until it ends.
        dialect: name of the dialect that it was made in, and is known in.
        callback_url: where the caller wants to be called back, or None.
        extension: file name ending of the result files: png, jpg or mp4.
        files: how many result files there will be.
        size: width and height in pixels that were asked for.
        seed: the seed as it was asked for, or None.
        failure: why it will fail, or None where it will succeed.
        endings_told: how often a query was answered with a terminal state.
        version: which result URLs are given out now; it grows when one expires.
        deliveries: its callbacks so far, in order.
        told_id: the other id that its create was answered with, or None.
        dead_version: URLs of this version and before answer with `dead_status`.
    """

    task_id: str
    model: str
    prompt: str
    key: str
    param: str
    created: float
    duration: float
    dialect: str = "liangxin"
    callback_url: str | None = None
    extension: str = "png"
    files: int = 1
    size: tuple[int, int] = (1024, 1024)
    seed: Any = None
    failure: Failure | None = None
    endings_told: int = 0
    version: int = 1
    dead_version: int = 0
    dead_status: int = 404
    deliveries: list[Delivery] = field(factory=list)
    told_id: str | None = None

    @property
    def request(self) -> dict[str, Any]:
        """The body of the create as it came, in the dialect that it came in."""
        request: dict[str, Any] = json.loads(self.param)
        return request

    @property
    def paths(self) -> list[str]:
        """Paths of the result files that are given out now, in order."""
        folder = f"/files/{self.task_id}/{self.version}"
        return [f"{folder}/{n}.{self.extension}" for n in range(self.files)]

    def state(self, now: float) -> str:
        """Return where the task stands, in the words of `Report.state`."""
        age = now - self.created
        if age >= self.duration:
            return "success" if self.failure is None else "fail"
        if age < self.duration * _WAITING_UNTIL:
            return "waiting"
        return "queuing" if age < self.duration * _QUEUING_UNTIL else "generating"

    def expire(self, status: int) -> None:
        """Let the URLs given out now, and those before, answer with `status`."""
        self.dead_version = self.version
        self.dead_status = status

    def refresh(self) -> None:
        """Give out new URLs if the present ones have expired."""
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
        """Let a task be found, and spoken of, under another name too."""
        self._aliases[name] = task
        task.told_id = name

    def before(self, task: Task) -> Task | None:
        """Return the first task of the same dialect unless it is `task` itself."""
        alike = (t for t in self._by_id.values() if t.dialect == task.dialect)
        first = next(alike, None)
        return None if first is task else first

    def finish(self, task: Task, now: float) -> None:
        """Let a task end now, however long it would have taken."""
        entry = (task.created + task.duration, task.model)
        if entry in self._ending:
            self._ending.remove(entry)
            heapq.heapify(self._ending)
            heapq.heappush(self._ending, (now, task.model))
        task.duration = now - task.created

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
