"""The documented answers: the examples of the pages, states, and refusals."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from liangxin_async.emulator import Failure, Scenario, TokenBucket
from tests.emulator.caller import CREATE, QUERY, Caller, Play

pytestmark = pytest.mark.anyio

# Bodies of the published examples, word for word.
EXAMPLES = {
    "z-image": """{
"model": "z-image",
"input": {
"prompt": "Generate a photorealistic image of a cafe terrace in Paris on a crisp spring morning"
}
}""",
    "z-image with options": """{
  "model": "z-image",
  "callBackUrl": "https://your-domain.com/api/callback",
  "input": {
    "prompt": "Generate a photorealistic image of a cafe terrace in Paris on a crisp spring morning",
    "image_size": "square_hd",
    "seed": 12345,
    "num_inference_steps": 28,
    "output_format": "png",
    "enable_safety_checker": true
  }
}""",
    "imagen4-ultra": """{
"model": "imagen4-ultra",
"input": {
"prompt": "A realistic aerial photo of a futuristic green city beside the sea"
}
}""",
    "seedream-v4-5": """{
"model": "seedream-v4-5",
"input": {
"prompt": "A cinematic product photo of a premium tea bottle on a stone table, natural morning light"
}
}""",
}


async def post(caller: Caller, body: str | bytes, **headers: str) -> Any:
    """Send a create as these bytes."""
    headers = {"Content-Type": "application/json", **headers}
    return await caller.send("POST", CREATE, data=body, headers=headers)


@pytest.mark.parametrize("body", EXAMPLES.values(), ids=EXAMPLES)
async def test_create_of_published_example_is_accepted(play: Play, body: str) -> None:
    """Each example gets the documented envelope with a task id of a seen spelling."""
    caller = await play()
    reply = await post(caller, body)
    model = json.loads(body)["model"]
    task_id = reply.json["data"]["taskId"]
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert reply.json == {"code": 200, "msg": "success", "data": {"taskId": task_id}}
    names = f"{re.escape(model)}|{model.replace('-', '_')}"
    assert re.fullmatch(rf"task_({names})_\d{{13}}", task_id)


async def test_create_without_prompt_gives_published_refusal(play: Play) -> None:
    """The example of form A comes word for word, under HTTP 400."""
    caller = await play()
    reply = await post(caller, '{"model": "z-image", "input": {}}')
    assert reply.status == 400
    assert reply.body == b'{"code":400,"msg":"input.prompt is required","data":null}'
    assert reply.headers["X-Oneapi-Request-Id"]


@pytest.mark.parametrize(
    "header", [None, "", "Bearer wrong", "emulator-key-not-a-secret", "Basic x"]
)
async def test_bad_key_gives_published_refusal(play: Play, header: str | None) -> None:
    """The example of form B comes word for word, under HTTP 401, on both routes."""
    caller = await play()
    url = caller.emulator.base_url
    headers = {} if header is None else {"Authorization": header}
    expected = b'{"error":{"message":"invalid token","type":"new_api_error","code":""}}'
    body = json.loads(EXAMPLES["z-image"])
    async with caller.http.post(url + CREATE, json=body, headers=headers) as reply:
        assert (reply.status, await reply.read()) == (401, expected)
    async with caller.http.get(url + QUERY + "?taskId=x", headers=headers) as reply:
        assert (reply.status, await reply.read()) == (401, expected)
    assert caller.emulator.ledger.accepted_total == 0


async def test_task_ids_are_unique_and_in_both_spellings(play: Play) -> None:
    """Ids never repeat, and both published spellings appear."""
    caller = await play()
    ids = [await caller.made() for _ in range(20)]
    assert len(set(ids)) == 20
    assert {"task_z-image" in i for i in ids} == {True, False}


async def test_record_goes_through_the_states(play: Play) -> None:
    """State follows from the task's age, up to success."""
    caller = await play(Scenario(duration=10))
    task_id = await caller.made()
    seen = []
    for age in (0, 0.4, 0.6, 1.9, 2.1, 9.9, 10, 1000):
        caller.clock.now = 1000 + age
        seen.append((await caller.record(task_id))["state"])
    assert seen == [
        *["waiting"] * 2,
        *["queuing"] * 2,
        *["generating"] * 2,
        *["success"] * 2,
    ]


async def test_record_before_the_end_has_documented_fields(play: Play) -> None:
    """A waiting record is the documented example: empty result, no times."""
    caller = await play()
    task_id = await caller.made("p")
    assert (await caller.query(task_id)).json == {
        "code": 200,
        "msg": "success",
        "data": {
            "taskId": task_id,
            "model": "z-image",
            "state": "waiting",
            "param": '{"model":"z-image","input":{"prompt":"p"}}',
            "resultJson": "",
            "failCode": "",
            "failMsg": "",
        },
    }


