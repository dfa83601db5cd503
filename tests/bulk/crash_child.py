"""Processes that make a bulk run and are killed in the middle of it.

`python -m tests.bulk.crash_child` imports everything once, and then forks a process for
each order, a line of JSON on standard input. For each it prints `{"pid": ...}` and,
when that process has ended, `{"status": ...}` as `waitpid` gives it. What the process
saw stands in the order's `report`: a line of JSON for each item, and for each instant
that it came to.

The instants of the paid path are numbered from outside the library: around every write
to the journal, around a create, when its first byte is about to leave and when it has
left, and around the renaming of a file or its way into a store. Each has a name and a number, which says how
often the run has come to it. The process kills itself at the one asked for.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from liangxin_async import Polling, Session, ZImage, _partfile, _transport, bulk
from liangxin_async._errors import LiangxinError
from liangxin_async.bulk import _bucket, _object_store

AWAITED = ("sending", "accepted", "failed", "saved")
POSTED = ("succeeded_nowait", "sent_back_nowait", "doubt_nowait", "unsaved_nowait")


class Instants:
    """Counts what is passed, and dies at one of them.

    Files are renamed in threads: none of them passes on while another one dies.
    """

    def __init__(self, report: int, die_at: list[Any] | None) -> None:
        self._report = report
        self._die_at = die_at
        self._passed: Counter[str] = Counter()
        self._lock = threading.Lock()

    def passed(self, name: str) -> None:
        with self._lock:
            self._passed[name] += 1
            instant = [name, self._passed[name]]
            tell(self._report, instant=instant)
            if instant == self._die_at:
                os.kill(os.getpid(), signal.SIGKILL)


def tell(report: int, **facts: Any) -> None:
    os.write(report, (json.dumps(facts) + "\n").encode())


class NumberedJournal:
    """A journal as `bulk.Journal` has it, with an instant around each write."""

    def __init__(self, journal: bulk.SqliteJournal, instants: Instants) -> None:
        self._journal = journal
        self._instants = instants

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._journal, name)
        if name in AWAITED:
            return self._awaited(name, method)
        return self._posted(name, method) if name in POSTED else method

    def _awaited(self, name: str, method: Any) -> Any:
        async def write(*args: Any, **options: Any) -> None:
            self._instants.passed(f"before {name}")
            await method(*args, **options)
            self._instants.passed(f"after {name}")

        return write

    def _posted(self, name: str, method: Any) -> Any:
        def write(*args: Any) -> None:
            self._instants.passed(f"before {name}")
            method(*args)
            self._instants.passed(f"after {name}")

        return write


class NumberedSession(Session):
    """A session with an instant before each create and after its answer."""

    instants: Instants

    def _make_transport(self) -> Any:
        transport, instants = super()._make_transport(), self.instants

        async def create(*args: Any) -> Any:
            instants.passed("before create")
            reply = await transport.create(*args)
            instants.passed("after create")
            return reply

        return SimpleNamespace(
            create=create,
            query=transport.query,
            open_nowait=transport.open_nowait,
            aclose=transport.aclose,
        )


def number_the_rest(instants: Instants) -> None:
    """Put instants where no object of ours is handed in. For a process of its own."""
    write_body = _transport._WatchedBody.write_with_length
    publish = _partfile.Place.publish

    async def write_with_length(body: Any, writer: Any, length: int | None) -> None:
        class Watched:
            async def write(self, chunk: bytes) -> None:
                assert body._departure.left, "it is noted before the first byte"
                instants.passed("before departure")
                await writer.write(chunk)
                instants.passed("after departure")

        await write_body(body, Watched(), length)

    def rename(place: Any, temporary: Path, extension: str) -> Path:
        instants.passed("before rename")
        path = publish(place, temporary, extension)
        instants.passed("after rename")
        return path

    put, remove = _bucket.Bucket.put, _object_store._remove

    async def put_object(*args: Any, **options: Any) -> Any:
        instants.passed("before put")
        stored = await put(*args, **options)
        instants.passed("after put")
        return stored

    def remove_copies(*args: Any) -> None:
        remove(*args)
        instants.passed("after remove")

    _bucket.Bucket.put = put_object
    _object_store._remove = remove_copies
    _transport._WatchedBody.write_with_length = write_with_length
    _partfile.Place.publish = rename


async def make_run(order: dict[str, Any], report: int) -> None:
    instants = Instants(report, order["die_at"])
    number_the_rest(instants)
    folder = Path(order["folder"])
    NumberedSession.instants = instants
    session = NumberedSession(
        order["api_key"],
        base_url=order["base_url"],
        polling=Polling(first=0.05, floor=0.02),
    )
    prompts = enumerate(order["prompts"])
    requests = [(prompt, ZImage(prompt, seed=number)) for number, prompt in prompts]
    store = order["store"]
    place = folder if store is None else bulk.ObjectStore(store, work=folder)
    journal = await bulk.open_journal(folder / "journal.sqlite")
    try:
        run = bulk.run(
            requests,
            place,
            session=session,
            journal=NumberedJournal(journal, instants),
            **order["choices"],
        )
        async with session, run:
            async for item in run:
                tell(report, **told(item))
    except LiangxinError as exc:
        tell(report, end=f"{type(exc).__name__}: {exc}")
    else:
        tell(report, end="over")
    finally:
        await journal.aclose()


def told(item: bulk.Item | bulk.BadLine) -> dict[str, Any]:
    assert isinstance(item, bulk.Item), f"a bad line: {item}"
    state, paths = item.row.state.value, [path.name for path in item.paths]
    return {"key": item.row.key, "state": state, "paths": paths}


def obey(order: dict[str, Any]) -> None:
    """In the forked process. Never returns."""
    status = 1
    try:
        report = os.open(order["report"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        asyncio.run(make_run(order, report))
        status = 0
    finally:
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            obey(order)
        print(json.dumps({"pid": child}), flush=True)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"status": status}), flush=True)


if __name__ == "__main__":
    main()
