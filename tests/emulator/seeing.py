"""How a struck call is seen: on a raw socket, beside an honest one.

The second call of a route meets the fault; the first one is honest and serves for
comparison. Time stands still, so a task is either waiting or has ended. Callbacks are
seen as they arrive, the struck one beside one for the same task sent by hand.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import anyio
from attrs import frozen

from liangxin_async.emulator import Failure, Fault, Scenario
from tests.emulator.caller import EVO_CREDITS, Caller, Play, Wire
from tests.emulator.receiver import receiving


@frozen
class Seen:
    """A struck call beside an honest one."""

    honest: Wire
    struck: Wire
    caller: Caller

    @property
    def json(self) -> Any:
        """The struck answer."""
        return self.struck.json


Check = Callable[[Seen], bool]
Table = dict[str, tuple[dict[str, Any], Check]]


async def see(
    play: Play,
    route: str,
    kind: str,
    *,
    dialect: str = "liangxin",
    failing: bool = False,
    **params: Any,
) -> Seen:
    """Call a route twice, the second time with a fault."""
    failures = [Failure(code="422", message="no")] if failing else []
    fault = Fault(route=route, kind=kind, nth=2, params=params)
    scenario = Scenario(duration=1, failures=failures, faults=[fault], longest_side=64)
    caller = await play(scenario)
    if route == "callback":
        return await _see_callbacks(caller, kind, dialect)
    data = await _bytes(caller, route, dialect)
    honest = await caller.raw(data)
    assert (honest.status, honest.ended) == (200, "eof"), honest
    struck = await caller.raw(data, wait=0.2 if kind in ("hang", "endless") else 2)
    assert caller.emulator.ledger.faults == {kind: 1}
    return Seen(honest, struck, caller)


async def _see_callbacks(caller: Caller, kind: str, dialect: str) -> Seen:
    emulator = caller.emulator
    async with receiving() as receiver:
        with anyio.fail_after(5):
            for _ in range(2):
                task_id = await receiver.expected_by(caller, dialect)
                caller.clock.now += 1
                await emulator.callbacks_done()
            await emulator.deliver(task_id)
    assert emulator.ledger.faults == {kind: 1}
    _, struck, honest = receiver.posts
    return Seen(honest.wire, struck.wire, caller)


async def _bytes(caller: Caller, route: str, dialect: str) -> bytes:
    if route == "credits":
        return caller.get_bytes(EVO_CREDITS)
    if route == "create":
        return caller.create_bytes("struck", dialect)
    make = caller.evo_made if dialect == "evolink" else caller.made
    task_id = await make("struck")
    caller.clock.now += 1
    if route == "query":
        return caller.query_bytes(task_id, dialect)
    url = caller.emulator.snapshot()["tasks"][task_id]["urls"][0]
    return caller.get_bytes(url.removeprefix(caller.emulator.base_url))


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
        s.struck.body.startswith(b"{" + text) and s.struck.body.endswith(b"}")
    )


def inflated(seen: Seen) -> bytes:
    """Return the body without its gzip wrapping."""
    return gzip.decompress(seen.struck.body)


# Wire and HTTP kinds: checked on every route where they can be used.
