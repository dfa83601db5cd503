"""The root of the tree, and misuse: what is found before anything is sent."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Charged: TypeAlias = Literal["no", "yes", "unknown"]

_SHOWN = 300  # characters of foreign text in a message; a page or 1 MB helps nobody


def shorten(text: str, limit: int = _SHOWN) -> str:
    """Return `text` on one line, cut to `limit` characters with the cut marked."""
    line = " ".join(text[: limit * 4].split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


class LiangxinError(Exception):
    """Base of all errors of this library.

    Attributes:
        charged: whether the call that failed cost money: "no", "yes" or "unknown".
    """

    charged: Charged = "no"

    def __init__(self, message: str) -> None:
        super().__init__(message)

    def __reduce__(self) -> tuple[Callable[..., LiangxinError], tuple[Any, ...]]:
        # The default calls cls(*args), which keyword-only facts do not survive.
        return _rebuild, (type(self), self.args, dict(self.__dict__))


def _rebuild(
    cls: type[LiangxinError], args: tuple[Any, ...], facts: dict[str, Any]
) -> LiangxinError:
    error = cls.__new__(cls, *args)
    Exception.__init__(error, *args)
    error.__dict__.update(facts)
    return error


def fresh(error: LiangxinError) -> LiangxinError:
    """Return `error` as a new object with the same cause, to be raised once more.

    One object raised to many waiters would gather all their tracebacks.
    """
    again = copy(error)
    again.__cause__ = error.__cause__
    return again


@frozen
class Problem:
    """One thing wrong with a request.

    Attributes:
        field: dotted path of the field as the service names it, or the argument.
        given: `repr` of what was given, shortened.
        allowed: what would be accepted, in words.
    """

    field: str
    given: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.field}: got {self.given}; allowed: {self.allowed}"


class InvalidRequestError(LiangxinError, ValueError):
    """A request that cannot be right. Found before anything was sent or paid.

    Attributes:
        problems: everything that is wrong, in the order of the fields; never empty.
    """

    problems: tuple[Problem, ...]

    def __init__(self, message: str, *, problems: Iterable[Problem]) -> None:
        super().__init__(message)
        self.problems = tuple(problems)

    @classmethod
    def of(cls, what: str, problems: Iterable[Problem]) -> InvalidRequestError:
        """Return one error for `what` that lists every problem on its own line."""
        found = tuple(problems)
        lines = "".join(f"\n  {problem}" for problem in found)
        return cls(f"{what} is not valid:{lines}", problems=found)


class ConfigurationError(LiangxinError, ValueError):
    """The library was set up or used in a way that cannot work.

    No key, no base URL, plain http to another machine, a session used from a second
    running loop or after a fork. The message says what to change.
    """


class SessionClosedError(LiangxinError, RuntimeError):
    """The session is closed, or was closed while this call waited.

    Attributes:
        task_id: the task that was being waited for, or None. It goes on at the
            service: `session.attach(task_id)` waits for it again.
    """

    task_id: str | None

    def __init__(self, message: str, *, task_id: str | None = None) -> None:
        super().__init__(message)
        self.task_id = task_id
        self.charged = "no" if task_id is None else "yes"
