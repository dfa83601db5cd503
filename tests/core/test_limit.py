"""How many creates may be in flight: the rules one by one, then the invariants.

The numbers of the controller are tunable, so that these tests state relations, and
take the few constants they need from the module.
"""

from __future__ import annotations

import math
from copy import copy, deepcopy
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
    ENOUGH,
    HASTE,
    HIGHEST,
    LONG_STREAK,
    LONGEST_OBEYED,
    LONGEST_PAUSE,
    MOST_TRUST,
    PATIENCE,
    START,
    Limiter,
    Mode,
)


def fill(limiter: Limiter, now: float = 0.0) -> int:
    """Start and accept as many creates as fit; return how many that were."""
    started = limiter.room(now)
    for _ in range(started):
        limiter.start()
    for _ in range(started):
        limiter.accept(0.0)
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


def holding(level: int) -> Limiter:
    """A limiter that holds after a lesson at about `level`, and works again.

    Tasks end 0.1 s apart, and the last create was taken not long before 0.
    """
    limiter, now = Limiter(), -20.0
    while limiter.level < level:
        limiter.start()
        limiter.accept(now)
    for _ in range(20):
        now += 0.1
        limiter.release(now)
        limiter.start()
        limiter.accept(now)
    now = probe_again(limiter, confirmed(limiter, now))
    limiter.release(now)
    limiter.start()
    limiter.accept(now)
    assert limiter.mode is Mode.HOLDING
    return limiter


def patience(limiter: Limiter) -> int:
    """Accepts since the last lesson after which it would try without a sure place."""
    limiter = copy(limiter)
    limiter._calm = 0
    while limiter._try_at == math.inf:
        limiter._calm += 1
    return int(limiter._calm)


def above(limiter: Limiter, edge: float, now: float) -> None:
    """Have creates taken until the level is above `edge`."""
    while limiter.level <= edge:
        limiter.start()
        limiter.accept(now)


def lesson(limiter: Limiter, now: float) -> tuple[bool, float]:
    """Have one create refused, and again if that is doubted; then some accepted.

    Returns:
        Whether the first refusal counted, and the instant of the accept.
    """
    limiter.release(now)
    edge, limiter.mode = limiter.mode, Mode.EXPLORING
    refuse_one(limiter, now)
    taught = limiter.mode is Mode.HOLDING
    if not taught:
        limiter.mode = edge
        now = probe_again(limiter, now)
        refuse_one(limiter, now)
    limiter.release(now)
    now = probe_again(limiter, now)
    for _ in range(2):  # the level is what it was
        limiter.start()
        limiter.accept(now)
    return taught, now


# ----------------------------------------------------------------------- exploring


def test_limit_at_birth() -> None:
    """A new limiter lets a small burst go, so that a refused one stays small."""
    limiter = Limiter()
    assert 1 <= limiter.room(0.0) <= 16
    assert limiter.room(0.0) == int(limiter.limit)
    assert limiter.wake_at() is None


def test_limit_starting_finds_thousands_in_few_round_trips() -> None:
    """While nothing refuses, each round of answers lets a share more go at once."""
    limiter = Limiter()
    rounds, at_once = 0, []
    while limiter.level < 2000:
        at_once.append(fill(limiter))
        rounds += 1
    assert at_once == sorted(at_once)
    assert rounds < 50
    # What a refused burst costs stays a share of what was found before it.
    assert at_once[-1] < 0.25 * limiter.level


def test_limit_has_a_highest_value() -> None:
    """A service that never refuses does not make the limit endless."""
    limiter = grown(HIGHEST)
    fill(limiter)
    assert limiter.limit == HIGHEST
    assert limiter.in_flight <= HIGHEST


def test_limit_idle_proves_nothing() -> None:
    """Accepts while most places are empty do not raise the limit."""
    for limiter in (grown(64), holding(64)):
        drained(limiter, 1.0)
        before = limiter.limit
        for _ in range(200):
            limiter.start()
            limiter.accept(1.0)
            limiter.release(1.0)
        assert limiter.limit == before


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
    before = deepcopy(limiter)
    limiter.start()
    limiter.forget()
    assert limiter == before


# ---------------------------------------------------------------------------- doubt


