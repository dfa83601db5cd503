"""How many creates may be in flight: the rules one by one, then the invariants.

The numbers of the controller are tunable, so that these tests state relations, and
take the few constants they need from the module.
"""

from __future__ import annotations

from copy import copy
from itertools import pairwise

import pytest
from attrs import define
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)

from liangxin_async._core.limit import (
    ECHOES,
    HIGHEST,
    LONGEST_OBEYED,
    LONGEST_PAUSE,
    Limiter,
    Mode,
)


def fill(limiter: Limiter, now: float = 0.0) -> int:
    """Start and accept as many creates as fit; return how many that were."""
    started = limiter.room(now)
    for _ in range(started):
        limiter.start()
    for _ in range(started):
        limiter.accept()
    return started


def refuse_one(limiter: Limiter, now: float, **advice: float) -> None:
    """Start one create and have it refused at once."""
    limiter.start()
    limiter.refuse(now, now, **advice)


def probe_again(limiter: Limiter, now: float) -> float:
    """Return the instant after `now` at which a halted limiter lets one create go."""
    wake = limiter.wake_at()
    assert wake is not None
    return max(now, wake)


def confirmed(limiter: Limiter, now: float = 0.0) -> float:
    """Have two probes in a row refused; return the instant of the second."""
    refuse_one(limiter, now)
    again = probe_again(limiter, now)
    refuse_one(limiter, again)
    return again


def grown(to: float) -> Limiter:
    """A limiter that was accepted up to a limit of at least `to`."""
    limiter = Limiter()
    while limiter.limit < to:
        fill(limiter)
    return limiter


def drained(limiter: Limiter, now: float) -> None:
    while limiter.in_flight > limiter.under_way:
        limiter.release(now)


# ------------------------------------------------------------------------ starting


def test_limit_at_birth() -> None:
    """A new limiter lets a small burst go, so that a refused one stays small."""
    limiter = Limiter()
    assert 1 <= limiter.room(0.0) <= 16
    assert limiter.room(0.0) == int(limiter.limit)
    assert limiter.wake_at() is None


def test_limit_starting_doubles() -> None:
    """While nothing refuses, each round of accepts doubles the limit."""
    limiter = Limiter()
    before = limiter.limit
    for _ in range(4):
        drained(limiter, 0.0)
        fill(limiter)
        assert limiter.limit == pytest.approx(2 * before)
        before = limiter.limit


def test_limit_has_a_highest_value() -> None:
    """A service that never refuses does not make the limit endless."""
    limiter = grown(HIGHEST)
    fill(limiter)
    assert limiter.limit == HIGHEST
    assert limiter.in_flight <= HIGHEST


def test_limit_idle_proves_nothing() -> None:
    """Accepts while most places are empty do not raise the limit."""
    limiter = grown(64)
    drained(limiter, 1.0)
    before = limiter.limit
    for _ in range(200):
        limiter.start()
        limiter.accept()
        limiter.release(1.0)
    assert limiter.limit == before


def test_limit_grows_from_half_its_use() -> None:
    """Half the places in use are enough to learn from an accept."""
    limiter = grown(64)
    drained(limiter, 1.0)
    while limiter.in_flight * 2 < limiter.limit:
        limiter.start()
    before = limiter.limit
    limiter.accept()
    assert limiter.limit > before


def test_limit_room_counts_creates_under_way() -> None:
    """A place is taken from the start of a create, not from its answer."""
    limiter = Limiter()
    whole = limiter.room(0.0)
    for taken in range(1, whole + 1):
        limiter.start()
        assert limiter.room(0.0) == whole - taken
    limiter.forget()
    assert limiter.room(0.0) == 1


def test_limit_forget_teaches_nothing() -> None:
    """A create that ended in a fault gives its place back and changes nothing else."""
    limiter = grown(20)
    before = copy(limiter)
    limiter.start()
    limiter.forget()
    assert limiter == before


# -------------------------------------------------------------------- first refusal


def test_limit_first_refusal_pauses() -> None:
    """After a refusal nothing goes for a moment, then exactly one create."""
    limiter = grown(20)
    refuse_one(limiter, 10.0)
    assert limiter.mode is Mode.HALTED
    assert limiter.room(10.0) == 0
    wake = limiter.wake_at()
    assert wake is not None
    assert 10.0 < wake <= 10.0 + LONGEST_PAUSE
    assert limiter.room(wake) == 0  # every place of the limit is taken
    limiter.release(wake)
    assert limiter.room(wake) == 1
    limiter.release(wake)
    assert limiter.room(wake) == 1  # two places, and still one create to ask
    limiter.start()
    assert limiter.room(wake) == 0
    assert limiter.wake_at() is None


