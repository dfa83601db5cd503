"""EvoLink's documented answers: task objects, states, refusals, credits."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from liangxin_async.emulator import Failure, InFlight, Refusal, Scenario, TokenBucket
from tests.emulator.caller import (
    EVO_CREATE,
    EVO_CREDITS,
    EVO_QUERY,
    QUERY,
    Caller,
    Play,
)

pytestmark = pytest.mark.anyio

EACH = 0.026


def error(reply: Any) -> dict[str, Any]:
    """Return the error object of a refusal, which must be the whole body."""
    assert list(reply.json) == ["error"]
    told: dict[str, Any] = reply.json["error"]
    return told


async def test_create_answers_with_documented_task_object(play: Play) -> None:
    """The body is the task object itself: pending, progress 0, times in seconds."""
    caller = await play(Scenario(duration=9.5))
    reply = await caller.evo_create("a cafe", size="1:1", seed=7)
    body = reply.json
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert body == {
        "created": body["created"],
        "id": body["id"],
        "model": "z-image-turbo",
        "object": "image.generation.task",
        "progress": 0,
        "status": "pending",
        "task_info": {"can_cancel": True, "estimated_time": 10},
        "type": "image",
        "usage": {
            "billing_rule": "per_call",
            "credits_reserved": EACH,
            "user_group": "default",
        },
    }
    assert type(body["created"]) is int
    assert 1.6e9 < body["created"] < 1e10
    assert re.fullmatch(rf"task-unified-{body['created']}-[a-z0-9]{{8}}", body["id"])


async def test_task_ids_are_unique(play: Play) -> None:
    """Ids never repeat, within one second too."""
    caller = await play()
    ids = [await caller.evo_made() for _ in range(50)]
    assert len(set(ids)) == 50


async def test_task_goes_through_the_states(play: Play) -> None:
    """Status and progress follow from the age; no result before the end."""
    caller = await play(Scenario(duration=10))
    task_id = await caller.evo_made()
    seen = []
    for age in (0, 1.9, 2.1, 5, 9.99):
        caller.clock.now = 1000 + age
        body = await caller.evo_record(task_id)
        seen.append((body["status"], body["progress"]))
        assert not body.keys() & {"results", "result_data", "error", "duration"}
    assert seen == [
        ("pending", 0),
        ("pending", 0),
        ("processing", 21),
        ("processing", 50),
        ("processing", 99),
    ]


async def test_completed_task_has_results_twice_and_used_credits(play: Play) -> None:
    """`results`, `result_data`, `duration` and `credits_used` come at the end."""
    caller = await play(Scenario(duration=15, pictures=2))
    task_id = await caller.evo_made()
    created = (await caller.evo_record(task_id))["created"]
    caller.clock.now += 15
    body = await caller.evo_record(task_id)
    assert (body["status"], body["progress"], body["duration"]) == (
        "completed",
        100,
        15,
    )
    assert (body["created"], body["id"]) == (created, task_id)
    assert len(body["results"]) == 2
    assert body["result_data"] == [{"url": url} for url in body["results"]]
    assert body["usage"] == {"credits_used": EACH}
    assert "error" not in body
    replies = [await caller.file(url) for url in body["results"]]
    assert [r.headers["Content-Type"] for r in replies] == ["image/png"] * 2


async def test_failed_task_has_an_error_with_a_name(play: Play) -> None:
    """The query is a good answer; the failure is in status and `error`."""
    failure = Failure(match="bad", code="content_policy_violation", message="no\nno")
    caller = await play(Scenario(duration=1, failures=[failure, {"match": "odd"}]))
    ids = [await caller.evo_made(p) for p in ("a bad one", "an odd one", "fine")]
    caller.clock.now += 1
    bad, odd, fine = [await caller.evo_record(task_id) for task_id in ids]
    assert (bad["status"], bad["progress"]) == ("failed", 0)
    assert bad["error"] == {"code": "content_policy_violation", "message": "no\nno"}
    assert odd["error"]["code"] == "unknown_error"
    assert fine["status"] == "completed"
    assert not bad.keys() & {"results", "result_data"}


async def test_task_keeps_the_request_as_it_came(play: Play) -> None:
    """The flat body is kept, with the dialect and the callback; the key has no callback."""
    caller = await play()
    url = "https://example.com/hook"
    one = await caller.evo_made("p", size="16:9", callback_url=url, unheard_of=[1])
    two = await caller.evo_made("p", size="16:9", unheard_of=[1])
    tasks = [caller.emulator.tasks.get(task_id) for task_id in (one, two)]
    assert tasks[0] is not None
    assert tasks[1] is not None
    assert tasks[0].request == {
        "model": "z-image-turbo",
        "prompt": "p",
        "size": "16:9",
        "callback_url": url,
        "unheard_of": [1],
    }
    assert (tasks[0].dialect, tasks[0].callback_url) == ("evolink", url)
    assert (tasks[1].callback_url, tasks[1].key) == (None, tasks[0].key)
    assert tasks[0].size == (1024, 576)


async def test_tasks_of_another_dialect_are_unknown(play: Play) -> None:
    """Neither dialect answers about the other's tasks."""
    caller = await play(Scenario(unknown_task="http_404"))
    own, other = await caller.evo_made(), await caller.made()
    assert (await caller.query(own)).status == 404
    reply = await caller.evo_query(other)
    assert (reply.status, error(reply)["code"]) == (400, "invalid_task_id")
    assert (await caller.evo_query(own)).status == 200
    assert (await caller.query(other)).status == 200


