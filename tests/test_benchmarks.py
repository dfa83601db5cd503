"""The benchmarks run and give figures; the figures themselves are nobody's promise."""

from __future__ import annotations

import asyncio
import json
from xml.etree import ElementTree

import pytest

from benchmarks.__main__ import main
from benchmarks._plot import line_chart
from benchmarks._report import Options, Report, Row, Spread
from benchmarks.bulk_run import run as bulk_run
from benchmarks.callbacks import run as callbacks
from benchmarks.capacity import run as capacity
from benchmarks.capacity_held_out import run as capacity_held_out
from benchmarks.capacity_sockets import run as capacity_sockets
from benchmarks.client_cost import run as client_cost
from benchmarks.hot_path import run as hot_path
from benchmarks.peers import run as peers
from benchmarks.rationed import over_sockets

SMALL = Options(sizes=(3,), repeats=1)


def rows_of(report: Report) -> dict[str, Row]:
    """Rows by their last label."""
    return {row.labels[-1]: row for row in report.rows}


def test_client_cost_smallest_gives_figures_for_every_client():
    """Each client made its tasks, used CPU, and the session is set against the bare."""
    rows = rows_of(client_cost(SMALL, pace=0.05))
    assert set(rows) == {
        "session",
        "bare",
        "bare_fresh",
        "bare_same",
        "bare_paced",
        "loops",
    }
    for row in rows.values():
        assert row.figures["CPU ms/task"].median > 0
        assert row.figures["queries/task"].median >= 1
        assert row.figures["peak RSS MB"].median > 1
    session, bare = rows["session"].figures, rows["bare"].figures
    assert session["queries/task"] == bare["queries/task"]
    assert session["CPU / bare"].median == pytest.approx(
        session["CPU ms/task"].median / bare["CPU ms/task"].median
    )


def test_hot_path_smallest_gives_figures_for_every_step():
    """Calls took CPU, open tasks memory, and ours are set against aiohttp alone."""
    rows = rows_of(hot_path(SMALL, calls=20))
    for name in ("bare query", "record", "asked again", "bare create, fresh", "submit"):
        assert rows[name].figures["CPU us/call"].median > 0
    for name in ("record", "asked", "asked again", "submit"):
        assert rows[name].figures["to bare"].median > 0
    for name in ("attached", "asked", "mapped", "loops"):
        assert rows[name].figures["traced bytes"].median > 0


def test_bulk_run_smallest_sets_the_journal_against_none():
    """Both runs saved all their lines; only the journal makes durable commits."""
    rows = rows_of(bulk_run(SMALL, seconds=0.05))
    assert set(rows) == {"sqlite", "memory"}
    for row in rows.values():
        assert row.figures["lines/s"].median > 0
        assert row.figures["CPU ms/line"].median > 0
        assert row.figures["peak RSS MB"].median > 1
    sqlite, memory = rows["sqlite"].figures, rows["memory"].figures
    assert sqlite["commits/s"].median > 0
    assert "commits/s" not in memory
    assert sqlite["lines/s to memory"].median == pytest.approx(
        sqlite["lines/s"].median / memory["lines/s"].median
    )


def test_peers_smallest_shows_what_is_lost_and_paid_twice():
    """A lost answer is told by ours and not sent again; the loop pays a second time."""
    report = peers(
        Options(sizes=(4,), repeats=1), pace=0.02, clients=("session", "loop 1 s")
    )
    rows = {row.labels[1:]: row.figures for row in report.rows}
    assert len(rows) == 4
    assert all(rows["free", who]["lost"].median == 0 for who in ("session", "loop 1 s"))
    ours, theirs = rows["capped", "session"], rows["capped", "loop 1 s"]
    assert ours["paid twice"].median == 0
    assert ours["lost"].median == ours["in doubt"].median == 1
    assert theirs["paid twice"].median == 1
    assert theirs["lost"].median == 0


def test_peers_goes_on_after_a_client_that_breaks():
    """Its rows are missing, the notes say why, and the others are measured."""
    options = Options(sizes=(2,), repeats=1)
    report = peers(options, pace=0.02, clients=("nobody", "loop 1 s"))
    assert {row.labels[-1] for row in report.rows} == {"loop 1 s"}
    assert "2 free nobody 1: KeyError: 'nobody'" in report.notes


def test_callbacks_smallest_sets_them_against_polling():
    """Every callback of the burst was answered, and ended no task."""
    rows = rows_of(callbacks(SMALL, pace=0.05))
    assert set(rows) == {"callbacks", "polling", "burst"}
    for what in ("callbacks", "polling"):
        assert rows[what].figures["queries/task"].median >= 1
        assert rows[what].figures["lag ms"].median > 0
    burst = rows["burst"].figures
    assert burst["answered"].median == 60
    assert burst["still open"].median == 6
    assert 1 <= burst["queries/task"].median <= 3
    assert burst["stall ms"].median > 0


