"""The command line: what it takes, and its help."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any

from liangxin_async._version import __version__
from liangxin_async.cli import _exit
from liangxin_async.cli._args_batch import add_batch, add_gallery
from liangxin_async.cli._options import (
    ACCOUNT,
    Parser,
    account_options,
    add_command,
    json_option,
    seconds,
    whole,
)

_FIELD = re.compile(r"--[A-Za-z][\w.-]*(?==|$)")
_MOST_PICTURES = 1000  # of the demo

_EXAMPLES = {
    "generate": """\
  liangxin generate z-image "a cafe terrace in Paris" --seed 7
  liangxin generate seedream-v4-5 "a tea bottle" --aspect-ratio 16:9 -o shop/
  liangxin generate flux-2-pro "a logo" --width 512 --height 512 -o logo.png
  liangxin generate z-image-turbo "a cute cat" --size 1024x768
  liangxin generate some-new-model "a cat" --size '{"width": 512}' --json""",
    "status": """\
  liangxin status task_z-image_1777600000000
  liangxin status task_z-image_1777600000000 --json""",
    "wait": """\
  liangxin wait task_z-image_1777600000000 -o pictures/ --timeout 600""",
    "models": """\
  liangxin models
  liangxin models z-image
  liangxin models imagen4-ultra --json""",
    "emulator": """\
  liangxin emulator --port 8080
  liangxin emulator --scenario busy.json

a scenario, for example:
  {"duration": {"kind": "lognormal", "median": 2},
   "capacity": [{"kind": "in_flight", "limit": 7}]}
or {"preset": "market"}: 20 creates in 10 s, codes inside HTTP 200, late records""",
    "demo": """\
  liangxin demo
  liangxin demo --count 60 -o /tmp/pictures""",
}


class _KeepField(argparse.Action):
    """Adds (option, text or None) to `fields`, in the order of the line."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        namespace.fields = [*namespace.fields, (option_string, values)]


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return what the line asks for; `command` says which command, `line` is the line.

    Raises:
        UsageError: it cannot be read.
        SystemExit: after `--help` and `--version`.
    """
    args = make_parser(argv).parse_args(argv)
    args.line = tuple(argv)
    return args


def make_parser(argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return the parser; options of `generate` that are fields are taken from `argv`.

    Fields differ by model and may be newer than this library, so argparse learns them
    from the line itself.
    """
    parser = Parser(
        prog="liangxin",
        description="Make, wait for and save pictures by LiangXin, services of its API "
        "family, and EvoLink.",
        epilog=f"{ACCOUNT}\n\n{_exit.table()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    version = f"liangxin-async {__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _generate(commands, argv)
    add_batch(commands)
    add_gallery(commands)
    _status(commands)
    _wait(commands)
    _models(commands)
    _emulator(commands)
    _demo(commands)
    return parser


def _generate(commands: Any, argv: Sequence[str]) -> None:
    parser = add_command(
        commands,
        "generate",
        "make one picture, wait for it, and save it",
        _EXAMPLES["generate"],
        " Its paths are printed.\n\n"
        "The fields of the model are options: --aspect-ratio 16:9, --seed 7; a list\n"
        "takes its option once for each item. `liangxin models MODEL` shows them.\n"
        f"{ACCOUNT}",
        usage="liangxin generate MODEL PROMPT [--FIELD VALUE ...] [option ...]",
    )
    parser.add_argument("model", metavar="MODEL", help="model value, such as z-image")
    parser.add_argument("prompt", metavar="PROMPT", help="what to make")
    own = _task_options(parser, "queueing and generating together")
    parser.add_argument(
        "--callback-url",
        metavar="URL",
        help="public https URL that the service calls at the end; where that runs on "
        "this machine, as the emulator does, http://127.0.0.1:8000/... will do",
    )
    parser.add_argument(
        "--kind",
        choices=("image", "video"),
        help="what a model makes that is not in the catalogue; videos are given an "
        "hour instead of 15 minutes",
    )
    parser.set_defaults(fields=[])
    own |= {"--callback-url", "--kind", "--help"}
    for name in _field_options(argv):
        if name not in own:
            parser.add_argument(
                name,
                action=_KeepField,
                nargs="?",
                dest="fields",
                default=argparse.SUPPRESS,
                help=argparse.SUPPRESS,
            )


def _field_options(argv: Sequence[str]) -> list[str]:
    """Return what looks like a long option, once each, up to a `--`."""
    if argv[:1] != ["generate"] and argv[:1] != ("generate",):
        return []
    end = argv.index("--") if "--" in argv else len(argv)
    matches = (_FIELD.match(token) for token in argv[:end])
    return list(dict.fromkeys(match[0] for match in matches if match))


def _task_options(parser: Parser, counted: str) -> set[str]:
    parser.add_argument(
        "-o",
        "--output",
        metavar="PATH",
        default=".",
        help="folder, for files named by task id; or a name like cat.png, whose "
        "extension follows the content: what has that name is kept, and the new file "
        "gets a number (default: the current folder)",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        help=f"for {counted}; saving is not counted (default: the 15 minutes, or the "
        "hour for videos, after which the library gives a task up)",
    )
    parser.add_argument(
        "--no-download",
        action="store_true",
        help="print the URLs of the result instead; they expire",
    )
    return {"--output", "--timeout", "--no-download"} | account_options(parser)


def _status(commands: Any) -> None:
    parser = add_command(
        commands,
        "status",
        "ask once how a task is doing",
        _EXAMPLES["status"],
        f" Exit code 0 whatever the state.\n\n{ACCOUNT}",
    )
    parser.add_argument("task_id", metavar="ID", help="the task's id")
    account_options(parser)


def _wait(commands: Any) -> None:
    parser = add_command(
        commands,
        "wait",
        "wait for a task that was made earlier, and save its files",
        _EXAMPLES["wait"],
        f"\n\n{ACCOUNT}",
    )
    parser.add_argument("task_id", metavar="ID", help="the task's id")
    _task_options(parser, "waiting")


def _models(commands: Any) -> None:
    parser = add_command(
        commands,
        "models",
        "list the known models, or the fields of one",
        _EXAMPLES["models"],
        " Needs no key.",
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", help="model value")
    json_option(parser)


def _emulator(commands: Any) -> None:
    parser = add_command(
        commands,
        "emulator",
        "run a local service with made-up pictures until Ctrl-C",
        _EXAMPLES["emulator"],
        " For tests and\ntrials, by clients in any language. Needs no key.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument(
        "--port", type=whole(0, 65535), default=0, help="default: a free one"
    )
    parser.add_argument("--scenario", metavar="FILE", help="JSON file of what to play")
    parser.add_argument("--api-key", metavar="KEY", help="the made-up key to accept")
    json_option(parser)


def _demo(commands: Any) -> None:
    parser = add_command(
        commands,
        "demo",
        "make pictures by six models against the emulator, with nothing to set up",
        _EXAMPLES["demo"],
        "\nReal HTTP on this machine, made-up pictures, more load than the service "
        "takes.",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        default="liangxin-demo",
        help="folder for the pictures; nothing in it is replaced (default: "
        "%(default)s)",
    )
    parser.add_argument(
        "--count",
        metavar="N",
        type=whole(1, _MOST_PICTURES),
        default=24,
        help=f"pictures, 1 to {_MOST_PICTURES} (default: %(default)s)",
    )
    json_option(parser, "print one JSON event a line, and a summary at the end")
