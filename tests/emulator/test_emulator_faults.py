"""Every fault kind, seen from the wire: what a client's socket really gets.

Each case makes the second call of its route meet the fault; the first one is honest and
serves for comparison. Time stands still, so a task is either waiting or has ended.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from attrs import frozen

from liangxin_async.emulator import Failure, Fault, Scenario, fault_kinds
from liangxin_async.emulator._faults import KINDS
from tests.emulator.caller import QUERY, Caller, Play, Wire

pytestmark = pytest.mark.anyio

SATURATED = "Current group upstream load is saturated, please try again later"


@frozen
class Seen:
    """A struck call beside an honest one."""

    honest: Wire
    struck: Wire
    caller: Caller

    @property
    def data(self) -> Any:
        """The data of the struck answer."""
        return self.struck.json["data"]

    @property
    def result(self) -> Any:
        """The resultJson of the struck answer."""
        return self.data["resultJson"]


Check = Callable[[Seen], bool]


async def see(
    play: Play, route: str, kind: str, *, failing: bool = False, **params: Any
) -> Seen:
    """Call a route twice, the second time with a fault."""
    failures = [Failure(code="422", message="no")] if failing else []
    fault = Fault(route=route, kind=kind, nth=2, params=params)
    scenario = Scenario(duration=1, failures=failures, faults=[fault], longest_side=64)
    caller = await play(scenario)
    data = caller.create_bytes("struck")
    if route != "create":
        task_id = await caller.made("struck")
        caller.clock.now += 1
        data = caller.get_bytes(f"{QUERY}?taskId={task_id}")
    if route == "file":
        url = caller.emulator.snapshot()["tasks"][task_id]["url"]
        data = caller.get_bytes(url.removeprefix(caller.emulator.base_url))
    honest = await caller.raw(data)
    assert (honest.status, honest.ended) == (200, "eof"), honest
    struck = await caller.raw(data, wait=0.2 if kind in ("hang", "endless") else 2)
    assert caller.emulator.ledger.faults == {kind: 1}
    return Seen(honest, struck, caller)


def same(seen: Seen) -> bool:
    """Whether the body is as long and as usable as the honest one."""
    return len(seen.struck.body) == len(seen.honest.body)


def cut(seen: Seen) -> bool:
    """Whether the body is a true beginning of the honest one."""
    body = seen.struck.body
    return 0 < len(body) < len(seen.honest.body)


def page(status: int) -> Check:
    """Whether a proxy's page came."""
    return lambda s: (
        s.struck.status == status
        and s.struck.body.startswith(b"<html>")
        and s.struck.header("Content-Type") == "text/html; charset=utf-8"
    )


def noted(text: bytes) -> Check:
    """Whether a member was put in front of the honest ones."""
    return lambda s: (
        s.struck.body.startswith(b"{" + text) and s.struck.body.endswith(b"}}")
    )


def data_is(**expected: Any) -> Check:
    """Whether the data has these values, and the envelope is good."""
    return lambda s: (
        s.struck.json["code"] == 200
        and {name: s.data.get(name, "absent") for name in expected} == expected
    )


def undone(state: str) -> Check:
    """Whether the record has this state and nothing of the result."""
    return lambda s: (
        (s.data["state"], s.data["resultJson"]) == (state, "")
        and "completeTime" not in s.data
    )


def urls(seen: Seen) -> list[str]:
    """Return the honest URLs."""
    found: list[str] = json.loads(seen.honest.json["data"]["resultJson"])["resultUrls"]
    return found


def inflated(seen: Seen) -> bytes:
    """Return the body without its gzip wrapping."""
    return gzip.decompress(seen.struck.body)


