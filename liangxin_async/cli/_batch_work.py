"""The work of a batch, inside the event loop: a session, a run, and a look back."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import define, evolve

from liangxin_async import bulk
from liangxin_async._errors import (
    AuthenticationError,
    InsufficientQuotaError,
    JournalError,
    LiangxinError,
    StoreError,
)
from liangxin_async._events import Event, SubmitAccepted, SubmitFailed
from liangxin_async.bulk import BadLine, BulkRun, JournalReader, RowState
from liangxin_async.bulk._decide import Choices
from liangxin_async.bulk._preview import Preview, preview
from liangxin_async.bulk._row import OUTSTANDING
from liangxin_async.bulk._service import conflict_with
from liangxin_async.bulk._work import JOURNAL
from liangxin_async.cli._batch_course import Course
from liangxin_async.cli._batch_input import STDIN, opened
from liangxin_async.cli._batch_tell import Teller
from liangxin_async.cli._batch_words import Ending, line_of
from liangxin_async.cli._dialect import for_model, for_task
from liangxin_async.cli._errors import CommandError, NotReadyError, UsageError
from liangxin_async.cli._gallery import make_gallery
from liangxin_async.cli._out import Out, is_terminal
from liangxin_async.cli._place import ready
from liangxin_async.cli._progress import progress
from liangxin_async.cli._session import new_session

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.console import RenderableType

    from liangxin_async._session import Session
    from liangxin_async.bulk._entry import Checked
    from liangxin_async.dialects import Dialect

_DOUBTS = 20  # rows in doubt that are listed
_SOON_READ = 2_000_000  # bytes of an input; about half a second
_MANY = 500  # pictures whose page takes long enough to say so
_LINES, _EVENTS = 5.0, 2.0  # seconds between two lines, two JSON events, of progress


@define(eq=False)
class Work:
    """One batch, as a call without arguments."""

    args: Namespace
    course: Course
    teller: Teller
    out: Out

    async def __call__(self) -> None:
        """Do the work. What ends it after something was begun is left in `course`.

        Raises:
            LiangxinError, CommandError: nothing was begun.
            StdoutError: what is printed cannot be written.
        """
        args, course, out = self.args, self.course, self.out
        watch, most = course.watch, args.max_in_flight
        watch.on_event = self._hear
        dialect = await self._service()
        session = new_session(dialect, args.base_url, watch, most)
        course.stats = lambda: session.stats
        ready(course.folder)
        course.before = await _counts_before(course.folder)
        self.teller.begin(dialect.name, await self._ahead(dialect.name))
        if args.file == STDIN and course.intake and is_terminal(sys.stdin):
            out.note("reading lines from this terminal; Ctrl-D ends them")
        async with session:
            with self._shown():
                await self._go_through(session)

    async def _ahead(self, provider: str) -> Preview | None:
        """Return what there is to do, where an earlier run makes that a question.

        A long input is not read twice for it, and a pipe cannot be.
        """
        course, found = self.course, list[Preview]()
        size = None if course.intake is None else course.intake.size
        if not course.before or size is None or size > _SOON_READ:
            return None
        with opened(self.args, provider) as again:
            await look_ahead(self.args, course, again.items(), found)
        return found[0]

    async def _service(self) -> Dialect:
        """Return whose service it is: as the line says, else as the tasks show."""
        args, folder = self.args, self.course.folder
        if args.collect:
            if not (folder / JOURNAL).is_file():
                raise UsageError(f"{str(folder)!r} holds no journal to collect by")
            if args.dialect is None and args.model is None:
                async with _reading(folder) as journal:
                    return await _service_of(journal)
        return for_model(args.dialect, args.model)

    def _hear(self, event: Event) -> None:
        """Take in an event of the session."""
        match event:
            case SubmitAccepted(task_id=task_id):
                self.course.accepted(task_id)
            case SubmitFailed(error=AuthenticationError() | InsufficientQuotaError()):
                if not self.course.is_dead:
                    self.course.is_dead = True
                    self.teller.dead()

    def _shown(self) -> AbstractContextManager[None]:
        as_json = self.out.as_json
        return progress(
            self.out,
            line=partial(line_of, self.course),
            every=_EVENTS if as_json else _LINES,
            picture=self._picture,
            tell=self.teller.progress if as_json else None,
        )

    def _picture(self) -> RenderableType:
        from liangxin_async.cli import _batch_rich

        return _batch_rich.picture(self.course)

    # ------------------------------------------------------------------- the run

    async def _go_through(self, session: Session) -> None:
        course = self.course
        course.run = this = self._new_run(session)
        if course.stopped is not None:
            this.finish_nowait()
        try:
            async with this:
                async for item in this:
                    course.take(item)
                    self.teller.item(item)
                    if self.args.strict and isinstance(item, BadLine):
                        this.finish_nowait()
        except (LiangxinError, CommandError) as error:
            if course.is_untouched:
                if isinstance(error, StoreError):
                    raise NotReadyError(error) from None
                raise
            course.fail(error)
        finally:
            course.unwritten = this.unwritten

    def _new_run(self, session: Session) -> BulkRun:
        args, intake = self.args, self.course.intake
        return bulk.run(
            () if intake is None else intake.requests(),
            self.course.store or self.course.folder,
            session=session,
            limit=args.limit,
            resubmit_unknown=args.resubmit_unknown,
            retry_failed=args.retry_failed,
            collect=args.collect,
            timeout=args.timeout,
        )


@asynccontextmanager
async def _reading(folder: Path) -> AsyncIterator[JournalReader]:
    async with await bulk.read_journal(folder / JOURNAL) as journal:
        yield journal


async def _counts_before(folder: Path) -> Mapping[RowState, int]:
    try:
        async with _reading(folder) as journal:
            return await journal.counts()
    except JournalError as error:
        if error.reason != "missing":
            raise
        return {}


async def _service_of(journal: JournalReader) -> Dialect:
    """Return the service that the outstanding tasks belong to."""
    async for row in journal.rows(OUTSTANDING):
        return for_task(None, row.task_id or "")
    return for_model(None, None)


# --------------------------------------------------------------------- looking ahead


async def look_ahead(
    args: Namespace,
    course: Course | None,
    items: Iterator[Checked],
    found: list[Preview],
    *,
    on_bad: Callable[[BadLine], object] | None = None,
    service: str | None = None,
) -> None:
    """Add to `found` what a run would do about `items`.

    Args:
        args: the parsed line.
        course: of the run; None for one into an empty folder.
        items: the input.
        found: gets the preview.
        on_bad: called with each bad line.
        service: where the run would go, in words; None where nobody can tell yet.

    Raises:
        JournalError: the journal cannot be read.
    """
    choices = Choices(
        resubmit_unknown=args.resubmit_unknown, retry_failed=args.retry_failed
    )
    if course is None or not (course.folder / JOURNAL).is_file():
        this = await preview(items, None, choices, on_bad=on_bad)
    else:
        async with _reading(course.folder) as journal:
            this = await preview(items, journal, choices, on_bad=on_bad)
            if service is not None:
                this.conflict = await conflict_with(journal, service, course.folder)
    if args.limit is not None:
        this.to_make = min(this.to_make, args.limit)
    found.append(this)


# ---------------------------------------------------------------------- looking back


async def look_back(
    course: Course, out: Out, found: list[Ending], with_page: bool
) -> None:
    """Add to `found` how the folder stands; and again, with a page to look at.

    A journal that cannot be read, and a page that cannot be made, are notes.
    """
    try:
        async with _reading(course.folder) as journal:
            counts: Mapping[RowState, int] = await journal.counts()
            doubts: list[Any] = []
            async for row in journal.rows((RowState.IN_DOUBT,)):
                doubts.append(row)
                if len(doubts) >= _DOUBTS:
                    break
        found.append(Ending(counts=counts, doubts=tuple(doubts)))
        if with_page and counts:
            if counts.get(RowState.SAVED, 0) >= _MANY:
                out.note("making the page to look at; Ctrl-C leaves it")
            page, sheet = await make_gallery(course.folder)
            where = str(page)
            if course.store is not None:
                where = await course.store.publish(page)
                if sheet is not None:
                    await course.store.publish(sheet)
            found.append(evolve(found[-1], page=where))
    except (LiangxinError, CommandError) as error:
        out.note(f"note: {error}")
