"""Faults inside LiangXin's envelopes, seen from the wire."""

from __future__ import annotations

import json
from typing import Any

import pytest

from liangxin_async.emulator._faults import KINDS
from tests.emulator.caller import Play
from tests.emulator.seeing import Check, Seen, Table, see
from tests.emulator.test_emulator_faults import ACCEPTING, ANYWHERE, FILES
from tests.emulator.test_emulator_faults_callback import CALLBACK_KINDS

pytestmark = pytest.mark.anyio


def data(seen: Seen) -> Any:
    """Return the data of the struck answer."""
    return seen.json["data"]


def result(seen: Seen) -> Any:
    """Return the resultJson of the struck answer."""
    return data(seen)["resultJson"]


def data_is(**expected: Any) -> Check:
    """Whether the data has these values, and the envelope is good."""
    return lambda s: (
        s.struck.json["code"] == 200
        and {name: data(s).get(name, "absent") for name in expected} == expected
    )


def undone(state: str) -> Check:
    """Whether the record has this state and nothing of the result."""
    return lambda s: (
        (data(s)["state"], data(s)["resultJson"]) == (state, "")
        and "completeTime" not in data(s)
    )


def urls(seen: Seen) -> list[str]:
    """Return the honest URLs."""
    found: list[str] = json.loads(seen.honest.json["data"]["resultJson"])["resultUrls"]
    return found


REFUSALS: Table = {
    "refusal": (
        {"form": "D", "status": 402, "code": "x", "message": "m"},
        lambda s: (
            (s.struck.status, s.struck.json)
            == (402, {"success": False, "message": "m", "code": "x"})
        ),
    ),
    "code_in_200": (
        {"code": 433},
        lambda s: s.struck.status == 200 and s.struck.json["code"] == 433,
    ),
    "code_455": ({}, lambda s: s.struck.status == 200 and s.struck.json["code"] == 455),
    "model_not_found": (
        {},
        lambda s: (
            s.struck.status == 503
            and s.struck.json["error"]["code"] == "model_not_found"
        ),
    ),
    "system_cpu_overloaded": (
        {},
        lambda s: (
            s.struck.status == 503
            and s.struck.json["error"]["code"] == "system_cpu_overloaded"
        ),
    ),
    "message_for_msg": ({}, lambda s: s.struck.json["message"] == "success"),
}
CREATES: Table = {
    "task_id_empty": ({}, data_is(taskId="")),
    "task_id_null": ({}, data_is(taskId=None)),
    "task_id_number": ({}, lambda s: isinstance(data(s)["taskId"], int)),
    "task_id_long": ({}, lambda s: len(data(s)["taskId"]) > 10_000),
    "task_id_path": ({}, lambda s: data(s)["taskId"].startswith("../../task_")),
    "task_id": ({"value": ["x"]}, data_is(taskId=["x"])),
    "task_id_missing": ({}, lambda s: data(s) == {}),
    "task_id_duplicate": (
        {},
        lambda s: data(s)["taskId"] == s.honest.json["data"]["taskId"],
    ),
}
QUERIES: Table = {
    "not_found": (
        {"form": "http_404"},
        lambda s: (s.struck.status, s.struck.json["msg"]) == (404, "Task not found"),
    ),
    "wrong_task_id": ({}, data_is(taskId="task_of_somebody_else_1")),
    "state": ({"value": "paused"}, undone("paused")),
    "never_ends": ({}, undone("generating")),
    "state_missing": ({}, data_is(state="absent")),
    "state_other_words": ({}, data_is(state="succeeded")),
    "state_upper": ({}, data_is(state="SUCCESS")),
    "state_backwards": ({"to": "fail"}, undone("fail")),
    "result_malformed": ({}, lambda s: result(s).endswith(".png")),
    "result_empty": ({}, data_is(resultJson="", state="success")),
    "result_null": ({}, data_is(resultJson=None)),
    "result_object": ({}, lambda s: result(s) == {"resultUrls": urls(s)}),
    "result_list": ({}, lambda s: result(s) == urls(s)),
    "result_double": (
        {},
        lambda s: json.loads(json.loads(result(s))) == {"resultUrls": urls(s)},
    ),
    "result_missing": ({}, data_is(resultJson="absent")),
    "urls_empty": ({}, data_is(resultJson='{"resultUrls":[]}')),
    "urls_single": ({}, lambda s: json.loads(result(s))["resultUrls"] == urls(s)[0]),
    "urls_snake": ({}, lambda s: json.loads(result(s)) == {"result_urls": urls(s)}),
    "urls_repeated": ({}, lambda s: json.loads(result(s))["resultUrls"] == urls(s) * 2),
    "urls": (
        {"urls": ["file:///etc/passwd", "{base}/x"]},
        lambda s: (
            json.loads(result(s))["resultUrls"]
            == ["file:///etc/passwd", f"{s.caller.emulator.base_url}/x"]
        ),
    ),
    "snake_names": (
        {},
        lambda s: (
            len(data(s)) == len(s.honest.json["data"])
            and data(s)["task_id"].startswith("task_z")
            and not any(c.isupper() for name in data(s) for c in name)
        ),
    ),
    "progress": ({"value": 50}, data_is(progress=50)),
    "times_text": ({}, lambda s: data(s)["createTime"].isdigit()),
    "times_seconds": ({}, lambda s: 10**9 < data(s)["completeTime"] < 10**10),
    "times_missing": ({}, data_is(createTime="absent", costTime="absent")),
    "result_extra": (
        {},
        lambda s: (
            json.loads(result(s))["resultUrls"] == urls(s)
            and json.loads(result(s)).keys() > {"resultUrls", "firstFrameUrl"}
        ),
    ),
    "fields": (
        {"put": {"param": {"a": 1}, "more": None}, "drop": ["failCode"]},
        data_is(param={"a": 1}, more=None, failCode="absent"),
    ),
    "data_null": ({}, lambda s: s.struck.json["data"] is None),
}
FAILURES: Table = {
    "fail_code_number": ({}, data_is(failCode=422)),
    "fail_code_missing": ({}, data_is(failCode="absent", failMsg="no")),
    "fail_message_null": ({}, data_is(failMsg=None)),
    "fail_message_long": ({}, lambda s: len(data(s)["failMsg"]) == 1_000_000),
}
CASES = [
    (kind, route, params, check)
    for table in (REFUSALS, CREATES, QUERIES, FAILURES)
    for kind, (params, check) in table.items()
    for route in KINDS[kind].routes
    if route != "credits"
]


