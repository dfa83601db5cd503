"""Waking those who wait, each by a future of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable


def wake(waiters: Iterable[asyncio.Future[None]]) -> None:
    """Wake every waiter that is still there; one that was cancelled has gone."""
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
