"""The chart of a run: its lines, its pauses and its words."""

from __future__ import annotations

import math
import random
import re

import pytest
from attrs import evolve

from liangxin_async.bulk._row import Sample
from liangxin_async.bulk.gallery._course import HEIGHT, WIDTH, course_of, duration
from tests.bulk.gallery_rows import samples

POINT = re.compile(r"([ML])(-?[\d.]+) (-?[\d.]+)")


def points(path: str) -> list[tuple[str, float, float]]:
    return [(kind, float(x), float(y)) for kind, x, y in POINT.findall(path)]


@pytest.mark.parametrize("few", [[], samples(1), [samples(1)[0]] * 3])
def test_course_of_too_little(few: list[Sample]) -> None:
    """One instant is no course."""
    assert course_of(few) is None


def test_course_of_a_run() -> None:
    """Lines run from the left edge to the right one, between zero and the top."""
    course = course_of(samples(21))
    assert course is not None
    assert (course.seconds, course.breaks) == (20.0, ())
    assert course.ticks == ("0", "10 s", "20 s")
    load, progress = course.panels
    assert (load.top, progress.top) == (12, 20)
    done = points(progress.lines[0].path)
    assert done[0] == ("M", 0, HEIGHT)
    assert done[-1] == ("L", WIDTH, 0)
    assert {kind for kind, _, _ in done[1:]} == {"L"}


def test_course_of_a_run_area() -> None:
    """The area below a line is the line, closed along the x axis."""
    course = course_of(samples(21))
    assert course is not None
    line = course.panels[1].lines[0]
    assert line.area == f"M0.0 {HEIGHT}L{line.path[1:]}L1000.0 {HEIGHT}Z"
    assert course.panels[0].lines[1].area == ""


def test_course_of_two_runs() -> None:
    """Counters that begin anew go on, and the night between two runs is left out."""
    course = course_of(samples(11) + samples(11, start=40_000))
    assert course is not None
    assert course.seconds == 20.0
    assert course.breaks == (WIDTH / 2,)
    assert (course.table[-1].done, course.table[-1].refused) == (20, 2)
    kinds = [kind for kind, _, _ in points(course.panels[0].lines[0].path)]
    assert kinds.count("M") == 2
    assert "taken up again once" in course.words


def test_course_of_a_pause() -> None:
    """A machine that slept leaves a mark, and its counters are the same run's."""
    asleep = [evolve(s, at=s.at + 9000) if s.done > 5 else s for s in samples(11)]
    course = course_of(asleep)
    assert course is not None
    assert course.seconds == 9.0
    assert len(course.breaks) == 1
    assert course.table[-1].done == 10


def test_course_of_rare_samples() -> None:
    """A pause is long against the usual distance, not against a clock."""
    course = course_of(samples(10, step=300.0))
    assert course is not None
    assert (course.seconds, course.breaks) == (2700.0, ())


def test_course_of_a_clock_set_back() -> None:
    """Samples out of order or without an instant break nothing."""
    shuffled = [*samples(20), evolve(samples(1)[0], at=math.nan)]
    random.Random(3).shuffle(shuffled)
    course = course_of(shuffled)
    assert course == course_of(samples(20))


def test_course_of_a_long_run_keeps_peaks() -> None:
    """Thinned lines are short and still touch their highest and lowest value."""
    many = samples(50_000)
    many[31_234] = evolve(many[31_234], in_flight=900, limit=0)
    course = course_of(many)
    assert course is not None
    in_flight, limit = (points(line.path) for line in course.panels[0].lines)
    assert len(in_flight) < 1_100
    assert course.panels[0].top == 1000
    assert min(y for _, _, y in in_flight) == 10.0
    assert max(y for _, _, y in limit) == HEIGHT
    assert len(course.table) == 12
    assert course.table[-1].done == 49_999


def test_course_of_nothing_in_flight() -> None:
    """A run in which nothing happened has axes all the same."""
    quiet = [evolve(s, in_flight=0, limit=0, refused=0, done=0) for s in samples(3)]
    course = course_of(quiet)
    assert course is not None
    assert [panel.top for panel in course.panels] == [4, 4]


def test_course_words() -> None:
    """The chart can be read aloud."""
    course = course_of(samples(21))
    assert course is not None
    assert course.words == (
        "In 20 s of work 20 requests came to an end. At most 10 were in flight, under "
        "a limit of 12 to 12; 2 creates met a full service."
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0.0 s"),
        (9.94, "9.9 s"),
        (12.4, "12 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (5820, "1 h 37 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_duration(seconds: float, words: str) -> None:
    """The two largest units, no zero among them."""
    assert duration(seconds) == words