def test_limit_first_refusal_is_doubted() -> None:
    """A refusal may be an accident: soon, one create asks again, and only one."""
    limiter = grown(20)
    before = limiter.limit, limiter.mode
    refuse_one(limiter, 10.0)
    assert limiter.halted
    assert limiter.room(10.0) == 0
    now = probe_again(limiter, 10.0)
    assert 10.0 < now < 10.1
    assert limiter.room(now) == 1
    limiter.start()
    assert limiter.room(now) == 0
    assert limiter.wake_at() is None
    assert (limiter.limit, limiter.mode) == before


def test_limit_refusals_by_accident_cost_nothing() -> None:
    """As long as the next create is accepted, refusals change no limit."""
    limiter, now = grown(40), 10.0
    for _ in range(100):
        limiter.release(now)
        before = limiter.limit
        refuse_one(limiter, now)
        now = probe_again(limiter, now)
        limiter.start()
        limiter.accept(now)
        assert limiter.limit >= before
        assert not limiter.halted


def test_limit_second_refusal_is_a_lesson() -> None:
    """What was doubted and is refused again holds the limit near the level."""
    limiter = grown(64)
    level = limiter.level
    confirmed(limiter, 2.0)
    assert limiter.mode is Mode.HOLDING
    assert 0.8 * level <= limiter.limit <= 1.1 * level + 1


def test_limit_level_is_what_was_accepted() -> None:
    """Creates under way say nothing about capacity: they are no part of a level."""
    limiter = Limiter()
    accepted = fill(limiter)
    for _ in range(limiter.room(1.0)):
        limiter.start()
    assert limiter.under_way > 1
    limiter.refuse(1.0, started=1.0)
    limiter.refuse(1.0, started=1.0)
    assert int(limiter.limit) == accepted


def test_limit_idle_doubts_become_rare() -> None:
    """Where refusals always prove right, most are taken at their word, never all."""
    limiter, now, doubts = grown(60), 0.0, []
    for number in range(6 * MOST_TRUST):
        taught, now = lesson(limiter, now + 10.0)
        if not taught:
            doubts.append(number)
    gaps = [after - before for before, after in pairwise(doubts)]
    assert gaps == sorted(gaps)
    assert gaps[0] == 1
    assert gaps[-1] == MOST_TRUST + 1


def test_limit_accident_brings_doubts_back() -> None:
    """One refusal that was an accident, and the next one is doubted again."""
    limiter, now = grown(60), 0.0
    taught = True
    for _ in range(4 * MOST_TRUST):
        taught, now = lesson(limiter, now + 10.0)
    while taught:
        taught, now = lesson(limiter, now + 10.0)
    for _ in range(MOST_TRUST):
        assert lesson(limiter, now)[0]
        now += 10.0
    drained(limiter, now)
    refuse_one(limiter, now)  # the one that is doubted
    now = probe_again(limiter, now)
    limiter.start()
    limiter.accept(now)
    before = limiter.limit
    refuse_one(limiter, now)
    assert limiter.limit == before


@pytest.mark.parametrize("falling", [False, True])
def test_limit_refusal_far_below_is_doubted_again(falling: bool) -> None:
    """Refusals at their word could lead far down; on a steady way down they are right."""
    limiter, now = grown(60), 0.0
    while limiter._trusted < MOST_TRUST - 1:
        _, now = lesson(limiter, now + 10.0)
        for _ in range(20):
            limiter._vacancy.taken()
    for _ in range(10 * falling):
        limiter._vacancy.lesson(limiter.level, again=False)
    for _ in range(20):
        limiter.release(now)
    before = limiter.limit
    refuse_one(limiter, now)
    assert (limiter.limit < before) == falling
    assert (probe_again(limiter, now) < now + 0.01) == (not falling)


def test_limit_refused_volley_is_one_lesson() -> None:
    """Of many creates refused together, two are enough; the rest is old news."""
    limiter = grown(64)
    for _ in range(40):
        limiter.release(1.0)
    for _ in range(9):
        limiter.start()
    limits, pauses = [], []
    for _ in range(9):
        limiter.refuse(2.1, started=2.0)
        limits.append(limiter.limit)
        pauses.append(limiter.wake_at())
    assert limits[1] < limits[0]
    assert len(set(limits[1:])) == 1
    assert pauses[-1] is not None
    assert pauses[-1] <= 2.1 + LONGEST_PAUSE


# -------------------------------------------------------------------------- holding


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
    limiter, pauses = holding(20), []
    now = confirmed(limiter)
    for _ in range(40):
        later = probe_again(limiter, now)
        pauses.append(later - now)
        now = later
        refuse_one(limiter, now)
    assert pauses[0] < 1.0
    for before, after in pairwise(pauses):
        assert before - 1e-6 <= after <= 2 * before + 1e-6
    assert pauses[8:] == pytest.approx([LONGEST_PAUSE] * 32)


