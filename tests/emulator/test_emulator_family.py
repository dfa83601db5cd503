"""LiangXin's routes as its relatives speak: habits of a whole service, and a preset."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from liangxin_async.emulator import (
    Failure,
    Family,
    InFlight,
    Scenario,
    ScenarioError,
    SlidingWindow,
)
from liangxin_async.emulator._family import UNKNOWN_TASK
from liangxin_async.emulator._liangxin_forms import NOT_FOUND
from tests.emulator.caller import QUERY, Caller, Play

pytestmark = pytest.mark.anyio


async def ended(play: Play, failure: Failure | None = None, **habits: Any) -> Any:
    """Return the answer about a task that has ended, of a service with habits."""
    failures = [] if failure is None else [failure]
    scenario = Scenario(duration=15, family=Family(**habits), failures=failures)
    caller = await play(scenario)
    task_id = (await caller.create()).json["data"]["taskId"]
    caller.clock.now += 15
    reply = await caller.query(task_id)
    assert reply.status == 200
    return reply.json


async def refusals(caller: Caller) -> list[tuple[int, Any]]:
    """Return every kind of refusal as status and body."""
    headers = {"Authorization": "Bearer wrong"}
    replies = [
        await caller.create(""),
        await caller.send("POST", "/api/v1/jobs/createTask", json={}, headers=headers),
        await caller.create("p" * 3000),
        await caller.query("nobody"),
        await caller.send("GET", QUERY),
        await caller.create(),
    ]
    await caller.emulator.play(
        Scenario(balance=0, family=caller.emulator.world.scenario.family)
    )
    replies.append(await caller.create())
    return [(reply.status, reply.json) for reply in replies]


async def test_refusals_in_200_have_codes_inside(play: Play) -> None:
    """Every refusal is HTTP 200 and form A, with a business code."""
    family = Family(refusals_in_200=True)
    scenario = Scenario(family=family, max_body_bytes=2000, capacity=[InFlight(0)])
    seen = await refusals(await play(scenario))
    assert {status for status, _ in seen} == {200}
    assert [body["code"] for _, body in seen] == [400, 401, 413, 422, 400, 429, 402]
    assert all(list(body) == ["code", "msg", "data"] for _, body in seen)
    assert seen[0][1]["msg"] == "input.prompt is required"
    assert seen[1][1]["msg"] == "invalid token"


@pytest.mark.parametrize("form", ["A", "A200", "B", "C", "empty", "quota"])
async def test_refusals_in_200_say_slow_down_in_any_form(play: Play, form: str) -> None:
    """Whatever form a rule asks for, the code is inside the 200 and text is there."""
    rule = InFlight(0, refusal={"form": form, "retry_after": "3"})
    caller = await play(Scenario(family={"refusals_in_200": True}, capacity=[rule]))
    reply = await caller.create()
    assert (reply.status, reply.json["code"]) == (200, 429)
    assert reply.json["msg"]
    assert reply.headers["Retry-After"] == "3"


async def test_message_stands_for_msg_everywhere(play: Play) -> None:
    """Good answers and refusals of form A have `message`, and no `msg`."""
    caller = await play(Scenario(family=Family(message_for_msg=True)))
    created = await caller.create()
    replies = [
        created,
        await caller.query(created.json["data"]["taskId"]),
        await caller.query("nobody"),
        await caller.create(""),
    ]
    assert all("msg" not in r.json and r.json["message"] for r in replies)


async def test_ids_can_be_bare(play: Play) -> None:
    """Ids are 32 hexadecimal digits, and never repeat."""
    caller = await play(Scenario(family=Family(bare_ids=True)))
    ids = [await caller.made() for _ in range(20)]
    assert len(set(ids)) == 20
    assert all(re.fullmatch(r"[0-9a-f]{32}", task_id) for task_id in ids)
    assert (await caller.record(ids[0]))["taskId"] == ids[0]


async def test_names_can_be_snakes(play: Play) -> None:
    """Names of `data` are snake case in creates and in records."""
    caller = await play(Scenario(duration=0, family=Family(snake_names=True)))
    data = (await caller.create()).json["data"]
    record = (await caller.query(data["task_id"])).json["data"]
    assert list(data) == ["task_id"]
    assert {"task_id", "result_json", "fail_code", "create_time"} <= record.keys()
    assert not any(sign.isupper() for name in record for sign in name)


async def test_result_can_have_another_name_or_be_text(play: Play) -> None:
    """URLs under another name; or an object of text and no URLs."""
    named = await ended(play, result_name="videoUrls")
    text = await ended(play, text_results=True)
    assert list(json.loads(named["data"]["resultJson"])) == ["videoUrls"]
    assert list(json.loads(text["data"]["resultJson"])) == ["resultObject"]
    assert text["data"]["state"] == "success"


@pytest.mark.parametrize("code", [501, 408])
async def test_failure_can_be_in_the_code(play: Play, code: int) -> None:
    """HTTP 200, the code of the envelope, null for data; success is as ever."""
    failure = Failure(code="501", message="generation failed")
    told = await ended(play, failure, failure_in_code=code)
    assert told == {"code": code, "msg": "generation failed", "data": None}
    good = await ended(play, failure_in_code=code)
    assert good["data"]["state"] == "success"


async def test_fail_code_can_be_a_number(play: Play) -> None:
    """failCode is an integer; a name that is none becomes 500."""
    for code, number in (("422", 422), (None, 500), ("broken", 500)):
        told = await ended(play, Failure(code=code), fail_code_number=True)
        assert told["data"]["failCode"] == number
        assert type(told["data"]["failCode"]) is int


async def test_progress_can_be_told(play: Play) -> None:
    """A number from 0 to 100 in every record."""
    caller = await play(Scenario(duration=10, family=Family(progress=True)))
    task_id = await caller.made()
    seen = []
    for age in (0, 5, 10):
        caller.clock.now = 1000 + age
        seen.append((await caller.record(task_id))["progress"])
    assert seen == [0, 50, 100]


@pytest.mark.parametrize("way", ["seconds", "text", "absent", "milliseconds"])
async def test_times_can_be_told_otherwise(play: Play, way: str) -> None:
    """Seconds, text of milliseconds, or nothing at all."""
    data = (await ended(play, times=way))["data"]
    time = data.get("createTime")
    expected = {
        "seconds": type(time) is int and 1e9 < time < 1e10,
        "milliseconds": type(time) is int and 1e12 < time < 1e13,
        "text": type(time) is str and time.isdecimal() and len(time) == 13,
        "absent": not data.keys() & {"createTime", "completeTime", "costTime"},
    }
    assert expected[way]


async def test_records_can_be_visible_late(play: Play) -> None:
    """In the chosen form a new task is not found, until its age is reached."""
    scenario = Scenario(duration=9, visible_after=1, unknown_task="http_404")
    caller = await play(scenario)
    task_id = await caller.made()
    statuses = []
    for age in (0, 0.9, 1):
        caller.clock.now = 1000 + age
        statuses.append((await caller.query(task_id)).status)
    assert statuses == [404, 404, 200]
    assert caller.emulator.ledger.queries_refused == {"not_found": 2}


async def test_preset_is_a_service_of_the_market(play: Play) -> None:
    """The 21st create in 10 s is refused inside a 200, and nothing is queued."""
    caller = await play(Scenario.from_dict({"preset": "market", "duration": 5}))
    replies = [await caller.create(str(n)) for n in range(21)]
    assert [r.json["code"] for r in replies] == [200] * 20 + [429]
    assert all(r.status == 200 and r.json["message"] for r in replies)
    task_id = replies[0].json["data"]["taskId"]
    assert (await caller.query(task_id)).json["code"] == 422
    caller.clock.now += 1
    reply = await caller.query(task_id)
    assert (reply.json["code"], reply.json["message"]) == (200, "success")
    assert "progress" in reply.json["data"]
    caller.clock.now += 9
    assert (await caller.create()).json["code"] == 200


def test_preset_is_laid_under_what_is_said() -> None:
    """Own keys win, within the family field by field."""
    scenario = Scenario.from_dict(
        {"preset": "market", "visible_after": 0, "family": {"bare_ids": False}}
    )
    assert scenario.visible_after == 0
    assert scenario.family == Family(
        message_for_msg=True, refusals_in_200=True, progress=True
    )
    assert scenario.capacity == (SlidingWindow(20, 10),)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"preset": "x"}, "preset must be one of market"),
        ({"preset": None}, "preset must be one of market"),
        ({"family": {"message": True}}, "family: unknown key 'message'"),
        ({"family": {"bare_ids": 1}}, "family: bare_ids must be true or false"),
        ({"family": {"failure_in_code": 500}}, "failure_in_code must be null, 501 or"),
        ({"family": {"times": "hours"}}, "family: times must be one of milliseconds"),
        ({"preset": "market", "family": 3}, "family: must be an object"),
        ({"visible_after": -1}, "visible_after must be a number from 0"),
        ({"videos": "x"}, "videos: must be a list"),
        ({"pictures": 0}, "pictures must be a whole number from 1 to 64"),
    ],
)
def test_family_with_mistake_names_the_place(data: Any, words: str) -> None:
    """The first mistake is named with its place and the rule."""
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_dict(data)
    assert words in str(caught.value)


def test_unknown_task_words_have_their_forms() -> None:
    """What a scenario may say of unknown tasks is what LiangXin's forms can show."""
    assert set(UNKNOWN_TASK) == set(NOT_FOUND)
