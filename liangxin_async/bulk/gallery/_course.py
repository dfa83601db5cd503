"""The course of a run, from its samples, as lines that a page can draw and say.

Pure. A journal may hold several runs of the same command. Their counters begin anew,
and here they go on; the time between two runs is left out, and marked.

Lines stand in a box of 1000 by 100 units which the page stretches, its y axis pointing
down. They are thinned to what a screen can show, and no peak is lost by that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from liangxin_async.bulk._row import Sample

WIDTH, HEIGHT = 1000, 100
_BUCKETS = 250  # a chart is about 500 pixels wide
_TABLE_ROWS = 12
_PAUSE = 30.0  # seconds without a sample that end a stretch, at the least
_PAUSE_STEPS = 10  # likewise, in usual distances between samples


@frozen
class Line:
    """One quantity over time.

    Attributes:
        name: what it is, in words.
        mark: class of its colour.
        path: SVG path data.
        area: the same closed along the x axis, or "".
    """

    name: str
    mark: str
    path: str
    area: str = ""


@frozen
class Panel:
    """Lines with one y axis, from 0 to `top`."""

    name: str
    top: int
    lines: tuple[Line, ...]


@frozen
class Moment:
    """The run at one instant.

    Attributes:
        elapsed: seconds of work before it; time between runs does not count.
        in_flight: creates under way and tasks not over.
        limit: tasks that might be in flight.
        refused: creates refused as saturated, of all runs so far.
        done: requests that came to an end, of all runs so far.
        stretch: which stretch of work it belongs to, from 0.
    """

    elapsed: float
    in_flight: int
    limit: int
    refused: int
    done: int
    stretch: int

    @property
    def clock(self) -> str:
        """`elapsed` in words."""
        return duration(self.elapsed)


@frozen(kw_only=True)
class Course:
    """What the page shows of a run's course.

    Attributes:
        panels: the charts.
        breaks: where on the x axis the run was taken up again.
        ticks: words below the x axis: at its start, middle and end.
        seconds: seconds of work.
        words: the whole in a sentence or two.
        table: some moments, the last among them.
    """

    panels: tuple[Panel, ...]
    breaks: tuple[float, ...]
    ticks: tuple[str, str, str]
    seconds: float
    words: str
    table: tuple[Moment, ...]


def course_of(samples: Sequence[Sample]) -> Course | None:
    """Return the course of a run; None where fewer than two instants are known."""
    moments = _joined([sample for sample in samples if math.isfinite(sample.at)])
    if len(moments) < 2 or moments[-1].elapsed <= 0:
        return None
    seconds = moments[-1].elapsed
    return Course(
        panels=(_load(moments), _progress(moments)),
        breaks=tuple(
            round(_x(later, seconds), 1)
            for sooner, later in pairwise(moments)
            if later.stretch > sooner.stretch
        ),
        ticks=("0", duration(seconds / 2), duration(seconds)),
        seconds=seconds,
        words=_words(moments),
        table=_some(moments),
    )


def _joined(samples: list[Sample]) -> list[Moment]:
    ordered = sorted(samples, key=lambda sample: sample.at)
    pause = _pause(ordered)
    moments: list[Moment] = []
    elapsed, refused, done, stretch = 0.0, 0, 0, 0
    last: Sample | None = None
    for sample in ordered:
        if last is not None:
            anew = sample.done < last.done or sample.refused < last.refused
            if anew:
                refused, done = refused + last.refused, done + last.done
            if anew or sample.at - last.at > pause:
                stretch += 1
            else:
                elapsed += sample.at - last.at
        moments.append(
            Moment(
                elapsed,
                sample.in_flight,
                sample.limit,
                refused + sample.refused,
                done + sample.done,
                stretch,
            )
        )
        last = sample
    return moments


def _pause(ordered: list[Sample]) -> float:
    steps = [later.at - sooner.at for sooner, later in pairwise(ordered)]
    return max(_PAUSE, _PAUSE_STEPS * median(steps)) if steps else _PAUSE


# --------------------------------------------------------------------------- lines


def _load(moments: list[Moment]) -> Panel:
    top = _ceiling(max(max(m.in_flight, m.limit) for m in moments))
    in_flight = _path(moments, lambda m: m.in_flight, top)
    limit = _path(moments, lambda m: m.limit, top)
    return Panel(
        "Load",
        top,
        (
            Line("in flight", "in-flight", in_flight, _closed(in_flight)),
            Line("limit", "limit", limit),
        ),
    )


def _progress(moments: list[Moment]) -> Panel:
    top = _ceiling(max(max(m.done, m.refused) for m in moments))
    done = _path(moments, lambda m: m.done, top)
    refused = _path(moments, lambda m: m.refused, top)
    return Panel(
        "Progress",
        top,
        (
            Line("done", "done", done, _closed(done)),
            Line("refused", "refused", refused),
        ),
    )


def _path(moments: list[Moment], value: Callable[[Moment], int], top: int) -> str:
    seconds = moments[-1].elapsed
    parts, stretch = [], -1
    for moment in _thinned(moments, value):
        x, y = _x(moment, seconds), HEIGHT - HEIGHT * value(moment) / top
        parts.append(f"{'L' if moment.stretch == stretch else 'M'}{x:.1f} {y:.1f}")
        stretch = moment.stretch
    return "".join(parts)


def _closed(path: str) -> str:
    """Return the area below `path`: each of its pieces, down to the x axis."""
    pieces = []
    for piece in path.split("M")[1:]:
        points = piece.split("L")
        first, last = points[0].partition(" ")[0], points[-1].partition(" ")[0]
        line = "L".join(points)
        pieces.append(f"M{first} {HEIGHT}L{line}L{last} {HEIGHT}Z")
    return "".join(pieces)


def _thinned(moments: list[Moment], value: Callable[[Moment], int]) -> Iterator[Moment]:
    """Yield of each bucket of time its first, lowest, highest and last moment."""
    seconds = moments[-1].elapsed
    buckets: dict[tuple[int, int], list[int]] = {}
    for index, moment in enumerate(moments):
        place = int(moment.elapsed / seconds * _BUCKETS)
        buckets.setdefault((moment.stretch, place), []).append(index)
    for indexes in buckets.values():
        by_value = sorted(indexes, key=lambda index: value(moments[index]))
        ends = {indexes[0], by_value[0], by_value[-1], indexes[-1]}
        yield from (moments[index] for index in sorted(ends))


def _x(moment: Moment, seconds: float) -> float:
    return WIDTH * moment.elapsed / seconds


def _ceiling(value: int) -> int:
    """Return a round number that is at least `value`."""
    if value <= 4:
        return 4
    unit = 10 ** (len(str(value)) - 1)
    return next(
        int(step * unit) for step in (1, 1.2, 1.6, 2, 3, 4, 6, 8, 10)
        if step * unit >= value
    )  # fmt: skip


# --------------------------------------------------------------------------- words


def _words(moments: list[Moment]) -> str:
    last = moments[-1]
    # 0 while nothing was created: a run that only collects has no limit to tell.
    limits = [moment.limit for moment in moments if moment.limit] or [0]
    most = max(moment.in_flight for moment in moments)
    stops = last.stretch
    times = "once" if stops == 1 else f"{stops} times"
    taken_up = f" It was taken up again {times}." if stops else ""
    creates = "create" if last.refused == 1 else "creates"
    return (
        f"In {duration(last.elapsed)} of work {last.done:,} requests came to an end. "
        f"At most {most:,} were in flight, under a limit of {min(limits):,} to "
        f"{max(limits):,}; {last.refused:,} {creates} met a full service.{taken_up}"
    )


def _some(moments: list[Moment]) -> tuple[Moment, ...]:
    last = len(moments) - 1
    count = min(_TABLE_ROWS, len(moments))
    return tuple(moments[round(step * last / (count - 1))] for step in range(count))


def duration(seconds: float) -> str:
    """Return a duration in its two largest units, as in "1 h 37 min"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, size, smaller, part in (
        ("d", 86_400, "h", 3_600),
        ("h", 3_600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if whole >= size:
            count, rest = divmod(whole, size)
            more = f" {rest // part} {smaller}" if rest // part else ""
            return f"{count} {unit}{more}"
    return f"{whole} s"
