"""The charts of `capacity`, as SVG."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks._capacity_figures import PEERS, SESSION, row
from benchmarks._plot import line_chart
from benchmarks._regimes import Regime, capped, table
from benchmarks._services import Cap
from benchmarks._simulation import play
from liangxin_async._core.limit import Limiter

_CAPS = (5, 10, 25, 50, 100, 200)
_BIN = 0.25  # seconds between two points of a curve over time


def draw(folder: Path, seeds: Sequence[int]) -> None:
    """Write the charts that the README shows, and some more."""
    for name, regime in (("steps", table(2.0)[5]), ("sine", table(2.0)[6])):
        _draw_course(folder / f"capacity_{name}.svg", regime)
    goodput: dict[str, list[tuple[float, float]]] = {}
    refusals: dict[str, list[tuple[float, float]]] = {}
    for cap in _CAPS:
        regime = Regime(name=f"cap {cap}", service=capped(cap), tuned=cap)
        for name in SESSION | PEERS:
            figures = row(regime, name, SESSION | PEERS, seeds).figures
            goodput.setdefault(name, []).append((cap, figures["goodput"].median))
            refused = figures["refusals/accept"].median
            refusals.setdefault(name, []).append((cap, refused))
    line_chart(
        folder / "capacity_goodput.svg",
        "Accepted creates, as a share of the oracle's",
        "cap on tasks in flight",
        "goodput",
        goodput,
    )
    line_chart(
        folder / "capacity_refusals.svg",
        "Refused creates per accepted one",
        "cap on tasks in flight",
        "refusals per accept",
        refusals,
    )


def _draw_course(path: Path, regime: Regime) -> None:
    """A cap that changes, and how the session follows it."""
    played = play(regime.service, [Limiter()], seed=1000, until=regime.until)
    cap, *_ = regime.service.rules()
    assert isinstance(cap, Cap), "only caps are drawn"
    instants = [number * _BIN for number in range(int(regime.until / _BIN))]
    line_chart(
        path,
        f"{regime.name}: the cap, and how the session follows it",
        "seconds (tasks take 2 s)",
        "tasks",
        {
            "cap": [(at, cap.at(at)) for at in instants],
            "in flight": _sampled(played.running, instants),
            "limit": _sampled(played.limits[0], instants),
        },
    )


def _sampled(
    course: Iterable[tuple[float, float]], instants: Iterable[float]
) -> list[tuple[float, float]]:
    """The last value before each instant."""
    changes, value, points = iter(course), 0.0, []
    change = next(changes, None)
    for at in instants:
        while change is not None and change[0] <= at:
            value = change[1]
            change = next(changes, None)
        points.append((at, value))
    return points
