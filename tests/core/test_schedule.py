"""When to ask about which task: the pace, the agenda and the budget of queries."""

from __future__ import annotations

import math
import random
from statistics import NormalDist
from statistics import median as median_of

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liangxin_async._config import Polling
from liangxin_async._core.schedule import (
    ENOUGH,
    REMEMBERED,
    Agenda,
    Pace,
    QueryBudget,
    next_delay,
)

quick = settings(max_examples=100, deadline=None, derandomize=True)
seconds = st.floats(0.001, 1e5)
pollings = st.builds(
    Polling,
    first=st.floats(0, 100),
    floor=st.floats(0.001, 1.0),
    ceiling=st.floats(1.0, 600.0),
    growth=st.floats(0.01, 10),
    likelihood=st.floats(0.01, 0.99),
)
FREE = Polling(floor=0.001, ceiling=1e9)  # bounds that never decide


def pace_of(*durations: float) -> Pace:
    pace = Pace()
    for duration in durations:
        pace.learn(duration)
    return pace


def lognormal(median: float, spread: float, count: int = REMEMBERED) -> list[float]:
    """Durations at the even quantiles of a lognormal: a fit without luck."""
    unit = NormalDist()
    return [
        median * math.exp(spread * unit.inv_cdf((index + 0.5) / count))
        for index in range(count)
    ]


# --------------------------------------------------------------------------- pace


def test_pace_unknown_until_enough() -> None:
    """A few tasks say nothing yet; enough of them do."""
    pace = Pace()
    for _ in range(ENOUGH - 1):
        pace.learn(3.0)
        assert pace.fit is None
    pace.learn(3.0)
    assert pace.fit is not None


@pytest.mark.parametrize("median", [0.05, 2.0, 700.0])
def test_pace_fit(median: float) -> None:
    """The fit finds the median and the spread of what it was given."""
    fit = pace_of(*lognormal(median, 0.5)).fit
    assert fit is not None
    mean, spread = fit
    assert math.exp(mean) == pytest.approx(median, rel=0.01)
    assert spread == pytest.approx(0.5, rel=0.1)


def test_pace_equal_times_are_no_certainty() -> None:
    """Equal durations leave some spread, so that the interval never becomes nothing."""
    fit = pace_of(*[2.0] * 20).fit
    assert fit is not None
    assert fit[0] == pytest.approx(math.log(2.0))
    assert fit[1] > 0


def test_pace_forgets() -> None:
    """A model that became faster is known as fast once the old times have gone."""
    pace = pace_of(*[100.0] * REMEMBERED, *[1.0] * REMEMBERED)
    assert pace.fit is not None
    assert math.exp(pace.fit[0]) == pytest.approx(1.0)


@pytest.mark.parametrize("nothing", [0.0, -1.0, -math.inf])
def test_pace_no_duration(nothing: float) -> None:
    """A duration of nothing or less teaches nothing."""
    pace = pace_of(*[2.0] * ENOUGH)
    before = pace.fit
    pace.learn(nothing)
    assert pace.fit == before


# --------------------------------------------------------------------- next query


@quick
@given(
    st.floats(0, 1e6),
    st.one_of(st.none(), st.lists(seconds, max_size=12)),
    pollings,
)
def test_next_delay_within_bounds(
    age: float, durations: list[float] | None, polling: Polling
) -> None:
    """The floor and the ceiling of the settings always hold."""
    pace = None if durations is None else pace_of(*durations)
    delay = next_delay(age, pace, polling)
    assert polling.floor <= delay <= polling.ceiling


@pytest.mark.parametrize("pace", [None, Pace()])
def test_next_delay_unknown_pace(pace: Pace | None) -> None:
    """Of an unknown model the first query comes at `first`, later ones at a share."""
    polling = Polling(first=3.0, floor=0.001, ceiling=1e9, growth=0.25)
    assert next_delay(0.0, pace, polling) == 3.0
    assert next_delay(1.0, pace, polling) == 2.0
    assert next_delay(3.0, pace, polling) == pytest.approx(0.75)
    assert next_delay(100.0, pace, polling) == pytest.approx(25.0)


@pytest.mark.parametrize("likelihood", [0.1, 0.3, 0.7])
@pytest.mark.parametrize("age", [0.0, 1.0, 2.0, 3.0, 4.0])
def test_next_delay_likelihood(age: float, likelihood: float) -> None:
    """A query is due when the wanted share of the tasks still running has ended.

    But not sooner than after a small share of the age: a closer look gains nothing.
    """
    polling = Polling(floor=0.001, ceiling=1e9, likelihood=likelihood)
    pace = pace_of(*lognormal(2.0, 0.5))
    assert pace.fit is not None
    durations = NormalDist(*pace.fit)

    def running(at: float) -> float:
        return 1 - durations.cdf(math.log(at)) if at > 0 else 1.0

    asked = age + next_delay(age, pace, polling)
    ended = 1 - running(asked) / running(age)
    if asked - age > 1.001 * 0.15 * age:
        assert ended == pytest.approx(likelihood, rel=0.02)
    else:
        assert asked - age == pytest.approx(0.15 * age)
        assert ended >= likelihood


