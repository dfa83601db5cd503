"""Result files: open to everybody, as behind a storage host, and a trap for keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define

from liangxin_async.emulator._answer import Answer, html
from liangxin_async.emulator._faults import Call
from liangxin_async.emulator._world import Due

if TYPE_CHECKING:
    from aiohttp import web

    from liangxin_async.emulator._tasks import Task
    from liangxin_async.emulator._world import World

PREFIX = "/files/"
_KEY_HEADERS = ("Authorization", "Proxy-Authorization", "X-Api-Key", "Api-Key")


@define(eq=False)
class Files:
    """The files under `/files/{task}/{version}/` of a world."""

    world: World

    async def get(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer with a picture, or with why there is none."""
        world = self.world
        self._watch(request)
        _, _, task_id, version, *_ = [*request.path.split("/"), "", ""]
        world.ledger.files[task_id] += 1
        task = world.tasks.get(task_id)
        answer = self._answer(request.path, task, version)
        if not world.plan.has("file"):
            return answer.response()
        prompt = "" if task is None else task.prompt
        now = world.clock()
        call = Call(now=now, subject=task_id, prompt=prompt, task=task)
        fault = world.plan.pick("file", call)
        if fault is None:
            return answer.response()
        return await world.strike(fault, request, Due(answer=answer, task=task))

    def _answer(self, path: str, task: Task | None, version: str) -> Answer:
        number = int(version) if version.isascii() and version.isdigit() else 0
        if task is None or task.state(self.world.clock()) != "success":
            return html(404, "404 Not Found")
        if 0 < number <= task.dead_version:
            return html(task.dead_status, "Expired")
        if path not in task.paths:
            return html(404, "404 Not Found")
        index = task.paths.index(path)
        side = self.world.scenario.longest_side
        data, content_type = self.world.pictures.get(task, index, side)
        return Answer(content=data, content_type=content_type)

    def _watch(self, request: web.BaseRequest) -> None:
        """Note every credential that came along."""
        ledger, key = self.world.ledger, self.world.api_key
        for name, value in request.headers.items():
            if key in value or name.title() in _KEY_HEADERS:
                ledger.leaked(request.path, name)
        if key in request.query_string:
            ledger.leaked(request.path, "query")
