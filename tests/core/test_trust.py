"""What callbacks are worth: trust, patience and the looks that they may cause."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liangxin_async import Polling
from liangxin_async._core.pace import Pace
from liangxin_async._core.trust import LOOKS, Trust, Watch, patience_left

POLLING = Polling()


def ended(*, hit: bool, is_expected: bool = True) -> Watch:
    watch = Watch(is_expected)
    if hit:
        watch.hint(1.0)
    return watch


def trust_after(course: str) -> Trust:
    """Trust after a course of hits (h) and misses (m)."""
    trust = Trust()
    for sign in course:
        trust.learn(ended(hit=sign == "h"))
    return trust


@pytest.mark.parametrize(
    ("course", "holds"),
    [
        ("", False),
        ("h", False),
        ("hh", False),
        ("hhh", True),
        ("mmmmmmmmhhh", True),
        ("hhmh", False),
        ("hhhm", False),
        ("hhhhhm", True),
        ("hhhhhmm", False),
        ("h" * 100 + "mm", True),
        ("h" * 100 + "mmm", False),
        ("h" * 100 + "mmmh", False),
        ("h" * 100 + "mmmhh", True),
        ("hhhhh" + "hhhm" * 50, True),
        ("hhhhh" + "m" * 1000, False),
        ("m" * 1000 + "hhhhh", True),
    ],
)
def test_trust_comes_with_hits_and_goes_with_misses(course: str, holds: bool) -> None:
    """Three hits in a row make it and three misses end it, fewer while it is young."""
    assert trust_after(course).holds is holds


@given(st.text("hm", max_size=60))
def test_trust_counts_what_it_learned(course: str) -> None:
    """Hits and misses are whole; the share stays within its range."""
    trust = trust_after(course)
    assert (trust.hits, trust.misses) == (course.count("h"), course.count("m"))
    assert 0.0 <= trust.share <= 1.0


def test_trust_says_when_it_ends_and_only_then() -> None:
    """The step that ends it is the one in which the usual schedule must hold again."""
    trust = trust_after("h" * 20)
    steps = [trust.learn(ended(hit=False)) for _ in range(6)]
    assert steps == [False, False, True, False, False, False]


def test_trust_learns_nothing_of_tasks_without_a_path_of_their_own() -> None:
    """An attached task may be hinted at: that counts, and proves nothing."""
    trust = Trust()
    for hit in (True, False) * 10:
        assert not trust.learn(ended(hit=hit, is_expected=False))
    assert (trust.hits, trust.misses, trust.share) == (10, 0, 0.0)


def test_watch_looks_are_bounded_whatever_is_sent() -> None:
    """A hint that waits for its look is not repeated; denials are, a few times."""
    watch = Watch(is_expected=True)
    assert watch.is_awaited
    looks = 0
    for age in range(100):
        looks += watch.hint(age)
        assert not watch.hint(age)
        watch.deny()
    assert looks == watch.looks == LOOKS
    assert not watch.is_awaited


def test_watch_keeps_the_age_of_the_first_hint_that_stands() -> None:
    """It tells when the task ended; what a look denied is forgotten."""
    watch = Watch(is_expected=False)
    watch.hint(1.0)
    watch.deny()
    assert watch.hinted_at is None
    watch.hint(2.0)
    watch.hint(3.0)
    assert watch.hinted_at == 2.0
    assert not watch.is_awaited


def pace_of(seconds: float) -> Pace:
    pace = Pace(POLLING)
    for share in (0.7, 0.85, 1.0, 1.15, 1.3) * 20:
        pace.ended(0.0, seconds * share, seconds * share)
    return pace


@pytest.mark.parametrize(
    ("age", "asked_at", "due"),
    [
        *((0.0, 0.0, 5.0), (1.0, 0.0, 5.0), (5.0, 0.0, 5.0), (5.0, 5.0, 10.0)),
        *((9.0, 9.0, 18.0), (20.0, 20.0, 40.0), (40.0, 40.0, 70.0), (300, 300, 330)),
    ],
)
def test_patience_without_a_pace_doubles(
    age: float, asked_at: float, due: float
) -> None:
    """Five times the first interval, then doubling ages, up to the ceiling."""
    assert patience_left(age, asked_at, None, POLLING) == pytest.approx(due - age)


def test_patience_with_a_pace_lasts_until_nearly_all_would_have_ended() -> None:
    """Then the ages double: a task that is slower than nearly all may take long."""
    pace = pace_of(8.0)
    late = pace.age_by(0.98) or pace.age_by(0.9)
    assert late is not None
    assert 9 < late < 20
    assert patience_left(0.0, 0.0, pace, POLLING) == pytest.approx(late)
    assert patience_left(late, 0.0, pace, POLLING) == 0.0
    assert patience_left(late, late, pace, POLLING) == pytest.approx(late)


@given(
    st.floats(0, 1e5), st.floats(0, 1e5), st.none() | st.floats(0.01, 1e4).map(pace_of)
)
def test_patience_never_exceeds_the_ceiling(
    asked_at: float, since: float, pace: Pace | None
) -> None:
    """Two queries about a task are never further apart than the user allows."""
    left = patience_left(asked_at + since, asked_at, pace, POLLING)
    assert left >= 0
    assert left == 0 or since + left <= POLLING.ceiling * (1 + 1e-9)
