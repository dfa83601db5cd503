"""Which calls a fault strikes, and what a scenario refuses to be."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from liangxin_async.emulator import (
    Family,
    Fault,
    Fixed,
    InFlight,
    Lognormal,
    Refusal,
    Scenario,
    ScenarioError,
    Uniform,
)
from tests.emulator.caller import Play


@pytest.mark.parametrize(
    ("nth", "every", "struck"),
    [
        (None, None, [1, 2, 3, 4, 5, 6]),
        (1, None, [1]),
        (4, None, [4]),
        ((2, 4), None, [2, 3, 4]),
        (None, 3, [3, 6]),
        ((2, 6), 2, [3, 5]),
        ([3, 3], None, [3]),
    ],
)
def test_fault_is_due_at_chosen_calls(nth: Any, every: Any, struck: list[int]) -> None:
    """`nth` picks a call, a range or all; `every` thins them out."""
    fault = Fault(route="create", kind="html_500", nth=nth, every=every)
    assert [call for call in range(1, 7) if fault.is_due(call)] == struck


@pytest.mark.anyio
async def test_fault_with_match_counts_only_its_prompt(play: Play) -> None:
    """Calls for other prompts do not count."""
    fault = Fault(route="create", kind="html_500", nth=2, match="cat")
    caller = await play(Scenario(faults=[fault]))
    prompts = ["a cat", "a dog", "a dog", "one cat", "last cat"]
    statuses = [(await caller.create(p)).status for p in prompts]
    assert statuses == [200, 200, 200, 500, 200]


@pytest.mark.anyio
async def test_fault_with_match_of_task_id_strikes_that_task(play: Play) -> None:
    """A query fault can be for one task id."""
    caller = await play()
    one, two = await caller.made(), await caller.made()
    fault = Fault(route="query", kind="html_502", match=one)
    await caller.emulator.play(Scenario(faults=[fault]))
    assert [(await caller.query(i)).status for i in (one, two)] == [502, 200]


@pytest.mark.anyio
async def test_fault_with_each_counts_per_task(play: Play) -> None:
    """The first two queries of every task are not found, later ones are."""
    fault = Fault(route="query", kind="not_found", nth=(1, 2), each=True)
    caller = await play(Scenario(faults=[fault]))
    ids = [await caller.made(str(n)) for n in range(2)]
    codes = [[(await caller.query(i)).json["code"] for _ in range(3)] for i in ids]
    assert codes == [[422, 422, 200]] * 2


@pytest.mark.anyio
async def test_fault_on_create_with_each_counts_per_request(play: Play) -> None:
    """Equal requests share a count, others have their own."""
    fault = Fault(route="create", kind="model_not_found", nth=1, each=True)
    caller = await play(Scenario(faults=[fault]))
    prompts = ["a", "b", "a", "b"]
    statuses = [(await caller.create(p)).status for p in prompts]
    assert statuses == [503, 503, 200, 200]


@pytest.mark.anyio
async def test_fault_for_young_tasks_passes(play: Play) -> None:
    """A record can be invisible for the first seconds of its task."""
    fault = Fault(route="query", kind="not_found", younger_than=2)
    caller = await play(Scenario(duration=9, faults=[fault]))
    task_id = await caller.made()
    codes = []
    for _ in range(3):
        codes.append((await caller.query(task_id)).json["code"])
        caller.clock.now += 1
    assert codes == [422, 422, 200]


@pytest.mark.anyio
async def test_fault_during_a_window_passes(play: Play) -> None:
    """A fault can be limited to some seconds of the scenario."""
    fault = Fault(route="create", kind="html_503", during=(1, 2))
    caller = await play(Scenario(faults=[fault]))
    statuses = []
    for _ in range(3):
        statuses.append((await caller.create()).status)
        caller.clock.now += 1
    assert statuses == [200, 503, 200]


@pytest.mark.anyio
async def test_fault_with_share_is_seeded(play: Play) -> None:
    """A share of the calls is struck, the same ones for a seed."""
    fault = Fault(route="create", kind="html_500", share=0.3)

    async def pattern() -> list[int]:
        caller = await play(Scenario(seed=5, faults=[fault]))
        return [(await caller.create()).status for _ in range(60)]

    first = await pattern()
    assert first == await pattern()
    assert 8 <= first.count(500) <= 30


@pytest.mark.anyio
async def test_first_due_fault_wins_and_all_count(play: Play) -> None:
    """A later fault counts the calls that an earlier one takes."""
    faults = [
        Fault(route="create", kind="html_500", nth=1),
        Fault(route="create", kind="html_503", nth=2),
    ]
    caller = await play(Scenario(faults=faults))
    statuses = [(await caller.create()).status for _ in range(3)]
    assert statuses == [500, 503, 200]


@pytest.mark.anyio
async def test_result_fault_counts_only_results(play: Play) -> None:
    """`nth` of a kind about results does not count earlier states."""
    fault = Fault(route="query", kind="urls_empty", nth=1)
    caller = await play(Scenario(duration=1, faults=[fault]))
    task_id = await caller.made()
    await caller.query(task_id)
    caller.clock.now += 1
    first, second = [await caller.record(task_id) for _ in range(2)]
    assert json.loads(first["resultJson"])["resultUrls"] == []
    assert json.loads(second["resultJson"])["resultUrls"] != []


def test_scenario_from_dict_equals_values() -> None:
    """JSON says everything that Python can."""
    data = {
        "seed": 4,
        "duration": {"kind": "lognormal", "median": 2, "sigma": 0.5},
        "durations": {"z-image": 1.5, "m": {"kind": "uniform", "low": 1, "high": 2}},
        "capacity": [
            {"kind": "in_flight", "limit": 7, "model": "z-image", "refusal": "empty"},
            {"kind": "schedule", "steps": [[5, 0], [9, 3]]},
            {"kind": "sine", "mean": 5, "swing": 2, "period": 60},
            {"kind": "token_bucket", "calls": 20, "seconds": 10},
            {"kind": "sliding_window", "calls": 20, "seconds": 10},
            {"kind": "random", "probability": 0.1},
        ],
        "queries": {"kind": "token_bucket", "calls": 5, "seconds": 1},
        "failures": [{"share": 0.1, "code": "501"}],
        "faults": [{"route": "create", "kind": "slow", "params": {"seconds": 2}}],
        "balance": 5,
        "closed": [[1, 2]],
        "models": ["new"],
        "videos": ["film"],
        "pictures": 2,
        "visible_after": 0.5,
        "family": {"times": "seconds", "failure_in_code": 408},
    }
    scenario = Scenario.from_dict(json.loads(json.dumps(data)))
    assert scenario.duration == Lognormal(2, 0.5)
    assert scenario.durations == {"z-image": Fixed(1.5), "m": Uniform(1, 2)}
    assert scenario.capacity[0] == InFlight(
        7, model="z-image", refusal=Refusal(form="empty")
    )
    assert [type(rule).__name__ for rule in scenario.capacity] == [
        *("InFlight", "Schedule", "Sine"),
        *("TokenBucket", "SlidingWindow", "RandomRefusal"),
    ]
    assert scenario.faults[0].settings == {"seconds": 2}
    assert scenario.extra_models == ("new", "film")
    assert scenario.family == Family(times="seconds", failure_in_code=408)
    assert (scenario.pictures, scenario.visible_after) == (2, 0.5)
    assert Scenario.from_dict({}) == Scenario()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "must be an object"),
        ({"sed": 1}, "unknown key 'sed'; known: seed"),
        ({"seed": 1.5}, "seed must be a whole number"),
        ({"duration": -1}, "duration: seconds must be a number from 0, got -1"),
        ({"duration": {"kind": "normal"}}, "duration: kind must be one of fixed"),
        ({"duration": {"kind": "log_normal"}}, "; did you mean 'lognormal'?"),
        ({"capacities": []}, "; did you mean 'capacity'?"),
        ({"duration": {"kind": "uniform", "low": 3, "high": 1}}, "high 1 is below"),
        ({"duration": {"kind": "uniform", "low": 3}}, "duration: high is missing"),
        ({"durations": {"m": "x"}}, "durations: m: must be an object with a kind"),
        ({"capacity": {"kind": "in_flight"}}, "capacity: must be a list"),
        ({"capacity": [{"kind": "in_flight", "limit": -1}]}, "capacity: [0]: limit"),
        (
            {"capacity": [{"kind": "in_flight", "limit": 1, "refusal": "Z"}]},
            "capacity: [0]: refusal: form must be one of B, C",
        ),
        ({"capacity": [{"kind": "schedule", "steps": [[1]]}]}, "[0]: steps: [0]: must"),
        ({"queries": {"kind": "in_flight"}}, "queries: kind must be one of token"),
        ({"failures": [{"share": 2}]}, "failures: [0]: share must be a number from 0"),
        ({"balance": True}, "balance must be a whole number"),
        ({"unknown_task": "404"}, "unknown_task must be one of code_422"),
        ({"models": [""]}, "models: [0]: must be a model value"),
        ({"models": "abc"}, "models: must be a list"),
        ({"closed": [[2, 1]]}, "closed: [0]: must be [from, to]"),
        ({"closed": [[1, 3], [2, 4]]}, "a window from 2.0 begins before 3.0"),
        ({"faults": [{"route": "create"}]}, "faults: [0]: kind is missing"),
    ],
)
def test_scenario_with_mistake_names_the_place(data: Any, words: str) -> None:
    """The first mistake is named with its place and the rule."""
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_dict(data)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"route": "create", "kind": "htlm_500"}, "kind must be one of"),
        ({"route": "create", "kind": "htlm_500"}, "; did you mean 'html_500'?"),
        ({"route": "create", "kind": "zzz"}, "; got 'zzz'"),
        ({"route": "create", "kind": 7}, "; got 7"),
        ({"route": "creat", "kind": "hang"}, "; did you mean 'create'?"),
        ({"route": "create", "kind": "expired"}, "expired is for file, not for create"),
        ({"route": "disk", "kind": "hang"}, "route must be one of"),
        ({"route": "create", "kind": "hang", "nth": 0}, "nth must be"),
        ({"route": "create", "kind": "hang", "nth": (3, 2)}, "nth must be"),
        ({"route": "create", "kind": "hang", "nth": True}, "nth must be"),
        ({"route": "create", "kind": "hang", "every": 0}, "every must be"),
        ({"route": "create", "kind": "hang", "during": 5}, "during must be"),
        ({"route": "create", "kind": "hang", "each": 1}, "each must be true or false"),
        (
            {"route": "query", "kind": "hang", "accept": True},
            "accept is for the create",
        ),
        ({"route": "create", "kind": "reset_before_body", "match": "x"}, "before the"),
        ({"route": "create", "kind": "reset_before_body", "accept": True}, "before a"),
        ({"route": "connect", "kind": "reset_on_accept", "each": True}, "before the"),
        ({"route": "create", "kind": "slow", "params": {"sec": 1}}, "known: seconds"),
        (
            {"route": "create", "kind": "slow", "params": {"seconds": "1"}},
            "must be float",
        ),
        ({"route": "create", "kind": "hang", "params": {"x": 1}}, "known: none"),
        ({"route": "create", "kind": "redirect"}, "needs the parameter 'location'"),
        (
            {"route": "create", "kind": "answer", "params": {"status": "1"}},
            "must be int",
        ),
        (
            {"route": "query", "kind": "not_found", "params": {"form": "Z"}},
            "form must be one of '', 'code_422'",
        ),
        ({"route": "credits", "kind": "hang", "match": "x"}, "about no prompt"),
        ({"route": "credits", "kind": "hang", "each": True}, "about no prompt"),
        (
            {"route": "credits", "kind": "state"},
            "state is for query, callback, not for credits",
        ),
    ],
)
def test_fault_that_cannot_be_is_refused(settings: Any, words: str) -> None:
    """A fault that could never strike as written is an error at once."""
    with pytest.raises(ScenarioError) as caught:
        Fault(**settings)
    assert words in str(caught.value)


def test_durations_follow_their_shape() -> None:
    """Samples stay in their range, and half of a lognormal is below its median."""
    random = Random(1)
    assert {Fixed(3).sample(random) for _ in range(5)} == {3}
    samples = [Uniform(1, 2).sample(random) for _ in range(200)]
    assert 1 <= min(samples) < 1.1
    assert 1.9 < max(samples) <= 2
    below = sum(Lognormal(4, 0.5).sample(random) < 4 for _ in range(1000))
    assert 430 < below < 570


@pytest.mark.anyio
async def test_durations_per_model_are_used(play: Play) -> None:
    """A model's own duration goes before the common one."""
    caller = await play(Scenario(duration=9, durations={"flux-2-pro": 1}))
    slow, fast = await caller.made(), await caller.made(model="flux-2-pro")
    caller.clock.now += 1
    states = [(await caller.record(i))["state"] for i in (slow, fast)]
    assert states == ["queuing", "success"]
