"""What a batch prints: for people on stderr with a summary on stdout, for machines one
JSON event a line on stdout."""

from __future__ import annotations

from argparse import Namespace
from contextlib import suppress
from typing import Any

from attrs import define, field

from liangxin_async._errors import Problem
from liangxin_async.bulk import BadLine, Item, Row, RowState
from liangxin_async.bulk._preview import Preview
from liangxin_async.cli import _batch_words as words
from liangxin_async.cli._batch_course import Course, outstanding
from liangxin_async.cli._errors import StdoutError
from liangxin_async.cli._out import Out
from liangxin_async.cli._report import facts, report
from liangxin_async.cli._words import plural
from liangxin_async.models import describe


@define(eq=False)
class BadLines:
    """Tells of bad lines as they come, and once what to do about foreign models."""

    out: Out
    service: str
    _hinted: bool = False

    def __call__(self, bad: BadLine) -> None:
        """Tell of one."""
        if self.out.as_json:
            self.out.data({"event": "bad_line", **bad_facts(bad)})
            return
        self.out.note(words.bad_words(bad))
        info = None if bad.model is None else describe(bad.model)
        if info is not None and info.provider != self.service and not self._hinted:
            self._hinted = True
            self.out.note(words.other_service(info.provider))


@define(eq=False)
class Teller:
    """Tells of one batch."""

    args: Namespace
    course: Course
    out: Out
    _tell_bad: BadLines = field(init=False)

    def begin(self, service: str, ahead: Preview | None = None) -> None:
        """Say what is about to happen, and what an earlier run left.

        Args:
            service: the service of the run.
            ahead: what there is to do, where somebody has looked.
        """
        course, args = self.course, self.args
        self._tell_bad = BadLines(self.out, service)
        if self.out.as_json:
            self._event(
                "started",
                input=None if args.collect else args.file,
                folder=str(course.folder),
                store=None if course.store is None else str(course.store),
                service=service,
                earlier=states(course.before),
                next_run=None if ahead is None else words.next_run(ahead),
            )
            return
        if course.store is not None:
            self.out.note(words.place_words(course))
        if course.before:
            self.out.note(
                f"{course.folder} holds an earlier run: "
                f"{words.counts_words(course.before)}"
            )
        if ahead is not None:
            self.out.note(f"{args.file}: {words.ahead_words(ahead)}")

    def item(self, item: Item | BadLine) -> None:
        """Tell one thing that the run gave."""
        if isinstance(item, BadLine):
            self._tell_bad(item)
        elif self.out.as_json:
            self._event("item", **item_facts(item))
        elif (said := words.item_words(item)) is not None:
            self.out.note(said)

    def progress(self, _: str) -> None:
        """Tell machines where the batch stands."""
        # Not from inside a timer: the next item of the main loop meets it again.
        with suppress(StdoutError):
            self._event("progress", **figures(self.course))

    def stopping(self) -> None:
        """Tell that the first signal was heard."""
        self.out.note(words.stopping_words(self.course))

    def dead(self) -> None:
        """Tell that the account takes nothing more, while what is paid for comes."""
        paid = len(self.course.watch.open) + self.course.collecting
        home = f"; what is paid for ({plural(paid, 'task')}) comes home first"
        self.out.note(
            "the account takes no more: nothing new is sent" + (home if paid else "")
        )

    def end(self, ending: words.Ending, code: int) -> None:
        """Tell how it ended, and how to go on."""
        if self.out.as_json:
            self._end_as_json(ending, code)
            return
        for line in words.doubt_lines(ending, self.args):
            self.out.note(line)
        for line in words.summary_lines(self.course, ending):
            self.out.line(line)
        for line in words.unwritten_lines(self.course, self.args):
            self.out.note(line)
        if self.course.error is not None:
            report(self.out, self.course.error, self.args)
        for line in words.ways_on(self.args, self.course, ending):
            self.out.note(line)

    def _end_as_json(self, ending: words.Ending, code: int) -> None:
        course = self.course
        for row in ending.doubts:
            self._event("in_doubt", **row_facts(row), sent_at=row.sent_at)
        self._event(
            "summary",
            **figures(course),
            folder=str(course.folder),
            states=states(ending.counts),
            page=ending.page,
            signal=None if course.stopped is None else course.stopped.name,
            error=None if course.error is None else facts(course.error),
            unwritten=list(course.unwritten),
            next=list(words.ways_on(self.args, course, ending)),
            exit_code=code,
        )

    def _event(self, event: str, **more: Any) -> None:
        self.out.data({"event": event, **more})


def bad_facts(bad: BadLine) -> dict[str, Any]:
    """Return a bad line as plain values."""
    return {
        "line": bad.line,
        "copy": bad.copy,
        "model": bad.model,
        "text": bad.text,
        "problems": [_problem(problem) for problem in bad.problems],
    }


def _problem(problem: Problem) -> dict[str, str]:
    return {
        "field": problem.field,
        "given": problem.given,
        "allowed": problem.allowed,
    }


def states(counts: Any) -> dict[str, int]:
    """Return counts by the states' own words, every state."""
    return {state.value: counts.get(state, 0) for state in RowState}


def item_facts(item: Item) -> dict[str, Any]:
    """Return one request as plain values."""
    found = row_facts(item.row)
    if item.error is not None:
        found["error"] = facts(item.error)
    return {
        **found,
        "files": [str(path) for path in item.paths] or list(item.objects),
        "earlier": item.earlier,
    }


def row_facts(row: Row) -> dict[str, Any]:
    """Return what a row says of its request, as plain values."""
    error = None
    if row.error is not None and row.state in (RowState.FAILED, RowState.IN_DOUBT):
        error = {"type": row.error_type, "message": row.error}
    return {
        "key": row.key,
        "line": row.line,
        "model": row.model,
        "state": row.state.value,
        "task_id": row.task_id,
        "error": error,
    }


def figures(course: Course) -> dict[str, Any]:
    """Return where the batch stands, as plain values."""
    left = course.seconds_left
    return {
        "total": course.total,
        "total_is_guess": course.is_guess,
        "done": course.done,
        "saved": course.saved,
        "saved_before": course.recognised,
        "failed": course.failed,
        "failed_before": course.failed_before,
        "in_doubt": course.told[RowState.IN_DOUBT],
        "to_be_fetched": outstanding(course.told),
        "not_sent": course.told[RowState.NOT_SENT],
        "bad_lines": course.bad_lines,
        "in_flight": course.in_flight,
        "of_earlier_runs": course.collecting,
        "waiting": course.waiting,
        "accepted": course.watch.accepted,
        "refused": course.watch.refused,
        "limits": dict(course.stats().limits),
        "per_minute": round(course.per_minute, 1),
        "seconds": round(course.seconds, 2),
        "seconds_left": None if left is None else round(left),
        "files": course.files,
        "bytes": course.size_bytes,
    }