async def test_record_of_success_has_documented_fields(play: Play) -> None:
    """A successful record adds the URLs as JSON text and times in milliseconds."""
    caller = await play(Scenario(duration=15))
    task_id = await caller.made()
    caller.clock.now += 20
    record = await caller.record(task_id)
    created = record["createTime"]
    assert re.fullmatch(
        r'\{"resultUrls":\["http://127\.0\.0\.1:\d+/files/[^"]+\.png"\]\}',
        record["resultJson"],
    )
    assert 1.6e12 < created < 1e13
    assert record["costTime"] == 15000
    assert record["completeTime"] == record["updateTime"] == created + 15000
    assert list(record) == [
        *("taskId", "model", "state", "param", "resultJson", "failCode", "failMsg"),
        *("costTime", "createTime", "updateTime", "completeTime"),
    ]


async def test_record_of_failure_is_a_good_answer(play: Play) -> None:
    """A failed task answers HTTP 200 and code 200; the failure is in the state."""
    failure = Failure(match="bad", code="422", message="no")
    caller = await play(Scenario(duration=1, failures=[failure]))
    bad, good = await caller.made("a bad one"), await caller.made("a good one")
    caller.clock.now += 1
    record = await caller.record(bad)
    assert record["state"] == "fail"
    assert (record["failCode"], record["failMsg"]) == ("422", "no")
    assert record["resultJson"] == ""
    assert (await caller.record(good))["state"] == "success"


async def test_failures_by_share_are_seeded(play: Play) -> None:
    """The same seed fails the same tasks, about the share asked for."""

    async def failed(seed: int) -> list[bool]:
        scenario = Scenario(seed=seed, duration=0, failures=[{"share": 0.3}])
        caller = await play(scenario)
        ids = [await caller.made() for _ in range(60)]
        return [(await caller.record(i))["state"] == "fail" for i in ids]

    first = await failed(1)
    assert first == await failed(1)
    assert first != await failed(2)
    assert 8 <= sum(first) <= 28


@pytest.mark.parametrize(
    ("form", "status", "body"),
    [
        ("code_422", 200, {"code": 422, "msg": "recordInfo is null", "data": None}),
        ("http_404", 404, {"code": 404, "msg": "Task not found", "data": None}),
        (
            "task_not_exist",
            400,
            {"code": "task_not_exist", "message": "task not exist", "data": None},
        ),
        (
            "bad_request",
            400,
            {"code": 400, "msg": "taskId parameter is required", "data": None},
        ),
    ],
)
async def test_query_of_unknown_task_answers_in_chosen_form(
    play: Play, form: str, status: int, body: dict[str, Any]
) -> None:
    """All four spellings of the family can be chosen."""
    caller = await play(Scenario(unknown_task=form))
    reply = await caller.query("task_nobody_1")
    assert (reply.status, reply.json) == (status, body)


async def test_query_without_id_is_a_bad_request(play: Play) -> None:
    """A missing parameter has its own sentence."""
    caller = await play()
    reply = await caller.send("GET", QUERY)
    assert (reply.status, reply.json["msg"]) == (400, "taskId parameter is required")


async def test_query_limit_refuses_with_empty_429(play: Play) -> None:
    """recordInfo can be limited per second, and recovers."""
    limit = TokenBucket(2, 1, refusal="empty")
    caller = await play(Scenario(queries=limit))
    task_id = await caller.made()
    statuses = [(await caller.query(task_id)).status for _ in range(3)]
    caller.clock.now += 0.5
    last = await caller.query(task_id)
    assert [*statuses, last.status] == [200, 200, 429, 200]
    assert caller.emulator.ledger.queries_refused == {"saturated": 1}


async def test_create_over_the_limit_is_too_large(play: Play) -> None:
    """A body over the limit meets 413, announced or in chunks."""
    caller = await play(Scenario(max_body_bytes=1000))
    body = json.dumps({"model": "z-image", "input": {"prompt": "x" * 1000}}).encode()

    async def chunks() -> Any:
        yield body[:600]
        yield body[600:]

    announced = await post(caller, body)
    chunked = await post(caller, chunks())
    assert (announced.status, chunked.status) == (413, 413)
    assert announced.json["error"]["code"] == "read_request_body_failed"
    assert caller.emulator.ledger.refused == {"too_large": 2}


async def test_unknown_route_is_a_gateway_404(play: Play) -> None:
    """A wrong base URL is answered as the gateway does."""
    caller = await play()
    reply = await caller.send("POST", "/v1/createTask", json={})
    assert reply.status == 404
    assert reply.json["error"]["type"] == "invalid_request_error"


async def test_callback_url_is_kept(play: Play) -> None:
    """A callBackUrl is accepted, echoed in param and kept with the task."""
    caller = await play()
    url = "https://example.com/hook"
    body = {"model": "z-image", "callBackUrl": url, "input": {"prompt": "p"}}
    reply = await post(caller, json.dumps(body))
    task = caller.emulator.tasks.get(reply.json["data"]["taskId"])
    assert task is not None
    assert (task.callback_url, task.request) == (url, body)
