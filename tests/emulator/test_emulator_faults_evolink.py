"""Faults inside EvoLink's task objects and errors, seen from the wire."""

from __future__ import annotations

from typing import Any

import pytest

from liangxin_async.emulator import Failure, Fault, Scenario
from liangxin_async.emulator._faults import KINDS
from tests.emulator.caller import Play
from tests.emulator.seeing import Check, Seen, Table, see
from tests.emulator.test_emulator_faults import ACCEPTING, ANYWHERE, FILES
from tests.emulator.test_emulator_faults_callback import CALLBACK_KINDS

pytestmark = pytest.mark.anyio


def body_is(**expected: Any) -> Check:
    """Whether the task object has these values, under HTTP 200."""
    return lambda s: (
        s.struck.status == 200
        and {name: s.json.get(name, "absent") for name in expected} == expected
    )


def undone(status: str) -> Check:
    """Whether the task object has this status and nothing of the result."""
    return lambda s: (
        s.json["status"] == status
        and not s.json.keys() & {"results", "result_data", "duration"}
    )


def urls(seen: Seen) -> list[str]:
    """Return the honest URLs."""
    found: list[str] = seen.honest.json["results"]
    return found


REFUSALS: Table = {
    "refusal": (
        {"status": 503, "message": "m", "hint": "retry after 30 seconds"},
        lambda s: (
            (s.struck.status, s.json)
            == (
                503,
                {
                    "error": {
                        "code": 503,
                        "message": "m",
                        "type": "service_unavailable_error",
                        "fallback_suggestion": "retry after 30 seconds",
                    }
                },
            )
        ),
    ),
}
CREATES: Table = {
    "task_id_empty": ({}, body_is(id="", status="pending")),
    "task_id_null": ({}, body_is(id=None)),
    "task_id_number": ({}, lambda s: isinstance(s.json["id"], int)),
    "task_id_long": ({}, lambda s: len(s.json["id"]) > 10_000),
    "task_id_path": ({}, lambda s: s.json["id"].startswith("../../task-unified-")),
    "task_id": ({"value": ["x"]}, body_is(id=["x"])),
    "task_id_missing": ({}, body_is(id="absent", status="pending")),
    "task_id_duplicate": ({}, lambda s: s.json["id"] == s.honest.json["id"]),
    "created_ended": (
        {},
        lambda s: (s.json["status"], len(s.json["results"])) == ("completed", 1),
    ),
}
TASKS: Table = {
    "fields": (
        {
            "put": {"type": "hologram", "object": 5, "created": "17", "more": {}},
            "drop": ["usage", "task_info", "unheard_of"],
        },
        body_is(
            type="hologram",
            object=5,
            created="17",
            more={},
            usage="absent",
            task_info="absent",
        ),
    ),
    "bare": (
        {},
        lambda s: {"id", "status"} <= s.json.keys() <= {"id", "status", "results"},
    ),
}
QUERIES: Table = {
    "not_found": (
        {},
        lambda s: (
            (s.struck.status, s.json["error"]["param"], s.json["error"]["code"])
            == (404, "task_id", 404)
        ),
    ),
    "wrong_task_id": ({}, body_is(id="task-unified-1700000000-somebody")),
    "state": ({"value": "paused"}, undone("paused")),
    "never_ends": ({}, undone("processing")),
    "state_missing": ({}, body_is(status="absent")),
    "state_other_words": ({}, body_is(status="succeeded")),
    "state_upper": ({}, body_is(status="COMPLETED")),
    "state_backwards": ({"to": "fail"}, undone("failed")),
    "result_missing": ({}, body_is(results="absent", result_data="absent")),
    "result_null": ({}, body_is(results=None, result_data=None)),
    "urls_empty": ({}, body_is(results=[], result_data=[])),
    "urls_single": ({}, lambda s: s.json["results"] == urls(s)[0]),
    "urls_repeated": ({}, lambda s: s.json["results"] == urls(s) * 2),
    "urls": (
        {"urls": ["file:///etc/passwd", "{base}/x"]},
        lambda s: (
            s.json["results"]
            == ["file:///etc/passwd", f"{s.caller.emulator.base_url}/x"]
            == [item["url"] for item in s.json["result_data"]]
        ),
    ),
    "results_objects": (
        {},
        lambda s: (
            s.json["results"] == [{"url": urls(s)[0]}] and "result_data" not in s.json
        ),
    ),
    "result_data_only": (
        {"key": "image_url"},
        lambda s: (
            s.json["result_data"] == [{"image_url": urls(s)[0]}]
            and "results" not in s.json
        ),
    ),
    "progress": ({"value": "50%"}, body_is(progress="50%")),
    "times_text": ({}, lambda s: s.json["created"] == str(s.honest.json["created"])),
    "times_missing": ({}, body_is(created="absent")),
    "cancelled": (
        {"spelling": "canceled"},
        lambda s: (
            s.json["status"] == "canceled"
            and s.json["error"]["code"] == "request_cancelled"
        ),
    ),
}
FAILURES: Table = {
    "fail_code_number": ({}, lambda s: s.json["error"]["code"] == 422),
    "fail_code_missing": ({}, body_is(error={"message": "no"})),
    "fail_message_null": ({}, body_is(error={"code": "422", "message": None})),
    "fail_message_long": ({}, lambda s: len(s.json["error"]["message"]) == 1_000_000),
}
TABLES = (REFUSALS, CREATES, TASKS, QUERIES, FAILURES)
CASES = [
    (kind, route, params, check)
    for table in TABLES
    for kind, (params, check) in table.items()
    for route in KINDS[kind].routes
]


