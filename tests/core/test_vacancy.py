"""How many places have come free: what time says, what the level says, and both."""

from __future__ import annotations

import math
from copy import deepcopy

import pytest
from attrs import define
from hypothesis import given
from hypothesis import strategies as st

from liangxin_async._core.vacancy import (
    FIRST_BEATS,
    MANY,
    OUTLIER,
    PLACE,
    SURE,
    USUAL,
    Vacancy,
)

BEAT = 0.5  # seconds between two ends


@define
class Flown:
    """A vacancy and what is in flight, as its owner counts it."""

    vacancy: Vacancy
    in_flight: int = 0

    @property
    def sure_at(self) -> float:
        return self.vacancy.sure_at(self.in_flight)

    @property
    def is_low(self) -> bool:
        return self.vacancy.is_low(self.in_flight)

    def sent(self) -> None:
        self.in_flight += 1

    def unsent(self) -> None:
        self.in_flight -= 1

    def ended(self, now: float) -> None:
        self.in_flight -= 1
        self.vacancy.ended(now)

    def full(
        self, level: int, now: float = 0.0, under_way: int = 0, *, again: bool = False
    ) -> Flown:
        self.in_flight = level + under_way
        self.vacancy.full(now, level, again=again)
        return self


def flown(edge: float = 1.0) -> Flown:
    return Flown(Vacancy(edge=edge))


def beating(edge: float = 50.0, beats: int = 30) -> Flown:
    """One that knows how often tasks end; the last ended at 0."""
    made = flown(edge)
    for number in range(-beats, 1):
        made.ended(number * BEAT)
    return made


def estimate(
    vacancy: Vacancy, level: int, sent: int, ended: int, due: float
) -> tuple[float, float]:
    """Free places and their standard error, from the two words and their variances.

    Args:
        vacancy: gives the edge.
        level: when it was full.
        sent: creates since.
        ended: tasks seen to end since.
        due: ends that are due since.
    """
    by_time, by_level = due - sent, vacancy.edge - (level + sent - ended)
    precisions = 1 / due, 1 / vacancy.unseen
    mean = (by_time * precisions[0] + by_level * precisions[1]) / sum(precisions)
    return mean, math.sqrt(1 / sum(precisions))


# ------------------------------------------------------------------------------ time


def test_vacancy_places_come_free_with_time() -> None:
    """Just after a refusal nothing is free; then one create after the other is sure."""
    vacancy = beating().full(50)
    instants = []
    for _ in range(3):
        instants.append(vacancy.sure_at)
        vacancy.sent()
    assert instants == sorted(instants)
    assert BEAT < instants[0] < 4 * BEAT
    assert math.isfinite(instants[-1])


def test_vacancy_creates_under_way_come_first() -> None:
    """What was under way at the refusal takes the first places."""
    alone = beating().full(50)
    behind = beating().full(level=50, under_way=2)
    assert behind.sure_at > alone.sure_at + 2 * BEAT


def test_vacancy_unsent_gives_the_place_back() -> None:
    """A create that took no place changes nothing."""
    vacancy = beating().full(50)
    before = deepcopy(vacancy)
    vacancy.sent()
    assert vacancy.sure_at > before.sure_at
    vacancy.unsent()
    assert vacancy == before


def test_vacancy_one_long_silence_is_cut_short() -> None:
    """An idle night says little of how fast tasks end in the morning."""
    vacancy = beating()
    vacancy.ended(40_000.0)
    slower = vacancy.full(50).sure_at / beating().full(50).sure_at
    assert 1 < slower < 1 + OUTLIER / 10


def test_vacancy_first_beats_are_plain_means() -> None:
    """At first there is no usual time between ends to judge by."""
    vacancy = flown(50.0)
    for at in (0.0, 1.0, 21.0):
        vacancy.ended(at)
    steady = flown(50.0)
    for number in range(FIRST_BEATS):
        steady.ended(number * 10.5)
    assert vacancy.full(50).sure_at == pytest.approx(steady.full(50).sure_at)


# ------------------------------------------------------------------------- the level


def test_vacancy_without_a_beat_only_ends_count() -> None:
    """Before two tasks were seen to end nobody knows how fast places come free."""
    vacancy = flown(10.0).full(10)
    assert vacancy.sure_at == math.inf
    vacancy.ended(1.0)
    for _ in range(4):
        vacancy.ended(1.0)
    assert vacancy.sure_at == -math.inf


def test_vacancy_that_was_never_full_goes_by_the_level() -> None:
    """A known beat alone says nothing of places."""
    vacancy = beating(edge=3.0, beats=2)
    assert vacancy.sure_at == -math.inf
    for _ in range(20):
        vacancy.sent()
    assert vacancy.sure_at == math.inf


def test_vacancy_seen_ends_count_at_once() -> None:
    """What was seen to end has ended, however slow the beat was before."""
    vacancy = beating().full(50)
    for _ in range(4):
        vacancy.ended(1e-6)
    assert vacancy.sure_at == -math.inf


def test_vacancy_time_alone_does_not_fill_endlessly() -> None:
    """With no end seen for long, the level bounds what time promises."""
    vacancy = beating().full(50)
    while math.isfinite(vacancy.sure_at):
        vacancy.sent()
    made = vacancy.vacancy
    assert vacancy.in_flight <= made.most < 50 + 2 * made.unseen + 1


