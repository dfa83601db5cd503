"""What a batch says, in words for people. Pure: nothing here prints."""

from __future__ import annotations

import re
import shlex
from argparse import Namespace
from collections.abc import Iterator, Mapping
from datetime import datetime

from attrs import frozen

from liangxin_async.bulk import BadLine, Item, Row, RowState
from liangxin_async.bulk._manifest import NAME as MANIFEST
from liangxin_async.bulk._preview import Preview
from liangxin_async.bulk.gallery._course import duration
from liangxin_async.bulk.gallery._page import size_in_words
from liangxin_async.cli._batch_course import Course, outstanding
from liangxin_async.cli._batch_input import STDIN
from liangxin_async.cli._report import wait_command, words
from liangxin_async.cli._words import plural

RESUBMIT = "--resubmit-unknown"
TO_FETCH = "to be fetched"
_LIMITS = 6  # models whose limits a line shows
_LABEL = 18  # columns
# What the library says to those who write code, in words for those who write lines.
_FOR_PROGRAMS = "; Generic sends any other one unchecked"
_MEANT = re.compile(r"; allowed: did you mean (\S+)\? ")
_WHERE_READ = r" (did you mean \1?); allowed: "


@frozen(kw_only=True)
class Ending:
    """How the folder stands after a batch, as its journal says.

    Attributes:
        counts: rows by state; empty where the journal could not be read.
        doubts: rows in doubt, the first of them.
        page: the gallery's page, or None.
    """

    counts: Mapping[RowState, int]
    doubts: tuple[Row, ...] = ()
    page: str | None = None


# ---------------------------------------------------------------------- how to go on


def again_line(args: Namespace, *more: str) -> str:
    """Return the command that goes on. What would pay again is in it only as `more`."""
    kept = [word for word in args.line if word != RESUBMIT]
    line = shlex.join(("liangxin", *kept, *more))
    return f"{line}   (with the same input)" if args.file == STDIN else line


def collect_line(args: Namespace) -> str:
    """Return the command that brings home what is paid for, and makes nothing."""
    return _line_of(args, "--collect")


def resolve_line(args: Namespace) -> str:
    """Return the command that takes the task ids of what is in doubt."""
    return _line_of(args, "--resolve", "KEY=TASK_ID")


def _line_of(args: Namespace, *what: str) -> str:
    line = ["liangxin", "batch", "-o", args.output, *what]
    for option in ("work", "dialect", "model", "base_url"):
        value = getattr(args, option)
        if value is not None:
            line += [f"--{option.replace('_', '-')}", value]
    return shlex.join(line)


def ways_on(args: Namespace, course: Course, end: Ending) -> Iterator[str]:
    """Yield what there is to do next, line by line; nothing when all is done."""
    paid = outstanding(end.counts) if end.counts else course.in_flight
    stuck = course.told[RowState.NOT_SENT] or _not_begun(course, end)
    if args.collect:
        if paid:
            yield f"to go on: {again_line(args)}"
        return
    if paid or stuck or course.stopped is not None or course.error is not None:
        yield f"to go on, without making anything twice: {again_line(args)}"
    if paid:
        yield f"to fetch what is paid for, and make nothing new: {collect_line(args)}"


# -------------------------------------------------------------------- before it runs


def next_run(found: Preview) -> dict[str, int]:
    """Return what the next run would do, as plain values."""
    told = found.told
    return {
        "would_be_made": found.to_make,
        "saved": told[RowState.SAVED],
        "failed": told[RowState.FAILED],
        "in_doubt": told[RowState.IN_DOUBT],
        "to_be_fetched": found.outstanding,
    }


def next_run_words(course: Course, found: Preview) -> str:
    """Return the same, as in "out/: 4 saved, 1 would be made, 2 in doubt"."""
    said = next_run(found)
    parts = [
        (said["saved"], "saved"),
        (said["would_be_made"], "would be made"),
        (said["in_doubt"], "in doubt"),
        (said["failed"], "failed before"),
        (said["to_be_fetched"], TO_FETCH),
    ]
    listed = ", ".join(f"{count:,} {name}" for count, name in parts if count)
    return f"next run into {course.folder}: {listed or 'nothing to do'}"


def ahead_words(found: Preview) -> str:
    """Return what an input asks for beside an earlier run, as in "4 new, 4 saved
    before"; the new ones are what is paid for."""
    new = f"{found.to_make:,} new" if found.to_make else "nothing new"
    saved = found.told[RowState.SAVED]
    return f"{new}, {saved:,} saved before" if saved else new


