"""The journal's benchmark runs and gives figures; the figures are nobody's promise."""

from __future__ import annotations

from benchmarks._report import Options
from benchmarks.journal_commits import run


def test_journal_commits_smallest_gives_every_figure():
    """Each number of callers has its row, and every figure in it is something."""
    report = run(Options(sizes=(1, 2), repeats=1))
    assert [row.labels for row in report.rows] == [("1",), ("2",)]
    for row in report.rows:
        assert set(row.figures) == {
            *("entries/s", "fsync/s", "entries/fsync", "CPU us/entry"),
            "bytes/request",
        }
        assert all(spread.low > 0 for spread in row.figures.values())
        assert row.figures["bytes/request"].median > 900  # prompt and record at least