# Wire and HTTP kinds: checked on every route where they can be used.
ANYWHERE: dict[str, tuple[dict[str, Any], Check]] = {
    "reset_before_body": ({}, lambda s: s.struck == Wire(b"", "reset")),
    "reset_after_body": ({}, lambda s: s.struck == Wire(b"", "reset")),
    "close_silently": ({}, lambda s: s.struck == Wire(b"", "eof")),
    "hang": ({}, lambda s: s.struck == Wire(b"", "open")),
    "delay": ({"seconds": 0.01}, same),
    "slow": ({"seconds": 0.0}, same),
    "cut_length": (
        {"keep": 0.3},
        lambda s: (
            cut(s) and int(s.struck.header("Content-Length")) == len(s.honest.body)
        ),
    ),
    "cut_chunked": (
        {},
        lambda s: (
            s.struck.header("Transfer-Encoding") == "chunked"
            and not s.struck.body.endswith(b"0\r\n\r\n")
        ),
    ),
    "cut_close": ({}, lambda s: cut(s) and s.struck.header("Content-Length") is None),
    "extra_bytes": (
        {},
        lambda s: (
            len(s.honest.body) == int(s.struck.header("Content-Length"))
            and s.struck.body.endswith(b"Content-Length: 2\r\n\r\n{}")
        ),
    ),
    "early_hints": (
        {},
        lambda s: s.struck.status == 103 and b"\r\n\r\nHTTP/1.1 200" in s.struck.data,
    ),
    "close_after": (
        {},
        lambda s: same(s) and s.struck.header("Connection") is None,
    ),
    "garbage": ({"text": "hello\r\n"}, lambda s: s.struck.data == b"hello\r\n"),
    "huge_header": ({}, lambda s: len(s.struck.header("X-Fill")) == 20_000),
    "many_headers": ({}, lambda s: s.struck.head.count("\r\n") > 10_000),
    "no_content_type": (
        {},
        lambda s: same(s) and s.struck.header("Content-Type") is None,
    ),
    **{f"html_{n}": ({}, page(n)) for n in (500, 501, 502, 503, 504, 520)},
    "login_page": (
        {},
        lambda s: s.struck.status == 200 and b"<form" in s.struck.body,
    ),
    "answer": (
        {"status": 418, "body": "tea", "headers": {"Retry-After": "NaN"}},
        lambda s: (
            (s.struck.status, s.struck.body) == (418, b"tea")
            and s.struck.header("Retry-After") == "NaN"
        ),
    ),
    "redirect": (
        {"location": "{base}/elsewhere", "status": 308},
        lambda s: (
            s.struck.status == 308
            and s.struck.header("Location") == f"{s.caller.emulator.base_url}/elsewhere"
        ),
    ),
    "wrong_content_type": (
        {},
        lambda s: same(s) and s.struck.header("Content-Type") == "text/html",
    ),
    "bom": ({}, lambda s: s.struck.body.startswith(b"\xef\xbb\xbf{")),
    "utf16": ({}, lambda s: json.loads(s.struck.body)["code"] == 200),
    "latin1": (
        {},
        lambda s: (
            noted(b'"note":"caf\xe9"')(s)
            and "iso-8859-1" in s.struck.header("Content-Type")
        ),
    ),
    "invalid_utf8": ({}, noted(b'"note":"\xff\xfe"')),
    "nan": ({}, noted(b'"note":NaN')),
    "duplicate_keys": ({}, lambda s: s.struck.json["code"] == 200),
    "deep_nesting": ({"levels": 50}, noted(b'"note":' + b"[" * 50)),
    "huge_integer": ({}, noted(b'"note":' + b"9" * 30)),
    "lone_surrogate": ({}, noted(b'"note":"\\ud800"')),
    "gzip_bomb": (
        {"size_bytes": 3 << 20},
        lambda s: (
            len(inflated(s)) >= 3 << 20
            and len(s.struck.body) < len(s.honest.body) + 10_000
            and inflated(s).rstrip(b" ").startswith(s.honest.body[:20])
        ),
    ),
    "bad_gzip": ({}, lambda s: s.struck.header("Content-Encoding") == "gzip"),
    "gzip_members": ({}, lambda s: len(inflated(s)) == len(s.honest.body)),
    "refusal": (
        {"form": "D", "status": 402, "code": "x", "message": "m"},
        lambda s: (
            (s.struck.status, s.struck.json)
            == (402, {"success": False, "message": "m", "code": "x"})
        ),
    ),
    "empty_body": (
        {"status": 500},
        lambda s: (s.struck.status, s.struck.body) == (500, b""),
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
FILES: dict[str, tuple[dict[str, Any], Check]] = {
    "oversized": (
        {"size_bytes": 300_000},
        lambda s: (
            len(s.struck.body) == int(s.struck.header("Content-Length")) == 300_000
            and s.struck.body.startswith(s.honest.body)
        ),
    ),
    "endless": (
        {},
        lambda s: s.struck.ended == "open" and len(s.struck.body) > 1_000_000,
    ),
    "empty_file": (
        {},
        lambda s: (
            (s.struck.body, s.struck.header("Content-Type")) == (b"", "image/png")
        ),
    ),
    "wrong_file_type": (
        {},
        lambda s: same(s) and s.struck.header("Content-Type") == "application/pdf",
    ),
    "not_a_picture": (
        {},
        lambda s: (
            s.struck.body.startswith(b"%PDF")
            and s.struck.header("Content-Type") == "image/png"
        ),
    ),
    "expired": ({"status": 410}, lambda s: s.struck.status == 410),
}
CREATES: dict[str, tuple[dict[str, Any], Check]] = {
    "task_id_empty": ({}, data_is(taskId="")),
    "task_id_null": ({}, data_is(taskId=None)),
    "task_id_number": ({}, lambda s: isinstance(s.data["taskId"], int)),
    "task_id_long": ({}, lambda s: len(s.data["taskId"]) > 10_000),
    "task_id_path": ({}, lambda s: s.data["taskId"].startswith("../../task_")),
    "task_id": ({"value": ["x"]}, data_is(taskId=["x"])),
    "task_id_missing": ({}, lambda s: s.data == {}),
    "task_id_duplicate": (
        {},
        lambda s: s.data["taskId"] == s.honest.json["data"]["taskId"],
    ),
}
QUERIES: dict[str, tuple[dict[str, Any], Check]] = {
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
    "result_malformed": ({}, lambda s: s.result.endswith(".png")),
    "result_empty": ({}, data_is(resultJson="", state="success")),
    "result_null": ({}, data_is(resultJson=None)),
    "result_object": ({}, lambda s: s.result == {"resultUrls": urls(s)}),
    "result_list": ({}, lambda s: s.result == urls(s)),
    "result_double": (
        {},
        lambda s: json.loads(json.loads(s.result)) == {"resultUrls": urls(s)},
    ),
    "result_missing": ({}, data_is(resultJson="absent")),
    "urls_empty": ({}, data_is(resultJson='{"resultUrls":[]}')),
    "urls_single": ({}, lambda s: json.loads(s.result)["resultUrls"] == urls(s)[0]),
    "urls_snake": ({}, lambda s: json.loads(s.result) == {"result_urls": urls(s)}),
    "urls_repeated": ({}, lambda s: json.loads(s.result)["resultUrls"] == urls(s) * 2),
    "urls": (
        {"urls": ["file:///etc/passwd", "{base}/x"]},
        lambda s: (
            json.loads(s.result)["resultUrls"]
            == ["file:///etc/passwd", f"{s.caller.emulator.base_url}/x"]
        ),
    ),
    "snake_names": (
        {},
        lambda s: (
            s.data["task_id"] == s.honest.json["data"]["taskId"]
            and s.data["complete_time"] > 0
            and "taskId" not in s.data
        ),
    ),
    "progress": ({"value": 50}, data_is(progress=50)),
    "times_text": ({}, lambda s: s.data["createTime"].isdigit()),
    "times_seconds": ({}, lambda s: 10**9 < s.data["completeTime"] < 10**10),
    "data_null": ({}, lambda s: s.struck.json["data"] is None),
}
FAILURES: dict[str, tuple[dict[str, Any], Check]] = {
    "fail_code_number": ({}, data_is(failCode=422)),
    "fail_code_missing": ({}, data_is(failCode="absent", failMsg="no")),
    "fail_message_null": ({}, data_is(failMsg=None)),
    "fail_message_long": ({}, lambda s: len(s.data["failMsg"]) == 1_000_000),
}
ACCEPTING = ["reset_on_accept", "close_on_accept"]

CASES = [
    (kind, route, params, check)
    for table in (ANYWHERE, FILES, CREATES, QUERIES, FAILURES)
    for kind, (params, check) in table.items()
    for route in KINDS[kind].routes
]


@pytest.mark.parametrize(
    ("kind", "route", "params", "check"), CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES]
)
async def test_fault_arrives_on_the_wire(
    play: Play, kind: str, route: str, params: dict[str, Any], check: Check
) -> None:
    """A struck call shows what its kind promises, on each of its routes."""
    seen = await see(play, route, kind, failing=kind in FAILURES, **params)
    assert check(seen), seen.struck.data[:500]


def test_every_kind_has_a_case() -> None:
    """No kind is without a test of what arrives."""
    cases = {case[0] for case in CASES} | set(ACCEPTING)
    assert cases == set(fault_kinds())
    assert all(meaning for meaning in fault_kinds().values())


@pytest.mark.parametrize(
    ("kind", "ended"), [("reset_on_accept", "reset"), ("close_on_accept", "eof")]
)
async def test_fault_on_accept_ends_connection(
    play: Play, kind: str, ended: str
) -> None:
    """The first connection dies at once, the second works; both are counted."""
    fault = Fault(route="connect", kind=kind, nth=1)
    caller = await play(Scenario(faults=[fault]))
    first = await caller.raw(b"")
    second = await caller.raw(caller.create_bytes())
    assert first == Wire(b"", ended)
    assert second.status == 200
    ledger = caller.emulator.ledger
    assert (ledger.connections, ledger.posts, ledger.accepted_total) == (2, 1, 1)


DEFAULT_ACCEPTS = {
    "reset_before_body": 0,
    "reset_after_body": 1,
    "close_silently": 1,
    "hang": 1,
    "cut_length": 1,
    "cut_chunked": 1,
    "cut_close": 1,
    "garbage": 1,
    "html_500": 0,
    "html_502": 1,
    "html_503": 0,
    "html_504": 1,
    "login_page": 0,
    "model_not_found": 0,
    "code_455": 0,
    "refusal": 0,
    "redirect": 0,
    "bom": 1,
    "task_id_null": 1,
}


@pytest.mark.parametrize(("kind", "extra"), DEFAULT_ACCEPTS.items())
async def test_create_fault_accepts_as_usual_for_kind(
    play: Play, kind: str, extra: int
) -> None:
    """Kinds that lose an answer charge; kinds that refuse do not."""
    params = {"location": "/x"} if kind == "redirect" else {}
    seen = await see(play, "create", kind, **params)
    ledger = seen.caller.emulator.ledger
    assert ledger.posts == 2
    assert ledger.accepted_by_prompt["struck"] == 1 + extra


@pytest.mark.parametrize("accept", [True, False])
@pytest.mark.parametrize("kind", ["reset_after_body", "html_500", "cut_length", "bom"])
async def test_create_fault_accepts_as_told(
    play: Play, kind: str, accept: bool
) -> None:
    """`accept` turns the usual round; the count of POSTs stays the same."""
    fault = Fault(route="create", kind=kind, accept=accept)
    caller = await play(Scenario(faults=[fault]))
    await caller.raw(caller.create_bytes("one"))
    ledger = caller.emulator.ledger
    assert ledger.posts == 1
    assert ledger.received_by_prompt == {"one": 1}
    assert ledger.accepted_total == int(accept)


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


async def test_create_fault_leaves_refusal_alone(play: Play) -> None:
    """A kind that changes a good answer does nothing to a refusal."""
    fault = Fault(route="create", kind="task_id_null")
    caller = await play(Scenario(faults=[fault], balance=0))
    reply = await caller.create()
    assert reply.status == 403


@pytest.mark.parametrize("kind", ["task_id_number", "task_id_long", "task_id_path"])
async def test_task_with_odd_id_can_be_queried(play: Play, kind: str) -> None:
    """A task is known under the odd id that was told."""
    caller = await play(Scenario(faults=[Fault(route="create", kind=kind)]))
    told = (await caller.create("odd")).json["data"]["taskId"]
    record = await caller.record(str(told))
    assert record["taskId"] == str(told)
    assert "odd" in record["param"]


async def test_duplicate_id_belongs_to_first_task(play: Play) -> None:
    """Two creates with one id are two charges, and the record is the first one's."""
    fault = Fault(route="create", kind="task_id_duplicate", nth=2)
    caller = await play(Scenario(faults=[fault]))
    first, second = await caller.made("one"), await caller.made("two")
    assert first == second
    assert "one" in (await caller.record(second))["param"]
    assert caller.emulator.ledger.accepted_total == 2


async def test_expired_file_works_after_refresh(play: Play) -> None:
    """An expired URL stays dead; the record then gives another that works."""
    fault = Fault(route="file", kind="expired", nth=1, params={"status": 403})
    caller = await play(Scenario(duration=0, faults=[fault]))
    task_id = await caller.made()
    old = await caller.url(task_id)
    assert [(await caller.file(old)).status for _ in range(2)] == [403, 403]
    new = await caller.url(task_id)
    assert new != old
    assert (await caller.file(new)).status == 200
    assert (await caller.file(old)).status == 403


async def test_state_backwards_waits_for_first_ending(play: Play) -> None:
    """The first terminal answer is honest; only then does the state go back."""
    fault = Fault(route="query", kind="state_backwards")
    caller = await play(Scenario(duration=1, faults=[fault]))
    task_id = await caller.made()
    states = [(await caller.record(task_id))["state"]]
    caller.clock.now += 1
    states += [(await caller.record(task_id))["state"] for _ in range(3)]
    assert states == ["waiting", "success", "generating", "generating"]


async def test_gzip_bomb_is_small_and_valid(play: Play) -> None:
    """64 MiB travel as under 100 kB, with a right checksum and readable JSON."""
    caller = await play(Scenario(faults=[Fault(route="create", kind="gzip_bomb")]))
    wire = await caller.raw(caller.create_bytes())
    assert len(wire.body) < 100_000
    reader = zlib.decompressobj(31)
    start = reader.decompress(wire.body, 1000)
    assert json.loads(start)["code"] == 200
    size = len(start)
    while part := reader.decompress(reader.unconsumed_tail, 1 << 20):
        size += len(part)
    assert reader.eof
    assert size >= 64 << 20
