"""What live displays are made of: a bar, a line of words, a table of models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich import box
from rich.console import RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from liangxin_async.cli._watch import Tally, Watch

_BAR = 40  # cells


def bar(done: int, total: int | None, label: str, *more: str) -> RenderableType:
    """Return a bar with its words; without a total it only moves."""
    row = Table.grid(padding=(0, 2))
    drawn = ProgressBar(total, done, width=_BAR, pulse=total is None)
    row.add_row(drawn, Text(label, "bold"), *(Text(words, "dim") for words in more))
    return row


def words(several: Iterable[str]) -> Text:
    """Return some words on one line."""
    return Text("   ".join(several))


def models(
    names: Iterable[str], watch: Watch, limits: Mapping[str, int]
) -> RenderableType:
    """Return a table of models with what `watch` counted and their limits now."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("model")
    for name in ("saved", "in flight", "limit", "refused"):
        table.add_column(name, justify="right")
    for model in names:
        tally = watch.tallies.get(model, Tally())
        row = (tally.saved, tally.open, limits.get(model, ""), tally.refused)
        table.add_row(model, *map(str, row))
    return table
