"""Laws of generation times, and the cheapest schedule that knows them.

The optimum is that of Barlow and Proschan for the known law: `_core.inspection.solve`
on a grid finer than the client's, for a row of prices, which gives the whole trade-off
between queries and lag. Lag is always mean(lag) / mean(duration): it is the share of
throughput that polling takes where the service limits tasks in flight.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import pairwise
from random import Random

from attrs import define, frozen

from liangxin_async._core.inspection import Law, solve

Draw = Callable[[Random], float]

_SAMPLE = 20_000  # durations that a law is taken from
_CELLS = 400
_PRICES = tuple(0.3 * 1.35**step for step in range(32))  # of a mean duration of lag


@frozen
class Point:
    """A schedule's cost: mean lag as a share of the mean duration, and queries."""

    lag: float
    queries: float


@define(eq=False, slots=False)
class Times:
    """Generation times with a known law."""

    draw: Draw
    seed: int = 1

    @cached_property
    def sample(self) -> list[float]:
        """Durations, rising."""
        rand = Random(self.seed)
        return sorted(self.draw(rand) for _ in range(_SAMPLE))

    @cached_property
    def mean(self) -> float:
        return sum(self.sample) / _SAMPLE

    @cached_property
    def optimum(self) -> list[Point]:
        """The trade-off that no schedule can beat, by rising lag."""
        low, high = self.sample[_SAMPLE // 1000] * 0.999, self.sample[-1] * 1.001
        ages = [low * (high / low) ** (step / _CELLS) for step in range(_CELLS + 1)]
        counts = [0, *(bisect_left(self.sample, age) for age in ages)]
        mass = [(to - since) / _SAMPLE for since, to in pairwise(counts)]
        law = Law((0.0, *ages), tuple(mass))
        plans = [solve(law, price / self.mean, growth=0.1) for price in _PRICES]
        return sorted(
            (Point(plan.lag / self.mean, plan.queries) for plan in plans),
            key=lambda point: (point.lag, -point.queries),
        )

    def least_queries(self, lag: float) -> float:
        """Queries of the best schedule with this lag; 1 at the least."""
        points = self.optimum
        for more, fewer in pairwise(points):
            if more.lag <= lag < fewer.lag:
                part = (lag - more.lag) / (fewer.lag - more.lag)
                return more.queries + part * (fewer.queries - more.queries)
        return points[-1 if lag >= points[-1].lag else 0].queries


def lognormal(median: float, sigma: float) -> Draw:
    return lambda rand: median * math.exp(sigma * rand.gauss(0, 1))


def mixture(*parts: tuple[float, Draw]) -> Draw:
    """Durations of one of several kinds, each with its share; the shares make 1."""

    def draw(rand: Random) -> float:
        left = rand.random()
        for share, part in parts:
            left -= share
            if left < 0:
                return part(rand)
        return parts[-1][1](rand)

    return draw


def fixed(seconds: float) -> Draw:
    """Nearly equal: within 1 %."""
    return lambda rand: seconds * rand.uniform(0.99, 1.01)


def gamma(median: float, shape: float) -> Draw:
    # Wilson and Hilferty's approximation of the median is near enough for a scale.
    scale = median / (shape * (1 - 1 / (9 * shape)) ** 3)
    return lambda rand: rand.gammavariate(shape, scale)


def weibull(median: float, shape: float) -> Draw:
    scale = median / math.log(2) ** (1 / shape)
    return lambda rand: rand.weibullvariate(scale, shape)


def times(laws: Mapping[str, Draw]) -> dict[str, Times]:
    return {name: Times(draw) for name, draw in laws.items()}


KNOWN = times(
    {
        "lognormal 0.3": lognormal(2, 0.3),
        "lognormal 0.5": lognormal(2, 0.5),
        "lognormal 1.0": lognormal(2, 1.0),
        "bimodal": mixture((0.7, lognormal(2, 0.2)), (0.3, lognormal(10, 0.2))),
        "fixed": fixed(2),
    }
)

# Never looked at while the schedule was made.
HELD_OUT = times(
    {
        "gamma 3, 0.5 s": gamma(0.5, 3),
        "gamma 12, 25 s": gamma(25, 12),
        "Weibull 2, 6 s": weibull(6, 2),
        "Weibull 0.9, 20 s": weibull(20, 0.9),
        "lognormal 0.2, 300 s": lognormal(300, 0.2),
        "lognormal 0.7, 40 s": lognormal(40, 0.7),
        "lognormal 1.3, 8 s": lognormal(8, 1.3),
        "two models, 3 and 15 s": mixture(
            (0.5, lognormal(3, 0.35)), (0.5, lognormal(15, 0.35))
        ),
        "one in ten is 6 times slower": mixture(
            (0.9, lognormal(5, 0.3)), (0.1, lognormal(30, 0.5))
        ),
    }
)
