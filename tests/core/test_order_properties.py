"""What holds for every course of arrivals, grants, refusals and cancellations."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from attrs import define, field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from liangxin_async._core import order as module
from liangxin_async._core.order import Order, Place, Queue

MODELS = 2
PASSED = 4  # instead of the real figure, so that short courses reach it

courses = st.lists(
    st.one_of(
        st.tuples(
            st.just("join"),
            st.integers(0, MODELS - 1),
            st.sampled_from([0, 0, 0, -1, 1]),
            st.sampled_from("aabc"),
        ),
        st.tuples(st.just("take"), st.sampled_from([(0,), (1,), (0, 1), (0, 1)])),
        st.tuples(st.sampled_from(["leave", "vanish", "refuse"]), st.integers(0, 9)),
    ),
    max_size=60,
)
thorough = settings(
    max_examples=120,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


@define(eq=False)
class Request(Place):
    """A place that knows what has become of it."""

    model: int = 0
    index: int = 0
    gone: bool = False
    granted_at: int | None = None  # count of grants at its first one
    stands_first_since: int | None = None  # count of grants, once it headed its key
    beside: frozenset[Any] = frozenset()  # the keys that waited then, in its level
    passed_by: set[Request] = field(factory=set)  # that were first granted since
    excused: Counter[Any] = field(
        factory=Counter
    )  # grants that came to nothing, by key

    @property
    def has_gone(self) -> bool:
        return self.gone

    @property
    def level(self) -> tuple[int, int]:
        return (self.model, self.priority)


@define(eq=False)
class Course:
    """Plays a course, and checks each grant against everything that waits."""

    pooled: bool
    order: Order[Request] = field(init=False)
    queues: list[Queue[Request]] = field(init=False)
    waiting: list[Request] = field(factory=list)
    out: list[Request] = field(factory=list)  # granted, and not judged
    passes: Counter[tuple[int, int]] = field(factory=Counter)  # by level, in a row
    lost: dict[Request, int] = field(factory=dict)  # passes of a level, before a grant
    grants: int = 0
    joined: int = 0

    def __attrs_post_init__(self) -> None:
        self.order = Order(pooled=self.pooled)
        self.queues = [Queue() for _ in range(MODELS)]

    def play(self, step: tuple[Any, ...]) -> None:
        getattr(self, step[0])(*step[1:])
        self.see_who_stands_first()
        for model, queue in enumerate(self.queues):
            assert queue.waiting == sum(each.model == model for each in self.waiting)

    def join(self, model: int, priority: int, key: str) -> None:
        self.joined += 1
        request = Request(priority, key, model, self.joined)
        self.order.join(self.queues[model], request)
        self.waiting.append(request)

    def leave(self, number: int) -> None:
        if self.waiting:
            request = self.waiting.pop(number % len(self.waiting))
            self.order.leave(self.queues[request.model], request)
            self.left(request)

    def vanish(self, number: int) -> None:
        """As `leave`, but the order learns it when it comes to it."""
        if self.waiting:
            self.waiting[number % len(self.waiting)].gone = True

    def left(self, request: Request) -> None:
        if request.granted_at is not None:
            for each in self.waiting:
                each.excused[request.key] += 1
        if not self.of(request.level):
            self.passes[request.level] = 0

    def refuse(self, number: int) -> None:
        if self.out:
            request = self.out.pop(number % len(self.out))
            level = request.level
            self.passes[level] = max(self.passes[level], self.lost[request])
            request.stands_first_since = None
            self.order.join(self.queues[request.model], request)
            for each in self.waiting:
                each.passed_by.discard(request)
            self.waiting.append(request)

    def of(self, level: tuple[int, int]) -> list[Request]:
        return [each for each in self.waiting if each.level == level]

    def see_who_stands_first(self) -> None:
        for each in self.waiting:
            line = [o for o in self.of(each.level) if o.key == each.key and not o.gone]
            first = line and min(line, key=lambda o: o.index)
            if each is not first:
                each.stands_first_since = None
            elif each.stands_first_since is None:
                each.stands_first_since = self.grants
                each.beside = frozenset(o.key for o in self.of(each.level))
                each.passed_by = set()
                each.excused = Counter()

    def take(self, models: tuple[int, ...]) -> None:
        before = list(self.waiting)
        taken = self.order.take([self.queues[model] for model in models])
        for each in before:
            if each.gone and not each.is_waiting:
                self.waiting.remove(each)
                self.left(each)
        ready = [each for each in self.waiting if each.model in models]
        if taken is None:
            assert not ready
            return
        self.grants += 1
        assert taken in ready
        assert not taken.gone
        self.waiting.remove(taken)
        self.check_priority(taken, ready)
        self.check_key(taken, ready)
        if taken.granted_at is None:
            taken.granted_at = self.grants
            self.count_passes(taken, ready)
        self.lost[taken], self.passes[taken.level] = self.passes[taken.level], 0
        self.check_turns(taken)
        self.out.append(taken)

    def check_priority(self, taken: Request, ready: list[Request]) -> None:
        highest = max(each.priority for each in ready)
        owed = [each for each in ready if self.passes[each.level] >= PASSED]
        if owed:
            assert self.passes[taken.level] >= PASSED
            highest = max(each.priority for each in owed)
        assert taken.priority == highest

    def count_passes(self, taken: Request, ready: list[Request]) -> None:
        for level in {each.level for each in ready}:
            self.passes[level] += level[1] < taken.priority

    def check_key(self, taken: Request, ready: list[Request]) -> None:
        """First come, first served; a refused one is among the first again."""
        same = [o for o in ready if (o.key, o.level) == (taken.key, taken.level)]
        assert min(o.index for o in same if not o.gone) == taken.index

    def check_turns(self, taken: Request) -> None:
        """No key is served twice while the first of another waits.

        Unless a grant of it from before came back; and where models share one pool,
        a key waits as many rounds as it has models.
        """
        for each in self.of(taken.level):
            since = each.stands_first_since
            if since is None or each.key == taken.key or each.gone:
                continue
            assert taken.granted_at is not None
            if taken.granted_at > since:
                each.passed_by.add(taken)
            times = sum(o.key == taken.key for o in each.passed_by)
            free = times - each.excused[taken.key]
            assert free <= (MODELS if self.pooled else taken.key in each.beside)


@pytest.fixture(autouse=True)
def few_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PASSED_AT_MOST", PASSED)


@pytest.mark.parametrize("pooled", [False, True])
def test_every_course_keeps_the_order(pooled: bool) -> None:
    """Priority, turns and arrival decide each grant; all are served in the end."""

    @thorough
    @given(courses)
    def play(steps: list[tuple[Any, ...]]) -> None:
        course = Course(pooled)
        for step in steps:
            course.play(step)
        while course.waiting:
            course.play(("take", (0, 1)))
        assert course.order.take(course.queues) is None
        assert not course.order._lines
        assert not any(queue._levels for queue in course.queues)

    play()