def test_limit_refusal_above_what_was_fine() -> None:
    """A refusal above every level accepted so far puts the limit to that level."""
    limiter = Limiter()
    accepted = fill(limiter)  # doubles the limit; the next create is new ground
    refuse_one(limiter, 1.0)
    assert limiter.limit == accepted


def test_limit_level_is_what_was_accepted() -> None:
    """Creates under way say nothing about capacity: they are no part of a level."""
    limiter = Limiter()
    accepted = fill(limiter)
    for _ in range(limiter.room(1.0)):
        limiter.start()
    assert limiter.under_way > 1
    limiter.refuse(1.0, started=1.0)
    assert limiter.limit == accepted


def test_limit_refusal_at_a_fine_level_is_noise_at_first() -> None:
    """A single refusal where creates were accepted before costs a pause, no places."""
    limiter = grown(40)
    for _ in range(20):
        limiter.release(1.0)
    before = limiter.limit
    refuse_one(limiter, 2.0)
    assert limiter.limit == before
    now = probe_again(limiter, 2.0)
    limiter.start()
    limiter.accept()
    assert limiter.limit >= before
    assert limiter.room(now) > 1


def test_limit_starting_goes_on_after_noise() -> None:
    """Noise does not end the doubling: a refusal that was not confirmed is forgotten."""
    limiter = grown(40)
    for _ in range(20):
        limiter.release(1.0)
    refuse_one(limiter, 2.0)
    limiter.start()
    limiter.accept()
    assert limiter.mode is Mode.STARTING


# ---------------------------------------------------------------- confirmed refusal


def test_limit_second_refusal_in_a_row_cuts() -> None:
    """A confirmed refusal leaves less than what is in flight, so clients share."""
    limiter = grown(40)
    for _ in range(20):
        limiter.release(1.0)
    level = limiter.in_flight
    confirmed(limiter, 2.0)
    assert 0.5 * level <= limiter.limit < level


def test_limit_cut_leaves_one_place_at_least() -> None:
    """With nothing in flight and everything refused there is still one place."""
    limiter = Limiter()
    now = confirmed(limiter)
    for _ in range(50):
        now = probe_again(limiter, now)
        refuse_one(limiter, now)
    assert limiter.limit >= 1
    assert limiter.room(probe_again(limiter, now)) == 1


def test_limit_pauses_double_and_stay_bounded() -> None:
    """Through an outage probes become rare, by doubling, up to a longest pause."""
    limiter, now, pauses = grown(20), 0.0, []
    for _ in range(40):
        refuse_one(limiter, now)
        later = probe_again(limiter, now)
        pauses.append(later - now)
        now = later
    for before, after in pairwise(pauses):
        assert after == pytest.approx(min(2 * before, LONGEST_PAUSE), rel=1e-6)
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE)


def test_limit_accept_ends_the_streak() -> None:
    """An accepted probe opens the gate and makes the next pause short again."""
    limiter, now = grown(20), 0.0
    drained(limiter, now)
    pauses = []
    for _ in range(6):
        refuse_one(limiter, now)
        later = probe_again(limiter, now)
        pauses.append(later - now)
        now = later
    limiter.start()
    limiter.accept()
    assert limiter.mode is Mode.CRUISING
    refuse_one(limiter, now)
    assert probe_again(limiter, now) - now == pytest.approx(pauses[0])


def test_limit_old_refusal_is_old_news() -> None:
    """A refusal of a create that began before the last one does not cut again."""
    limiter = grown(40)
    for _ in range(20):
        limiter.release(1.0)
    limiter.start()
    limiter.start()
    limiter.refuse(2.1, started=2.0)
    before = limiter.limit, limiter.wake_at()
    limiter.refuse(2.2, started=2.0)
    assert limiter.limit == before[0]
    assert limiter.mode is Mode.HALTED


def test_limit_refused_volley_cuts_once() -> None:
    """Many refusals of one volley are no accident, and still one signal."""
    limiter = grown(60)
    for _ in range(40):
        limiter.release(1.0)
    volley = 3 * ECHOES
    for _ in range(volley):
        limiter.start()
    limits = []
    for _ in range(volley):
        limiter.refuse(2.1, started=2.0)
        limits.append(limiter.limit)
    assert limits[-1] < limits[0]
    assert len(set(limits)) == 2
    assert limits[-1] < limiter.in_flight


