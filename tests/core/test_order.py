"""The order of service: priority, turns between keys, and nobody passed for ever."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from attrs import define, field

from liangxin_async._core.order import PASSED_AT_MOST, Order, Place, Queue


@define(eq=False)
class Name(Place):
    """A place with a name, for lists that can be read."""

    name: str = ""
    gone: bool = False

    @property
    def has_gone(self) -> bool:
        return self.gone


@define(eq=False)
class Shop:
    """An order with one queue, or several."""

    pooled: bool = False
    order: Order[Name] = field(init=False)
    queues: dict[str, Queue[Name]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.order = Order(pooled=self.pooled)

    def queue(self, model: str) -> Queue[Name]:
        return self.queues.setdefault(model, Queue())

    def join(
        self, names: str, priority: int = 0, key: Any = None, model: str = "m"
    ) -> list[Name]:
        """Let one place for each word wait; without `key`, its first letter is it."""
        places = [Name(priority, key or word[0], word) for word in names.split()]
        for place in places:
            self.order.join(self.queue(model), place)
        return places

    def back(self, place: Name, model: str = "m") -> None:
        self.order.join(self.queue(model), place)

    def leave(self, place: Name, model: str = "m") -> None:
        self.order.leave(self.queue(model), place)

    def take(self, models: Iterable[str] = ("m",)) -> Name:
        place = self.order.take([self.queue(model) for model in models])
        assert place is not None
        return place

    def serve(self, count: int, models: Iterable[str] = ("m",)) -> str:
        return " ".join(self.take(models).name for _ in range(count))

    def rest(self, models: Sequence[str] = ("m",)) -> str:
        waiting = sum(self.queue(model).waiting for model in models)
        names = self.serve(waiting, models)
        assert self.order.take([self.queue(model) for model in models]) is None
        return names

    @property
    def is_forgotten(self) -> bool:
        queues = self.queues.values()
        return not self.order._lines and not any(queue._levels for queue in queues)


def row(letter: str, count: int) -> str:
    return " ".join(f"{letter}{index}" for index in range(count))


def test_place_that_left_in_the_middle_of_its_line_is_passed_over() -> None:
    """Those behind it move up."""
    shop = Shop()
    _, second, _ = shop.join("a1 a2 a3")
    shop.leave(second)
    assert shop.rest() == "a1 a3"
    assert shop.is_forgotten


# ---------------------------------------------------------------------------- keys


def test_one_key_is_served_in_order_of_arrival() -> None:
    """Whoever names no key finds what he had: first come, first served."""
    shop = Shop()
    shop.join("a b c", key="same")
    shop.join("d", key="same")
    assert shop.rest() == "a b c d"
    assert shop.is_forgotten


def test_keys_take_turns() -> None:
    """Each key gets one before any gets its second, in order of first arrival."""
    shop = Shop()
    shop.join("a1 a2 a3 b1 b2 c1")
    assert shop.rest() == "a1 b1 c1 a2 b2 a3"


@pytest.mark.parametrize("served", [0, 1, 2, 20, 39])
def test_newcomer_goes_second_at_the_latest(served: int) -> None:
    """However many of another's 40 were served before: one more, then the first."""
    shop = Shop()
    shop.join(row("a", 40))
    shop.serve(served)
    shop.join("b")
    assert shop.serve(2).endswith("b")


def test_newcomers_pass_nobody() -> None:
    """An endless stream of new keys, one request each, does not hold up a second."""
    shop = Shop()
    shop.join("a1 a2")
    assert shop.take().name == "a1"
    for index in range(50):
        shop.join(f"n{index}", key=index + 1)
    assert shop.take().name == "a2"


def test_key_none_is_one_key_among_others() -> None:
    """All that name no key share one, and it takes turns with the rest."""
    shop = Shop()
    for name, key in [("x", None), ("y", None), ("z", None), ("b", "b")]:
        shop.order.join(shop.queue("m"), Name(0, key, name))
    assert shop.rest() == "x b y z"


def test_returning_key_gains_and_loses_nothing() -> None:
    """A key that was idle is as a new one: no credit for rest, no debt for past."""
    shop = Shop()
    shop.join(row("a", 10))
    shop.rest()
    shop.join("b1 b2 a1 a2")
    assert shop.rest() == "b1 a1 b2 a2"


def test_queues_know_nothing_of_each_others_turns() -> None:
    """What a key got of one model costs it nothing at another one."""
    shop = Shop()
    shop.join(row("a", 30), model="fast")
    shop.join("a1 a2 b1 b2", model="slow")
    shop.serve(30, ["fast"])
    assert shop.rest(["slow"]) == "a1 b1 a2 b2"