# Refusals


async def test_bad_key_is_a_401_on_every_route(play: Play) -> None:
    """A wrong key gets an authentication_error with an integer code."""
    caller = await play()
    headers = {"Authorization": "Bearer wrong"}
    for method, path in (
        ("POST", EVO_CREATE),
        ("GET", f"{EVO_QUERY}task-unified-1-x"),
        ("GET", EVO_CREDITS),
    ):
        reply = await caller.send(method, path, json={}, headers=headers)
        told = error(reply)
        assert (reply.status, told["code"]) == (401, 401)
        assert told["type"] == "authentication_error"
        assert "X-Oneapi-Request-Id" not in reply.headers


async def test_empty_balance_is_a_402(play: Play) -> None:
    """402, not 403, and a billing page in the advice; the account is one for both."""
    caller = await play(Scenario(balance=2))
    await caller.evo_made()
    await caller.made()
    reply = await caller.evo_create()
    told = error(reply)
    assert (reply.status, told["code"]) == (402, 402)
    assert told["type"] == "insufficient_quota_error"
    assert told["fallback_suggestion"].startswith("https://")
    assert (await caller.create()).status == 403
    assert caller.emulator.ledger.refused == {"no_balance": 2}


@pytest.mark.parametrize(
    ("refusal", "hint"),
    [
        (Refusal(), None),
        (Refusal(data_retry_after=17), "retry after 17 seconds"),
        (Refusal(retry_after="2.5"), "retry after 2.5 seconds"),
        (Refusal(retry_after="NaN"), None),
        (Refusal(form="A200", data_retry_after=3), "retry after 3 seconds"),
    ],
)
async def test_saturation_is_a_429_with_the_wait_in_words(
    play: Play, refusal: Refusal, hint: str | None
) -> None:
    """The number stands in `fallback_suggestion`, where the rule names one."""
    caller = await play(Scenario(capacity=[InFlight(0, refusal=refusal)]))
    reply = await caller.evo_create()
    told = error(reply)
    assert (reply.status, told["code"], told["type"]) == (429, 429, "rate_limit_error")
    assert told.get("fallback_suggestion") == hint
    assert reply.headers.get("Retry-After") == refusal.retry_after


