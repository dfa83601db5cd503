"""The demo, drawn on a terminal: a bar, and the six models under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from liangxin_async.cli._demo_plan import MODELS
from liangxin_async.cli._watch import Tally

if TYPE_CHECKING:
    from liangxin_async.cli._demo import Course

_BAR = 40  # cells


def picture(course: Course) -> RenderableType:
    """Return what is on the screen now."""
    return Group(_bar(course), _counts(course), _models(course))


def _bar(course: Course) -> RenderableType:
    row = Table.grid(padding=(0, 2))
    row.add_row(
        ProgressBar(course.asked, course.saved, width=_BAR),
        Text(f"{course.saved}/{course.asked} saved", "bold"),
        Text(f"{course.seconds:.1f} s", "dim"),
    )
    return row


def _counts(course: Course) -> Text:
    watch = course.watch
    counts = {
        "in flight": len(watch.open),
        "waiting": course.waiting,
        "refused (429)": watch.refused,
        "polls": watch.polls,
    }
    if course.failed:
        counts["failed"] = course.failed
    return Text("   ".join(f"{name} {count}" for name, count in counts.items()))


def _models(course: Course) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("model")
    for name in ("saved", "in flight", "limit", "refused"):
        table.add_column(name, justify="right")
    limits = course.stats().limits
    for model in MODELS:
        tally = course.watch.tallies.get(model, Tally())
        row = (tally.saved, tally.open, limits.get(model, ""), tally.refused)
        table.add_row(model, *map(str, row))
    return table