def test_vacancy_far_above_the_edge_waits_for_ends() -> None:
    """At a level far above the edge no time is enough."""
    vacancy = beating(edge=10.0).full(20)
    assert vacancy.sure_at == math.inf


@given(
    edge=st.floats(1, 300),
    below=st.integers(-3, 8),
    sent=st.integers(0, 12),
    ended=st.integers(0, 12),
)
def test_vacancy_is_sure_when_the_estimate_says_so(
    edge: float, below: int, sent: int, ended: int
) -> None:
    """The instant is that at which both words, weighed, leave one place."""
    vacancy = beating(edge)
    level = max(1, round(edge)) - below
    vacancy.full(level)
    for _ in range(sent):
        vacancy.sent()
    beat = vacancy.vacancy._beat
    vacancy.vacancy._ended = ended
    vacancy.in_flight -= ended

    def leaves(due: float) -> float:
        mean, error = estimate(vacancy.vacancy, level, sent, ended, due)
        return mean - SURE * error

    at = vacancy.sure_at
    if at == math.inf:
        assert all(leaves(due) < PLACE for due in (0.5, 1, 5, 50, 5000, 5e6))
    elif at == -math.inf:
        assert leaves(ended) >= PLACE - 1e-6
    else:
        due = at / beat
        assert due > ended
        assert leaves(due) == pytest.approx(PLACE, abs=1e-5)
        assert leaves(1.01 * due) >= PLACE


# ------------------------------------------------------------------------------ doubt


@pytest.mark.parametrize("under_way", [0, 2])
def test_vacancy_word_of_a_doubted_refusal_is_taken_back(under_way: int) -> None:
    """As if it had not been, with what went and ended meanwhile, each counted once."""
    vacancy = beating().full(50)
    for _ in range(3):
        vacancy.sent()
    vacancy.in_flight += under_way
    expected = deepcopy(vacancy)
    vacancy.full(level=53, now=2.0, under_way=under_way)
    for it in (vacancy, expected):
        it.sent()
        it.ended(2.1)
    vacancy.vacancy.doubted()
    assert vacancy.sure_at == expected.sure_at


def test_vacancy_confirmed_word_stays() -> None:
    """Only the first of two refusals is kept aside, so that one undoes both."""
    vacancy = beating().full(50)
    before = vacancy.sure_at
    vacancy.full(level=50, now=2.0)
    vacancy.full(50, now=2.1, again=True)
    assert vacancy.sure_at > 2.1 > before
    vacancy.vacancy.doubted()
    assert vacancy.sure_at == before


# --------------------------------------------------------------------------- learning


def test_vacancy_edge_goes_to_where_refusals_are() -> None:
    """It is a mean of the refused levels, and grows a little with each accept."""
    vacancy = Vacancy(edge=50.0)
    vacancy.lesson(40, again=False)
    first = vacancy.edge
    assert 40 < first < 50
    for _ in range(30):
        vacancy.lesson(40, again=False)
    assert vacancy.edge == pytest.approx(40, abs=0.01)
    vacancy.grow()
    assert 40 < vacancy.edge < 41


def test_vacancy_edge_follows_a_falling_cap_at_once() -> None:
    """A second lesson in a row puts the edge to the level."""
    vacancy = Vacancy(edge=50.0)
    vacancy.lesson(12, again=True)
    assert vacancy.edge == 12.5
    vacancy.lesson(1, again=True)
    assert vacancy.edge >= 1


def test_vacancy_many_lessons_make_it_careful() -> None:
    """After many, places are taken to come free more slowly; accepts make up for it."""
    careful = beating()
    for _ in range(math.ceil(USUAL) + 3):
        careful.vacancy.lesson(50, again=False)
    usual = beating(careful.vacancy.edge)
    assert careful.full(50).sure_at > 1.5 * usual.full(50).sure_at
    for _ in range(100):
        careful.vacancy.taken()
    assert careful.sure_at == pytest.approx(usual.sure_at)


def test_vacancy_first_lesson_after_exploring_says_where_the_edge_is() -> None:
    """What was found is taken as it is."""
    vacancy = flown(10.0)
    vacancy.vacancy.found(60)
    assert 60 < vacancy.vacancy.edge < 61
    vacancy.full(60)
    vacancy.ended(1.0)
    assert vacancy.is_low  # one below what was refused
    vacancy.sent()
    assert not vacancy.is_low


def test_vacancy_floor_is_the_lowest_refused_level() -> None:
    """It falls at once, rises slowly, and lies lower where lessons come fast."""
    vacancy = flown().full(60)
    vacancy.vacancy.found(60)
    for _ in range(10):
        vacancy.ended(1.0)
    while vacancy.is_low:
        vacancy.sent()
    assert vacancy.in_flight == 60
    vacancy.vacancy.lesson(57, again=False)
    while not vacancy.is_low:
        vacancy.unsent()
    assert vacancy.in_flight < 57
    for _ in range(200):
        vacancy.vacancy.taken()
        vacancy.vacancy.grow()
    while vacancy.is_low:
        vacancy.sent()
    assert vacancy.in_flight > 57


def test_vacancy_many_lessons_are_a_falling_cap() -> None:
    """Until enough creates were taken again."""
    vacancy = Vacancy(edge=50.0)
    for _ in range(math.ceil(MANY)):
        assert not vacancy.is_falling
        vacancy.lesson(50, again=True)
    assert vacancy.is_falling
    for _ in range(30):
        vacancy.taken()
    assert not vacancy.is_falling
