"""What is learned of a model's pace, from ends and from tasks that still run."""

from __future__ import annotations

import math
import random

import pytest

from liangxin_async._config import Polling
from liangxin_async._core.pace import MEMORY, Pace

POLLING = Polling(floor=0.001, ceiling=1e9)


def pace_of(*durations: float) -> Pace:
    pace = Pace(POLLING)
    for duration in durations:
        pace.ended(0.0, duration, duration)
    return pace


def drawn(median: float, sigma: float, count: int, seed: int = 4) -> list[float]:
    rand = random.Random(seed)
    return [median * math.exp(sigma * rand.gauss(0, 1)) for _ in range(count)]


def follow(pace: Pace, duration: float, *, tells: bool = True) -> int:
    """Ask about a task by the plan until it is over; the number of queries."""
    asked, queries = 0.0, 1
    age = pace.next_age(0.0) or 1.0
    while age < duration:
        pace.survived(asked, age)
        asked, age = age, pace.next_age(age) or 1.3 * age
        queries += 1
    pace.ended(asked, age, duration if tells else None)
    return queries


def test_pace_nothing_known() -> None:
    """Without an end there is no plan; the longer since a query, the likelier."""
    pace = Pace(POLLING)
    pace.survived(0.0, 5.0)
    assert pace.next_age(0.0) is None
    assert pace.age_by(0.5) is None
    assert 0 < pace.chance(5.0, 6.0) < pace.chance(5.0, 20.0) < 1


@pytest.mark.parametrize("median", [0.05, 2.0, 700.0])
def test_pace_finds_the_usual_time(median: float) -> None:
    """Median and spread come out of what ended, whatever the scale."""
    pace = pace_of(*drawn(median, 0.5, 400))
    low, middle, high = (pace.age_by(share) for share in (0.16, 0.5, 0.84))
    assert low is not None
    assert middle is not None
    assert high is not None
    assert middle == pytest.approx(median, rel=0.15)
    assert math.log(high / low) == pytest.approx(1.0, rel=0.25)
    assert pace.chance(0.0, middle) == pytest.approx(0.5, abs=0.02)
    assert pace.chance(middle, high) == pytest.approx(0.68, abs=0.03)


def test_pace_beyond_what_is_known() -> None:
    """The slowest of few say little about slower ones yet."""
    pace = pace_of(2.0, 3.0)
    assert pace.age_by(0.999) is None
    assert pace.next_age(1000.0) is None
    assert 0 < pace.chance(1000.0, 1300.0) < 1
    assert pace.chance(0.0, 0.0005) == 0.0


def test_pace_first_to_end_are_not_the_usual_ones() -> None:
    """Of 400 tasks begun together a tenth is over: the others count too, and so on
    until the last and slowest have ended."""
    durations, pace, asked = drawn(10.0, 0.5, 400), Pace(POLLING), 0.0
    for age in (2.0, 2.5, 3.2, 4.0, 5.3, 6.5, 8.0, 10.0, 12.5, 16.0, 20.0, 26.0, 50.0):
        for duration in durations:
            if duration > age:
                pace.survived(asked, age)
            elif duration > asked:
                pace.ended(asked, age, duration)
        over = sum(duration <= age for duration in durations) / 400
        if over > 0.05:
            assert pace.chance(0.0, age) == pytest.approx(over, abs=0.13)
        asked = age
    middle = pace.age_by(0.5)
    assert middle == pytest.approx(10.0, rel=0.15)


def test_pace_two_kinds_of_tasks() -> None:
    """Nothing is asked between two usual times that are far apart."""
    pace = pace_of(*(2.0 * (1 + number % 3 // 2 * 9) for number in range(120)))
    first = pace.next_age(0.0)
    assert first == pytest.approx(2.0, rel=0.2)
    age = 2.5
    asked = 0
    while age < 14:
        age = pace.next_age(age) or math.inf
        asked += age < 14
    assert asked == 0


@pytest.mark.parametrize("tells", [True, False])
def test_pace_equal_times_need_few_queries(tells: bool) -> None:
    """Equal durations are found with few queries, also when nobody tells them."""
    pace = Pace(POLLING)
    queries = [follow(pace, 7.0, tells=tells) for _ in range(60)]
    assert sum(queries[30:]) / 30 <= (1.0 if tells else 2.0)
    middle = pace.age_by(0.5)
    assert middle == pytest.approx(7.0, rel=0.1)


def test_pace_end_told_before_a_query_that_saw_it_run() -> None:
    """Clocks and caches differ: what a query saw is not contradicted."""
    pace = Pace(POLLING)
    for _ in range(20):
        pace.survived(0.0, 5.0)
        pace.ended(5.0, 6.0, 3.0)
    assert pace.chance(0.0, 4.5) < 0.2
    pace.ended(6.0, 6.0)
    assert pace.ends > 15


@pytest.mark.parametrize(("before", "after"), [(2.0, 20.0), (20.0, 2.0)])
def test_pace_that_changes_is_noticed(before: float, after: float) -> None:
    """Some 20 tasks after the law has changed the plan is for the new one."""
    pace = Pace(POLLING)
    for duration in drawn(before, 0.4, 200):
        follow(pace, duration)
    for duration in drawn(after, 0.4, 25, seed=5):
        follow(pace, duration)
    middle = pace.age_by(0.5)
    assert middle is not None
    assert 0.6 * after < middle < 1.6 * after
    assert pace.ends < 30


@pytest.mark.parametrize("sigma", [0.05, 0.5, 1.2])
def test_pace_that_stays_is_not_forgotten(sigma: float) -> None:
    """Luck is no change: in 1,500 tasks the memory fills and stays full."""
    pace = Pace(POLLING)
    durations = drawn(5.0, sigma, 1500)
    for number, duration in enumerate(durations):
        follow(pace, duration)
        assert number < 300 or pace.ends > MEMORY / 2
    assert pace.ends < 1.3 * MEMORY


def test_pace_slow_drift_is_followed() -> None:
    """What changes too little for an alarm fades away with the ends that come."""
    pace = Pace(POLLING)
    for number in range(1200):
        follow(pace, 2.0 + 8.0 * number / 1200)
    middle = pace.age_by(0.5)
    assert middle is not None
    assert middle > 8.0
