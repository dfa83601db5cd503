"""How long the tasks of one model take, learned while they run.

Pure. Ages are seconds since a task was accepted.

What is kept is a life table (Kaplan and Meier, 1958) over cells of the logarithm of
the age: how many tasks were under watch in a cell, and how many ended there. A task
that still runs counts in the cells it has passed. So the first to end, which are the
fast ones, do not pass for the usual ones. No shape is assumed; the shares are smoothed
with a kernel (Silverman, 1986), so that few tasks do not say more than they know.
The past fades with each end, and at once when it stops to fit (Page, 1954).
"""

from __future__ import annotations

import math
from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING

from attrs import define, field

from liangxin_async._core.inspection import TAIL, Law, Plan, make_plan

if TYPE_CHECKING:
    from liangxin_async._config import Polling

CELL = 0.03  # width of a cell, of log seconds: 3 % of the age
MEMORY = 200  # ends after which an end counts 1 / e
FEW = 4.0  # ends that are left of the memory when it stopped to fit
_YOUNGEST = 1e-3  # seconds; ages below this are one
_FINE = 0.33  # least width of a plan's cells, as a share of the lag aimed at
_FORGOTTEN = 1e-4  # weight below which an entry is dropped
_IMMORTAL = 0.25  # tasks that are taken to run for ever: something may be slower yet
_USUAL_SPREAD = 0.5  # of log seconds, as if one task had said so
_REACH = 2.5  # kernel widths on either side
_HALF = 1.35  # standard deviations that the middle half of a bell is wide
_NEWS = 0.25  # share of new ends after which the plan is made anew
_DOUBT = 0.1  # share of an end that is spread evenly, whatever the law has
_ALARM = 7.0  # log of the odds, 1000 : 1, that ends come twice or half as often


def cell_of(age: float) -> int:
    """The cell that `age` is in."""
    return math.floor(math.log(max(age, _YOUNGEST)) / CELL)


@define
class Pace:
    """See the module."""

    _polling: Polling
    ends: float = 0.0  # how many are remembered
    _ended: dict[int, float] = field(factory=dict)
    _watched: dict[int, float] = field(factory=dict)  # change of the number, by cell
    _weight: float = 1.0  # of the next thing learned; grows, so that the past fades
    _news: float = 0.0
    _plan: Plan | None = None
    _hazard: list[float] = field(factory=list)  # to the beginning of each cell
    _first: int = 0  # cell of `_hazard[0]`
    _faster: float = 0.0
    _slower: float = 0.0

    # ------------------------------------------------------------------- to learn

    def survived(self, asked: float, age: float) -> None:
        """A task that ran at the age `asked` still ran at `age`."""
        self._watch(cell_of(asked), cell_of(age), self._weight)
        self._doubt(asked, age, ended=False)

    def ended(self, asked: float, seen: float, at: float | None = None) -> None:
        """A task that ran at the age `asked` was over at the age `seen`.

        `at` is the age at its end, where the service tells it.
        """
        known = seen if at is None else max(asked, at)
        self._doubt(asked, known, ended=True)
        begin = cell_of(asked)
        for cell, share in self._shares(asked, known, exact=at is not None):
            weight = share * self._weight
            self._ended[cell] = self._ended.get(cell, 0.0) + weight
            self._watch(begin, cell + 1, weight)
        self.ends += 1.0
        self._news += 1.0
        self._weight *= 1 + 1 / MEMORY
        if self._news >= _NEWS * min(self.ends, MEMORY):
            self._settle(1.0)

    def _shares(
        self, asked: float, seen: float, *, exact: bool
    ) -> list[tuple[int, float]]:
        """In which cells a task has ended, and how likely in each.

        Between two queries it is where the law has it (the step of expectation of
        Turnbull, 1976), with some doubt of the law.
        """
        if exact or self._plan is None:
            return [(cell_of(seen if exact else (asked + seen) / 2), 1.0)]
        cells = range(cell_of(asked), cell_of(seen) + 1)
        edges = [asked, *(math.exp(CELL * cell) for cell in cells[1:]), seen]
        spans = [high - low for low, high in pairwise(edges)]
        gone = [self.chance(asked, edge) for edge in edges]
        mass = [high - low for low, high in pairwise(gone)]
        doubt = _DOUBT if gone[-1] > 0 else 1.0
        return [
            (
                cell,
                doubt * span / (seen - asked)
                + ((1 - doubt) * part / gone[-1] if doubt < 1 else 0.0),
            )
            for cell, span, part in zip(cells, spans, mass, strict=True)
        ]

    def _watch(self, begin: int, end: int, weight: float) -> None:
        if begin < end:
            watched = self._watched
            watched[begin] = watched.get(begin, 0.0) + weight
            watched[end] = watched.get(end, 0.0) - weight

    def _doubt(self, asked: float, age: float, *, ended: bool) -> None:
        """Add up whether ends come twice or half as often as the past has it."""
        if self._plan is None:
            return
        known = self._plan.ages[-1]  # later ends are no surprise: nothing is known
        begin, end = self._cumulated(min(asked, known)), self._cumulated(min(age, known))
        expected = max(0.0, end - begin)
        seen = math.log(2) if ended and age <= known else 0.0
        self._faster = max(0.0, self._faster + seen - expected)
        self._slower = max(0.0, self._slower + expected / 2 - seen)
        if max(self._faster, self._slower) > _ALARM and self.ends > FEW:
            self._settle(FEW / self.ends)

    # -------------------------------------------------------------------- to tell

    def next_age(self, age: float) -> float | None:
        """The age at which a query pays; None where experience ends."""
        return None if self._plan is None else self._plan.next_age(age)

    def chance(self, asked: float, age: float) -> float:
        """How likely a task that ran at the age `asked` is over at `age`, 0 to 1."""
        return -math.expm1(min(0.0, self._cumulated(asked) - self._cumulated(age)))

    def _cumulated(self, age: float) -> float:
        """The hazard up to an age: minus the log of the share that gets there."""
        hazard = self._hazard
        if not hazard:
            return math.log(max(age, _YOUNGEST) / _YOUNGEST)
        place = math.log(max(age, _YOUNGEST)) / CELL - self._first
        if place <= 0:
            return 0.0
        cell = int(place)
        if cell >= len(hazard) - 1:
            return hazard[-1] + TAIL * CELL * (place - len(hazard) + 1)
        return hazard[cell] + (place - cell) * (hazard[cell + 1] - hazard[cell])

    # ------------------------------------------------------------------ to settle

    def _settle(self, keep: float) -> None:
        """Make the plan anew; of the past so large a share is kept."""
        self._fade(keep / self._weight)
        self._news = self._faster = self._slower = 0.0
        first, mass, left = self._law()
        law = _coarsen(first, mass, left, self._polling.lag * _FINE)
        self._plan = make_plan(
            law,
            lag=self._polling.lag,
            growth=self._polling.growth,
            price=0.0 if self._plan is None else self._plan.price,
        )
        self._first, self._hazard, still = first, [0.0], 1.0
        for share in mass:
            still = max(left, still - share)
            self._hazard.append(-math.log(still))

    def _fade(self, factor: float) -> None:
        for table in (self._ended, self._watched):
            for cell, weight in tuple(table.items()):
                if abs(weight * factor) < _FORGOTTEN:
                    del table[cell]
                else:
                    table[cell] = weight * factor
        self._weight = 1.0
        self.ends = sum(self._ended.values())

    def _law(self) -> tuple[int, list[float], float]:
        """First cell, share that ends in each from there on, share that is left."""
        cells, watched, left = {}, _IMMORTAL, 1.0
        for cell in sorted({*self._ended, *self._watched}):
            watched += self._watched.get(cell, 0.0)
            ended = self._ended.get(cell, 0.0)
            if ended:
                # Those who end here were under watch here, and the immortal is.
                share = ended / max(watched, ended + _IMMORTAL)
                cells[cell] = left * share
                left *= 1 - share
        kernel = _kernel(_spread(cells, self.ends) * self.ends**-0.2)
        reach = len(kernel) // 2
        first = min(cells) - reach
        mass = [0.0] * (max(cells) + reach + 1 - first)
        for cell, share in cells.items():
            for at, part in enumerate(kernel, cell - reach - first):
                mass[at] += share * part
        return first, mass, left


