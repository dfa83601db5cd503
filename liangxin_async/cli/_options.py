"""What the commands' options are made of."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn

from liangxin_async.cli._dialect import BY_NAME
from liangxin_async.cli._errors import UsageError

ACCOUNT = """\
The key is read from LIANGXIN_API_KEY, the address of the API from LIANGXIN_BASE_URL or
--base-url. Models of EvoLink go there, with EVOLINK_API_KEY (its address is known).
`liangxin demo` needs none of these."""


class Parser(argparse.ArgumentParser):
    """Raises where argparse would print and exit; of a command, with its own help."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse what is not known: argparse leaves that to the parser above."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, advice=(f"`{self.prog} --help` shows what it takes",))


def add_command(
    commands: Any,
    name: str,
    summary: str,
    examples: str,
    more: str = "",
    **settings: Any,
) -> Parser:
    """Add a command to `commands`, and return its parser.

    Args:
        commands: what `add_subparsers` gave.
        name: the command.
        summary: what it does, as a phrase; shown in the list of commands.
        examples: lines below its help.
        more: what its own help says after the summary.
        settings: as `add_parser` takes them.
    """
    made = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.{more}",
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        **settings,
    )
    assert isinstance(made, Parser), "subparsers are of the class of their parser"
    return made


def account_options(
    parser: Parser, words_on_json: str = "print one JSON object"
) -> set[str]:
    """Add what tells the service, and `--json`; return the options' names."""
    parser.add_argument(
        "--base-url",
        metavar="URL",
        help="address of the API (default: LIANGXIN_BASE_URL or EVOLINK_BASE_URL)",
    )
    parser.add_argument(
        "--dialect",
        choices=sorted(BY_NAME),
        help="the service's wire (default: as the model or the task id shows)",
    )
    return {"--base-url", "--dialect"} | json_option(parser, words_on_json)


def json_option(parser: Parser, words: str = "print one JSON object") -> set[str]:
    """Add `--json`, which does what `words` say; return its name."""
    parser.add_argument("--json", action="store_true", help=words)
    return {"--json"}


def seconds(text: str) -> float:
    """Return a duration, 0 or more.

    Raises:
        ArgumentTypeError: it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds, 0 or more")
    return value


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return what reads a whole number from `low` to `high`."""

    def parse_whole(text: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(
                f"{text!r} is no whole number from {low} to {high}"
            )
        return int(text)

    return parse_whole