async def test_saturation_can_be_empty_or_a_lie(play: Play) -> None:
    """A 429 without a body, and one that means the balance."""
    caller = await play(Scenario(capacity=[InFlight(0, refusal="empty")]))
    reply = await caller.evo_create()
    assert (reply.status, reply.body) == (429, b"")
    await caller.emulator.play(Scenario(capacity=[InFlight(0, refusal="quota")]))
    reply = await caller.evo_create()
    assert (reply.status, error(reply)["type"]) == (429, "insufficient_quota_error")


async def test_query_limit_counts_both_dialects(play: Play) -> None:
    """One rate for queries holds for all routes called query."""
    caller = await play(Scenario(queries=TokenBucket(2, 1)))
    own, other = await caller.evo_made(), await caller.made()
    replies = [await caller.evo_query(own), await caller.query(other)]
    replies.append(await caller.evo_query(own))
    assert [r.status for r in replies] == [200, 200, 429]


@pytest.mark.parametrize(
    "task_id", ["x", "task_z-image_1", "Task-unified-1", "..%2F..%2Fx%3Fa%0A", "%20"]
)
async def test_query_of_an_id_of_wrong_shape_is_a_400(play: Play, task_id: str) -> None:
    """Ids must begin with task-unified-; the name of the fault is a string."""
    caller = await play()
    reply = await caller.evo_query(task_id)
    told = error(reply)
    assert (reply.status, told["code"]) == (400, "invalid_task_id")
    assert (told["type"], told["param"]) == ("invalid_request_error", "task_id")
    assert caller.emulator.ledger.queries_refused == {"invalid": 1}


async def test_query_of_an_unknown_id_is_a_404(play: Play) -> None:
    """Unknown and expired are one."""
    caller = await play()
    reply = await caller.evo_query("task-unified-1757165031-uyujaw3d")
    told = error(reply)
    assert (reply.status, told["code"], told["param"]) == (404, 404, "task_id")
    assert told["type"] == "not_found_error"


async def test_unknown_model_is_a_404_that_names_another(play: Play) -> None:
    """`param` is model, and the advice is a model value."""
    caller = await play()
    reply = await caller.evo_create(model="dall-e")
    told = error(reply)
    assert (reply.status, told["type"], told["param"]) == (
        *(404, "not_found_error"),
        "model",
    )
    assert told["fallback_suggestion"] == "z-image-turbo"
    assert caller.emulator.ledger.refused == {"unknown_model": 1}


async def test_bad_parameter_is_a_400_that_names_it(play: Play) -> None:
    """`param` is the field, and nothing is accepted."""
    caller = await play()
    reply = await caller.evo_create(seed=0)
    told = error(reply)
    assert (reply.status, told["code"], told["param"]) == (400, 400, "seed")
    assert told["type"] == "invalid_request_error"
    reply = await caller.send("POST", EVO_CREATE, data=b"{")
    assert (reply.status, error(reply)["type"]) == (400, "invalid_request_error")
    assert caller.emulator.ledger.accepted_total == 0


async def test_create_over_the_limit_is_a_413(play: Play) -> None:
    """Too large a body has its own type and some advice."""
    caller = await play(Scenario(max_body_bytes=500))
    reply = await caller.evo_create("x" * 600)
    told = error(reply)
    assert (reply.status, told["type"]) == (413, "request_too_large_error")
    assert "4 MB" in told["fallback_suggestion"]


async def test_wrong_path_or_method_is_no_evolink_route(play: Play) -> None:
    """Only the three documented routes are there."""
    caller = await play()
    for method, path in (
        ("GET", EVO_CREATE),
        ("POST", EVO_QUERY + "task-unified-1-x"),
        ("GET", "/v1/tasks"),
        ("GET", EVO_QUERY + "task-unified-1-x/more"),
        ("POST", EVO_CREDITS),
    ):
        assert (await caller.send(method, path)).status == 404
    assert caller.emulator.ledger.requests == {"other": 5}


# Credits


