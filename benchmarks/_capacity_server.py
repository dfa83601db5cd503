"""The lean server with a capacity: it refuses creates as a regime says, in real time.

`begin` takes the name of a regime too; the median is that of the regime then. The nth
accepted task takes as long as in the simulation. Beside what `_server` does:

    GET /account?seconds=    what was accepted and refused in that time since `begin`
"""

from __future__ import annotations

import asyncio
import heapq
from random import Random

from aiohttp import web
from attrs import define, field

from benchmarks._regimes import Regime, sockets
from benchmarks._server import Service, serve
from benchmarks._services import Bucket, Rule

_REFUSAL = b'{"code": 429, "msg": "too many requests"}'


@define
class Limited(Service):
    """See the module."""

    rules: tuple[Rule, ...] = ()
    luck: float = 0.0
    queries: Bucket | None = None
    chance: Random = field(factory=Random)
    began: float = 0.0
    accepted: list[float] = field(factory=list)
    refused: list[float] = field(factory=list)
    queries_refused: int = 0

    async def handle(self, request: web.BaseRequest) -> web.Response:
        now = asyncio.get_running_loop().time() - self.began
        if request.path == "/account":
            return web.json_response(self._account(float(request.query["seconds"])))
        if request.path.endswith("/createTask"):
            if not self._admits(now):
                await request.read()
                self.refused.append(now)
                return _refusal()
            self.accepted.append(now)
        elif self.queries is not None and request.path.endswith("/recordInfo"):
            if not self.queries.admits(now, 0):
                self.queries_refused += 1
                return _refusal()
            self.queries.take(now)
        answer = await Service.handle(self, request)
        if request.path == "/begin":
            self._play(sockets(request.query["regime"]), request.query["seed"])
        return answer

    def _play(self, regime: Regime, seed: str) -> None:
        self.random = Random(f"durations {seed}")
        self.chance = Random(f"luck {seed}")
        self.rules, self.luck = tuple(regime.service.rules()), regime.service.luck
        rate = regime.queries
        self.queries = None if rate is None else Bucket(max(1.0, rate), rate)
        self.began = asyncio.get_running_loop().time()
        self.accepted, self.refused, self.queries_refused = [], [], 0

    def _admits(self, now: float) -> bool:
        while self.open_ends and self.open_ends[0] <= self.began + now:
            heapq.heappop(self.open_ends)
        if self.chance.random() < self.luck:
            return False
        running = len(self.open_ends)
        if not all(rule.admits(now, running) for rule in self.rules):
            return False
        for rule in self.rules:
            rule.take(now)
        return True

    def _account(self, seconds: float) -> dict[str, object]:
        return {
            "accepted": sum(at < seconds for at in self.accepted),
            "later": sum(10 <= at < seconds for at in self.accepted),
            "refused": sum(at < seconds for at in self.refused),
            "queries": self.gets,
            "queries_refused": self.queries_refused,
            "lag": sum(self.lags) / max(1, len(self.lags)),
        }


def _refusal() -> web.Response:
    return web.Response(status=429, body=_REFUSAL, content_type="application/json")


if __name__ == "__main__":
    asyncio.run(serve(Limited()))
