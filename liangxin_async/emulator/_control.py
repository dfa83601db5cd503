"""The emulator's own pages, for people and for clients in any language."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from attrs import define

from liangxin_async.emulator._checks import ScenarioError
from liangxin_async.emulator._dialects import DIALECTS
from liangxin_async.emulator._endpoints import Handler
from liangxin_async.emulator._faults import fault_kinds
from liangxin_async.emulator._scenario import Scenario

if TYPE_CHECKING:
    from liangxin_async.emulator._tasks import Task
    from liangxin_async.emulator._world import World

_LARGEST_SCENARIO = 10 << 20  # bytes


def _spoken() -> str:
    lines: list[str] = []
    for dialect in DIALECTS.values():
        lines.append(f"{dialect.title} ({dialect.name}):")
        lines += [f"  {place.method:<4} {place.shown}" for place in dialect.places]
        lines += [f"  Models: {', '.join(dialect.models)}", ""]
    return "\n".join(lines)


_SPOKEN: Final = _spoken()


def describe(world: World, task: Task) -> dict[str, Any]:
    """Return what there is to know about a task, as plain values."""
    now = world.clock()
    state = task.state(now)
    urls = [world.base_url + path for path in task.paths]
    return {
        "dialect": task.dialect,
        "model": task.model,
        "request": task.request,
        "key": task.key,
        "state": state,
        "created_ms": world.wall(task.created),
        "duration": task.duration,
        "callback_url": task.callback_url,
        "callbacks": [delivery.as_dict() for delivery in task.deliveries],
        "urls": urls if state == "success" else [],
        "queries": world.ledger.queries[task.task_id],
    }


def snapshot(world: World, *, tasks: bool = True) -> dict[str, Any]:
    """Return the books as plain values, with every task unless told otherwise."""
    books = world.ledger.snapshot(world.clock())
    if tasks:
        books["tasks"] = {task.task_id: describe(world, task) for task in world.tasks}
    return books


@define(eq=False)
class Control:
    """Pages under `/emulator/`, and what `/` says. They ask for no key."""

    world: World
    play: Callable[[Scenario], Awaitable[None]]

    def routes(self) -> Mapping[tuple[str, str], tuple[str, Handler]]:
        """Return handlers by method and path, each with its route's name."""
        return {
            ("GET", "/"): ("control", self.door),
            ("GET", "/emulator/"): ("control", self.index),
            ("GET", "/emulator/ledger"): ("control", self.ledger),
            ("POST", "/emulator/scenario"): ("control", self.scenario),
        }

    async def door(self, _: web.BaseRequest) -> web.StreamResponse:
        """Say in a line what this is; no service that is emulated promises the like."""
        return web.json_response(
            {
                "emulator": "a local stand-in; nothing here is a real generation",
                "paths": [
                    f"{place.method} {place.shown}"
                    for dialect in DIALECTS.values()
                    for place in dialect.places
                ],
                "more": f"{self.world.base_url}/emulator/",
            }
        )

    async def index(self, _: web.BaseRequest) -> web.StreamResponse:
        """Say in words what is here."""
        faults = "\n".join(f"  {name}: {line}" for name, line in fault_kinds().items())
        extra = ", ".join(self.world.scenario.extra_models) or "none"
        text = (
            "An emulated service for tasks that make pictures. Nothing here is a real "
            "generation.\n\n"
            f"{_SPOKEN}\n"
            "For every dialect:\n"
            "  GET  /files/...\n"
            "  GET  /emulator/ledger[?tasks=no]   what was seen and done, as JSON\n"
            "  POST /emulator/scenario            play another scenario (JSON)\n"
            f"  More models of this scenario: {extra}\n\n"
            "A task whose create names a callback URL on this machine calls it back at "
            "its end;\nother machines are never called, and the ledger says so.\n\n"
            f"Fault kinds [routes; dialects]:\n{faults}\n"
        )
        return web.Response(text=text)

    async def ledger(self, request: web.BaseRequest) -> web.StreamResponse:
        """Give the books as JSON."""
        tasks = request.query.get("tasks") != "no"
        return web.json_response(snapshot(self.world, tasks=tasks))

    async def scenario(self, request: web.BaseRequest) -> web.StreamResponse:
        """Begin the scenario in the body; a bad one changes nothing."""
        if (request.content_length or _LARGEST_SCENARIO + 1) > _LARGEST_SCENARIO:
            return web.json_response(
                {"error": "a length below 10 MiB, please"}, status=413
            )
        try:
            scenario = Scenario.from_dict(json.loads(await request.content.read()))
        except ScenarioError as error:
            return web.json_response({"error": str(error)}, status=400)
        except (ValueError, RecursionError):
            return web.json_response({"error": "the body is not JSON"}, status=400)
        await self.play(scenario)
        return web.json_response({"ok": True})