def test_busy_queue_lends_no_second_turn_elsewhere() -> None:
    """The rounds of a busy model pass; in a slow one, the turns are as they were."""
    shop = Shop()
    shop.join("a1 a2 a3", model="slow")
    shop.join(row("c", 30), model="fast")
    shop.serve(30, ["fast"])
    shop.join("b", model="slow")
    assert shop.serve(2, ["slow"]) == "a1 b"


# ---------------------------------------------------------------------------- pool


def test_pool_gives_each_key_one_share_however_many_models() -> None:
    """Places in common: three models do not give one user three shares."""
    shop = Shop(pooled=True)
    models = ("x", "y", "z")
    for model in models:
        shop.join(row("a", 20), model=model)
    shop.join(row("b", 20), model="x")
    served = shop.serve(30, models).split()
    assert sum(name.startswith("b") for name in served) in (14, 15, 16)


def test_pool_newcomer_goes_second_at_the_latest() -> None:
    """Also where the other one's requests are for several models."""
    shop = Shop(pooled=True)
    models = ("x", "y", "z")
    for model in models:
        shop.join(row("a", 20), model=model)
    shop.serve(7, models)
    shop.join("b", model="x")
    assert "b" in shop.serve(2, models).split()


def test_pool_newcomers_pass_nobody() -> None:
    """An endless stream of new keys does not hold up one that waits in two models."""
    shop = Shop(pooled=True)
    for model in "xy":
        shop.join(row("a", 5), model=model)
    shop.serve(6, "xy")
    served = ""
    for index in range(12):
        shop.join("n", key=index + 1, model="x")
        served += shop.take("xy").name
    assert served.count("a") == 4


def test_pool_of_one_key_serves_all_its_models() -> None:
    """A single user's models take turns, and none is left out."""
    shop = Shop(pooled=True)
    for model in "xyz":
        shop.join(f"{model}0 {model}1", key="a", model=model)
    assert sorted(shop.serve(3, "xyz").split()) == ["x0", "y0", "z0"]
    shop.rest("xyz")
    assert shop.is_forgotten


def test_pool_does_not_charge_for_what_stands_still() -> None:
    """Waiting for a saturated model costs one turn elsewhere, not one each time."""
    shop = Shop(pooled=True)
    shop.join("a", model="stuck")
    shop.join(row("a", 20), model="x")
    shop.join(row("b", 20), model="x")
    served = shop.serve(20, ["x"]).split()
    assert sum(name.startswith("b") for name in served) in (10, 11)


# ------------------------------------------------------------------------ priority


def test_higher_priority_goes_first_whatever_the_turns() -> None:
    """Within one key and between keys, and however late it comes."""
    shop = Shop()
    shop.join("a1 a2 b1", priority=-1)
    shop.join("a3", priority=0)
    shop.join("c1", priority=7)
    assert shop.rest() == "c1 a3 a1 b1 a2"


def test_large_backlog_of_low_priority_holds_up_nobody() -> None:
    """However many wait below and for however long: the next one is the higher."""
    shop = Shop()
    shop.join(row("b", 20_000), priority=-1)
    shop.serve(15_000)
    shop.join("i")
    assert shop.take().name == "i"


def flood(shop: Shop, count: int, priority: int = 0, model: str = "m") -> str:
    """Let `count` requests of this priority come and be served one by one."""
    names = []
    for _ in range(count):
        shop.join("i", priority, model=model)
        names.append(shop.take([model]).name)
    return "".join(names)


def test_low_priority_gets_one_after_so_many_in_a_row() -> None:
    """A flood leaves the lower priority one of 101, again and again."""
    shop = Shop()
    shop.join(row("b", 9), priority=-1)
    shop.join(row("i", 5 * PASSED_AT_MOST))
    served = shop.serve(4 * (PASSED_AT_MOST + 1)).split()
    low = [at for at, name in enumerate(served, 1) if name.startswith("b")]
    assert low == [turn * (PASSED_AT_MOST + 1) for turn in (1, 2, 3, 4)]


def test_low_priority_that_is_served_in_between_is_owed_nothing() -> None:
    """Only passing in a row counts: a trickle above never waits for a second one."""
    shop = Shop()
    shop.join(row("b", 3 * PASSED_AT_MOST), priority=-1)
    for _ in range(3 * PASSED_AT_MOST):
        shop.join("i")
        assert shop.serve(2).startswith("i b")


