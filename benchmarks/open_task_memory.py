"""What an open task costs in memory, while nothing happens to it.

Traced bytes are what Python's allocator gave out for it; resident bytes are what the
system gave the process, with the allocator's own waste. Each is measured in a process
of its own, because tracing takes memory too.
"""

from __future__ import annotations

from benchmarks._processes import measure, server
from benchmarks._report import Options, Report, Row, Spread, progress

QUESTION = "how many bytes does an open task take?"

SETUP = (
    "A lean server in a process of its own, whose tasks never end.",
    "Growth of a warm process from no task to all of them, divided by their number.",
    "attached: Session.attach, before any answer.",
    "asked: the same after one query each; each handle keeps its last record.",
    "mapped: in flight in a Session.map, before any query; with request and permit.",
    "loops: a coroutine per task that has asked once and sleeps; aiohttp alone.",
    "The loops begin together; their resident bytes hold what that leaves behind.",
)

_MAPPED_AT_MOST = 4000  # the gate lets 4,096 tasks of one model be in flight
_MODULES = {
    "attached": "_memory_session",
    "asked": "_memory_session",
    "mapped": "_memory_session",
    "loops": "_memory_bare",
}


def run(options: Options) -> Report:
    """Measure every kind of open task at every size."""
    sizes = options.choose_sizes(full=(2000, 20_000), quick=(2000,))
    repeats = options.choose_repeats(full=3, quick=1)
    rows = []
    with server() as url:
        for size in sizes:
            for kind in _MODULES:
                if kind != "mapped" or size <= _MAPPED_AT_MOST:
                    progress(f"open_task_memory: {size} tasks, {kind}")
                    rows.append(_row(url, size, kind, repeats))
    return Report(
        name="open_task_memory",
        question=QUESTION,
        setup=(*SETUP, f"{repeats} repeats."),
        labels=("tasks", "kind"),
        rows=tuple(rows),
    )


def _row(url: str, size: int, kind: str, repeats: int) -> Row:
    found: dict[str, list[float]] = {"traced bytes/task": [], "resident bytes/task": []}
    for _ in range(repeats):
        for name, values in found.items():
            traced = name.startswith("traced")
            spec = {"url": url, "tasks": size, "kind": kind, "traced": traced}
            values.append(measure(_MODULES[kind], spec)["bytes"] / size)
    figures = {name: Spread.of(values) for name, values in found.items()}
    return Row((str(size), kind), figures)