def test_limit_no_place_comes_free_before_the_first_end() -> None:
    """As long as no task was seen to end, the first probe takes its time; and what was
    waited in vain is waited again."""
    limiter = grown(20)
    now, pauses = confirmed(limiter, 1.0), []
    for _ in range(4):
        later = probe_again(limiter, now)
        pauses.append(later - now)
        now = later
        refuse_one(limiter, now)
    assert pauses == pytest.approx([LONGEST_PAUSE] * 4)


def test_limit_pause_ends_when_it_ended_last_time() -> None:
    """A window that opened after 10 s is asked after 10 s, not some time later."""
    limiter = holding(20)
    limiter.release(0.0)
    limiter.start()
    limiter.accept(0.0)
    now = confirmed(limiter, 0.5)
    while now < 10.0:
        now = probe_again(limiter, now)
        if now < 10.0:
            refuse_one(limiter, now)
    limiter.start()
    limiter.accept(10.0)
    instants = [confirmed(limiter, 10.5)]
    while instants[-1] < 20.0:
        instants.append(probe_again(limiter, instants[-1]))
        refuse_one(limiter, instants[-1])
    assert any(at == pytest.approx(20.0) for at in instants)


def test_limit_accept_ends_the_streak() -> None:
    """An accepted probe opens the gate and makes the next pause short again."""
    limiter = holding(20)
    now = confirmed(limiter, 0.6)
    first = probe_again(limiter, now) - now
    for _ in range(6):
        now = probe_again(limiter, now)
        refuse_one(limiter, now)
    now = probe_again(limiter, now)
    limiter.release(now)
    limiter.start()
    limiter.accept(now)
    assert not limiter.halted
    again = confirmed(limiter, now)
    assert probe_again(limiter, again) - again <= 4 * first


def test_limit_after_a_long_streak_it_explores() -> None:
    """After an outage the places that came free are filled in few round trips."""
    limiter = grown(64)
    now = confirmed(limiter)
    for _ in range(LONG_STREAK):
        now = probe_again(limiter, now)
        refuse_one(limiter, now)
    drained(limiter, now)
    now = probe_again(limiter, now)
    limiter.start()
    limiter.accept(now)
    assert limiter.mode is Mode.EXPLORING
    assert limiter.room(now) >= 1
    rounds = 0
    while limiter.level < 50:
        assert fill(limiter, now) >= 1
        rounds += 1
    assert rounds < 30


def test_limit_holding_lets_one_go_when_it_is_sure() -> None:
    """After a lesson nothing goes until a place has probably come free; then one."""
    limiter = holding(100)
    now = limiter._last_accept
    assert limiter.room(now) == 0
    wake = limiter.wake_at()
    assert wake is not None
    assert now < wake < now + 0.5
    assert limiter.room(wake) == 1
    limiter.start()
    assert limiter.room(wake) == 0


def test_limit_holding_stays_below_its_limit() -> None:
    """However long nothing ends and nothing is refused, the level stays bounded."""
    limiter, now = holding(100), 0.0
    limiter._calm = -math.inf  # no tries
    for _ in range(200):
        now += 10.0
        for _ in range(limiter.room(now)):
            limiter.start()
            limiter.forget() if limiter.level > limiter.limit else limiter.accept(now)
        if limiter.mode is Mode.EXPLORING:
            break
        assert limiter.in_flight <= limiter.limit < 115


def test_limit_holding_tries_one_more_in_a_quiet_moment() -> None:
    """After enough accepts one create tries, not right after an accept."""
    limiter = holding(100)
    assert limiter._try_at == math.inf
    limiter._calm = patience(limiter)
    quiet = limiter._try_at
    assert limiter._last_accept < quiet < limiter._vacancy.sure_at(limiter.in_flight)
    assert limiter.wake_at() == quiet
    assert limiter.room(quiet - 1e-6) == 0
    assert limiter.room(quiet) == 1
    limiter.start()
    assert limiter.room(quiet) == 0


def test_limit_patience_grows_with_the_level() -> None:
    """Whoever has more in flight tries hardly more often in a time."""
    small, large = patience(holding(20)), patience(holding(200))
    assert 4 * small < large < 20 * small