def test_rationed_over_sockets_loses_nothing():
    """A real session sees all tasks though a query a second is all that it gets."""
    figures = asyncio.run(over_sockets(6))
    assert 1 <= figures["queries/task"].median < 3
    assert figures["lag s"].median >= 0


def test_capacity_smallest_sets_the_session_against_peers_and_the_bound():
    """Every client has its figures, and none gets more than the one that is told."""
    wanted = Options(repeats=1, only="A cap 10")
    report = capacity(wanted, plots=None)
    rows = {row.labels[1:]: row.figures for row in report.rows}
    assert set(rows) == {
        *(("2 s", peer) for peer in ("loops", "tenacity", "semaphore", "aimd")),
        *(("2 s", "session"), ("2 s", "told"), ("8 s", "session")),
    }
    session, told = rows["2 s", "session"], rows["2 s", "told"]
    assert session["goodput"].median <= told["goodput"].median + 0.05
    assert session["refusals/accept"].median < 0.3
    assert rows["2 s", "loops"]["refusals/accept"].median > 3


def test_capacity_held_out_plays_other_regimes():
    """It has figures for what the table does not hold."""
    (row,) = capacity_held_out(Options(repeats=1, only="ten share 60")).rows
    assert 0.5 < row.figures["goodput"].median <= 1
    assert 0.1 < row.figures["Jain, last half"].median <= 1


def test_capacity_without_a_limit_is_as_fast_as_starting_all_at_once():
    """The rows of F hold the share of the time that all at once would take."""
    rows = capacity(Options(quick=True, only="no limit")).rows
    assert [row.labels[0] for row in rows] == ["F no limit, 200", "F no limit, 2000"]
    for row in rows:
        assert 0.9 < row.figures["goodput"].median <= 1


def test_capacity_sockets_smallest_counts_at_the_server():
    """A second of real time: creates are accepted up to the cap, and none is lost."""
    wanted = Options(repeats=1, only="A cap 10")
    clients = ("session", "tenacity")
    rows = rows_of(capacity_sockets(wanted, seconds=1.0, clients=clients))
    assert set(rows) == {*clients}
    for row in rows.values():
        assert 0 < row.figures["goodput"].median <= 1.5
        assert row.figures["tasks gone wrong"].median == 0
    assert rows["tenacity"].figures["refusals/accept"].median > 0


def test_line_chart_draws_every_series(tmp_path):
    """The file is SVG with a line and a name for each series, escaped."""
    path = tmp_path / "new" / "chart.svg"
    line_chart(path, "a < b", "s", "n", {"x & y": [(0, 0), (9, 4)], "flat": [(0, 0)]})
    tree = ElementTree.parse(path)
    names = [text.text for text in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a < b", "x & y", "flat", "s", "n", "10"} <= set(names)
    lines = list(tree.iter("{http://www.w3.org/2000/svg}polyline"))
    assert len(lines) == 2
    assert len(lines[0].attrib["points"].split()) == 2


def test_main_without_names_lists_every_benchmark(capsys):
    """The bare command says what there is and runs nothing."""
    main([])
    shown = capsys.readouterr().out
    assert "client_cost" in shown
    assert "hot_path" in shown
    assert "import_time" in shown
    assert "bulk_run" in shown
    assert "callbacks" in shown
    assert "polling" in shown
    assert "rationed" in shown


def test_main_import_time_prints_the_report_and_writes_it(tmp_path, capsys):
    """The library loads aiohttp and more; table and file hold the same report."""
    path = tmp_path / "figures.json"
    main(["import_time", "--repeats", "1", "--json", str(path)])
    (report,) = json.loads(path.read_text())
    figures = {row["labels"][0]: row["figures"] for row in report["rows"]}
    modules = {name: found["modules"]["median"] for name, found in figures.items()}
    assert modules["first session"] > modules["aiohttp"] > modules["door"] > 0
    assert figures["own"]["wall ms"]["median"] > 0
    assert any("liangxin_async" in note for note in report["notes"])
    assert report["question"] in capsys.readouterr().out


def test_main_with_an_unknown_name_ends_with_usage(capsys):
    """A misspelt benchmark is not passed over."""
    with pytest.raises(SystemExit) as caught:
        main(["client_costs"])
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert "no benchmark is called 'client_costs'; there are client_cost, " in told
    assert ", capacity_sockets (or all)" in told


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([3.0, 1.0, 2.0], "2.00 (1.00-3.00)"),
        ([0.5], "0.500 (0.500-0.500)"),
        ([12.34, 1234.5], "623 (12.3-1234)"),
    ],
)
def test_spread_of_values_shows_median_and_extremes(values, shown):
    """The order of the values does not matter; three digits are shown."""
    assert str(Spread.of(values)) == shown
