"""How many tasks of one model may be in flight, learned from answers to creates.

Pure: knows no clock, event loop or HTTP. Instants are monotonic seconds, given in.

The service says one thing about its capacity: it takes a create, or refuses it with
429. It does not say why: a cap on tasks in flight, creates per window, trouble
upstream, other clients of the same account. So the rules use levels, not causes. A
level is the number of accepted tasks in flight when an answer came.

    mode       entered by                          creates at once   growth per accept
    --------   ---------------------------------   ---------------   -----------------
    STARTING   birth                               as many as fit    1 (doubling)
    HALTED     a refusal                           one, after the    none
                                                   pause
    CRUISING   an accept after a confirmed         a volley, from    see `_step`
               refusal                             1, + 1 per accept

A refusal above every level that was fine so far answers our own probing: the limit
goes back to the level that is known to be fine. A refusal at a level that was fine
before is only suspicious, for a service may refuse at random: it pauses, and one more
create asks again. A second refusal in a row confirms it, and so does a volley with
nothing accepted in it; then the limit is cut to a share of what is in flight: additive
increase and multiplicative decrease (Chiu and Jain, 1989) is what lets several clients
of one account share fairly. Every further one doubles the pause, and the first release
ends it, since a place may have come free. After a cut the limit returns quickly to
where it was, lingers, then explores faster the longer nothing refuses, as CUBIC does
(RFC 9438). A single refusal of a create that began before the last one is old news.

Guarded by tests/core/test_limit_simulation.py, which plays six kinds of service.

Invariants:
- 0 <= overdue <= under_way <= in_flight, and limit >= 1.
- Room is `limit - in_flight`, never negative, whatever was cut or raised.
- While the service asks to wait (Retry-After), there is no room in any mode.
- While creates wait, room comes back: at `wake_at`, or with a release (nothing in
  flight means room, as the limit is at least 1). So nobody starves.
"""

from __future__ import annotations

import math
from enum import Enum

from attrs import define

START = 4.0  # creates at once before anything is known; a refused burst stays small
HIGHEST = 4096.0  # tasks in flight per model, when nothing ever refuses
CUT = 0.9  # share kept after a confirmed refusal
RECOVERY = 2.0  # how fast a cut is made good: share of the gap per round of accepts
CALM_ROUNDS = 3.0  # rounds of accepts without a lesson until growth doubles per round
ECHOES = 3  # more of a volley refused, with none accepted between, are no accident
SHORTEST_PAUSE = 0.05  # seconds; a first refusal may be noise
LONGEST_PAUSE = 4.0  # seconds; through an outage, one probe in this time
LONGEST_OBEYED = 300.0  # seconds; a longer Retry-After is a fault, not a plan


class Mode(Enum):
    """See the table above."""

    STARTING = "starting"
    HALTED = "halted"
    CRUISING = "cruising"


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
    """

    limit: float = START
    in_flight: int = 0
    under_way: int = 0
    overdue: int = 0
    mode: Mode = Mode.STARTING
    _fine: int = 0  # highest level that was accepted since the last lesson
    _goal: float = 0.0  # limit before the last cut
    _calm: float = 0.0  # rounds of accepts since the last lesson
    _refused_in_a_row: int = 0  # lessons, not refusals
    _echoes: int = 0  # refusals of the same volley in a row
    _volley: int = 1  # creates that may be under way together, once refusals are known
    _confirmed: bool = False  # whether any refusal was ever confirmed
    _pause_until: float = float("-inf")
    _obey_until: float = float("-inf")  # as long as the service itself asked to wait
    _released: bool = False  # whether a release has ended a pause since the last accept
    _last_refusal: float = float("-inf")

    def room(self, now: float) -> int:
        """How many creates may start at `now`."""
        room = int(self.limit) - self.in_flight
        if now < self._obey_until:
            return 0
        if self.mode is Mode.HALTED:
            blocked = self._awaited or now < self._pause_until
            return 0 if blocked else min(1, max(0, room))
        if self._confirmed:  # many tasks seen to end at once must not make a volley
            room = min(room, self._volley - self._awaited)
        return max(0, room)

    def wake_at(self) -> float | None:
        """When a wait for a mere instant ends, which may be past; None without one."""
        if self.mode is Mode.HALTED:
            return None if self._awaited else self._pause_until
        return self._obey_until if math.isfinite(self._obey_until) else None

    @property
    def _awaited(self) -> int:
        """Creates whose answer is worth waiting for before the next one."""
        return self.under_way - self.overdue

    def start(self) -> None:
        """A create takes a permit."""
        self.in_flight += 1
        self.under_way += 1

    def accept(self) -> None:
        """The service took a create; its permit stays out until `release`."""
        self.under_way -= 1
        self._volley += 1
        self._refused_in_a_row = self._echoes = 0
        self._released = False
        self._fine = max(self._fine, self.in_flight - self.under_way)
        if self.mode is Mode.HALTED:
            self.mode = Mode.CRUISING if self._confirmed else Mode.STARTING
        # Growing while half the places are empty would prove nothing.
        if self.in_flight * 2 >= self.limit:
            self._calm += 1.0 / self.limit
            self.limit = min(HIGHEST, self.limit + self._step())

    def _step(self) -> float:
        """Growth for one accept; 1 would double the limit in a round of accepts."""
        if self.mode is Mode.STARTING:
            return 1.0
        cautious = 1.0 / self.limit
        recovering = RECOVERY * (self._goal - self.limit) / self.limit
        exploring = (self._calm / CALM_ROUNDS) ** 2
        return min(1.0, max(cautious, recovering, exploring))

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
            self._pause_until = max(self._pause_until, self._obey_until)
            self.mode = Mode.HALTED
        if started < self._last_refusal:
            self._echo()
            return
        self._last_refusal = now
        self._volley = 1
        self._refused_in_a_row += 1
        self._learn(self.in_flight - self.under_way)
        doubled = 2.0 ** min(self._refused_in_a_row - 1, 30)
        pause = min(LONGEST_PAUSE, SHORTEST_PAUSE * doubled)
        self._pause_until = max(self._obey_until, now + pause)
        self.mode = Mode.HALTED

    def _echo(self) -> None:
        """One more refusal out of the volley that was refused before."""
        self._echoes += 1
        if self._echoes == ECHOES:
            self._refused_in_a_row += 1
            self._learn(self.in_flight - self.under_way)

    def _learn(self, level: int) -> None:
        if self._refused_in_a_row > 1:
            if self._refused_in_a_row == 2:
                self._goal = self.limit
            self._confirmed = True
            self._fine = level
            self.limit = max(1.0, min(self.limit, level * CUT))
        elif level >= self._fine:
            self.limit = self._goal = max(1.0, float(level))
        else:
            return
        self._calm = 0.0

    def forget(self) -> None:
        """A create ended without telling anything about capacity; permit back."""
        self.under_way -= 1
        self.in_flight -= 1

    def release(self, now: float) -> None:
        """An accepted task is over; its permit is back.

        Where the cap is on tasks in flight, a place has just become free, so a pause
        ends here. Where it is not, the first probe after a release says so, and the
        pauses of this streak of refusals are kept.
        """
        self.in_flight -= 1
        if self.mode is Mode.HALTED and not self._released and now >= self._obey_until:
            self._released = True
            self._pause_until = min(self._pause_until, now)
