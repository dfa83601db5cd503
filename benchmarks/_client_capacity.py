"""The client of `capacity_sockets`: a `Session` with endless work, for some seconds."""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import suppress
from urllib.parse import urlencode

from attrs import frozen

from benchmarks._child import get, read_argument
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
    """

    url: str
    regime: str
    median: float
    sigma: float
    seed: int
    seconds: float
    sessions: int


async def play(spec: Spec) -> int:
    """Run all sessions for the given time; return how many tasks went wrong."""
    wrong = 0

    async def one() -> None:
        nonlocal wrong
        requests = (ZImage(f"picture {number}") for number in itertools.count())
        async with (
            Session("benchmark-key", base_url=spec.url) as session,
            session.map(requests) as batch,
        ):
            async for outcome in batch:
                wrong += outcome.error is not None

    everybody = asyncio.gather(*(one() for _ in range(spec.sessions)))
    with suppress(TimeoutError):  # the only way in which endless work ends
        await asyncio.wait_for(everybody, spec.seconds)
    return wrong


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
