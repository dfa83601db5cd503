"""`batch`: a file of prompts, a folder of pictures.

The work is `bulk.run`'s; here it is started, stopped by signals, and told about. The
journal in the folder knows what was paid for, so that every end of this command is one
from which the same command goes on.
"""

from __future__ import annotations

import os
from argparse import Namespace
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from signal import Signals
from typing import Any

from liangxin_async import bulk
from liangxin_async._arguments import check_own_callback
from liangxin_async._settings import is_local
from liangxin_async.bulk._given import lines_for
from liangxin_async.bulk._preview import Preview
from liangxin_async.bulk._service import service_at
from liangxin_async.bulk._store_name import is_remote
from liangxin_async.cli import _batch_words as words
from liangxin_async.cli._batch_course import Course, ending
from liangxin_async.cli._batch_input import opened
from liangxin_async.cli._batch_resolve import resolve
from liangxin_async.cli._batch_tell import BadLines, Teller
from liangxin_async.cli._batch_work import Work, look_ahead, look_back
from liangxin_async.cli._dialect import for_model
from liangxin_async.cli._errors import StdoutError, StoppedError, UsageError
from liangxin_async.cli._exit import Exit
from liangxin_async.cli._fields import advice_on_model, refuse_title
from liangxin_async.cli._out import Out
from liangxin_async.cli._session import address_for, run
from liangxin_async.cli._watch import Watch
from liangxin_async.cli._words import plural
from liangxin_async.dialects import Dialect
from liangxin_async.models import Request, describe


def batch(args: Namespace, out: Out) -> int:
    """Make what the input asks for, and tell how it went."""
    _look_at_line(args)
    if args.model is not None and not args.collect:
        _look_at_model(args.model, out)
    if args.check:
        return _check(args, out)
    course = _course(args)
    if args.resolve:
        return resolve(args, course, out)
    teller = Teller(args, course, out)
    with ExitStack() as files:
        if not args.collect:
            provider = for_model(args.dialect, args.model).name
            course.intake = files.enter_context(opened(args, provider))
        _perform(Work(args, course, teller, out), out)
    end = _look_back(args, course, out)
    code = ending(course.codes, strict=args.strict)
    teller.end(end, code)
    return code


def _course(args: Namespace) -> Course:
    """Return the course of a batch that has done nothing yet.

    Raises:
        ConfigurationError: the store cannot be one, or its extra is missing.
    """
    if not is_remote(args.output):
        return Course(Path(args.output), Watch(), limit=args.limit)
    with_page = not args.no_gallery and find_spec("PIL") is not None
    store = bulk.ObjectStore(args.output, work=args.work, thumbnails=with_page)
    return Course(store.folder, Watch(), store=store, limit=args.limit)


def _look_at_line(args: Namespace) -> None:
    """Refuse what cannot be meant, before anything is opened."""
    if args.resolve and (args.file is not None or args.collect or args.check):
        raise UsageError("--resolve writes ids down, and does nothing else: no FILE")
    if args.file is None and not (args.collect or args.resolve):
        raise UsageError("FILE is missing: a file of prompts, or - for standard input")
    if args.output is None and not args.check:
        raise UsageError("-o DIR is missing: the folder for pictures and journal")
    # Not by Path, which raises for names that are too long.
    if args.output is not None and os.path.isfile(args.output):  # noqa: PTH113
        raise UsageError(
            f"-o: {args.output!r} is a file; pictures and journal of a batch go into a "
            "folder"
        )
    if args.work is not None and not is_remote(args.output or ""):
        raise UsageError("--work is the local folder of a run with -o s3://...")
    if args.collect and args.check:
        raise UsageError("--check looks at a file, which --collect does not read")
    if args.collect and (args.retry_failed or args.resubmit_unknown):
        raise UsageError("--collect makes nothing, so that it makes nothing again")


def _look_at_model(model: str, out: Out) -> None:
    if describe(model) is None:
        refuse_title(model)
    if (advice := advice_on_model(model)) is not None:
        out.note(f"note: {advice}")


def _check(args: Namespace, out: Out) -> int:
    """Go through the input, and tell what is in it, and what a run would do now."""
    dialect = for_model(args.dialect, args.model)
    address = address_for(dialect, args.base_url)
    course = None if args.output is None else _course(args)
    found: list[Preview] = []
    with opened(args, dialect.name) as intake:
        look = partial(
            look_ahead,
            args,
            course,
            lines_for(intake.items(), partial(_check_callback, dialect, address)),
            found,
            on_bad=BadLines(out, dialect.name),
            service=None if address is None else service_at(dialect, address),
        )
        run(look, Watch(), out)
    _tell_checked(args, course, found[0], out)
    return Exit.USAGE if found[0].tally.bad_lines or found[0].conflict else Exit.DONE


def _check_callback(dialect: Dialect, address: str | None, request: Request) -> None:
    here = address is not None and is_local(address)
    check_own_callback(request, dialect.callback_field, is_local=here)


def _tell_checked(
    args: Namespace, course: Course | None, found: Preview, out: Out
) -> None:
    tally = found.tally
    for model in sorted(tally.good):
        advice = advice_on_model(model)
        if advice is not None and describe(model) is None and model != args.model:
            out.note(f"note: {advice}")
    if out.as_json:
        counts = {"requests": tally.entries, "bad_lines": tally.bad_lines}
        next_run: dict[str, Any] = {}
        if course is not None:
            next_run = {"next_run": words.next_run(found), "conflict": found.conflict}
        out.data({"event": "checked", **counts, "models": tally.good, **next_run})
    else:
        bad = f", {plural(tally.bad_lines, 'bad line')}" if tally.bad_lines else ""
        requests = plural(tally.entries, "request")
        out.line(f"{args.file}: {requests}{bad}; nothing was sent")
        for model, count in sorted(tally.good.items()):
            out.line(f"  {model:<32}{count:>9,}")
        if course is not None:
            out.line(words.next_run_words(course, found))
    if found.conflict is not None:
        out.note(f"the next run would end at once: {found.conflict}")


def _perform(work: Work, out: Out) -> None:
    """Do the work. What ended it early is in its course, unless nothing was begun."""

    def finish(number: Signals) -> None:
        work.course.stop(number)
        work.teller.stopping()

    try:
        run(work, work.course.watch, out, finish)
    except StoppedError as stopped:
        work.course.stop(stopped.signal)
    except StdoutError:
        out.note(
            f"nobody takes what is printed; to go on: {words.again_line(work.args)}"
        )
        raise


def _look_back(args: Namespace, course: Course, out: Out) -> words.Ending:
    """Return how the folder stands, with a page to look at where there is time."""
    found = [words.Ending(counts={})]
    wanted = not args.no_gallery and course.stopped is None
    try:
        run(partial(look_back, course, out, found, wanted), Watch(), out)
    except StoppedError as stopped:
        course.stop(stopped.signal)
        out.note("the page to look at was not finished: `liangxin gallery` makes it")
    return found[-1]
