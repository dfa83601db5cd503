"""What the tests of the journal share: rows to write, and a look at what was written."""

from __future__ import annotations

from contextlib import asynccontextmanager
from itertools import count

import anyio

from liangxin_async import JournalError
from liangxin_async.bulk._row import File, Row
from liangxin_async.bulk._schema import log_of
from liangxin_async.bulk._sqlite import open_journal
from liangxin_async.bulk._wal import count_commits

FOREVER = 3600.0  # a delay that no test waits for
FILE = File(name="a cat.png", size_bytes=1234, sha256="ab" * 32)


def request_row(key, **facts):
    """A request that was never sent."""
    request = {"model": "z-image", "input": {"prompt": f"{key}: 一只猫 \U0001f431"}}
    facts = {"line": 7, "stem": f"stem-{key}", **facts}
    return Row(key=key, model="z-image", request=request, **facts)


@asynccontextmanager
async def opened(path, **options):
    """An open journal that is closed whatever happens."""
    journal = await open_journal(path, **options)
    try:
        yield journal
    finally:
        await journal.aclose()


async def all_rows(journal, states=None):
    return [row async for row in journal.rows(states)]


async def row_in(journal, key):
    return (await journal.find([key]))[key]


async def bring_to_saved(journal, key):
    """Take a new request the whole way."""
    await journal.sending(request_row(key), 1.0)
    await journal.accepted(key, f"task-{key}", 2.0)
    await succeeded(journal, key, {"task_id": f"task-{key}"})
    await journal.saved(key, [FILE], 4.0)


async def succeeded(journal, key, record=None):
    """Write down that a task is over, and wait until it is there."""
    journal.succeeded_nowait(key, record or {}, 3.0)
    await journal.settle()


async def error_of(awaitable):
    """The JournalError that this must end in."""
    try:
        await awaitable
    except JournalError as exc:
        return exc
    raise AssertionError("no JournalError was raised")


async def until(holds):
    """Wait until the async predicate `holds`, for half a minute at most."""
    with anyio.fail_after(30):
        for _ in count():
            if await holds():
                return
            await anyio.sleep(0.005)


def commits_in(path):
    """How many commits are in the journal's log since it was opened."""
    return count_commits(log_of(path))
