"""Clients under measurement, each as its documentation has it used: all at once.

`session` awaits `generate` for every prompt. `fal` and `replicate` are the packages of
these services, against shims of their protocols. The loops are what people write by
hand with aiohttp: a coroutine per task that creates, tries again with a jittered
exponential wait whatever went wrong, and then asks at a fixed interval; `tuned` also
holds a semaphore of exactly the service's cap, which nobody is told in reality.

A task that gave its caller no URL by the end of the patience is lost to that caller.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import aiohttp
from attrs import frozen

from benchmarks._child import read_argument, resident_bytes
from benchmarks._client_bare import HEADERS

Generate: TypeAlias = Callable[[str], Awaitable[object]]

MODULES = {  # loaded before the clock starts, and only by those who need them
    "session": "liangxin_async",
    "fal-client": "fal_client.client",
    "replicate": "replicate.client",
}
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 10.0  # seconds; a usual setting of tenacity


@frozen(kw_only=True)
class Trial:
    """One measurement.

    Attributes:
        url: base URL of the server.
        client: which client to run.
        tasks: how many prompts, all begun at once.
        cap: tasks in flight that the service takes, for `tuned`.
        patience: seconds after which the rest counts as lost.
        pace: factor on the waits of the loops.
    """

    url: str
    client: str
    tasks: int
    cap: int
    patience: float
    pace: float = 1.0


async def session(trial: Trial) -> dict[str, int]:
    """Our session with its default settings."""
    ours = importlib.import_module(MODULES["session"])
    polling = ours.Polling(first=ours.Polling().first * trial.pace)
    async with ours.Session("benchmark-key", base_url=trial.url, polling=polling) as s:

        async def generate(prompt: str) -> object:
            return (await s.generate(ours.ZImage(prompt))).urls[0]

        return await _all(trial, generate)


async def fal(trial: Trial) -> dict[str, int]:
    """fal-client's `subscribe`."""
    module = importlib.import_module(MODULES["fal-client"])
    # It can name neither port nor plain http by itself.
    vars(module)["QUEUE_URL_FORMAT"] = f"{trial.url}/fal/"
    client = module.AsyncClient(key="benchmark-key")

    async def generate(prompt: str) -> object:
        answer = await client.subscribe("owner/app", {"prompt": prompt})
        return answer["images"][0]["url"]

    try:
        return await _all(trial, generate)
    finally:
        await (await client._client).aclose()


async def replicate(trial: Trial) -> dict[str, int]:
    """replicate's `async_run`, which polls where the service does not hold the call."""
    module = importlib.import_module(MODULES["replicate"])
    client = module.Client(api_token="benchmark-key", base_url=trial.url)

    async def generate(prompt: str) -> object:
        given = {"prompt": prompt}
        made = await client.async_run(
            "owner/z-image", input=given, wait=False, use_file_output=False
        )
        return made[0]

    try:
        return await _all(trial, generate)
    finally:
        await client._async_client.aclose()


def loop(interval: float, *, tuned: bool = False) -> Client:
    """Return a hand-written client that asks every `interval` seconds."""

    async def client(trial: Trial) -> dict[str, int]:
        places = asyncio.Semaphore(trial.cap if tuned and trial.cap else trial.tasks)
        async with aiohttp.ClientSession(headers=HEADERS) as http:

            async def generate(prompt: str) -> object:
                async with places:
                    return await _by_hand(http, trial, prompt, interval * trial.pace)

            return await _all(trial, generate)

    return client


async def _by_hand(
    http: aiohttp.ClientSession, trial: Trial, prompt: str, interval: float
) -> str:
    body = {"model": "z-image", "input": {"prompt": prompt}}
    create = f"{trial.url}/api/v1/jobs/createTask"
    task_id = (await _patiently(trial, lambda: http.post(create, json=body)))["taskId"]
    ask = f"{trial.url}/api/v1/jobs/recordInfo?taskId={task_id}"
    while True:
        await asyncio.sleep(interval)
        record = await _patiently(trial, lambda: http.get(ask))
        if record["state"] == "success":
            urls: list[str] = json.loads(record["resultJson"])["resultUrls"]
            return urls[0]


async def _patiently(trial: Trial, call: Callable[[], Any]) -> dict[str, Any]:
    """Try until it works, as a retry decorator around the whole call does."""
    longest = _FIRST_WAIT
    while True:
        try:
            async with call() as response:
                response.raise_for_status()
                data: dict[str, Any] = (await response.json())["data"]
                return data
        except (aiohttp.ClientError, TimeoutError):
            await asyncio.sleep(random.uniform(0, longest) * trial.pace)
            longest = min(_LONGEST_WAIT, longest * 2)


async def _all(trial: Trial, generate: Generate) -> dict[str, int]:
    """Begin all at once; return how many came home, were named in doubt, or failed."""
    begun = [
        asyncio.ensure_future(generate(f"picture {number}"))
        for number in range(trial.tasks)
    ]
    await asyncio.wait(begun, timeout=trial.patience)
    late = [one for one in begun if not one.done()]
    for one in late:
        one.cancel()
    outcomes = await asyncio.gather(*begun, return_exceptions=True)
    return {
        "home": sum(isinstance(outcome, str) for outcome in outcomes),
        "in_doubt": sum(
            type(outcome).__name__ == "SubmitUnknownError" for outcome in outcomes
        ),
    }


Client: TypeAlias = Callable[[Trial], Awaitable[dict[str, int]]]

CLIENTS: dict[str, Client] = {
    "session": session,
    "fal-client": fal,
    "replicate": replicate,
    "loop 0.5 s": loop(0.5),
    "loop 1 s": loop(1.0),
    "loop 3 s": loop(3.0),
    "tuned 1 s": loop(1.0, tuned=True),
}


def main() -> None:
    """Measure the client that the process was asked for, and print the figures."""
    trial = Trial(**read_argument())
    client = CLIENTS[trial.client]
    if trial.client in MODULES:
        importlib.import_module(MODULES[trial.client])

    async def run() -> dict[str, int]:
        return await client(trial)

    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    found = asyncio.run(run())
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(
        json.dumps(
            {**found, "cpu": cpu, "wall": wall, "peak_rss": resident_bytes("VmHWM")}
        )
    )


if __name__ == "__main__":
    main()