# ---------------------------------------------------------------------- while it runs


def place_words(course: Course) -> str:
    """Return where the files of a store are, and what has to be kept for it."""
    return (
        f"files go to {course.store}; the journal and what is under way are in\n"
        f"{course.folder}: keep that folder, the same command goes on from it"
    )


def counts_words(counts: Mapping[RowState, int]) -> str:
    """Return rows by state, as in "12 saved, 3 to be fetched, 1 in doubt"."""
    named = {
        "saved": counts.get(RowState.SAVED, 0),
        f"{TO_FETCH} (accepted, and paid for)": outstanding(counts),
        "in doubt": counts.get(RowState.IN_DOUBT, 0),
        "failed": counts.get(RowState.FAILED, 0),
        "not sent": counts.get(RowState.NOT_SENT, 0),
    }
    return ", ".join(f"{n:,} {name}" for name, n in named.items() if n) or "nothing"


def line_of(course: Course) -> str:
    """Return where the batch stands, on one line; "" before anything has begun."""
    if not course.total and not course.through:
        return ""
    parts = [f"{done_words(course)} done"]
    parts += [f"{count:,} {name}" for name, count in counts_of(course).items() if count]
    if course.per_minute:
        parts.append(f"{course.per_minute:.0f} a minute")
    if left := left_words(course):
        parts.append(left)
    if course.files:
        parts.append(size_in_words(course.size_bytes))
    limits = [f"{model} {n}" for model, n in course.stats().limits.items()]
    if limits:
        more = ", …" if len(limits) > _LIMITS else ""
        parts.append(f"limits: {', '.join(limits[:_LIMITS])}{more}")
    return f"batch: {'; '.join(parts)}"


def done_words(course: Course) -> str:
    """Return how many requests are done of how many, as in "312 of about 5,000"."""
    if course.total is None:
        return f"{course.done:,}"
    about = "about " if course.is_guess else ""
    return f"{course.done:,} of {about}{course.total:,}"


def counts_of(course: Course) -> dict[str, int]:
    """Return the counts that people watch, by name."""
    told = course.told
    return {
        "in flight": course.in_flight,
        "of earlier runs": course.collecting,
        "waiting": course.waiting,
        "failed": told[RowState.FAILED],
        "in doubt": told[RowState.IN_DOUBT],
        "not sent": told[RowState.NOT_SENT],
        "bad line" if course.bad_lines == 1 else "bad lines": course.bad_lines,
        "refused (429)": course.watch.refused,
    }


def left_words(course: Course) -> str:
    """Return about how long it will take still; "" where nobody knows."""
    left = course.seconds_left
    return "" if not left else f"about {duration(max(1, round(left)))} left"


def stopping_words(course: Course) -> str:
    """Return what the first Ctrl-C says."""
    coming = course.in_flight + course.collecting
    if not coming:
        return "stopping: nothing new is sent"
    return (
        f"stopping: nothing new is sent; {plural(coming, 'request')} in flight, which "
        "may cost money already,\ncome home first. Ctrl-C again leaves at once: they "
        "go on at the service, and are fetched later"
    )


def bad_words(bad: BadLine) -> str:
    """Return what is said of a bad line."""
    said = str(bad).replace(_FOR_PROGRAMS, "")
    return f"not sent: {_MEANT.sub(_WHERE_READ, said)}"


def other_service(name: str) -> str:
    """Return what to do about lines whose model belongs to another service."""
    return (
        f"note: models of {name} go by a run and a folder of their own: "
        f"--dialect {name}"
    )


def item_words(item: Item) -> str | None:
    """Return what is said of a request when it comes; None for nothing.

    What an earlier run told, and what a later one will go on with, is only counted.
    """
    row, error = item.row, item.error
    if error is None or item.earlier:
        return None
    if row.state is RowState.FAILED:
        return f"failed: {place(row)}: {words(error)}"
    if row.state is RowState.SUCCEEDED:
        return f"made, but not saved: {place(row)}: {words(error)}"
    if row.state is RowState.IN_DOUBT:
        return f"in doubt: {place(row)}: {words(error)}"
    return None


def place(row: Row) -> str:
    """Return which request a row is, as in "line 7 (cat-7)"."""
    return row.key if row.line is None else f"line {row.line} ({row.key})"


