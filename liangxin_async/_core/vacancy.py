"""How many places have probably come free since a service was last full.

Pure: knows no clock, event loop or HTTP. Instants are monotonic seconds, given in.

A refusal tells one thing exactly: at that instant no place was free. Afterwards places
come free as tasks end, and two things tell of how many:

- Time. Ends come about as often as they were seen to come lately. Of n that are due
  since the refusal, the true number differs by about the square root of n: a good word
  at once, and a worse one with every end.
- The level, which is the number of accepted tasks whose end was not seen. A service is
  full at a certain level on average, the edge. That is above its cap, as ends are seen
  late. Each task fewer is a place, but for the chance of how many ends are unseen: if
  those are U on average, by about the square root of U, at any time.

Each is believed by how little it errs, as in a Kalman filter: time by U / (U + n), the
level by the rest. The estimate errs by the square root of U n / (U + n). One more
create is sure of a place when the estimate, less some of that error, is one.

The numbers of ends are those of independent events (Poisson), for which the variance
is the mean. The edge is learned: the mean of the levels at which creates were refused,
and a little more for each that was taken, as the next may be as well.

Two rules beside. Below every level that was refused lately there is a place without
reckoning. And where refusals come thick and fast, a cap is falling, or others take what
comes free: then more ends are wanted for each place.
"""

from __future__ import annotations

import math

from attrs import define

SURE = 0.74  # standard errors by which the estimate is taken lower
PLACE = 0.9  # what must be free for one more create, less that
UNSEEN = 0.1  # share of a level whose end was not seen: the poller's usual lag
FEWEST_UNSEEN = 0.5
LESSON = 0.25  # weight of the newest refused level in the edge
GROWTH = 0.03  # what an accept adds to the edge,
FLOOR_GROWTH = 0.04  # and to the floor
FLOOR = 0.75  # so far above the floor there is a place without reckoning
BEAT_MEMORY = 0.05  # weight of the last time between two ends
FIRST_BEATS = 5  # times between ends after which an unusual one is cut short
OUTLIER = 5.0  # times the usual time between ends; more counts as so much
RECENT = (
    1.85  # times the root of the edge: accepts after which a lesson counts for a third
)
USUAL = 1.2  # so many recent lessons are nothing unusual; for each one more,
CAUTION = 0.6  # so many more ends are wanted for a place,
DROP = 0.06  # and the floor lies by so large a share of the level lower
MANY = 3.0  # so many recent lessons, and a cap is falling

_LATE = 1 - 1e-9  # a weight of the level that is reached after no bounded time


@define
class Vacancy:
    """See the module.

    Attributes:
        edge: level at which the service is full on average.
    """

    edge: float = 1.0
    _full_at: float = -math.inf
    _level: int = 0  # when it was full
    _ended: int = 0  # tasks seen to end since
    _former: tuple[float, int, int] = (-math.inf, 0, 0)
    _beat: float = 0.0  # usual seconds between two ends; 0 while unknown
    _beats: int = 0
    _last_end: float = -math.inf
    _floor: float = 0.0  # lowest level that was refused lately
    _lessons: float = 0.0  # recent ones

    @property
    def unseen(self) -> float:
        """Ends that nobody has seen, on average."""
        return max(FEWEST_UNSEEN, UNSEEN * self.edge)

    @property
    def most(self) -> float:
        """Highest level that the estimate ever allows."""
        return self.edge + self.unseen - SURE * math.sqrt(self.unseen) + 1 - PLACE

    # -------------------------------------------------------------- what has happened

    def full(self, now: float, level: int, *, again: bool) -> None:
        """There was no place at `now`.

        Args:
            now: this instant.
            level: accepted tasks whose end was not seen.
            again: whether this confirms the word before, which can then not be taken
                back.
        """
        if not again:
            self._former = self._full_at, self._level, self._ended
        self._full_at, self._level, self._ended = now, level, 0

    def doubted(self) -> None:
        """The service may not have been full: the word of `full` is taken back."""
        ended = self._ended
        self._full_at, self._level, self._ended = self._former
        self._ended += ended

    def ended(self, now: float) -> None:
        """A task was seen to end."""
        self._ended += 1
        between, self._last_end = now - self._last_end, now
        if math.isfinite(between):
            self._beats += 1
            if self._beats > FIRST_BEATS:
                between = min(between, OUTLIER * self._beat)
            weight = max(BEAT_MEMORY, 1 / self._beats)
            self._beat += (between - self._beat) * weight

    # ---------------------------------------------------------------- what is learned

    def taken(self) -> None:
        """A create was taken: lessons fade."""
        self._lessons *= 1 - min(1.0, 1 / (RECENT * math.sqrt(self.edge)))

    def grow(self) -> None:
        """A create was taken while most places were in use."""
        self.edge += GROWTH
        self._floor = min(self.edge, self._floor + FLOOR_GROWTH)

    def found(self, level: int) -> None:
        """A create was refused at this level, the first after exploring."""
        self._lessons += 1
        self.edge, self._floor = level + 0.5, level

    def lesson(self, level: int, *, again: bool) -> None:
        """A create was refused at this level.

        Args:
            level: accepted tasks whose end was not seen, at least 1.
            again: whether the one before was refused as well.
        """
        self._lessons += 1
        self._floor = min(self._floor, level * (1 - DROP * self._unusual))
        self.edge += (level - self.edge) * LESSON
        if again:
            self.edge = min(self.edge, level + 0.5)
        self.edge = max(1.0, self.edge)

    # -------------------------------------------------------------------- the estimate

    def sure_at(self, in_flight: int) -> float:
        """The instant from which on one more create is sure of a place.

        In the past where it is so already; infinite where only an end can change it.

        Args:
            in_flight: creates under way, and tasks whose end was not seen.
        """
        sent = in_flight - (self._level - self._ended)  # since it was full
        unseen, wanted = self.unseen, sent + PLACE
        doubt = SURE * math.sqrt(unseen)
        below = self._ended + self.edge - self._level
        if not self._beat or not math.isfinite(self._full_at):
            return -math.inf if below - doubt >= wanted else math.inf
        # With w for the weight of the level, wanted = w (unseen + below) - doubt √w.
        whole = unseen + below
        if whole <= 0:
            return math.inf
        root = (doubt + math.sqrt(doubt**2 + 4 * whole * wanted)) / (2 * whole)
        weight = root**2
        if weight >= _LATE:
            return math.inf
        due = unseen * weight / (1 - weight) * (1 + CAUTION * self._unusual)
        # Who was idle knows no beat of now; what was seen to end has ended.
        return -math.inf if self._ended >= due else self._full_at + due * self._beat

    def is_low(self, in_flight: int) -> bool:
        """Whether one more create stays below whatever was refused lately."""
        return in_flight + 1 <= self._floor + FLOOR

    @property
    def is_falling(self) -> bool:
        """Whether lessons come thick and fast, as with a falling cap."""
        return self._lessons >= MANY

    @property
    def _unusual(self) -> float:
        """Recent lessons beyond the usual number."""
        return max(0.0, self._lessons - USUAL)
