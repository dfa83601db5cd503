"""The frame of a measuring process: speak with the server, warm up, measure.

It loads nothing that aiohttp does not load, so that the bare clients stay bare.
Resident size is read from /proc where there is one: the greatest size that
`getrusage` gives survives `exec`, and would be that of the parent.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlencode, urlsplit

from attrs import evolve, frozen

_HASTE = 0.02  # pace of the warm-up
WARM_UP = 8  # tasks before the clock starts; enough to have taken every path once

_STATUS = Path("/proc/self/status")


@frozen(kw_only=True)
class Spec:
    """One measurement.

    Attributes:
        url: base URL of the lean server.
        client: which client to run, of those that the process knows.
        tasks: how many tasks to make, at least 1.
        queries: how many queries to replay; 0 for clients that decide themselves.
        span: seconds over which to spread them; 0 is as fast as they go.
        instants: file with the instant of each create and query, as the server tells
            them; "" is as fast as they go.
        seed: seed of the tasks' durations.
        median: median duration of a task, seconds.
        sigma: spread of the logarithm of the duration.
        pace: factor on the tasks' durations and on the client's waits, above 0; for
            warm-ups and trials.
    """

    url: str
    client: str
    tasks: int
    queries: int = 0
    span: float = 0.0
    instants: str = ""
    seed: int = 0
    median: float = 2.0
    sigma: float = 0.5
    pace: float = 1.0


Client: TypeAlias = Callable[[Spec], Awaitable[None]]


def read_argument() -> dict[str, Any]:
    """Return the JSON object that the process was started with."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    return given


def main(clients: Mapping[str, Client]) -> None:
    """Measure the client that the process was asked for, and print the figures."""
    spec = Spec(**read_argument())
    client = clients[spec.client]
    warm_up = evolve(
        spec, tasks=WARM_UP, queries=WARM_UP, span=0.0, instants="", pace=_HASTE
    )
    run_client(client, warm_up)
    print(json.dumps(run_client(client, spec)))


def run_client(client: Client, spec: Spec) -> dict[str, float]:
    """Return what one run of `client` cost, in seconds and bytes."""
    median = spec.median * spec.pace
    begin(spec.url, seed=spec.seed, median=median, sigma=spec.sigma)

    async def run() -> None:
        await client(spec)

    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    asyncio.run(run())
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    seen = books(spec.url)
    if seen["posts"] != spec.tasks:
        raise RuntimeError(f"{seen['posts']} creates for {spec.tasks} tasks")
    return {
        "cpu": cpu,
        "wall": wall,
        "peak_rss": resident_bytes("VmHWM"),
        "posts": seen["posts"],
        "gets": seen["gets"],
        "peak_open": seen["peak_open"],
        "lag": seen["lag"],
        "lag_median": seen["lag_median"],
        "server_cpu": seen["server_cpu"],
    }


def begin(
    url: str, *, seed: int = 0, median: float, sigma: float = 0.0, made: int = 0
) -> None:
    """Have the server forget everything and draw durations anew."""
    query = urlencode({"seed": seed, "median": median, "sigma": sigma, "made": made})
    get(url, f"/begin?{query}")


def books(url: str) -> dict[str, Any]:
    """Return what the server counted since `begin`."""
    counts: dict[str, Any] = json.loads(get(url, "/books"))
    return counts


def get(url: str, target: str) -> bytes:
    """Return what the server has at `target`, which is a path and a query."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
    try:
        connection.request("GET", target)
        reply = connection.getresponse()
        body = reply.read()
    finally:
        connection.close()
    if reply.status != 200:
        raise RuntimeError(f"{target}: HTTP {reply.status}")
    return body


def resident_bytes(line: str) -> float:
    """Return resident memory: "VmRSS" for now, "VmHWM" for the most there ever was.

    Without /proc both are what `getrusage` calls the greatest.
    """
    if _STATUS.exists():
        for entry in _STATUS.read_text().splitlines():
            if entry.startswith(f"{line}:"):
                return float(entry.split()[1]) * 1024
    greatest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(greatest if os.uname().sysname == "Darwin" else greatest * 1024)
