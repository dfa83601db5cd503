"""The demo, drawn on a terminal: a bar, the counts, and the six models under them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType

from liangxin_async.cli._demo_plan import MODELS
from liangxin_async.cli._pieces import bar, models, words

if TYPE_CHECKING:
    from liangxin_async.cli._demo import Course


def picture(course: Course) -> RenderableType:
    """Return what is on the screen now."""
    saved = f"{course.saved}/{course.asked} saved"
    first = bar(course.saved, course.asked, saved, f"{course.seconds:.1f} s")
    limits = course.stats().limits
    counts = words(f"{name} {count}" for name, count in _counts(course).items())
    return Group(first, counts, models(MODELS, course.watch, limits))


def _counts(course: Course) -> dict[str, int]:
    watch = course.watch
    named = {
        "in flight": len(watch.open),
        "waiting": course.waiting,
        "refused (429)": watch.refused,
        "polls": watch.polls,
    }
    return {**named, "failed": course.failed} if course.failed else named
