"""How many were under watch at which age, how many ended there, and what follows.

Pure. A life table (Kaplan and Meier, 1958) over cells of the logarithm of the age. One
that goes on counts in the cells it has passed: so the first to end, which are the fast
ones, do not pass for the usual ones. No shape of the law is assumed; the shares are
smoothed with a kernel (Silverman, 1986), so that few ends do not say more than they
know.
"""

from __future__ import annotations

import math
from collections import deque

from attrs import define, field, frozen

CELL = 0.03  # width of a cell, of log seconds: 3 % of the age
YOUNGEST = 1e-3  # seconds; ages below this are one
_IMMORTAL = 0.25  # of one that is taken to go on for ever: slower ones may come yet
_USUAL_SPREAD = 0.5  # of log seconds, as if one end had said so
_HALF = 1.35  # standard deviations that the middle half of a bell is wide
_REACH = 2.5  # kernel widths on either side
_NARROWEST = 0.7  # cells; a narrower kernel would fall between them
_FORGOTTEN = 1e-4  # weight below which an entry is dropped


def place_of(age: float) -> float:
    """Where `age` is among the cells; the whole part is the cell."""
    return math.log(max(age, YOUNGEST)) / CELL


def cell_of(age: float) -> int:
    """The cell that `age` is in."""
    return math.floor(place_of(age))


def edge_of(cell: int) -> float:
    """The age at which `cell` begins."""
    return math.exp(CELL * cell)


@frozen
class Shares:
    """Which share of all ends in which cell.

    Attributes:
        first: the first cell.
        last: the last cell in which one was seen to end; past it all is a guess.
        mass: share that ends in the first cell, and in each cell after it.
        left: share that goes on past them.
    """

    first: int
    last: int
    mass: list[float]
    left: float


@define
class LifeTable:
    """See the module. Weights may be any; the newest count about 1."""

    _ended: dict[int, float] = field(factory=dict)
    _watched: dict[int, float] = field(factory=dict)  # change of their number, by cell

    @property
    def ends(self) -> float:
        """Weight of all ends."""
        return sum(self._ended.values())

    def watch(self, begin: int, end: int, weight: float) -> None:
        """One has passed the cells from `begin` to before `end`."""
        if begin < end:
            watched = self._watched
            watched[begin] = watched.get(begin, 0.0) + weight
            watched[end] = watched.get(end, 0.0) - weight

    def end(self, cell: int, weight: float) -> None:
        """One ended in `cell`; that it was under watch there is told by `watch`."""
        self._ended[cell] = self._ended.get(cell, 0.0) + weight

    def fade(self, factor: float) -> None:
        """Multiply all weights."""
        for table in (self._ended, self._watched):
            for cell, weight in tuple(table.items()):
                if abs(weight * factor) < _FORGOTTEN:
                    del table[cell]
                else:
                    table[cell] = weight * factor

    def shares(self) -> Shares:
        """What the table says about the next one; there must have been an end."""
        cells, left = self._raw()
        ends = self.ends
        kernel = _kernel(_spread(cells, ends) * ends**-0.2)  # Silverman's rule
        reach = len(kernel) // 2
        first = min(cells) - reach
        mass = [0.0] * (max(cells) + reach + 1 - first)
        for cell, share in cells.items():
            for at, part in enumerate(kernel, cell - reach - first):
                mass[at] += share * part
        return Shares(first, max(cells), mass, left)

    def _raw(self) -> tuple[dict[int, float], float]:
        """Share that ends in each cell, by Kaplan and Meier, and share that is left."""
        cells, watched, left = {}, 0.0, 1.0
        for cell in sorted({*self._ended, *self._watched}):
            watched += self._watched.get(cell, 0.0)
            ended = self._ended.get(cell, 0.0)
            if ended:
                # What was dropped or rounded must not make more end than there are.
                hazard = ended / (max(watched, ended) + _IMMORTAL)
                cells[cell] = left * hazard
                left *= 1 - hazard
        return cells, left


def _spread(cells: dict[int, float], ends: float) -> float:
    """How widely ends are spread, in cells: of one bell, also where there are two.

    The standard deviation takes two bells for a wide one; the narrowest half does not,
    but of few ends it is uncertain. Their geometric mean serves both.
    """
    gone = sum(cells.values())
    mean = sum(cell * share for cell, share in cells.items()) / gone
    square = sum((cell - mean) ** 2 * share for cell, share in cells.items()) / gone
    half, held = math.inf, 0.0
    window: deque[int] = deque()
    for cell, share in cells.items():
        window.append(cell)
        held += share
        while held - cells[window[0]] >= gone / 2:
            held -= cells[window.popleft()]
        if held >= gone / 2:
            half = min(half, window[-1] - window[0])
    square = min(square, math.sqrt(square) * half / _HALF)
    usual = (_USUAL_SPREAD / CELL) ** 2
    return math.sqrt((ends * square + usual) / (ends + 1))


def _kernel(width: float) -> list[float]:
    """A bell of the given width in cells, whose sum is 1."""
    width = max(width, _NARROWEST)
    reach = math.ceil(_REACH * width)
    bell = [math.exp(-((at / width) ** 2) / 2) for at in range(-reach, reach + 1)]
    total = sum(bell)
    return [part / total for part in bell]