def test_each_of_very_many_priorities_gets_its_own_in_the_end() -> None:
    """Also where there are more priorities than may pass one in a row."""
    shop = Shop()
    count = 3 * PASSED_AT_MOST
    for priority in range(count):
        shop.join(f"{priority} {priority}", priority, key="same")
    served = set()
    for _ in range(2 * count):
        name = shop.take().name
        served.add(name)
        shop.join(name, priority=int(name), key="same")
    assert len(served) == count


def test_one_more_priority_is_no_way_around_it() -> None:
    """A higher priority that is owed one passes a lower one as any other would."""
    shop = Shop()
    shop.join("y", priority=-1)
    flood(shop, PASSED_AT_MOST)
    shop.join("x", priority=-2)
    assert shop.take().name == "y"
    assert flood(shop, PASSED_AT_MOST - 1) == "i" * (PASSED_AT_MOST - 1)
    shop.join("i")
    assert shop.rest() == "x i"


def test_only_what_could_have_gone_was_passed() -> None:
    """While its model has no room, nothing passes a place that waits for it."""
    shop = Shop(pooled=True)
    shop.join("b", priority=-1, model="stuck")
    flood(shop, 2 * PASSED_AT_MOST, model="fast")
    shop.join("i", model="stuck")
    assert shop.serve(2, ["fast", "stuck"]) == "i b"


def test_pool_counts_passing_over_all_that_have_room() -> None:
    """Of several models with room, one that never gets the place is owed it."""
    shop = Shop(pooled=True)
    shop.join("b", priority=-1, model="x")
    for _ in range(PASSED_AT_MOST):
        shop.join("i", model="y")
        assert shop.take("xy").name == "i"
    shop.join("i", model="y")
    assert shop.serve(2, "xy") == "b i"


# ------------------------------------------------------------------------- refusals


def test_refused_keeps_its_place_among_keys_and_in_its_own() -> None:
    """It goes before its key's later ones, and before those who came after it."""
    shop = Shop()
    shop.join("a1 a2 b1")
    first = shop.take()
    shop.join("c1")
    shop.back(first)
    assert shop.rest() == "a1 b1 c1 a2"


def test_refused_goes_before_those_it_went_before() -> None:
    """Also where it was its key's only one, and others have waited all along."""
    shop = Shop()
    shop.join("a b c")
    shop.back(shop.take())
    assert shop.rest() == "a b c"


def test_refused_volley_comes_back_in_order() -> None:
    """Several that were refused go again as they went, in whatever order they came."""
    shop = Shop()
    shop.join("a1 a2 b1 b2 c1")
    volley = [shop.take() for _ in range(4)]
    for place in reversed(volley):
        shop.back(place)
    assert shop.rest() == "a1 b1 c1 a2 b2"


def test_refused_volley_of_one_key_does_not_hold_up_a_newcomer() -> None:
    """Of many that come back at once, one goes before another user's first."""
    shop = Shop()
    shop.join(row("a", 10))
    volley = [shop.take() for _ in range(9)]
    shop.join("b")
    for place in volley:
        shop.back(place)
    assert shop.serve(4) == "a0 b a1 a2"


def test_refused_again_and_again_passes_the_rest_once() -> None:
    """A probe that is repeated in an outage is one request, not a flood."""
    shop = Shop()
    shop.join("b", priority=-1)
    (probe,) = shop.join("i")
    for _ in range(3 * PASSED_AT_MOST):
        assert shop.take() is probe
        shop.back(probe)


def test_refused_grant_that_was_owed_is_still_owed() -> None:
    """A low priority whose rare turn met a 429 gets it again."""
    shop = Shop()
    shop.join("b1 b2", priority=-1)
    flood(shop, PASSED_AT_MOST)
    owed = shop.take()
    assert owed.name == "b1"
    shop.join("i")
    shop.back(owed)
    assert shop.rest() == "b1 i b2"


def test_refused_twice_meets_an_entry_of_its_own_first_turn() -> None:
    """A turn may stand in the heap twice, once stale; then either may be the lower."""
    shop = Shop()
    a0, a1, a2 = shop.join("a0 a1 a2")
    assert [shop.take(), shop.take()] == [a0, a1]
    shop.join("b")
    shop.back(a1)
    shop.back(a0)
    shop.leave(a0)
    assert shop.take() is a1
    shop.leave(a2)
    shop.back(a1)
    assert shop.rest() == "a1 b"


# ------------------------------------------------------------------------- leaving


