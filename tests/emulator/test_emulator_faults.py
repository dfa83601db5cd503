"""Faults that mean the same in every dialect, seen from the wire."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest

from liangxin_async.emulator import Fault, Scenario, fault_kinds
from liangxin_async.emulator._faults import KINDS
from tests.emulator.caller import Play, Wire
from tests.emulator.seeing import (
    Check,
    Table,
    cut,
    inflated,
    noted,
    page,
    same,
    see,
)

pytestmark = pytest.mark.anyio

DIALECTS = ("liangxin", "evolink")

# Wire and HTTP kinds: checked on every route where they can be used.
ANYWHERE: Table = {
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
    "utf16": ({}, lambda s: json.loads(s.struck.body).keys() == s.honest.json.keys()),
    "latin1": (
        {},
        lambda s: (
            noted(b'"note":"caf\xe9"')(s)
            and "iso-8859-1" in s.struck.header("Content-Type")
        ),
    ),
    "invalid_utf8": ({}, noted(b'"note":"\xff\xfe"')),
    "nan": ({}, noted(b'"note":NaN')),
    "duplicate_keys": (
        {},
        lambda s: (
            s.json.keys() == s.honest.json.keys()
            and s.struck.body.count(b":null,") >= len(s.json)
            and None not in s.json.values()
        ),
    ),
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
    "empty_body": (
        {"status": 500},
        lambda s: (s.struck.status, s.struck.body) == (500, b""),
    ),
}
FILES: Table = {
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
ACCEPTING = ["reset_on_accept", "close_on_accept"]

PLACES = [
    (route, name) for name in DIALECTS for route in ("create", "query", "callback")
]
PLACES += [("credits", "evolink"), ("file", "liangxin")]
CASES = [
    (kind, route, dialect, params, check)
    for kind, (params, check) in (ANYWHERE | FILES).items()
    for route, dialect in PLACES
    if route in KINDS[kind].routes
]


@pytest.mark.parametrize(
    ("kind", "route", "dialect", "params", "check"),
    CASES,
    ids=["-".join(case[:3]) for case in CASES],
)
async def test_fault_arrives_on_the_wire(
    play: Play,
    kind: str,
    route: str,
    dialect: str,
    params: dict[str, Any],
    check: Check,
) -> None:
    """A struck call shows what its kind promises, on each of its routes."""
    seen = await see(play, route, kind, dialect=dialect, **params)
    assert check(seen), seen.struck.data[:500]


def test_fault_kinds_say_where_and_whose() -> None:
    """Every kind has a line that ends with its routes and dialects."""
    kinds = fault_kinds()
    assert kinds.keys() == KINDS.keys()
    assert kinds["bare"].endswith("[create, query, callback; evolink only]")
    assert kinds["data_null"].endswith("[query, callback; liangxin only]")
    assert kinds["state"].endswith("[query, callback; every dialect]")
    assert all(not line.startswith("[") for line in kinds.values())


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
