"""What a benchmark is asked for and what it gives: options, figures, a table.

A figure is a `Spread` over repeats, never a single number. Its unit is in its name.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import asdict, frozen

_ABREAST = 4  # figures side by side in a table, so that it fits a terminal


@frozen(kw_only=True)
class Options:
    """What the user asked for.

    Attributes:
        quick: smaller sizes and fewer repeats, for a first look.
        repeats: measurements per figure, at least 1; None leaves it to the benchmark.
        sizes: numbers of tasks, each at least 1; None leaves them to the benchmark.
        only: run what has this in its name, where a benchmark has parts with names.
    """

    quick: bool = False
    repeats: int | None = None
    sizes: tuple[int, ...] | None = None
    only: str = ""

    def wants(self, name: str) -> bool:
        """Whether the part of a benchmark with this name is to be run."""
        return self.only.lower() in name.lower()

    def choose_repeats(self, *, full: int, quick: int) -> int:
        """Return how many repeats to make."""
        return self.repeats or (quick if self.quick else full)

    def choose_sizes(
        self, *, full: tuple[int, ...], quick: tuple[int, ...]
    ) -> tuple[int, ...]:
        """Return for how many tasks to measure."""
        return self.sizes or (quick if self.quick else full)


@frozen
class Spread:
    """The median of some measurements, the least and the greatest of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Return the spread of `values`, of which there must be one or more."""
        found = sorted(values)
        return cls(statistics.median(found), found[0], found[-1])

    def __str__(self) -> str:
        return f"{_short(self.median)} ({_short(self.low)}-{_short(self.high)})"


def _short(value: float) -> str:
    """Three significant digits, which is more than two shared cores can promise."""
    for bound, digits in ((100, 0), (10, 1), (1, 2)):
        if abs(value) >= bound:
            return f"{value:.{digits}f}"
    return f"{value:.3f}"


@frozen
class Row:
    """The figures of one thing that was measured, by name."""

    labels: tuple[str, ...]
    figures: Mapping[str, Spread]


@frozen(kw_only=True)
class Report:
    """What a benchmark found.

    Attributes:
        name: the benchmark.
        question: what it wants to know, in one sentence.
        setup: how it was measured, a sentence each.
        labels: heading of each label of a row.
        rows: the figures; a row may lack some of them.
        notes: what was found besides, a line each.
    """

    name: str
    question: str
    setup: tuple[str, ...]
    labels: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    def as_text(self) -> str:
        """Return question, set-up, table and notes, for people."""
        head = [f"{self.name}: {self.question}", ""]
        head += [f"  {line}" for line in (*self.setup, machine())]
        lines = [*head, "", "  median (least-greatest)"]
        names = list(dict.fromkeys(name for row in self.rows for name in row.figures))
        for first in range(0, len(names), _ABREAST):
            lines += ["", *self._table(names[first : first + _ABREAST])]
        if self.notes:
            lines += ["", *(f"  {note}" for note in self.notes)]
        return "\n".join(lines) + "\n"

    def _table(self, names: list[str]) -> list[str]:
        cells = [[*self.labels, *names]]
        for row in self.rows:
            figures = [row.figures.get(name) for name in names]
            if any(figures):
                shown = ("-" if figure is None else str(figure) for figure in figures)
                cells.append([*row.labels, *shown])
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        return [
            "  " + "  ".join(map(str.ljust, line, widths)).rstrip() for line in cells
        ]

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {"machine": machine(), **asdict(self)}


def machine() -> str:
    """Return what the figures were measured on, in a line."""
    return (
        f"{platform.python_implementation()} {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    )


def progress(line: str) -> None:
    """Tell what is being measured, where it does not mix with the report."""
    print(line, file=sys.stderr, flush=True)
