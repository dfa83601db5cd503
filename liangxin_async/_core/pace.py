"""How long the tasks of one model take, learned while they run.

Pure. Ages are seconds since a task was accepted.

A query tells that a task still ran, or that it ended since the query before. Both go
into a life table; from that comes the law of the durations, and from the law the plan
when to ask. The past fades with each end, and at once when it stops to fit: a CUSUM
test (Page, 1954) of whether ends come twice or half as often as the law has it. Tasks
that still run count in it too, so that it is no alarm when the fast ones end first.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from attrs import define, field

from liangxin_async._core.inspection import TAIL, Law, Plan, make_plan
from liangxin_async._core.life_table import (
    CELL,
    YOUNGEST,
    LifeTable,
    Shares,
    cell_of,
    edge_of,
    place_of,
)

if TYPE_CHECKING:
    from liangxin_async._config import Polling

MEMORY = 200  # ends after which an end counts 1 / e
FEW = 4.0  # ends that are left of the memory when it stopped to fit
_NEWS = 0.25  # share of new ends after which the plan is made anew
_DOUBT = 0.1  # share of an end that is spread evenly, whatever the law has
_ALARM = 7.0  # log of the odds, about 1000 : 1
_FINE = 0.33  # least width of a plan's cells, as a share of the lag aimed at


@define
class Pace:
    """See the module."""

    _polling: Polling
    ends: float = 0.0  # weight of the ends that are remembered
    _table: LifeTable = field(factory=LifeTable)
    _weight: float = 1.0  # of what is learned next; grows, so that the past fades
    _news: float = 0.0
    _plan: Plan | None = None
    _known: float = 0.0  # the age past which the law is a guess: no test of it there
    _first: int = 0  # the cell in which `_hazard` begins
    _hazard: list[float] = field(factory=list)  # minus log of the share that gets there
    _faster: float = 0.0
    _slower: float = 0.0

    # ------------------------------------------------------------------- to learn

    def survived(self, asked: float, age: float) -> None:
        """A task that ran at the age `asked` still ran at `age`."""
        # One that was seen in a cell counts in it, as do those that end in it.
        self._table.watch(cell_of(asked) + 1, cell_of(age) + 1, self._weight)
        self._check(asked, age, ended=False)

    def ended(self, asked: float, seen: float, at: float | None = None) -> None:
        """A task that ran at the age `asked` was over at the age `seen`.

        `at` is the age at its end, where the service tells it.
        """
        known = seen if at is None else max(asked, at)
        self._check(asked, known, ended=True)
        exact = [(cell_of(known), 1.0)]
        for cell, share in self._shares(asked, seen) if at is None else exact:
            self._table.end(cell, share * self._weight)
            self._table.watch(cell_of(asked) + 1, cell + 1, share * self._weight)
        self.ends += 1.0
        self._news += 1.0
        self._weight *= 1 + 1 / MEMORY
        if self._news >= _NEWS * min(self.ends, MEMORY):
            self._settle(1.0)

    def _shares(self, asked: float, seen: float) -> list[tuple[int, float]]:
        """In which cells a task ended between two queries, and how likely in each.

        It is where the law has it (the expectation step of Turnbull, 1976), with some
        doubt of the law.
        """
        gone = self.chance(asked, seen)
        if self._plan is None or not gone:
            return [(cell_of((asked + seen) / 2), 1.0)]
        cells = range(cell_of(asked), cell_of(seen) + 1)
        edges = [asked, *map(edge_of, cells[1:]), seen]
        shares = [
            (self.chance(asked, high) - self.chance(asked, low)) / gone * (1 - _DOUBT)
            + (high - low) / (seen - asked) * _DOUBT
            for low, high in pairwise(edges)
        ]
        return list(zip(cells, shares, strict=True))

    def _check(self, asked: float, age: float, *, ended: bool) -> None:
        """Add up whether ends come twice or half as often as the law has it."""
        known = self._known
        expected = self._hazard_at(min(age, known)) - self._hazard_at(min(asked, known))
        seen = math.log(2) if ended and age <= known else 0.0
        self._faster = max(0.0, self._faster + seen - expected)
        self._slower = max(0.0, self._slower + expected / 2 - seen)
        if max(self._faster, self._slower) > _ALARM and self.ends > FEW:
            self._settle(FEW / self.ends)

    # -------------------------------------------------------------------- to tell

    def next_age(self, age: float) -> float | None:
        """The age at which a query pays; None where experience ends.

        When many tasks begin together, the first to end are all that is known: what
        lies past them is a guess, into which no plan leaps further than the age grows.
        """
        due = None if self._plan is None else self._plan.next_age(age)
        if due is None or due <= self._known:
            return due
        return min(due, max(self._known, age * (1 + self._polling.growth)))

    def age_by(self, share: float) -> float | None:
        """The age by which such a share has ended, below 1; None where nobody knows."""
        cell = bisect_left(self._hazard, -math.log1p(-share))
        return edge_of(self._first + cell) if cell < len(self._hazard) else None

    def chance(self, asked: float, age: float) -> float:
        """How likely a task that ran at the age `asked` is over at `age`, 0 to 1."""
        return -math.expm1(min(0.0, self._hazard_at(asked) - self._hazard_at(age)))

    def _hazard_at(self, age: float) -> float:
        """The hazard summed up to an age: minus log of the share that gets there."""
        hazard, last = self._hazard, len(self._hazard) - 1
        if last < 0:
            return math.log(max(age, YOUNGEST) / YOUNGEST)
        place = place_of(age) - self._first
        if place <= 0:
            return 0.0
        cell = math.floor(place)
        if cell >= last:
            return hazard[last] + TAIL * CELL * (place - last)
        return hazard[cell] + (place - cell) * (hazard[cell + 1] - hazard[cell])

    # ------------------------------------------------------------------ to settle

    def _settle(self, keep: float) -> None:
        """Make the plan anew; so large a share of the past is kept."""
        self._table.fade(keep / self._weight)
        self._weight = 1.0
        self._news = self._faster = self._slower = 0.0
        self.ends = self._table.ends
        shares = self._table.shares()
        self._first = shares.first
        self._known = edge_of(shares.last + 1)
        gone = accumulate(shares.mass, initial=0.0)
        self._hazard = [-math.log(max(shares.left, 1 - share)) for share in gone]
        self._plan = make_plan(
            _law(shares, self._polling.lag * _FINE),
            lag=self._polling.lag,
            growth=self._polling.growth,
            price=0.0 if self._plan is None else self._plan.price,
        )


def _law(shares: Shares, fineness: float) -> Law:
    """The law, with cells no smaller than a share of its mean."""
    edges = [edge_of(shares.first + at) for at in range(len(shares.mass) + 1)]
    exact = Law((0.0, *edges), (0.0, *shares.mass), shares.left)
    least = fineness * exact.mean()
    ages, mass, held = [0.0], [], 0.0
    for edge, part in zip(edges[1:], shares.mass, strict=True):
        held += part
        if edge - ages[-1] >= least:
            ages.append(edge)
            mass.append(held)
            held = 0.0
    return Law(tuple(ages), tuple(mass), shares.left + held)