def test_next_delay_known_pace_waits_for_the_usual_time() -> None:
    """Little is asked before an end is likely, and closely around the usual time."""
    pace = pace_of(*lognormal(20.0, 0.1))
    polling = Polling(floor=0.1)
    first = next_delay(0.0, pace, polling)
    assert 15 < first < 20
    assert next_delay(20.0, pace, polling) <= 3


@pytest.mark.parametrize("age", [30.0, 300.0, 3e5])
def test_next_delay_past_all_experience(age: float) -> None:
    """A task slower than all before it is asked about in proportion to its age."""
    pace = pace_of(*lognormal(2.0, 0.3))
    assert next_delay(age, pace, FREE) == pytest.approx(FREE.growth * age)


@pytest.mark.parametrize("median", [0.5, 5.0, 60.0])
def test_next_delay_queries_per_task(median: float) -> None:
    """A task of a known model costs few queries, and its end is seen soon.

    Played through for 300 tasks of any pace: about 1 / likelihood queries each, and a
    lag that is a small share of the duration.
    """
    rand = random.Random(11)
    pace = pace_of(*lognormal(median, 0.5))
    polling = Polling(floor=0.01, ceiling=600.0)
    queries, lags = [], []
    for _ in range(300):
        duration = median * math.exp(0.5 * rand.gauss(0, 1))
        age, asked = 0.0, 0
        while age < duration:
            age += next_delay(age, pace, polling)
            asked += 1
        queries.append(asked)
        lags.append((age - duration) / duration)
    assert sum(queries) / len(queries) < 2 / polling.likelihood
    assert median_of(lags) < 0.3


# ------------------------------------------------------------------------- agenda

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.sampled_from("abcd"), st.integers(0, 9)),
        st.tuples(st.just("discard"), st.sampled_from("abcd"), st.just(0)),
        st.tuples(st.just("pop"), st.just(""), st.integers(0, 9)),
    ),
    max_size=40,
)


@quick
@given(STEPS)
def test_agenda_like_a_mapping(steps: list[tuple[str, str, int]]) -> None:
    """Against a plain mapping: one date per key, the longest due first, none lost."""
    agenda, model = Agenda(), {}
    for step, key, instant in steps:
        if step == "set":
            agenda.set(key, float(instant))
            model[key] = float(instant)
        elif step == "discard":
            agenda.discard(key)
            model.pop(key, None)
        else:
            due = {k: at for k, at in model.items() if at <= instant}
            popped = agenda.pop_due(float(instant))
            assert (popped is None) == (not due)
            if popped is not None:
                assert due[popped] == min(due.values())
                del model[popped]
        assert len(agenda) == len(model)
        assert agenda.next_due() == min(model.values(), default=None)


def test_agenda_empty() -> None:
    """Nothing planned is no date and no task; dropping what is not there is fine."""
    agenda = Agenda()
    agenda.discard("x")
    assert agenda.next_due() is None
    assert agenda.pop_due(1e9) is None
    assert len(agenda) == 0


def test_agenda_earlier_date_replaces() -> None:
    """A task called forward is due once, not twice."""
    agenda = Agenda()
    agenda.set("x", 100.0)
    agenda.set("x", 1.0)
    assert agenda.pop_due(1.0) == "x"
    assert agenda.pop_due(1000.0) is None


# ------------------------------------------------------------------------- budget


def starts(budget: QueryBudget, *, until: float, took: float = 0.0) -> list[float]:
    """Instants of queries by an eager caller who obeys the budget."""
    now, made = 0.0, []
    while now < until and len(made) < 10_000:
        now = max(now, budget.ready_at())
        budget.spend(now)
        made.append(now)
        now += took
    return made


@pytest.mark.parametrize("ceiling", [0.5, 3.0, 200.0])
def test_budget_ceiling(ceiling: float) -> None:
    """The ceiling holds over any span, but for a short burst."""
    made = starts(QueryBudget(ceiling), until=20.0)
    for index, begin in enumerate(made):
        within = sum(begin <= at < begin + 5.0 for at in made[index : index + 1100])
        assert within <= 5.0 * ceiling + 6
    assert len(made) >= 20.0 * ceiling - 1


def test_budget_idle_time_is_not_saved_up() -> None:
    """After an idle hour only a short burst goes at once."""
    budget = QueryBudget(2.0)
    budget.spend(0.0)
    burst = 0
    while budget.ready_at() <= 3600.0:
        budget.spend(3600.0)
        burst += 1
    assert 1 <= burst <= 10


def test_budget_without_ceiling() -> None:
    """Without a ceiling nothing is delayed until the service refuses."""
    budget = QueryBudget(None)
    for step in range(1000):
        now = step / 1000
        assert budget.ready_at() <= now
        budget.spend(now)
        budget.answered()
    assert budget.rate is None


