"""What an input gives, line by line: entries to be made, and lines that cannot be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

from attrs import define, field, frozen

from liangxin_async._errors import Problem, shorten
from liangxin_async.models import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SHOWN = 100  # characters of a bad line
_TOLD = 5  # problems in one sentence; `problems` has them all

# The path of a callback and the query of a link are secrets; JSON may write `\/`.
_LINK: Final = re.compile(r"(https?):[\\/]+[^\s\"',]*", re.IGNORECASE)


@frozen(kw_only=True)
class Entry:
    """One request of a run.

    Attributes:
        key: names the request among all runs of one journal; 1 to about 220 characters.
        line: 1-based number of the input line it is from; for requests that a program
            hands over, their 1-based position. None where nobody counted.
        request: what to make.
        stem: name for its files without extension, safe on every file system. Two
            entries with different keys may have the same one: see `variants`.
    """

    key: str
    line: int | None = None
    request: Request = field(repr=False)
    stem: str


@frozen(kw_only=True)
class BadLine:
    """A line, or one copy of it, of which no request can be made.

    `str()` gives one line of text that is fit for a terminal.

    Attributes:
        line: 1-based number of the line, or position of the request.
        problems: everything that is wrong with it; never empty.
        text: how the line begins, for display: without control characters and links.
        model: the model value it is for, shortened, or None where it has none.
        copy: 1-based number of the copy, where lines are repeated.
    """

    line: int
    problems: tuple[Problem, ...]
    text: str = ""
    model: str | None = None
    copy: int = 1

    def __str__(self) -> str:
        place = f"line {self.line}"
        if self.copy > 1:
            place += f", copy {self.copy}"
        told = " | ".join(map(str, self.problems[:_TOLD]))
        more = len(self.problems) - _TOLD
        return f"{place}: {told}{f' | and {more} more' if more > 0 else ''}"


Checked: TypeAlias = Entry | BadLine


def display(text: str) -> str:
    """Return how `text` begins, fit for a terminal and without secrets."""
    start = _LINK.sub(r"\1://…", text[: _SHOWN * 4])
    start = shorten(start + " …" if len(text) > _SHOWN * 4 else start, _SHOWN)
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in start)


@define
class Tally:
    """How many entries and bad lines there were, by model.

    Attributes:
        good: number of entries by model value.
        bad: number of bad lines by model value; None for lines that name no model.
    """

    good: dict[str, int] = field(factory=dict)
    bad: dict[str | None, int] = field(factory=dict)

    def add(self, item: Checked) -> None:
        """Count `item`."""
        if isinstance(item, Entry):
            model = item.request.model
            self.good[model] = self.good.get(model, 0) + 1
        else:
            self.bad[item.model] = self.bad.get(item.model, 0) + 1

    @property
    def entries(self) -> int:
        """Entries in all."""
        return sum(self.good.values())

    @property
    def bad_lines(self) -> int:
        """Bad lines in all."""
        return sum(self.bad.values())


def check(
    items: Iterable[Checked], *, on_bad: Callable[[BadLine], object] | None = None
) -> Tally:
    """Go through a whole input and return what is in it. Nothing is sent or priced.

    Args:
        items: what `read_lines` yields; taken one by one and not kept.
        on_bad: called with each bad line as it comes, or None.
    """
    tally = Tally()
    for item in items:
        tally.add(item)
        if on_bad is not None and isinstance(item, BadLine):
            on_bad(item)
    return tally
