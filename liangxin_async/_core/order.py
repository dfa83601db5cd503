"""Who goes next: the order of service among creates that wait for a permit.

Pure: knows no clock, event loop or permit. What is counted is requests. The shell says
which models have room; the answer is the place that goes.

    1. Higher priority first. But a lower one that PASSED_AT_MOST requests in a row
       have passed, while it could have gone, goes next: nobody is overtaken for ever.
    2. Within a priority, round robin between keys: each key takes a turn, then waits
       for those that stand already. A newcomer waits for one turn of each at most.
    3. Within a key, first come first served.

Every model has a queue of its own, so that nobody pays in one for what he gets in
another. A turn is a round and a serial number. The round is counted over all queues,
as the virtual time of start-time fair queueing is (Goyal, Vin and Cheng, 1996), and
each request costs one; a key's turn is fixed when it begins to wait, and again when it
was served. So a turn is only ever passed by older ones, and giving a request up costs
its key nothing. Where queues share one pool of permits, a key that waits in several
takes its turns in successive rounds, so that many models do not mean many shares.

A request that was refused comes back to its place in its key's line, and the line to
the turn that it had lost for it.

Invariants:
- A line, a level or a key is remembered only while somebody of it waits.
- Heaps hold stale entries, but never more than live ones plus `_COMPACT_ABOVE`.
- A step costs O(log n) in the places that wait, times the few priorities in use.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable

PASSED_AT_MOST = 100  # in a row; leaves a flooded priority one request in 101
_COMPACT_ABOVE = 64  # entries that may be stale before a heap is rebuilt

Turn = tuple[int, int]  # round, serial number; the lower one goes first


@define(eq=False)
class Place:
    """Where one request stands, from its first wait until it is done with.

    Attributes:
        priority: higher goes first.
        key: whose request it is; requests of one key are served in order.
    """

    priority: int = 0
    key: Hashable = field(default=None, repr=False)
    _arrival: int = field(default=0, init=False)  # serial number of its first wait
    _turn: Turn | None = field(default=None, init=False)  # that it was granted in
    _passed: int = field(default=0, init=False)  # how often its level had been, then
    _line: _Line[Any] | None = field(default=None, init=False, repr=False)

    @property
    def is_waiting(self) -> bool:
        """Whether it stands in a queue."""
        return self._line is not None

    @property
    def has_gone(self) -> bool:
        """Whether nobody wants it any more, and `leave` is still to come."""
        return False

    def __lt__(self, other: Place) -> bool:
        return self._arrival < other._arrival


P = TypeVar("P", bound=Place)


@define(eq=False)
class _Line(Generic[P]):
    """The waiting places of one key in one level."""

    turn: Turn
    waiting: int = 0
    places: list[P] = field(factory=list)  # a heap; one that left has no line

    def __lt__(self, other: _Line[P]) -> bool:
        """Settle which of two entries of the same turn is the lower: one is stale."""
        return False

    def first(self) -> P:
        """Return the place that goes next; the line must not be empty."""
        while self.places[0]._line is not self:
            heapq.heappop(self.places)
        return self.places[0]

    def add(self, place: P) -> None:
        self.waiting += 1
        place._line = self
        heapq.heappush(self.places, place)

    def drop(self, place: P) -> None:
        self.waiting -= 1
        place._line = None
        if self.places[0] is place:
            heapq.heappop(self.places)
        if len(self.places) > 2 * self.waiting + _COMPACT_ABOVE:
            self.places = [each for each in self.places if each._line is self]
            heapq.heapify(self.places)


@define(eq=False)
class _Level(Generic[P]):
    """The waiting places of one priority in one queue."""

    priority: int
    passed: int = 0  # requests in a row that went before it, though it could have gone
    lines: dict[Hashable, _Line[P]] = field(factory=dict)
    turns: list[tuple[Turn, _Line[P]]] = field(factory=list)  # a heap

    def first(self) -> _Line[P]:
        """Return the line whose turn is next; the level must not be empty."""
        while not _is_live(self.turns[0]):
            heapq.heappop(self.turns)
        return self.turns[0][1]

    def schedule(self, line: _Line[P], turn: Turn) -> None:
        """Give `line` a turn, in place of the one it has."""
        line.turn = turn
        heapq.heappush(self.turns, (turn, line))
        self.tidy()

    def tidy(self) -> None:
        """Drop what is stale, once it is much."""
        if len(self.turns) > 2 * len(self.lines) + _COMPACT_ABOVE:
            self.turns = [entry for entry in self.turns if _is_live(entry)]
            heapq.heapify(self.turns)

    def rank(self) -> tuple[bool, int, Turn]:
        """The lowest goes first."""
        # The top level is never passed, so those that are owed a place run out.
        return (self.passed < PASSED_AT_MOST, -self.priority, self.first().turn)


def _is_live(entry: tuple[Turn, _Line[Any]]) -> bool:
    turn, line = entry
    return line.waiting > 0 and line.turn is turn


@define(eq=False)
class Queue(Generic[P]):
    """Those who wait for one model. Made by `Order.queue`."""

    waiting: int = 0
    _levels: dict[int, _Level[P]] = field(factory=dict)


@define(eq=False)
class Order(Generic[P]):
    """The order of service of one session.

    Args:
        pooled: whether the queues take from one pool of permits, besides what each
            of them is limited by.
    """

    pooled: bool = False
    _round: int = 0  # the latest that was granted in
    _serial: int = 0
    _lines: dict[tuple[int, Hashable], set[_Line[P]]] = field(factory=dict)  # if pooled

    def join(self, queue: Queue[P], place: P) -> None:
        """`place` begins to wait in `queue`, or waits again after a refusal there."""
        if not place._arrival:
            place._arrival = self._next_serial()
        level = queue._levels.get(place.priority)
        if level is None:
            level = queue._levels[place.priority] = _Level(place.priority)
        line = level.lines.get(place.key)
        if line is None:
            turn = place._turn or self._next_turn(place)
            line = level.lines[place.key] = _Line(turn)
            level.schedule(line, turn)
            if self.pooled:
                self._lines.setdefault((place.priority, place.key), set()).add(line)
        elif place._turn is not None and place._turn < line.turn:
            level.schedule(line, place._turn)
        level.passed = max(level.passed, place._passed)  # what it got came to nothing
        line.add(place)
        queue.waiting += 1

    def leave(self, queue: Queue[P], place: P) -> None:
        """`place`, which waits in `queue`, gives up."""
        self._remove(queue, queue._levels[place.priority], place)

    def take(self, queues: Collection[Queue[P]]) -> P | None:
        """Grant the next place out of `queues`; None when nobody waits in them."""
        while True:
            levels = [(lv, queue) for queue in queues for lv in queue._levels.values()]
            if not levels:
                return None
            level, queue = min(levels, key=lambda found: found[0].rank())
            place = level.first().first()
            if not place.has_gone:
                break
            self.leave(queue, place)
        turn, line = heapq.heappop(level.turns)
        if place._turn is None:  # one that was refused has passed the others before
            place._turn = turn
            for other, _ in levels:
                other.passed += other.priority < level.priority
        place._passed, level.passed = level.passed, 0
        self._round = max(self._round, turn[0])
        self._remove(queue, level, place)
        if line.waiting:
            level.schedule(line, self._next_turn(place))
        return place

    def _remove(self, queue: Queue[P], level: _Level[P], place: P) -> None:
        line = level.lines[place.key]
        line.drop(place)
        queue.waiting -= 1
        if line.waiting:
            return
        del level.lines[place.key]
        level.tidy()
        if not level.lines:
            del queue._levels[place.priority]
        if self.pooled:
            lines = self._lines[place.priority, place.key]
            lines.discard(line)
            if not lines:
                del self._lines[place.priority, place.key]

    def _next_turn(self, place: P) -> Turn:
        """A turn in the next round; or later, where the pool owes the key others."""
        latest = self._round
        for line in self._lines.get((place.priority, place.key), ()):
            latest = max(latest, line.turn[0])
        return (latest + 1, self._next_serial())

    def _next_serial(self) -> int:
        self._serial += 1
        return self._serial