def test_leaving_costs_the_key_nothing() -> None:
    """Forty that were called off do not push the forty-first to the end."""
    shop = Shop()
    places = shop.join(row("a", 40))
    shop.join("b1 b2 b3")
    for place in places:
        shop.leave(place)
    shop.join("a40")
    assert shop.rest() == "b1 a40 b2 b3"


def test_leaving_first_hands_the_turn_to_the_next_of_the_key() -> None:
    """The turn is the key's, and its next request takes it."""
    shop = Shop()
    first, *_ = shop.join("a1 a2 a3 b1")
    shop.leave(first)
    assert not first.is_waiting
    assert shop.rest() == "a2 b1 a3"


def test_leaving_after_a_refusal_leaves_the_rest_in_order() -> None:
    """A refused one that gives up while it waits again is out, with its turn."""
    shop = Shop()
    shop.join("a1 b1")
    first = shop.take()
    shop.back(first)
    shop.leave(first)
    shop.join("a2")
    assert shop.rest() == "b1 a2"
    assert shop.is_forgotten


def test_place_that_has_gone_is_passed_over() -> None:
    """Cancelled in this very step: it gets no grant, and its key keeps the turn."""
    shop = Shop()
    first, second, *_ = shop.join("a1 a2 a3 b1")
    first.gone = second.gone = True
    assert shop.serve(2) == "a3 b1"
    assert not first.is_waiting
    assert shop.is_forgotten


def test_queue_of_those_that_have_gone_gives_none() -> None:
    """Nobody is left, and nothing of them is kept."""
    shop = Shop(pooled=True)
    for place in shop.join("a b"):
        place.gone = True
    assert shop.order.take([shop.queue("m")]) is None
    assert shop.is_forgotten


# -------------------------------------------------------------------------- bounds


def test_idle_keys_are_forgotten() -> None:
    """A bot with many users keeps nothing of those who do not wait."""
    shop = Shop(pooled=True)
    shop.join("z")
    for index in range(1000):
        (place,) = shop.join("u", key=index + 1)
        if index % 2:
            shop.leave(place)
        else:
            assert shop.take().name in "uz"
    (level,) = shop.queue("m")._levels.values()
    assert len(level.lines) <= 2
    assert len(level.turns) < 100


def test_keys_that_gave_up_are_forgotten() -> None:
    """Thousands of users who all left keep nothing for the one who stays."""
    shop = Shop()
    places = [shop.join("u", key=index + 1)[0] for index in range(5000)]
    for place in places[1:]:
        shop.leave(place)
    (level,) = shop.queue("m")._levels.values()
    assert len(level.turns) < 100
    assert shop.rest() == "u"


def test_abandoned_places_are_forgotten() -> None:
    """One that stays does not keep thousands that gave up behind it."""
    shop = Shop()
    shop.join("a0")
    for place in shop.join(row("a", 5000)):
        shop.leave(place)
    (level,) = shop.queue("m")._levels.values()
    assert len(level.lines["a"].places) < 100
    assert shop.rest() == "a0"


def test_place_that_is_refused_for_ever_leaves_no_trace() -> None:
    """Entries of earlier turns do not pile up behind one that never gets through."""
    shop = Shop()
    shop.join("a0 a1")
    for _ in range(1000):
        shop.back(shop.take())
    (level,) = shop.queue("m")._levels.values()
    assert len(level.turns) < 100
    assert len(level.lines["a"].places) < 100


def test_step_costs_the_logarithm_of_the_waiting() -> None:
    """Ten thousand waiters are served with a few comparisons for each."""
    compared = 0

    class Counting(Name):
        def __lt__(self, other: Place) -> bool:
            nonlocal compared
            compared += 1
            return Name.__lt__(self, other)

    order: Order[Counting] = Order()
    queue: Queue[Counting] = Queue()
    for index in range(10_000):
        order.join(queue, Counting(0, index % 3))
    while order.take([queue]) is not None:
        pass
    assert compared < 10_000 * 2 * math.log2(10_000)


def test_plain_place_stays_until_it_leaves() -> None:
    """A place need not be more than its priority and its key."""
    order: Order[Place] = Order()
    queue: Queue[Place] = Queue()
    places = [Place(), Place(priority=1), Place()]
    for place in places:
        order.join(queue, place)
    order.leave(queue, places[0])
    assert [order.take([queue]) for _ in range(3)] == [places[1], places[2], None]


def test_key_is_not_shown() -> None:
    """It may name a person."""
    assert "someone" not in repr(Place(0, "someone"))
