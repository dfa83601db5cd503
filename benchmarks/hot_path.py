"""What a call and an open task cost the client, step by step, beside aiohttp alone.

Where `client_cost` runs whole lives of tasks and waits as a user would, this takes the
path apart and never waits, so that what each layer adds can be seen. Repeats take all
kinds in turn against one server process, so that ratios share the machine's mood.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from benchmarks._processes import measure, server
from benchmarks._report import Options, Report, Row, Spread, progress

QUESTION = "what do a query, a create and an open task cost, at up to 100,000 of them?"

SETUP = (
    "A lean server in a process of its own, whose tasks never end.",
    "Each measurement in a fresh, warm process; CPU is process_time of that process.",
    "bare: aiohttp alone, as fast as it goes; queries 8 at once, creates 64 at once.",
    "record: Session.record, which is an exchange and its reading without the poller.",
    "attached: Session.attach, before any answer.",
    "asked: the same after one query each by the poller. asked again: 2,000 more.",
    "submit: Session.submit, 64 at once, its tasks not asked about; always on a fresh "
    "connection, to be set beside 'bare create, fresh'.",
    "mapped: in flight in a Session.map and asked about; the requests not counted.",
    "loops: a coroutine per task that has asked once and sleeps; aiohttp alone.",
    "Traced bytes are what Python's allocator gave out, resident ones what the system "
    "gave the process; both per open task.",
)

_CALLS = 2000  # queries or creates in a step whose number is not that of the tasks
_MAPPED_AT_MOST = 4000  # the gate lets 4,096 tasks of one model be in flight
_CREATES_AT_MOST = 2000  # open tasks change nothing about a create
_TRACED_AT_MOST = 20_000  # beyond, tracing takes minutes; resident bytes are exact
_RESIDENT_FROM = 1000  # below, the system's pages are too coarse
_ONCE_FROM = 50_000  # tasks from which on one repeat has to do

_MODULES = {
    "bare": "_hot_bare",
    "recorded": "_hot_session",
    "followed": "_hot_session",
    "submitted": "_hot_session",
    "mapped": "_hot_session",
    "loops": "_hot_bare",
}
_LABELS = {  # (kind, step): row, in the order of the report
    ("bare", "query"): "bare query",
    ("recorded", "record"): "record",
    ("followed", "asked"): "asked",
    ("followed", "asked again"): "asked again",
    ("bare", "create"): "bare create",
    ("bare", "create, fresh"): "bare create, fresh",
    ("submitted", "submit"): "submit",
    ("followed", "attached"): "attached",
    ("mapped", "mapped"): "mapped",
    ("loops", "asked"): "loops",
}
_FLOORS = {
    "record": "bare query",
    "asked": "bare query",
    "asked again": "bare query",
    "submit": "bare create, fresh",
}
_OPEN = ("attached", "asked", "mapped", "loops")
_WITHOUT_CPU = ("mapped", "loops")  # they make other calls beside

Figures = dict[str, float]  # of one row in one repeat, by name


def run(options: Options, *, calls: int = _CALLS) -> Report:
    """Measure every kind at every size; `calls` is for trials."""
    sizes = options.choose_sizes(full=(100, 2000, 20_000, 100_000), quick=(100, 2000))
    repeats = options.choose_repeats(full=3, quick=1)
    rows: list[Row] = []
    with server() as url:
        for size in sizes:
            rounds = []
            for number in range(repeats if size < _ONCE_FROM else 1):
                progress(f"hot_path: {size} tasks, repeat {number + 1}")
                rounds.append(_round(url, size, calls))
            rows += _rows(size, rounds)
    return Report(
        name="hot_path",
        question=QUESTION,
        setup=(*SETUP, f"{repeats} repeats, from {_ONCE_FROM:,} tasks on one."),
        labels=("tasks", "what"),
        rows=tuple(rows),
    )


def _round(url: str, size: int, calls: int) -> Mapping[str, Figures]:
    """Run all kinds once; returns the figures of each row."""
    found: dict[str, Figures] = defaultdict(dict)
    for kind in _MODULES:
        if kind == "mapped" and size > _MAPPED_AT_MOST:
            continue
        if kind == "submitted" and size > _CREATES_AT_MOST:
            continue
        spec = {"url": url, "tasks": size, "calls": calls, "kind": kind}
        plain = measure(_MODULES[kind], {**spec, "traced": False})
        traced = {}
        if kind in ("followed", "mapped", "loops") and size <= _TRACED_AT_MOST:
            traced = measure(_MODULES[kind], {**spec, "traced": True})
        for step, taken in plain.items():
            row = _LABELS[kind, step]
            count = size if row in _OPEN else calls
            if row not in _WITHOUT_CPU:
                found[row]["CPU us/call"] = taken["cpu"] * 1e6 / count
            if row in _OPEN and size >= _RESIDENT_FROM:
                found[row]["resident bytes"] = taken["bytes"] / size
            if row in _OPEN and traced:
                found[row]["traced bytes"] = traced[step]["bytes"] / size
    for row, floor in _FLOORS.items():
        if row in found:
            ours, theirs = found[row]["CPU us/call"], found[floor]["CPU us/call"]
            found[row]["to bare"] = ours / theirs
    return found


def _rows(size: int, rounds: list[Mapping[str, Figures]]) -> list[Row]:
    return [
        Row(
            (str(size), label),
            {
                name: Spread.of(r[label][name] for r in rounds)
                for name in rounds[0][label]
            },
        )
        for label in _LABELS.values()
        if label in rounds[0]
    ]
