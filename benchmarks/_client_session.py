"""The client under measurement: our `Session`, fed through `map`."""

from __future__ import annotations

from attrs import evolve

from benchmarks._child import Spec, main
from liangxin_async import Polling, Session, ZImage


async def session(spec: Spec) -> None:
    """The default settings, but for the pace that the trial asks for."""
    polling = Polling()
    polling = evolve(polling, first=polling.first * spec.pace)
    requests = (ZImage(f"picture {number}") for number in range(spec.tasks))
    async with Session("benchmark-key", base_url=spec.url, polling=polling) as client:
        async for outcome in client.map(requests):
            outcome.unwrap()


if __name__ == "__main__":
    main({"session": session})
