"""The session's polling in virtual time: its decisions, a service, no sockets.

A discrete-event simulation that does with `_core.schedule` and `_core.pace` what the
poller does. Seconds everywhere; every random number comes from one seeded generator.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from random import Random

from attrs import define, field, frozen

from benchmarks._polling_laws import Draw
from liangxin_async._config import Polling
from liangxin_async._core.pace import Pace
from liangxin_async._core.schedule import (
    Agenda,
    QueryBudget,
    chance,
    group_of,
    next_delay,
)

Rule = Callable[[float], bool]  # whether a query that arrives then is answered
Interval = Callable[[float], float]  # seconds to the next query, from the age


@frozen
class Seen:
    """A task that has ended and was seen to have.

    Attributes:
        number: the how many-th task that was begun, from 0.
        model: the how many-th model.
        queries: those that were answered.
        duration: seconds.
        lag: seconds from the end to the arrival of the query that saw it.
        ended: the instant of its end.
    """

    number: int
    model: int
    queries: int
    duration: float
    lag: float
    ended: float


@frozen(kw_only=True)
class Setting:
    """What is played.

    Attributes:
        models: how durations of each are drawn, given the task's number; tasks take
            turns between the models.
        tasks: how many are begun.
        abreast: how many at the same time; a task that is seen makes room for one.
        slow_start: begin with so many, one more for each that is seen.
        until: the instant at which the play stops at the latest.
        way: seconds from sending a query to its answer, of which half before arrival.
        admits: makes the rule by which queries are answered or refused.
        tells: whether the service tells when a task began and ended.
        interval: a fixed rule in place of the session's; None is the session's.
    """

    models: Sequence[Callable[[int], Draw]]
    tasks: int
    abreast: int = 1
    slow_start: int | None = None
    until: float = float("inf")
    way: float = 0.0
    admits: Callable[[], Rule] = lambda: lambda now: True
    tells: bool = True
    interval: Interval | None = None
    polling: Polling = field(factory=Polling)


@define(eq=False)
class _Task:
    number: int
    model: int
    since: float
    duration: float
    asked: float = 0.0
    queries: int = 0


@define(eq=False)
class Play:
    """One play; `seen`, `refused` and `answered` are what came of it."""

    setting: Setting
    rand: Random
    now: float = 0.0
    seen: list[Seen] = field(factory=list)
    refused: int = 0
    answered: int = 0
    open: dict[str, _Task] = field(factory=dict)
    _begun: int = 0
    _room: int = 0
    _busy: int = 0
    _paces: list[Pace] = field(factory=list)
    _agenda: Agenda = field(factory=Agenda)
    _budget: QueryBudget = field(init=False)
    _rule: Rule = field(init=False)
    _events: list[tuple[float, int, Callable[[], None]]] = field(factory=list)
    _planned: int = 0
    _woken: float | None = None

    def __attrs_post_init__(self) -> None:
        setting = self.setting
        self._budget = QueryBudget(setting.polling.max_rate)
        self._rule = setting.admits()
        self._paces = [Pace(setting.polling) for _ in setting.models]
        self._room = min(setting.abreast, setting.slow_start or setting.abreast)

    def run(self) -> Play:
        self._fill()
        self._ask()
        while self._events and self._events[0][0] <= self.setting.until:
            self.now, _, action = heapq.heappop(self._events)
            action()
            self._ask()
        return self

    def _at(self, instant: float, action: Callable[[], None]) -> None:
        self._planned += 1
        heapq.heappush(self._events, (instant, self._planned, action))

    def _fill(self) -> None:
        while len(self.open) < self._room and self._begun < self.setting.tasks:
            number, models = self._begun, self.setting.models
            model = number % len(models)
            duration = models[model](number)(self.rand)
            self._begun += 1
            self.open[str(number)] = task = _Task(number, model, self.now, duration)
            self._plan(task, 0.0, self._delay(0.0, model))

    def _delay(self, age: float, model: int) -> float:
        interval, pace = self.setting.interval, self._paces[model]
        if interval is not None:
            return interval(age)
        return next_delay(age, pace, self.setting.polling)

    def _plan(self, task: _Task, age: float, delay: float) -> None:
        group = group_of(age, str(task.model), self._paces[task.model])
        self._agenda.set(str(task.number), self.now + delay, group)

    def _chance(self, key: str) -> float:
        task = self.open[key]
        return chance(task.asked, self.now - task.since, self._paces[task.model])

    def _ask(self) -> None:
        """Send what is due, as far as workers and budget go; be back for the rest."""
        while self._busy < self.setting.polling.workers:
            due = self._agenda.next_due()
            if due is None:
                return
            at = max(due, self._budget.ready_at())
            if at > self.now:
                if at != self._woken:
                    self._woken = at
                    self._at(at, lambda: None)
                return
            key = self._agenda.pop_due(self.now, self._chance)
            assert key is not None
            self._budget.spend(self.now)
            self._busy += 1
            self._send(self.open[key])

    def _send(self, task: _Task) -> None:
        sent, half = self.now, self.setting.way / 2

        def arrive() -> None:
            admitted, over = self._rule(self.now), self.now - task.since
            self._at(self.now + half, lambda: self._reply(task, sent, admitted, over))

        self._at(sent + half, arrive)

    def _reply(self, task: _Task, sent: float, admitted: bool, over: float) -> None:
        self._busy -= 1
        age, pace = self.now - task.since, self._paces[task.model]
        if not admitted:
            self.refused += 1
            self._budget.refused(self.now, sent, None)
            self._plan(task, age, self.setting.polling.floor)
            return
        self.answered += 1
        self._budget.answered(self.now)
        task.queries += 1
        if over < task.duration:
            pace.survived(task.asked, age)
            task.asked = age
            self._plan(task, age, self._delay(age, task.model))
            return
        pace.ended(task.asked, age, task.duration if self.setting.tells else None)
        del self.open[str(task.number)]
        self.seen.append(
            Seen(
                number=task.number,
                model=task.model,
                queries=task.queries,
                duration=task.duration,
                lag=over - task.duration,
                ended=task.since + task.duration,
            )
        )
        self._room = min(self.setting.abreast, self._room + 1)
        self._fill()


def play(setting: Setting, seed: int) -> Play:
    """Play `setting` once."""
    return Play(setting, Random(seed)).run()
