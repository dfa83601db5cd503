"""`generate`, `wait` and `status`: one task."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio

from liangxin_async._arguments import check_request
from liangxin_async._errors import (
    ConnectionLostError,
    ProtocolError,
    ServiceError,
    SubmitUnknownError,
)
from liangxin_async._events import Event, SubmitAccepted
from liangxin_async._records import Result, TaskRecord
from liangxin_async._session import Session
from liangxin_async.cli._dialect import for_model, for_task
from liangxin_async.cli._exit import Exit
from liangxin_async.cli._fields import advice_on_model, make_request
from liangxin_async.cli._out import Out
from liangxin_async.cli._place import Place, choose_place
from liangxin_async.cli._progress import progress
from liangxin_async.cli._session import new_session, run
from liangxin_async.cli._watch import Watch
from liangxin_async.dialects import Dialect

if TYPE_CHECKING:
    from rich.console import RenderableType

Waiting = Callable[[], Awaitable[Result]]

_AGAIN_AFTER: Final = (0.3, 1.0)  # seconds; a gateway's restart or one bad node


def generate(args: Namespace, out: Out) -> int:
    """Make one picture, wait for it, and save it."""
    request = make_request(
        args.model,
        args.prompt,
        args.fields,
        callback_url=args.callback_url,
        kind=args.kind,
    )

    def tell(event: Event) -> None:
        if isinstance(event, SubmitAccepted):
            out.note(f"accepted: task {event.task_id}")

    watch = Watch(tell)
    dialect = for_model(args.dialect, args.model)
    check_request(request, dialect.name)
    session = new_session(dialect, args.base_url, watch)
    place = None if args.no_download else choose_place(args.output)
    advice = advice_on_model(args.model)
    if advice is not None:
        out.note(f"note: {advice}")

    async def make() -> Result:
        return await session.generate(request, timeout=args.timeout)

    _bring_home(session, make, place, watch, out)
    return Exit.DONE


def wait(args: Namespace, out: Out) -> int:
    """Wait for a task that was made earlier, and save its files."""
    watch = Watch()
    watch.status = "asking"
    dialect = for_task(args.dialect, args.task_id)
    session = new_session(dialect, args.base_url, watch)
    place = None if args.no_download else choose_place(args.output)

    async def attach() -> Result:
        handle = session.attach(args.task_id)
        watch.follow(args.task_id)
        return await handle.wait(args.timeout)

    _bring_home(session, attach, place, watch, out)
    return Exit.DONE


def _bring_home(
    session: Session, waiting: Waiting, place: Place | None, watch: Watch, out: Out
) -> None:
    """Wait, save, and print what there is."""

    async def work() -> None:
        try:
            async with session:
                with _showing(watch, out):
                    result = await waiting()
                    watch.status = "saving"
                    files = await _save(session, result, place)
                watch.home(result.task_id)
        except SubmitUnknownError as error:
            raise watch.settle_doubt(error) from error
        _print_result(result, files, place, out)

    run(work, watch, out)


async def _save(session: Session, result: Result, place: Place | None) -> list[Path]:
    if place is None:
        return []
    return await session.download(result, place.folder, stem=place.stem)


def _print_result(
    result: Result, files: list[Path], place: Place | None, out: Out
) -> None:
    if out.as_json:
        out.data(
            {
                "task_id": result.task_id,
                "model": result.model,
                "urls": list(result.urls),
                "files": [str(path) for path in files],
                "expires_at": _instant(result.expires_at),
            }
        )
        return
    for item in files if place is not None else result.urls:
        out.line(str(item))
    if place is not None and place.wanted is not None and len(files) == 1:
        _tell_other_name(files[0], place.wanted, out)


def _tell_other_name(saved: Path, wanted: str, out: Out) -> None:
    if saved.name == wanted:
        return
    kind = saved.suffix.removeprefix(".").upper()
    other_kind = saved.suffix.lower() != Path(wanted).suffix.lower()
    why = f"its content is {kind}" if other_kind else "that name cannot be taken"
    out.note(f"note: saved as {saved.name}, not {wanted}: {why}")


def _showing(watch: Watch, out: Out) -> AbstractContextManager[None]:
    began = time.monotonic()

    def line() -> str:
        # That it was accepted is told with its id, at the very moment.
        return "" if watch.status in ("sending", "accepted") else watch.status

    def picture() -> RenderableType:
        from rich.spinner import Spinner
        from rich.text import Text

        refused = f", refused {watch.refused}x" if watch.is_waiting else ""
        seconds = f"  {time.monotonic() - began:.0f} s"
        text = Text.assemble(watch.status, refused, (seconds, "dim"))
        return Spinner("dots", text)

    return progress(out, line=line, every=2.0, picture=picture, keep=False)


# --------------------------------------------------------------------------- status


def status(args: Namespace, out: Out) -> int:
    """Ask once, and print the answer."""
    watch = Watch()
    dialect = for_task(args.dialect, args.task_id)
    session = new_session(dialect, args.base_url, watch)

    async def work() -> None:
        async with session:
            record = await _asked(session, args.task_id)
        if out.as_json:
            out.data(_record_facts(record, dialect))
        else:
            _print_record(_record_facts(record, dialect), out)

    run(work, watch, out)
    return Exit.DONE


async def _asked(session: Session, task_id: str) -> TaskRecord:
    """Ask, and a little later again where a service stumbles: a query costs nothing."""
    for pause in _AGAIN_AFTER:
        try:
            return await session.record(task_id)
        except (ServiceError, ProtocolError, ConnectionLostError):
            await anyio.sleep(pause)
    return await session.record(task_id)


def _record_facts(record: TaskRecord, dialect: Dialect) -> dict[str, Any]:
    """Return what is known; without `param` and `raw`, which hold the prompt."""
    return {
        "task_id": record.task_id,
        "model": record.model,
        "state": record.state.value,
        "raw_state": record.raw_state,
        "progress": record.progress,
        "urls": list(record.result_urls),
        "fail_code": record.fail_code,
        "fail_message": record.fail_message,
        "cost_time": record.cost_time,
        "created_at": _instant(record.created_at),
        "updated_at": _instant(record.updated_at),
        "completed_at": _instant(record.completed_at),
        "expires_at": _instant(dialect.expires_at(record)),
        "usage": record.usage,
    }


def _print_record(facts: dict[str, Any], out: Out) -> None:
    urls, usage = facts.pop("urls"), facts.pop("usage")
    if facts["raw_state"] == facts["state"]:
        del facts["raw_state"]
    units = {"progress": " %", "cost_time": " s"}
    for name, value in (facts | usage).items():
        if value not in (None, "", {}):
            label = name.replace("_", " ")
            out.line(f"{label:<12} {value}{units.get(name, '')}")
    for url in urls:
        out.line(f"{'url':<13}{url}")


def _instant(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
