"""The optimal inspection schedule: against brute force and against a closed form."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liangxin_async._core.inspection import Law, make_plan, solve

quick = settings(max_examples=50, deadline=None, derandomize=True)
GROWTH = 0.3


def law_of(weights: list[float], step: float = 1.0) -> Law:
    """Cells of equal width with these shares."""
    total = sum(weights)
    ages = tuple(step * number for number in range(len(weights) + 1))
    return Law(ages, tuple(weight / total for weight in weights))


def exponential(cells: int, step: float) -> Law:
    """Ends at random, once in a second on average; the rest goes on."""
    ages = [step * number for number in range(cells + 1)]
    gone = [-math.expm1(-age) for age in ages]
    mass = tuple(gone[cell + 1] - gone[cell] for cell in range(cells))
    return Law(tuple(ages), mass, 1 - gone[-1])


def cost(law: Law, looks: tuple[int, ...], price: float) -> float:
    """Mean cost of looking at these ages, straight from the definition."""
    total = 0.0
    for cell, mass in enumerate(law.mass):
        middle = (law.ages[cell] + law.ages[cell + 1]) / 2
        made = next(at for at, look in enumerate(looks, 1) if look > cell)
        total += mass * (made + price * (law.ages[looks[made - 1]] - middle))
    return total


@quick
@given(
    st.lists(st.floats(0.01, 1.0), min_size=1, max_size=7),
    st.floats(0.05, 20.0),
)
def test_solve_like_brute_force(weights: list[float], price: float) -> None:
    """No other choice of looks costs less, and queries and lag are those of the plan."""
    law, last = law_of(weights), len(weights)
    best = min(
        cost(law, (*inner, last), price)
        for count in range(last)
        for inner in combinations(range(1, last), count)
    )
    plan = solve(law, price, GROWTH)
    assert plan.queries + price * plan.lag == pytest.approx(best)


@pytest.mark.parametrize("price", [3.0, 10.0, 30.0])
def test_solve_exponential_law(price: float) -> None:
    """Without memory the interval is constant: e^x - x - 1 = 1 / price."""
    plan = solve(exponential(400, 0.01), price, GROWTH)
    low, high = 0.0, 5.0
    for _ in range(50):
        middle = (low + high) / 2
        if math.expm1(middle) - middle < 1 / price:
            low = middle
        else:
            high = middle
    first = plan.next_age(0.0)
    assert first == pytest.approx(low, abs=0.03)
    for age in (0.5, 1.0):
        following = plan.next_age(age)
        assert following is not None
        assert following - age == pytest.approx(low, abs=0.03)


@pytest.mark.parametrize("lag", [0.05, 0.1, 0.3])
def test_make_plan_meets_the_lag(lag: float) -> None:
    """The mean lag is the share of the mean age that was asked for."""
    law = exponential(400, 0.02)
    plan = make_plan(law, lag=lag, growth=GROWTH)
    assert plan.lag == pytest.approx(lag * law.mean(), rel=0.05)
    again = make_plan(law, lag=lag, growth=GROWTH, price=plan.price)
    assert again.lag == pytest.approx(lag * law.mean(), rel=0.05)


def test_make_plan_less_lag_costs_more_queries() -> None:
    """The trade-off: half the lag, more queries."""
    law = exponential(400, 0.02)
    queries = [
        make_plan(law, lag=lag, growth=GROWTH).queries for lag in (0.05, 0.1, 0.2)
    ]
    assert queries[0] > 1.5 * queries[1] > 2 * queries[2]


def test_make_plan_equal_durations_wait_for_no_lag() -> None:
    """Where one look finds all, it is not put off as far as the lag would allow."""
    law = law_of([0.0] * 99 + [1.0] + [0.0] * 20, step=0.1)
    plan = make_plan(law, lag=0.1, growth=GROWTH)
    assert plan.next_age(0.0) == pytest.approx(10.0)
    assert plan.queries == pytest.approx(1.0)
    assert plan.lag < 0.1


def test_make_plan_lag_that_no_plan_has() -> None:
    """On a coarse grid the nearest plans miss the lag; one of them is taken."""
    law = law_of([0.1, 0.2, 0.4, 0.2, 0.1])
    finest, coarsest = solve(law, 1e9, GROWTH), solve(law, 1e-9, GROWTH)
    for percent in range(5, 60):
        plan = make_plan(law, lag=percent / 100, growth=GROWTH)
        assert finest.lag <= plan.lag <= coarsest.lag
        assert coarsest.queries <= plan.queries <= finest.queries


def test_next_age_stands_for_the_nearest() -> None:
    """A look a little before or after an age of the grid counts as one there."""
    plan = solve(law_of([1.0] * 10), 10.0, GROWTH)
    planned = plan.next_age(4.0)
    assert planned == plan.next_age(3.6) == plan.next_age(4.4)
    assert plan.next_age(10.0) is None
    assert plan.next_age(1e9) is None