def test_limit_tries_come_sooner_and_sooner() -> None:
    """Each create taken above the edge shortens the wait; after a few it explores."""
    limiter, waits = holding(100), []
    while limiter.mode is Mode.HOLDING:
        waits.append(patience(limiter))
        above(limiter, limiter._vacancy.edge, 1.0)
    assert len(waits) == ENOUGH
    assert all(before > 2 * after for before, after in pairwise(waits))


def test_limit_exploring_speeds_up_beyond_chance() -> None:
    """One create at a time for what chance explains; then more and more at once."""
    limiter = holding(50)
    while limiter.mode is Mode.HOLDING:
        above(limiter, limiter._vacancy.edge, 1.0)
    at_once = [fill(limiter, 1.0) for _ in range(40)]
    assert at_once[:4] == [1, 1, 1, 1]
    assert at_once[-1] > 4
    assert at_once == sorted(at_once)


@pytest.mark.parametrize(("found", "soon"), [(3, False), (30, True)])
def test_limit_after_a_surprise_it_looks_again_sooner(found: int, soon: bool) -> None:
    """Where much had changed, the next try comes after fewer accepts."""
    limiter = holding(50)
    limiter._explore()
    above(limiter, 50 + found, 1.0)
    confirmed(limiter, 1.0)
    factor, power = PATIENCE
    usual = factor * limiter._vacancy.edge**power
    assert (patience(limiter) < 0.6 * usual) == soon


def test_limit_volleys_stay_small_once_refusals_are_known() -> None:
    """Many tasks seen to end at once do not make as many creates at once."""
    limiter = holding(60)
    drained(limiter, 1.0)
    volley = 0
    while limiter.room(2.0):
        limiter.start()
        volley += 1
    assert 1 <= volley <= 3
    for _ in range(volley):
        limiter.accept(2.0)
    assert limiter.room(2.0) == 1


def test_limit_overdue_answers_hold_up_nobody() -> None:
    """After a refusal, a create whose answer is overdue is not waited for."""
    limiter = holding(20)
    drained(limiter, 101.0)
    refuse_one(limiter, 101.0)
    now = probe_again(limiter, 101.0)
    limiter.start()
    assert limiter.room(now) == 0
    limiter.overdue += 1
    assert limiter.room(now) == 1


# ------------------------------------------------------------- release, Retry-After


def test_limit_release_ends_a_pause() -> None:
    """A task that ends while creates are held back makes room at once."""
    limiter = grown(20)
    now = confirmed(limiter, 5.0)
    assert limiter.room(now) == 0
    limiter.release(now)
    limiter.release(now)
    assert limiter.room(now) == 1


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


def test_limit_retry_after_zero() -> None:
    """A Retry-After of 0 is no invitation to hammer: the pause stays."""
    limiter = grown(20)
    refuse_one(limiter, 10.0, retry_after=0.0)
    assert limiter.room(10.0) == 0


def test_limit_retry_after_outlives_an_accept() -> None:
    """An older create that is accepted does not end the wait the service asked for."""
    limiter = grown(20)
    limiter.release(9.0)
    limiter.start()
    refuse_one(limiter, 10.0, retry_after=60.0)
    limiter.accept(0.0)
    for instant, room in ((10.0, 0), (69.0, 0)):
        assert limiter.room(instant) == room
    assert limiter.wake_at() == 70.0
    limiter.release(70.0)
    assert limiter.room(70.0) >= 1


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
        self.limiter.accept(self.now)
        self.under_way -= 1
        self.accepted += 1
        # What goes at once stays a share of what was accepted.
        level = self.limiter.level
        highest = level + max(START, level / HASTE) + 1
        assert before <= self.limiter.limit <= max(before, highest)

    @rule(
        create=consumes(creates),
        retry_after=st.one_of(st.none(), st.floats(0, 1e9)),
    )
    def refuse(self, create: Create, retry_after: float | None) -> None:
        before = self.limiter.limit
        self.limiter.refuse(self.now, create.started, retry_after)
        self.under_way -= 1
        assert self.limiter.limit <= max(before, self.limiter.level + 1)
        assert self.limiter.halted
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
        assert over <= (self.limiter.mode is Mode.HOLDING) or room == 0
        assert room == 0 or self.now >= self.obey_until
        if self.limiter.halted:
            assert room <= 1

    @invariant()
    def nobody_starves(self) -> None:
        """Once all answers and all ends are in, a create may go, at a known instant."""
        limiter = deepcopy(self.limiter)
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
