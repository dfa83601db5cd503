"""The clients of `capacity_sockets`: each has endless work, for some seconds.

`session` is ours. The others are what people write by hand with aiohttp: so many
workers, each of which sends one create until it is accepted, asks at a fixed interval
until its task is over, and goes on to the next. `loop` sends a refused create again
after a second, `tenacity` after exponential jitter, each with `WORKERS` workers;
`semaphore` has as many as the service is said to take, and asks half as often.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import TypeAlias
from urllib.parse import urlencode

import aiohttp
from attrs import frozen

from benchmarks._capacity_peers import LONGEST_SLEEP, SLEEP, WORKERS
from benchmarks._child import get, read_argument
from benchmarks._client_bare import HEADERS
from liangxin_async import Session, ZImage


@frozen(kw_only=True)
class Spec:
    """One play.

    Attributes:
        url: base URL of the server with a capacity.
        regime: what it is to be like.
        median: of a task's duration, seconds.
        sigma: spread of the logarithm of the duration.
        seed: of the durations.
        seconds: how long to send.
        sessions: how many of them share the service.
        client: one of `CLIENTS`.
        tuned: workers of each `semaphore`.
    """

    url: str
    regime: str
    median: float
    sigma: float
    seed: int
    seconds: float
    sessions: int
    client: str
    tuned: int


async def _session(spec: Spec, wrong: list[object]) -> None:
    """Default settings."""
    requests = (ZImage(f"picture {number}") for number in itertools.count())
    async with (
        Session("benchmark-key", base_url=spec.url) as session,
        session.map(requests) as batch,
    ):
        async for outcome in batch:
            if outcome.error is not None:
                wrong.append(outcome.error)  # noqa: PERF401 - no list ends here


def _delays_of_loop() -> Iterator[float]:
    return itertools.repeat(SLEEP)


def _delays_of_tenacity() -> Iterator[float]:
    for tries in itertools.count():
        yield random.uniform(0.0, min(LONGEST_SLEEP, 2.0**tries))


def _by_hand(
    workers: int | None, delays: Callable[[], Iterator[float]], interval: float
) -> Client:
    """Return a hand-written client; None is as many workers as is tuned."""

    async def client(spec: Spec, wrong: list[object]) -> None:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(headers=HEADERS, connector=connector) as http:

            async def work() -> None:
                while True:
                    task_id = await _create(http, spec.url, delays())
                    await _await_end(http, spec.url, task_id, interval)

            await asyncio.gather(*(work() for _ in range(workers or spec.tuned)))

    return client


async def _create(
    http: aiohttp.ClientSession, url: str, delays: Iterator[float]
) -> str:
    body = {"model": "z-image", "input": {"prompt": "picture"}}
    while True:
        async with http.post(f"{url}/api/v1/jobs/createTask", json=body) as response:
            if response.status == 200:
                task_id: str = (await response.json())["data"]["taskId"]
                return task_id
        await asyncio.sleep(next(delays))


async def _await_end(
    http: aiohttp.ClientSession, url: str, task_id: str, interval: float
) -> None:
    over = False
    while not over:
        await asyncio.sleep(interval)
        ask = f"{url}/api/v1/jobs/recordInfo?taskId={task_id}"
        async with http.get(ask) as response:
            if response.status == 200:  # else the query was refused
                over = (await response.json())["data"]["state"] == "success"


# Works until it is cancelled; adds to the list what went wrong.
Client: TypeAlias = Callable[[Spec, list[object]], Awaitable[None]]

CLIENTS: dict[str, Client] = {
    "session": _session,
    "semaphore": _by_hand(None, _delays_of_loop, 2.0),
    "tenacity": _by_hand(WORKERS, _delays_of_tenacity, 1.0),
    "loop": _by_hand(WORKERS, _delays_of_loop, 1.0),
}


async def play(spec: Spec) -> int:
    """Run all sessions for the given time; return how many tasks went wrong."""
    wrong: list[object] = []
    client = CLIENTS[spec.client]
    everybody = asyncio.gather(*(client(spec, wrong) for _ in range(spec.sessions)))
    with suppress(TimeoutError):  # the only way in which endless work ends
        await asyncio.wait_for(everybody, spec.seconds)
    return len(wrong)


def main() -> None:
    """Play as the process was asked to, and print what the server counted."""
    spec = Spec(**read_argument())
    words = {
        "regime": spec.regime,
        "seed": spec.seed,
        "median": spec.median,
        "sigma": spec.sigma,
        "made": 0,
    }
    get(spec.url, f"/begin?{urlencode(words)}")
    wrong = asyncio.run(play(spec))
    account = json.loads(get(spec.url, f"/account?seconds={spec.seconds}"))
    print(json.dumps({**account, "wrong": wrong}))


if __name__ == "__main__":
    main()
