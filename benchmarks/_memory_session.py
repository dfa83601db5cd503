"""Open tasks under measurement: those of our `Session`."""

from __future__ import annotations

import anyio
from anyio.abc import TaskGroup
from attrs import define, field

from benchmarks._child import WARM_UP
from benchmarks._memory import FOREVER, Meter, copy_of, main
from liangxin_async import (
    Batch,
    Event,
    PollComplete,
    Polling,
    Session,
    SubmitAccepted,
    ZImage,
)

# An attached task is asked about at once; after that nothing happens any more.
_ONCE = Polling(
    first=FOREVER, floor=FOREVER, ceiling=FOREVER, max_rate=None, workers=WARM_UP
)
_SETTLING = 0.1  # seconds for the last callers to come back from their answers


@define
class _Answers:
    """An observer that counts answers, and lets one wait for a number of them."""

    seen: int = 0
    wanted: int = 0
    reached: anyio.Event = field(factory=anyio.Event)

    def __call__(self, event: Event) -> None:
        if isinstance(event, (PollComplete, SubmitAccepted)):
            self.seen += 1
            if self.seen == self.wanted:
                self.reached.set()

    def expect(self, count: int) -> None:
        """Wait for `count` from here on."""
        self.wanted, self.reached = self.seen + count, anyio.Event()

    async def wait(self) -> None:
        await self.reached.wait()
        await anyio.sleep(_SETTLING)


def _session(url: str, answers: _Answers) -> Session:
    return Session("benchmark-key", base_url=url, polling=_ONCE, observer=answers)


async def attached(url: str, task_ids: list[str], meter: Meter) -> None:
    """Attached in one step, so that no query has begun."""
    answers = _Answers()
    async with _session(url, answers) as session:
        await _attach(session, answers, task_ids[:WARM_UP])
        meter.start()
        for task_id in task_ids[WARM_UP:]:
            session.attach(copy_of(task_id))
        meter.stop()


async def asked(url: str, task_ids: list[str], meter: Meter) -> None:
    """Attached, and each asked about once."""
    answers = _Answers()
    async with _session(url, answers) as session:
        await _attach(session, answers, task_ids[:WARM_UP])
        meter.start()
        await _attach(session, answers, task_ids[WARM_UP:])
        meter.stop()


async def _attach(session: Session, answers: _Answers, task_ids: list[str]) -> None:
    """Attach and wait until all were asked about."""
    answers.expect(len(task_ids))
    for task_id in task_ids:
        session.attach(copy_of(task_id))
    await answers.wait()


async def mapped(url: str, task_ids: list[str], meter: Meter) -> None:
    """Created by `map`, and not asked about yet."""
    answers = _Answers()
    async with anyio.create_task_group() as group, _session(url, answers) as session:
        await _map(group, session, answers, WARM_UP)
        meter.start()
        await _map(group, session, answers, len(task_ids) - WARM_UP)
        meter.stop()


async def _map(
    group: TaskGroup, session: Session, answers: _Answers, count: int
) -> None:
    """Begin a batch and wait until all of it was accepted; closing ends it."""
    answers.expect(count)
    requests = (ZImage(f"picture {number}") for number in range(count))
    group.start_soon(_take, session.map(requests))
    await answers.wait()


async def _take(batch: Batch) -> None:
    async for outcome in batch:
        if outcome.result is not None:
            raise RuntimeError("a task ended that should not")


if __name__ == "__main__":
    main({"attached": attached, "asked": asked, "mapped": mapped})