@pytest.mark.parametrize(
    ("kind", "route", "params", "check"), CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES]
)
async def test_fault_arrives_in_liangxin(
    play: Play, kind: str, route: str, params: dict[str, Any], check: Check
) -> None:
    """A struck call shows what its kind promises, on each of its routes."""
    seen = await see(play, route, kind, failing=kind in FAILURES, **params)
    assert check(seen), seen.struck.data[:500]


def test_every_liangxin_kind_has_a_case() -> None:
    """No kind that LiangXin can play is without a test of what arrives."""
    playable = {n for n, k in KINDS.items() if k.dialect in (None, "liangxin")}
    cases = {case[0] for case in CASES} | ANYWHERE.keys() | FILES.keys()
    cases |= CALLBACK_KINDS
    assert cases | set(ACCEPTING) == playable


@pytest.mark.parametrize(
    ("form", "code", "body"),
    [
        ("A", 550, {"code": 550, "msg": "m", "data": None}),
        ("B", "", {"error": {"message": "m", "type": "new_api_error", "code": ""}}),
        (
            "C",
            "quota_not_enough",
            {"code": "quota_not_enough", "message": "m", "data": None},
        ),
        ("D", "", {"success": False, "message": "m", "code": ""}),
    ],
)
async def test_refusal_can_take_any_form(
    play: Play, form: str, code: Any, body: dict[str, Any]
) -> None:
    """The generic refusal speaks all four forms."""
    params = {"form": form, "status": 403, "code": code, "message": "m"}
    seen = await see(play, "query", "refusal", **params)
    assert (seen.struck.status, seen.struck.json) == (403, body)
