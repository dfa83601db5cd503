"""How many tasks of one model may be in flight, learned from answers to creates.

Pure: knows no clock, event loop or HTTP. Instants are monotonic seconds, given in.

The service says one thing about its capacity: it takes a create, or refuses it with
429. It does not say why: a cap on tasks in flight, creates per window, trouble
upstream, other clients of the same account. So the rules use levels, not causes. A
level is the number of accepted tasks whose end was not seen yet.

    mode        creates go
    ---------   ------------------------------------------------------------------
    EXPLORING   up to a little above the level: one more at first, a share of what was
                found once chance does not explain it. From birth, from a row of good
                tries, and after a long streak of refusals, when anything may have
                changed; until a refusal.
    HOLDING     one by one, each when it is sure of a place (`_core.vacancy`). After
                enough accepts, and in a quiet moment, one create tries without. A try
                that ends above the edge makes the next one come sooner.

Beside its mode, a limiter may be halted. A refusal halts it: nothing goes until a pause
is over or a task ends, and then one create asks. Every further refusal doubles the
pause; an accept ends it.

Trying past an edge faster and faster is the shape of CUBIC (RFC 9438), counted in
accepts rather than in seconds. Whoever has more in flight is refused more often, and
tries hardly more often: so clients of one account come to share (Chiu and Jain, 1989;
for powers other than 0 and 1, Bansal and Balakrishnan, 2001). Refusals of one volley
are one lesson.

A service may also refuse at random. So a refusal is doubted: one more create asks again
at once, and only if that is refused too, the lesson counts. Where doubts prove idle
again and again, more and more refusals are taken at their word before the next doubt.

Guarded by tests/core/test_limit_simulation.py, which plays six kinds of service;
`python -m benchmarks capacity` has all figures, and what is possible at best.

Invariants:
- 0 <= overdue <= under_way <= in_flight, and limit >= 1.
- Room is never negative, and at most one place above `limit - in_flight`.
- While the service asks to wait (Retry-After), there is no room in any mode.
- While creates wait, room comes back: at `wake_at`, or with a release (nothing in
  flight means room, as the limit is at least 1). So nobody starves.
"""

from __future__ import annotations

import math
from enum import Enum

from attrs import define, field

from liangxin_async._core.vacancy import Vacancy

START = 4.0  # creates at once while nothing is known; a refused burst stays small
HIGHEST = 4096.0  # tasks in flight per model, when nothing ever refuses
HASTE = 7.0  # so much of what exploring found beyond chance makes one more at once
PATIENCE = 1.8, 0.83  # times the edge to this power: accepts until the first try
SOONER = 4.5  # each try that is taken divides patience by this
STEP = 0.9  # how far above a level that a try has reached the edge is put
ENOUGH = 2  # tries taken in a row after which it explores
UNREST = 3.5  # how much more often it tries where much has changed lately
CALMING = 0.975  # share of unrest that a lesson without surprise leaves
QUIET = 0.9  # times the usual time between accepts: how long a quiet moment is,
ROUND = 12.0  # but at most one in so many of the time in which all of a level end
MOST_TRUST = 15  # refusals taken at their word before one is doubted again,
WORD = 0.4  # or one so many times chance below the last that proved true
LONG_STREAK = 4  # lessons in a row after which anything may have changed
PACE_MEMORY = 0.1  # weight of the last time between two accepts
OUTLIER = 5.0  # times the usual time between accepts; more counts as so much
MOMENT = 0.005  # seconds until a doubt is put: soon, before a place can come free
SHORTEST_PAUSE = 0.05  # seconds
LONGEST_PAUSE = 2.0  # seconds; through an outage, one probe in this time
LONGEST_OBEYED = 300.0  # seconds; a longer Retry-After is a fault, not a plan


class Mode(Enum):
    """See the table above."""

    EXPLORING = "exploring"
    HOLDING = "holding"


