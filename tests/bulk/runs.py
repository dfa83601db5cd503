"""Short ways to make a bulk run on an emulator, and to look at what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from attrs import define, field

from liangxin_async import LiangxinError, Session, ZImage, bulk
from liangxin_async.bulk import BadLine, Item, RowState
from liangxin_async.emulator import Emulator

SMALL = {"longest_side": 32}  # of a scenario: pictures that cost no time to draw
ENDLESS = {"duration": 600.0, **SMALL}  # and tasks that end by `end_tasks`


@define
class Told:
    """What a run told: its items, its bad lines, and the error that ended it."""

    items: list[Item] = field(factory=list)
    bad: list[BadLine] = field(factory=list)
    error: BaseException | None = None
    unwritten: tuple[str, ...] = ()

    @property
    def states(self) -> dict[str, RowState]:
        """The state of each request by its key; each is told at most once."""
        assert len({item.row.key for item in self.items}) == len(self.items)
        return {item.row.key: item.row.state for item in self.items}

    def in_state(self, state: RowState) -> set[str]:
        """Keys of what was told to be in `state`."""
        return {key for key, found in self.states.items() if found is state}

    def item(self, key: str) -> Item:
        """The item of `key`."""
        return next(item for item in self.items if item.row.key == key)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until `holds` says so, for half a minute at most."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - what it looks at tells nobody
            await asyncio.sleep(0.005)


def pairs(*prompts: str) -> list[tuple[str, ZImage]]:
    """Requests whose prompts are their keys."""
    return [(prompt, ZImage(prompt)) for prompt in prompts]


def numbered(count: int) -> list[str]:
    """Prompts "p0", "p1", ..."""
    return [f"p{number}" for number in range(count)]


async def leave_accepted(
    session: Session, emulator: Emulator, folder: Path, *prompts: str
) -> None:
    """Have every prompt accepted, for tasks without an end, and leave the run."""
    paid = emulator.ledger.accepted_total + len(prompts)
    async with bulk.run(pairs(*prompts), folder, session=session) as run:
        waiting = asyncio.ensure_future(anext(run, None))
        await until(lambda: emulator.ledger.accepted_total == paid)
    assert await waiting is None


def end_tasks(emulator: Emulator) -> None:
    """Let every task of the service be over now."""
    for task in emulator.tasks:
        emulator.tasks.finish(task, emulator.world.clock())


async def make(
    session: Session,
    folder: Path | bulk.ObjectStore | str,
    requests: Iterable[Any] | Any,
    **choices: Any,
) -> Told:
    """Make a run to its end; an error of ours, or of the input, is kept."""
    told = Told()
    run = bulk.run(requests, folder, session=session, **choices)
    async with asyncio.timeout(60), run:
        try:
            async for item in run:
                listed: list[Any] = told.items if isinstance(item, Item) else told.bad
                listed.append(item)
        except (LiangxinError, OSError, ZeroDivisionError) as exc:
            told.error = exc
    told.unwritten = run.unwritten
    return told