def test_limit_after_a_cut_it_returns_soon() -> None:
    """Most of a deep cut is made good within two rounds of accepts."""
    limiter = grown(100)
    goal = limiter.limit
    while limiter.in_flight > goal / 4:
        limiter.release(1.0)
    now = probe_again(limiter, confirmed(limiter, 2.0))
    assert limiter.limit < 0.3 * goal
    for _ in range(2):
        drained(limiter, now)
        while limiter.room(now):
            limiter.start()
            limiter.accept()
    assert limiter.limit > 0.6 * goal


def test_limit_after_a_cut_it_explores() -> None:
    """After a cut the limit returns to where it was and, undisturbed, beyond it."""
    limiter = grown(40)
    for _ in range(10):
        limiter.release(1.0)
    goal = limiter.limit
    now = confirmed(limiter, 2.0)
    now = probe_again(limiter, now)
    rounds = 0
    heights = [limiter.limit]
    while limiter.limit < 2 * goal and rounds < 60:
        drained(limiter, now)
        fill(limiter, now)
        heights.append(limiter.limit)
        rounds += 1
    assert limiter.limit >= 2 * goal
    assert heights == sorted(heights)


def test_limit_volleys_stay_small_once_refusals_are_known() -> None:
    """Many tasks seen to end at once do not make as many creates at once."""
    limiter = grown(60)
    now = probe_again(limiter, confirmed(limiter, 2.0))
    drained(limiter, now)
    limiter.start()
    limiter.accept()
    room = limiter.room(now)
    assert 0 < room < int(limiter.limit) - limiter.in_flight
    for left in reversed(range(room)):
        limiter.start()
        assert limiter.room(now) == left


# ------------------------------------------------------------- release, Retry-After


def test_limit_release_ends_a_pause() -> None:
    """A task that ends while creates are held back makes room at once."""
    limiter = grown(20)
    refuse_one(limiter, 5.0)
    assert limiter.room(5.0) == 0
    limiter.release(5.0)
    assert limiter.room(5.0) == 1


def test_limit_release_ends_one_pause_of_a_streak() -> None:
    """Where releases do not help, the streak of pauses is kept."""
    limiter = grown(20)
    refuse_one(limiter, 5.0)
    limiter.release(5.0)
    refuse_one(limiter, 5.0)
    limiter.release(5.0)
    assert limiter.room(5.0) == 0


def test_limit_release_while_open_changes_no_mode() -> None:
    """Without a pause a release gives its place back, and that is all."""
    limiter = grown(20)
    before = limiter.limit, limiter.mode, limiter.in_flight
    limiter.release(5.0)
    assert (limiter.limit, limiter.mode) == before[:2]
    assert limiter.in_flight == before[2] - 1


@pytest.mark.parametrize("asked", [3.0, 30.0])
def test_limit_retry_after_is_obeyed(asked: float) -> None:
    """As long as the service asked to wait nothing goes, releases or not."""
    limiter = grown(20)
    refuse_one(limiter, 10.0, retry_after=asked)
    limiter.release(10.5)
    assert limiter.room(10.0 + asked - 0.01) == 0
    assert limiter.room(10.0 + asked + LONGEST_PAUSE) == 1


def test_limit_retry_after_of_an_old_refusal_is_obeyed() -> None:
    """The advice counts even where the refusal itself is old news."""
    limiter = grown(20)
    limiter.start()
    limiter.start()
    limiter.refuse(10.1, started=10.0)
    limiter.refuse(10.2, started=10.0, retry_after=30.0)
    assert limiter.room(40.1) == 0


def test_limit_retry_after_shorter_later() -> None:
    """A second refusal without advice does not cut the pause that was asked for."""
    limiter = grown(20)
    limiter.start()
    limiter.start()
    limiter.refuse(10.1, started=10.0, retry_after=30.0)
    limiter.refuse(10.3, started=10.2)
    assert limiter.room(40.0) == 0


@pytest.mark.parametrize("asked", [1e9, float("1e308")])
def test_limit_retry_after_absurd(asked: float) -> None:
    """A Retry-After of years is a fault, not a plan."""
    limiter = grown(20)
    refuse_one(limiter, 10.0, retry_after=asked)
    limiter.release(11.0)
    assert limiter.room(11.0) == 0
    assert limiter.room(10.0 + LONGEST_OBEYED + LONGEST_PAUSE) == 1