@define
class Limiter:
    """The controller of one model. Every method is one step; none waits.

    Attributes:
        limit: tasks that may be in flight now.
        in_flight: permits out: creates under way and accepted tasks not yet over.
        under_way: creates sent and not answered.
        overdue: those of them whose answer takes unusually long, set by the caller.
            They count as in flight, and hold up no other create.
        mode: see the module.
        halted: whether it waits since a refusal.
    """

    limit: float = START
    in_flight: int = 0
    under_way: int = 0
    overdue: int = 0
    mode: Mode = Mode.EXPLORING
    halted: bool = False
    _vacancy: Vacancy = field(factory=Vacancy)
    _origin: float = 0.0  # level at which exploring began
    _ahead: float = START  # creates at once that exploring began with
    _calm: float = 0.0  # accepts since the last lesson or good try
    _taken: int = 0  # good tries in a row
    _unrest: float = 0.0  # 1 just after a surprise, fading
    _since_refusal: int = 0  # accepts
    _refused_in_a_row: int = 0  # lessons, not refusals
    _doubting: bool = False  # whether the next answer is about a doubted refusal
    _confirmed: int = 0  # doubts that proved idle, fewer after one that did not
    _proven: int = 0  # level of the last refusal that was doubted and repeated
    _trusted: int = 0  # refusals to be taken at their word
    _last_refusal: float = -math.inf
    _pause_until: float = -math.inf
    _obey_until: float = -math.inf  # as long as the service itself asked to wait
    _released: bool = False  # whether a release has ended a pause since the last accept
    _last_accept: float = -math.inf
    _pace: float = 0.0  # usual seconds between two accepts
    _famine: float = 0.0  # seconds between the accepts around the last refusals

    @property
    def level(self) -> int:
        """Accepted tasks whose end was not seen yet."""
        return self.in_flight - self.under_way

    @property
    def _awaited(self) -> int:
        """Creates whose answer is worth waiting for before the next one."""
        return self.under_way - self.overdue

    def room(self, now: float) -> int:
        """How many creates may start at `now`."""
        if now < self._obey_until:
            return 0
        if self.halted:
            return int(not self._awaited and now >= self._probe_at)
        if self.mode is Mode.EXPLORING:
            return max(0, int(self.limit) - self.in_flight)
        if self._awaited > self._since_refusal:
            return 0  # many ends seen at once must not make a volley
        if now >= self._sure_at:
            return 1
        return int(not self._awaited and now >= self._try_at)

    def wake_at(self) -> float | None:
        """When a wait for a mere instant ends, which may be past; None without one."""
        if self.halted:
            return None if self._awaited else max(self._probe_at, self._obey_until)
        at = -math.inf
        if self.mode is Mode.HOLDING:
            at = min(self._sure_at, self._try_at)
        at = max(at, self._obey_until)
        return at if math.isfinite(at) else None

    @property
    def _sure_at(self) -> float:
        """When, while it holds, one more create is sure of a place."""
        low = self._vacancy.is_low(self.in_flight) or not self.in_flight
        return -math.inf if low else self._vacancy.sure_at(self.in_flight)

    @property
    def _probe_at(self) -> float:
        """When one create asks whether the service takes any again."""
        if self._refused_in_a_row != 1 or not self.level:
            return self._pause_until
        sure = max(self._pause_until, self._sure_at)
        return min(sure, self._last_refusal + LONGEST_PAUSE)

    @property
    def _try_at(self) -> float:
        """When a place has probably come free unseen, if nothing happens until then;
        infinite until there were enough accepts."""
        factor, power = PATIENCE
        wanted = factor * math.pow(self._vacancy.edge, power)
        wanted /= 1 + UNREST * self._unrest
        if self._calm * SOONER**self._taken < wanted:
            return math.inf
        quiet = min(QUIET, self.level / ROUND) * self._pace
        return self._last_accept + quiet / (1 + 9 * self._taken)

    def start(self) -> None:
        """A create takes a permit."""
        self.in_flight += 1
        self.under_way += 1

    def forget(self) -> None:
        """A create ended without telling anything about capacity; permit back."""
        self.under_way -= 1
        self.in_flight -= 1

    # ---------------------------------------------------------------------- accepts

    def accept(self, now: float) -> None:
        """The service took a create at `now`; its permit stays out until `release`."""
        self.under_way -= 1
        self._since_refusal += 1
        self._vacancy.taken()
        self._keep_time(now)
        self._released = self.halted = False
        if self._doubting:
            self._doubting = False
            self._confirmed //= 2
            self._trusted = 0
            self._vacancy.doubted()
        streak, self._refused_in_a_row = self._refused_in_a_row, 0
        if streak > LONG_STREAK:
            self._unrest = 1.0
            self._explore()
        # Growing while half the places are empty would prove nothing.
        if self.in_flight * 2 >= self.limit:
            self._grow()

    def _keep_time(self, now: float) -> None:
        between = now - self._last_accept
        self._last_accept = now
        if self.halted:
            self._famine = between
        if math.isfinite(between):
            # One outage says nothing of how fast places come free in good times.
            usual = min(between, OUTLIER * self._pace) if self._pace else between
            self._pace += (usual - self._pace) * PACE_MEMORY

    def _grow(self) -> None:
        if self.mode is Mode.HOLDING:
            self._calm += 1
            self._vacancy.grow()
            self.limit = max(1.0, self._vacancy.most)
            if self.level > self._vacancy.edge:
                self._go_higher()
        if self.mode is Mode.EXPLORING:
            found = self.level - self._origin - _chance(self._origin)
            ahead = max(self._ahead, found / HASTE)
            self.limit = min(HIGHEST, max(self.limit, self.level + ahead))

    def _go_higher(self) -> None:
        """A try was good: the edge is higher. Go on exploring after a row of them."""
        self._taken += 1
        self._calm = 0.0
        self._vacancy.edge = self.level + STEP
        self.limit = max(1.0, self._vacancy.most)
        if self._taken == ENOUGH:
            self._explore()

    def _explore(self) -> None:
        self.mode = Mode.EXPLORING
        self._origin = self.limit = self._vacancy.edge
        self._ahead = 1.0

    # --------------------------------------------------------------------- refusals

    def refuse(
        self, now: float, started: float, retry_after: float | None = None
    ) -> None:
        """The service refused a create that began at `started`; its permit is back.

        Args:
            now: this instant.
            started: the instant at which the create took its permit.
            retry_after: seconds the service asked to wait, or None.
        """
        self.forget()
        if retry_after is not None:
            wait = min(retry_after, LONGEST_OBEYED)
            self._obey_until = max(self._obey_until, now + wait)
        doubted, self._doubting = self._doubting, False
        self._vacancy.full(now, self.level, again=doubted)
        self.halted = True
        if started < self._last_refusal and not doubted:
            self._since_refusal = 0
            return  # of a volley that has had its lesson
        waited, self._last_refusal = now - self._last_refusal, now
        if doubted:
            self._confirmed += 1
            self._proven = self.level
            self._trusted = min(MOST_TRUST, 2 ** (self._confirmed - 1) - 1)
        elif self._refused_in_a_row == 0:
            if self._is_doubtful:
                self._doubting = True
                self._pause_until = now + MOMENT
                return
            self._trusted -= 1
        self._since_refusal = 0
        self._refused_in_a_row += 1
        self._learn()
        self._pause(now, waited if self._refused_in_a_row > 1 else 0.0)

    @property
    def _is_doubtful(self) -> bool:
        """Whether a refusal after an accept may be an accident."""
        if self._trusted == 0:
            return True
        # Words that are taken one after the other could lead far down.
        far_below = self.level < self._proven - WORD * _chance(self._proven)
        return far_below and not self._vacancy.is_falling

    def _learn(self) -> None:
        """Hold at about the level at which a create was refused."""
        level, explored = max(1, self.level), self.mode is Mode.EXPLORING
        by_chance = self.level - self._origin <= _chance(self._origin)
        if explored and self._origin and not by_chance:
            self._unrest = 1.0
        else:
            self._unrest *= CALMING
        if explored:
            self._vacancy.found(level)
        else:
            self._vacancy.lesson(level, again=self._refused_in_a_row > 1)
        self.mode = Mode.HOLDING
        self.limit = max(1.0, self._vacancy.most)
        self._calm = 0.0
        self._taken = 0

    def _pause(self, now: float, waited: float) -> None:
        """Halt until an end or an instant.

        Args:
            now: this instant.
            waited: seconds that were waited in vain just now; 0 for the first lesson.
        """
        usual = max(SHORTEST_PAUSE, 2 * self._pace)
        doubled = usual * 2.0 ** min(self._refused_in_a_row - 1, 30)
        until = now + min(LONGEST_PAUSE, max(doubled, waited))
        # A window opens again when it did last time: there is no use in sleeping past.
        ended = self._last_accept + self._famine
        self._pause_until = ended if now < ended < until else until

    def release(self, now: float) -> None:
        """An accepted task is over; its permit is back.

        Where the cap is on tasks in flight, a place has just become free, so a pause
        ends here. Where it is not, the first probe after a release says so, and the
        pauses of this streak of refusals are kept.
        """
        self.in_flight -= 1
        self._vacancy.ended(now)
        if self.halted and not self._released and now >= self._obey_until:
            self._released = True
            self._pause_until = min(self._pause_until, now)


def _chance(level: float) -> float:
    """How much a count of about `level` changes by chance."""
    return math.sqrt(level)
