"""When to look at something that ends unseen, as cheaply as can be.

Pure. Ages are seconds since the beginning of what is inspected.

The optimal inspection problem of Barlow and Proschan (Mathematical Theory of
Reliability, 1965, chapter 4): a look costs 1, each second between the end and the look
that finds it costs `price`, and the law of the ends is known. It is solved exactly, on
a grid of ages, from the last age backwards (Bellman): the best plan from an age is the
best next look and the best plan from there. `price` is then found so that the mean lag
is what the caller wants: of all plans with that lag this one has the fewest looks.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import accumulate

from attrs import frozen

_PASSES = 6  # searches for the price, at most; from a near one it takes one or two
_NEAR = 0.03  # the lag is met as closely as this
_ELASTICITY = 1.7  # price goes with about this power of 1 / lag; 2 for dense looks
_DEAREST = 0.8  # bounds the price: times 1 / (lag² mean); 0.3 to 0.5 is usual
TAIL = 2.0  # past the grid ends thin out like a power of the age, Pareto's law


@frozen
class Law:
    """How likely it is to end when.

    Attributes:
        ages: edges of the cells, rising; the first is 0.
        mass: share that ends in each cell, evenly within it; one less than `ages`.
        left: share that goes on past the last age. With `mass` it makes 1.
    """

    ages: tuple[float, ...]
    mass: tuple[float, ...]
    left: float = 0.0

    def mean(self) -> float:
        """Mean age at the end."""
        middles = (
            mass * (low + high) / 2
            for mass, low, high in zip(
                self.mass, self.ages, self.ages[1:], strict=False
            )
        )
        return sum(middles) + self.left * _tail_mean(self)


@frozen
class Plan:
    """When to look next, from any age.

    Attributes:
        ages: the grid.
        following: for each age of the grid but the last, the index of the next look.
        queries: mean number of looks for one end.
        lag: mean seconds between an end and the look that finds it.
        price: of a second of lag, in looks.
    """

    ages: tuple[float, ...]
    following: tuple[int, ...]
    queries: float
    lag: float
    price: float

    def next_age(self, age: float) -> float | None:
        """The age at which to look next; None where the grid ends."""
        ages = self.ages
        index = bisect_left(ages, age)
        # The nearest age stands for this one: a look is often a little late.
        if index and (index == len(ages) or age - ages[index - 1] < ages[index] - age):
            index -= 1
        return ages[self.following[index]] if index < len(self.following) else None


def make_plan(law: Law, *, lag: float, growth: float, price: float = 0.0) -> Plan:
    """Return the plan with the fewest looks whose mean lag is what is wanted.

    Both hold for ends on the grid. Where a bound on the price is met, the lag is less
    (nearly equal durations) or more (very unequal ones, or few of them known).

    Args:
        law: how likely an end is when; `ages` has two or more.
        lag: as a share of the mean age at the end, above 0.
        growth: interval past the grid, as a share of the age.
        price: a price to begin the search with, or 0.
    """
    on_grid = 1 - law.left
    beyond = law.left * _tail_mean(law)
    wanted = lag * (law.mean() - beyond) / on_grid
    # A look is always worth its cost when it saves as much as the whole allowance.
    least = 1 / (lag * law.mean())
    most = least * max(1.0, _DEAREST / lag)
    price = min(most, max(price, least))
    for _ in range(_PASSES):
        plan = solve(law, price, growth)
        off = plan.lag / on_grid / wanted
        near = abs(off - 1) < _NEAR
        if near or price == (least if off < 1 else most):
            break
        price = min(most, max(least, price * off**_ELASTICITY))
    return plan


def _tail_mean(law: Law) -> float:
    """Mean age at the end of those that go on past the grid."""
    return law.ages[-1] * TAIL / (TAIL - 1)


def solve(law: Law, price: float, growth: float) -> Plan:
    """Return the plan that costs least when a second of lag costs `price` looks."""
    ages, last = law.ages, len(law.mass)
    gone = (0.0, *accumulate(law.mass))
    still = [max(0.0, gone[last] + law.left - share) for share in gone]
    middles = [
        mass * (ages[cell] + ages[cell + 1]) / 2 for cell, mass in enumerate(law.mass)
    ]
    ended_at = (0.0, *accumulate(middles))  # sum of the ages at the ends, up to an age
    # Past the grid: looks in geometric intervals, ends by Pareto's law.
    tail_queries = 0.5 + 1 / (TAIL * math.log1p(growth))
    tail_lag = growth / 2 * _tail_mean(law)
    queries, lags = [0.0] * (last + 1), [0.0] * (last + 1)
    queries[last] = law.left * tail_queries
    costs = [0.0] * last + [queries[last] + price * law.left * tail_lag]
    following = [last] * last
    furthest = last  # the later the age, the later the next look: no need to go past
    for now in range(last - 1, -1, -1):
        best = math.inf
        for then in range(now + 1, furthest + 1):
            late = ages[then] * (gone[then] - gone[now]) - (
                ended_at[then] - ended_at[now]
            )
            cost = price * late
            if cost >= best:
                break  # it only grows with `then`
            cost += costs[then]
            if cost < best:
                best, found, lag = cost, then, late
        following[now] = furthest = found
        costs[now] = still[now] + best
        queries[now] = still[now] + queries[found]
        lags[now] = lag + lags[found]
    return Plan(ages, tuple(following), queries[0], lags[0], price)