def test_limit_retry_after_outlives_an_accept() -> None:
    """An older create that is accepted does not end the wait the service asked for."""
    limiter = grown(20)
    limiter.release(9.0)
    limiter.start()
    refuse_one(limiter, 10.0, retry_after=60.0)
    limiter.accept()
    for instant, room in ((10.0, 0), (69.0, 0)):
        assert limiter.room(instant) == room
    assert limiter.wake_at() == 70.0
    limiter.release(70.0)
    assert limiter.room(70.0) >= 1


def test_limit_retry_after_zero() -> None:
    """A Retry-After of 0 is no invitation to hammer: the pause stays."""
    limiter = grown(20)
    refuse_one(limiter, 10.0, retry_after=0.0)
    assert limiter.room(10.0) == 0


# --------------------------------------------------------------------- invariants


@define(eq=False)
class Create:
    started: float


class LimiterMachine(RuleBasedStateMachine):
    """Any order of answers to creates, of releases and of time."""

    creates: Bundle[Create] = Bundle("creates")

    @initialize()
    def make(self) -> None:
        self.limiter = Limiter()
        self.now = 0.0
        self.under_way = 0
        self.accepted = 0
        self.obey_until = 0.0

    @precondition(lambda self: self.limiter.room(self.now) > 0)
    @rule(target=creates)
    def start(self) -> Create:
        self.limiter.start()
        self.under_way += 1
        return Create(self.now)

    @rule(create=consumes(creates))
    def accept(self, create: Create) -> None:
        before = self.limiter.limit
        self.limiter.accept()
        self.under_way -= 1
        self.accepted += 1
        # Who answers an accept knows that one more place was there, not two.
        assert before <= self.limiter.limit <= before + 1

    @rule(
        create=consumes(creates),
        retry_after=st.one_of(st.none(), st.floats(0, 1e9)),
    )
    def refuse(self, create: Create, retry_after: float | None) -> None:
        before = self.limiter.limit
        self.limiter.refuse(self.now, create.started, retry_after)
        self.under_way -= 1
        assert self.limiter.limit <= before
        assert self.limiter.mode is Mode.HALTED or create.started < self.now
        asked = min(retry_after or 0.0, LONGEST_OBEYED)
        self.obey_until = max(self.obey_until, self.now + asked)

    @rule(create=consumes(creates))
    def forget(self, create: Create) -> None:
        before = self.limiter.limit, self.limiter.mode
        self.limiter.forget()
        self.under_way -= 1
        assert (self.limiter.limit, self.limiter.mode) == before

    @precondition(lambda self: self.accepted > 0)
    @rule()
    def release(self) -> None:
        self.limiter.release(self.now)
        self.accepted -= 1

    @rule(seconds=st.floats(0.001, 100))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def sleep_until_woken(self) -> None:
        wake = self.limiter.wake_at()
        if wake is not None:
            self.now = max(self.now, wake)
            full = self.limiter.in_flight >= int(self.limiter.limit)
            assert self.limiter.room(self.now) >= (not full)

    @invariant()
    def counts(self) -> None:
        limiter = self.limiter
        assert limiter.under_way == self.under_way
        assert limiter.in_flight == self.under_way + self.accepted
        assert 1 <= limiter.limit <= HIGHEST

    @invariant()
    def room(self) -> None:
        room = self.limiter.room(self.now)
        over = self.limiter.in_flight + room - int(self.limiter.limit)
        assert room >= 0
        assert over <= 0 or room == 0
        assert room == 0 or self.now >= self.obey_until
        if self.limiter.mode is Mode.HALTED:
            assert room <= 1

    @invariant()
    def nobody_starves(self) -> None:
        """Once all answers and all ends are in, a create may go, at a known instant."""
        limiter = copy(self.limiter)
        while limiter.under_way:
            limiter.forget()
        while limiter.in_flight:
            limiter.release(self.now)
        wake = limiter.wake_at()
        assert limiter.room(self.now if wake is None else max(self.now, wake)) >= 1
        assert wake is None or wake <= self.now + LONGEST_OBEYED + LONGEST_PAUSE


TestLimiter = LimiterMachine.TestCase
TestLimiter.settings = settings(
    max_examples=60, stateful_step_count=60, deadline=None, derandomize=True
)
