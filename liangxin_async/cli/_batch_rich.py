"""The batch, drawn on a terminal: a bar, the counts, and the models under them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType

from liangxin_async.bulk.gallery._course import duration
from liangxin_async.bulk.gallery._page import size_in_words
from liangxin_async.cli._batch_words import counts_of, done_words, left_words
from liangxin_async.cli._pieces import bar, models, words
from liangxin_async.cli._words import plural

if TYPE_CHECKING:
    from liangxin_async.cli._batch_course import Course

_MOST = 10  # models shown
_ALWAYS = ("in flight", "waiting")


def picture(course: Course) -> RenderableType:
    """Return what is on the screen now."""
    watched = {
        name: count
        for name, count in counts_of(course).items()
        if count or name in _ALWAYS
    }
    return Group(
        bar(course.done, course.total, f"{done_words(course)} done"),
        words(_speed(course)),
        words(f"{name} {count:,}" for name, count in watched.items()),
        _models(course),
    )


def _speed(course: Course) -> Iterator[str]:
    yield duration(course.seconds)
    if left := left_words(course):
        yield left
    if course.per_minute:
        yield f"{course.per_minute:.0f} a minute"
    if course.files:
        size = size_in_words(course.size_bytes)
        yield f"{plural(course.files, 'file')}, {size}"


def _models(course: Course) -> RenderableType:
    tallies = course.watch.tallies
    shown = sorted(
        (model for model in tallies if model),
        key=lambda model: (-tallies[model].open, -tallies[model].saved),
    )
    return models(sorted(shown[:_MOST]), course.watch, course.stats().limits)