# ------------------------------------------------------------------------- at the end


def doubt_lines(end: Ending, args: Namespace) -> Iterator[str]:
    """Yield what is in doubt, and what to do about it; nothing where all is clear."""
    count = end.counts.get(RowState.IN_DOUBT, 0)
    if not count:
        return
    yield (
        f"in doubt: {plural(count, 'request')} left this machine and no usable answer "
        "came back;\nthe service may have made and charged each of them, or not:"
    )
    for row in end.doubts:
        why = (row.error or "the run ended before the answer came").partition(". ")[0]
        yield f"  {place(row)}, sent {_when(row.sent_at)}: {why}"
    if count > len(end.doubts):
        yield f'  and {count - len(end.doubts):,} more: "in doubt" in {MANIFEST}'
    yield (
        "They are left alone. Look for them, by time, in the service's own console."
        f"\nTo give a task id that you find there: {resolve_line(args)}"
        f"\nTo make them again, which may pay twice: {_resubmit_line(args)}"
    )


def unwritten_lines(course: Course, args: Namespace) -> Iterator[str]:
    """Yield how to fetch tasks whose ids the journal, which broke, did not take."""
    if course.unwritten:
        tasks = plural(len(course.unwritten), "task")
        yield (
            f"of those in doubt, {tasks} were accepted, and the journal could not\n"
            "take the ids. They are paid for; to fetch them:"
        )
    for task_id in course.unwritten:
        yield f"  {wait_command(task_id, args)}"


def _resubmit_line(args: Namespace) -> str:
    if args.collect:
        return f"add {RESUBMIT} to the command that made them"
    return again_line(args, RESUBMIT)


def _when(at: float | None) -> str:
    if at is None:
        return "at an unknown time"
    return datetime.fromtimestamp(at).astimezone().isoformat(" ", "seconds")


def summary_lines(course: Course, end: Ending) -> Iterator[str]:
    """Yield how the batch went, for people."""
    was_to_do = course.intake is not None and not course.recognised
    if course.saved or was_to_do:
        files = f"{plural(course.files, 'file')}, {size_in_words(course.size_bytes)}"
        yield (
            f"{plural(course.saved, 'request')} saved in {course.place} in "
            f"{duration(course.seconds)}: {files}"
        )
    else:
        yield f"nothing new was saved in {course.place}"
    for label, count, more in _summary_rows(course, end):
        if count:
            yield f"  {label:<{_LABEL}}{count:,}{more}"
    yield f"  {'creates accepted':<{_LABEL}}{course.watch.accepted:,} in this run"
    if end.page is not None:
        yield f"  {'to look at':<{_LABEL}}{end.page}"


def _summary_rows(course: Course, end: Ending) -> Iterator[tuple[str, int, str]]:
    told, counts = course.told, end.counts
    yield "saved before", course.recognised, ""
    before = course.failed_before
    earlier = f" ({before:,} of them before)" if before else ""
    again = "; --retry-failed makes them again, for a new charge"
    yield "failed", told[RowState.FAILED], earlier + again
    in_doubt = counts.get(RowState.IN_DOUBT, told[RowState.IN_DOUBT])
    yield "in doubt", in_doubt, ", left alone: see above"
    paid = outstanding(counts) if counts else outstanding(told)
    reason = _reason(course, RowState.ACCEPTED)
    yield TO_FETCH, paid, f", accepted and not saved yet{reason}"
    reason = _reason(course, RowState.NOT_SENT)
    yield "not sent", told[RowState.NOT_SENT], f", nothing paid{reason}"
    more = " or more" if course.intake and not course.intake.is_over else ""
    yield "not begun", _not_begun(course, end), f"{more}, nothing paid"
    yield "bad lines", course.bad_lines, ", not sent: see above"


def _not_begun(course: Course, end: Ending) -> int:
    """Return how many requests of the input have no row that cost anything."""
    told, counts = course.told, end.counts
    # Where the batch was left at once, tasks and doubts were not told any more.
    paid = outstanding(counts) - outstanding(told)
    doubts = counts.get(RowState.IN_DOUBT, 0) - told[RowState.IN_DOUBT]
    return max(0, course.not_begun - max(0, paid) - max(0, doubts))


def _reason(course: Course, state: RowState) -> str:
    error = course.reasons.get(state)
    return "" if error is None else f": {words(error).splitlines()[0]}"
