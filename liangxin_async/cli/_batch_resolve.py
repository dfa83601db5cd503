"""`batch --resolve`: task ids from the service's console, for what is in doubt."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable

from attrs import define, field

from liangxin_async import bulk
from liangxin_async.bulk import Row
from liangxin_async.cli._batch_course import Course
from liangxin_async.cli._batch_tell import row_facts
from liangxin_async.cli._batch_words import collect_line, place
from liangxin_async.cli._dialect import for_model, for_task
from liangxin_async.cli._errors import UsageError
from liangxin_async.cli._exit import Exit
from liangxin_async.cli._out import Out
from liangxin_async.cli._session import new_session, run


def resolve(args: Namespace, course: Course, out: Out) -> int:
    """Have the ids written down, and say how their pictures are fetched."""
    work = _Work(args, course, pairs_of(args.resolve))
    run(work, course.watch, out)
    for row in work.rows:
        if out.as_json:
            out.data({"event": "resolved", **row_facts(row)})
        else:
            out.line(f"{place(row)} is task {row.task_id}: the next run waits for it")
    if not out.as_json:
        out.note(f"to fetch what is paid for: {collect_line(args)}")
    return Exit.DONE


def pairs_of(given: Iterable[str]) -> dict[str, str]:
    """Return `--resolve KEY=TASK_ID` as task ids by key. A key may hold a `=`.

    Raises:
        UsageError: one is no pair, or a key comes twice.
    """
    found: dict[str, str] = {}
    for text in given:
        key, _, task_id = text.rpartition("=")
        if not key or not task_id.strip():
            raise UsageError(f"--resolve: {text!r} is not of the form KEY=TASK_ID")
        if key in found:
            raise UsageError(f"--resolve: the key {key!r} is given twice")
        found[key] = task_id.strip()
    return found


@define
class _Work:
    _args: Namespace
    _course: Course
    _task_ids: dict[str, str]
    rows: tuple[Row, ...] = field(default=())

    async def __call__(self) -> None:
        args, course = self._args, self._course
        if args.model is None:
            dialect = for_task(args.dialect, next(iter(self._task_ids.values())))
        else:
            dialect = for_model(args.dialect, args.model)
        async with new_session(dialect, args.base_url, course.watch) as session:
            self.rows = await bulk.resolve(
                course.store or course.folder, self._task_ids, session=session
            )