@pytest.mark.parametrize(
    ("kind", "route", "params", "check"), CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES]
)
async def test_fault_arrives_in_evolink(
    play: Play, kind: str, route: str, params: dict[str, Any], check: Check
) -> None:
    """A struck call shows what its kind promises, on each of its routes."""
    failing = kind in FAILURES
    seen = await see(play, route, kind, dialect="evolink", failing=failing, **params)
    assert check(seen), seen.struck.data[:500]


def test_every_evolink_kind_has_a_case() -> None:
    """No kind that EvoLink can play is without a test of what arrives."""
    playable = {n for n, k in KINDS.items() if k.dialect in (None, "evolink")}
    cases = {case[0] for case in CASES} | ANYWHERE.keys() | FILES.keys()
    cases |= CALLBACK_KINDS
    assert cases | set(ACCEPTING) == playable


@pytest.mark.parametrize(
    ("params", "results", "data"),
    [
        ({}, "absent", list),
        ({"results": "null"}, None, list),
        ({"results": "empty", "form": "object"}, [], dict),
    ],
)
async def test_result_data_only_leaves_results_as_told(
    play: Play, params: dict[str, str], results: Any, data: type
) -> None:
    """`results` can be missing, null or empty; result_data a list or one object."""
    seen = await see(play, "query", "result_data_only", dialect="evolink", **params)
    assert seen.json.get("results", "absent") == results
    assert type(seen.json["result_data"]) is data


@pytest.mark.parametrize(
    ("params", "error"),
    [
        (
            {"status": 400, "code": "invalid_parameters"},
            {"code": "invalid_parameters", "type": "invalid_request_error"},
        ),
        ({"status": 403}, {"code": 403, "type": "permission_error"}),
        ({"status": 500}, {"code": 500, "type": "internal_server_error"}),
        ({"status": 502, "form": "untyped"}, {"code": 502}),
        ({"status": 404, "code": None}, {"code": None, "type": "not_found_error"}),
    ],
)
async def test_refusal_has_codes_and_types(
    play: Play, params: dict[str, Any], error: dict[str, Any]
) -> None:
    """The code is the status or what is told; the type follows, or is left out."""
    seen = await see(play, "query", "refusal", dialect="evolink", message="m", **params)
    assert seen.struck.status == params["status"]
    assert seen.json == {"error": {"message": "m", **error}}


@pytest.mark.parametrize("kind", ["task_id_number", "task_id_long", "task_id_path"])
async def test_task_with_odd_id_can_be_queried(play: Play, kind: str) -> None:
    """An odd id that was told is known, whatever it begins with."""
    caller = await play(Scenario(faults=[Fault(route="create", kind=kind)]))
    told = str((await caller.evo_create("odd")).json["id"])
    quoted = "".join(f"%{byte:02X}" for byte in told.encode())
    assert (await caller.evo_record(quoted))["id"] == told
    assert (await caller.query(told)).json["code"] == 422


async def test_created_ended_is_over_at_once(play: Play) -> None:
    """The files are there, the next query agrees, and no place is held."""
    faults = [Fault(route="create", kind="created_ended")]
    failures = [Failure(match="bad", code="service_error")]
    caller = await play(Scenario(duration=60, faults=faults, failures=failures))
    good = (await caller.evo_create()).json
    bad = (await caller.evo_create("bad")).json
    assert (await caller.file(good["results"][0])).status == 200
    assert (await caller.evo_record(good["id"]))["results"] == good["results"]
    assert (bad["status"], bad["error"]["code"]) == ("failed", "service_error")
    assert caller.emulator.tasks.in_flight(None, caller.clock.now) == 0


async def test_kind_of_one_dialect_counts_only_its_calls(play: Play) -> None:
    """LiangXin's first call is the first for its kind, whatever EvoLink was asked."""
    faults = [
        Fault(route="create", kind="model_not_found", nth=1),
        Fault(route="create", kind="bare", nth=2),
    ]
    caller = await play(Scenario(faults=faults))
    assert (await caller.evo_create()).status == 200
    assert [(await caller.create()).status for _ in range(2)] == [503, 200]
    assert list((await caller.evo_create()).json) == ["id", "status"]
    assert caller.emulator.ledger.faults == {"model_not_found": 1, "bare": 1}


async def test_common_kind_counts_both_dialects(play: Play) -> None:
    """A kind of every dialect counts all calls of its route."""
    fault = Fault(route="create", kind="html_503", nth=2)
    caller = await play(Scenario(faults=[fault]))
    assert (await caller.evo_create()).status == 200
    assert (await caller.create()).status == 503


async def test_fault_on_unaccepted_create_tells_of_no_task(play: Play) -> None:
    """An answer whose create was not accepted names an id that nobody knows."""
    fault = Fault(route="create", kind="bom", accept=False)
    caller = await play(Scenario(faults=[fault]))
    reply = await caller.evo_create()
    assert reply.body.startswith(b'\xef\xbb\xbf{"created"')
    assert caller.emulator.ledger.accepted_total == 0
