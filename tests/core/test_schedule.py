"""When to ask about which task: the pace, the agenda and the budget of queries."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liangxin_async._config import Polling
from liangxin_async._core.pace import Pace
from liangxin_async._core.schedule import (
    Agenda,
    QueryBudget,
    chance,
    group_of,
    next_delay,
)

quick = settings(max_examples=50, deadline=None, derandomize=True)
seconds = st.floats(0.001, 1e5)
pollings = st.builds(
    Polling,
    first=st.floats(0, 100),
    floor=st.floats(0.001, 1.0),
    ceiling=st.floats(1.0, 600.0),
    growth=st.floats(0.01, 10),
    lag=st.floats(0.01, 1),
)
FREE = Polling(floor=0.001, ceiling=1e9)  # bounds that never decide


def pace_of(*durations: float, polling: Polling = FREE) -> Pace:
    pace = Pace(polling)
    for duration in durations:
        pace.ended(0.0, duration, duration)
    return pace


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
    pace = None if durations is None else pace_of(*durations, polling=polling)
    delay = next_delay(age, pace, polling)
    assert polling.floor <= delay <= polling.ceiling


@pytest.mark.parametrize("pace", [None, Pace(FREE)])
def test_next_delay_unknown_pace(pace: Pace | None) -> None:
    """Of an unknown model the first query comes at `first`, later ones at a share."""
    polling = Polling(first=3.0, floor=0.001, ceiling=1e9, growth=0.25)
    assert next_delay(0.0, pace, polling) == 3.0
    assert next_delay(1.0, pace, polling) == 2.0
    assert next_delay(3.0, pace, polling) == pytest.approx(0.75)
    assert next_delay(100.0, pace, polling) == pytest.approx(25.0)


def test_next_delay_known_pace_waits_for_the_usual_time() -> None:
    """Little is asked before an end is likely, and closely around the usual time."""
    rand = random.Random(3)
    pace = pace_of(*(20 * rand.lognormvariate(0, 0.1) for _ in range(100)))
    polling = Polling(floor=0.1)
    first = next_delay(0.0, pace, polling)
    assert 16 < first < 23
    assert next_delay(20.0, pace, polling) <= 4


@pytest.mark.parametrize("age", [30.0, 300.0, 3e5])
def test_next_delay_past_all_experience(age: float) -> None:
    """A task slower than all before it is asked about in proportion to its age."""
    pace = pace_of(*[2.0] * 20)
    assert next_delay(age, pace, FREE) == pytest.approx(FREE.growth * age)


# ------------------------------------------------------------------------- chances


def test_chance_unknown_model() -> None:
    """Never asked about is worth a query most; long ago more than lately."""
    assert chance(0.0, 5.0, None) == 1.0
    assert chance(5.0, 10.0, None) == 0.5
    assert chance(5.0, 5.0, None) == 0.0


def test_chance_known_model() -> None:
    """Before the usual time an end is unlikely, after it nearly certain."""
    pace = pace_of(*[10.0] * 40)
    assert chance(0.0, 5.0, pace) < 0.01
    assert chance(0.0, 15.0, pace) > 0.9
    assert chance(15.0, 15.0, pace) == 0.0


def test_group_of_late_tasks_is_their_own() -> None:
    """A task past all experience does not share the queue of its model."""
    pace = pace_of(*[10.0] * 40)
    assert group_of(1.0, "m", None) == group_of(1.0, "m", pace) == "m"
    assert group_of(99.0, "m", Pace(FREE)) == "m"
    assert group_of(99.0, "m", pace) != "m"


# ------------------------------------------------------------------------- agenda

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.sampled_from("abcd"), st.integers(0, 9)),
        st.tuples(st.just("discard"), st.sampled_from("abcd"), st.just(0)),
        st.tuples(st.just("pop"), st.just(""), st.integers(0, 3)),
    ),
    max_size=40,
)


@quick
@given(STEPS, st.sampled_from(["", "one", "many"]))
def test_agenda_like_a_mapping(steps: list[tuple[str, str, int]], groups: str) -> None:
    """Against a plain mapping, as time goes on: one date per key, none lost, none
    before its date; of one group the one due longest goes first."""
    agenda, model, now = Agenda(), {}, 0.0
    for step, key, number in steps:
        if step == "set":
            agenda.set(key, now + number, key if groups == "many" else groups)
            model[key] = now + number
        elif step == "discard":
            agenda.discard(key)
            model.pop(key, None)
        else:
            now += number
            due = {k: at for k, at in model.items() if at <= now}
            popped = agenda.pop_due(now, lambda key: ord(key) / 128)
            assert (popped is None) == (not due)
            if popped is not None:
                assert groups == "many" or due[popped] == min(due.values())
                del model[popped]
        assert len(agenda) == len(model)
        assert agenda.next_due() == min(model.values(), default=None)


class Plain:
    """What an agenda does, without any structure that makes it quick."""

    def __init__(self) -> None:
        self.dates: dict[str, tuple[float, str, str]] = {}  # date, key, group
        self.turn = 0

    def pop_due(self, now: float, chance: Callable[[str], float]) -> str | None:
        due = sorted(entry for entry in self.dates.values() if entry[0] <= now)
        if not due:
            return None
        self.turn += 1
        wanted = [entry for entry in due if not entry[2]]
        firsts: dict[str, tuple[float, str, str]] = {}
        for entry in due:
            if entry[2]:
                firsts.setdefault(entry[2], entry)
        heads = list(firsts.values())
        if wanted and not (self.turn % 4 == 0 and heads):
            taken = wanted[0]
        elif self.turn % 4 == 0:
            taken = min(heads)
        else:
            taken = min(heads, key=lambda head: (-min(0.9, chance(head[1])), head))
        return self.dates.pop(taken[1])[1]


MOVES = st.lists(
    st.one_of(
        st.tuples(
            st.just("set"), st.sampled_from("abcdefgh"), st.sampled_from(["", *"wxyz"])
        ),
        st.tuples(st.just("discard"), st.sampled_from("abcdefgh"), st.just("")),
        st.tuples(st.just("pop"), st.just(""), st.just("")),
    ),
    max_size=80,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(MOVES, st.randoms(use_true_random=False))
def test_agenda_like_a_plain_one(
    moves: list[tuple[str, str, str]], rand: random.Random
) -> None:
    """It takes out the very task that the rules in `pop_due` name, as chances move,
    and as tasks change date and group."""
    agenda, model, now = Agenda(), Plain(), 0.0
    for move, key, group in moves:
        now += rand.choice((0.0, 0.01, 0.5))
        if move == "set":
            due = now + rand.uniform(-1, 2)
            agenda.set(key, due, group)
            model.dates[key] = (due, key, group)
        elif move == "discard":
            agenda.discard(key)
            model.dates.pop(key, None)
        else:
            chances = {key: rand.random() for key in "abcdefgh"}
            expected = model.pop_due(now, chances.__getitem__)
            assert agenda.pop_due(now, chances.__getitem__) == expected
        earliest = min((date for date, *_ in model.dates.values()), default=None)
        assert (len(agenda), agenda.next_due()) == (len(model.dates), earliest)


def crowd(count: int) -> tuple[Agenda, dict[str, float]]:
    """An agenda with a due task of each of many models, and how likely each is over."""
    agenda, rand = Agenda(), random.Random(5)
    chances = {f"t{number}": rand.uniform(0, 0.8) for number in range(count)}
    for key in chances:
        agenda.set(key, 1.0, f"model of {key}")
    return agenda, chances


def test_agenda_of_many_groups_ranks_them_seldom() -> None:
    """A thousand models due at once cost a few looks for each task, and not each time
    a look at all; the likely ones go first all the same."""
    agenda, chances = crowd(1000)
    looks: Counter[str] = Counter()

    def chance(key: str) -> float:
        looks[key] += 1
        return chances[key]

    popped = [agenda.pop_due(2.0, chance) for _ in chances]
    assert sorted(filter(None, popped)) == sorted(chances)
    assert looks.total() <= 10 * len(chances)
    early = [chances[key] for key in popped[:150] if key is not None]
    assert sum(early) / len(early) > 0.6


def test_agenda_ranks_anew_when_time_has_passed() -> None:
    """A ranking of before says nothing about who is likely now."""
    agenda, chances = crowd(100)
    likeliest = sorted(chances, key=lambda key: -chances[key])
    assert agenda.pop_due(2.0, chances.__getitem__) == likeliest[0]
    late = likeliest[-1]
    chances[late] = 0.85
    assert agenda.pop_due(2.01, chances.__getitem__) == likeliest[1]
    agenda.discard(likeliest[2])
    assert agenda.pop_due(2.02, chances.__getitem__) == likeliest[3]
    agenda.pop_due(2.03, chances.__getitem__)  # whose turn it is
    assert agenda.pop_due(2.5, chances.__getitem__) == late


@pytest.mark.parametrize("groups", [1, 3])
def test_agenda_keeps_nothing_of_what_is_over(groups: int) -> None:
    """Tasks that come and go leave no dates behind, in a group alone or among others."""
    agenda = Agenda()
    for number in range(1000):
        agenda.set(f"t{number}", float(number), f"m{number % groups}")
        agenda.set(f"wanted {number}", float(number))
        assert agenda.pop_due(float(number)) is not None
        assert agenda.pop_due(float(number)) is not None
    kept = [agenda._later, agenda._wanted, agenda._oldest, agenda._ranked]
    assert sum(map(len, [*kept, *agenda._groups.values()])) < 20


def test_agenda_likeliest_group_goes_first() -> None:
    """Of several models the task that is likeliest to be over is asked about."""
    agenda, chances = Agenda(), {"slow": 0.2, "quick": 0.8}
    agenda.set("slow", 1.0, "a")
    agenda.set("quick", 2.0, "b")
    assert agenda.pop_due(3.0, chances.__getitem__) == "quick"
    assert agenda.pop_due(3.0, chances.__getitem__) == "slow"


def test_agenda_likely_enough_is_equal() -> None:
    """Between tasks that are over almost surely, the one due longest goes first."""
    agenda, chances = Agenda(), {"old": 0.95, "new": 0.999}
    agenda.set("old", 1.0, "a")
    agenda.set("new", 2.0, "b")
    assert agenda.pop_due(3.0, chances.__getitem__) == "old"


def test_agenda_no_task_is_left_out() -> None:
    """However likely the others are, one that waits has its turn after a few."""
    agenda = Agenda()
    agenda.set("stuck", 0.0, "late")
    for number in range(20):
        agenda.set(f"likely {number}", 1.0, "model")
    popped = [agenda.pop_due(2.0, lambda key: float(key != "stuck")) for _ in range(8)]
    assert 1 <= popped.index("stuck") < 8


def test_agenda_without_group_goes_first() -> None:
    """What somebody wants to know now does not wait for what is likely."""
    agenda = Agenda()
    agenda.set("likely", 1.0, "model")
    agenda.set("wanted", 2.0)
    assert agenda.pop_due(1.5, lambda key: 1.0) == "likely"
    agenda.set("likely", 1.0, "model")
    assert agenda.pop_due(3.0, lambda key: float(key == "likely")) == "wanted"


def test_agenda_without_group_leaves_others_their_turn() -> None:
    """However many go first, and keep coming, the rest is asked about as well."""
    agenda = Agenda()
    for number in range(10):
        agenda.set(f"usual {number}", 5.0 + number, "m" if number % 2 else "n")
    asked = []
    for number in range(40):
        agenda.set(f"urgent {number}", -100.0)
        asked.append(agenda.pop_due(20.0))
    assert [key for key in asked if key and key.startswith("usual")] == [
        f"usual {number}" for number in range(10)
    ]
    assert len(agenda) == 10


def test_agenda_empty() -> None:
    """Nothing planned is no date and no task; dropping what is not there is fine."""
    agenda = Agenda()
    agenda.discard("x")
    assert agenda.next_due() is None
    assert agenda.pop_due(1e9) is None
    assert len(agenda) == 0


def test_agenda_due_task_may_go() -> None:
    """A task that is due already can be dropped, and put off."""
    agenda = Agenda()
    for key in "abc":
        agenda.set(key, 1.0, "model")
    assert agenda.pop_due(2.0) == "a"
    agenda.discard("b")
    agenda.set("c", 5.0, "model")
    assert agenda.pop_due(2.0) is None
    assert agenda.next_due() == 5.0


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
        budget.answered(now)
    assert budget.rate is None


@pytest.mark.parametrize("rate", [7.0, 20.0, 200.0])
def test_budget_refusal_keeps_what_was_answered(rate: float) -> None:
    """After a refusal the rate is a little below the one that was answered."""
    budget = QueryBudget(None)
    for step in range(40):
        budget.spend(step / rate)
        budget.answered(step / rate)
    budget.refused(40 / rate, 39 / rate, None)
    assert budget.rate is not None
    assert 0.8 * rate < budget.rate < 0.95 * rate
    assert budget.ready_at() >= 40 / rate + 1 / budget.rate


def test_budget_refusals_without_answers_cut_by_half() -> None:
    """While nothing is answered, each refusal halves the rate, down to a floor."""
    budget, rates = QueryBudget(None), []
    for step in range(20):
        budget.spend(float(step))
        budget.refused(step + 0.1, float(step), None)
        assert budget.rate is not None
        rates.append(budget.rate)
    assert rates[1] < rates[0]
    assert rates[-1] == rates[-2] > 0


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
        budget.answered(5.5)
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
        budget.answered(1.1)
        assert budget.rate is not None
        assert before is not None
        assert before < budget.rate < before * 1.5
        for _ in range(1000):
            budget.answered(1.2)
    assert capped.rate == 80.0
    assert free.rate is None


def test_budget_lingers_at_the_rate_that_was_refused() -> None:
    """It is soon near that rate again, and long about it before it goes beyond."""
    budget, rates = QueryBudget(None), []
    for step in range(32):
        budget.spend(step / 10)
        budget.answered(step / 10)
    budget.refused(3.2, 3.1, None)
    for step in range(120):
        budget.answered(4.0 + step)
        assert budget.rate is not None
        rates.append(budget.rate)
    assert rates == sorted(rates)
    assert 9 < rates[12] < rates[45] < 11
    assert rates[-1] > 20


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
            budget.answered(now)
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
