"""`python -m benchmarks`: list the benchmarks, or run those that are named."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from benchmarks import (
    bulk_run,
    callbacks,
    capacity,
    capacity_held_out,
    capacity_sockets,
    client_cost,
    hot_path,
    import_time,
    journal_commits,
    peers,
    polling,
    rationed,
)
from benchmarks._report import Options, Report

_ALL: dict[str, ModuleType] = {
    "client_cost": client_cost,
    "hot_path": hot_path,
    "import_time": import_time,
    "journal_commits": journal_commits,
    "bulk_run": bulk_run,
    "peers": peers,
    "callbacks": callbacks,
    "polling": polling,
    "rationed": rationed,
    "capacity": capacity,
    "capacity_held_out": capacity_held_out,
    "capacity_sockets": capacity_sockets,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says; without names it lists."""
    parser = _parser()
    given = parser.parse_args(arguments)
    names = list(_ALL) if "all" in given.names else given.names
    if not names:
        parser.print_help()
        return
    options = Options(
        quick=given.quick,
        repeats=given.repeats,
        sizes=tuple(given.sizes) if given.sizes else None,
        only=given.only,
    )
    reports = []
    for name in names:
        run: Callable[[Options], Report] = _ALL[name].run
        reports.append(run(options))
        print(reports[-1].as_text(), flush=True)
    if given.json is not None:
        found = [report.as_json() for report in reports]
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    width = max(map(len, _ALL))
    listed = [f"  {name:{width}}  {module.QUESTION}" for name, module in _ALL.items()]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure what the library costs.",
        epilog="\n".join(["benchmarks:", *listed]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", type=_name, metavar="name", help="or all")
    parser.add_argument("--quick", action="store_true", help="small and few")
    parser.add_argument("--repeats", type=_count, help="measurements per figure")
    parser.add_argument(
        "--sizes", type=_counts, help="numbers of tasks, such as 50,500"
    )
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="regimes with this in their name"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write figures too")
    return parser


def _name(text: str) -> str:
    if text not in (*_ALL, "all"):
        known = ", ".join(_ALL)
        raise argparse.ArgumentTypeError(
            f"no benchmark is called {text!r}; there are {known} (or all)"
        )
    return text


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return count


def _counts(text: str) -> list[int]:
    return [_count(word) for word in text.split(",")]


if __name__ == "__main__":
    main()
