"""The options of `batch` and `gallery`."""

from __future__ import annotations

from typing import Any

from liangxin_async.cli._options import (
    ACCOUNT,
    Parser,
    account_options,
    add_command,
    json_option,
    seconds,
    whole,
)

_MOST_COPIES = 10_000  # of a line
_MOST = 10**9 - 1  # of anything else

_BATCH_EXAMPLES = """\
  liangxin batch prompts.jsonl -o out/ --check
  liangxin batch prompts.jsonl -o out/ --limit 10
  liangxin batch prompts.jsonl -o out/
  liangxin batch shop.csv -o shop/ --model seedream-v4-5 --set aspect_ratio=16:9
  liangxin batch ideas.txt -o ideas/ --model z-image --repeat 4
  make-prompts | liangxin batch - --form jsonl -o out/ --json
  liangxin batch -o out/ --collect
  liangxin batch -o out/ --resolve cat-1=task_12345
  liangxin batch prompts.jsonl -o s3://shop/spring --work spring/

a line of JSONL, for example; CSV has such fields as columns:
  {"key": "cat-1", "model": "z-image", "input": {"prompt": "a cat", "seed": 7}}
of a text, every line that is not blank is a prompt, also one that begins with #"""

_GALLERY_EXAMPLES = """\
  liangxin gallery out/"""

_BATCH = """\
 Pictures, a
journal, manifest.jsonl and index.html go into the folder.

A journal knows what was paid for. The same command again goes on where the last one
ended, however it ended: what was accepted is waited for and not made again, what is
saved is recognised. What was sent without an answer is shown and left alone. The first
Ctrl-C (or SIGTERM) sends nothing more and brings home what is paid for; the second
leaves at once, and loses nothing either.

Exit code 0: all that was asked for is saved. Of several other codes the gravest counts:
9, a signal, 4, 7, 5, 6, 8, 2 (see `liangxin --help`).

"""


def add_batch(commands: Any) -> None:
    """Add `batch` to the commands."""
    parser = add_command(
        commands,
        "batch",
        "make a picture for every line of a file, through any interruption",
        _BATCH_EXAMPLES,
        f"{_BATCH}{ACCOUNT}",
        usage="liangxin batch FILE -o DIR [option ...]",
    )
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help="one request a line: .jsonl, .csv, .txt (prompts), or - for standard "
        "input; read as it is needed, and checked line by line",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        help="folder, made if missing; or s3://bucket/prefix (extra 's3'), with keys, "
        "region and AWS_ENDPOINT_URL from the environment",
    )
    parser.add_argument(
        "--work",
        metavar="DIR",
        help="with s3://: local folder for the journal and what is under way "
        "(default: named after bucket and prefix, in the current folder)",
    )
    _what_is_asked(parser)
    _what_is_done(parser)
    parser.add_argument(
        "--no-gallery", action="store_true", help="write no index.html at the end"
    )
    account_options(parser, "print one JSON event a line, and a summary at the end")


def _what_is_asked(parser: Parser) -> None:
    group = parser.add_argument_group("what is asked for")
    group.add_argument(
        "--model", metavar="MODEL", help="for lines that name none; text needs it"
    )
    group.add_argument(
        "--form",
        choices=("jsonl", "csv", "text"),
        help="of the input (default: as its name tells)",
    )
    group.add_argument(
        "--set",
        dest="settings",
        metavar="FIELD=VALUE",
        action="append",
        default=[],
        help="a field for every line that does not set it; may be repeated",
    )
    group.add_argument(
        "--repeat",
        metavar="N",
        type=whole(1, _MOST_COPIES),
        default=1,
        help="pictures of each line, with seeds that count up (default: 1)",
    )


def _what_is_done(parser: Parser) -> None:
    group = parser.add_argument_group("what is done")
    switches = {
        "--check": "read and check everything, count it, send nothing; needs no key",
        "--strict": "stop at the first bad line; otherwise it is told and passed over",
        "--collect": "make nothing: only bring home what is paid for; FILE is not read",
        "--retry-failed": "make again what failed, for a new charge",
        "--resubmit-unknown": "make again what is in doubt, which may pay twice",
    }
    for name, words in switches.items():
        group.add_argument(name, action="store_true", help=words)
    group.add_argument(
        "--resolve",
        metavar="KEY=TASK_ID",
        action="append",
        default=[],
        help="write down which task a request in doubt became, as the service's own "
        "console shows, for the next run to wait for it; may be repeated",
    )
    group.add_argument(
        "--limit",
        metavar="N",
        type=whole(1, _MOST),
        help="make N of them at most, and leave the rest for the next run",
    )
    group.add_argument(
        "--max-in-flight",
        metavar="N",
        type=whole(1, _MOST),
        help="tasks at the same time at most (default: as many as the service takes)",
    )
    group.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        help="for each request; a task that takes longer stays known, and the next run "
        "waits for it again",
    )


def add_gallery(commands: Any) -> None:
    """Add `gallery` to the commands."""
    parser = add_command(
        commands,
        "gallery",
        "make the page and the contact sheet of a batch again",
        _GALLERY_EXAMPLES,
        " From its journal,\nalso while the batch is running. Needs no key, but the "
        "extra 'gallery'.",
    )
    parser.add_argument(
        "folder", metavar="DIR", help="folder of a batch, or its work folder"
    )
    json_option(parser)
