"""The command `liangxin`: the only part of the library that prints.

Results go to stdout, everything else to stderr; `_exit` has the table of exit codes.
What a command does not need is not imported: rich, and the emulator.
"""

from __future__ import annotations

import logging
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from signal import SIGINT

from liangxin_async._errors import LiangxinError
from liangxin_async.cli._args import make_parser, parse
from liangxin_async.cli._errors import CommandError, StdoutError, StoppedError
from liangxin_async.cli._exit import Exit
from liangxin_async.cli._out import Out
from liangxin_async.cli._report import report

__all__ = ["main"]

Command = Callable[[Namespace, Out], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: its arguments; None takes those of the process.

    Returns:
        The exit code; `liangxin --help` lists them.
    """
    line = list(sys.argv[1:] if argv is None else argv)
    out = Out(as_json=_wants_json(line))
    try:
        with _log_to(out):
            return _perform(line, out)
    except StdoutError as error:
        _give_up_stdout()
        if error.is_pipe:
            return Exit.PIPE
        out.note(f"liangxin: {error}")
        return Exit.OTHER


def _perform(line: list[str], out: Out) -> int:
    args: Namespace | None = None
    try:
        if not line:
            make_parser().print_help(sys.stderr)
            return Exit.USAGE
        args = parse(line)
        return _command(args.command)(args, out)
    except (LiangxinError, CommandError) as error:
        return report(out, error, args)
    except KeyboardInterrupt:  # before or after the loop ran
        return report(out, StoppedError(SIGINT), args)
    except SystemExit as ended:  # --help and --version
        out.flush()
        return int(ended.code or Exit.DONE)


def _command(name: str) -> Command:
    """Return what does the work of a command, importing no more than that."""
    match name:
        case "batch":
            from liangxin_async.cli._batch import batch as command
        case "gallery":
            from liangxin_async.cli._gallery import gallery as command
        case "models":
            from liangxin_async.cli._models import models as command
        case "emulator":
            from liangxin_async.cli._emulator import (
                emulator as command,
            )
        case "demo":
            from liangxin_async.cli._demo import demo as command
        case _:
            from liangxin_async.cli import _task

            command = getattr(_task, name)
    return command


def _wants_json(line: Sequence[str]) -> bool:
    """Whether `--json` is on the line, which may be unreadable in other places."""
    end = line.index("--") if "--" in line else len(line)
    return "--json" in line[:end]


class _Notes(logging.Handler):
    """Shows what the library logs as a mishap, as notes."""

    def __init__(self, out: Out) -> None:
        super().__init__(logging.WARNING)
        self._out = out

    def emit(self, record: logging.LogRecord) -> None:
        # Of creates whose caller has gone, and of lost tasks, the command tells itself.
        known = (
            record.name.endswith(("._submit", "._submit_told", "._poll_told"))
            and record.levelno < logging.ERROR
        )
        if not known:
            self._out.note(f"liangxin: {self.format(record)}")


@contextmanager
def _log_to(out: Out) -> Iterator[None]:
    logger, handler = logging.getLogger("liangxin_async"), _Notes(out)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _give_up_stdout() -> None:
    """Let the interpreter's last flush of stdout go nowhere instead of failing."""
    try:
        number = sys.stdout.fileno()
    except (OSError, ValueError):  # not a real file: nobody flushes it at the end
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
