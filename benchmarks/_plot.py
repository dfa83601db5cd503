"""Line charts as SVG, written by hand: small files, and nothing to install.

Colours are those of Okabe and Ito (2008), which colour-blind readers can tell apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

RESULTS = Path(__file__).resolve().parent / "results"

Points = Sequence[tuple[float, float]]

_WIDTH, _HEIGHT = 760, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 180, 36, 46
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_TICKS = 5  # lines of the grid in each direction, about
_TEXT = 'font-family="sans-serif" font-size="12" fill="#333"'


def line_chart(
    path: Path, title: str, x_label: str, y_label: str, series: Mapping[str, Points]
) -> None:
    """Write a chart with a line per series, both axes from 0.

    Args:
        path: of the SVG file; folders are made.
        title: above the chart.
        x_label: below it, with the unit.
        y_label: beside it, with the unit.
        series: points by name, each in the order in which they are joined.
    """
    x_top = _ceiling(x for points in series.values() for x, _ in points)
    y_top = _ceiling(y for points in series.values() for _, y in points)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        _text(_LEFT, 20, title, extra='font-weight="bold"'),
        *_grid(x_top, y_top),
        _text(_LEFT + _plot_width() / 2, _HEIGHT - 8, x_label, anchor="middle"),
        f'<text x="14" y="{_TOP + _plot_height() / 2:g}" {_TEXT} text-anchor="middle" '
        f'transform="rotate(-90 14 {_TOP + _plot_height() / 2:g})">'
        f"{escape(y_label)}</text>",
    ]
    for number, (name, points) in enumerate(series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        parts += _line(points, colour, x_top, y_top)
        parts += _legend(number, name, colour)
    parts.append("</svg>")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")


def _plot_width() -> float:
    return _WIDTH - _LEFT - _RIGHT


def _plot_height() -> float:
    return _HEIGHT - _TOP - _BOTTOM


def _x(value: float, top: float) -> float:
    return round(_LEFT + _plot_width() * value / top, 1)


def _y(value: float, top: float) -> float:
    return round(_TOP + _plot_height() * (1 - value / top), 1)


def _line(points: Points, colour: str, x_top: float, y_top: float) -> list[str]:
    places = " ".join(f"{_x(x, x_top):g},{_y(y, y_top):g}" for x, y in points)
    return [
        f'<polyline points="{places}" fill="none" stroke="{colour}" '
        'stroke-width="1.5" stroke-linejoin="round"/>'
    ]


def _legend(number: int, name: str, colour: str) -> list[str]:
    x, y = _WIDTH - _RIGHT + 14, _TOP + 8 + 20 * number
    return [
        f'<path d="M{x} {y}h18" stroke="{colour}" stroke-width="3"/>',
        _text(x + 24, y + 4, name),
    ]


def _grid(x_top: float, y_top: float) -> list[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = []
    for value in _ticks(x_top):
        x = _x(value, x_top)
        parts.append(f'<path d="M{x:g} {_TOP}V{bottom}" stroke="#ddd"/>')
        parts.append(_text(x, bottom + 16, f"{value:g}", anchor="middle"))
    for value in _ticks(y_top):
        y = _y(value, y_top)
        parts.append(f'<path d="M{_LEFT} {y:g}H{right}" stroke="#ddd"/>')
        parts.append(_text(_LEFT - 6, y + 4, f"{value:g}", anchor="end"))
    return parts


def _text(
    x: float, y: float, words: str, *, anchor: str = "start", extra: str = ""
) -> str:
    place = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}"'
    return f"<text {place} {_TEXT} {extra}>{escape(words)}</text>".replace(" >", ">")


def _step(top: float) -> float:
    """The round number that divides `top` into about `_TICKS` parts."""
    rough = top / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    return power * min((1, 2, 5, 10), key=lambda factor: abs(factor * power - rough))


def _ticks(top: float) -> list[float]:
    step = _step(top)
    return [round(number * step, 10) for number in range(int(top / step + 1e-9) + 1)]


def _ceiling(values: Iterable[float]) -> float:
    """The end of an axis: the greatest value, rounded up to a line of the grid."""
    greatest = max(values, default=0.0)
    if greatest <= 0:
        return 1.0
    step = _step(greatest)
    return math.ceil(greatest / step - 1e-9) * step
