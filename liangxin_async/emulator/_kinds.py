"""What a fault kind is, and how one is written down.

A kind is one small function with a line of meaning. Those that *alter* take a scene and
return another answer; those that *play* are coroutines that send bytes themselves, or
break the connection; those that *send* change when and how a callback goes out. Books
of kinds stand in `_kinds_wire`, `_kinds_http`, `_kinds_tasks`, `_kinds_callback` (which
play in every dialect) and in a module per dialect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from aiohttp import web
from attrs import define, evolve, field, frozen

from liangxin_async.emulator._answer import Answer

if TYPE_CHECKING:
    import asyncio

    from liangxin_async.emulator._callbacks import Manner
    from liangxin_async.emulator._courier import Courier
    from liangxin_async.emulator._dialect import Dialect
    from liangxin_async.emulator._report import Report
    from liangxin_async.emulator._scenario import Scenario
    from liangxin_async.emulator._tasks import Task, TaskStore

ROUTES: Final = ("create", "query", "credits", "file", "connect", "callback")
HTTP_ROUTES: Final = ("create", "query", "credits", "file")
JSON_ROUTES: Final = ("create", "query", "credits")
TASK_ROUTES: Final = ("create", "query")  # where an answer tells of a task
# A callback says what a query is answered with.
RECORD_ROUTES: Final = ("query", "callback")
REPORT_ROUTES: Final = (*TASK_ROUTES, "callback")
SAID_ROUTES: Final = (*JSON_ROUTES, "callback")


class _Required:
    """Marks a parameter that has no default."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Final = _Required()


@frozen
class Anything:
    """The default of a parameter that takes any JSON value."""

    default: Any


@frozen
class Word:
    """The words that a parameter takes; the first is the default."""

    allowed: tuple[str, ...]

    @property
    def default(self) -> str:
        """The word where none is given."""
        return self.allowed[0]


@define
class Scene:
    """What a fault sees of the call, or the callback, that it meets.

    Attributes:
        answer: what an honest service says.
        report: what that answer tells of a task, or None: a refusal, a file.
        params: the fault's parameters, defaults filled in.
        tasks: all tasks of the emulator.
        task: the task concerned, or None: a refused create, an unknown id.
        scenario: what is being played.
        dialect: whose route was called, or None for a file.
        base_url: the emulator's own address.
        closing: set when the emulator ends; whatever waits must watch it.
        courier: who sends the callbacks.
    """

    answer: Answer
    report: Report | None
    params: Mapping[str, Any]
    tasks: TaskStore
    task: Task | None
    scenario: Scenario
    dialect: Dialect | None
    base_url: str
    closing: asyncio.Event
    courier: Courier

    @property
    def voice(self) -> Dialect:
        """The dialect of a route that has one."""
        assert self.dialect is not None, "files are served in no dialect"
        return self.dialect


@define(kw_only=True)
class Exchange(Scene):
    """The same for a call that came in over HTTP.

    Attributes:
        request: the call as it came.
    """

    request: web.BaseRequest


Alter: TypeAlias = Callable[[Scene], Answer]
Play: TypeAlias = Callable[[Exchange], Awaitable[web.StreamResponse]]
Send: TypeAlias = Callable[["Manner", Mapping[str, Any]], "Manner"]
When: TypeAlias = Callable[["Report"], bool]


def has_ended(report: Report) -> bool:
    """Whether a task has succeeded or failed."""
    return report.has_ended


def has_succeeded(report: Report) -> bool:
    """Whether there is a result."""
    return report.state == "success"


def has_failed(report: Report) -> bool:
    """Whether there is a failure."""
    return report.state == "fail"


@frozen
class Kind:
    """One entry of a book.

    Attributes:
        name: the word that a scenario uses.
        meaning: one line for people.
        routes: where it can be used.
        accept: whether a create under this fault is accepted (and charged) unless the
            scenario says otherwise.
        params: parameter names and defaults; `REQUIRED` where there is none. A value
            has the type of its default unless that is `Anything`, and is one of the
            words of a `Word`.
        when: the honest reports it concerns. Other calls are not counted for `nth`.
        early: whether it strikes before the body of a create was read.
        alter, play, send: the function; exactly one is set, but for kinds of `connect`.
        dialect: the one dialect that it plays in, or None for all. Calls in others
            are not counted.
    """

    name: str
    meaning: str
    routes: tuple[str, ...]
    accept: bool = False
    params: Mapping[str, Any] = field(factory=dict)
    when: When | None = None
    early: bool = False
    alter: Alter | None = None
    play: Play | None = None
    send: Send | None = None
    dialect: str | None = None


@define
class Book:
    """A table of kinds, filled by decorators.

    Attributes:
        dialect: the one dialect that its kinds play in, or None for all.
        kinds: the kinds by name.
    """

    dialect: str | None = None
    kinds: dict[str, Kind] = field(factory=dict)

    def add(self, kind: Kind) -> None:
        """Enter a kind; two of one name are a mistake in this package."""
        if kind.name in self.kinds:
            raise AssertionError(f"two fault kinds are called {kind.name}")
        self.kinds[kind.name] = evolve(kind, dialect=self.dialect)

    def alters(
        self,
        *routes: str,
        name: str | None = None,
        accept: bool = False,
        when: When | None = None,
        **params: Any,
    ) -> Callable[[Alter], Alter]:
        """Enter a function that returns another answer."""

        def enter(alter: Alter) -> Alter:
            word, meaning = name or _name(alter), _meaning(alter)
            self.add(Kind(word, meaning, routes, accept, params, when, alter=alter))
            return alter

        return enter

    def plays(
        self,
        *routes: str,
        name: str | None = None,
        accept: bool = True,
        early: bool = False,
        **params: Any,
    ) -> Callable[[Play], Play]:
        """Enter a coroutine function that does the sending itself."""

        def enter(play: Play) -> Play:
            word, meaning = name or _name(play), _meaning(play)
            kind = Kind(word, meaning, routes, accept, params, early=early, play=play)
            self.add(kind)
            return play

        return enter

    def sends(self, **params: Any) -> Callable[[Send], Send]:
        """Enter a function that returns another manner of sending a callback."""

        def enter(send: Send) -> Send:
            word, meaning = _name(send), _meaning(send)
            self.add(Kind(word, meaning, ("callback",), params=params, send=send))
            return send

        return enter


def _name(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", ""))


def _meaning(function: Callable[..., Any]) -> str:
    return " ".join((function.__doc__ or "").split())
