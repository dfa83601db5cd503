"""`demo`: the main job, on this machine, with nothing to set up.

The emulator runs in this process, and the session talks to it by HTTP as it would to
the real service, with its default settings.
"""

from __future__ import annotations

import re
import time
from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, field

from liangxin_async._errors import LiangxinError
from liangxin_async._events import Event, SubmitAccepted, SubmitRefused, TaskSettled
from liangxin_async._records import Outcome, Stats
from liangxin_async._session import Session
from liangxin_async.cli._demo_plan import MODELS, requests, scenario
from liangxin_async.cli._errors import StdoutError, StoppedError
from liangxin_async.cli._exit import Exit
from liangxin_async.cli._out import Out
from liangxin_async.cli._place import choose_place
from liangxin_async.cli._progress import progress
from liangxin_async.cli._report import facts, words
from liangxin_async.cli._session import run
from liangxin_async.cli._watch import Watch
from liangxin_async.cli._words import plural
from liangxin_async.emulator import Emulator

if TYPE_CHECKING:
    from rich.console import RenderableType

_SLUG = 40  # characters of a prompt in a file name


@define(eq=False)
class Course:
    """How far the demo has come.

    Attributes:
        asked: pictures to make.
        folder: where they go.
        watch: counts of the session.
        saved: files saved.
        failed: pictures that were not made or not saved.
        polls: queries about each task that is over.
        began: monotonic instant of the start.
        stats: gives the session's own counts.
    """

    asked: int
    folder: Path
    watch: Watch
    saved: int = 0
    failed: int = 0
    polls: list[int] = field(factory=list)
    began: float = field(factory=time.monotonic)
    stats: Callable[[], Stats] = Stats

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    @property
    def polls_per_task(self) -> float:
        """Queries about a task, on average over those that are over."""
        return sum(self.polls) / len(self.polls) if self.polls else 0.0

    @property
    def waiting(self) -> int:
        """Pictures that no task is made for yet."""
        return self.asked - self.watch.accepted


def demo(args: Namespace, out: Out) -> int:
    """Make the pictures, save them, and tell how it went."""
    folder = choose_place(args.output).folder
    watch = Watch()
    course = Course(args.count, folder, watch)
    watch.on_event = partial(_tell, course, out)
    _begin(course, out)
    try:
        run(lambda: _make(course, out), watch, out)
    except StoppedError:
        if not out.as_json:
            out.note(f"{plural(course.saved, 'picture')} saved in {folder}")
        raise
    _summarise(course, out)
    return Exit.FAILED if course.failed else Exit.DONE


async def _make(course: Course, out: Out) -> None:
    async with Emulator(scenario(course.asked)) as emulator:
        session = Session(
            emulator.api_key, base_url=emulator.base_url, observer=course.watch
        )
        course.stats = lambda: session.stats
        shown = progress(
            out,
            line=partial(_line, course),
            every=1.0,
            picture=partial(_picture, course),
        )
        async with session:
            with shown:
                async with session.map(requests(course.asked)) as batch:
                    async for outcome in batch:
                        await _bring_home(session, course, outcome, out)


async def _bring_home(
    session: Session, course: Course, outcome: Outcome, out: Out
) -> None:
    request = outcome.request
    stem = f"{outcome.index + 1:02}-{request.model}-{_slug(request.prompt or '')}"
    told = {"index": outcome.index, "task_id": outcome.task_id, "model": request.model}
    try:
        result = outcome.unwrap()
        (path,) = await session.download(result, course.folder, stem=stem)
    except LiangxinError as error:
        course.failed += 1
        if out.as_json:
            out.data({"event": "failed", **told, "error": facts(error)})
        else:
            out.note(f"failed: {request.model}: {words(error)}")
        return
    course.saved += 1
    course.watch.home(result.task_id)
    if out.as_json:
        out.data({"event": "saved", **told, "file": str(path)})


def _slug(prompt: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", prompt.lower())
    return plain[:_SLUG].strip("-")


# --------------------------------------------------------------------------- telling


def _begin(course: Course, out: Out) -> None:
    if out.as_json:
        out.data(
            {
                "event": "started",
                "asked": course.asked,
                "models": list(MODELS),
                "folder": str(course.folder),
            }
        )
        return
    models = min(course.asked, len(MODELS))
    out.note(
        f"demo: {plural(course.asked, 'picture')} by {plural(models, 'model')}, from "
        "an emulated service here"
    )


def _tell(course: Course, out: Out, event: Event) -> None:
    """Take in an event of the session; pass some on as JSON."""
    value: dict[str, Any]
    match event:
        case SubmitAccepted(task_id=task_id, model=model):
            value = {"event": "accepted", "task_id": task_id, "model": model}
        case SubmitRefused(model=model, attempt=attempt):
            value = {"event": "refused", "model": model, "attempt": attempt}
        case TaskSettled(polls=polls):
            course.polls.append(polls)
            return
        case _:
            return
    if out.as_json:
        # Not from inside an observer: the next event of the main loop meets it again.
        with suppress(StdoutError):
            out.data(value)


def _line(course: Course) -> str:
    watch = course.watch
    return (
        f"demo: {course.saved}/{course.asked} saved, {len(watch.open)} in flight, "
        f"{course.waiting} waiting, {watch.refused} refused, {watch.polls} polls; "
        f"limits: {_limits(course.stats())}"
    )


def _limits(stats: Stats) -> str:
    shown = (f"{model} {limit}" for model, limit in stats.limits.items())
    return ", ".join(shown) or "none yet"


def _picture(course: Course) -> RenderableType:
    from liangxin_async.cli import _demo_rich

    return _demo_rich.picture(course)


def _summarise(course: Course, out: Out) -> None:
    if out.as_json:
        out.data(_summary(course))
        return
    watch = course.watch
    failed = f", {course.failed} failed" if course.failed else ""
    out.line(
        f"{plural(course.saved, 'picture')} saved{failed} in {course.seconds:.1f} s"
    )
    each = ", one for each picture" if watch.accepted == course.saved else ""
    out.line(f"  creates accepted  {watch.accepted}{each}")
    out.line(f"  creates refused   {watch.refused} (429; waited out, nothing charged)")
    most = max(course.polls, default=0)
    out.line(f"  polls per task    {course.polls_per_task:.1f} (most: {most})")
    out.line(f"  the pictures      {course.folder.absolute()}")


def _summary(course: Course) -> dict[str, Any]:
    return {
        "event": "summary",
        "asked": course.asked,
        "saved": course.saved,
        "failed": course.failed,
        "accepted": course.watch.accepted,
        "refused": course.watch.refused,
        "polls": course.watch.polls,
        "polls_per_task": round(course.polls_per_task, 2),
        "seconds": round(course.seconds, 2),
        "folder": str(course.folder.absolute()),
    }