def test_budget_refusal_cuts_below_what_was_asked() -> None:
    """A refusal sets the rate below the one that was really used."""
    budget = QueryBudget(None)
    for step in range(40):
        budget.spend(step * 0.1)
    budget.refused(4.0, 3.9, None)
    assert budget.rate is not None
    assert 2.0 < budget.rate < 8.0
    assert budget.ready_at() >= 4.0 + 1 / budget.rate


def test_budget_burst_of_refusals_is_one_signal() -> None:
    """Refusals of queries that began before the last cut are old news."""
    one, many = QueryBudget(100.0), QueryBudget(100.0)
    for budget in (one, many):
        for step in range(20):
            budget.spend(step * 0.01)
        budget.refused(0.3, 0.1, None)
    for started in (0.11, 0.12, 0.19):
        many.refused(0.31, started, None)
    assert one.rate == many.rate
    many.refused(1.0, 0.9, None)
    assert many.rate is not None
    assert one.rate is not None
    assert many.rate < one.rate


@pytest.mark.parametrize("asked", [0.0, 2.0, 40.0])
def test_budget_retry_after(asked: float) -> None:
    """The pause that the service asks for is kept."""
    budget = QueryBudget(50.0)
    budget.spend(10.0)
    budget.refused(10.0, 10.0, asked)
    assert budget.ready_at() >= 10.0 + asked


def test_budget_absurd_retry_after() -> None:
    """A Retry-After of years does not stop the poller for years."""
    budget = QueryBudget(50.0)
    budget.spend(10.0)
    budget.refused(10.0, 10.0, 1e9)
    assert budget.ready_at() < 10.0 + 600.0


def test_budget_old_refusal_may_still_ask_to_wait() -> None:
    """The rate is cut once per burst, but the longest pause of the burst is kept."""
    budget = QueryBudget(50.0)
    budget.spend(0.0)
    budget.refused(1.0, 0.5, None)
    budget.refused(1.1, 0.6, 30.0)
    assert budget.ready_at() >= 31.0


def test_budget_old_refusal_after_recovery() -> None:
    """A refusal that comes when the limit is gone again brings no limit, only a pause.

    It answers a query from before the last refusal.
    """
    budget = QueryBudget(None)
    budget.spend(0.0)
    budget.refused(5.0, 0.0, None)
    while budget.rate is not None:
        budget.answered()
    budget.refused(6.0, 1.0, 3.0)
    assert budget.rate is None
    assert budget.ready_at() >= 9.0


def test_budget_recovers() -> None:
    """Answers raise a cut rate step by step: to the ceiling, or to no limit at all."""
    capped, free = QueryBudget(80.0), QueryBudget(None)
    for budget in (capped, free):
        budget.spend(0.0)
        budget.refused(1.0, 0.0, None)
        before = budget.rate
        budget.answered()
        assert budget.rate is not None
        assert before is not None
        assert before < budget.rate < before * 1.5
        for _ in range(1000):
            budget.answered()
    assert capped.rate == 80.0
    assert free.rate is None


@quick
@given(
    st.one_of(st.none(), st.floats(0.1, 1000)),
    st.lists(st.tuples(st.sampled_from("qars"), st.floats(0, 30)), max_size=60),
)
def test_budget_invariants(
    ceiling: float | None, steps: list[tuple[str, float]]
) -> None:
    """Whatever happens: a rate above 0 and not above the ceiling; the next query has
    a date, at most ten minutes off, that refusals never bring forward."""
    budget, now = QueryBudget(ceiling), 0.0
    for step, amount in steps:
        if step == "q":
            now = max(now, budget.ready_at())
            budget.spend(now)
        elif step == "a":
            budget.answered()
        elif step == "r":
            before = budget.ready_at()
            budget.refused(now, max(0.0, now - amount), amount or None)
            assert budget.ready_at() >= before
        else:
            now += amount
        assert budget.rate is None or budget.rate > 0
        if ceiling is not None:
            assert budget.rate is not None
            assert budget.rate <= ceiling
        assert budget.ready_at() - now < 600


def test_pace_of_a_burst_is_not_that_of_its_slowest() -> None:
    """Of 400 tasks begun together the slow ones end last; the pace is that of all."""
    pace = pace_of(*sorted(lognormal(10.0, 0.5, 400)))
    assert pace.fit is not None
    assert math.exp(pace.fit[0]) == pytest.approx(10.0, rel=0.05)


def test_pace_of_a_window_equals_that_of_its_members() -> None:
    """What has fallen out of the window has left no trace in the sums."""
    rand = random.Random(5)
    many = [rand.lognormvariate(3, 1) for _ in range(3 * REMEMBERED)]
    rolled, fresh = pace_of(*many), pace_of(*many[-REMEMBERED:])
    assert rolled.fit == pytest.approx(fresh.fit)