async def credits_of(caller: Caller) -> dict[str, Any]:
    """Return the data of the credits, whose wrapping must be the documented one."""
    reply = await caller.send("GET", EVO_CREDITS)
    assert reply.status == 200
    assert {name: reply.json[name] for name in ("message", "success")} == {
        "message": "",
        "success": True,
    }
    data: dict[str, Any] = reply.json["data"]
    assert {name: list(part) for name, part in data.items()} == {
        "token": ["remaining_credits", "unlimited_credits", "used_credits"],
        "user": ["remaining_credits", "used_credits"],
    }
    return data


async def test_credits_follow_the_balance(play: Play) -> None:
    """With a balance, what is left pays for exactly so many creates."""
    caller = await play(Scenario(balance=3))
    await caller.evo_made()
    data = await credits_of(caller)
    assert data["user"] == {"remaining_credits": 0.052, "used_credits": EACH}
    assert data["token"]["remaining_credits"] == 0.052
    assert data["token"]["unlimited_credits"] is False
    assert caller.emulator.ledger.requests["credits"] == 1


async def test_credits_without_a_balance_are_the_example(play: Play) -> None:
    """An account without a limit starts with the documented numbers."""
    caller = await play()
    data = await credits_of(caller)
    assert data["token"]["remaining_credits"] == 99416.4429
    assert data["token"]["unlimited_credits"] is True
    assert data["user"] == {"remaining_credits": 1095.3996, "used_credits": 0.0}
    await caller.evo_made()
    assert (await credits_of(caller))["user"]["remaining_credits"] == 1095.3736


# Both dialects in one world


async def test_books_hold_both_dialects(play: Play) -> None:
    """Counts, capacity and the ledger page are common; tasks say whose they are."""
    caller = await play(Scenario(duration=9, capacity=[InFlight(2)]))
    own, other = await caller.evo_made("one"), await caller.made("two")
    assert [(await caller.evo_create()).status, (await caller.create()).status] == [
        429,
        429,
    ]
    await caller.evo_query(own)
    ledger = caller.emulator.ledger
    assert (ledger.posts, ledger.accepted_total, ledger.peak()) == (4, 2, 2)
    assert ledger.accepted_by_dialect == {"evolink": 1, "liangxin": 1}
    assert ledger.accepted_by_prompt == {"one": 1, "two": 1}
    assert ledger.queries == {own: 1}
    page = (await caller.send("GET", "/emulator/ledger")).json
    assert page["accepted_by_dialect"] == {"evolink": 1, "liangxin": 1}
    assert {n: t["dialect"] for n, t in page["tasks"].items()} == {
        own: "evolink",
        other: "liangxin",
    }
    assert page["tasks"][own]["request"]["prompt"] == "one"
    assert page["tasks"][own]["urls"] == []
    json.dumps(page)


async def test_index_page_names_both_dialects(play: Play) -> None:
    """People who look find the routes and models of each."""
    caller = await play()
    text = (await caller.send("GET", "/emulator/")).body.decode()
    for words in (EVO_CREATE, "/v1/tasks/{task_id}", QUERY, "z-image-turbo", "z-image"):
        assert words in text


async def test_family_leaves_evolink_alone(play: Play) -> None:
    """Habits of LiangXin's relatives do not reach EvoLink's answers."""
    scenario = Scenario.from_dict({"preset": "market", "visible_after": 0})
    caller = await play(scenario)
    assert (await caller.evo_made()).startswith("task-unified-")
    assert (await caller.evo_create(seed=0)).status == 400


async def test_task_is_visible_late(play: Play) -> None:
    """A new task is not found for the first seconds, and then it is."""
    caller = await play(Scenario(duration=9, visible_after=2))
    task_id = await caller.evo_made()
    statuses = []
    for age in (0, 1.9, 2):
        caller.clock.now = 1000 + age
        statuses.append((await caller.evo_query(task_id)).status)
    assert statuses == [404, 404, 200]