def _spread(cells: dict[int, float], ends: float) -> float:
    """How widely ends are spread, in cells: of one bell, also where there are two.

    The standard deviation takes two bells for a wide one; the narrowest half does not,
    but of few ends it is uncertain. Their geometric mean serves both.
    """
    gone = sum(cells.values())
    mean = sum(cell * share for cell, share in cells.items()) / gone
    around = sum((cell - mean) ** 2 * share for cell, share in cells.items()) / gone
    half, held = math.inf, 0.0
    window: deque[int] = deque()
    for cell, share in cells.items():
        window.append(cell)
        held += share
        while held - cells[window[0]] >= gone / 2:
            held -= cells[window.popleft()]
        if held >= gone / 2:
            half = min(half, window[-1] - window[0])
    around = min(around, math.sqrt(around) * half / _HALF)
    usual = (_USUAL_SPREAD / CELL) ** 2
    return math.sqrt((ends * around + usual) / (ends + 1))


def _coarsen(first: int, mass: list[float], left: float, share: float) -> Law:
    """The law with cells no smaller than a share of its mean."""
    edges = [math.exp(CELL * (first + at)) for at in range(len(mass) + 1)]
    fine = Law((0.0, *edges), (0.0, *mass), left)
    least = share * fine.mean()
    ages, cells, held = [0.0], [], 0.0
    for edge, part in zip(edges[1:], mass, strict=True):
        held += part
        if edge - ages[-1] >= least:
            ages.append(edge)
            cells.append(held)
            held = 0.0
    return Law(tuple(ages), tuple(cells), left + held)


def _kernel(width: float) -> list[float]:
    """A bell of the given width in cells, whose sum is 1."""
    width = max(width, 0.7)
    reach = math.ceil(_REACH * width)
    bell = [math.exp(-((at / width) ** 2) / 2) for at in range(-reach, reach + 1)]
    total = sum(bell)
    return [part / total for part in bell]
