"""An emulator that runs until it is stopped, for the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from liangxin_async.emulator._scenario import Scenario
from liangxin_async.emulator._server import Emulator


async def serve(
    scenario: Scenario,
    host: str,
    port: int,
    api_key: str,
    announce: Callable[[Emulator], None],
) -> None:
    """Run an emulator until cancelled; its sockets are closed when this ends.

    Args:
        scenario: what to play.
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        api_key: the one key that is valid.
        announce: called once it listens; then `base_url` is known.

    Raises:
        OSError: the address cannot be listened on.
    """
    async with Emulator(scenario, host=host, port=port, api_key=api_key) as emulator:
        announce(emulator)
        await asyncio.get_running_loop().create_future()
