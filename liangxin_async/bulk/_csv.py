"""A CSV input: a first row of names, then one request a row.

A column is named after a field (`seed`, or `input.seed`), `model`, `key`, `callBackUrl`
or `callback_url`. An empty cell means "not set"; rows without any content are skipped.
Cells may be quoted and then hold line breaks, which count as LF. Cells have at most
131,072 characters, the limit of the csv module.

Where the names cannot be right nothing is read but them: every row would be wrong in
the same way. Where a quoted cell has no end within reason, nothing is read after it,
since what follows may be the inside of that cell just as well.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from attrs import define, field, frozen

from liangxin_async._errors import Problem
from liangxin_async.bulk._drafts import Draft
from liangxin_async.bulk._entry import BadLine, display
from liangxin_async.bulk._lines import (
    LONGEST,
    THE_LINE,
    TOO_LONG,
    Line,
    text_problems,
)
from liangxin_async.bulk._values import CALLBACKS, KEY, MODEL, has_table, known_fields
from liangxin_async.models._shown import shown

_CALLBACK: Final = CALLBACKS[0]
_NO_FIELD: Final = ("", MODEL, KEY, _CALLBACK)
_PREFIX: Final = "input."
_CELLS: Final = 'cells such as "one ""quoted"" cell", of at most 131072 characters'


class _TooLongError(Exception):
    """A row that is longer than a line may be."""


@define(eq=False)
class _Feed:
    """Gives lines to the csv module, and knows which of them the last row is made of.

    `text` is None before the first line of a row.
    """

    _lines: Iterator[Line]
    number: int = 0
    line: int = 0
    size: int = 0
    text: str | None = None
    is_quoted: bool = False
    problems: list[Problem] = field(factory=list)

    def begin(self) -> None:
        """The next line is the first one of a row."""
        self.text, self.size, self.is_quoted = None, 0, False
        self.problems = []

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number = line.number
        if self.text is None:
            self.line, self.text = line.number, display(line.text or "")
        if line.text is None:
            raise _TooLongError
        self.size += len(line.text)
        if self.size > LONGEST:
            raise _TooLongError
        self.is_quoted = self.is_quoted or '"' in line.text
        if not self.problems:
            self.problems += text_problems(line.text)
        # Within quotes a line break counts, also where the source has cut it off.
        return line.text.removesuffix("\n").removesuffix("\r") + "\n"

    def bad(self, problems: Sequence[Problem]) -> BadLine:
        """Return the row as a bad line."""
        return BadLine(line=self.line, problems=tuple(problems), text=self.text or "")


@frozen
class _Columns:
    """The first row: names of fields, or one of `_NO_FIELD`, in order."""

    names: tuple[str, ...]
    problems: tuple[Problem, ...]


def csv_drafts(
    lines: Iterable[Line], *, model: str | None
) -> Iterator[Draft | BadLine]:
    """Yield what each row asks for.

    Args:
        lines: the lines, the names first.
        model: the model of the run, or None; used to judge the names.
    """
    feed = _Feed(iter(lines))
    columns: _Columns | None = None
    for row in _rows(feed):
        if isinstance(row, BadLine):
            yield row
            if columns is None:
                return
        elif columns is None:
            columns = _read_names(row, model)
            if columns.problems:
                yield feed.bad(columns.problems)
                return
        else:
            yield _draft(columns.names, row, feed)


def _rows(feed: _Feed) -> Iterator[list[str] | BadLine]:
    """Yield the rows that are not empty; ends early where rows cannot be told apart."""
    reader = csv.reader(feed, strict=True)
    while True:
        feed.begin()
        try:
            row = next(reader)
        except StopIteration:
            return
        except _TooLongError:
            yield feed.bad(_last(TOO_LONG.given))
            return
        except csv.Error as exc:
            if feed.is_quoted and feed.size > csv.field_size_limit():
                given = f"a quoted cell that does not end before line {feed.number}"
                yield feed.bad(_last(given))
                return
            yield feed.bad([Problem(THE_LINE, f"no good CSV: {exc}", _CELLS)])
            continue
        if feed.problems:
            yield feed.bad(feed.problems)
        elif any(cell.strip() for cell in row):
            yield row


def _last(given: str) -> tuple[Problem]:
    allowed = f"at most {csv.field_size_limit()} characters a cell"
    return (Problem(THE_LINE, given, f"{allowed} (nothing after this was read)"),)


# ----------------------------------------------------------------------- first row


def _read_names(row: Sequence[str], model: str | None) -> _Columns:
    names = tuple(_CALLBACK if c.strip() in CALLBACKS else c.strip() for c in row)
    if (separator := _other_separator(names)) is not None:
        given = f"{shown(names[0])}, with {separator} between the names"
        return _Columns(names, (Problem(THE_LINE, given, "commas between cells"),))
    problems = [*_twice(names), *_unknown(names, model)]
    if model is None and MODEL not in names:
        wanted = "a column of this name, or one model for the whole run"
        problems.append(Problem(MODEL, "nothing", wanted))
    return _Columns(names, tuple(problems))


def _other_separator(names: Sequence[str]) -> str | None:
    """Return what separates the names, in words, where it looks like no comma."""
    if len(names) != 1:
        return None
    (name,) = names
    return "semicolons" if ";" in name else "tabs" if "\t" in name else None


def _field(name: str) -> str:
    return name.removeprefix(_PREFIX)


def _twice(names: Sequence[str]) -> Iterator[Problem]:
    seen: set[tuple[str, bool]] = set()
    for position, name in enumerate(names, 1):
        # `input.key` is a field, and `key` is none.
        this = (_field(name), name in _NO_FIELD)
        if name and this in seen:
            given = f"{shown(name)} once more"
            yield Problem(f"column {position}", given, "one column for each name")
        seen.add(this)


def _unknown(names: Sequence[str], model: str | None) -> Iterator[Problem]:
    if MODEL in names or not has_table(model):
        return  # judged row by row, where the model is known
    known = known_fields(model)
    for position, name in enumerate(names, 1):
        if name not in _NO_FIELD and _field(name) not in known:
            listed = ", ".join((KEY, *known))
            allowed = f"{listed} (the first row names the columns)"
            yield Problem(f"column {position}", shown(name), allowed)


# ---------------------------------------------------------------------- other rows


def _draft(names: Sequence[str], row: Sequence[str], feed: _Feed) -> Draft | BadLine:
    problems = _shape_problems(names, row)
    if problems:
        return feed.bad(problems)
    given = [(name, cell) for name, cell in zip(names, row, strict=True) if cell]
    # Around these three white space means nothing.
    about = {name: cell.strip() or None for name, cell in given if name in _NO_FIELD}
    return Draft(
        line=feed.line,
        text=feed.text or "",
        fields={_field(name): cell for name, cell in given if name not in _NO_FIELD},
        as_text=True,
        model=about.get(MODEL),
        key=about.get(KEY),
        callback_url=about.get(_CALLBACK),
    )


def _shape_problems(names: Sequence[str], row: Sequence[str]) -> list[Problem]:
    if len(row) != len(names):
        allowed = f"{len(names)}, as in the first row"
        return [Problem(THE_LINE, f"{len(row)} cells", allowed)]
    return [
        Problem(f"column {position}", shown(cell), "nothing, as it has no name")
        for position, (name, cell) in enumerate(zip(names, row, strict=True), 1)
        if not name and cell.strip()
    ]
