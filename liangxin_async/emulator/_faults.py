"""The fault plan: which call of which route meets which fault.

A `Fault` is a frozen value of a scenario; `FaultPlan` counts the calls. Every fault
counts the calls that concern it, also those that an earlier fault of the list takes;
the first that is due plays. Without faults for a route nothing is counted at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field, frozen

from liangxin_async.emulator import (
    _kinds_callback,
    _kinds_http,
    _kinds_tasks,
    _kinds_wire,
)
from liangxin_async.emulator._checks import (
    ScenarioError,
    build,
    flag,
    number,
    one_of,
    text,
)
from liangxin_async.emulator._dialects import DIALECTS
from liangxin_async.emulator._kinds import REQUIRED, ROUTES, Anything, Kind, Word

if TYPE_CHECKING:
    from random import Random

    from liangxin_async.emulator._kinds import Book
    from liangxin_async.emulator._report import Report
    from liangxin_async.emulator._tasks import Task


def _all_kinds(*books: Book) -> Mapping[str, Kind]:
    kinds: dict[str, Kind] = {}
    for book in books:
        twice = kinds.keys() & book.kinds.keys()
        assert not twice, f"in two books of fault kinds: {twice}"
        kinds |= book.kinds
    return kinds


KINDS: Final = _all_kinds(
    _kinds_wire.BOOK,
    _kinds_http.BOOK,
    _kinds_tasks.BOOK,
    _kinds_callback.BOOK,
    *(dialect.book for dialect in DIALECTS.values()),
)


def fault_kinds() -> dict[str, str]:
    """Return every fault kind with one line: what it does, on which routes, and whose.

    A line ends with the dialects that the kind plays in.
    """
    return {
        name: f"{kind.meaning} [{', '.join(kind.routes)}; {_players(kind)}]"
        for name, kind in sorted(KINDS.items())
    }


def _players(kind: Kind) -> str:
    return f"{kind.dialect} only" if kind.dialect else "every dialect"


def _as_nth(value: int | Sequence[int] | None) -> int | tuple[int, int] | None:
    match value:
        case None:
            return None
        case int() if value >= 1 and not isinstance(value, bool):
            return value
        case [int() as first, int() as last] if 1 <= first <= last:
            return first, last
    message = f"nth must be null, a number from 1 or [first, last], got {value!r}"
    raise ScenarioError(message)


def _as_span(value: Sequence[float] | None) -> tuple[float, float] | None:
    match value:
        case None:
            return None
        case [int() | float() as first, int() | float() as last] if first <= last:
            return float(first), float(last)
    raise ScenarioError(f"during must be null or [from, to], got {value!r}")


def _has_type(value: Any, default: Any) -> bool:
    if default is REQUIRED or isinstance(default, Anything):
        return True
    if isinstance(default, Word):
        return value in default.allowed
    if isinstance(default, Mapping):
        return isinstance(value, Mapping)
    if isinstance(value, bool):
        return isinstance(default, bool)
    return isinstance(value, (int, float) if type(default) is float else type(default))


def _wanted(default: Any) -> str:
    if isinstance(default, Word):
        return "one of " + ", ".join(repr(word) for word in default.allowed)
    return type(default).__name__


@frozen(kw_only=True)
class Fault:
    """One line of the fault plan.

    Attributes:
        route: "create", "query", "credits" (EvoLink has it), "file", "connect" (a
            connection being accepted) or "callback" (counted when the create that
            names a callback is accepted).
        kind: what happens; `fault_kinds()` lists them. A kind of one dialect strikes
            and counts calls of that dialect only.
        nth: which calls: None for every one, a number (from 1) for one of them, or a
            pair of the first and the last.
        every: besides, only each `every`-th of them, or None.
        match: only calls whose prompt contains this text or whose task has this id;
            None for all.
        each: whether to count calls per request (create, callback) or per task
            (query, file) rather than together.
        share: the chance that a due call is struck, 0 to 1.
        during: only between these seconds of the scenario, or None.
        younger_than: only while the task is younger than these seconds (query, file).
        accept: whether a struck create is accepted and charged; None for what is
            usual for the kind.
        params: parameters of the kind.
    """

    route: str = field(validator=one_of(*ROUTES))
    kind: str = field(validator=one_of(*KINDS))
    nth: int | tuple[int, int] | None = field(default=None, converter=_as_nth)
    every: int | None = field(
        default=None, validator=number(1, whole=True, optional=True)
    )
    match: str | None = field(default=None, validator=text(optional=True))
    each: bool = field(default=False, validator=flag)
    share: float = field(default=1.0, validator=number(0, 1))
    during: tuple[float, float] | None = field(default=None, converter=_as_span)
    younger_than: float | None = field(default=None, validator=number(0, optional=True))
    accept: bool | None = None
    params: Mapping[str, Any] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        """Refuse what the kind cannot do."""
        self._check_route()
        self._check_params()

    def _check_route(self) -> None:
        kind = KINDS[self.kind]
        if self.route not in kind.routes:
            places = ", ".join(kind.routes)
            raise ScenarioError(f"{self.kind} is for {places}, not for {self.route}")
        if self.accept not in (None, True, False):
            raise ScenarioError(f"accept must be true, false or null: {self.accept!r}")
        if self.accept is not None and self.route != "create":
            raise ScenarioError("accept is for the create route only")
        blind = self.route == "connect" or (kind.early and self.route == "create")
        if blind and (self.match is not None or self.each):
            raise ScenarioError(f"{self.kind} strikes before the prompt is known")
        if blind and self.accept:
            raise ScenarioError(f"{self.kind} strikes before a create can be accepted")
        if self.route == "credits" and (self.match is not None or self.each):
            raise ScenarioError("a call for credits is about no prompt and no task")

    def _check_params(self) -> None:
        known = KINDS[self.kind].params
        for name, value in self.params.items():
            if name not in known:
                names = ", ".join(known) or "none"
                message = f"{self.kind} has no parameter {name!r}; known: {names}"
                raise ScenarioError(message)
            if not _has_type(value, known[name]):
                wanted = _wanted(known[name])
                raise ScenarioError(f"{self.kind}: {name} must be {wanted}: {value!r}")
        for name, default in known.items():
            if default is REQUIRED and name not in self.params:
                raise ScenarioError(f"{self.kind} needs the parameter {name!r}")

    @property
    def accepts(self) -> bool:
        """Whether a struck create is accepted."""
        return KINDS[self.kind].accept if self.accept is None else self.accept

    @property
    def settings(self) -> dict[str, Any]:
        """The parameters, defaults filled in."""
        defaults = {
            name: default.default if isinstance(default, Anything | Word) else default
            for name, default in KINDS[self.kind].params.items()
        }
        return {**defaults, **self.params}

    def is_due(self, call: int) -> bool:
        """Whether the `call`-th call (from 1) is one of those meant."""
        first, last = 1, call
        if isinstance(self.nth, tuple):
            first, last = self.nth
        elif self.nth is not None:
            first = last = self.nth
        if not first <= call <= last:
            return False
        return self.every is None or (call - first + 1) % self.every == 0


@frozen(kw_only=True)
class Call:
    """What the plan is told of a call.

    Attributes:
        now: instant of the call.
        dialect: name of the dialect of the route, or None for files and connections.
        subject: whom `each` counts by: the request key of a create and of a callback,
            the task id of a query.
        prompt: the prompt, or "" where it is not known.
        task: the task asked for, or None.
        report: what the honest answer tells of a task, where that is known.
    """

    now: float
    dialect: str | None = None
    subject: str = ""
    prompt: str = ""
    task: Task | None = None
    report: Report | None = None


@define
class _Armed:
    fault: Fault
    kind: Kind
    calls: dict[str, int] = field(factory=dict)

    def concerns(self, call: Call, age: float) -> bool:
        fault = self.fault
        if self.kind.dialect not in (None, call.dialect):
            return False
        if fault.match is not None and fault.match not in call.prompt:
            task_id = call.subject if call.task is None else call.task.task_id
            if fault.match != task_id:
                return False
        if fault.during is not None and not fault.during[0] <= age < fault.during[1]:
            return False
        if fault.younger_than is not None and (
            call.task is None or call.now - call.task.created >= fault.younger_than
        ):
            return False
        when = self.kind.when
        return when is None or (call.report is not None and when(call.report))

    def count(self, call: Call) -> int:
        subject = call.subject if self.fault.each else ""
        self.calls[subject] = made = self.calls.get(subject, 0) + 1
        return made


@define
class FaultPlan:
    """The faults of a scenario, with their counts."""

    start: float
    random: Random
    routes: dict[str, list[_Armed]]
    early: list[_Armed]

    @classmethod
    def arm(cls, faults: tuple[Fault, ...], start: float, random: Random) -> FaultPlan:
        """Start counting for a scenario that began at `start`."""
        routes: dict[str, list[_Armed]] = {}
        early: list[_Armed] = []
        for fault in faults:
            armed = _Armed(fault, KINDS[fault.kind])
            if fault.route == "create" and armed.kind.early:
                early.append(armed)
            else:
                routes.setdefault(fault.route, []).append(armed)
        return cls(start, random, routes, early)

    def has(self, route: str) -> bool:
        """Whether there is any fault for a route."""
        return route in self.routes

    def pick(self, route: str, call: Call) -> Fault | None:
        """Count a call, and return the fault that strikes it, or None."""
        return self._pick(self.routes.get(route, ()), call)

    def pick_early(self, call: Call) -> Fault | None:
        """Count a create whose body is not read yet; return its fault, or None."""
        return self._pick(self.early, call) if self.early else None

    def _pick(self, armed: list[_Armed] | tuple[()], call: Call) -> Fault | None:
        chosen = None
        for candidate in armed:
            if not candidate.concerns(call, call.now - self.start):
                continue
            due = candidate.fault.is_due(candidate.count(call))
            if due and chosen is None and self._strikes(candidate.fault):
                chosen = candidate.fault
        return chosen

    def _strikes(self, fault: Fault) -> bool:
        return fault.share >= 1 or self.random.random() < fault.share


def as_fault(value: Fault | Mapping[str, Any]) -> Fault:
    """Take a fault, or an object of its fields."""
    return value if isinstance(value, Fault) else build(Fault, value)
